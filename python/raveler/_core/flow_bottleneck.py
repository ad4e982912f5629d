"""The bottleneck of a flow, in words that follow from what was measured.

What is looked at, in this order; the first that holds is told.

1. **A full stage.** The *load* of a stage is the share of its capacity that was in use: the seconds that its items ran,
   over capacity times elapsed seconds. A stage that waited for a limit counts as full for that time, for it could do no
   more. Load and waiting overlap, so the larger of the two is taken. From `FULL` on a stage is full, and the fullest is
   the bottleneck: all others have capacity to spare, whatever they wait for. `FULL` lies below 1 because a flow
   fills and drains: with a run of 20 s and 2 s at each end the stage that was full all the time shows 80 to 90 %.
   Stages in processes share the workers, so there the loads are added before they are compared.
2. **The consumer.** For `MOST` of the time whoever takes the results was busy with one, and nothing was pulled.
3. **The source.** The thread of the consumer, which pulls the source and hands items on, did that for `MOST` of the
   time, and longer than `SMALL_S` for each item: so long takes only a source that waits or computes.
4. **Small items.** The same, but less than `SMALL_S` for each item: that is what handing them on costs.
5. **The order.** A stage waited for room for `SOME` of the time while the next one waited for items for `MOST` of it:
   what the next one needs is held back behind an item that takes long.
6. **Few items.** Not even one item for each that could run at once: the time is that of single items.
7. **Never idle.** A stage ran something for `FULL` of the time and waited for others for less than `SOME` of it, though
   its load is lower: it always had work, and what is missing is spent between its items, or by others on the machine.
8. **Nothing.** No stage is full and nobody waits much for one thing: the time lies in each of them a little.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from raveler._core import amounts
from raveler._core.columns import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from raveler._core.flow_report import FlowReport, StageReport

FULL = 0.75
MOST = 0.5
SOME = 0.25
SMALL_S = 50e-6
_WORTH_TELLING = 0.1


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """What holds a flow up."""

    stage: int | None
    """The index of the stage, or None if it is not a stage, or not one alone."""
    name: str
    """The stage, ``the source`` or ``the consumer``; empty if there is no bottleneck."""
    words: str
    """What was measured, and what to change."""


def found(report: FlowReport) -> Bottleneck:
    """Return the bottleneck, by the rules of this module."""
    if report.seconds <= 0 or not report.items:
        return Bottleneck(None, "", "Nothing has gone through yet.")
    look = _Look(report)
    index = look.fullest()
    if look.pressure(index) >= FULL:
        return Bottleneck(index, printable(report.stages[index].name), look.words_of_full(index))
    for rule in (look.consumer, look.source, look.small_items, look.order, look.few_items, look.never_idle):
        answer = rule()
        if answer is not None:
            return answer
    busiest = look.told_load(index)
    words = f"No stage is full; the busiest is {busiest}. Nothing in particular holds the flow up."
    return Bottleneck(None, "", words)


class _Look:
    """One look at a report."""

    def __init__(self, report: FlowReport) -> None:
        """Keep what the rules need."""
        self._report = report
        self._seconds = report.seconds
        self._stages = report.stages
        self._pool = self._load_of_the_pool()
        indices = range(len(report.stages))
        # What only joins stages does not wait by itself: those at its two ends do.
        self._working = [index for index in indices if report.stages[index].occupied > 0] or list(indices)

    def fullest(self) -> int:
        """Return the stage under the highest pressure; where they share workers, the one that takes most of them."""
        return max(
            range(len(self._stages)),
            key=lambda index: (self.pressure(index), self._stages[index].load(self._seconds)),
        )

    def pressure(self, index: int) -> float:
        """Return how full a stage is, from 0 to 1: it runs what it can, or a limit forbids more."""
        stage = self._stages[index]
        load = self._pool if _shares_workers(stage) else stage.load(self._seconds)
        return max(load, self._part(stage.limit))

    def told_load(self, index: int) -> str:
        """Return a stage with its load."""
        return f"{self._name(index)}, at {amounts.share(self._stages[index].load(self._seconds))} of its capacity"

    def words_of_full(self, index: int) -> str:
        """Return what a full stage was measured at, who waits for it, what to change, and who is next."""
        stage = self._stages[index]
        is_limited = self._part(stage.limit) >= FULL > stage.load(self._seconds)
        if is_limited:
            fact = f"{self._name(index)} waited for its limit {amounts.share(self._part(stage.limit))} of the time"
            change = "Raise the limit, if what stands behind it can bear more."
        else:
            fact, change = self._fact(index), self._change(index)
        return " ".join(filter(None, [f"{fact}{self._waiters(index)}.", change, self._next_after(index)]))

    def consumer(self) -> Bottleneck | None:
        """Say whether whoever takes the results is slow."""
        part = self._part(self._report.away)
        if part < MOST:
            return None
        words = (
            f"The consumer is the bottleneck: {amounts.share(part)} of the time it was busy with a result before it "
            "took the next one. Do less between two results, or move that work into a stage."
        )
        return Bottleneck(None, "the consumer", words)

    def source(self) -> Bottleneck | None:
        """Say whether items come slowly."""
        part = self._part(self._report.pulling)
        if part < MOST or self._pulling_each() < SMALL_S:
            return None
        words = (
            f"The source is the bottleneck: {amounts.share(part)} of the time went into pulling it, "
            f"{amounts.duration(self._pulling_each())} an item. Make it faster, or let it give less (names or URLs) "
            "and do its work in a stage."
        )
        return Bottleneck(None, "the source", words)

    def small_items(self) -> Bottleneck | None:
        """Say whether items are so small that handing them on is what takes the time."""
        part = self._part(self._report.pulling)
        if part < MOST:
            return None
        words = (
            f"No stage is full: {amounts.share(part)} of the time went into handing items on, "
            f"{amounts.duration(self._pulling_each())} an item. Put more into one item, or stages of one place beside "
            "each other, so that they run as one."
        )
        return Bottleneck(None, "handing on", words)

    def order(self) -> Bottleneck | None:
        """Say whether results wait for an earlier one."""
        for index, behind in pairwise(self._working):
            stage = self._stages[index]
            held, waited = self._part(stage.room), self._part(self._stages[behind].input)
            if held >= SOME and waited >= MOST:
                words = (
                    f"The order holds {self._name(index)} up: its window was full behind an item that took long for "
                    f"{amounts.share(held)} of the time, while {self._name(behind)} waited for items "
                    f"{amounts.share(waited)} of it. Give it a larger window, or ordered=False."
                )
                return Bottleneck(index, printable(stage.name), words)
        return None

    def few_items(self) -> Bottleneck | None:
        """Say whether there was less to do than could run at once."""
        index = self._longest()
        stage = self._stages[index]
        if not 0 < stage.items_in <= stage.capacity or stage.capacity == 1:
            return None
        words = (
            f"There were too few items to fill a stage: {self._name(index)} could run {stage.capacity:,} at once "
            f"and had {amounts.plural(stage.items_in, 'item')}. The time is that of single items, "
            f"{amounts.duration(stage.seconds_per_item)} each there."
        )
        return Bottleneck(None, "", words)

    def never_idle(self) -> Bottleneck | None:
        """Say whether a stage had work all the time and still could not use all its capacity."""
        stages = self._stages
        always = [
            index
            for index in self._working
            if self._part(stages[index].busy) >= FULL
            and self._part(stages[index].input + stages[index].room + stages[index].limit) < SOME
        ]
        if not always:
            return None
        index = max(always, key=lambda index: stages[index].load(self._seconds))
        words = (
            f"{self._name(index)} is the bottleneck: it had something to do "
            f"{amounts.share(self._part(stages[index].busy))} of the time, though only "
            f"{amounts.share(stages[index].load(self._seconds))} of its capacity was in use: the rest went into the "
            "time between items, or to others on this machine. Put more into one item, or leave it more of the machine."
        )
        return Bottleneck(index, printable(stages[index].name), words)

    def _fact(self, index: int) -> str:
        stage = self._stages[index]
        load = amounts.share(stage.load(self._seconds))
        name = self._name(index)
        if _shares_workers(stage):
            pool = amounts.share(self._pool)
            workers = "its worker was" if stage.capacity == 1 else f"its {stage.capacity:,} workers were"
            shared = f", {load} with this stage" if load != pool else ""
            return f"{name} is the bottleneck: {workers} busy {pool} of the time{shared}"
        if stage.capacity <= 1:
            return f"{name} is the bottleneck: it was at work {load} of the time"
        return f"{name} is the bottleneck: of the {stage.capacity:,} that it may run at once, {load} ran on average"

    def _change(self, index: int) -> str:
        stage = self._stages[index]
        if _is_sink(stage, index, len(self._stages)):
            return "A larger batch (fewer, larger writes) or a faster target would help."
        if _shares_workers(stage):
            return self._change_of_processes(stage)
        if stage.place == "thread":
            return 'Raise its concurrency if it waits for something; if it computes, leave out on="thread".'
        if stage.place in {"loop", "native"}:
            return "Raise its concurrency, if the other side can bear more."
        return "It runs in one place: make it do less, or move the work into a map."

    def _change_of_processes(self, stage: StageReport) -> str:
        cores = self._report.cores
        if stage.capacity < cores:
            return f"Give it more workers: this machine has {cores} cores for them."
        # Busy workers are measured, busy cores are not: what a worker does may be waiting.
        return (
            f"There is a worker for each core ({cores}): if it computes, only less work in an item, or more cores, "
            'would help; if it waits for something, on="thread" lets more of it wait at once.'
        )

    def _waiters(self, index: int) -> str:
        """Return who waits for the stage: the one before it for room, the one behind it for items."""
        before = max((other for other in self._working if other < index), default=None)
        behind = min((other for other in self._working if other > index), default=None)
        waits: list[tuple[int, str, float]] = []
        if before is not None:
            waits.append((before, "room", self._part(self._stages[before].room)))
        if behind is not None:
            waits.append((behind, "items", self._part(self._stages[behind].input)))
        told = [
            f"{self._name(other)} waited for {what} {amounts.share(part)} of it"
            for other, what, part in waits
            if part >= _WORTH_TELLING
        ]
        return f"; {' and '.join(told)}" if told else ""

    def _next_after(self, index: int) -> str:
        """Return who would be full next: the flow gets faster only until then."""
        rivals = [other for other in range(len(self._stages)) if other != index and self._is_rival(index, other)]
        if not rivals:
            return ""
        other = max(rivals, key=self.pressure)
        if self.pressure(other) < _WORTH_TELLING:
            return ""
        return f"Next would be {self._name(other)}, at {amounts.share(self.pressure(other))} of its capacity."

    def _is_rival(self, index: int, other: int) -> bool:
        """Tell whether another stage has a capacity of its own, so that it may become the bottleneck by itself."""
        return not (_shares_workers(self._stages[index]) and _shares_workers(self._stages[other]))

    def _pulling_each(self) -> float:
        return self._report.pulling / self._report.items

    def _longest(self) -> int:
        return max(range(len(self._stages)), key=lambda index: self._stages[index].seconds_per_item)

    def _load_of_the_pool(self) -> float:
        pooled = [stage for stage in self._stages if _shares_workers(stage)]
        offered = max((stage.capacity for stage in pooled), default=0) * self._seconds
        return min(1.0, sum(stage.occupied for stage in pooled) / offered) if offered > 0 else 0.0

    def _part(self, seconds: float) -> float:
        return min(1.0, max(0.0, seconds / self._seconds))

    def _name(self, index: int) -> str:
        return f"'{printable(self._stages[index].name)}'"


def _shares_workers(stage: StageReport) -> bool:
    return stage.place == "process" and stage.capacity > 0


def _is_sink(stage: StageReport, index: int, stages: int) -> bool:
    return index == stages - 1 and stage.name.startswith("to ")
