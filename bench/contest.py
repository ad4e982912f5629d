"""The process of one contestant: prepares itself, then measures whenever it is told to.

It speaks one JSON object a line on what was its standard output: `{"ready": true}`, then `{"figure": 0.5}` for each
line that it reads, or `{"absent": reason}` and `{"failed": reason}`. It ends when its input does.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from importlib import import_module

from bench.row import Setting


def main() -> None:
    """Serve one contestant of one row of one table, all named on the command line."""
    table, row, name, workers, quick = sys.argv[1:]
    # What the contestants print must not mix with what is told to the runner.
    said = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    setting = Setting(workers=int(workers), quick=quick == "quick")
    try:
        with import_module(f"bench.{table}.rows").ROWS[row].contestants[name](setting) as sample:
            print(json.dumps({"ready": True}), file=said)
            for _ in sys.stdin:
                gc.collect()
                print(json.dumps({"figure": sample()}), file=said)
    except ImportError as error:
        print(json.dumps({"absent": f"not installed: {error}"}), file=said)
    except Exception as error:  # noqa: BLE001 - whatever a peer raises is its result
        traceback.print_exc()
        print(json.dumps({"failed": f"{type(error).__name__}: {error}"}), file=said)
