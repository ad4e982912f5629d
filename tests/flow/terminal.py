"""A pseudo-terminal with a script on it, and what somebody in front of it would see."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from contextlib import contextmanager
from textwrap import dedent
from typing import TYPE_CHECKING

from tests.deadline import guard, readable
from tests.scripts import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECES = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n])")


class Emulated:
    """The cells of a terminal: prints, wraps, scrolls, and obeys the few commands that are allowed to be used."""

    def __init__(self, columns: int, rows: int) -> None:
        """Begin empty, at the top."""
        self.columns = columns
        self.rows = rows
        self.lines = [""]
        self.row = 0
        self.column = 0
        self.wrapped = 0
        self.styled: list[str] = []

    def feed(self, text: str) -> None:
        """Show the text; fail on what is no known command."""
        position = 0
        for piece in _PIECES.finditer(text):
            assert piece.start() == position, f"unknown: {text[position : piece.start()]!r}"
            position = piece.end()
            number, command, is_return, is_newline, letter = piece.groups()
            if is_return:
                self.column = 0
            elif is_newline:
                self._down()
            elif letter:
                self._put(letter)
            else:
                self._obey(number, command)
        assert position == len(text), f"unknown: {text[position:]!r}"

    def narrow(self, columns: int) -> None:
        """Become narrower, and wrap what is too long, as most terminals do."""
        lines: list[str] = []
        for index, line in enumerate(self.lines):
            if index == self.row:
                self.row = len(lines)
            lines += [line[start : start + columns] for start in range(0, max(1, len(line)), columns)]
        self.lines = lines
        self.columns = columns

    @property
    def shown(self) -> list[str]:
        """All lines from the first to the last with text, without blanks at their ends."""
        lines = [line.rstrip() for line in self.lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def _obey(self, number: str, command: str) -> None:
        if command == "m":
            self.styled.append(number)
        elif command == "K":
            self.lines[self.row] = self.lines[self.row][: self.column]
        elif command == "J":
            self.lines[self.row :] = [self.lines[self.row][: self.column]]
        elif command == "A":
            top = max(0, len(self.lines) - self.rows)
            assert self.row - int(number) >= top, "went up over the top of the terminal"
            self.row -= int(number)
        else:
            raise AssertionError(f"a command that not every terminal knows: {number}{command}")

    def _put(self, letter: str) -> None:
        if self.column == self.columns:
            self.wrapped += 1
            self._down()
            self.column = 0
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + letter + line[self.column + 1 :]
        self.column += 1

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")


class Session:
    """A script whose stderr is a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        """Hold the side of whoever sits in front."""
        self.process = process
        self.master = master
        self._seen = bytearray()

    def say(self, line: str) -> None:
        """Write a line to the script's stdin, and wait until it has answered on its stdout."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.fileno()
        listened = [answer] if self.master < 0 else [answer, self.master]
        while answer not in (ready := select.select(listened, [], [], guard(3))[0]):
            assert ready, f"no answer; on the terminal stands {bytes(self._seen)!r}"
            self._see()
        assert self.process.stdout.readline() == b"ok\n"

    def read(self) -> str:
        """Return what has come to the terminal since the last call."""
        while readable(self.master, 0.02) and self._see():
            pass
        new, self._seen = self._seen.decode(), bytearray()
        return new

    def type(self, key: bytes) -> None:
        """Press a key."""
        os.write(self.master, key)

    def resize(self, columns: int, rows: int = 24) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """Take the terminal away."""
        os.close(self.master)
        self.master = -1

    def end(self) -> str:
        """Wait for the end of the script, which must be a good one; return what it wrote on stdout."""
        out, _ = self.process.communicate(timeout=guard(3))
        assert self.process.returncode == 0, bytes(self._seen)
        return out.decode()

    def _see(self) -> bool:
        """Read once; tell whether there may be more."""
        try:
            new = os.read(self.master, 65536)
        except OSError:  # nobody writes any more
            return False
        self._seen += new
        return bool(new)


@contextmanager
def on_terminal(source: str, columns: int = 100, rows: int = 24, **env: str) -> Iterator[Session]:
    """Run ``source`` with a terminal of that size as its stderr."""
    master, slave = pty.openpty()
    extra = {"TERM": "xterm-256color", "NO_COLOR": "", "PYTHONUTF8": "1"} | env
    process = subprocess.Popen(
        [sys.executable, "-c", dedent(source)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=slave, env=environment("panel", **extra),
    )  # fmt: skip
    session = Session(process, master)
    session.resize(columns, rows)
    os.close(slave)
    try:
        yield session
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        if session.master >= 0:
            session.hang_up()
