"""What was read, what was not, and the ledger of what counts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import BinaryIO

import polars as pl
from sqlglot import exp

from ebudget import query
from ebudget.errors import InputError
from ebudget.ledger import Intake, Ledger, Reject, frame_of
from ebudget.loading import Loaded, load, reload_without_culprits, temporary
from ebudget.mapped_paths import absent_optional_paths, check_mapped_paths
from ebudget.quantities import DAY
from ebudget.query import LOSERS, RUNS, Plan
from ebudget.reading import FILE, MALFORMED, NO_TIME, REJECT, ROW, SAID_BY, WORD, read_whole
from ebudget.rules import call, column, text
from ebudget.sources import Kind, Source, find_sources, lines_at
from ebudget.warehouse import StatementError, Warehouse, opened_warehouse

SHOWN_REJECTS = 10
"""Rejected records that are listed."""

LEDGER = "ledger"
"""The table of the ledger's rows."""
MOST_ROWS = 5_000_000
"""Rows of a ledger."""

EdgesOf = Callable[[int], Iterable[int]]
"""The bucket edges for an as_of."""


def read_ledger(
    paths: Sequence[str],
    plan: Plan,
    edges_of: EdgesOf,
    *,
    as_of: int | None = None,
    clock: int | None = None,
    skip_unreadable: bool = False,
    stdin: BinaryIO | None = None,
    threads: int | None = None,
    tick: Callable[[str], None] = lambda _: None,
) -> Ledger:
    """The ledger of some logs. `as_of` is the newest counted run unless given; `clock` is the
    machine's, and runs more than a day after it are outside.

    Raises InputError for logs that cannot be read or do not hold what the policy names.
    """
    now = time.time_ns() // 1000 if clock is None else clock
    with opened_warehouse(threads=threads, tick=tick) as warehouse:
        sources = find_sources(paths, warehouse.scratch, stdin)
        loaded = load(warehouse, plan.canonical, sources, skip_unreadable=skip_unreadable)
        while True:
            try:
                return _measure(loaded, plan, edges_of, as_of, now)
            except StatementError as error:
                reload_without_culprits(loaded, error)


def _measure(loaded: Loaded, plan: Plan, edges_of: EdgesOf, as_of: int | None, now: int) -> Ledger:
    warehouse = loaded.warehouse
    warehouse.tick("looking for duplicates")
    duplicates = _find_duplicates(loaded)
    twice = duplicates > 0
    limit = now + DAY
    until = limit if as_of is None else min(as_of, limit)
    totals = query.totals_statement(until, duplicates=twice)
    warehouse.note(totals)
    ((readable, outside, first, last),) = warehouse.rows(totals)
    future = outside
    if until != limit:
        ((_, future, _, _),) = warehouse.rows(query.totals_statement(limit, duplicates=twice))
    moment = as_of if as_of is not None else last if last is not None else now
    newest = min(moment, limit)
    edges = sorted({edge for edge in edges_of(moment) if edge <= newest} | {newest})
    warehouse.tick("grouping runs")
    frame = _grouped(warehouse, query.ledger_statement(plan, edges, duplicates=twice), plan)
    rejected, rejects = _rejects(loaded)
    intake = Intake(
        files=len(loaded.sources.files),
        records=readable + duplicates + sum(rejected.values()),
        runs=readable - outside,
        duplicates=duplicates,
        outside=outside,
        future=future,
        rejected=tuple(sorted(rejected.items())),
        first=first,
        last=last,
        rejects=rejects,
        unreadable=tuple(loaded.unreadable),
        ignored=len(loaded.sources.ignored),
    )
    check_mapped_paths(loaded, plan)
    if plan.thorough:
        intake = replace(intake, absent=tuple(absent_optional_paths(loaded, plan)))
    statements = tuple(warehouse.statements)
    ledger = Ledger(plan, moment, tuple(edges), frame_of(plan, frame), intake, statements)
    return _with_outcome_names(warehouse, ledger, twice)


def _grouped(warehouse: Warehouse, statement: exp.Select, plan: Plan) -> pl.DataFrame:
    """The ledger's rows; refused where the columns part the runs too finely to be held."""
    made = temporary("TABLE", LEDGER, statement)
    warehouse.note(made)
    warehouse.run(made.sql("duckdb"))
    ((rows,),) = warehouse.rows(exp.select(exp.Count(this=exp.Star())).from_(LEDGER))
    if rows > MOST_ROWS:
        counts = [exp.Count(this=exp.Distinct(expressions=[column(n)])) for n in plan.dimensions]
        (values,) = warehouse.rows(exp.select(*counts).from_(LEDGER))
        count, name = max(zip(values, plan.dimensions, strict=True))
        raise InputError(
            f"the policy's columns part the runs into {rows:,} groups (at most {MOST_ROWS:,}): "
            f"{name!r} alone has {count:,} values; leave it out of for, each and by"
        )
    return warehouse.frame(exp.select(exp.Star()).from_(LEDGER).sql("duckdb"))


def _with_outcome_names(warehouse: Warehouse, ledger: Ledger, duplicates: bool) -> Ledger:
    """The ledger with the outcome words that nobody knows, and the names of the outcome."""

    def tally(name: str) -> tuple[tuple[str, int], ...]:
        statement = query.tally_statement(name, ledger.edges[-1], duplicates=duplicates)
        return tuple(warehouse.rows(statement))

    unknown = any(name.startswith("outcome:") for name, _ in ledger.rejected_values())
    words = tally(WORD) if unknown else ()
    names = tally(SAID_BY) if "outcome" not in ledger.plan.policy.logs.fields else ()
    intake = replace(ledger.intake, words=words, said_by=names if len(names) > 1 else ())
    return replace(ledger, intake=intake)


def _find_duplicates(loaded: Loaded) -> int:
    """Make the table of duplicates where there are any; gives their number."""
    warehouse = loaded.warehouse
    check = query.duplicates_exist()
    warehouse.note(check)
    ((distinct, present),) = warehouse.rows(check)
    if distinct == present:
        return 0
    losers = temporary("TABLE", LOSERS, query.losers_statement(loaded.renamed))
    warehouse.note(losers)
    warehouse.run(losers.sql("duckdb"))
    ((count,),) = warehouse.rows(exp.select(exp.Count(this=exp.Star())).from_(LOSERS))
    return int(count)


def _rejects(loaded: Loaded) -> tuple[Counter[str], tuple[Reject, ...]]:
    """Rejected records by reason, and the first few with their places."""
    counts: Counter[str] = Counter()
    shown: list[Reject] = []
    files: dict[str, Counter[str]] = {}
    for name, reason, count in loaded.warehouse.rows(query.rejects_statement()):
        files.setdefault(name, Counter())[reason] += count
    for source in loaded.sources.files:
        if source.read_as not in files:
            continue
        reasons = files[source.read_as]
        room = max(SHOWN_REJECTS - len(shown), 0)
        if reasons[MALFORMED] and source.kind is not Kind.PARQUET:
            exact = _exact_reasons(loaded, source)
        else:
            exact = {}
        if exact:
            reasons = Counter(exact.values()) + Counter(
                {reason: n for reason, n in reasons.items() if reason != MALFORMED}
            )
        counts += reasons
        shown += _shown_rejects(loaded, source, exact, room) if room else []
    return counts, tuple(shown)


def _exact_reasons(loaded: Loaded, source: Source) -> dict[int, str]:
    """Why each record without any value is rejected, by its place in the file."""
    empty = (
        exp.select(column(ROW))
        .from_(RUNS)
        .where(
            exp.and_(
                exp.EQ(this=column(FILE), expression=text(source.read_as)),
                exp.EQ(this=column(REJECT), expression=text(MALFORMED)),
            )
        )
    )
    rows = sorted(row for (row,) in loaded.warehouse.rows(empty))
    first = _first_row(loaded, source)
    kinds = _record_kinds(loaded, source)
    return {
        row - first: {None: MALFORMED, "OBJECT": NO_TIME}.get(
            kinds[row - first] if row - first < len(kinds) else None, "not an object"
        )
        for row in rows
    }


def _first_row(loaded: Loaded, source: Source) -> int:
    """The place of a file's first record in the canonical runs of its group."""
    if source.kind is Kind.PARQUET:
        return 0
    statement = (
        exp.select(exp.Min(this=column(ROW)))
        .from_(RUNS)
        .where(exp.EQ(this=column(FILE), expression=text(source.read_as)))
    )
    ((first,),) = loaded.warehouse.rows(statement)
    return int(first)


def _record_kinds(loaded: Loaded, source: Source) -> list[str | None]:
    """What each record of a text log is: OBJECT, ARRAY, …, or None where it is not JSON."""
    statement = exp.select(call("json_type", column("json"))).from_(read_whole(source))
    return [kind for (kind,) in loaded.warehouse.rows(statement)]


def _shown_rejects(
    loaded: Loaded, source: Source, exact: dict[int, str], room: int
) -> list[Reject]:
    statement = (
        exp.select(column(ROW), column(REJECT))
        .from_(RUNS)
        .where(
            exp.and_(
                exp.EQ(this=column(FILE), expression=text(source.read_as)),
                exp.Is(this=column("start_time"), expression=exp.Null()),
            )
        )
        .order_by(column(ROW))
        .limit(room)
    )
    first = _first_row(loaded, source)
    found = {row - first: reason for row, reason in loaded.warehouse.rows(statement)}
    lines = (
        {} if source.kind is not Kind.LINES else lines_at(source.path, source.compression, found)
    )
    word = {Kind.PARQUET: "row", Kind.ARRAY: "item"}.get(source.kind, "record")
    return [
        Reject(
            source.shown,
            f"line {lines[place]}" if place in lines else f"{word} {place + 1}",
            exact.get(place, reason),
        )
        for place, reason in found.items()
    ]
