"""The runtime: the owner of everything, and the verbs that hand it work."""

from __future__ import annotations

from raveler import _raveler
from raveler._core import options as _options
from raveler._core import process, settings
from raveler._core.generic import T  # noqa: TC001 - the class statement needs it
from raveler._core.tree import MISSING

TYPE_CHECKING = False
if TYPE_CHECKING:
    import weakref
    from collections.abc import Callable, Coroutine, Iterable, Mapping
    from contextvars import ContextVar
    from os import PathLike
    from typing import Any, Self, TypeVar, Unpack, overload

    from raveler._core.flow import Flow
    from raveler._core.limits import Rate
    from raveler._core.loop_place import LoopPlace
    from raveler._core.results import Results
    from raveler._core.scope import Scope
    from raveler._core.trio_place import TrioPlace
    from raveler._core.typed import MapOptions, TaskOptions
    from raveler._core.wrapping import Wrapping

    A = TypeVar("A")
    B = TypeVar("B")
    C = TypeVar("C")


class State:
    """What a runtime and all its views share."""

    def __init__(self, limits: frozenset[str], wrapping: Wrapping | None) -> None:
        """Start with no results."""
        self.limits = limits
        self.wrapping = wrapping
        self.open: weakref.WeakSet[Results[Any]] | None = None
        self.trio: TrioPlace | None = None
        self.adopted: LoopPlace | TrioPlace | None = None


class Runtime(_raveler.Runtime):
    """The owner of workers, threads and loops; use it in a ``with`` or ``async with`` block.

    Nothing is started before it is needed. Leaving the block waits for what was submitted; leaving it by an exception
    cancels it. ``async with`` runs coroutine tasks on the loop that is running.

    Args:
        workers: The number of worker processes; by default the cores that this process may use.
        engine: ``"local"``, or ``"serial"`` to run everything inline and in order.
        seed: The root of every random stream.
        limits: Named resources that tasks share, each a number of permits or a `Rate`.
        memory: The memory budget of one worker, e.g. ``"2GiB"``: a worker above it is replaced after its task.
        preload: Modules that workers import once, before they fork.
        carry: Module-level context variables that travel with process tasks.
        watch_globals: Warn about module globals that tasks changed in their workers.
        trace: A path that a trace of everything that ran is written to.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a value is out of range.
        EngineUnavailable: If the engine can't be used here.

    Example:
        >>> import raveler as rv
        >>> with rv.Runtime() as rt:
        ...     rt.map(len, ["a", "bb", "ccc"]).list()
        [1, 2, 3]
    """

    _state: State

    def __new__(  # noqa: PLR0917 - the order is part of the signature
        cls,
        workers: int | None = None,
        engine: str = "local",
        seed: int = 0,
        limits: Mapping[str, int | Rate] | None = None,
        memory: str | int | None = None,
        preload: Iterable[str] = (),
        carry: Iterable[ContextVar[Any]] = (),
        watch_globals: bool = False,  # noqa: FBT001, FBT002 - part of the public signature
        trace: Any = None,
    ) -> Self:
        """Check the arguments; nothing is started."""
        given = settings.checked(workers, engine, seed, limits, memory, preload, trace)
        wrapping = settings.wrapping(carry, watch_globals)
        chosen: Any = cls
        if wrapping is not None:
            from raveler._core import wrapped

            chosen = wrapped.class_for(cls)
        self: Self = super().__new__(chosen, **given)
        self._state = State(frozenset(given["limits"]), wrapping)
        return self

    def options(self, **options: Unpack[TaskOptions]) -> Self:
        """Return a view of this runtime whose tasks run with these options; it is cheap.

        Takes what `task` takes: ``on``, ``retries``, ``retry_on``, ``backoff``, ``timeout``, ``limit``, ``memory``,
        ``gpu``, ``writable``, ``key`` and ``name``. These win over the options of a decorated function.

        Raises:
            TypeError: If there is no such option.
            ValueError: If a value is out of range, or the runtime has no limit of that name.

        Example:
            >>> import raveler as rv
            >>> with rv.Runtime() as rt:
            ...     rt.options(timeout=5.0, retries=2).submit(pow, 2, 5).result()
            32
        """
        return self._view({**self._options, **self._checked(options)})

    if TYPE_CHECKING:

        @overload
        def map(
            self, function: Callable[[A], Coroutine[Any, Any, T]], a: Iterable[A], /, **options: Unpack[MapOptions]
        ) -> Results[T]: ...
        @overload
        def map(
            self, function: Callable[[A], _raveler.Task[T]], a: Iterable[A], /, **options: Unpack[MapOptions]
        ) -> Results[T]: ...
        @overload
        def map(self, function: Callable[[A], T], a: Iterable[A], /, **options: Unpack[MapOptions]) -> Results[T]: ...
        @overload
        def map(
            self,
            function: Callable[[A, B], Coroutine[Any, Any, T]],
            a: Iterable[A],
            b: Iterable[B],
            /,
            **options: Unpack[MapOptions],
        ) -> Results[T]: ...
        @overload
        def map(
            self, function: Callable[[A, B], T], a: Iterable[A], b: Iterable[B], /, **options: Unpack[MapOptions]
        ) -> Results[T]: ...
        @overload
        def map(
            self,
            function: Callable[[A, B, C], Coroutine[Any, Any, T]],
            a: Iterable[A],
            b: Iterable[B],
            c: Iterable[C],
            /,
            **options: Unpack[MapOptions],
        ) -> Results[T]: ...
        @overload
        def map(
            self,
            function: Callable[[A, B, C], T],
            a: Iterable[A],
            b: Iterable[B],
            c: Iterable[C],
            /,
            **options: Unpack[MapOptions],
        ) -> Results[T]: ...
        @overload
        def map(
            self,
            function: Callable[..., Coroutine[Any, Any, T]],
            a: Iterable[Any],
            b: Iterable[Any],
            c: Iterable[Any],
            d: Iterable[Any],
            /,
            *more: Iterable[Any],
            **options: Unpack[MapOptions],
        ) -> Results[T]: ...
        @overload
        def map(
            self,
            function: Callable[..., T],
            a: Iterable[Any],
            b: Iterable[Any],
            c: Iterable[Any],
            d: Iterable[Any],
            /,
            *more: Iterable[Any],
            **options: Unpack[MapOptions],
        ) -> Results[T]: ...

    def map(self, function: Callable[..., Any], /, *iterables: Iterable[Any], **options: Any) -> Results[Any]:
        """Apply a function to every item, on all cores, and return the results in the order of the input.

        The input is pulled lazily, by the thread that asks for results, and the number of items in flight is bounded:
        an endless generator works.

        Args:
            function: What to apply; an ``async def`` function runs many at once on the event loop.
            iterables: The items; with several, the function gets one of each, up to the shortest.
            ordered: Yield in input order, or, if false, as results are done.
            window: The largest number of items that are pulled and not yet yielded.
            chunk: The number of items that travel to a worker at once; by default it follows the measured time.
            errors: ``"raise"`` the error of the lowest input index, ``"return"`` errors in their items' place, or
                ``"skip"`` failed items and count them.
            progress: Show a bar on a terminal; or a function that is called with (done, total or None).
            key: A name for this call, in place of its number, that random streams depend on.
            journal: A file that finished items are recorded in before they are yielded: after a crash or a reboot the
                same call yields them again and computes only the rest. Results come in the order of the input.
            journal_reset: Forget what the journal holds and begin again.
            concurrency: How many run at once on the loop or on threads.
            options: The options of a task.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If a value is out of range.
            JournalMismatch: If the journal belongs to another call, or the items are others.
            JournalError: If the journal can't be used.

        Example:
            >>> import raveler as rv
            >>> with rv.Runtime() as rt:
            ...     rt.map(pow, range(5), range(5)).list()
            [1, 1, 4, 27, 256]
        """
        from raveler._core.mapping import start

        if not iterables:
            message = "map needs at least one iterable after the function"
            raise TypeError(message)
        return start(self, function, iterables, star=len(iterables) > 1, options=options)

    if TYPE_CHECKING:

        @overload
        def starmap(
            self,
            function: Callable[..., Coroutine[Any, Any, T]],
            iterable: Iterable[Iterable[Any]],
            /,
            **options: Unpack[MapOptions],
        ) -> Results[T]: ...
        @overload
        def starmap(
            self, function: Callable[..., T], iterable: Iterable[Iterable[Any]], /, **options: Unpack[MapOptions]
        ) -> Results[T]: ...

    def starmap(
        self, function: Callable[..., Any], iterable: Iterable[Iterable[Any]], /, **options: Any
    ) -> Results[Any]:
        """Apply a function to tuples of arguments; all else as in `map`.

        Example:
            >>> import raveler as rv
            >>> with rv.Runtime() as rt:
            ...     rt.starmap(pow, [(2, 3), (3, 2)]).list()
            [8, 9]
        """
        from raveler._core.mapping import start

        return start(self, function, (iterable,), star=True, options=options)

    if TYPE_CHECKING:

        @overload
        def imap_unordered(
            self,
            function: Callable[..., Coroutine[Any, Any, T]],
            /,
            *iterables: Iterable[Any],
            **options: Unpack[MapOptions],
        ) -> Results[T]: ...
        @overload
        def imap_unordered(
            self, function: Callable[..., T], /, *iterables: Iterable[Any], **options: Unpack[MapOptions]
        ) -> Results[T]: ...

    def imap_unordered(
        self, function: Callable[..., Any], /, *iterables: Iterable[Any], **options: Any
    ) -> Results[Any]:
        """Return results as they are done: `map` with ``ordered=False``."""
        given: dict[str, Any] = {"ordered": False, **options}
        return self.map(function, *iterables, **given)

    def reduce(
        self,
        op: Callable[[Any, Any], T],
        items: Iterable[Any],
        *,
        initial: Any = MISSING,
        **options: Unpack[TaskOptions],
    ) -> _raveler.Task[T]:
        """Combine all items by a function of two, in parallel.

        The tree of combinations depends on the number of items alone, so that a float sum has the same bits for every
        number of workers. The items are pulled before this returns.

        Args:
            op: Combines two neighbours; it should be associative.
            items: The items, in order.
            initial: Stands once at the left; without it, no items are an error.
            options: The options of a task.

        Raises:
            TypeError: If there are no items and no ``initial``.

        Example:
            >>> import operator
            >>> import raveler as rv
            >>> with rv.Runtime() as rt:
            ...     rt.reduce(operator.add, range(101)).result()
            5050
        """
        from raveler._core import functions
        from raveler._core.tree import reduce

        inner, leading, own = functions.resolve(op)
        if own["on"] == "loop":
            message = f"reduce needs a plain function, and {functions.name_of(inner)} is an async def function"
            raise TypeError(message)
        view = self._view({**own, **self._options, **self._checked(options)})
        return reduce(view, op if leading else inner, items, initial)

    def flow(
        self, source: Iterable[T], *, journal: str | PathLike[str] | None = None, journal_reset: bool = False
    ) -> Flow[T]:
        """Return a pipeline over a source, to be made longer by its stages; see `raveler.Flow`.

        Args:
            source: Any iterable; it is pulled lazily, by the thread that asks for the items.
            journal: Where finished items of the source are recorded, so that the same flow goes on after a crash: a
                file, or, if the flow ends in a table, the name of the journal in the database of that table.
            journal_reset: Forget what the journal holds and begin again.

        Example:
            >>> import raveler as rv
            >>> with rv.Runtime() as rt:
            ...     rt.flow(range(5)).map(str).batch(2).list()
            [['0', '1'], ['2', '3'], ['4']]
        """
        from raveler._core.flow import Flow
        from raveler._core.mapping import journal_of

        if not hasattr(type(source), "__iter__") and not hasattr(type(source), "__getitem__"):
            message = f"a flow needs an iterable as its source, and {source!r} is a {type(source).__name__}"
            raise TypeError(message)
        return Flow(self, source, journal=journal_of(journal, journal_reset))

    def scope(self) -> Scope:
        """Return a block whose tasks end before it does; see `raveler.scope`."""
        from raveler._core.scope import Scope

        return Scope(self)

    def close(self, *, cancel: bool = False) -> None:
        """End the runtime: wait for what was submitted, or cancel it. Closing it again does nothing."""
        self._close_results()
        try:
            self._close(cancel)
        except BaseException:
            # Interrupted while waiting: nothing may stay behind.
            self._close(True)  # noqa: FBT003 - a private function says what it is by its name
            raise

    def __enter__(self) -> Self:
        """Return itself."""
        self._check_open()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for what was submitted; cancel it if an exception leaves the block."""
        self.close(cancel=kind is not None)

    async def __aenter__(self) -> Self:
        """Adopt the running event loop for coroutine tasks."""
        from raveler._core import adoption

        self._check_open()
        await adoption.enter(self, self._state)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for what was submitted while the loop goes on; cancel it if an exception leaves the block."""
        from raveler._core import adoption

        self._close_results()
        await adoption.leave(self, self._state, cancel=kind is not None)

    def __repr__(self) -> str:
        """Return the engine, the number of workers and the state."""
        state = ", closed" if self.closed else ""
        return f"<raveler.Runtime {self.engine}, {self.workers} workers{state}>"

    def _view(self, options: dict[str, Any]) -> Self:
        view = _raveler.Runtime.__new__(type(self), of=self, options=options)
        view._state = self._state  # noqa: SLF001 - the core and its extension are one unit
        return view

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        checked = _options.checked(options)
        # In a worker the limits are those of its parent, which are counted in shared memory.
        for name in () if process.is_worker else checked.get("limit", ()):
            if name not in self._state.limits:
                known = ", ".join(map(repr, sorted(self._state.limits))) or "none"
                message = f"the runtime has no limit {name!r}; its limits are: {known} (set with Runtime(limits=...))"
                raise ValueError(message)
        return checked

    def _check_open(self) -> None:
        if self.closed:
            from raveler.exceptions import RuntimeClosed

            message = "this runtime is closed; make a new one"
            raise RuntimeClosed(message)

    def _track(self, results: Results[Any]) -> None:
        """Remember results that have to be closed at the end of the block."""
        if self._state.open is None:
            from weakref import WeakSet

            self._state.open = WeakSet()
        self._state.open.add(results)

    def _close_results(self) -> None:
        for results in list(self._state.open or ()):
            results._end_of_block()  # noqa: SLF001 - the core and its extension are one unit

    def _adopted_loop(self) -> bool:
        return self._state.adopted is not None
