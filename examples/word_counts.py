"""Count the words of a text on all cores: map for the parts, reduce for the whole.

The text is the language reference that Python carries with it (pydoc's topics). `reduce` joins the parts over a tree
whose shape depends on their number alone, so the answer is the same for any number of workers.

    python examples/word_counts.py
"""

from __future__ import annotations

import re
from collections import Counter
from pydoc_data.topics import topics

import raveler as rv


def count(text: str) -> Counter[str]:
    """Return how often each word stands in a text."""
    return Counter(re.findall(r"[a-z]{4,}", text.lower()))


def join(left: Counter[str], right: Counter[str]) -> Counter[str]:
    """Return the sum of two counts."""
    return left + right


with rv.Runtime() as rt:
    parts = rt.map(count, topics.values()).list()
    words = rt.reduce(join, parts).result()

print(f"{len(topics)} topics, {words.total():,} words, {len(words):,} different ones")
for word, times in words.most_common(5):
    print(f"{times:6,}  {word}")
