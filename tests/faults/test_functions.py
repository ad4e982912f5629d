"""Functions from wherever users have them: scripts, ``-c``, stdin, defined late, closures; and no import guard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scripts import run_script

if TYPE_CHECKING:
    from pathlib import Path

CASES = {
    "function": ("def f(x): return x + 1\nprint(rv.map(f, [1, 2]).list())", "[2, 3]"),
    "defined after the start": (
        "rv.submit(abs, -1).result()\ndef f(x): return g(x) + 1\ndef g(x): return 2 * x\nprint(rv.map(f, [1]).list())",
        "[3]",
    ),
    "defined again": (
        "def f(): return 1\na = rv.submit(f).result()\ndef f(): return 2\nprint(a, rv.submit(f).result())",
        "1 2",
    ),
    "global of a function": (
        "K = 5\ndef f(x): return x + K\na = rv.submit(f, 1).result()\nK = 50\nprint(a, rv.submit(f, 1).result())",
        "6 51",
    ),
    "lambda": ("print(rv.map(lambda x: x + 1, [1, 2]).list())", "[2, 3]"),
    "closure": ("def make(n):\n    return lambda x: x + n\nprint(rv.map(make(10), [1, 2]).list())", "[11, 12]"),
    "recursion": ("def f(n): return 1 if n < 2 else n * f(n - 1)\nprint(rv.submit(f, 5).result())", "120"),
    "method": (
        "class A:\n    n = 3\n    def f(self, x): return x + self.n\nprint(rv.map(A().f, [1, 2]).list())",
        "[4, 5]",
    ),
    "class method": (
        "class A:\n    n = 3\n    @classmethod\n    def f(cls, x): return x + cls.n\nprint(rv.map(A.f, [1, 2]).list())",
        "[4, 5]",
    ),
    "partial": ("from functools import partial\nprint(rv.map(partial(pow, 2), [1, 2]).list())", "[2, 4]"),
    "decorated": (
        (
            "import functools\ndef deco(g):\n    @functools.wraps(g)\n    def inner(x): return g(x) + 1\n"
            "    return inner\n@deco\ndef f(x): return 2 * x\nprint(rv.map(f, [1, 2]).list())"
        ),
        "[3, 5]",
    ),
    "dataclass": (
        (
            "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n"
            "def f(p): return P(p.x + 1)\nr = rv.map(f, [P(1)]).list()\nprint(r, type(r[0]) is P, r == [P(2)])"
        ),
        "[P(x=2)] True True",
    ),
    "enum": (
        "import enum\nclass E(enum.Enum):\n    A = 1\ndef f(e): return e\nprint(rv.submit(f, E.A).result() is E.A)",
        "True",
    ),
    "named tuple": (
        (
            "from collections import namedtuple\nP = namedtuple('P', 'x')\ndef f(p): return p\n"
            "r = rv.submit(f, P(1)).result()\nprint(r, type(r) is P)"
        ),
        "P(x=1) True",
    ),
    "own error": (
        (
            "class Mine(Exception): pass\ndef f(): raise Mine(1)\ntry:\n    rv.submit(f).result()\n"
            "except Mine as e:\n    print('mine', e.args)"
        ),
        "mine (1,)",
    ),
    "coroutine": ("async def f(x): return x + 1\nprint(rv.map(f, [1, 2]).list())", "[2, 3]"),
    "generator inside": ("def f(n): return sum(i for i in range(n))\nprint(rv.submit(f, 5).result())", "10"),
    "import inside": ("def f(x):\n    import math\n    return math.sqrt(x)\nprint(rv.submit(f, 9).result())", "3.0"),
    "global import": ("import math\ndef f(x): return math.sqrt(x)\nprint(rv.submit(f, 9).result())", "3.0"),
    "two functions of one name": (
        (
            "def make(n):\n    def f(x): return x * n\n    return f\na, b = make(2), make(3)\n"
            "print(rv.submit(a, 1).result(), rv.submit(b, 1).result())"
        ),
        "2 3",
    ),
}


@pytest.mark.parametrize("how", ["file", "-c", "stdin"])
@pytest.mark.parametrize("case", CASES)
def test_function_works_without_a_guard(case: str, how: str, tmp_path: Path) -> None:
    source, printed = CASES[case]
    ended = run_script("import raveler as rv\n" + source + "\n", how=how, folder=tmp_path)
    assert ended.check().out == printed + "\n"


def test_script_is_not_run_again_in_its_workers(tmp_path: Path) -> None:
    source = "print('once')\nimport raveler as rv\nrv.map(lambda x: x, range(50)).list()\n"
    assert run_script(source, folder=tmp_path).check().out == "once\n"


def test_module_beside_the_script_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("def f(x):\n    return x + 1\n")
    source = (
        "import raveler as rv, beside\nprint(rv.map(beside.f, [1]).list(), rv.submit(lambda: beside.f(2)).result())\n"
    )
    assert run_script(source, folder=tmp_path).check().out == "[2] 3\n"


def test_module_run_by_its_name_works(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "inner.py").write_text("K = 3\n")
    (package / "__main__.py").write_text(
        "import raveler as rv\nfrom . import inner\ndef f(x):\n    return x + inner.K\nprint(rv.map(f, [1]).list())\n"
    )
    import os

    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    source = (
        f"import runpy, sys\nsys.path.insert(0, {str(tmp_path)!r})\nrunpy.run_module('package', run_name='__main__')\n"
    )
    assert run_script(source, how="-c", env={"PYTHONPATH": path}).check().out == "[4]\n"
