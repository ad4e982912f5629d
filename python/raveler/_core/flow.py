"""A flow: a source and the stages that its items go through, each where its kind of work belongs."""

# The types of the items change from stage to stage, and what a joint makes of them nobody can write down.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from raveler._core import flow_stages as stages
from raveler._core import options as _options
from raveler._core.generic import Generic, T

TYPE_CHECKING = False
if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable, Iterator, Mapping
    from os import PathLike
    from typing import Any, Literal, TypeVar, Unpack, overload

    from raveler._core.database import Database
    from raveler._core.flow_report import FlowReport
    from raveler._core.flow_stages import OperationStageOptions, Stage, StageOptions
    from raveler._core.http_client import Client
    from raveler._core.results import Results
    from raveler._core.runtime import Runtime
    from raveler._raveler import Downloaded, HttpResponse, Maker, Task, Uploaded

    U = TypeVar("U")

_READS = 16


class Flow(Generic[T]):
    """A pipeline over a source; made by `Runtime.flow`, longer with every call, and run by whoever asks for its items.

    All stages work at the same time, each in its place: functions in worker processes, on threads or on the event loop,
    reads and writes in Rust. What is in flight is bounded: a slow stage slows the source, and an endless source works.
    Results come in the order of the source. Neighbouring functions of one place run as one.

    A flow changes nothing by being longer: each call returns a new one. It may run again if its source can be iterated
    again.

    Example:
        >>> import raveler as rv
        >>> with rv.Runtime() as rt:
        ...     rt.flow(["a b", "c"]).flat_map(str.split).map(str.upper).batch(2).list()
        [['A', 'B'], ['C']]
    """

    def __init__(
        self,
        runtime: Runtime,
        source: Iterable[Any],
        chain: tuple[Stage, ...] = (),
        journal: tuple[str, bool] | None = None,
    ) -> None:
        """Take a source and stages; users call `Runtime.flow`."""
        self._runtime = runtime
        self._source = source
        self._stages = chain
        self._journal = journal

    if TYPE_CHECKING:

        @overload
        def map(
            self, function: Callable[[T], Coroutine[Any, Any, U]], /, **options: Unpack[StageOptions]
        ) -> Flow[U]: ...
        @overload
        def map(self, function: Callable[[T], Task[U]], /, **options: Unpack[StageOptions]) -> Flow[U]: ...
        @overload
        def map(self, function: Callable[[T], U], /, **options: Unpack[StageOptions]) -> Flow[U]: ...

    def map(self, function: Callable[[T], Any], /, **options: Any) -> Flow[Any]:
        """Apply a function to every item.

        Args:
            function: A plain function runs in worker processes (``on="thread"``: on threads), an ``async def`` function
                on the event loop, an operation of Rust as `rv.http.get` on the I/O runtime.
            options: ``concurrency`` (how many run at once on threads, on the loop, in Rust), ``ordered``, ``errors``
                (``"raise"`` that of the lowest item, ``"return"`` it in its item's place, ``"skip"`` the item),
                ``window`` and ``window_bytes`` (what may be in the stage), ``chunk``, and the options of a task.

        Raises:
            TypeError: If ``function`` can't be called, or an argument has the wrong type.
            ValueError: If a value is out of range.

        Example:
            >>> import raveler as rv
            >>> with rv.Runtime() as rt:
            ...     rt.flow(range(3)).map(float).list()
            [0.0, 1.0, 2.0]
        """
        return self._with(stages.call(self._runtime, "map", function, options))

    def filter(self, function: Callable[[T], Any], /, **options: Unpack[StageOptions]) -> Flow[T]:
        """Keep the items for which a function returns something true. Arguments as in `map`.

        Example:
            >>> import raveler as rv
            >>> with rv.Runtime() as rt:
            ...     rt.flow([0, 1, 2]).filter(bool).list()
            [1, 2]
        """
        return self._with(stages.call(self._runtime, "filter", function, options))

    if TYPE_CHECKING:

        @overload
        def flat_map(
            self, function: Callable[[T], Coroutine[Any, Any, Iterable[U]]], /, **options: Unpack[StageOptions]
        ) -> Flow[U]: ...
        @overload
        def flat_map(self, function: Callable[[T], Iterable[U]], /, **options: Unpack[StageOptions]) -> Flow[U]: ...

    def flat_map(self, function: Callable[[T], Any], /, **options: Any) -> Flow[Any]:
        """Replace every item by the items that a function returns for it; all of these are in memory at once.

        Arguments as in `map`.

        Example:
            >>> import raveler as rv
            >>> with rv.Runtime() as rt:
            ...     rt.flow([1, 2]).flat_map(range).list()
            [0, 0, 1]
        """
        return self._with(stages.call(self._runtime, "flat_map", function, options))

    def batch(self, size: int) -> Flow[builtins.list[T]]:
        """Collect items into lists of ``size``; the last may be shorter.

        With a journal a list ends where a source item does, so that it may be longer.
        """
        return self._with(stages.joint("batch", {"size": _options.count("size", size)}))

    def window(self, size: int, step: int = 1) -> Flow[tuple[T, ...]]:
        """Slide a window over the items: tuples of ``size`` neighbours, each ``step`` behind the one before.

        Example:
            >>> import raveler as rv
            >>> with rv.Runtime() as rt:
            ...     rt.flow(range(4)).window(3).list()
            [(0, 1, 2), (1, 2, 3)]
        """
        return self._with(
            stages.joint("window", {"size": _options.count("size", size), "step": _options.count("step", step)})
        )

    def zip(self, *others: Iterable[Any]) -> Flow[tuple[Any, ...]]:
        """Put every item into a tuple with one item of each other iterable or flow; the shortest ends it."""
        for other in others:
            if not isinstance(other, Flow):
                iter(other)
        return self._with(stages.joint("zip", {"others": list(others)}))

    def fetch(self, client: Client | None = None, **options: Unpack[OperationStageOptions]) -> Flow[HttpResponse]:
        """Send a GET to every item, which is an address, and go on with the answers.

        Args:
            client: Whose connections and settings are used; by default those of `rv.http.get`.
            options: As in `map`, and the options of an operation.
        """
        from raveler._core.http_client import default_client

        chosen = default_client() if client is None else client
        maker, own, concurrency = chosen._stage()  # noqa: SLF001 - the faces and the core are one unit
        stage = stages.operation(self._runtime, "fetch", maker, options, concurrency=concurrency)
        stage.options = {**own, **stage.options}
        return self._with(stage)

    def read(self, encoding: str | None = None, **options: Unpack[OperationStageOptions]) -> Flow[Any]:
        """Read every item, which is the path of a file, and go on with the contents.

        Args:
            encoding: Give text in this encoding instead of bytes.
            options: As in `map`, and the options of an operation.
        """
        from raveler import _raveler

        maker = _raveler.file_reader(encoding)
        stage = stages.operation(self._runtime, "read", maker, options, concurrency=_READS)
        stage.facts = {"encoding": encoding}
        return self._with(stage)

    def download(
        self,
        folder: str | PathLike[str] | None = None,
        *,
        resume: bool = True,
        overwrite: bool = True,
        durable: bool = True,
        headers: Mapping[str, str] | None = None,
        store: Mapping[str, str] | None = None,
        **options: Unpack[OperationStageOptions],
    ) -> Flow[Downloaded]:
        """Download every item, an address or a pair (address, path), as `rv.transfer.download_many` does."""
        from raveler._core import transfer_plan as plan

        def maker() -> Maker:
            switches = {"resume": resume, "overwrite": overwrite, "durable": durable}
            return plan.downloader(folder, headers=headers, store=store, **switches)

        maker()
        given: dict[str, Any] = {"retries": plan.DEFAULT_RETRIES, **options}
        return self._with(stages.operation(self._runtime, "download", maker, given, concurrency=plan.CONCURRENCY))

    def upload(
        self,
        *,
        method: str = "PUT",
        headers: Mapping[str, str] | None = None,
        store: Mapping[str, str] | None = None,
        **options: Unpack[OperationStageOptions],
    ) -> Flow[Uploaded]:
        """Upload every item, a pair (path, address), as `rv.transfer.upload_many` does."""
        from raveler._core import transfer_plan as plan

        maker = plan.uploader(method, headers=headers, store=store)
        given: dict[str, Any] = {"retries": plan.DEFAULT_RETRIES, **options}
        return self._with(stages.operation(self._runtime, "upload", maker, given, concurrency=plan.CONCURRENCY))

    def query(
        self,
        db: Database,
        sql: str,
        *,
        as_: Literal["tuples", "dicts"] = "tuples",
        **options: Unpack[OperationStageOptions],
    ) -> Flow[builtins.list[Any]]:
        """Run a query for every item, which is a tuple of its parameters or its only one, and go on with its rows."""
        if as_ not in {"tuples", "dicts"}:
            message = f'as_ must be "tuples" or "dicts" here, not {as_!r}'
            raise ValueError(message)
        stage = stages.operation(self._runtime, "query", None, options, concurrency=_READS)
        told = stage.options

        def submit(_call: int, _index: int, _function: object, items: tuple[Any, ...]) -> Task[Any]:
            item: Any = items[0]
            params: Any = item if isinstance(item, (tuple, list)) else items
            return db.fetch(sql, *params, as_=as_, **told)

        stage.function = submit
        stage.facts = {"sql": sql, "as_": as_}
        return self._with(stage)

    def to(self, sink: Any, *, batch: int | None = None) -> SinkFlow[T]:
        """End the flow in a sink: a table, a file, a folder of an object store, a function.

        Args:
            sink: A table of a database (`db.table(...)`): each batch is one transaction. A path: a file of one line an
                item (``.jsonl`` and ``.csv`` write their format). An address like ``"s3://bucket/folder/"``: one object
                a batch. A function: called with each item, on a thread of this process. An object with
                ``write(batch)`` and, if it likes, ``close()``.
            batch: The items of a batch; after `batch` those batches are written.

        Raises:
            TypeError: If the sink is nothing of these.
        """
        return SinkFlow(self, sink, None if batch is None else _options.count("batch", batch))

    def results(self, *, progress: Any = False) -> Results[T]:
        """Return the items, as `Runtime.map` does: lazy, for ``for``, ``async for`` and ``await``.

        Args:
            progress: Show a line for each stage on a terminal; or a function that is called with a `FlowReport`.
        """
        from raveler._core.flow_results import results

        return results(self, progress)

    def list(self, *, progress: Any = False) -> builtins.list[T]:
        """Return all items. Arguments as in `results`."""
        with self.results(progress=progress) as items:
            return items.list()

    def run(self, *, progress: Any = False) -> FlowReport:
        """Run it for its effects, keep no items, and return what each stage did. Arguments as in `results`."""
        from raveler._core.flow_results import run

        return run(self, progress)

    def __iter__(self) -> Iterator[T]:
        """Run it and give its items."""
        return iter(self.results())

    def __aiter__(self) -> AsyncIterator[T]:
        """Run it and give its items while the event loop goes on."""
        return aiter(self.results())

    def __await__(self) -> Generator[Any, Any, builtins.list[T]]:
        """Collect all items while the event loop goes on."""
        return self.results().__await__()

    def __repr__(self) -> str:
        """Return the stages."""
        return f"<Flow {' > '.join(['source', *(stage.name for stage in self._stages)])}>"

    @property
    def _is_batched(self) -> bool:
        return bool(self._stages) and self._stages[-1].kind == "batch"

    def _with(self, stage: Stage) -> Flow[Any]:
        return Flow(self._runtime, self._source, (*self._stages, stage), self._journal)


class SinkFlow(Generic[T]):
    """A flow that ends in a sink; it has nothing to give but what it did."""

    def __init__(self, flow: Flow[T], sink: Any, batch: int | None) -> None:
        """Take a flow and its sink; users call `Flow.to`."""
        from raveler._core.flow_sink import sink_of

        # What can't be a sink is told here, not when the work is done.
        sink_of(flow, sink, batch)
        self._flow = flow
        self._sink = sink
        self._batch = batch

    def run(self, *, progress: Any = False) -> FlowReport:
        """Run it to its end, and return what each stage did.

        The sink is closed whatever happens. What ended before an error is in it, in whole batches.

        Args:
            progress: Show a line for each stage on a terminal; or a function that is called with a `FlowReport`.
        """
        from raveler._core.flow_sink import run

        return run(self._flow, self._sink, self._batch, progress)

    def __await__(self) -> Generator[Any, Any, FlowReport]:
        """Run it to its end while the event loop goes on, and return what each stage did."""
        from raveler._core.flow_sink import run_awaited

        return run_awaited(self._flow, self._sink, self._batch).__await__()

    def __repr__(self) -> str:
        """Return the stages and the sink."""
        return f"{self._flow!r}.to({self._sink!r})"
