"""Rules of progress on a real terminal: drawn over in place, nothing of the user's lost, no harm when it goes away."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.flow.terminal import Emulated, on_terminal
from tests.scripts import ROOT, environment

PANEL = """
    import sys
    from raveler._core.flow_panel import panel
    from tests.flow.reports import index_of
    shown = panel(True)
    for line in sys.stdin:
        what, _, number = line.strip().partition(" ")
        if what == "print":
            sys.stderr.write(number.replace("|", "\\n") + "\\n")
        elif what == "draw":
            shown.update(index_of(int(number), int(number) / 84))
        else:
            shown.finish(index_of(1600, 19.0))
        print("ok", flush=True)
"""

MAP = """
    import sys
    import raveler as rv
    items = {"known": range(40), "unknown": iter(range(40))}[sys.stdin.readline().strip()]
    with rv.Runtime(workers=1, engine="serial") as rt:
        print(sum(rt.map(abs, items, progress=True)))
"""


def test_panel_is_drawn_over_in_place() -> None:
    with on_terminal(PANEL) as session:
        terminal = Emulated(100, 24)
        for done in range(100, 1600, 100):
            session.say(f"draw {done}")
            terminal.feed(session.read())
            assert len(terminal.shown) == 6, "an empty line, and one for the flow, the titles and each stage"
            assert terminal.shown[0] == ""
            assert f"{done:,}/1,600" in terminal.shown[4]
            assert (terminal.row, terminal.column) == (0, 0)
        session.say("finish")
        terminal.feed(session.read())
        session.end()
    assert terminal.shown[0] == "0:19  100 %  bottleneck: flat_map parse"
    assert len(terminal.shown) == 5
    assert (terminal.row, terminal.column) == (5, 0)
    assert terminal.wrapped == 0


def test_lines_that_are_printed_meanwhile_stay_whole() -> None:
    with on_terminal(PANEL) as session:
        terminal = Emulated(100, 24)
        for number in range(1, 31):
            session.say(f"draw {number * 50}")
            session.say(f"print this is line {number}")
        session.say("finish")
        terminal.feed(session.read())
        session.end()
    assert terminal.shown[:30] == [f"this is line {number}" for number in range(1, 31)]
    assert len(terminal.shown) == 35


@pytest.mark.parametrize("columns", [10, 30, 60, 80, 132])
def test_lines_never_wrap(columns: int) -> None:
    with on_terminal(PANEL, columns=columns) as session:
        terminal = Emulated(columns, 24)
        for command in ("draw 400", "draw 900", "finish"):
            session.say(command)
        terminal.feed(session.read())
        session.end()
    assert terminal.wrapped == 0
    assert len(terminal.shown) == (5 if columns > 10 else 4), "titles stand where there are columns"


def test_resized_terminal_is_met_as_it_is() -> None:
    with on_terminal(PANEL, columns=120) as session:
        terminal = Emulated(120, 24)
        session.say("print a line of the user's")
        session.say("draw 400")
        terminal.feed(session.read())
        for columns in (90, 60, 40):
            session.resize(columns)
            terminal.narrow(columns)
            session.say("draw 500")
            terminal.feed(session.read())
            assert terminal.shown[0] == "a line of the user's"
            assert len(terminal.shown) == 7, "what was wrapped by the terminal is erased"
        session.resize(100)
        terminal.columns = 100
        session.say("draw 600")
        terminal.feed(session.read())
        session.end()
    assert max(len(line) for line in terminal.shown) > 60
    assert terminal.wrapped == 0


def test_panel_higher_than_the_terminal_is_cut_until_the_end() -> None:
    with on_terminal(PANEL, rows=5) as session:
        terminal = Emulated(100, 5)
        for done in (400, 500, 600):
            session.say(f"draw {done}")
        terminal.feed(session.read())
        assert len(terminal.shown) == 4
        session.say("finish")
        terminal.feed(session.read())
        session.end()
    assert len(terminal.shown) == 5


def test_terminal_that_goes_away_does_no_harm() -> None:
    with on_terminal(PANEL) as session:
        session.say("draw 400")
        session.hang_up()
        session.say("draw 500")
        session.say("draw 600")
        session.say("finish")
        session.end()


def test_stopped_terminal_does_not_stop_the_work() -> None:
    with on_terminal(PANEL) as session:
        terminal = Emulated(100, 24)
        session.say("draw 400")
        session.type(b"\x13")
        for done in range(401, 600):
            session.say(f"draw {done}")
        session.type(b"\x11")
        session.say("draw 700")
        terminal.feed(session.read())
        session.end()
    assert "700/1,600" in terminal.shown[4]
    assert len(terminal.shown) == 6


def test_colours_are_left_out_where_they_are_not_wanted() -> None:
    for wanted in (True, False):
        with on_terminal(PANEL, NO_COLOR="" if wanted else "1") as session:
            terminal = Emulated(100, 24)
            session.say("draw 400")
            terminal.feed(session.read())
            session.end()
        assert bool(terminal.styled) is wanted


def test_terminal_without_unicode_gets_ascii() -> None:
    with on_terminal(PANEL, PYTHONUTF8="0", PYTHONIOENCODING="ascii") as session:
        session.say("draw 400")
        assert session.read().isascii()
        session.end()


@pytest.mark.parametrize("source", [PANEL, MAP], ids=["panel", "map"])
def test_dumb_terminal_gets_nothing(source: str) -> None:
    said = "known" if source == MAP else ""
    with on_terminal(source.replace("shown = panel(True)", "assert panel(True) is None"), TERM="dumb") as session:
        assert session.process.communicate(said.encode(), timeout=30)[0] == (b"780\n" if said else b"")
        assert session.read() == ""


@pytest.mark.parametrize("length", ["known", "unknown"])
def test_bar_of_a_map_ends_as_one_line(length: str) -> None:
    with on_terminal(MAP, columns=70) as session:
        terminal = Emulated(70, 24)
        assert session.process.communicate(length.encode(), timeout=30)[0] == b"780\n"
        terminal.feed(session.read())
    assert len(terminal.shown) == 1
    assert terminal.shown[0].startswith("abs")
    assert ("40/40" if length == "known" else "40 done") in terminal.shown[0]
    assert terminal.wrapped == 0


def test_no_escape_codes_where_stderr_is_no_terminal() -> None:
    for source, said in ((PANEL.replace("shown = panel(True)", "assert panel(True) is None"), ""), (MAP, "known")):
        from textwrap import dedent

        done = subprocess.run(
            [sys.executable, "-c", dedent(source)],
            input=said.encode(), capture_output=True, check=True, cwd=ROOT, env=environment("panel"),
        )  # fmt: skip
        assert done.stderr == b""
