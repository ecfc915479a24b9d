"""What was read, what was not, and the ledger of what counts."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import BinaryIO, Literal

import polars as pl
from sqlglot import exp

from ebudget.errors import InputError
from ebudget.ledger import plan as query
from ebudget.ledger.ledger import Ledger, frame_of
from ebudget.ledger.plan import LOSERS, Plan
from ebudget.logs.formats.json_documents import LACKING, NOT_UTF8
from ebudget.logs.intake import (
    SHOWN_IGNORED,
    SHOWN_LEADS,
    SHOWN_REJECTS,
    Flawed,
    Intake,
    Reject,
    no_array,
)
from ebudget.logs.keys import keys_of
from ebudget.logs.loading import (
    Loaded,
    load,
    reload_in_order,
    reload_without_culprits,
    several_outcome_names,
    temporary,
)
from ebudget.logs.packing import Compression
from ebudget.logs.paths import absent_optional_paths, check_mapped_paths, maybe_outcomes
from ebudget.logs.runs import (
    FILE,
    MALFORMED,
    NO_TIME,
    REJECT,
    ROW,
    RUNS,
    SAID_BY,
    WORD,
    json_statement,
    read_whole,
)
from ebudget.logs.sources import Kind, Source, find_sources, lines_at
from ebudget.logs.warehouse import StatementError, Warehouse, opened_warehouse
from ebudget.quantities import LEEWAY
from ebudget.sql.trees import call, cast, column, named, present, text, written

NOT_AN_OBJECT = "not an object"
"""Why a record that is JSON, but no object, is rejected."""
NOT_TEXT = "not UTF-8"
"""Why a record is rejected that is right but for its encoding."""

LEDGER = "ledger"
"""The table of the ledger's rows."""
MOST_ROWS = 5_000_000
"""Rows of a ledger."""

EdgesOf = Callable[[int, int | None], Iterable[int]]
"""The bucket edges for an as_of, and the first counted run."""


def read_ledger(
    paths: Sequence[str],
    plan: Plan,
    edges_of: EdgesOf,
    *,
    as_of: int | Literal["now"] | None = None,
    clock: int | None = None,
    skip_unreadable: bool = False,
    show_rejects: bool = False,
    stdin: BinaryIO | None = None,
    threads: int | None = None,
    tick: Callable[[str], None] = lambda _: None,
) -> Ledger:
    """The ledger of some logs. `as_of` is the newest counted run unless given; `clock` is the
    machine's, and runs more than 5 minutes after it are outside, unless `as_of` is an instant.

    Raises InputError for logs that cannot be read or do not hold what the policy names.
    """
    now = time.time_ns() // 1000 if clock is None else clock
    with opened_warehouse(threads=threads, tick=tick) as warehouse:
        sources = find_sources(paths, warehouse.scratch, stdin)
        loaded = load(warehouse, plan.canonical, sources, skip_unreadable=skip_unreadable)
        while True:
            try:
                return _measure(loaded, plan, edges_of, as_of, now, show_rejects=show_rejects)
            except StatementError as error:
                reload_without_culprits(loaded, error)


def _measure(
    loaded: Loaded,
    plan: Plan,
    edges_of: EdgesOf,
    as_of: int | Literal["now"] | None,
    now: int,
    *,
    show_rejects: bool,
) -> Ledger:
    warehouse = loaded.warehouse
    clocked = not isinstance(as_of, int)
    asked = now if as_of == "now" else as_of
    until = now + LEEWAY if asked is None or clocked else asked
    warehouse.tick("looking for duplicates")
    survey = query.survey_statement(plan.policy, until)
    warehouse.note(survey)
    (row,) = warehouse.rows(survey)
    readable, outside, first, last, present, distinct = row
    duplicates, apart = _find_duplicates(loaded, plan) if distinct != present else (0, 0)
    twice = duplicates > 0
    if twice:
        totals = query.totals_statement(until)
        warehouse.note(totals)
        ((readable, outside, first, last),) = warehouse.rows(totals)
    future, leads = outside, ()
    limit = max(until, now + LEEWAY)
    if outside and until != limit:
        unique = query.survey_statement(plan.policy, limit)
        ahead = query.totals_statement(limit) if twice else unique
        future = warehouse.rows(ahead)[0][1]
    if future:
        found = warehouse.rows(query.leads_statement(limit, SHOWN_LEADS, duplicates=twice))
        leads = tuple(start - now for (start,) in found)
    moment = last if last is not None else now
    if asked is not None:  # a clock that is a little ahead hides no run
        moment = max(asked, moment) if clocked else asked
    edges = sorted({edge for edge in edges_of(moment, first) if edge <= moment} | {moment})
    warehouse.tick("grouping runs")
    frame = _grouped(warehouse, query.ledger_statement(plan, edges, duplicates=twice), plan)
    rejected, flawed = _rejected(loaded)
    intake = Intake(
        files=len(loaded.sources.files),
        records=readable + duplicates + sum(rejected.values()),
        runs=readable - outside,
        duplicates=duplicates,
        duplicates_apart=apart,
        outside=outside,
        future=future,
        leads=leads,
        clocked=clocked,
        rejected=tuple(sorted(rejected.items())),
        flawed=flawed,
        first=first,
        last=last,
        rejects=_first_rejects(loaded) if show_rejects and rejected else (),
        good=_says_good(warehouse, frame),
        said=frame.get_column("outcome").is_not_null().any(),
        key=plan.policy.logs.key,
        unreadable=tuple(loaded.unreadable),
        ignored=len(loaded.sources.ignored),
        ignored_names=tuple(map(os.path.basename, loaded.sources.ignored[:SHOWN_IGNORED])),
    )
    check_mapped_paths(loaded)
    if not intake.good and intake.runs:
        intake = replace(intake, maybe_outcomes=maybe_outcomes(loaded))
    if plan.thorough:
        absent = tuple(absent_optional_paths(loaded))
        intake = replace(intake, absent=absent, keys=keys_of(loaded))
    statements = tuple(warehouse.statements)
    ledger = Ledger(
        plan, moment, as_of is None, tuple(edges), frame_of(plan, frame), intake, statements
    )
    return _with_outcome_names(warehouse, ledger, twice, several=several_outcome_names(loaded))


def _grouped(warehouse: Warehouse, statement: exp.Select, plan: Plan) -> pl.DataFrame:
    """The ledger's rows; refused where the columns part the runs too finely to be held."""
    made = temporary("TABLE", LEDGER, statement)
    warehouse.note(made)
    warehouse.run(written(made))
    ((rows,),) = warehouse.rows(exp.select(exp.Count(this=exp.Star())).from_(LEDGER))
    if rows > MOST_ROWS:
        counts = [exp.Count(this=exp.Distinct(expressions=[column(n)])) for n in plan.dimensions]
        (values,) = warehouse.rows(exp.select(*counts).from_(LEDGER))
        count, name = max(zip(values, plan.dimensions, strict=True))
        raise InputError(
            f"the policy's columns part the runs into {rows:,} groups (at most {MOST_ROWS:,}): "
            f"{name!r} alone has {count:,} values; leave it out of for, each and by"
        )
    return warehouse.frame(written(exp.select(exp.Star()).from_(LEDGER)))


def _says_good(warehouse: Warehouse, frame: pl.DataFrame) -> bool:
    """Whether any record of the whole input does; mostly the ledger's rows tell."""
    if frame.get_column("outcome").is_in(["success", "escalated"]).any():
        return True
    return bool(warehouse.rows(query.judged_statement()))


def _with_outcome_names(
    warehouse: Warehouse, ledger: Ledger, duplicates: bool, *, several: bool
) -> Ledger:
    """The ledger with the outcome words that nobody knows, and the names of the outcome."""

    def tally(name: str) -> tuple[tuple[str, int], ...]:
        statement = query.tally_statement(name, ledger.edges[-1], duplicates=duplicates)
        return tuple(warehouse.rows(statement))

    unknown = any(name.startswith("outcome:") for name, _ in ledger.rejected_values())
    words = tally(WORD) if unknown else ()
    mapped = "outcome" in ledger.plan.policy.logs.fields
    names = tally(SAID_BY) if several and not mapped else ()
    intake = replace(ledger.intake, words=words, said_by=names)
    return replace(ledger, intake=intake)


def _find_duplicates(loaded: Loaded, plan: Plan) -> tuple[int, int]:
    """Make the table of duplicates where there are any; gives their number, and how many of them
    differ so much from what replaces them that they may be runs.
    """
    warehouse, policy = loaded.warehouse, plan.policy
    texts = any(source.kind is not Kind.PARQUET for source in loaded.sources.files)
    ties = query.ties_statement(policy, loaded.canonical)
    if texts and warehouse.rows(ties) != [(0,)]:
        reload_in_order(loaded)
    paths = [source.read_as for source in loaded.sources.files]
    losers = temporary("TABLE", LOSERS, query.losers_statement(policy, paths))
    warehouse.note(losers)
    warehouse.run(written(losers))
    ((count, apart),) = warehouse.rows(query.losers_count_statement())
    return int(count), int(apart)


def _rejected(loaded: Loaded) -> tuple[Counter[str], tuple[Flawed, ...]]:
    """How many records are rejected for which reason, and in which files."""
    counts: Counter[str] = Counter()
    by_file: Counter[str] = Counter()
    unclear: dict[tuple[Kind, Compression], list[Source]] = {}
    for name, noted, count in loaded.warehouse.rows(query.rejects_statement()):
        source = loaded.named(name)
        is_unclear = noted == MALFORMED and source.kind is not Kind.PARQUET
        if is_unclear:
            unclear.setdefault((source.kind, source.compression), []).append(source)
        counts[NO_TIME if is_unclear else noted] += count
        by_file[name] += count
    for sources in unclear.values():
        told = _told_apart(loaded, sources)
        counts.update(told)
        counts[NO_TIME] -= told.total()
    if not by_file:
        return +counts, ()
    sizes = dict(loaded.warehouse.rows(query.sizes_statement()))
    flawed = tuple(
        Flawed(source.shown, by_file[source.read_as], sizes[source.read_as])
        for source in loaded.sources.files
        if by_file[source.read_as]
    )
    return +counts, flawed


def _told_apart(loaded: Loaded, sources: Sequence[Source]) -> Counter[str]:
    """How many records of text logs are malformed, no object, or without what wraps runs."""
    statement = exp.select(_record_kind(), exp.Count(this=exp.Star())).from_(read_whole(*sources))
    counts: Counter[str] = Counter()
    for kind, count in loaded.warehouse.rows(statement.group_by(_record_kind())):
        if kind != "OBJECT":
            counts[_reason_of(loaded, kind)] += count
    return counts


def _record_kind() -> exp.Expr:
    """The JSON type of a record, or what stands for it; null where malformed."""
    ifs = [
        exp.If(
            this=exp.EQ(this=cast(column("json"), "VARCHAR"), expression=text(json.dumps(word))),
            true=text(word),
        )
        for word in (LACKING, NOT_UTF8)
    ]
    return exp.Case(ifs=ifs, default=call("json_type", column("json")))


def _reason_of(loaded: Loaded, kind: str | None) -> str:
    """Why a record of this JSON type, which is not `OBJECT`, is rejected."""
    if kind is None:
        return MALFORMED
    if kind == NOT_UTF8:
        return NOT_TEXT
    path = loaded.canonical.policy.logs.records_at
    return no_array(path) if kind == LACKING and path is not None else NOT_AN_OBJECT


def _first_rejects(loaded: Loaded) -> tuple[Reject, ...]:
    """The first few rejected records, with their places."""
    shown: list[Reject] = []
    files = {name for name, _, _ in loaded.warehouse.rows(query.rejects_statement())}
    for source in loaded.sources.files:
        if source.read_as in files and len(shown) < SHOWN_REJECTS:
            shown += _rejects_of(loaded, source)[: SHOWN_REJECTS - len(shown)]
    return tuple(shown)


def _rejects_of(loaded: Loaded, source: Source) -> list[Reject]:
    if source.kind is Kind.PARQUET:
        statement = (
            exp.select(column(ROW), column(REJECT))
            .from_(RUNS)
            .where(exp.EQ(this=column(FILE), expression=text(source.read_as)))
            .where(present(column(REJECT)))
            .order_by(column(ROW))
            .limit(SHOWN_REJECTS)
        )
        found = loaded.warehouse.rows(statement)
        return [Reject(source.shown, f"row {row + 1}", reason) for row, reason in found]
    found = _text_rejects(loaded, source)
    places = [place for place, _ in found]
    lines = lines_at(source, places) if source.counted == "line" else {}
    word = source.counted if source.counted != "line" else "record"
    return [
        Reject(
            source.shown,
            f"line {lines[place]}" if place in lines else f"{word} {place + 1}",
            reason,
        )
        for place, reason in found
    ]


def _text_rejects(loaded: Loaded, source: Source) -> list[tuple[int, str]]:
    """The first rejected records of a text log by their places, read in order by one thread."""
    warehouse = loaded.warehouse
    records = json_statement(
        loaded.canonical, [source.read_as], source.kind, source.compression
    ).subquery("records")
    kind = named(_record_kind(), "kind")
    with warehouse.one_thread():
        reasons = exp.select(column(REJECT)).from_(records)
        warehouse.run(written(temporary("TABLE", "reasons", reasons)))
        kinds = exp.select(kind).from_(read_whole(source))
        warehouse.run(written(temporary("TABLE", "kinds", kinds)))
    sql = (
        f'SELECT r.rowid, r."{REJECT}", k.kind FROM reasons AS r JOIN kinds AS k '
        f'ON r.rowid = k.rowid WHERE r."{REJECT}" IS NOT NULL ORDER BY 1 LIMIT {SHOWN_REJECTS}'
    )
    found = []
    for place, reason, kind in warehouse.run(sql).fetchall():
        if kind != "OBJECT":
            found.append((place, _reason_of(loaded, kind)))
        else:
            found.append((place, NO_TIME if reason == MALFORMED else reason))
    return found
