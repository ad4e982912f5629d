"""Options, limits and settings: what is accepted, in which form it goes on, and what a refusal says."""

from __future__ import annotations

from typing import Any

import pytest

import raveler as rv
from raveler._core import limits, options, settings


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ({"retries": 0}, {"retries": 0}),
        ({"retry_on": ValueError}, {"retry_on": (ValueError,)}),
        ({"retry_on": [ValueError, KeyError]}, {"retry_on": (ValueError, KeyError)}),
        ({"backoff": 0.5}, {"backoff": (0.5, 2.0, 60.0)}),
        ({"backoff": (0.5, 3)}, {"backoff": (0.5, 3.0, 60.0)}),
        ({"backoff": (90, 1, 2)}, {"backoff": (90.0, 1.0, 90.0)}),
        ({"timeout": 3}, {"timeout": 3.0}),
        ({"limit": "db"}, {"limit": ("db",)}),
        ({"limit": ["db", "api", "db"]}, {"limit": ("db", "api")}),
        ({"memory": "2GiB"}, {"memory": 2 * 2**30}),
        ({"memory": "1.5 MB"}, {"memory": 1_500_000}),
        ({"memory": 4096}, {"memory": 4096}),
        ({"gpu": 0.5}, {"gpu": 0.5}),
        ({"timeout": None}, {}),
        (
            {"key": "a", "name": "b", "writable": True, "on": "thread"},
            {"key": "a", "name": "b", "writable": True, "on": "thread"},
        ),
    ],
)
def test_options_take_one_form(given: dict[str, Any], form: dict[str, Any]) -> None:
    assert options.checked(given) == form


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"retry": 1}, TypeError),
        ({"retries": -1}, ValueError),
        ({"retries": 1.5}, TypeError),
        ({"retries": True}, TypeError),
        ({"retry_on": "ValueError"}, TypeError),
        ({"retry_on": ()}, TypeError),
        ({"backoff": -1}, ValueError),
        ({"backoff": (1, 0.5)}, ValueError),
        ({"backoff": ()}, ValueError),
        ({"backoff": (1, 2, 3, 4)}, ValueError),
        ({"timeout": 0}, ValueError),
        ({"timeout": float("inf")}, ValueError),
        ({"limit": 3}, TypeError),
        ({"memory": "much"}, ValueError),
        ({"memory": "2 QiB"}, ValueError),
        ({"memory": 0}, ValueError),
        ({"on": "moon"}, ValueError),
        ({"writable": 1}, TypeError),
        ({"key": 1.5}, TypeError),
        ({"name": ""}, TypeError),
    ],
)
def test_a_refusal_names_the_option_and_the_value(given: dict[str, Any], error: type[Exception]) -> None:
    (name, value) = next(iter(given.items()))
    with pytest.raises(error) as caught:
        options.checked(given)
    assert name in str(caught.value)
    assert repr(value) in str(caught.value) or name == "retry"


def test_limits_take_one_form() -> None:
    assert limits.normalised({"db": 4, "api": rv.Rate(10, per=2)}) == {"db": 4, "api": (10, 2.0)}
    assert limits.normalised(None) == {}


@pytest.mark.parametrize("wrong", [{"db": 0}, {"db": "4"}, {"db": True}, {"": 1}, {3: 1}, 7])
def test_wrong_limits_are_refused(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        limits.normalised(wrong)


def test_a_rate_shows_and_compares_what_it_allows() -> None:
    assert repr(rv.Rate(10, per=1.0)) == "Rate(10, per=1.0)"
    assert rv.Rate(3) == rv.Rate(3, per=1)
    assert hash(rv.Rate(3)) == hash(rv.Rate(3, per=1))
    assert rv.Rate(3) != rv.Rate(4)
    wrongs: list[dict[str, Any]] = [
        {"count": 0},
        {"count": 1, "per": 0},
        {"count": 1, "per": float("inf")},
        {"count": 1.5},
    ]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="Rate"):
            rv.Rate(**wrong)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"workers": 0}, ValueError),
        ({"workers": "2"}, TypeError),
        ({"engine": "moon"}, ValueError),
        ({"engine": "ray"}, rv.EngineUnavailable),
        ({"engine": "dask://host:1"}, rv.EngineUnavailable),
        ({"seed": -1}, ValueError),
        ({"seed": 2**64}, ValueError),
        ({"seed": True}, TypeError),
        ({"preload": "numpy"}, TypeError),
        ({"preload": ["not a module"]}, ValueError),
        ({"memory": "none"}, ValueError),
    ],
)
def test_wrong_settings_are_refused(changed: dict[str, Any], error: type[Exception]) -> None:
    right: dict[str, Any] = {
        "workers": None,
        "engine": "local",
        "seed": 0,
        "limits": None,
        "memory": None,
        "preload": (),
        "trace": None,
    }
    assert settings.checked(**right)["preload"] == ()
    with pytest.raises(error):
        settings.checked(**{**right, **changed})
