"""The command `python -m bench.io`."""

from __future__ import annotations

import sys

from bench.io.rows import ROWS
from bench.io.surroundings import servers
from bench.run import main

# The servers start before the runner makes itself the parent of orphans: their guardians are orphans on purpose.
with servers():
    status = main("io", ROWS)
sys.exit(status)
