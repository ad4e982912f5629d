"""Fingerprints: blind to what can't change a result, and each change told in words."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from functools import lru_cache, partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from raveler._core.fingerprint import Fingerprint, part

if TYPE_CHECKING:
    from pathlib import Path


def of(function: object, **options: Any) -> Fingerprint:
    return Fingerprint.of((part("map", function, options),), seed=0)


def made(source: str, name: str = "parse", **names: Any) -> Any:
    """Return a function defined by source code of its own."""
    space: dict[str, Any] = {"__name__": "made", **names}
    exec(compile(source, "made.py", "exec"), space)  # noqa: S102 - the same name with different code
    return space[name]


def changes(old: object, new: object) -> list[str]:
    return of(new).changes_since(of(old))


PLAIN = "def parse(x, limit=3):\n    return [x + 1, limit]\n"


def test_same_code_is_the_same() -> None:
    assert changes(made(PLAIN), made(PLAIN)) == []


@pytest.mark.parametrize(
    "source",
    [
        "\n\n\n" + PLAIN,
        "# a comment\n" + PLAIN,
        'def parse(x, limit=3):\n    """Say what it does."""\n    return [x + 1, limit]\n',
        "def parse(x: int, limit: int = 3) -> list[int]:\n    return [x + 1,\n        limit]\n",
    ],
)
def test_what_does_not_change_a_result_does_not_count(source: str) -> None:
    assert changes(made(PLAIN), made(source)) == []


def test_docstring_alone_may_change() -> None:
    one, other = (made(f'def parse(x):\n    """{text}"""\n    return x\n') for text in ("One.", "Another."))
    assert changes(one, other) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def parse(x, limit=3):\n    return [x + 2, limit]\n", ["the code of parse changed"]),
        ("def parse(x, limit=3):\n    return [x - 1, limit]\n", ["the code of parse changed"]),
        ("def parse(x, limit=4):\n    return [x + 1, limit]\n", ["the default of limit in parse was 3 and is 4"]),
        (
            "def parse(x, limit=3):\n    return [(lambda: x + 1)(), limit]\n",
            ["the code of parse changed"],
        ),
    ],
)
def test_change_is_told(source: str, words: list[str]) -> None:
    assert changes(made(PLAIN), made(source)) == words


def test_code_within_code_counts() -> None:
    old, new = (made(f"def parse(x):\n    return [y + {number} for y in (lambda: x)()]\n") for number in (1, 2))
    assert changes(old, new) == ["the code of parse changed"]


def test_function_of_the_same_module_that_is_called_counts() -> None:
    source = "def clean(x):\n    return x.strip({})\n\ndef parse(x):\n    return clean(x)\n"
    assert changes(made(source.format("'a'")), made(source.format("'b'"))) == ["the code of clean changed"]
    assert changes(made(source.format("'a'")), made(source.format("'a'"))) == []


def test_functions_that_call_each_other_end() -> None:
    source = "def parse(x):\n    return other(x)\n\ndef other(x):\n    return parse(x) if x else x\n"
    assert changes(made(source), made(source)) == []


def test_closure_counts() -> None:
    def times(factor: int) -> Any:
        def multiply(x: int) -> int:
            return x * factor

        return multiply

    [change] = changes(times(2), times(3))
    assert change.startswith("factor around ")
    assert change.endswith(" was 2 and is 3")


def test_function_in_a_closure_counts() -> None:
    def around(inner: Any) -> Any:
        return lambda x: [inner(x)]

    assert changes(around(made(PLAIN)), around(made(PLAIN))) == []
    assert changes(around(made(PLAIN)), around(made(PLAIN.replace("1", "2")))) == ["the code of parse changed"]


def test_arguments_of_a_partial_count() -> None:
    assert changes(partial(pow, 2), partial(pow, 2)) == []
    assert changes(partial(pow, 2), partial(pow, 3)) == ["argument 0 of the partial pow was 2 and is 3"]
    assert changes(partial(pow, exp=2), partial(pow, exp=3)) == ["exp of the partial pow was 2 and is 3"]


def test_methods_of_a_class_count() -> None:
    source = "class Parser:\n    def __init__(self, n): self.n = n\n    def __call__(self, x): return x + {}\n"
    old, new = (made(source.format(number), "Parser") for number in (1, 2))
    assert changes(old, old) == []
    assert changes(old, new) == ["the code of Parser.__call__ changed"]
    assert changes(old(5), new(5)) == ["the code of Parser.__call__ changed"]
    assert changes(old(5), old(6)) == []
    assert changes(old(5).__call__, new(5).__call__) == ["the code of Parser.__call__ changed"]


def test_decorated_function_is_what_it_decorates() -> None:
    assert changes(made(PLAIN), rv.task(retries=2)(made(PLAIN))) == []


def test_object_of_a_method_counts_where_it_is_plain() -> None:
    assert changes(re.compile("a+").match, re.compile("a+").match) == []
    assert changes(re.compile("a+").match, re.compile("b+").match) == [
        "the object of Pattern.match was re.compile('a+', 32) and is re.compile('b+', 32)"
    ]
    assert changes(", ".join, "; ".join) == ["the object of str.join was ', ' and is '; '"]
    assert changes(math.sqrt, math.sqrt) == []


def test_function_in_a_cache_is_the_function() -> None:
    old, new = (lru_cache(made(PLAIN.replace("1", number))) for number in ("1", "2"))
    assert changes(old, new) == ["the code of parse changed"]
    source = "@cache\ndef clean(x):\n    return x.strip({})\n\ndef parse(x):\n    return clean(x)\n"
    old, new = (made(source.format(letter), cache=lru_cache) for letter in ("'a'", "'b'"))
    assert changes(old, new) == ["the code of clean changed"]


def test_code_of_the_standard_library_does_not_count() -> None:
    assert part("map", json.loads).facts == {}
    assert part("map", PurePath).facts == {}
    assert part("map", partial(json.loads, cls=None)).facts == {"cls of the partial loads": "None"}


def test_other_function_is_named() -> None:
    assert changes(made(PLAIN), len) == ["the function of map was parse and is len"]
    assert changes(rv.http.get, rv.files.read) == ["the function of map was get and is read"]


def test_options_are_told() -> None:
    old, new = of(len, timeout=5.0, retry_on=(OSError,)), of(len, retry_on=(OSError, ValueError), retries=1)
    assert new.changes_since(old) == [
        "retries was None and is 1",
        "retry_on was (builtins.OSError) and is (builtins.OSError, builtins.ValueError)",
        "timeout was 5.0 and is None",
    ]


def test_other_stages_are_told() -> None:
    old = Fingerprint.of((part("map", len), part("batch", None, {"size": 3})), seed=0)
    new = Fingerprint.of((part("map", len),), seed=1)
    assert new.changes_since(old) == [
        "the seed of the runtime was 0 and is 1",
        "the call was map len, batch and is map len",
    ]
    assert Fingerprint.of((part("batch", None, {"size": 4}),), seed=0).changes_since(
        Fingerprint.of((part("batch", None, {"size": 3}),), seed=0)
    ) == ["size was 3 and is 4"]


def test_code_of_another_python_is_not_compared() -> None:
    old = of(made(PLAIN))._replace(python="3.1")
    assert of(made(PLAIN.replace("1", "2"))).changes_since(old) == [
        f"Python was 3.1 and is {sys.version_info[0]}.{sys.version_info[1]}"
    ]


def test_it_survives_as_text() -> None:
    fingerprint = of(made(PLAIN), timeout=2.0)
    assert Fingerprint.from_json(fingerprint.as_json()) == fingerprint


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"parts": 5}', '{"parts": [], "other": 1}'])
def test_text_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"fingerprint|Expecting"):
        Fingerprint.from_json(text)


def test_it_is_the_same_in_another_process(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from raveler._core.fingerprint import Fingerprint, part\n"
        "class Parser:\n    def __call__(self, x): return x in {'a', 'b', 'c'}\n"
        "def parse(x, names=frozenset({'a', 'b', 'c', 'd'})):\n    return x in {'a', 'b', 'c'} or Parser()(x)\n"
        "print(Fingerprint.of((part('map', parse), part('filter', Parser())), seed=0).as_json())\n"
    )
    texts = {
        subprocess.run(
            [sys.executable, str(script)],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(texts) == 1
