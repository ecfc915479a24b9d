"""What was read, what was not, and the ledger of what counts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import BinaryIO

from sqlglot import exp

from ebudget import query
from ebudget.ledger import Intake, Ledger, Reject, frame_of
from ebudget.mapped_paths import absent_optional_paths, check_mapped_paths
from ebudget.quantities import DAY
from ebudget.query import LOSERS, RUNS, Plan
from ebudget.reading import FILE, MALFORMED, NO_TIME, REJECT, ROW, SAID_BY, WORD, read_json
from ebudget.rules import call, column, text
from ebudget.sources import Kind, Source, lines_at
from ebudget.warehouse import StatementError, Warehouse, drop_unreadable, opened_warehouse

SHOWN_REJECTS = 10
"""Rejected records that are listed."""

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
    with opened_warehouse(
        plan, paths, skip_unreadable=skip_unreadable, stdin=stdin, threads=threads, tick=tick
    ) as warehouse:
        while True:
            try:
                return _measure(warehouse, plan, edges_of, as_of, now)
            except StatementError as error:
                drop_unreadable(warehouse, error)


def _measure(
    warehouse: Warehouse, plan: Plan, edges_of: EdgesOf, as_of: int | None, now: int
) -> Ledger:
    warehouse.tick("looking for duplicates")
    duplicates = _find_duplicates(warehouse)
    limit = now + DAY
    until = limit if as_of is None else min(as_of, limit)
    ((readable, outside, first, last),) = warehouse.rows(
        query.totals_statement(until, duplicates=duplicates > 0), note=True
    )
    future = outside
    if until != limit:
        statement = query.totals_statement(limit, duplicates=duplicates > 0)
        ((_, future, _, _),) = warehouse.rows(statement)
    moment = as_of if as_of is not None else last if last is not None else now
    edges = sorted({*edges_of(moment), min(moment, limit)})
    edges = [edge for edge in edges if edge <= min(moment, limit)]
    warehouse.tick("grouping runs")
    frame = warehouse.frame(query.ledger_statement(plan, edges, duplicates=duplicates > 0))
    rejected, rejects = _rejects(warehouse)
    runs = readable - outside
    intake = Intake(
        files=len(warehouse.sources.files) - len(warehouse.unreadable),
        records=readable + duplicates + sum(rejected.values()),
        runs=runs,
        duplicates=duplicates,
        outside=outside,
        future=future,
        rejected=tuple(sorted(rejected.items())),
        first=first,
        last=last,
        rejects=rejects,
        unreadable=tuple(warehouse.unreadable),
        ignored=len(warehouse.sources.ignored),
    )
    check_mapped_paths(warehouse, plan)
    if plan.thorough:
        intake = replace(intake, absent=tuple(absent_optional_paths(warehouse, plan)))
    ledger = Ledger(
        plan, moment, tuple(edges), frame_of(plan, frame), intake, tuple(warehouse.statements)
    )
    return _with_outcome_names(warehouse, ledger, duplicates > 0)


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


def _find_duplicates(warehouse: Warehouse) -> int:
    """Make the table of duplicates where there are any; gives their number."""
    ((distinct, present),) = warehouse.rows(query.duplicates_exist(), note=True)
    if distinct == present:
        return 0
    warehouse.run(
        exp.Create(
            this=exp.to_identifier(LOSERS),
            kind="TABLE",
            replace=True,
            expression=query.losers_statement(),
            properties=exp.Properties(expressions=[exp.TemporaryProperty()]),
        )
    )
    ((count,),) = warehouse.rows(exp.select(exp.Count(this=exp.Star())).from_(LOSERS))
    return int(count)


def _rejects(warehouse: Warehouse) -> tuple[Counter[str], tuple[Reject, ...]]:
    """Rejected records by reason, and the first few with their places."""
    counts: Counter[str] = Counter()
    shown: list[Reject] = []
    files: dict[str, Counter[str]] = {}
    for name, reason, count in warehouse.rows(query.rejects_statement()):
        files.setdefault(name, Counter())[reason] += count
    for source in warehouse.sources.files:
        if source.read_as not in files:
            continue
        reasons = files[source.read_as]
        room = max(SHOWN_REJECTS - len(shown), 0)
        if reasons[MALFORMED] and source.kind is not Kind.PARQUET:
            exact = _exact_reasons(warehouse, source)
        else:
            exact = {}
        if exact:
            reasons = Counter(exact.values()) + Counter(
                {reason: n for reason, n in reasons.items() if reason != MALFORMED}
            )
        counts += reasons
        shown += _shown_rejects(warehouse, source, exact, room) if room else []
    return counts, tuple(shown)


def _exact_reasons(warehouse: Warehouse, source: Source) -> dict[int, str]:
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
    rows = sorted(row for (row,) in warehouse.rows(empty))
    first = _first_row(warehouse, source)
    kinds = _record_kinds(warehouse, source)
    return {
        row - first: {None: MALFORMED, "OBJECT": NO_TIME}.get(
            kinds[row - first] if row - first < len(kinds) else None, "not an object"
        )
        for row in rows
    }


def _first_row(warehouse: Warehouse, source: Source) -> int:
    """The place of a file's first record in the canonical runs of its group."""
    if source.kind is Kind.PARQUET:
        return 0
    statement = (
        exp.select(exp.Min(this=column(ROW)))
        .from_(RUNS)
        .where(exp.EQ(this=column(FILE), expression=text(source.read_as)))
    )
    ((first,),) = warehouse.rows(statement)
    return int(first)


def _record_kinds(warehouse: Warehouse, source: Source) -> list[str | None]:
    """What each record of a text log is: OBJECT, ARRAY, …, or None where it is not JSON."""
    columns = exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier("json", quoted=True), expression=text("JSON"))
        ]
    )
    table = read_json([source.read_as], source.kind, source.compression, columns, records=False)
    statement = exp.select(call("json_type", column("json"))).from_(table)
    return [kind for (kind,) in warehouse.rows(statement)]


def _shown_rejects(
    warehouse: Warehouse, source: Source, exact: dict[int, str], room: int
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
    first = _first_row(warehouse, source)
    found = {row - first: reason for row, reason in warehouse.rows(statement)}
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
