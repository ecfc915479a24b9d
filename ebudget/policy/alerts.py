"""Burn alerts: the tables of windows and factors, and how a policy writes its own."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from ebudget.policy.windows import Span
from ebudget.quantities import DAY, Duration, duration

Severity = Literal["page", "ticket"]


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
