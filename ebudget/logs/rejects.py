"""Which records are rejected, in which files, and for which reasons."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from sqlglot import exp

from ebudget.logs.formats.json_documents import LACKING, NOT_UTF8
from ebudget.logs.intake import (
    SHOWN_REJECTS,
    Flawed,
    Reject,
    no_array,
)
from ebudget.logs.loading import Loaded
from ebudget.logs.packing import Compression
from ebudget.logs.runs import (
    FILE,
    MALFORMED,
    NO_TIME,
    REJECT,
    ROW,
    RUNS,
    json_statement,
    read_whole,
)
from ebudget.logs.sources import Kind, Source, lines_at
from ebudget.sql.statements import temporary
from ebudget.sql.trees import (
    call,
    cast,
    column,
    missing,
    named,
    present,
    text,
    written,
)


def sizes_statement() -> exp.Select:
    """How many records each file holds."""
    counted = exp.select(column(FILE), exp.Count(this=exp.Star())).from_(RUNS)
    return counted.group_by(column(FILE))


def rejects_statement() -> exp.Select:
    """How many records are rejected, by file and reason."""
    return (
        exp.select(column(FILE), column(REJECT), exp.Count(this=exp.Star()))
        .from_(RUNS)
        .where(missing(column("start_time")))
        .group_by(column(FILE), column(REJECT))
    )


NOT_AN_OBJECT = "not an object"
"""Why a record that is JSON, but no object, is rejected."""

NOT_TEXT = "not UTF-8"
"""Why a record is rejected that is right but for its encoding."""


def rejected(loaded: Loaded) -> tuple[Counter[str], tuple[Flawed, ...]]:
    """How many records are rejected for which reason, and in which files."""
    counts: Counter[str] = Counter()
    by_file: Counter[str] = Counter()
    unclear: dict[tuple[Kind, Compression], list[Source]] = {}
    for name, noted, count in loaded.warehouse.rows(rejects_statement()):
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
    sizes = dict(loaded.warehouse.rows(sizes_statement()))
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


def first_rejects(loaded: Loaded) -> tuple[Reject, ...]:
    """The first few rejected records, with their places."""
    shown: list[Reject] = []
    files = {name for name, _, _ in loaded.warehouse.rows(rejects_statement())}
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
