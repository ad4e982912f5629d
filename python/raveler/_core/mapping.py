"""The start of a map: its arguments checked, and the run chosen that its kind of function needs."""

# It looks into values of any type, and what `isinstance` leaves of them has types that nobody knows.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

from functools import partial
from os import PathLike, fspath

from raveler._core import functions, progress
from raveler._core import options as _options
from raveler._core.results import MeteredResults, ProcessResults, WindowResults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from raveler._core.results import Results
    from raveler._core.runtime import Runtime


class _Plan:
    """The arguments of one map, checked."""

    def __init__(self, options: dict[str, Any]) -> None:
        """Take the arguments of the map out of ``options``; the options of its tasks stay."""
        take = options.pop
        self.ordered = _switch("ordered", take("ordered", True))  # noqa: FBT003 - a private function says what it is by its name
        window, chunk, concurrency = take("window", None), take("chunk", "auto"), take("concurrency", None)
        self.window = None if window is None else _options.count("window", window)
        self.chunk = _chunk(chunk)
        self.concurrency = None if concurrency is None else _options.count("concurrency", concurrency)
        self.errors = take("errors", "raise")
        if self.errors not in {"raise", "return", "skip"}:
            message = f'errors must be "raise", "return" or "skip", not {self.errors!r}'
            raise ValueError(message)
        self.progress = take("progress", False)  # noqa: FBT003 - a private function says what it is by its name
        self.journal = journal_of(take("journal", None), take("journal_reset", False))  # noqa: FBT003 - a private function says what it is by its name
        # Finished items are those before the first that is missing.
        self.ordered = self.ordered or self.journal is not None


def start(
    runtime: Runtime,
    function: Callable[..., Any],
    iterables: tuple[Iterable[Any], ...],
    *,
    star: bool,
    options: dict[str, Any],
) -> Results[Any]:
    """Return the results of a map; nothing is pulled before they are asked for."""
    runtime._check_open()  # noqa: SLF001 - the core and its extension are one unit
    plan = _Plan(options)
    inner, leading, own = functions.resolve(function)
    name = functions.name_of(inner)
    make: Callable[..., Results[Any]]
    if own["on"] == "native":
        given = {name: value for name, value in options.items() if name != "on"}
        name = functions.name_of(function)
        make = partial(_native_run, runtime, function, plan=plan, options=given, star=star)
    else:
        # With its object a method travels once, not once for each item.
        target = partial(inner, *leading) if leading else inner
        given = {**runtime._options, **runtime._checked(options)}  # noqa: SLF001 - the core and its extension are one unit
        if "on" in given:
            functions.check_on(inner, given["on"])
        given = {"name": name, **own, **given}
        view = runtime._view(given)  # noqa: SLF001 - the core and its extension are one unit
        run = _process_run if given["on"] == "process" else _window_run
        make = partial(run, view, target, plan=plan, star=star)
    # Before the sources are opened: a wrong argument leaves them untouched.
    meter = progress.meter(plan.progress, name, _length(iterables))
    if plan.journal is None:
        results = make(_source(iterables))
    else:
        from raveler._core import journal_map

        path, reset = plan.journal
        call = journal_map.fingerprint(runtime, function, given | {"errors": plan.errors, "star": star})
        results = journal_map.results(runtime, path, call, make, lambda: _source(iterables), reset=reset)
    results._name = name  # noqa: SLF001 - the core and its extension are one unit
    if meter is not None:
        results = MeteredResults(results, meter)
    runtime._track(results)  # noqa: SLF001 - the core and its extension are one unit
    return results


def _process_run(
    view: Runtime,
    function: Callable[..., Any],
    source: Iterator[Any],
    *,
    plan: _Plan,
    star: bool,
    first: int = 0,
    marks: bool = False,
) -> Results[Any]:
    if plan.concurrency is not None:
        message = (
            f"concurrency={plan.concurrency} is for functions on the loop or on threads; {functions.name_of(function)} "
            f"runs in worker processes: use Runtime(workers=...), limit= or window="
        )
        raise ValueError(message)
    options = dict(view._options)  # noqa: SLF001 - the core and its extension are one unit
    wrapping = view._state.wrapping  # noqa: SLF001 - the core and its extension are one unit
    if wrapping is not None:
        function, own = wrapping.around_items(function)
        options = {**own, **options}
    options |= {
        "ordered": plan.ordered,
        "window": plan.window,
        "chunk": plan.chunk,
        "errors": plan.errors,
        "star": star,
    }
    if marks:
        options |= {"first": first, "marks": True}
    return ProcessResults(view, function, source, options)


def _window_run(
    view: Runtime,
    function: Callable[..., Any],
    source: Iterator[Any],
    *,
    plan: _Plan,
    star: bool,
    first: int = 0,
    marks: bool = False,
) -> Results[Any]:
    from raveler._core.window import DEFAULT_CONCURRENCY

    del marks  # it always has them
    on = view._options["on"]  # noqa: SLF001 - the core and its extension are one unit
    concurrency = plan.concurrency or DEFAULT_CONCURRENCY.get(on, DEFAULT_CONCURRENCY["thread"])
    return WindowResults(
        view,
        function,
        source,
        star=star,
        ordered=plan.ordered,
        errors=plan.errors,
        concurrency=concurrency,
        window=plan.window or 4 * concurrency,
        is_loop=on == "loop",
        first=first,
    )


def _native_run(
    runtime: Runtime,
    function: Callable[..., Any],
    source: Iterator[Any],
    *,
    plan: _Plan,
    options: dict[str, Any],
    star: bool,
    first: int = 0,
    marks: bool = False,
) -> Results[Any]:
    """Return the results of an operation of Rust: its calls are tasks by themselves."""
    from raveler._core.window import DEFAULT_CONCURRENCY

    del first, marks  # it has no random stream, and always has marks

    def submit(_call: int, _index: int, function: Callable[..., Any], items: tuple[Any, ...]) -> Any:
        return function(*items, **options)

    concurrency = plan.concurrency or DEFAULT_CONCURRENCY["native"]
    return WindowResults(
        runtime,
        function,
        source,
        star=star,
        ordered=plan.ordered,
        errors=plan.errors,
        concurrency=concurrency,
        window=plan.window or 4 * concurrency,
        is_loop=False,
        submit=submit,
    )


def _source(iterables: tuple[Any, ...]) -> Iterator[Any]:
    sources: list[Iterator[Any]] = []
    for iterable in iterables:
        try:
            sources.append(iter(iterable))
        except TypeError:
            message = f"map takes iterables after the function, and {iterable!r} is a {type(iterable).__name__}"
            raise TypeError(message) from None
    if len(sources) == 1:
        return sources[0]
    from raveler._core.window import zipped

    return zipped(sources)


def _length(iterables: tuple[Any, ...]) -> int | None:
    lengths = [len(iterable) for iterable in iterables if hasattr(type(iterable), "__len__")]
    return min(lengths) if len(lengths) == len(iterables) else None


def _chunk(value: object) -> int | str:
    if value == "auto":
        return "auto"
    if isinstance(value, str):
        message = f'chunk={value!r} is not a size: it must be "auto" or a whole number of at least 1'
        raise ValueError(message)  # noqa: TRY004 - a text is accepted, this one is not
    return _options.count("chunk", value)


def journal_of(journal: object, reset: object) -> tuple[str, bool] | None:
    """Return where a journal is and whether it begins again, or None if there is none."""
    is_reset = _switch("journal_reset", reset)
    if journal is None:
        if is_reset:
            message = "journal_reset=True needs a journal; give journal=, too"
            raise ValueError(message)
        return None
    return _path("journal", journal), is_reset


def _path(name: str, value: object) -> str:
    if isinstance(value, (str, PathLike)):
        path = fspath(value)
        if isinstance(path, str) and path and "://" not in path:
            return path
    message = f"{name} must be the path of a file, not {value!r}"
    raise TypeError(message)


def _switch(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    message = f"{name} must be True or False, not {value!r}"
    raise TypeError(message)
