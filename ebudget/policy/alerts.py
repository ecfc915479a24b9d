"""Burn alerts: the tables of windows and factors, and how a policy writes its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal

from ebudget.policy.misfit import Misfit, fields_of, only, text_of
from ebudget.policy.values import (
    DURATION,
    PERCENT,
)
from ebudget.policy.windows import Span
from ebudget.quantities import DAY, Duration, duration, number, share

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


def _alert(value: Any) -> BurnRow:
    if not isinstance(value, dict):
        raise Misfit("write {long: 1h, short: 5m, share: 2%, severity: page}")
    only(value, ("long", "short", "share", "factor", "severity"))
    missing = [key for key in ("long", "short", "severity") if key not in value]
    if missing or ("share" in value) == ("factor" in value):
        raise Misfit("an alert needs long, short, severity, and either share or factor")
    reads: Mapping[str, Callable[[str], Any]] = {
        "long": duration,
        "short": duration,
        "share": share,
        "factor": number,
        "severity": _severity,
    }
    found: dict[str, Any] = {}
    problems: list[tuple[tuple[str | int, ...], str]] = []
    for key, item in value.items():
        try:
            found[key] = reads[key](text_of(item))
        except (ValueError, Misfit) as error:
            problems.append(((key,), str(error)))
    if problems:
        raise Misfit.all(problems)
    row = BurnRow(**found)
    if row.short >= row.long:
        raise Misfit("the short window is shorter than the long one", "short")
    if (row.share or row.factor or 0) <= 0:
        raise Misfit("an alert's share or factor is above 0")
    return row


def _severity(text: str) -> str:
    if text not in ("page", "ticket"):
        raise ValueError(f"{text!r} is neither page nor ticket")
    return text


def parse_alerts(value: Any) -> tuple[BurnRow, ...]:
    """The rows that a policy's `alerts` lists. Raises Misfit."""
    if not isinstance(value, list):
        raise Misfit("write a list of alerts; an empty one switches them off")
    return tuple(fields_of(dict(enumerate(value)), _alert).values())


ALERTS_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "long": DURATION,
            "short": DURATION,
            "share": PERCENT,
            "factor": {"type": "number", "exclusiveMinimum": 0},
            "severity": {"enum": ["page", "ticket"]},
        },
        "required": ["long", "short", "severity"],
        "oneOf": [{"required": ["share"]}, {"required": ["factor"]}],
        "additionalProperties": False,
    },
}
