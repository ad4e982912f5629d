"""All rows of the table, in its order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.flow.rows.journal import JOURNAL_ROWS
from bench.flow.rows.main_job import MAIN_JOB_ROWS
from bench.flow.rows.overhead import OVERHEAD_ROWS
from bench.flow.rows.volume import VOLUME_ROWS

if TYPE_CHECKING:
    from bench.row import Row

ROWS: dict[str, Row] = {
    row.name: row for rows in (MAIN_JOB_ROWS, OVERHEAD_ROWS, VOLUME_ROWS, JOURNAL_ROWS) for row in rows
}
