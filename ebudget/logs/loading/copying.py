"""Text logs into copies of their canonical runs, and what DuckDB refuses of them read otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ebudget import sql
from ebudget.errors import InputError
from ebudget.logs.files.packing import Compression
from ebudget.logs.files.source import Source
from ebudget.logs.files.strangers import strange_files
from ebudget.logs.formats.format import Kind
from ebudget.logs.loading.json_records import json_statement, read_whole
from ebudget.logs.loading.loaded import Loaded
from ebudget.logs.loading.mending import mended, slimmed
from ebudget.logs.loading.parquet_records import read_parquet
from ebudget.logs.loading.preparing import as_lines, incomplete, unpacked_copy, watching
from ebudget.logs.runs import FILE, MALFORMED, REJECT, ROW
from ebudget.logs.warehouse import StatementError
from ebudget.text import visible

_TOO_LONG = "maximum_object_size"
"""What DuckDB names where a line is too long."""


def text_copies(
    loaded: Loaded, kind: Kind, compression: Compression, files: list[Source]
) -> list[sql.Select] | None:
    """Copy text logs once; gives the select of the copy, and the one that `--sql` prints; None
    where some have to be read in another way.
    """
    warehouse, canonical = loaded.warehouse, loaded.canonical
    target = _copy_of(loaded, kind, compression)
    while files:
        warehouse.tick(f"reading {len(files):,} file{'s' if len(files) > 1 else ''}")
        statement = json_statement(canonical, files)
        failure: StatementError | None = None
        watch = watching(files, loaded.checked)
        try:
            warehouse.copy(statement, target)
        except StatementError as error:
            failure = error
        except BaseException:
            watch.stop()
            raise
        loaded.checked |= watch.found()
        whole = failure is None
        damaged = {s: why for s in files if (why := incomplete(s, loaded.checked, read=whole))}
        if failure is not None and not damaged:
            if _read_otherwise(loaded, files):
                return None
            raise InputError(f"the logs cannot be read: {failure}") from failure
        if not damaged:
            break
        for source, reason in damaged.items():
            loaded.give_up(source, reason)
        files = [source for source in files if source not in damaged]
    if not files:
        return []
    name = f"{kind}_{compression}_records{loaded.suffix}"
    pasted = [replace(s, read_as="/dev/stdin") if s.is_stdin else s for s in files]
    if pasted != files:
        statement = json_statement(canonical, pasted)
    loaded.tables.append(sql.temporary("TABLE", name, statement))
    columns = [loaded.column(n) for n in canonical.names if n != ROW]
    return [
        sql.select(
            *columns, sql.named(sql.column("file_row_number"), ROW), of=read_parquet([str(target)])
        ),
        sql.select(*columns, sql.named(sql.column("rowid"), ROW), of=sql.identifier(name)),
    ]


def _read_otherwise(loaded: Loaded, files: Sequence[Source]) -> bool:
    """Have Python read the whole files that DuckDB refuses; gives whether there is any."""
    changed = False
    for source in files:
        reason = _problem(loaded, source)
        if reason is None:
            continue
        changed = True
        if source.kind is Kind.ARRAY:
            loaded.rewrite(source, as_lines)
        elif _TOO_LONG in reason and source.shown not in loaded.slimmed:
            loaded.slimmed.add(source.shown)
            columns = loaded.canonical.columns
            keys = {spelling[0] for wanted in columns for _, spelling in wanted.places()}
            loaded.rewrite(source, partial(slimmed, keys=keys))
        elif source.compression is not Compression.NONE:
            loaded.rewrite(source, unpacked_copy)
        else:
            loaded.give_up(source, reason)
    return changed


def _problem(loaded: Loaded, source: Source) -> str | None:
    """Why a file cannot be read, found by reading it alone; else None."""
    records = json_statement(loaded.canonical, [source])
    return loaded.warehouse.problem(
        sql.select(sql.most(sql.column(REJECT)), of=sql.subquery(records, "records"))
    )


def _copy_of(loaded: Loaded, kind: Kind, compression: Compression) -> Path:
    """Where the canonical runs of text logs of one kind and packing are kept."""
    return loaded.warehouse.scratch / f"{kind}-{compression}.parquet"


def _malformed(loaded: Loaded, copy: Path) -> list[Source]:
    """The files of which a line is malformed."""
    records, is_malformed = (
        sql.table("read_parquet", str(copy)),
        sql.equal(sql.column(REJECT), MALFORMED),
    )
    malformed = sql.select(sql.column(FILE), of=records, where=is_malformed, by=[sql.column(FILE)])
    return [loaded.named(name) for (name,) in loaded.warehouse.rows(malformed)]


def looked_again(loaded: Loaded, kind: Kind, compression: Compression) -> bool:
    """Look into the files that were read badly; gives whether they have to be read anew."""
    if kind is Kind.LINES and _mend(loaded, kind, compression):
        return True
    files = [s for s in loaded.files if (s.kind, s.compression) == (kind, compression)]
    copy = _copy_of(loaded, kind, compression)
    strange = strange_files(loaded.warehouse, loaded.canonical, copy, files)
    for source, form in strange:
        loaded.refuse(source, form)
    return bool(strange)


def _mend(loaded: Loaded, kind: Kind, compression: Compression) -> bool:
    """Whether Python's json could read lines that DuckDB refused; they are read from a copy then.

    What DuckDB dislikes about a line may lie in a field that nobody needs, or be that it holds
    several runs.
    """
    changed = False
    for source in _malformed(loaded, _copy_of(loaded, kind, compression)):
        if source.shown in loaded.looked_at:
            continue
        loaded.looked_at.add(source.shown)
        loaded.warehouse.tick(f"looking again at malformed lines of {visible(source.shown)}")
        target = loaded.warehouse.scratch / f"mended-{len(loaded.looked_at)}"
        copy = mended(source, _refused(loaded, source), target)
        if copy is None:
            target.unlink()
        else:
            loaded.files[loaded.files.index(source)] = copy
            changed = True
    return changed


def _refused(loaded: Loaded, source: Source) -> list[int]:
    """The places (from 0) of the records that DuckDB cannot read, or that are arrays, in the order
    of the file.
    """
    kind = sql.call("json_type", sql.column("json"))
    refused = sql.equal(sql.call("coalesce", kind, "ARRAY"), "ARRAY")
    with loaded.warehouse.one_thread():
        records = sql.select(sql.named(refused, "refused"), of=read_whole(source))
        loaded.warehouse.run(sql.written(sql.temporary("TABLE", "refusals", records)))
    places = sql.select(sql.column("rowid"), of="refusals", where=sql.column("refused"))
    return [place for (place,) in loaded.warehouse.rows(places)]
