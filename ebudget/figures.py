"""What runs amount to for one budget, and the same over time. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from operator import add, sub
from typing import NamedTuple, cast

from ebudget.quantities import NANO


class Figures(NamedTuple):
    """What a set of runs amounts to for one budget: exact numbers, whole but in what-ifs."""

    runs: int = 0
    eligible: int = 0
    unlabelled: int = 0
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

    def __add__(self, other: object) -> Figures:
        """The figures of the runs of both, not a longer tuple."""
        return (
            Figures._make(map(add, self, other)) if isinstance(other, Figures) else NotImplemented
        )

    def __sub__(self, other: Figures) -> Figures:
        return Figures._make(map(sub, self, other))

    @property
    def amount(self) -> Fraction:
        """What was spent, instant events aside, in the unit."""
        return Fraction(self.spent, NANO)


class Evidence(NamedTuple):
    """What the figures of a set of runs rest on, for one budget."""

    labelled: int = 0
    """Runs that somebody, or a rule that they match, has judged."""
    voiced: int = 0
    """Runs that have a value in a column that a rule which can spend reads; where there is none,
    such rules say nothing, whatever they come to."""
    judged: int = 0
    """Runs of which it is known whether they went well; where only rules can spend, also those on
    which every such rule can tell."""
    measured: int = 0
    """Runs of which the value is known that the budget counts or sums."""
    outages: int = 0
    """Runs that an outage of the provider ended: nobody has to judge them."""
    failed: int = 0
    """Runs that failed."""
    sighted: int = 0
    """Those of them on which a rule that can spend can tell whether it matches."""
    words: int = 0
    """Runs that say something of how they went."""
    unknown: int = 0
    """Those of them that say it with a word that nobody knows."""
    waiting: int = 0
    """Runs that nobody has judged and that do not earn."""
    hoped: int = 0
    """1e-9 US dollars that the runs that nobody has judged would have brought as successes."""
    unhoped: int = 0
    """Runs that nobody has judged, of workflows without a declared value."""
    negative: int = 0
    """1e-9 of the unit: what the amounts below zero come to."""


Values = tuple[str | None, ...]
"""One value for each of some columns."""


@dataclass(frozen=True)
class Facts:
    """What the accounts of a budget have to know of the whole log, and of the policy beside it."""

    only_failures: bool = False
    """Whether no record says that it went well, and the policy does not say that silence does."""
    is_silent: bool = False
    """Whether no counted run says anything of how it went."""
    max_unknown: Fraction = Fraction(1)
    has_rules: bool = False
    """Whether failure rules can spend the budget."""
    rules: tuple[str, ...] = ()
    """Those rules, where a failure that they miss spends less."""
    reads_outcome: bool = False
    """Whether what the budget counts, sums or earns by depends on what the log's outcome says."""
    first: int | None = None
    """The oldest counted run, in microseconds since 1970."""
    ends: int | None = None
    """The first instant after the local day of the newest one."""


@dataclass(frozen=True)
class Totals:
    """What the counted runs of a ledger are, whatever budgets make of them."""

    unlabelled: int
    """Nobody has judged them yet."""
    infrastructure: int
    """Ended by an outage of the provider."""
    no_outcome: int
    """Successes for want of an outcome, because the policy says so."""
    unselected: int
    """No budget selects them."""
    before: int
    """Older than every window."""
    rejected_values: tuple[tuple[str, int], ...]
    """Values that could not be read, as `column: reason` with the number of runs."""


NOT_MADE_FOR = "the ledger was not made for"
"""How errors begin that tell of a ledger which is asked more than its plan did."""
NOTHING = Figures()
MEASURES = (*Figures._fields, *Evidence._fields)
_WIDTH = len(Figures._fields)


class Timeline:
    """The figures of one group over time; any window between two edges is one subtraction."""

    def __init__(self, edges: Sequence[int], scale: int = 1) -> None:
        """`scale` is how many parts of a run the counts are in."""
        self._edges = edges
        self._scale = scale
        self._buckets: list[int] = []
        self._totals: list[tuple[int, ...]] = [(0,) * len(MEASURES)]

    def append(self, bucket: int, totals: tuple[int, ...]) -> None:
        """Add the next bucket that has any runs, with the totals up to and with it."""
        self._buckets.append(bucket)
        self._totals.append(totals)

    def between(self, after: int, until: int) -> Figures:
        """The figures of the runs after one edge, up to and with another."""
        low, high = self._places(after, until)
        if low == high:
            return NOTHING
        return Figures._make(self._difference(low, high, 0, _WIDTH))

    def evidence(self, after: int, until: int) -> Evidence:
        """What the figures of these runs rest on."""
        low, high = self._places(after, until)
        return Evidence._make(self._difference(low, high, _WIDTH, len(MEASURES)))

    def spent_after(self, edges: Iterable[int], until: int) -> Iterator[tuple[Fraction, int]]:
        """What was spent after each of some edges up to another, instant events aside, and how many
        of these there were.
        """
        spent, instant = (Figures._fields.index(name) for name in ("spent", "instant"))
        high = self._totals[bisect_right(self._buckets, self._bucket(until))]
        for edge in edges:
            low = self._totals[bisect_right(self._buckets, self._bucket(edge))]
            amount = Fraction(high[spent] - low[spent], NANO * self._scale)
            yield amount, self._scaled(high[instant] - low[instant])

    def _scaled(self, count: int) -> int:
        """A count in runs: in what-ifs with parts of runs it is exact, if not whole."""
        return count if self._scale == 1 else cast("int", Fraction(count, self._scale))

    def _places(self, after: int, until: int) -> tuple[int, int]:
        low = bisect_right(self._buckets, self._bucket(after))
        return low, bisect_right(self._buckets, self._bucket(until))

    def _bucket(self, edge: int) -> int:
        """The bucket that an edge ends. Raises ValueError for an instant that is none, since runs
        on either side of it are not told apart.
        """
        if not self._buckets:
            return 0
        place = bisect_left(self._edges, edge)
        if place == len(self._edges) or self._edges[place] != edge:
            raise ValueError(f"{NOT_MADE_FOR} these windows; evaluate its own policy")
        return place

    def _difference(self, low: int, high: int, first: int, last: int) -> Iterable[int]:
        row = map(sub, self._totals[high][first:last], self._totals[low][first:last])
        return row if self._scale == 1 else map(self._scaled, row)


def by_value(values: Iterable[str | None]) -> list[tuple[bool, str]]:
    """A key that sorts groups by their values: none first, then by code point."""
    return [(value is not None, value or "") for value in values]


class Lack(Enum):
    """What an account without a judgement lacks."""

    NO_RUN = "no_run"
    NOT_JUDGED = "not_judged"
    NOT_MEASURED = "not_measured"
    BLIND = "blind"
    """Every rule that could spend is null on every failed run."""
    ONLY_FAILURES = "only_failures"
    """The log names failures only, so that nothing tells what they are a share of."""
    MIN_JUDGED = "min_judged"
    MIN_MEASURED = "min_measured"
    UNKNOWN_WORDS = "unknown_words"
    NO_LINE = "no_line"
    """The policy allows nothing for its tier or value."""
    NO_VALUE = "no_value"
    NO_BASELINE = "no_baseline"
    TOO_FEW = "too_few"
    NOTHING_EARNS = "nothing_earns"
