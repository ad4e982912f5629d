"""Keys of items: equal for equal items in every process, none for what has no stable text."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from raveler._core.journal_keys import LONGEST, key_of


@pytest.mark.parametrize(
    ("item", "key"),
    [
        (5, "5"),
        (-5, "-5"),
        ("5", "'5'"),
        (b"5", "b'5'"),
        (5.0, "5.0"),
        (True, "True"),
        (None, "None"),
        ("é\n", "'\\xe9\\n'"),
        ("\udc80", "'\\udc80'"),
        ((1, "a"), "(1, 'a')"),
        ([1, "a"], "[1, 'a']"),
        (Path("/a/b"), "Path('/a/b')"),
        (PurePosixPath("a"), "Path('a')"),
        ({"b": 1, "a": [2]}, "{'a': [2], 'b': 1}"),
        ({2, 1}, "{1, 2}"),
        ((1, (2, [Path("a")])), "(1, (2, [Path('a')],),)"),
    ],
)
def test_short_key_is_the_item_itself(item: Any, key: str) -> None:
    assert key_of(item) == key


class Text(str):
    """A text that may mean something else."""

    __slots__ = ()


@pytest.mark.parametrize("item", [object(), Text("a"), (1, object()), {"a": object()}, lambda: None, range(3)])
def test_item_of_other_parts_has_no_key(item: Any) -> None:
    assert key_of(item) is None


def test_item_within_itself_has_no_key() -> None:
    item: list[Any] = []
    item.append(item)
    assert key_of(item) == "[[...]]" or key_of(item) is None


def test_long_key_is_cut_and_still_tells_items_apart() -> None:
    one, other = key_of("x" * 1000 + "1"), key_of("x" * 1000 + "2")
    assert one is not None
    assert other is not None
    assert one != other
    assert one[:30] == other[:30]
    assert max(len(one), len(other)) <= LONGEST + 20


def test_numbers_of_any_length_have_a_key() -> None:
    assert key_of(10**6000) != key_of(10**6000 + 1)
    assert key_of((10**6000,)) is not None


def test_key_is_the_same_in_another_process() -> None:
    item = {"names": {"a", "b", "c", "d"}, "long": "x" * 200}
    code = f"from raveler._core.journal_keys import key_of; print(key_of({item!r}), end='')"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        )
        assert done.stdout == key_of(item)
