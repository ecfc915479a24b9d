"""Logs into a ledger: cut into parts, survey, settle duplicates, count, add up."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from typing import Any, TypeVar

import polars as pl

from ebudget import sql
from ebudget.errors import InputError
from ebudget.ledger import duplicates as twins
from ebudget.ledger import statements, together
from ebudget.ledger.count import LEDGER, Count, Counted, check_rows, count
from ebudget.ledger.ledger import Ledger, added
from ebudget.ledger.moment import moment_of
from ebudget.ledger.plan import Plan
from ebudget.ledger.pool import C, Here, Job, Lost, Pool
from ebudget.ledger.survey import Again, Look, Survey, Totals, survey, totals
from ebudget.logs.files.parts import Part, parts_of, size_of
from ebudget.logs.files.sources import Sources, find_sources
from ebudget.logs.intake import SHOWN_IGNORED
from ebudget.logs.loading.load import view_of
from ebudget.logs.loading.loaded import refused
from ebudget.logs.loading.preparing import never_wrapped
from ebudget.logs.reading import Reading
from ebudget.logs.warehouse import opened_warehouse

R = TypeVar("R")

BUCKET_BYTES = 256 << 20
"""Bytes of logs for which the hashes are looked through in one go."""
MOST_BUCKETS = 64
"""Ranges of hashes that are looked through one after the other."""
MOST_CANDIDATES = 2_000_000
"""Records that are compared in one go."""


def read_ledger(paths: Sequence[str | os.PathLike[str]], plan: Plan, reading: Reading) -> Ledger:
    """Read logs once and count what a plan asks of them.

    Raises InputError for logs that cannot be read or do not hold what the policy names.
    """
    at = moment_of(reading, plan.policy.timezone)
    with opened_warehouse(threads=reading.threads, tick=reading.tick) as warehouse:
        given = [paths] if isinstance(paths, str | os.PathLike) else paths  # one alone
        names = [os.fspath(path) for path in given]
        sources = find_sources(names, warehouse.scratch, reading.stdin)
        parts = parts_of(sources.files)
        job = Job(replace(plan, edges=None), at, reading.skip_unreadable, len(parts) == 1)
        return read_parts(plan, sources, parts, reading, job, Here(job, warehouse))


def read_parts(
    plan: Plan, sources: Sources, parts: Sequence[Part], reading: Reading, job: Job, pool: Pool
) -> Ledger:
    """The ledger of parts whose steps a pool carries out. Raises InputError."""
    driver = _Driver(plan, job, pool, list(parts), show_rejects=reading.show_rejects)
    for shown, form in sources.refused:
        if not reading.skip_unreadable:
            raise refused(shown, form, others=len(sources.files) + len(sources.refused) > 1)
        driver.unreadable.append((shown, form))
    while True:
        try:
            ledger = driver.ledger()
        except _LostFilesError:
            continue
        ignored = tuple(map(os.path.basename, sources.ignored[:SHOWN_IGNORED]))
        intake = replace(
            ledger.intake,
            unreadable=(*driver.unreadable, *ledger.intake.unreadable),
            ignored=len(sources.ignored),
            ignored_names=ignored,
        )
        return replace(ledger, intake=intake)


class _LostFilesError(Exception):
    """Files turned out to be unreadable; all begins anew without them."""


@dataclass
class _Driver:
    """One reading, step by step."""

    plan: Plan
    job: Job
    pool: Pool
    parts: list[Part]
    show_rejects: bool = False
    unreadable: list[tuple[str, str]] = field(default_factory=list)

    def ledger(self) -> Ledger:
        """All steps. Raises InputError, _LostFilesError."""
        policy, at = self.plan.policy, self.job.at
        buckets = min(MOST_BUCKETS, -(-size_of(self.parts) // BUCKET_BYTES))
        looks = [Look(part, buckets) for part in self.parts]
        surveys, hashes = self._exchange(survey, looks, twins.standing_twice, buckets)
        self._check_arrays(surveys)
        losers = self._losers(pl.concat(hashes))
        settled = self._settled([one.totals for one in surveys], losers)
        whole = reduce(add, settled)
        as_of = at.as_of(whole.last)
        edges = self.plan.edges_at(as_of, whole.first)
        several = len(frozenset[str]().union(*(one.names for one in surveys))) > 1
        calls = [
            Count(part, as_of, edges, totals, own, several, self.show_rejects)
            for part, totals, own in zip(self.parts, settled, losers, strict=True)
        ]
        counted = self._map(count, calls)
        ledger = added([one.ledger for one in counted])
        check_rows(ledger)
        values = reduce(add, (Counter(one.values) for one in counted))
        together.check_mapped_paths(policy, values, self.parts, self._map)
        intake = together.completed(
            policy, ledger.intake, values, self.parts, self._map, thorough=self.plan.thorough
        )
        twice = any(own is not None for own in losers)
        trees = _trees(self.plan, counted, edges, at.until, twice=twice)
        return replace(ledger, plan=self.plan, intake=intake, trees=trees)

    def _check_arrays(self, surveys: Sequence[Survey]) -> None:
        """Raises InputError where no record has an array at `logs.records_at`."""
        path = self.plan.policy.logs.records_at
        lacks = any(one.lacks_arrays for one in surveys)
        if path is not None and lacks and not any(one.has_arrays for one in surveys):
            nested = [f for part in self.parts for f in part.files if f.format.nested]
            raise never_wrapped(path, nested)

    def _losers(self, twice: pl.DataFrame) -> list[pl.DataFrame | None]:
        """For each part the records that a later one replaces; None where there is none."""
        none: list[pl.DataFrame | None] = [None] * len(self.parts)
        if not len(twice):
            return none
        buckets = -(-len(twice) // MOST_CANDIDATES)
        calls = [
            twins.Twice(part, hashes, buckets)
            for part in self.parts
            if len(hashes := twins.in_part(twice, part.number))
        ]
        _, found = self._exchange(twins.candidates, calls, twins.losers_of, buckets)
        losers = pl.concat(found)
        if not len(losers):
            return none
        place = pl.col(statements.PLACE)
        own = (losers.filter(place.is_in(list(part.places))) for part in self.parts)
        return [one if len(one) else None for one in own]

    def _settled(
        self, found: Sequence[Totals], losers: Sequence[pl.DataFrame | None]
    ) -> list[Totals]:
        """The totals of every part, without the records that others replace."""
        calls = [
            Again(part, own)
            for part, own in zip(self.parts, losers, strict=True)
            if own is not None
        ]
        again = dict(
            zip((call.part.number for call in calls), self._map(totals, calls), strict=True)
        )
        return [again.get(part.number, one) for part, one in zip(self.parts, found, strict=True)]

    def _map(self, step: Callable[[Any, C], R], calls: Sequence[C]) -> list[R]:
        return self._checked(self.pool.map(step, calls) if calls else [])

    def _exchange(
        self, split: Any, calls: Sequence[C], join: Any, buckets: int
    ) -> tuple[list[Any], list[pl.DataFrame]]:
        answers, joined = self.pool.exchange(split, calls, join, buckets)
        return self._checked(answers), joined

    def _checked(self, answers: Sequence[Any]) -> list[Any]:
        """The answers, if none of them is an error."""
        lost = [answer for answer in answers if isinstance(answer, Lost)]
        for answer in answers:
            if isinstance(answer, InputError):
                raise answer
        for one in lost:
            self.unreadable += one.unreadable
            names = [name for name, _ in one.unreadable]
            self.parts = [p.without(names) if p.number == one.part else p for p in self.parts]
        if lost:
            raise _LostFilesError
        return list(answers)


def _trees(
    plan: Plan,
    counted: Sequence[Counted],
    edges: Sequence[int],
    until: int,
    *,
    twice: bool,
) -> tuple[sql.Tree, ...]:
    """Statements over all files in one go that give the same ledger."""
    tables = [tree for one in counted for tree in one.printed[0]]
    selects = [tree for one in counted for tree in one.printed[1]]
    found = [*tables, view_of(selects), statements.survey_statement(plan.policy, until)]
    if twice:
        files = [file for one in counted for file in one.printed[2]]
        losers = statements.losers_statement(plan.policy, files)
        found.append(sql.temporary("TABLE", statements.LOSERS, losers))
        found.append(statements.totals_statement(until, duplicates=True))
    made = statements.ledger_statement(plan, edges, duplicates=twice)
    return (*found, sql.temporary("TABLE", LEDGER, made))
