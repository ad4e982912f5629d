"""Which sink a target means."""

from __future__ import annotations

import os
import re

from raveler._core import options as _options
from raveler._core.table import Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from raveler._core.runtime import Runtime
    from raveler._core.sinks.sink import Sink

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_STORES = frozenset({"s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss", "file"})
_DATABASES = ("sqlite:", "postgresql:", "postgres:", "mysql:", "mariadb:")
_ACCEPTED = (
    'a table (db.table("words")), the path of a file, an address of s3, gs, az or file that ends in "/", '
    "a function, or an object with write(batch)"
)


def open_sink(
    target: object,
    batch: int | None = None,
    *,
    wants_batches: bool = False,
    runtime: Runtime | None = None,
    store: Mapping[str, str] | None = None,
) -> Sink:
    """Return the sink that a target means; nothing is opened, made or asked yet.

    Args:
        target: A table of `raveler.db`; the path of a file; an address that ends in "/"; a function; or an object with
            ``write(batch)``.
        batch: How many items make a batch; by default a number that suits the target.
        wants_batches: Whether a function takes the batches of a stage before it; it takes single items otherwise,
            unless there is ``batch``.
        runtime: The runtime that uploads belong to; by default the default one.
        store: Options of an object store; what they lack comes from the environment.

    Raises:
        TypeError: If the target is of no such kind; the message lists them.
        ValueError: If it is a string, but neither a path nor an address that can be written to.
    """
    size = None if batch is None else _options.count("batch", batch)
    if isinstance(target, Table):
        from raveler._core.sinks.table import TableSink

        return TableSink(target, size)
    if isinstance(target, str | os.PathLike):
        return _of_text(os.fspath(target), size, runtime, store)
    _refuse_near_misses(target)
    if callable(getattr(target, "write", None)):
        from raveler._core.sinks.writer import WriterSink

        return WriterSink(target, size)
    if callable(target):
        from raveler._core.sinks.function import FunctionSink

        return FunctionSink(target, size, wants_batches=wants_batches or size is not None)
    message = f"a flow can't end in a {type(target).__name__}; give {_ACCEPTED}"
    raise TypeError(message)


def _of_text(text: str | bytes, size: int | None, runtime: Runtime | None, store: Mapping[str, str] | None) -> Sink:
    if isinstance(text, bytes):
        message = f"the path of a file must be text, not {text!r}; os.fsdecode makes it so"
        raise TypeError(message)
    scheme = _SCHEME.match(text)
    if text.startswith(_DATABASES):
        message = "a flow can't end in the address of a database; give a table of it: rv.db.connect(url).table(name)"
        raise ValueError(message)
    if scheme is None:
        from raveler._core.sinks.file import FileSink

        return FileSink(text, size)
    if scheme[1].lower() not in _STORES:
        message = f"a flow can't end in an address of {scheme[1]!r}; give {_ACCEPTED}"
        raise ValueError(message)
    from raveler._core.sinks.objects import ObjectSink

    return ObjectSink(text, size, runtime, store)


def _refuse_near_misses(target: object) -> None:
    import io

    from raveler._core.transaction import Verbs

    if isinstance(target, Verbs):
        message = "a flow can't end in a database as a whole; name a table of it, as in db.table(name)"
        raise TypeError(message)
    if isinstance(target, io.IOBase):
        message = "a flow can't end in an open file; give its path, or its method write, which is called with each item"
        raise TypeError(message)
