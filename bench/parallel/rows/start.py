"""Rows about the start: from the interpreter to the first result, and the import."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from statistics import median
from typing import TYPE_CHECKING

from bench.row import RAVELER, Comparison, Contestant, Goal, Row, Sample, Setting, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator

EXECUTOR = "pool = ProcessPoolExecutor({workers}); say(pool.submit(abs, -1).result()); pool.shutdown()"

FIRST_RESULT = {
    RAVELER: "import raveler as rv\nwith rv.Runtime(workers={workers}) as rt: say(rt.submit(abs, -1).result())",
    "mp.Pool fork": "from multiprocessing import get_context\n"
    "with get_context('fork').Pool({workers}) as pool: say(pool.apply(abs, (-1,)))",
    "mp.Pool spawn": "from multiprocessing import get_context\n"
    "with get_context('spawn').Pool({workers}) as pool: say(pool.apply(abs, (-1,)))",
    "ProcessPoolExecutor": f"from concurrent.futures import ProcessPoolExecutor\n{EXECUTOR}",
    "loky": f"from loky import ProcessPoolExecutor\n{EXECUTOR}",
    "joblib": "from joblib import Parallel, delayed\nsay(Parallel(n_jobs={workers})([delayed(abs)(-1)])[0])",
    "mpire": "from mpire import WorkerPool\nwith WorkerPool({workers}) as pool: say(pool.map(abs, [-1])[0])",
    "pebble": "from pebble import ProcessPool\nwith ProcessPool({workers}) as pool: "
    "say(pool.schedule(abs, args=(-1,)).result())",
}

IMPORTS = {
    RAVELER: "import raveler",
    "mp.Pool": "import multiprocessing.pool",
    "ProcessPoolExecutor": "from concurrent.futures import ProcessPoolExecutor",
    "loky": "import loky",
    "joblib": "import joblib",
    "mpire": "import mpire",
    "pebble": "import pebble",
}


def need(name: str) -> None:
    """Fail as an import would if a package isn't installed.

    Raises:
        ImportError: If it isn't.
    """
    if name.isidentifier() and name != "ProcessPoolExecutor" and find_spec(name) is None:
        raise ImportError(f"No module named {name!r}")


def first_line_after(script: str) -> float:
    """Return how long a new interpreter takes until a script prints; the rest of its life is not counted."""
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101
        line = process.stdout.readline()
        elapsed = time.perf_counter() - started
        process.stdout.read()
    if line != b"1\n" or process.returncode:
        raise RuntimeError(f"a script printed {line!r} and ended with {process.returncode}")
    return elapsed


def whole_life_of(script: str) -> float:
    """Return how long a new interpreter takes for a script and its end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", script], check=True)
    return time.perf_counter() - started


def starting(name: str, script: str) -> Contestant:
    """Return the contestant whose script starts workers and prints the first result."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        need(name)
        whole = "say = lambda value: print(value, flush=True)\n" + script.replace("{workers}", str(setting.workers))
        first_line_after(whole)
        yield lambda: first_line_after(whole)

    return contest


def importing(name: str, script: str) -> Contestant:
    """Return the contestant that imports and ends; a sample is the median of a few runs."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        need(name)
        whole_life_of(script)
        yield lambda: median(whole_life_of(script) for _ in range(setting.pick(5, 2)))

    return contest


START_ROWS = (
    Row(
        name="start",
        work="interpreter start to first result, 2 workers",
        unit=Unit.TIME,
        goal=Goal("≤ 45 ms", Comparison.ABSOLUTE, 0.045),
        contestants={name: starting(name, script) for name, script in FIRST_RESULT.items()}
        | {"python alone": starting("python alone", "say(1)")},
        references=("python alone",),
    ),
    Row(
        name="import",
        work="import, as a whole run of python -c",
        unit=Unit.TIME,
        goal=Goal("≤ 15 ms above python -c pass", Comparison.ABOVE, 0.015, than="python -c pass"),
        contestants={name: importing(name, script) for name, script in IMPORTS.items()}
        | {"python -c pass": importing("python -c pass", "pass")},
        references=("python -c pass",),
    ),
)
