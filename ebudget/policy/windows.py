"""Windows of time, rolling and calendar ones, and the days and marks inside them.

A window is written "after `start`, up to and
with `end`"; a calendar window, which begins with the first instant of a local date, is written as
after the microsecond before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from ebudget.instants import midnight, moment
from ebudget.policy.misfit import Misfit, text_of
from ebudget.quantities import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Duration,
    duration,
)

Period = Literal["day", "week", "month", "quarter", "year"]


@dataclass(frozen=True)
class Rolling:
    """The time of a fixed length up to an instant."""

    length: Duration

    def __str__(self) -> str:
        return self.length.text


@dataclass(frozen=True)
class Calendar:
    """The day, week, month, quarter or year that an instant lies in, in the policy's zone."""

    period: Period

    def __str__(self) -> str:
        return self.period


Window = Rolling | Calendar
PERIODS: tuple[Period, ...] = ("day", "week", "month", "quarter", "year")


@dataclass(frozen=True)
class Span:
    """A window at one instant."""

    after: int
    """The last microsecond before the window."""
    until: int
    """The last microsecond of the window that can hold runs: as_of."""
    length: int
    """Microseconds of the whole window; a calendar window's whole period."""
    calendar: bool
    """Whether the first instant of the window is part of it by name (printed as its start)."""

    @property
    def start(self) -> int:
        """The instant that a reader calls the window's start."""
        return self.after + 1 if self.calendar else self.after


def period_of(period: str, day: date) -> tuple[date, date]:
    """The first day of the period that holds a day, and the first day of the next one."""
    match period:
        case "day":
            return day, day + timedelta(days=1)
        case "week":
            monday = day - timedelta(days=day.weekday())
            return monday, monday + timedelta(days=7)
        case "month":
            first = day.replace(day=1)
            return first, (first + timedelta(days=32)).replace(day=1)
        case "quarter":
            first = day.replace(month=day.month - (day.month - 1) % 3, day=1)
            return first, (first + timedelta(days=95)).replace(day=1)
        case "year":
            first = day.replace(month=1, day=1)
            return first, first.replace(year=day.year + 1)
    raise ValueError(period)


def span(window: Window, as_of: int, zone: ZoneInfo) -> Span:
    """The window as it stands at an instant."""
    if isinstance(window, Rolling):
        length = window.length.micros
        return Span(as_of - length, as_of, length, calendar=False)
    first, following = period_of(window.period, moment(as_of).astimezone(zone).date())
    start, end = midnight(first, zone), midnight(following, zone)
    return Span(start - 1, as_of, end - start, calendar=True)


_STEPS = ((2 * MINUTE, SECOND), (2 * HOUR, MINUTE), (2 * DAY, HOUR), (6 * DAY, 3 * HOUR))
"""For windows of at most so many microseconds, the steps of their marks."""
MOST_MARKS = 62
"""Days are left out evenly in windows of more."""


@lru_cache(maxsize=64)
def marks(window: Span, zone: ZoneInfo) -> Sequence[int]:
    """Round instants inside a window: local midnights, or hours and less in short ones."""
    for longest, step in _STEPS:
        if window.length <= longest:
            first = window.after // step + 1
            return [count * step for count in range(first, -(-window.until // step))]
    day = moment(window.after).astimezone(zone).date()
    every = -(-window.length // (MOST_MARKS * DAY))
    found: list[int] = []
    while True:
        day += timedelta(days=every)
        mark = midnight(day, zone)
        if mark >= window.until:
            return found
        found.append(mark)


@lru_cache(maxsize=64)
def day_ends(window: Span, zone: ZoneInfo) -> Sequence[int]:
    """The last microsecond of every local day that ends inside a window, and as_of."""
    day = moment(window.after + 1).astimezone(zone).date()
    ends: list[int] = []
    while True:
        day += timedelta(days=1)
        end = midnight(day, zone) - 1
        if end >= window.until:
            return [*ends, window.until]
        ends.append(end)


def parse_window(value: Any) -> Window:
    """The window that a policy's `window` describes. Raises Misfit."""
    text = text_of(value).strip()
    for period in PERIODS:
        if text == period:
            return Calendar(period)
    try:
        return Rolling(duration(text))
    except ValueError as error:
        raise Misfit(f"{error}, or {', '.join(PERIODS)}") from None
