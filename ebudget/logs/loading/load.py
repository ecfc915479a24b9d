"""Files into the view `runs` of canonical runs.

Text logs become one Parquet file of canonical runs in a temporary folder, in one pass; Parquet is
read in place unless it is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ebudget import sql
from ebudget.errors import InputError
from ebudget.logs.documents import Wrapping
from ebudget.logs.files.packing import Compression
from ebudget.logs.files.source import Source
from ebudget.logs.files.sources import Sources
from ebudget.logs.formats.format import Kind
from ebudget.logs.loading.copying import looked_again, text_copies
from ebudget.logs.loading.loaded import Loaded
from ebudget.logs.loading.parquet_records import (
    copied_if_small,
    parquet_problem,
    parquet_schema,
    parquet_selects,
)
from ebudget.logs.loading.preparing import never_wrapped, prepared
from ebudget.logs.runs import FILE, REJECT, ROW, RUNS, SAID_BY, SILENT, WORD, Canonical, sql_type
from ebudget.logs.warehouse import StatementError, Warehouse


def load(
    warehouse: Warehouse, canonical: Canonical, sources: Sources, *, skip_unreadable: bool
) -> Loaded:
    """Make the view `runs`. Raises InputError for a file that cannot be read."""
    loaded = Loaded(warehouse, canonical, sources, skip_unreadable)
    for shown, reason in sources.refused:
        loaded.refuse(shown, reason)
    _prepare(loaded)
    try:
        _make_view(loaded)
    except StatementError as error:
        raise InputError(f"the logs cannot be read: {error}") from error
    return loaded


def _prepare(loaded: Loaded) -> None:
    """Write anew what DuckDB cannot read as it is. Raises InputError."""
    path = loaded.canonical.policy.logs.records_at
    wrapping = Wrapping(tuple(path.split("."))) if path else None
    originals: list[Source] = []
    for source in list(loaded.sources.files):
        enters = wrapping if source.format.nested else None
        if enters:
            originals.append(source)
        loaded.rewrite(source, partial(prepared, wrapping=enters))
    if path and wrapping and wrapping.lacking and not wrapping.entered:
        raise never_wrapped(path, originals)


def several_outcome_names(loaded: Loaded) -> bool:
    """Whether the logs may name the outcome in more than one way."""
    (outcome,) = (wanted for wanted in loaded.canonical.columns if wanted.name == "outcome")
    if len(outcome.paths) == 1 or not loaded.sources.files:
        return False
    names: set[str] = set()
    for source in loaded.sources.files:
        if source.kind is not Kind.PARQUET:
            return True
        names |= set(outcome.paths) & set(parquet_schema(loaded.warehouse, source))
    return len(names) > 1


def reload_in_order(loaded: Loaded) -> None:
    """Make the view again with the records of text logs in the order of their files."""
    with loaded.warehouse.one_thread():
        _make_view(loaded)


def reload_without_culprits(loaded: Loaded, error: StatementError) -> None:
    """Leave out the Parquet files because of which a statement failed, and make the view again.

    Raises InputError unless unreadable files are skipped, or where every file can be read.
    """
    before = len(loaded.sources.files)
    for source in list(loaded.sources.files):
        if source.kind is Kind.PARQUET:
            problem = parquet_problem(loaded.warehouse, source)
            if problem is not None:
                loaded.give_up(source, problem)
    if len(loaded.sources.files) == before:
        raise InputError(f"the logs cannot be evaluated: {error}") from error
    _make_view(loaded)


def _make_view(loaded: Loaded) -> None:
    warehouse = loaded.warehouse
    warehouse.statements.clear()
    selects: list[sql.Select] = []
    printed: list[sql.Select] = []
    groups: dict[tuple[Kind, Compression], list[Source]] = {}
    for source in loaded.sources.files:
        groups.setdefault((source.kind, source.compression), []).append(source)
    for (kind, compression), files in groups.items():
        if kind is Kind.PARQUET:
            found = parquet_selects(loaded, files)
            selects += copied_if_small(loaded, files, found)
            printed += found
        else:
            made = text_copies(loaded, kind, compression, files)
            if made is None or (made and looked_again(loaded, kind, compression)):
                _make_view(loaded)
                return
            selects += made[:1]
            printed += made[1:]
    none = _no_runs(loaded.canonical)
    warehouse.run(sql.written(_view(selects or [none])))
    warehouse.note(_view(printed or [none]))


def _view(selects: Sequence[sql.Select]) -> sql.Tree:
    return sql.temporary("VIEW", RUNS, sql.union(selects))


def _no_runs(canonical: Canonical) -> sql.Select:
    types = {wanted.name: sql_type(wanted.type) for wanted in canonical.columns}
    types |= dict.fromkeys((*canonical.flaw_columns, ROW), "BIGINT")
    types |= dict.fromkeys((REJECT, WORD, SAID_BY, FILE), "VARCHAR")
    types[SILENT] = "BOOLEAN"
    nothing = (sql.named(sql.cast(None, types[name]), name) for name in canonical.names)
    return sql.select(*nothing, where=False)
