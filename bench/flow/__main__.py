"""The command `python -m bench.flow`."""

from __future__ import annotations

import os
import sys
from tempfile import TemporaryDirectory

from bench.flow.rows import ROWS
from bench.flow.rows.main_job import SHARED
from bench.run import main

# Contestants keep there what all of them must agree on.
with TemporaryDirectory(prefix="raveler-bench-") as folder:
    os.environ[SHARED] = folder
    status = main("flow", ROWS)
sys.exit(status)
