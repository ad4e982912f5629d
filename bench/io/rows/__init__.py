"""All rows of the table, in its order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.io.rows.postgres import POSTGRES_ROWS
from bench.io.rows.requests import REQUEST_ROWS
from bench.io.rows.sqlite import SQLITE_ROWS
from bench.io.rows.transfers import TRANSFER_ROWS

if TYPE_CHECKING:
    from bench.row import Row

ROWS: dict[str, Row] = {
    row.name: row for rows in (REQUEST_ROWS, TRANSFER_ROWS, POSTGRES_ROWS, SQLITE_ROWS) for row in rows
}
