"""Rules of progress in notebooks: one text output, replaced in place."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

CELLS = [
    """
from raveler._core.flow_panel import panel
from tests.flow.reports import index_of
shown = panel(True)
for done in (400, 800, 1200):
    shown.update(index_of(done, done / 84))
shown.finish(index_of(1600, 19.0))
index_of(1600, 19.0)
""",
    """
import raveler as rv
with rv.Runtime(workers=1, engine="serial") as rt:
    total = sum(rt.map(abs, range(40), progress=True))
print(total)
""",
]

RUN = """
import json, sys, warnings
warnings.simplefilter("ignore")
import nbclient, nbformat
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in {cells!r}])
nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
print(json.dumps([[dict(output) for output in cell.outputs] for cell in notebook.cells]))
"""


@pytest.mark.timeout(120)
def test_notebooks_show_one_text_that_is_replaced(tmp_path: Path) -> None:
    for module in ("nbclient", "nbformat", "ipykernel"):
        pytest.importorskip(module, exc_type=ImportError)
    from tests.scripts import run_script

    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "here", "language": "python"}))
    env = {"JUPYTER_PATH": str(tmp_path / "jupyter"), "HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path / "ipython")}
    ended = run_script(RUN.format(cells=CELLS), folder=tmp_path, goal_s=10, env=env)
    assert ended.code == 0, ended.err
    flow, bar = json.loads(ended.out)

    panel, report = flow
    assert panel["output_type"] == "display_data"
    text = panel["data"]["text/plain"]
    assert text.splitlines()[0] == "0:19  100 %  bottleneck: flat_map parse"
    assert len(text.splitlines()) == 5
    assert "\x1b" not in text
    assert "<table>" in report["data"]["text/html"]

    shown, printed = bar
    assert shown["output_type"] == "display_data"
    assert shown["data"]["text/plain"].startswith("abs  ━")
    assert "40/40" in shown["data"]["text/plain"]
    assert printed["text"] == "780\n"
    assert ended.left_behind == {}
