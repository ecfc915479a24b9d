"""A look at all records before they are counted: how many there are, of which time, and which are
duplicates.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ebudget import sql
from ebudget.instants import instant, local_instant
from ebudget.ledger import statements
from ebudget.ledger.plan import Plan
from ebudget.logs.formats.format import Kind
from ebudget.logs.intake import SHOWN_LEADS
from ebudget.logs.loading.load import reload_in_order
from ebudget.logs.loading.loaded import Loaded
from ebudget.logs.reading import Reading
from ebudget.quantities import LEEWAY


@dataclass(frozen=True)
class Moment:
    """The instants that decide which records count, in microseconds since 1970."""

    now: int
    """The machine's clock."""
    asked: int | None
    """The as_of that was asked for."""
    clocked: bool
    """Whether the clock decides, not an instant that was asked for."""

    @property
    def until(self) -> int:
        """The last instant that can count."""
        return self.limit if self.asked is None or self.clocked else self.asked

    @property
    def limit(self) -> int:
        """What is dated after it is ahead of the clock."""
        return self.now + LEEWAY

    def as_of(self, last: int | None) -> int:
        """The newest instant that counts, where `last` is the newest run."""
        newest = self.now if last is None else last
        if self.asked is None:
            return newest
        return max(self.asked, newest) if self.clocked else self.asked  # hides no run


def moment_of(reading: Reading, zone: ZoneInfo) -> Moment:
    """The instants that a reading asks for; without a zone of their own they are in `zone`."""

    def micros(given: datetime) -> int:
        return instant(given) if given.tzinfo else local_instant(given, zone)

    now = time.time_ns() // 1000 if reading.clock is None else micros(reading.clock)
    if isinstance(reading.as_of, datetime):
        return Moment(now, micros(reading.as_of), clocked=False)
    return Moment(now, now if reading.as_of == "now" else None, clocked=True)


@dataclass(frozen=True)
class Survey:
    """What the readable records of some logs are, before they are grouped."""

    readable: int
    """Records with a time that no later one replaces."""
    outside: int
    """Those of them after the last instant that can count."""
    first: int | None
    """The oldest of the others, in microseconds since 1970."""
    last: int | None
    duplicates: int
    """Records that a later one replaces."""
    apart: int
    """Those of them that differ so much from it that they may be runs."""
    future: int
    """Records that are ahead of the clock."""
    leads: tuple[int, ...]
    """By how many microseconds the first few of these are, the largest first."""


def survey(loaded: Loaded, plan: Plan, at: Moment) -> Survey:
    """Look at all records; where there are duplicates, a table of them is made."""
    warehouse = loaded.warehouse
    warehouse.tick("looking for duplicates")
    asked = statements.survey_statement(plan.policy, at.until)
    warehouse.note(asked)
    (row,) = warehouse.rows(asked)
    totals, (keyed, distinct) = row[:4], row[4:]
    duplicates, apart = _find_duplicates(loaded, plan) if distinct != keyed else (0, 0)
    twice = duplicates > 0
    if twice:
        asked = statements.totals_statement(at.until)
        warehouse.note(asked)
        (totals,) = warehouse.rows(asked)
    readable, outside, first, last = totals
    future, limit = outside, max(at.until, at.limit)
    if outside and at.until != limit:
        once = statements.survey_statement(plan.policy, limit)
        ahead = statements.totals_statement(limit) if twice else once
        future = warehouse.rows(ahead)[0][1]
    leads: tuple[int, ...] = ()
    if future:
        found = statements.leads_statement(limit, SHOWN_LEADS, duplicates=twice)
        leads = tuple(start - at.now for (start,) in warehouse.rows(found))
    return Survey(readable, outside, first, last, duplicates, apart, future, leads)


def _find_duplicates(loaded: Loaded, plan: Plan) -> tuple[int, int]:
    """Make the table of duplicates where there are any; gives their number, and how many of them
    differ so much from what replaces them that they may be runs.
    """
    warehouse, policy = loaded.warehouse, plan.policy
    texts = any(source.kind is not Kind.PARQUET for source in loaded.sources.files)
    ties = statements.ties_statement(policy, loaded.canonical)
    if texts and warehouse.rows(ties) != [(0,)]:
        reload_in_order(loaded)
    paths = [source.read_as for source in loaded.sources.files]
    losers = sql.temporary("TABLE", statements.LOSERS, statements.losers_statement(policy, paths))
    warehouse.note(losers)
    warehouse.run(sql.written(losers))
    ((count, apart),) = warehouse.rows(statements.losers_count_statement())
    return int(count), int(apart)
