"""The fingerprint of a call that keeps a journal: what its results depend on, and what changed since, in words."""

from __future__ import annotations

import json
import sys
from typing import NamedTuple

from raveler import _raveler
from raveler._core.code_digest import CHANGED, facts_of, name_of, value_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

NOTHING = "None"


class Part(NamedTuple):
    """One function or stage of a call."""

    kind: str
    """The verb: ``map``, ``filter``, ``batch``, ..."""
    name: str
    """The name of its function, or an empty text."""
    facts: dict[str, str]
    """What decides over its results, from the code."""
    options: dict[str, str]
    """What decides over its results, from the arguments; what is not here is None."""

    def __str__(self) -> str:
        """Return the verb and the name."""
        return f"{self.kind} {self.name}".rstrip()


def part(kind: str, function: object = None, options: Mapping[str, Any] | None = None) -> Part:
    """Return a part of a fingerprint.

    ``options`` are those that can change a result: not how many run at once, nor how far ahead.
    """
    given = {name: value_text(value) for name, value in (options or {}).items() if value is not None}
    if function is None:
        return Part(kind, "", {}, given)
    return Part(kind, name_of(function), facts_of(function), given)


class Fingerprint(NamedTuple):
    """What the results of a call depend on, beside its items."""

    parts: tuple[Part, ...]
    seed: str
    python: str
    raveler: str

    @classmethod
    def of(cls, parts: tuple[Part, ...], *, seed: int) -> Fingerprint:
        """Return the fingerprint of a call with these parts, in this process."""
        python = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return cls(parts, str(seed), python, _raveler.version.partition(".")[0])

    @property
    def call(self) -> str:
        """The call in words: its verbs and functions."""
        return ", ".join(map(str, self.parts))

    def as_json(self) -> str:
        """Return it as text."""
        return json.dumps(self._asdict() | {"parts": [each._asdict() for each in self.parts]})

    @classmethod
    def from_json(cls, text: str) -> Fingerprint:
        """Return what `as_json` made a text of.

        Raises:
            ValueError: If the text is none.
        """
        try:
            content = json.loads(text)
            parts = tuple(Part(**each) for each in content.pop("parts"))
            return cls(parts=parts, **content)
        except (TypeError, KeyError, AttributeError) as error:
            message = f"{text[:40]!r} is no fingerprint"
            raise ValueError(message) from error

    def changes_since(self, old: Fingerprint) -> list[str]:
        """Return what differs from an older one, each change in words."""
        changes = list(_changed("the seed of the runtime", old.seed, self.seed))
        changes += _changed("the major version of raveler", old.raveler, self.raveler)
        changes += _changed("Python", old.python, self.python)
        if [each.kind for each in old.parts] != [each.kind for each in self.parts]:
            return [*changes, f"the call was {old.call} and is {self.call}"]
        for before, now in zip(old.parts, self.parts, strict=True):
            # Each version of Python compiles the same function to other code.
            changes += _part_changes(before, now, with_code=old.python == self.python)
        return changes


def _part_changes(old: Part, new: Part, *, with_code: bool) -> Iterator[str]:
    if old.name != new.name:
        yield f"the function of {new.kind} was {old.name} and is {new.name}"
        with_code = False
    if with_code:
        for label in {**old.facts, **new.facts}:
            if label not in new.facts:
                yield f"{label} is gone"
            elif label not in old.facts:
                yield f"{label} is new"
            else:
                yield from _changed(label, old.facts[label], new.facts[label])
    for name in sorted({**old.options, **new.options}):
        yield from _changed(name, old.options.get(name, NOTHING), new.options.get(name, NOTHING))


def _changed(label: str, old: str, new: str) -> Iterator[str]:
    if old == new:
        return
    if old.startswith(CHANGED) or new.startswith(CHANGED):
        yield f"{label} changed"
    else:
        yield f"{label} was {old} and is {new}"
