"""The ``raveler`` command."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    import argparse

    import raveler

    parser = argparse.ArgumentParser(prog="raveler", description="A concurrency runtime for Python.")
    parser.add_argument("--version", action="version", version=f"raveler {raveler.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("doctor", help="show what this machine offers, and limits that will hurt")
    journal = commands.add_parser("journal", help="show what a journal holds")
    journal.add_argument("journal", help="the file, or the address of a database whose tables hold journals")
    journal.add_argument("--items", action="store_true", help="list the finished items by their keys too")
    given = parser.parse_args(arguments)
    if given.command is None:
        parser.print_help()
        return 2
    if given.command == "journal":
        return _journal(given.journal, with_items=given.items)
    return _doctor()


def _journal(place: str, *, with_items: bool) -> int:
    """Print what is in a journal; return 1 if there is none."""
    from raveler._core import journal_listing
    from raveler.exceptions import RavelerError

    try:
        if "://" in place or place.startswith("sqlite:"):
            from raveler import db

            # A file that is not there must not be made by looking for it.
            is_plain_file = place.startswith("sqlite:") and "?" not in place and ":memory:" not in place
            with db.connect(f"{place}?mode=ro" if is_plain_file else place) as database:
                _print(journal_listing.text(journal_listing.TableListing(database), with_items=with_items))
        else:
            listing = journal_listing.FileListing(place)
            try:
                _print(journal_listing.text(listing, with_items=with_items))
            finally:
                listing.close()
    except (RavelerError, ValueError) as error:
        print(f"raveler: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader has seen enough, as `head` has; what is left in the buffer must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
    sys.stdout.flush()


def _doctor() -> int:
    sys.stdout.write(report())
    return 0


def report() -> str:
    """Return what this machine offers, and what will hurt on it."""
    import platform
    import resource

    from raveler import _raveler

    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _raveler.doctor(
        python=f"{platform.python_version()} ({platform.python_implementation()}, {_gil()})",
        executable=sys.executable or "",
        system=f"{platform.system()} {platform.release()}, {platform.machine()}",
        descriptors=None if descriptors == resource.RLIM_INFINITY else descriptors,
    )


def _gil() -> str:
    is_enabled = getattr(sys, "_is_gil_enabled", None)
    return "with the GIL" if is_enabled is None or is_enabled() else "free-threaded"


if __name__ == "__main__":
    raise SystemExit(main())
