"""Rules of the bottleneck: what is named follows from what was measured, and so does what to change."""

from __future__ import annotations

from tests.flow.reports import flow, loaded, stage


def test_fullest_stage_is_the_bottleneck() -> None:
    found = flow(
        loaded("fetch", "native", 64, 0.2),
        loaded("map parse", "process", 2, 0.96),
        loaded("to words", "native", 1, 0.8),
    ).held_up_by
    assert (found.stage, found.name) == (1, "map parse")


def test_words_tell_the_load_who_waits_and_who_is_next() -> None:
    report = flow(
        loaded("fetch", "native", 64, 0.2, room=8.0),
        loaded("map parse", "process", 2, 0.96),
        loaded("to words", "native", 1, 0.4, input=5.5),
    )
    assert report.bottleneck == (
        "'map parse' is the bottleneck: its 2 workers were busy 96 % of the time; 'fetch' waited for room 80 % of it "
        "and 'to words' waited for items 55 % of it. There is a worker for each core (2): if it computes, only less "
        'work in an item, or more cores, would help; if it waits for something, on="thread" lets more of it wait at '
        "once. Next would be 'to words', at 40 % of its capacity."
    )


def test_waits_are_those_of_the_nearest_stages_that_work() -> None:
    report = flow(
        loaded("map parse", "process", 2, 0.96),
        stage("map of_no_time", "thread"),
        loaded("to words", "native", 1, 0.1, input=9.0),
    )
    assert "; 'to words' waited for items 90 % of it." in report.bottleneck


def test_stage_below_three_quarters_is_not_called_full() -> None:
    assert flow(loaded("map work", "process", 2, 0.74)).held_up_by.stage is None
    assert flow(loaded("map work", "process", 2, 0.75)).held_up_by.stage == 0


def test_more_workers_are_advised_only_where_there_are_cores() -> None:
    full = loaded("map work", "process", 2, 0.9)
    assert "Give it more workers: this machine has 8 cores for them." in flow(full, cores=8).bottleneck
    assert "There is a worker for each core (2)" in flow(full, cores=2).bottleneck
    assert "more workers" not in flow(loaded("map work", "process", 1, 0.9), cores=1).bottleneck


def test_stages_in_processes_share_the_workers() -> None:
    found = flow(
        loaded("map parse", "process", 2, 0.3),
        loaded("fetch", "native", 64, 0.5),
        loaded("map score", "process", 2, 0.6),
    ).held_up_by
    assert found.stage == 2
    assert "its 2 workers were busy 90 % of the time, 60 % with this stage" in found.words
    assert "Next would be 'fetch', at 50 % of its capacity." in found.words


def test_concurrency_is_advised_for_what_waits_elsewhere() -> None:
    for place in ("native", "loop"):
        words = flow(loaded("fetch", place, 16, 0.9)).bottleneck
        assert "of the 16 that it may run at once, 90 % ran on average" in words
        assert "Raise its concurrency, if the other side can bear more." in words


def test_processes_are_advised_for_threads_that_compute() -> None:
    assert 'if it computes, leave out on="thread"' in flow(loaded("map work", "thread", 8, 0.9)).bottleneck


def test_larger_batch_or_faster_target_is_advised_for_a_sink() -> None:
    words = flow(loaded("map work", "process", 2, 0.2), loaded("to words", "native", 1, 0.95)).bottleneck
    assert words.startswith("'to words' is the bottleneck: it was at work 95 % of the time")
    assert "A larger batch (fewer, larger writes) or a faster target would help." in words


def test_limit_that_was_waited_for_is_the_bottleneck() -> None:
    words = flow(loaded("fetch", "native", 64, 0.1, limit=9.0), loaded("map work", "process", 2, 0.5)).bottleneck
    assert words.startswith("'fetch' waited for its limit 90 % of the time.")
    assert "Raise the limit" in words
    assert words.endswith("Next would be 'map work', at 50 % of its capacity.")


def test_slow_consumer_is_named() -> None:
    found = flow(loaded("map work", "process", 2, 0.3), away=6.0).held_up_by
    assert (found.stage, found.name) == (None, "the consumer")
    assert "60 % of the time it was busy with a result" in found.words


def test_slow_source_is_named() -> None:
    found = flow(loaded("fetch", "native", 64, 0.1), loaded("map work", "process", 2, 0.3), pulling=9.0).held_up_by
    assert (found.stage, found.name) == (None, "the source")
    assert "90 % of the time went into pulling it, 90 ms an item" in found.words


def test_slow_consumer_comes_before_the_source() -> None:
    report = flow(loaded("map work", "process", 2, 0.3, input=6.0), away=6.0, pulling=6.0)
    assert report.held_up_by.name == "the consumer"


def test_order_that_holds_results_back_is_named() -> None:
    found = flow(
        loaded("fetch", "native", 16, 0.4, room=5.0),
        loaded("map work", "process", 2, 0.2, input=7.0),
    ).held_up_by
    assert (found.stage, found.name) == (0, "fetch")
    assert "Give it a larger window, or ordered=False." in found.words


def test_few_items_fill_no_stage() -> None:
    words = flow(loaded("fetch", "native", 64, 0.05, items=20)).bottleneck
    assert words == (
        "There were too few items to fill a stage: 'fetch' could run 64 at once and had 20 items. "
        "The time is that of single items, 1.6 s each there."
    )


def test_small_items_are_named() -> None:
    found = flow(loaded("map work", "process", 2, 0.2, items=1_000_000), pulling=7.0).held_up_by
    assert (found.stage, found.name) == (None, "handing on")
    assert found.words.startswith("No stage is full: 70 % of the time went into handing items on, 7.0 µs an item.")


def test_stage_that_never_waits_is_the_bottleneck_below_its_capacity_too() -> None:
    found = flow(
        loaded("fetch", "native", 64, 0.3, busy=9.0, room=5.0),
        loaded("map parse", "process", 2, 0.6, busy=9.8, input=0.1),
    ).held_up_by
    assert (found.stage, found.name) == (1, "map parse")
    assert "it had something to do 98 % of the time, though only 60 % of its capacity was in use" in found.words


def test_nothing_is_named_where_nothing_holds_the_flow_up() -> None:
    found = flow(loaded("map work", "process", 2, 0.6)).held_up_by
    assert (found.stage, found.name) == (None, "")
    assert found.words == (
        "No stage is full; the busiest is 'map work', at 60 % of its capacity. Nothing in particular holds the flow up."
    )


def test_no_measurement_names_no_bottleneck() -> None:
    assert flow(stage(items=0)).held_up_by.name == ""
    assert flow(stage(), seconds=0.0).held_up_by.name == ""
