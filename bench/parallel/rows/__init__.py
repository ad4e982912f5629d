"""All rows of the table, in its order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.parallel.rows.arrays import ARRAY_ROWS
from bench.parallel.rows.awaits import AWAIT_ROWS
from bench.parallel.rows.balance import BALANCE_ROWS
from bench.parallel.rows.calls import CALL_ROWS
from bench.parallel.rows.memory import MEMORY_ROWS
from bench.parallel.rows.share import SHARE_ROWS
from bench.parallel.rows.start import START_ROWS

if TYPE_CHECKING:
    from bench.row import Row

ROWS: dict[str, Row] = {
    row.name: row
    for rows in (CALL_ROWS, ARRAY_ROWS, SHARE_ROWS, START_ROWS, BALANCE_ROWS, MEMORY_ROWS, AWAIT_ROWS)
    for row in rows
}
