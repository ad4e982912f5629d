"""Sinks: the tables, files, objects and functions where the batches of a flow end."""

from __future__ import annotations

from raveler._core.sinks.opening import open_sink

__all__ = ["open_sink"]
