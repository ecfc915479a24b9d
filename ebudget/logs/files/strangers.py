"""Text files of which no record is a run, and that look like something else than a log."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ebudget import sql
from ebudget.logs.files.foreign import OTLP, is_otlp, no_json, wrapped_at
from ebudget.logs.files.packing import Damaged, content_of, opened
from ebudget.logs.files.source import Source
from ebudget.logs.formats.format import Kind
from ebudget.logs.formats.json_documents import document_lines, goes_on
from ebudget.logs.loading.json_records import read_whole
from ebudget.logs.runs import FILE, REJECT, Canonical
from ebudget.logs.warehouse import Warehouse
from ebudget.text import quoted, visible
from ebudget.text.encoding import trimmed

_LOOKED_AT = 20
"""Records that are looked at to see what a file without any run is."""
_HEAD = 1 << 16


def strange_files(
    warehouse: Warehouse, canonical: Canonical, copy: Path, files: Sequence[Source]
) -> list[tuple[Source, str]]:
    """The files whose canonical runs are in a copy, if none is one and they look like something
    else; each with what it looks like.
    """
    no_run = sql.negated(sql.call("bool_or", sql.missing(sql.column(REJECT))))
    records = sql.table("read_parquet", str(copy))
    statement = sql.select(sql.column(FILE), of=records, by=[sql.column(FILE)], having=no_run)
    named = {source.read_as: source for source in files}
    found = []
    for (name,) in warehouse.rows(statement):
        form = _form_of(warehouse, canonical, named[name])
        if form is not None:
            found.append((named[name], form))
    return found


def _form_of(warehouse: Warehouse, canonical: Canonical, source: Source) -> str | None:
    """What a file without any run looks like; None where it is a log."""
    head = content_of(source.path, _HEAD)
    is_own = os.path.realpath(source.read_as) == os.path.realpath(source.path)
    is_text = is_own and source.kind is Kind.LINES
    is_json = sql.present(sql.column("json"))
    if is_text and not trimmed(head).startswith(b"{") and _none(warehouse, source, is_json):
        return no_json(head)
    records = _first_records(warehouse, source)
    if is_otlp(head, records):
        return f"is {OTLP}"
    is_object = sql.equal(sql.call("json_type", sql.column("json")), "OBJECT")
    may_break = is_text and goes_on(head) and len(records) > 1
    if may_break and _none(warehouse, source, is_object):
        return _where_broken(source)
    (start,) = (wanted for wanted in canonical.columns if wanted.name == "start_time")
    at = wrapped_at(records, [keys for _, keys in start.places()])
    if at is None:
        return None
    return (
        f"holds no run at its top: the runs may lie in {quoted(at)}; "
        f"write logs: {{records_at: {visible(at)}}}"
    )


def _none(warehouse: Warehouse, source: Source, condition: sql.Tree) -> bool:
    """Whether a condition holds for no record of a text log."""
    return warehouse.rows(sql.select(sql.count(), of=read_whole(source), where=condition)) == [(0,)]


def _where_broken(source: Source) -> str | None:
    """Where a file that begins as an object of several lines does is no JSON; None for another."""
    with opened(source.path, source.compression) as file:
        try:
            for _ in document_lines(file):
                pass
        except Damaged as damage:
            return str(damage)
    return None


def _first_records(warehouse: Warehouse, source: Source) -> list[Any]:
    statement = sql.select(sql.column("json"), of=read_whole(source), limit=_LOOKED_AT)
    records: list[Any] = []
    for (record,) in warehouse.rows(statement):
        try:
            records.append(json.loads(record or "null"))
        except (ValueError, RecursionError):
            records.append(None)
    return records
