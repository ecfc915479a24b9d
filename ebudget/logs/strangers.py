"""Text files of which no record is a run, and that look like something else than a log."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlglot import exp

from ebudget.logs.foreign import OTLP, goes_on, is_otlp, no_json, wrapped_at
from ebudget.logs.formats.json_documents import document_lines
from ebudget.logs.packing import Damaged, content_of, opened
from ebudget.logs.runs import FILE, REJECT, Canonical, read_whole
from ebudget.logs.sources import Kind, Source
from ebudget.logs.warehouse import Warehouse
from ebudget.sql.trees import call, column, missing, present, text
from ebudget.text import BOM, quoted, visible

_LOOKED_AT = 20
"""Records that are looked at to see what a file without any run is."""
_HEAD = 1 << 16
_BLANK = BOM + b" \t\r\n"


def strange_files(
    warehouse: Warehouse, canonical: Canonical, copy: Path, files: Sequence[Source]
) -> list[tuple[Source, str]]:
    """The files whose canonical runs are in a copy, if none is one and they look like something
    else; each with what it looks like.
    """
    runs = missing(column(REJECT))
    statement = (
        exp.select(column(FILE))
        .from_(exp.Table(this=call("read_parquet", text(str(copy)))))
        .group_by(column(FILE))
        .having(exp.Not(this=call("bool_or", runs)))
    )
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
    lines = exp.select(exp.Count(this=exp.Star())).from_(read_whole(source))
    if is_own and source.kind is Kind.LINES and not head.lstrip(_BLANK).startswith(b"{"):
        count = lines.where(present(column("json")))
        if warehouse.rows(count) == [(0,)]:
            return no_json(head)
    records = _first_records(warehouse, source)
    if is_otlp(head, records):
        return f"is {OTLP}"
    if is_own and source.kind is Kind.LINES and goes_on(head) and len(records) > 1:
        kind = call("json_type", column("json"))
        count = lines.where(exp.EQ(this=kind, expression=text("OBJECT")))
        if warehouse.rows(count) == [(0,)]:
            return _where_broken(source)
    (start,) = (wanted for wanted in canonical.columns if wanted.name == "start_time")
    at = wrapped_at(records, [keys for _, keys in start.places()])
    if at is None:
        return None
    return (
        f"holds no run at its top: the runs may lie in {quoted(at)}; "
        f"write logs: {{records_at: {visible(at)}}}"
    )


def _where_broken(source: Source) -> str | None:
    """Where a file that begins as an object of several lines does is no JSON; None for another."""
    with opened(source.path, source.compression) as file:
        try:
            for _ in document_lines(file, None):
                pass
        except Damaged as damage:
            return str(damage)
    return None


def _first_records(warehouse: Warehouse, source: Source) -> list[Any]:
    statement = exp.select(column("json")).from_(read_whole(source)).limit(_LOOKED_AT)
    records: list[Any] = []
    for (record,) in warehouse.rows(statement):
        try:
            records.append(json.loads(record or "null"))
        except (ValueError, RecursionError):
            records.append(None)
    return records
