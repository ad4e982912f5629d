"""The command line of the main job's versions without raveler: they do it, and tell what it took as JSON."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def command(index: Callable[[str, Path], None]) -> None:
    """Run one version: seconds of the clock, and seconds that this process has computed meanwhile."""
    parser = argparse.ArgumentParser(description="Index the files that a server lists, and tell what it took.")
    parser.add_argument("address", help="http://host:port of bench.flow.server")
    parser.add_argument("database", type=Path, help="the SQLite file to write")
    options = parser.parse_args()
    started, computed = time.perf_counter(), time.process_time()
    try:
        index(options.address, options.database)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    took = {"seconds": time.perf_counter() - started, "computed": time.process_time() - computed}
    print(json.dumps(took))
