"""Rules of ``map(..., journal=)``: what is recorded, what is computed again, what is refused."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACES = ["process", "thread", "loop"]


class Notes:
    """An object whose content is no part of the fingerprint of a function that uses it."""

    def __init__(self, *values: int) -> None:
        """Start with these."""
        self.values = list(values)


class Calls:
    """Knows which arguments the function under test was called with."""

    def __init__(self, place: str, log: str) -> None:
        """Take notes in memory, or in a file if the calls are made in other processes."""
        self._seen = Notes()
        self._log = Path(log)
        seen = self._seen

        def square(value: int) -> int:
            work.append(log, str(value))
            return value * value

        def square_here(value: int) -> int:
            seen.values.append(value)
            return value * value

        async def square_on_the_loop(value: int) -> int:
            seen.values.append(value)
            await asyncio.sleep(0)
            return value * value

        choice: dict[str, Any] = {"process": square, "thread": square_here, "loop": square_on_the_loop}
        self.square: Any = choice[place]

    def forget(self) -> list[int]:
        """Return the arguments since the last time, in the order of the numbers."""
        seen = [*self._seen.values, *(map(int, self._log.read_text().split()) if self._log.exists() else ())]
        self._seen.values.clear()
        self._log.unlink(missing_ok=True)
        return sorted(seen)


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    """Give each place in turn."""
    return str(request.param)


@pytest.fixture
def calls(place: str, log: str) -> Calls:
    """Give a function for the place, and what it is called with."""
    return Calls(place, log)


SQUARES = [value * value for value in range(300)]


def test_results_are_those_of_the_map_without_it(rt: rv.Runtime, path: Path, place: Any, calls: Calls) -> None:
    assert rt.map(calls.square, range(300), on=place, journal=path).list() == SQUARES


def test_second_call_computes_nothing(rt: rv.Runtime, path: Path, place: Any, calls: Calls) -> None:
    rt.map(calls.square, range(300), on=place, journal=path).list()
    calls.forget()

    assert rt.map(calls.square, range(300), on=place, journal=path).list() == SQUARES
    assert calls.forget() == []


def test_broken_off_call_goes_on(rt: rv.Runtime, path: Path, place: Any, calls: Calls) -> None:
    with rt.map(calls.square, range(300), on=place, journal=path, window=8) as results:
        given = list(itertools.islice(results, 100))
    first = calls.forget()

    assert rt.map(calls.square, range(300), on=place, journal=path).list() == SQUARES
    again = calls.forget()
    assert given == SQUARES[:100]
    assert set(first) | set(again) == set(range(300))
    assert len(set(first) & set(again)) <= 8  # what was in flight


def test_longer_source_is_gone_on_with(rt: rv.Runtime, path: Path, place: Any, calls: Calls) -> None:
    rt.map(calls.square, range(100), on=place, journal=path).list()

    assert rt.map(calls.square, range(300), on=place, journal=path).list() == SQUARES
    assert calls.forget() == list(range(300))


def test_source_is_pulled_lazily_and_may_be_endless(rt: rv.Runtime, path: Path, place: Any, calls: Calls) -> None:
    pulled: list[int] = []

    def source() -> Iterator[int]:
        for value in itertools.count():
            pulled.append(value)
            yield value

    results = rt.map(calls.square, source(), on=place, journal=path, window=4)
    assert pulled == []
    with results:
        assert list(itertools.islice(results, 3)) == [0, 1, 4]
    assert len(pulled) < 3000


def test_results_come_in_input_order_whatever_was_asked(rt: rv.Runtime, path: Path, place: Any, calls: Calls) -> None:
    assert rt.imap_unordered(calls.square, range(300), on=place, journal=path).list() == SQUARES


def test_await_and_async_for(rt: rv.Runtime, path: Path, place: Any, calls: Calls) -> None:
    async def main() -> tuple[list[int], list[int]]:
        first = [value async for value in rt.map(calls.square, range(300), on=place, journal=path)]
        return first, await rt.map(calls.square, range(300), on=place, journal=path)

    assert asyncio.run(main()) == (SQUARES, SQUARES)


def test_error_of_the_lowest_index_is_raised_and_what_stands_before_it_is_kept(rt: rv.Runtime, path: Path) -> None:
    seen, bad = Notes(), Notes(50, 51)

    def fail_if_bad(value: int) -> int:
        seen.values.append(value)
        return work.fail(value) if value in bad.values else value

    results = rt.map(fail_if_bad, range(100), on="thread", journal=path)
    given = list(itertools.islice(results, 50))
    with pytest.raises(ValueError, match="refused 50"):
        next(results)
    assert given == list(range(50))
    seen.values.clear()
    bad.values.clear()

    assert rt.map(fail_if_bad, range(100), on="thread", journal=path).list() == list(range(100))
    assert sorted(seen.values) == list(range(50, 100))


def test_returned_errors_come_back_with_their_notes_and_causes(rt: rv.Runtime, path: Path) -> None:
    def refuse(code: int) -> None:
        try:
            work.refuse(code)
        except work.Refused as error:
            error.add_note("written by hand")
            raise

    def call() -> list[Any]:
        return rt.map(refuse, [3], on="thread", errors="return", journal=path).list()

    [first], [again] = call(), call()
    assert isinstance(again, work.Refused)
    assert again is not first
    assert (again.args, again.code) == (("outer", 3), 3)
    assert "written by hand" in again.__notes__
    assert isinstance(again.__cause__, KeyError)


def test_skipped_items_are_finished_too(rt: rv.Runtime, path: Path, place: Any) -> None:
    def call() -> tuple[list[int], int]:
        function: Any = fail_if_odd_on_the_loop if place == "loop" else work.fail_if_odd
        results = rt.map(function, range(101), on=place, errors="skip", journal=path)
        return results.list(), results.skipped

    assert call() == (list(range(0, 101, 2)), 50)
    assert call() == (list(range(0, 101, 2)), 50)


async def fail_if_odd_on_the_loop(value: int) -> int:
    return work.fail_if_odd(value)


def test_random_streams_are_the_same_after_a_resume(path: Path, place: Any) -> None:
    function: Any = draw_on_the_loop if place == "loop" else work.draw
    with rv.Runtime(workers=2, seed=7) as runtime:
        expected = runtime.map(function, range(60), on=place).list()
    with rv.Runtime(workers=2, seed=7) as runtime, runtime.map(function, range(60), on=place, journal=path) as results:
        next(results)
    with rv.Runtime(workers=2, seed=7) as runtime:
        assert runtime.map(function, range(60), on=place, journal=path).list() == expected


async def draw_on_the_loop(value: int) -> tuple[float, ...]:
    return work.draw(value)


def test_several_iterables_and_starmap(rt: rv.Runtime, path: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert rt.map(work.add, range(50), range(50), on="thread", journal=path).list() == list(range(0, 100, 2))
        starred = rt.starmap(work.add, zip("abc", "xyz", strict=True), on="thread", journal=tmp_path / "other.db")
        assert starred.list() == ["ax", "by", "cz"]


def test_operations_of_rust_are_journalled(rt: rv.Runtime, path: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.txt" for name in "abc"]
    for file in files:
        file.write_text(file.stem)
    assert rt.map(rv.files.read, files, journal=path).list() == [b"a", b"b", b"c"]
    files[0].unlink()
    assert rt.map(rv.files.read, files, journal=path).list() == [b"a", b"b", b"c"]


def test_progress_counts_the_recorded_ones_too(rt: rv.Runtime, path: Path) -> None:
    def told() -> list[int]:
        counted: list[int] = []
        rt.map(work.double, range(5), on="thread", journal=path, progress=lambda done, _: counted.append(done)).list()
        return counted

    assert told() == told() == [1, 2, 3, 4, 5]


def test_items_without_a_key_are_not_compared(rt: rv.Runtime, path: Path) -> None:
    rt.map(type, [object(), object()], on="thread", journal=path).list()
    assert rt.map(type, [object(), object()], on="thread", journal=path).list() == [object, object]


def test_other_items_are_refused(rt: rv.Runtime, path: Path) -> None:
    rt.map(len, ["a", "b", "c"], on="thread", journal=path).list()
    words = r"item 1 of the source was 'b' and is 'B', .* 3 finished items"
    with pytest.raises(rv.JournalMismatch, match=words) as refused:
        rt.map(len, ["a", "B", "c"], on="thread", journal=path).list()
    assert refused.value.changes == ("item 1 of the source was 'b' and is 'B'",)
    with pytest.raises(rv.JournalMismatch, match="the source ended after 2 items"):
        rt.map(len, ["a", "b"], on="thread", journal=path).list()


def test_changed_function_is_refused_until_a_reset(rt: rv.Runtime, path: Path) -> None:
    rt.map(lambda value: value + 1, range(5), on="thread", journal=path).list()

    with pytest.raises(rv.JournalMismatch, match=r"the code of .*<lambda> changed"):
        rt.map(lambda value: value + 2, range(5), on="thread", journal=path)
    reset = rt.map(lambda value: value + 2, range(5), on="thread", journal=path, journal_reset=True)
    assert reset.list() == [2, 3, 4, 5, 6]
    assert rt.map(lambda value: value + 2, range(5), on="thread", journal=path).list() == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"timeout": 5.0}, "timeout was None and is 5.0"),
        ({"errors": "return"}, "errors was 'raise' and is 'return'"),
        ({"retries": 2}, "retries was None and is 2"),
        ({"key": "other"}, "key was None and is 'other'"),
    ],
)
def test_changed_option_is_refused(rt: rv.Runtime, path: Path, changed: Any, words: str) -> None:
    rt.map(work.double, range(5), on="thread", journal=path).list()
    with pytest.raises(ValueError, match=words):
        rt.map(work.double, range(5), on="thread", journal=path, **changed)


def test_changed_seed_is_refused(rt: rv.Runtime, path: Path) -> None:
    rt.map(work.double, range(5), on="thread", journal=path).list()
    with (
        rv.Runtime(seed=8) as other,
        pytest.raises(rv.JournalMismatch, match="the seed of the runtime was 7 and is 8"),
    ):
        other.map(work.double, range(5), on="thread", journal=path)


def test_options_that_only_change_the_speed_may_change(rt: rv.Runtime, path: Path) -> None:
    rt.map(work.double, range(5), on="thread", journal=path).list()
    more: dict[str, Any] = {"window": 3, "chunk": 2, "concurrency": 1, "progress": False}
    assert rt.map(work.double, range(5), on="thread", journal=path, **more).list() == [0, 2, 4, 6, 8]


def test_outcome_that_can_not_be_written_is_named(rt: rv.Runtime, path: Path) -> None:
    def make(value: int) -> Any:
        return {"number": value, "open": (lambda: value) if value == 3 else None}

    results = rt.map(make, range(5), on="thread", journal=path)
    given = list(itertools.islice(results, 3))
    with pytest.raises(rv.NotSerializable, match=r"the outcome of item 3\['open'\] can't be written to the journal"):
        next(results)
    assert [each["number"] for each in given] == [0, 1, 2]
    assert results.closed


def test_journal_is_free_again_when_the_results_end(rt: rv.Runtime, path: Path) -> None:
    results = rt.map(work.double, range(5), on="thread", journal=path)
    with pytest.raises(rv.JournalError, match="is in use: another run of this process writes it"):
        rt.map(work.double, range(5), on="thread", journal=path)
    assert results.list() == [0, 2, 4, 6, 8]
    assert rt.map(work.double, range(5), on="thread", journal=path).list() == [0, 2, 4, 6, 8]


def test_journal_alone_is_left(rt: rv.Runtime, path: Path) -> None:
    rt.map(work.double, range(5), on="thread", journal=path).list()
    assert [each.name for each in path.parent.iterdir()] == ["run.db"]


@pytest.mark.parametrize("wrong", [5, True, "", "postgresql://localhost/x", b"run.db"])
def test_wrong_path_is_refused(rt: rv.Runtime, wrong: Any) -> None:
    with pytest.raises(TypeError, match="journal must be the path of a file, not"):
        rt.map(work.double, range(5), journal=wrong)


def test_wrong_source_leaves_the_journal_free(rt: rv.Runtime, path: Path) -> None:
    wrong: Any = 5
    with pytest.raises(TypeError, match="map takes iterables"):
        rt.map(work.double, wrong, on="thread", journal=path)
    assert rt.map(work.double, range(2), on="thread", journal=path).list() == [0, 2]


def test_source_that_raises_keeps_what_stands_before(rt: rv.Runtime, path: Path) -> None:
    def source() -> Iterator[int]:
        yield from range(10)
        message = "the source is dry"
        raise OSError(message)

    results = rt.map(work.double, source(), on="thread", journal=path)
    assert list(itertools.islice(results, 10)) == list(range(0, 20, 2))
    with pytest.raises(OSError, match="dry"):
        next(results)
    assert rt.map(work.double, range(12), on="thread", journal=path).list() == list(range(0, 24, 2))


def test_serial_engine_keeps_a_journal_too(path: Path) -> None:
    for _ in range(2):
        with rv.Runtime(engine="serial", seed=7) as runtime:
            assert runtime.map(work.double, range(5), on="thread", journal=path).list() == [0, 2, 4, 6, 8]
