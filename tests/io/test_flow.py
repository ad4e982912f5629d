"""Rules of the stages that read and write: fetch, download, upload and query in flows, and a database as the sink."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work

if TYPE_CHECKING:
    from tests.io.conftest import RunLoop
    from tests.io.databases import Database
    from tests.io.odd import Odd

pytestmark = pytest.mark.keeps_connections


def numbers(odd: Odd, count: int) -> list[str]:
    """Return addresses whose answers are their numbers; the first ones are the slowest."""
    return [odd.url(f"/slow/{index}", ms=(count - index) % 7) for index in range(count)]


def text_of(response: rv.http.Response) -> str:
    """Return the body."""
    return response.text


def test_fetch_gives_responses_in_input_order(odd: Odd) -> None:
    assert rv.flow(numbers(odd, 40)).fetch(concurrency=8).map(text_of).list() == [str(index) for index in range(40)]


def test_fetch_under_a_loop(odd: Odd, run_loop: RunLoop) -> None:
    async def main() -> list[str]:
        return [response.text async for response in rv.flow(numbers(odd, 20)).fetch()]

    assert run_loop(main) == [str(index) for index in range(20)]


def test_fetch_takes_a_client(odd: Odd) -> None:
    with rv.http.Client(base_url=odd.url("")) as client:
        assert rv.flow(["/slow/1?ms=1", "/slow/2?ms=1"]).fetch(client).map(text_of).list() == ["1", "2"]


def test_response_goes_to_a_worker_and_back(odd: Odd) -> None:
    flow = rv.flow(numbers(odd, 10)).fetch().filter(lambda response: response.ok).map(lambda response: response)
    assert [response.text for response in flow] == [str(index) for index in range(10)]


def test_unordered_fetch_gives_every_response_once(odd: Odd) -> None:
    flow = rv.flow(numbers(odd, 30)).fetch(ordered=False, concurrency=8).map(text_of)
    assert sorted(map(int, flow)) == list(range(30))


@pytest.mark.parametrize("errors", ["return", "skip"])
def test_fetch_obeys_its_error_policy(odd: Odd, errors: Any) -> None:
    urls = [odd.url("/bytes/3"), "http://127.0.0.1:1/refused", odd.url("/bytes/5")]
    results = rv.flow(urls).fetch(errors=errors).list()
    assert [len(item.content) for item in results if isinstance(item, rv.http.Response)] == [3, 5]
    failed = [item for item in results if isinstance(item, rv.HttpError)]
    assert len(failed) == (errors == "return")


def test_error_of_a_fetch_names_its_address_and_its_stage(odd: Odd) -> None:
    results = iter(rv.flow([odd.url("/bytes/3"), "http://127.0.0.1:1/refused"]).fetch().map(text_of, on="thread"))
    assert len(next(results)) == 3
    with pytest.raises(rv.HttpError) as caught:
        next(results)
    told = "\n".join([str(caught.value), *caught.value.__notes__])
    assert "127.0.0.1:1" in told
    assert "item 1" in told
    assert "fetch" in told


def test_fetch_is_lazy(odd: Odd) -> None:
    pulled = 0

    def endless() -> Any:
        nonlocal pulled
        while True:
            pulled += 1
            yield odd.url("/bytes/3")

    for count, _ in enumerate(rv.flow(endless()).fetch(window=6, concurrency=4).map(text_of, on="thread", window=5)):
        if count == 50:
            break
    assert pulled <= 51 + 6 + 5


def test_download_stage_writes_files(odd: Odd, tmp_path: Path) -> None:
    pairs = [(odd.url(f"/bytes/{size}"), tmp_path / f"file{size}") for size in (1, 20, 300)]
    downloaded = rv.flow(pairs).download().list()
    assert [item.bytes for item in downloaded] == [1, 20, 300]
    assert [path.stat().st_size for _, path in pairs] == [1, 20, 300]
    sizes = rv.flow(pairs).download().map(lambda item: item.path, on="thread").read().map(len).list()
    assert sizes == [1, 20, 300]


def test_download_stage_names_files_in_a_folder(odd: Odd, tmp_path: Path) -> None:
    downloaded = rv.flow([odd.url("/bytes/4"), odd.url("/bytes/5")]).download(tmp_path).list()
    assert sorted(path.stat().st_size for path in tmp_path.iterdir()) == [4, 5]
    assert [item.bytes for item in downloaded] == [4, 5]


def test_upload_stage_writes_objects(tmp_path: Path) -> None:
    pairs = []
    for size in (1, 20, 300):
        path = tmp_path / f"from{size}"
        path.write_bytes(b"x" * size)
        pairs.append((path, (tmp_path / f"to{size}").as_uri()))
    assert len(rv.flow(pairs).upload().list()) == 3
    assert [(tmp_path / f"to{size}").read_bytes() for size in (1, 20, 300)] == [b"x", b"x" * 20, b"x" * 300]


def test_query_stage_asks_for_each_item_in_order(db: rv.db.Database, database: Database) -> None:
    db.execute("CREATE TABLE words (id INTEGER, word VARCHAR(20))").result()
    db.table("words").insert([{"id": index, "word": f"w{index}"} for index in range(30)]).result()
    sql = f"SELECT word FROM words WHERE id = {database.mark(1)}"
    assert rv.flow(range(32)).query(db, sql).list() == [*([(f"w{index}",)] for index in range(30)), [], []]
    assert rv.flow([(3,), (4,)]).query(db, sql, as_="dicts").map(lambda rows: rows[0]["word"]).list() == ["w3", "w4"]


def test_table_gets_all_rows_in_whole_batches(db: rv.db.Database) -> None:
    db.execute("CREATE TABLE words (id INTEGER, word VARCHAR(20))").result()
    flow = rv.flow(range(100)).map(lambda index: (index, f"w{index}")).filter(lambda row: row[0] % 3)
    report = flow.batch(7).to(db.table("words")).run()
    expected = [(index, f"w{index}") for index in range(100) if index % 3]
    assert db.fetch("SELECT id, word FROM words ORDER BY id").result() == expected
    assert str(report)


def test_row_that_the_table_refuses_leaves_whole_batches(db: rv.db.Database) -> None:
    db.execute("CREATE TABLE words (id INTEGER PRIMARY KEY, word VARCHAR(20))").result()
    flow = rv.flow([*range(25), 3, *range(26, 60)]).map(lambda index: (index, f"w{index}"))
    with pytest.raises(rv.DatabaseError):
        flow.batch(10).to(db.table("words")).run()
    assert db.fetch("SELECT COUNT(*) FROM words").result() == [(20,)]


def test_flow_into_a_table_goes_on_where_it_was(db: rv.db.Database, log: str) -> None:
    db.execute("CREATE TABLE words (id INTEGER, word VARCHAR(20))").result()
    breaks = True

    def source() -> Any:
        for index in range(60):
            if breaks and index == 31:
                message = "source broke"
                raise RuntimeError(message)
            yield index

    def row(index: int) -> tuple[int, str]:
        work.append(log, str(index))
        return index, f"w{index}"

    def run() -> None:
        flow = rv.flow(source(), journal="words").map(row, on="thread", concurrency=1)
        flow.batch(8).to(db.table("words")).run()

    with pytest.raises(RuntimeError, match="source broke"):
        run()
    breaks = False
    run()
    run()
    assert db.fetch("SELECT id, word FROM words ORDER BY id").result() == [(index, f"w{index}") for index in range(60)]
    assert len(Path(log).read_text().split()) <= 60 + 7
