"""Rules of ``share``: one read-only copy for all workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work

if TYPE_CHECKING:
    from tests.conformance.engines import EngineUnderTest
    from tests.gate import Gatekeeper


def test_shared_argument_arrives_as_its_value(rt: rv.Runtime) -> None:
    shared = rt.share({"a": [1, 2]})
    assert isinstance(shared, rv.Shared)
    assert rt.submit(work.identity, shared).result() == {"a": [1, 2]}


def test_shared_keyword_arrives_as_its_value(rt: rv.Runtime) -> None:
    assert rt.submit(work.everything, one=rt.share("x")).result() == ((), {"one": "x"})


def test_shared_value_can_be_used_many_times(rt: rv.Runtime) -> None:
    shared = rt.share(list(range(1000)))
    assert [rt.submit(sum, shared).result() for _ in range(20)] == [499_500] * 20


def test_shared_value_can_be_an_argument_of_every_item_of_a_map(rt: rv.Runtime) -> None:
    shared = rt.share(10)
    assert rt.map(work.add, range(50), [shared] * 50).list() == list(range(10, 60))


@pytest.mark.parametrize("size", [1, 100, 1_000_000])
def test_shared_array_arrives_read_only(rt: rv.Runtime, size: int) -> None:
    np = pytest.importorskip("numpy")
    shared = rt.share(np.ones(size))
    assert rt.submit(work.is_writable, shared).result() is False
    with pytest.raises(ValueError, match="read-only"):
        rt.submit(work.write_first, shared).result()
    assert rt.submit(work.total, shared).result() == size


def test_copy_is_made_when_it_is_shared(rt: rv.Runtime) -> None:
    np = pytest.importorskip("numpy")
    array = np.ones(100_000)
    shared = rt.share(array)
    array[:] = 5
    assert rt.submit(work.total, shared).result() == 100_000


def test_sharing_leaves_the_callers_array_writable(rt: rv.Runtime) -> None:
    np = pytest.importorskip("numpy")
    array = np.ones(100_000)
    rt.share(array)
    array[0] = 2
    assert array[0] == 2


def test_writable_task_changes_its_own_pages_only(rt: rv.Runtime) -> None:
    np = pytest.importorskip("numpy")
    shared = rt.share(np.ones(100_000))
    assert rt.options(writable=True).submit(work.write_first, shared).result() == 99.0
    assert [rt.submit(work.total, shared).result() for _ in range(4)] == [100_000.0] * 4


def test_what_cannot_be_pickled_cannot_be_shared(rt: rv.Runtime) -> None:
    import threading

    with pytest.raises(rv.NotSerializable):
        rt.share(threading.Lock())


@pytest.mark.needs("parallel")
def test_value_lives_until_the_task_that_uses_it_has_ended(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    np = pytest.importorskip("numpy")
    gate: Any = keeper.gate
    shared = rt.share(np.ones(200_000))

    def late_total(array: Any) -> float:
        gate.pass_through()
        return float(array.sum())

    task = rt.submit(late_total, shared)
    keeper.wait_for(1)
    del shared
    keeper.release()
    assert task.result() == 200_000


def test_share_and_release_many_times_does_not_run_out(rt: rv.Runtime) -> None:
    np = pytest.importorskip("numpy")
    for index in range(60):
        shared = rt.share(np.full(2_000_000, index, dtype=np.float64))
        assert rt.submit(lambda array: float(array[-1]), shared).result() == index


def test_shared_of_another_runtime_is_refused(rt: rv.Runtime, engine: EngineUnderTest) -> None:
    with rv.Runtime(workers=1, engine=engine.name) as other:
        shared = other.share([1])
        with pytest.raises((ValueError, rv.RavelerError)):
            rt.submit(work.identity, shared).result()
