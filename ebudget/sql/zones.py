"""Local times and instants of a zone, by the rules of tzdata, which also tell calendar windows.

DuckDB brings rules of its own. They are those of another year: where a country has changed its
clocks since, the two differ. So the years in which that happens are read from tzdata here, and
DuckDB is asked for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from ebudget.instants import instant, moment
from ebudget.sql.trees import Tree, below, between, call, number, part, plus, when

FIRST_YEAR, LAST_YEAR = 2020, 2037
"""The years whose rules are read from tzdata."""
_FROM = instant(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
_UNTIL = instant(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC))
_STRIDE = 5 * 86_400_000_000
"""No zone changes its clocks twice in so many microseconds and is back where it was."""

Steps = Sequence[tuple[int, int]]
"""Instants from which on, and how many microseconds, local time is ahead of UTC; in order."""

SHORT_NAMES = (
    *("CET", "CST6CDT", "Cuba", "EET", "EST", "EST5EDT", "Egypt", "Eire", "GB", "GB-Eire"),
    *("GMT", "GMT+0", "GMT-0", "GMT0", "Greenwich", "HST", "Hongkong", "Iceland", "Iran"),
    *("Israel", "Jamaica", "Japan", "Kwajalein", "Libya", "MET", "MST", "MST7MDT", "NZ", "NZ-CHAT"),
    *("Navajo", "PRC", "PST8PDT", "Poland", "Portugal", "ROC", "ROK", "Singapore", "Turkey", "UCT"),
    *("UTC", "Universal", "W-SU", "WET", "Zulu"),
)
"""The names of tzdata without a place; whatever else is short means several zones (BST, IST)."""
REGIONS = (
    *("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Brazil"),
    *("Canada", "Chile", "Etc", "Europe", "Indian", "Mexico", "Pacific", "US"),
)
"""What the other names of tzdata begin with."""


def local_of(utc: Tree, zone: str) -> Tree:
    """The local time of a UTC timestamp, as a timestamp without a zone."""
    if zone == "UTC":
        return part(utc)
    theirs = call("timezone", zone, call("timezone", "UTC", utc))
    return _stepped(utc, steps_of(zone), 1, theirs)


def utc_of(local: Tree, zone: str) -> Tree:
    """The UTC timestamp of a local one: of the two that it may mean where clocks go back, the
    later; of one that clocks skip, by the clocks before.
    """
    if zone == "UTC":
        return part(local)
    theirs = call("make_timestamp", call("epoch_us", call("timezone", zone, local)))
    steps = [(start + offset, offset) for start, offset in steps_of(zone)]
    return _stepped(local, steps, -1, theirs)


@cache
def steps_of(zone: str) -> Steps:
    """The offsets of a zone from FIRST_YEAR to LAST_YEAR; the first from before on."""
    clock = ZoneInfo(zone)

    def offset(at: int) -> int:
        found = moment(at).astimezone(clock).utcoffset() or timedelta()
        return found // timedelta(microseconds=1)

    steps = [(_FROM, offset(_FROM))]
    for later in range(_FROM + _STRIDE, _UNTIL + _STRIDE, _STRIDE):
        before, now = steps[-1][1], offset(later)
        if now != before:
            low, high = later - _STRIDE, later
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == before else (low, middle)
            steps.append((high, now))
    return tuple(steps)


def _stepped(time: Tree, steps: Steps, sign: int, otherwise: Tree) -> Tree:
    """A time moved by the offset of its step, one way or the other; `otherwise` in other years."""
    micros = call("epoch_us", time)
    moved = call("make_timestamp", plus(micros, _tree(micros, steps, sign)))
    return when(between(micros, _FROM, _UNTIL - 1), moved, otherwise)


def _tree(micros: Tree, steps: Steps, sign: int) -> Tree:
    if len(steps) == 1:
        return number(sign * steps[0][1])
    middle = len(steps) // 2
    before = below(micros, steps[middle][0])
    return when(before, _tree(micros, steps[:middle], sign), _tree(micros, steps[middle:], sign))
