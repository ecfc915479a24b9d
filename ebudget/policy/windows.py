"""Windows of time: rolling and calendar ones, and the burn windows of alerts.

Instants are whole microseconds since 1970 in UTC. A window is written "after `start`, up to and
with `end`"; a calendar window, which begins with the first instant of a local date, is written as
after the microsecond before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from fractions import Fraction
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from ebudget.quantities import DAY, HOUR, MINUTE, SECOND, Duration, duration

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Severity = Literal["page", "ticket"]
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


@dataclass(frozen=True)
class BurnAlert:
    """One row of a multi-window burn alert."""

    long: Duration
    short: Duration
    factor: Fraction
    """Both windows must burn faster than this, where 1 spends exactly everything."""
    severity: Severity


@dataclass(frozen=True)
class BurnRow:
    """A row of a table of burn alerts, before the length of the budget's window is known."""

    long: Duration
    short: Duration
    severity: Severity
    share: Fraction | None = None
    """The share of the whole budget that is gone after the long window."""
    factor: Fraction | None = None
    """The burn rate itself, where the policy gives it instead of a share."""


def _rows(*shares: int) -> tuple[BurnRow, ...]:
    windows = (("1h", "5m"), ("6h", "30m"), ("1d", "2h"), ("3d", "6h"))
    severities: tuple[Severity, ...] = ("page", "page", "ticket", "ticket")
    return tuple(
        BurnRow(duration(long), duration(short), severity, Fraction(tenths, 1000))
        for (long, short), severity, tenths in zip(windows, severities, shares, strict=True)
    )


# The SRE workbook, chapter 5, table 5-8, spends 2%, 5% and 10% of a 30-day budget in 1 h, 6 h and
# 3 d; sloth and slok add the row of 1 d. For windows under 14 days sloth's 7-day factors
# (13.44, 3.5, 1.4, 0.98) are these shares.
LONG_WINDOW_ROWS = _rows(20, 50, 100, 100)
SHORT_WINDOW_ROWS = _rows(80, 125, 200, 420)
SHORT_WINDOW = 14 * DAY
SLOWEST_FACTOR = Fraction(9, 10)
"""Rows with a lower factor would fire on a budget that lasts."""


def burn_alerts(window: Span, rows: tuple[BurnRow, ...] | None = None) -> tuple[BurnAlert, ...]:
    """The alert rows of a budget with this window; `rows` replaces the default table.

    factor = share x window / long (SRE workbook, chapter 5). Rows whose long window is not
    shorter than the window, or whose factor is under 0.9, are dropped.
    """
    if rows is None:
        rows = SHORT_WINDOW_ROWS if window.length < SHORT_WINDOW else LONG_WINDOW_ROWS
    return _burn_alerts(window.length, rows)


@lru_cache(maxsize=1_000)
def _burn_alerts(length: int, rows: tuple[BurnRow, ...]) -> tuple[BurnAlert, ...]:
    alerts = []
    for row in rows:
        if row.long.micros >= length:
            continue
        factor = row.factor
        if factor is None:
            factor = (row.share or Fraction(0)) * Fraction(length, row.long.micros)
        if factor >= SLOWEST_FACTOR:
            alerts.append(BurnAlert(row.long, row.short, factor, row.severity))
    return tuple(alerts)


def instant(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(micros: int) -> datetime:
    """The UTC datetime of an instant."""
    return EPOCH + timedelta(microseconds=micros)


def timestamp(micros: int) -> str:
    """An instant as ISO 8601 with Z; a fraction only where there is one."""
    return moment(micros).isoformat().replace("+00:00", "Z")


def local_instant(local: datetime, zone: tzinfo) -> int:
    """The instant of a local time, which has no zone of its own.

    Of the two that it means where clocks go back, the later. A time that clocks skip is told by
    the clocks before the gap, which is later too. May lie beyond the years that a datetime has.
    """
    return max(instant(local.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))


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


def midnight(day: date, zone: ZoneInfo) -> int:
    """The first instant of a local date; where clocks skip midnight, the instant they do."""
    return instant(datetime(day.year, day.month, day.day, tzinfo=zone))


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


def marks(window: Span, zone: ZoneInfo) -> list[int]:
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


def day_ends(window: Span, zone: ZoneInfo) -> list[int]:
    """The last microsecond of every local day that ends inside a window, and as_of."""
    day = moment(window.after + 1).astimezone(zone).date()
    ends: list[int] = []
    while True:
        day += timedelta(days=1)
        end = midnight(day, zone) - 1
        if end >= window.until:
            return [*ends, window.until]
        ends.append(end)
