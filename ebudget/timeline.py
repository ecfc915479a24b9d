"""What runs amount to for one budget, and the same over time. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from operator import add, sub

from ebudget.quantities import NANO


@dataclass(frozen=True)
class Figures:
    """What a set of runs amounts to for one budget: whole numbers, so that sums stay exact."""

    runs: int = 0
    eligible: int = 0
    unlabelled: int = 0
    unmeasured: int = 0
    spenders: int = 0
    """Runs that spend."""
    hits: int = 0
    """Runs that earn and spend exactly 1."""
    instant: int = 0
    spent: int = 0
    """1e-9 of the unit, instant events aside."""
    value: int = 0
    """1e-9 US dollars that successes brought."""
    unvalued: int = 0
    """Successes whose workflow has no declared value."""

    def __add__(self, other: Figures) -> Figures:
        return Figures(*map(add, self.row, other.row))

    def __sub__(self, other: Figures) -> Figures:
        return Figures(*map(sub, self.row, other.row))

    @property
    def row(self) -> tuple[int, ...]:
        """The figures in the order of the fields."""
        return (
            self.runs,
            self.eligible,
            self.unlabelled,
            self.unmeasured,
            self.spenders,
            self.hits,
            self.instant,
            self.spent,
            self.value,
            self.unvalued,
        )

    @property
    def amount(self) -> Fraction:
        """What was spent, instant events aside, in the unit."""
        return Fraction(self.spent, NANO)


MEASURES = tuple(field.name for field in fields(Figures))


class Timeline:
    """The figures of one group over time; any window between two edges is one subtraction."""

    def __init__(self, edges: Sequence[int]) -> None:
        self._edges = edges
        self._buckets: list[int] = []
        self._totals: list[Figures] = [Figures()]

    def append(self, bucket: int, figures: Figures) -> None:
        """Add the figures of the next bucket that has any."""
        self._buckets.append(bucket)
        self._totals.append(self._totals[-1] + figures)

    def between(self, after: int, until: int) -> Figures:
        """The figures of the runs after one edge, up to and with another."""
        low = bisect_right(self._buckets, bisect_left(self._edges, after))
        high = bisect_right(self._buckets, bisect_left(self._edges, until))
        return self._totals[high] - self._totals[low]
