"""A look at all records of a part before they are counted: how many there are, of which time, and
what they are known by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ebudget.ledger import statements
from ebudget.ledger.duplicates import hashes_of, mark
from ebudget.ledger.moment import Moment
from ebudget.ledger.pool import Call, Desk, Piece
from ebudget.logs.intake import SHOWN_LEADS
from ebudget.logs.loading.load import outcome_names
from ebudget.logs.loading.loaded import Loaded


@dataclass(frozen=True)
class Totals:
    """What the readable records of some logs are that no later one replaces."""

    readable: int
    outside: int
    """Those of them after the last instant that can count."""
    first: int | None
    """The oldest of the others, in microseconds since 1970."""
    last: int | None
    future: int
    """Records that are ahead of the clock."""
    leads: tuple[int, ...]
    """By how many microseconds the first few of these are, the largest first."""

    def __add__(self, other: Totals) -> Totals:
        firsts = [first for first in (self.first, other.first) if first is not None]
        lasts = [last for last in (self.last, other.last) if last is not None]
        return Totals(
            self.readable + other.readable,
            self.outside + other.outside,
            min(firsts, default=None),
            max(lasts, default=None),
            self.future + other.future,
            tuple(sorted((*self.leads, *other.leads), reverse=True)[:SHOWN_LEADS]),
        )


@dataclass(frozen=True)
class Look(Call):
    """How a part is looked at first."""

    buckets: int = 1


@dataclass(frozen=True)
class Survey:
    """What a first look at a part tells; duplicates are among its totals."""

    totals: Totals
    unreadable: tuple[tuple[str, str], ...]
    """Files that were skipped as a whole, each with the reason."""
    names: frozenset[str]
    """The names by which it may tell the outcome."""
    has_arrays: bool
    lacks_arrays: bool


def survey(desk: Desk, call: Look) -> tuple[Survey, Sequence[Piece]]:
    """Look at all records of a part; the pieces are hashes of what they are known by."""
    loaded, at = desk.loaded(call.part), desk.job.at
    totals = _totals(loaded, at, duplicates=False)
    found = Survey(
        totals,
        tuple(loaded.unreadable),
        outcome_names(loaded),
        loaded.has_arrays,
        loaded.lacks_arrays,
    )
    return found, hashes_of(loaded, call.buckets)


@dataclass(frozen=True)
class Again(Call):
    """A part of whose records some are replaced."""

    losers: pl.DataFrame


def totals(desk: Desk, call: Again) -> Totals:
    """The totals of a part without the records that later ones replace."""
    loaded = desk.loaded(call.part)
    mark(loaded, call, call.losers)
    return _totals(loaded, desk.job.at, duplicates=True)


def _totals(loaded: Loaded, at: Moment, *, duplicates: bool) -> Totals:
    warehouse = loaded.warehouse
    asked = statements.totals_statement(at.until, duplicates=duplicates)
    ((readable, outside, first, last),) = warehouse.rows(asked)
    future, limit = outside, max(at.until, at.limit)
    if outside and at.until != limit:
        ahead = statements.totals_statement(limit, duplicates=duplicates)
        future = warehouse.rows(ahead)[0][1]
    leads: tuple[int, ...] = ()
    if future:
        late = statements.leads_statement(limit, SHOWN_LEADS, duplicates=duplicates)
        leads = tuple(start - at.now for (start,) in warehouse.rows(late))
    return Totals(readable, outside, first, last, future, leads)
