"""The command `python -m bench.parallel`."""

from __future__ import annotations

import sys

from bench.parallel.rows import ROWS
from bench.run import main

sys.exit(main("parallel", ROWS))
