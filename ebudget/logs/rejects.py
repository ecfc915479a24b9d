"""Which records are rejected, in which files, and for which reasons."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from ebudget import sql
from ebudget.logs.documents import LACKING, NOT_UTF8
from ebudget.logs.files.packing import Compression
from ebudget.logs.files.source import Source, lines_at
from ebudget.logs.formats.format import Kind
from ebudget.logs.intake import SHOWN_REJECTS, Flawed, Reject, no_array
from ebudget.logs.loading.json_records import json_statement, read_whole
from ebudget.logs.loading.loaded import Loaded
from ebudget.logs.runs import FILE, MALFORMED, NO_TIME, REJECT, ROW, RUNS


def sizes_statement() -> sql.Select:
    """How many records each file holds."""
    return sql.select(sql.column(FILE), sql.count(), of=RUNS, by=[sql.column(FILE)])


def rejects_statement() -> sql.Select:
    """How many records are rejected, by file and reason."""
    keys = [sql.column(FILE), sql.column(REJECT)]
    return sql.select(
        *keys, sql.count(), of=RUNS, where=sql.missing(sql.column("start_time")), by=keys
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
    for name, noted, number in loaded.warehouse.rows(rejects_statement()):
        source = loaded.named(name)
        is_unclear = noted == MALFORMED and source.kind is not Kind.PARQUET
        if is_unclear:
            unclear.setdefault((source.kind, source.compression), []).append(source)
        counts[NO_TIME if is_unclear else noted] += number
        by_file[name] += number
    for sources in unclear.values():
        told = _told_apart(loaded, sources)
        counts.update(told)
        counts[NO_TIME] -= told.total()
    if not by_file:
        return +counts, ()
    sizes = dict(loaded.warehouse.rows(sizes_statement()))
    flawed = tuple(
        Flawed(source.shown, by_file[source.read_as], sizes[source.read_as])
        for source in loaded.files
        if by_file[source.read_as]
    )
    return +counts, flawed


def _told_apart(loaded: Loaded, sources: Sequence[Source]) -> Counter[str]:
    """How many records of text logs are malformed, no object, or without what wraps runs."""
    kinds = sql.select(_record_kind(), sql.count(), of=read_whole(*sources), by=[_record_kind()])
    counts: Counter[str] = Counter()
    for kind, found in loaded.warehouse.rows(kinds):
        if kind != "OBJECT":
            counts[_reason_of(loaded, kind)] += found
    return counts


def _record_kind() -> sql.Tree:
    """The JSON type of a record, or what stands for it; null where malformed."""
    said = sql.cast(sql.column("json"), "VARCHAR")
    words = ((sql.equal(said, json.dumps(word)), word) for word in (LACKING, NOT_UTF8))
    return sql.case(words, sql.call("json_type", sql.column("json")))


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
    for source in loaded.files:
        if source.read_as in files and len(shown) < SHOWN_REJECTS:
            shown += _rejects_of(loaded, source)[: SHOWN_REJECTS - len(shown)]
    return tuple(shown)


def _rejects_of(loaded: Loaded, source: Source) -> list[Reject]:
    in_place = source.kind is Kind.PARQUET
    found = (_parquet_rejects if in_place else _text_rejects)(loaded, source)
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


def _parquet_rejects(loaded: Loaded, source: Source) -> list[tuple[int, str]]:
    """The first rejected records of a Parquet file by their places."""
    statement = sql.select(
        sql.column(ROW),
        sql.column(REJECT),
        of=RUNS,
        where=sql.all_of(
            sql.equal(sql.column(FILE), source.read_as), sql.present(sql.column(REJECT))
        ),
        order=[sql.column(ROW)],
        limit=SHOWN_REJECTS,
    )
    return [(place, reason) for place, reason in loaded.warehouse.rows(statement)]


def _text_rejects(loaded: Loaded, source: Source) -> list[tuple[int, str]]:
    """The first rejected records of a text log by their places, read in order by one thread."""
    warehouse = loaded.warehouse
    records = sql.subquery(json_statement(loaded.canonical, [source]), "records")
    reasons = sql.select(sql.column(REJECT), of=records)
    kinds = sql.select(sql.named(_record_kind(), "kind"), of=read_whole(source))
    with warehouse.one_thread():
        warehouse.run(sql.written(sql.temporary("TABLE", "reasons", reasons)))
        warehouse.run(sql.written(sql.temporary("TABLE", "kinds", kinds)))
    place, reason = sql.column("rowid", "reasons"), sql.column(REJECT, "reasons")
    both = sql.select(
        place,
        reason,
        sql.column("kind", "kinds"),
        of="reasons",
        joined=sql.join(sql.identifier("kinds"), sql.equal(place, sql.column("rowid", "kinds"))),
        where=sql.present(reason),
        order=[place],
        limit=SHOWN_REJECTS,
    )
    found = []
    for at, noted, kind in warehouse.rows(both):
        if kind != "OBJECT":
            found.append((at, _reason_of(loaded, kind)))
        else:
            found.append((at, NO_TIME if noted == MALFORMED else noted))
    return found
