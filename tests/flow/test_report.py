"""Rules of the report: its numbers, its table, and its faces for JSON and notebooks."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raveler._core.columns import width_of
from raveler._core.flow_report import FlowReport, StageReport
from tests.flow.reports import flow, index_of, loaded, stage


def test_load_is_the_share_of_the_capacity_that_was_in_use() -> None:
    assert stage(capacity=4, occupied=20.0).load(10.0) == 0.5
    assert stage(capacity=4, occupied=50.0).load(10.0) == 1.0, "clocks of several processes may add up to more"
    assert stage(capacity=0, busy=2.0).load(10.0) == 0.2
    assert stage(capacity=4, occupied=20.0).load(0.0) == 0.0


def test_items_in_flight_are_not_finished() -> None:
    assert stage(items=10, in_flight=3).finished == 7
    assert stage(items=10, in_flight=3, occupied=14.0).seconds_per_item == 2.0
    assert stage(items=3, in_flight=3, occupied=14.0).seconds_per_item == 0.0


def test_items_of_a_flow_are_those_of_its_source() -> None:
    assert index_of(1000, 10.0).items == 1140
    assert flow().items == 0


def test_since_gives_what_happened_between_two_reports() -> None:
    between = index_of(1000, 12.0).since(index_of(400, 5.0))
    assert between.seconds == 7.0
    assert [each.finished for each in between.stages] == [600, 600, 60]
    assert [round(each.load(between.seconds), 2) for each in between.stages] == [0.15, 0.97, 0.12]
    assert index_of(1000, 12.0).since(None) == index_of(1000, 12.0)
    between = flow(seconds=5.0, away=3.0, pulling=2.0).since(flow(seconds=2.0, away=1.0, pulling=0.5))
    assert (between.seconds, between.away, between.pulling) == (3.0, 2.0, 1.5)


def test_table_reads_well() -> None:
    assert str(index_of(1400, 16.7)).splitlines() == [
        "1,540 of 1,600 items in 16.7 s, 92/s",
        "",
        "stage              in    out  errors  skipped   speed  load     ran  no input  no room   data",
        "fetch           1,540  1,476                     88/s  15 %   2.5 s             13.4 s  28 MB",
        "flat_map parse  1,476  1,398       2        2    84/s  97 %  16.2 s",
        "to table words    140    140                   8.38/s  12 %   2.0 s    14.7 s",
        "",
        "'flat_map parse' is the bottleneck: its 2 workers were busy 97 % of the time; 'fetch' waited for",
        "room 80 % of it and 'to table words' waited for items 88 % of it. There is a worker for each core",
        "(2): if it computes, only less work in an item, or more cores, would help; if it waits for",
        "something, on=\"thread\" lets more of it wait at once. Next would be 'fetch', at 15 % of its capacity.",
    ]


def test_table_has_at_most_100_columns_whatever_the_numbers() -> None:
    huge = 10**12
    wide = stage("map " + "w" * 100, items=huge, errors=huge, skipped=huge, busy=1e7, input=1e7, room=1e7, limit=1e7)
    for line in str(flow(wide, wide, seconds=1e7)).splitlines():
        assert len(line) <= 100


def test_columns_without_anything_are_left_out() -> None:
    text = str(flow(loaded("map work", "process", 2, 0.5)))
    assert "limited" not in text
    assert "errors" not in text
    assert "limited" in str(flow(loaded("map work", "process", 2, 0.5, limit=3.0)))


def test_table_is_ascii_so_that_printing_it_cant_fail() -> None:
    report = flow(loaded("map " + "w" * 50, "process", 2, 1e-5), seconds=10.0)
    assert str(report).isascii()


def test_names_command_no_terminal() -> None:
    report = flow(loaded("map \x1b[2J\nwork", "process", 2, 0.9))
    assert "\x1b" not in str(report)
    assert "\x1b" not in report.bottleneck


def test_flow_without_stages_or_items_has_a_report_too() -> None:
    assert str(flow(total=None)) == "0 items in 10.0 s, 0.00/s\n\nstage\n\nNothing has gone through yet."
    assert flow(stage(items=0), seconds=0.0).bottleneck == "Nothing has gone through yet."


def test_as_dict_is_json() -> None:
    told = json.loads(json.dumps(index_of(1000, 10.0).as_dict()))
    assert told["items"] == 1140
    assert told["total"] == 1600
    assert told["bottleneck"].startswith("'flat_map parse' is the bottleneck")
    assert told["stages"][1]["name"] == "flat_map parse"
    assert told["stages"][1]["load"] == pytest.approx(0.97)
    assert told["stages"][1]["items_per_second"] == 100.0


def test_notebooks_show_a_table_with_escaped_names() -> None:
    html = flow(loaded("map <lambda>", "process", 2, 0.9), stage("map plain"))._repr_html_()
    assert "map &lt;lambda&gt;" in html
    assert "<lambda>" not in html
    assert html.count("<tr>") == 3
    assert html.count("</td>") == 2 * html.count("</th>")


times = st.just(0.0) | st.floats(1e-6, 1e9)
counts = st.integers(0, 10**12)
stages = st.builds(
    StageReport,
    name=st.text(max_size=60), place=st.sampled_from(["process", "thread", "loop", "native", ""]),
    items_in=counts, items_out=counts, in_flight=counts, running=counts, errors=counts, skipped=counts,
    capacity=st.integers(0, 10**6), busy=times, input=times, room=times, limit=times, occupied=times, bytes=counts,
)  # fmt: skip


@settings(deadline=None)
@given(st.builds(FlowReport, times, st.lists(stages, max_size=5).map(tuple), st.none() | counts, times, times))
def test_any_measurement_makes_a_report(report: FlowReport) -> None:
    table = str(report).rpartition("\n\n")[0]
    assert all(width_of(line) <= 100 for line in table.splitlines())
    assert report.bottleneck.endswith(".")
    assert report._repr_html_()
    json.dumps(report.as_dict())
