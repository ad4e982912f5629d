"""The types of the verbs that several classes share; for type checkers alone."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from os import PathLike
    from typing import Any, Literal, ParamSpec, Protocol, TypedDict, TypeVar, overload

    from raveler._raveler import Shared, Task

    P = ParamSpec("P")
    T = TypeVar("T")

    class TaskOptions(TypedDict, total=False):
        """The options of a task."""

        on: Literal["process", "thread", "loop", "native"] | None
        retries: int | None
        retry_on: type[BaseException] | tuple[type[BaseException], ...] | None
        backoff: float | tuple[float, ...] | None
        timeout: float | None
        limit: str | tuple[str, ...] | list[str] | None
        memory: str | int | None
        gpu: float | None
        writable: bool | None
        key: str | int | None
        name: str | None

    class MapOptions(TaskOptions, total=False):
        """The arguments of a map, and the options of its tasks."""

        ordered: bool
        window: int | None
        chunk: int | Literal["auto"]
        errors: Literal["raise", "return", "skip"]
        progress: bool | Callable[[int, int | None], object]
        journal: str | PathLike[str] | None
        journal_reset: bool
        concurrency: int | None

    class Submit(Protocol):
        """Submits a call: a task or a shared value may stand for an argument."""

        @overload
        def __call__(
            self,
            function: Callable[..., Coroutine[Any, Any, T]],
            a: Task[Any] | Shared[Any],
            /,
            *args: Any,
            **kwargs: Any,
        ) -> Task[T]: ...
        @overload
        def __call__(
            self, function: Callable[..., T], a: Task[Any] | Shared[Any], /, *args: Any, **kwargs: Any
        ) -> Task[T]: ...
        @overload
        def __call__(
            self,
            function: Callable[..., Coroutine[Any, Any, T]],
            a: Any,
            b: Task[Any] | Shared[Any],
            /,
            *args: Any,
            **kwargs: Any,
        ) -> Task[T]: ...
        @overload
        def __call__(
            self, function: Callable[..., T], a: Any, b: Task[Any] | Shared[Any], /, *args: Any, **kwargs: Any
        ) -> Task[T]: ...
        @overload
        def __call__(
            self,
            function: Callable[..., Coroutine[Any, Any, T]],
            a: Any,
            b: Any,
            c: Task[Any] | Shared[Any],
            /,
            *args: Any,
            **kwargs: Any,
        ) -> Task[T]: ...
        @overload
        def __call__(
            self, function: Callable[..., T], a: Any, b: Any, c: Task[Any] | Shared[Any], /, *args: Any, **kwargs: Any
        ) -> Task[T]: ...
        @overload
        def __call__(
            self,
            function: Callable[..., Coroutine[Any, Any, T]],
            a: Any,
            b: Any,
            c: Any,
            d: Task[Any] | Shared[Any],
            /,
            *args: Any,
            **kwargs: Any,
        ) -> Task[T]: ...
        @overload
        def __call__(
            self,
            function: Callable[..., T],
            a: Any,
            b: Any,
            c: Any,
            d: Task[Any] | Shared[Any],
            /,
            *args: Any,
            **kwargs: Any,
        ) -> Task[T]: ...
        @overload
        def __call__(
            self, function: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
        ) -> Task[T]: ...
        @overload
        def __call__(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Task[T]: ...
