"""Functions defined in notebook cells work."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

CELLS = [
    "import raveler as rv\nrt = rv.Runtime(workers=2)",
    "def f(x):\n    return x + 1\nprint(rt.map(f, [1, 2]).list())",
    "def f(x):\n    return x + 10\nprint(rt.map(f, [1, 2]).list())",
    "print(await rt.submit(f, 5))",
    "print([value async for value in rt.map(lambda x: 2 * x, range(3))])",
    "rt.close()",
]

RUN = """
import sys, warnings
warnings.simplefilter("ignore")
import nbclient, nbformat
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in {cells!r}])
nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
for cell in notebook.cells:
    for output in cell.outputs:
        print(output.get("text", ""), end="")
"""


@pytest.mark.timeout(120)
def test_functions_of_notebook_cells_work(tmp_path: Path) -> None:
    for module in ("nbclient", "nbformat", "ipykernel"):
        pytest.importorskip(module, exc_type=ImportError)
    import json

    from tests.scripts import run_script

    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "here", "language": "python"}))
    env = {"JUPYTER_PATH": str(tmp_path / "jupyter"), "HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path / "ipython")}
    ended = run_script(RUN.format(cells=CELLS), folder=tmp_path, goal_s=10, env=env)
    assert ended.code == 0, ended.err
    assert ended.out == "[2, 3]\n[11, 12]\n15\n[0, 2, 4]\n"
    assert ended.left_behind == {}
