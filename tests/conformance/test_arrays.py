"""Rules of arrays and buffers: they arrive read-only, in place, with their shape."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import raveler as rv
from tests import work

np = pytest.importorskip("numpy")

SIZES = [1, 7, 1000, 8192, 100_000, 1_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_array_arrives_read_only_at_every_size(rt: rv.Runtime, size: int) -> None:
    assert rt.submit(work.is_writable, np.arange(size)).result() is False
    with pytest.raises(ValueError, match="read-only"):
        rt.submit(work.write_first, np.arange(size)).result()


@pytest.mark.parametrize("size", SIZES)
def test_mapped_array_arrives_read_only_at_every_size(rt: rv.Runtime, size: int) -> None:
    assert rt.map(work.is_writable, [np.arange(size)] * 4).list() == [False] * 4


@pytest.mark.parametrize("size", SIZES)
def test_writable_task_may_write_without_changing_the_callers_array(rt: rv.Runtime, size: int) -> None:
    array = np.zeros(size)
    assert rt.options(writable=True).submit(work.write_first, array).result() == 99.0
    assert array[0] == 0


def test_writable_counts_in_map(rt: rv.Runtime) -> None:
    array = np.zeros(20_000)
    assert rt.map(work.write_first, [array] * 6, writable=True).list() == [99.0] * 6
    assert array[0] == 0


def test_task_of_a_writable_neighbour_sees_the_original(rt: rv.Runtime) -> None:
    array = np.zeros(20_000)
    assert rt.map(work.write_first, [array] * 6, writable=True).list() == [99.0] * 6
    assert rt.map(work.total, [array] * 6).list() == [0.0] * 6


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.int16).reshape(2, 3, 4),
        np.asfortranarray(np.arange(200_000, dtype=np.float32).reshape(400, 500)),
        np.arange(200_000)[::3],
        np.array(5.0),
        np.zeros((0, 4)),
        np.array(["a", "bc"]),
        np.array([1, "a", None], dtype=object),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
    ],
    ids=["3d", "fortran", "strided", "scalar", "empty", "text", "objects", "record", "dates"],
)
def test_array_keeps_shape_type_and_values_there_and_back(rt: rv.Runtime, array: Any) -> None:
    result = rt.submit(work.identity, array).result()
    assert result.dtype == array.dtype
    assert result.shape == array.shape
    assert (result == array).all()


def test_array_inside_a_container_arrives_whole(rt: rv.Runtime) -> None:
    arrays = {"a": [np.arange(50_000), np.ones(3)]}
    result = rt.submit(work.identity, arrays).result()
    assert (result["a"][0] == arrays["a"][0]).all()
    assert result["a"][1].tolist() == [1, 1, 1]


def test_array_is_taken_as_it_is_at_submit(rt: rv.Runtime) -> None:
    array = np.zeros(200_000)
    tasks = []
    for value in range(6):
        array[:] = value
        tasks.append(rt.submit(work.total, array))
    array[:] = -1
    assert [task.result() for task in tasks] == [200_000.0 * value for value in range(6)]


def test_result_stays_valid_after_many_others(rt: rv.Runtime) -> None:
    first = rt.submit(np.full, 100_000, 7.0).result()
    for _ in range(50):
        rt.submit(np.full, 100_000, 1.0).result()
    assert (first == 7.0).all()


def test_result_stays_valid_after_its_runtime_has_ended(engine: Any) -> None:
    with rv.Runtime(workers=1, engine=engine.name) as rt:
        array = rt.submit(np.full, 100_000, 7.0).result()
    assert (array == 7.0).all()


def test_array_kept_by_a_worker_stays_valid(engine: Any) -> None:
    def keep(array: Any) -> float:
        import sys

        kept = sys.__dict__.setdefault("kept_by_the_test", [])
        kept.append(array)
        return float(sum(each.sum() for each in kept))

    with rv.Runtime(workers=1, engine=engine.name) as rt:
        first = rt.submit(keep, np.ones(50_000)).result()
        totals = [rt.submit(keep, np.ones(50_000)).result() - first for _ in range(9)]
    assert totals == [50_000.0 * count for count in range(1, 10)]
    sys.__dict__.pop("kept_by_the_test", None)
