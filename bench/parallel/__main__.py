"""The command `python -m bench.parallel`."""

from __future__ import annotations

import sys

from bench.parallel.run import main

sys.exit(main())
