"""The parts of an account: slices of its spend, its days, and how the spend leaves the window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from zoneinfo import ZoneInfo

from ebudget.accounts.terms import Terms
from ebudget.figures import Figures, Timeline, by_value
from ebudget.policy.allowances import deviation, spent_by
from ebudget.policy.windows import Span, day_ends, marks


@dataclass(frozen=True)
class Slice:
    """The part of an account's runs that has one value of a column."""

    value: str | None
    eligible: int
    """Runs that earn."""
    spent: Fraction
    """In the budget's unit, with A for each instant event of its own."""
    share: Fraction | None
    """Of all that was spent; None where nothing was."""
    instant: int
    rate: Fraction | None
    """Spent for each run that earns, instant events aside; None without such a run."""
    against_rest: Fraction | None
    """The rate as a multiple of the rate of all other runs; None where that is 0 or unknown."""


@dataclass(frozen=True)
class Day:
    """One day of an account's window."""

    until: int
    """The last instant of the day, in microseconds since 1970."""
    eligible: int
    spent: Fraction
    """On this day, instant events included."""
    remaining: Fraction | None
    """The share of the whole window's allowance that was left at its end; None where it is
    infinite or unknown."""
    gone: Fraction = Fraction(0)
    """What was spent of that allowance from the window's begin to the end of this day."""


@dataclass(frozen=True)
class Rest:
    """What of an account's spend its window would still hold later, if nothing more were spent."""

    at: int
    """The first instant at which it is no more than this, in microseconds since 1970."""
    spent: Fraction
    """With A for each instant event, as in the account."""
    instant: int


@dataclass(frozen=True)
class Whole:
    """The account that parts are parts of."""

    terms: Terms
    span: Span
    timeline: Timeline
    figures: Figures
    base: Figures
    """Of the time before, where that has a part in what is spent."""
    spent: Fraction
    allowed: Fraction | None

    @property
    def event(self) -> Fraction:
        """What an instant event spends."""
        return self.allowed or Fraction(0)


def share_of(spent: Fraction, instant: int, allowed: Fraction) -> Fraction | None:
    """What is consumed: S / A; with A = 0, 0 where nothing was spent, else infinite (None)."""
    if allowed == 0:
        return Fraction(0) if spent == 0 and instant == 0 else None
    return spent / allowed


def slices_of(whole: Whole, found: Mapping[str | None, Timeline]) -> tuple[Slice, ...]:
    """The slices of an account by the values of a column, those that spend most first."""
    slices = []
    for value, timeline in found.items():
        part = timeline.between(whole.span.after, whole.span.until)
        if not part.runs:
            continue
        own = deviation(whole.terms.form, part, whole.base, whole.event)
        rate, rest = _rate(part), _rate(whole.figures - part)
        against = rate / rest if rate is not None and rest else None
        share = _share(whole, own, part.instant)
        slices.append(Slice(value, part.eligible, own, share, part.instant, rate, against))
    return tuple(
        sorted(slices, key=lambda s: (-_weight(whole, s), -(s.rate or 0), by_value([s.value])))
    )


def _share(whole: Whole, own: Fraction, instant: int) -> Fraction | None:
    if whole.terms.band:  # what lies above the mean and below it are no shares
        return None
    if not whole.allowed and whole.figures.instant:
        return Fraction(instant, whole.figures.instant)
    return own / whole.spent if whole.spent else None


def _weight(whole: Whole, part: Slice) -> Fraction:
    """What sorts slices."""
    return part.spent if whole.terms.band else part.share or Fraction(0)


def _rate(figures: Figures) -> Fraction | None:
    return figures.amount / figures.eligible if figures.eligible else None


def days_of(whole: Whole, zone: ZoneInfo) -> tuple[Day, ...]:
    """The burn-down: every local day of the window."""
    form, allowed = whole.terms.form, whole.allowed
    days = []
    before = whole.span.after
    for end in day_ends(whole.span, zone):
        day = whole.timeline.between(before, end)
        total = whole.timeline.between(whole.span.after, end)
        gone = spent_by(form, total, whole.base, whole.event)
        consumed = None if allowed is None else share_of(gone, total.instant, allowed)
        spent = deviation(form, day, whole.base, whole.event)
        left = None if consumed is None else 1 - consumed
        days.append(Day(end, day.eligible, spent, left, gone))
        before = end
    return tuple(days)


def rests_of(whole: Whole, zone: ZoneInfo) -> tuple[Rest, ...]:
    """How the spend leaves the window; a calendar window is left as a whole.

    Of a band nothing can be told: the runs that come are spent against the mean too.
    """
    window = whole.span
    if whole.terms.band:
        return ()
    if window.calendar:
        return (Rest(window.after + window.length + 1, Fraction(0), 0),)
    found, at = [], marks(window, zone)
    after = whole.timeline.spent_after(at, window.until)
    for mark, (spent, instant) in zip(at, after, strict=True):
        with_events = spent + whole.event * instant if instant else spent
        found.append(Rest(mark + window.length, with_events, instant))
    return (*found, Rest(window.until + window.length, Fraction(0), 0))
