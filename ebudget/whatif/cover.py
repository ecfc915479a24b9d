"""The fewest slices whose removal is enough, and of those the ones that give up least. Pure.

Runs that agree in every column are one cell. A slice is every cell with one value of a column, or
with two values of two columns. The number of slices is raised from none upwards; with each number
a branch and bound looks for the cheapest union. Two bounds end its branches, both exact integers:

* Of `j` more slices with gains above zero P and losses N, the union gains at most the sum of the P
  less the largest N, hence at most the sum of P − N/j, hence the `j` largest of these.
* A union costs as much as the dearest of its slices, and as much as the cheapest cells that gain
  enough, the last of them in part (G. Dantzig's fractional knapsack, Operations Research 5, 1957).

A slice that adds neither a cell with a gain above zero nor a must-cell is never tried: without it
the others gain no less, cost no more, hold the same must-cells, and are one slice fewer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cmp_to_key, reduce
from heapq import heappush, heapreplace
from operator import attrgetter, or_
from typing import NamedTuple

from ebudget.whatif.slices import Cell, Members, Slice, merged, slices_of

MOST_SLICES = 5
"""Slices that a person still takes in."""
MOST_STEPS = 400_000
"""Slices weighed, after which the search stops with the best it has."""


@dataclass(frozen=True)
class Cover:
    """Slices that are enough together. What several of them hold counts once."""

    slices: tuple[Slice, ...]
    """Those of one column first, then by the order of the columns and by value, None first."""
    cost: int
    gain: int
    proven: bool
    """Whether no fewer slices are enough, and no other so many at a lower cost."""
    bound: int
    """No cover of at most so many slices costs less."""


@dataclass(frozen=True)
class Search:
    """What a search found, and how far it got."""

    cover: Cover | None
    complete: bool
    """Whether the answer is proven: the cover as the best, or None as there being none."""
    steps: int
    """Slices weighed; the same on every machine."""


def smallest_cover(
    columns: Sequence[str],
    cells: Iterable[Cell],
    needed: int,
    most: int = MOST_SLICES,
    most_steps: int = MOST_STEPS,
    least: int = 0,
) -> Search:
    """At most `most` slices that gain at least `needed` and hold every must-cell.

    What is left over keeps at least `least`; more slices only leave less, so a cover that leaves
    too little is no part of a good one. Fewest slices first, then the lowest cost, the largest
    gain, the first in order. ValueError where a cell has no value for a column, or costs less
    than 1.
    """
    known = merged(cells, len(columns))
    if needed <= 0 and not any(cell.must for cell in known):
        return Search(Cover((), 0, 0, True, 0), True, 0)
    search = _BranchAndBound(slices_of(columns, known), known, needed, least)
    for number in range(1, most + 1):
        fewer_refuted = search.open is None
        # Each number leaves steps for those after it: a cover that may not be the best beats none.
        search.look_for(number, most_steps * (most + number) // (2 * most))
        if search.best is not None:
            cost, loss, chosen = search.best
            bound = cost if search.open is None else min(cost, search.open)
            proven = fewer_refuted and bound == cost
            names = tuple(search.slices[i].name for i in chosen)
            return Search(Cover(names, cost, -loss, proven, bound), proven, search.steps)
    return Search(None, search.open is None, search.steps)


@dataclass(frozen=True)
class _Taken:
    """Some slices, what they take together, and what each cell that is left weighs."""

    gains: list[int]
    plus: list[int]
    costs: list[int]
    musts: int
    """Must-cells that are left, as bits."""
    chosen: tuple[int, ...] = ()
    bits: int = 0
    gain: int = 0
    cost: int = 0

    def more(self, number: int, members: Members) -> _Taken:
        """These and one slice more; a cell that is taken weighs nothing."""
        gain = self.gain + sum(members.read(self.gains))
        cost = self.cost + sum(members.read(self.costs))
        gains, plus, costs = self.gains[:], self.plus[:], self.costs[:]
        for i in members.numbers:
            gains[i] = plus[i] = costs[i] = 0
        left, bits = self.musts & ~members.bits, self.bits | members.bits
        return _Taken(gains, plus, costs, left, (*self.chosen, number), bits, gain, cost)


class _Weighed(NamedTuple):
    """What a slice adds to those that are taken."""

    score: int
    """j·P − N: the most that it can contribute to `j` times the gain of `j` more slices."""
    number: int
    gain: int
    plus: int
    cost: int


_RANKS: tuple[Callable[[_Weighed], int], ...] = (
    lambda one: one.gain,
    lambda one: one.gain * abs(one.gain) // one.cost,
    lambda one: one.gain**3 // one.cost,
)
"""What a greedy start takes next: the most gain, and two trades of gain against cost."""

Found = tuple[int, int, tuple[int, ...]]
"""Cost, gain below zero, slices: the smallest is the best."""


@dataclass
class _BranchAndBound:
    """Depth first, what may gain most first, until the steps are used up."""

    slices: list[Members]
    cells: list[Cell]
    needed: int
    least: int = 0
    most_steps: int = 0
    best: Found | None = None
    open: int | None = None
    """The least that a cover in what was not searched can cost; None where all was searched."""
    steps: int = 0
    nothing: _Taken = field(init=False)
    by_price: list[int] = field(init=False)
    """Cells with a gain above zero, the cheapest for what they gain first."""

    def __post_init__(self) -> None:
        gains = [cell.gain for cell in self.cells] + [0]
        costs = [cell.cost for cell in self.cells] + [0]
        musts = sum(1 << i for i, cell in enumerate(self.cells) if cell.must)
        self.nothing = _Taken(gains, [max(0, gain) for gain in gains], costs, musts)

        def dearer(one: int, other: int) -> int:
            return costs[one] * gains[other] - costs[other] * gains[one]

        helpful = [i for i, cell in enumerate(self.cells) if cell.gain > 0]
        self.by_price = sorted(helpful, key=cmp_to_key(dearer))

    def look_for(self, number: int, most_steps: int) -> None:
        """Search the covers of so many slices until so many steps are used in all."""
        self.most_steps = most_steps
        everything = range(len(self.slices))
        if number == 1:
            self._complete(self.nothing, everything)
            return
        weighed = self._weighed(self.nothing, everything, number)
        if self._least_cost(self.nothing, weighed, number) is not None:
            self._guess(number)
            self._descend(self.nothing, everything, number, 0)

    # A first cover, so that branches end early

    def _guess(self, number: int) -> None:
        """Greedy from a few starts, then one slice exchanged while that is better."""
        everything = range(len(self.slices))
        for rank in _RANKS:
            for start in self._ranked(self.nothing, rank)[: 4 if self._has_steps else 1]:
                taken = self._take([start])
                while len(taken.chosen) < number - 1:
                    following = self._ranked(taken, rank)
                    if not following:
                        break
                    taken = taken.more(following[0], self.slices[following[0]])
                self._complete(taken, everything)
        before = None
        while self.best is not None and self.best != before and self._has_steps:
            before = self.best
            for left_out in before[2]:
                self._complete(self._take(i for i in before[2] if i != left_out), everything)

    def _take(self, numbers: Iterable[int]) -> _Taken:
        taken = self.nothing
        for number in numbers:
            taken = taken.more(number, self.slices[number])
        return taken

    def _ranked(self, taken: _Taken, rank: Callable[[_Weighed], int]) -> list[int]:
        """Slices that add something, those with the most must-cells first, then by rank."""

        def key(one: _Weighed) -> tuple[int, int, int]:
            musts = self.slices[one.number].bits & taken.musts
            return -musts.bit_count(), -rank(one), one.number

        weighed = self._weighed(taken, range(len(self.slices)), 1)
        return [one.number for one in sorted(weighed, key=key)]

    # The search

    @property
    def _has_steps(self) -> bool:
        return self.steps < self.most_steps

    def _room(self, taken: _Taken) -> int | None:
        """What more slices may cost without being dearer than the best; None for anything."""
        return None if self.best is None else self.best[0] - taken.cost

    def _offer(self, cost: int, gain: int, chosen: Iterable[int]) -> None:
        found = (cost, -gain, tuple(sorted(chosen)))
        if (self.best is None or found < self.best) and self._leaves_enough(found[2]):
            self.best = found

    def _leaves_enough(self, chosen: Iterable[int]) -> bool:
        if not self.least:
            return True
        self.steps += 1
        gone = reduce(or_, (self.slices[number].bits for number in chosen), 0)
        left = sum(cell.keep for i, cell in enumerate(self.cells) if not gone >> i & 1)
        return left >= self.least

    def _leave(self, taken: _Taken, branches: Iterable[_Weighed], floor: int) -> None:
        """Remember the least that covers with one of these slices cost, which are not searched."""
        floor = max(floor, taken.cost + min(one.cost for one in branches))
        self.open = floor if self.open is None else min(floor, self.open)

    def _complete(self, taken: _Taken, candidates: Iterable[int]) -> None:
        """Every cover with one slice more."""
        needed = self.needed - taken.gain
        for number in candidates:
            members = self.slices[number]
            if taken.musts & ~members.bits:
                continue
            self.steps += 1
            gain = sum(members.read(taken.gains))
            if gain >= needed:
                cost = taken.cost + sum(members.read(taken.costs))
                self._offer(cost, taken.gain + gain, (*taken.chosen, number))

    def _weighed(self, taken: _Taken, candidates: Iterable[int], j: int) -> list[_Weighed]:
        """What each candidate adds, without those that cannot help or cost too much."""
        found, room = [], self._room(taken)
        for number in candidates:
            members = self.slices[number]
            self.steps += 1
            plus = sum(members.read(taken.plus))
            if not plus and not members.bits & taken.musts:
                continue
            cost = sum(members.read(taken.costs))
            if room is None or cost <= room:
                gain = sum(members.read(taken.gains))
                found.append(_Weighed((j - 1) * plus + gain, number, gain, plus, cost))
        return found

    def _descend(self, taken: _Taken, candidates: Iterable[int], j: int, floor: int) -> None:
        """Every cover with `j` slices more of the candidates; none costs less than `floor`."""
        weighed = self._weighed(taken, candidates, j)
        least = self._least_cost(taken, weighed, j)
        if least is None or (self.best is not None and least > self.best[0]):
            return
        floor = max(floor, least)
        weighed.sort(key=lambda one: (-one.score, one.number))
        first, branches = self._branches(taken, weighed)
        if j == 2:
            self._pairs(taken, first, branches, floor)
            return
        for place, one in enumerate(first[:branches]):
            following = first[place + 1 :]
            # Only where there are must-cells may what follows score more than what comes before.
            best = (weighed if taken.musts else following)[: j - 1]
            if sum(other.score for other in (one, *best)) < j * (self.needed - taken.gain):
                return
            if not self._has_steps:
                self._leave(taken, first[place:branches], floor)
                return
            here = max(floor, taken.cost + one.cost)
            if self.best is None or here <= self.best[0]:
                more = taken.more(one.number, self.slices[one.number])
                self._descend(more, [other.number for other in following], j - 1, here)

    def _branches(self, taken: _Taken, weighed: list[_Weighed]) -> tuple[list[_Weighed], int]:
        """The candidates, and how many from the first on a cover has at least one of.

        Those are the slices that hold one must-cell, the cell that the fewest hold; or all.
        """
        if not taken.musts:
            return weighed, len(weighed)
        held_by = Counter(i for one in weighed for i in self.slices[one.number].numbers)
        musts = (i for i in range(len(self.cells)) if taken.musts >> i & 1)
        rarest = min(musts, key=lambda i: held_by[i])
        first: list[_Weighed] = []
        others: list[_Weighed] = []
        for one in weighed:
            holds = self.slices[one.number].bits >> rarest & 1
            (first if holds else others).append(one)
        return first + others, len(first)

    def _pairs(self, taken: _Taken, first: list[_Weighed], branches: int, floor: int) -> None:
        """Every cover with two slices more, one of the first so many and one that follows it."""
        needed = self.needed - taken.gain
        scores = [-one.score for one in first]
        for place, one in enumerate(first[:branches]):
            if not self._has_steps:
                self._leave(taken, first[place:branches], floor)
                return
            room = self._room(taken)
            if room is not None and one.cost > room:
                continue
            end = len(first)
            if branches == end:  # sorted by score throughout
                end = bisect_right(scores, one.score - 2 * needed)
            want, minus = needed - one.gain, one.plus - one.gain
            left = taken.musts & ~self.slices[one.number].bits
            self.steps += max(0, end - place) // 8
            close = [
                other
                for other in first[place + 1 : end]
                if other.plus >= want
                and other.gain + minus >= want
                and (room is None or other.cost <= room)
                and not left & ~self.slices[other.number].bits
            ]
            self._complete_pairs(taken, one, close)

    def _complete_pairs(self, taken: _Taken, one: _Weighed, others: list[_Weighed]) -> None:
        """Every cover with this slice and one of the others."""
        needed = self.needed - taken.gain - one.gain
        new = self.slices[one.number].bits & ~taken.bits
        both = None
        for other in others:
            members = self.slices[other.number]
            gain, cost = other.gain, other.cost
            if new & members.bits:
                self.steps += 1
                both = both or taken.more(one.number, self.slices[one.number])
                gain = sum(members.read(both.gains))
                cost = sum(members.read(both.costs)) if gain >= needed else 0
            if gain >= needed:
                self._offer(
                    taken.cost + one.cost + cost,
                    taken.gain + one.gain + gain,
                    (*taken.chosen, one.number, other.number),
                )

    # Bounds

    def _least_cost(self, taken: _Taken, weighed: Sequence[_Weighed], j: int) -> int | None:
        """The least that a cover with `j` of these slices more costs; None where there is none."""
        counts = [(self.slices[one.number].bits & taken.musts).bit_count() for one in weighed]
        if sum(sorted(counts)[-j:]) < taken.musts.bit_count():
            return None
        dearest = _least_dearest(weighed, j, self.needed - taken.gain)
        if dearest is None:
            return None
        return taken.cost + max(dearest, self._least_cost_of_cells(taken))

    def _least_cost_of_cells(self, taken: _Taken) -> int:
        """The least that cells cost that gain what is needed, rounded up."""
        needed, cost = self.needed - taken.gain, 0
        for i in range(len(self.cells)):
            if taken.musts >> i & 1:
                needed -= self.cells[i].gain
                cost += self.cells[i].cost
        for i in self.by_price:
            if needed <= 0:
                break
            if (taken.musts | taken.bits) >> i & 1:
                continue
            cell = self.cells[i]
            cost += cell.cost if needed >= cell.gain else -(-cell.cost * needed // cell.gain)
            needed -= cell.gain
        return cost


def _least_dearest(weighed: Sequence[_Weighed], j: int, needed: int) -> int | None:
    """The least that the dearest of `j` slices costs which may gain what is needed; None: none do.

    The slices of a cover are among those that cost at most what it costs.
    """
    scores: list[int] = []
    for one in sorted(weighed, key=attrgetter("cost")):
        if len(scores) < j:
            heappush(scores, one.score)
        elif one.score > scores[0]:
            heapreplace(scores, one.score)
        else:
            continue
        if len(scores) == j and sum(scores) >= j * needed:
            return one.cost
    return None
