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
    warehouse: Warehouse,
    canonical: Canonical,
    files: Sequence[Source],
    *,
    skip_unreadable: bool,
    whole: bool = True,
    suffix: str = "",
) -> Loaded:
    """Make the view `runs` of some files; `whole` tells whether they are all of the command.
    Names of tables that `--sql` prints end in the suffix.

    Raises InputError for a file that cannot be read.
    """
    loaded = Loaded(warehouse, canonical, list(files), skip_unreadable, whole, suffix)
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
    originals = [source for source in loaded.files if source.format.nested]
    for source in list(loaded.files):
        enters = wrapping if source.format.nested else None
        loaded.rewrite(source, partial(prepared, wrapping=enters))
    if path and wrapping and wrapping.lacking and not wrapping.entered:
        if loaded.whole:
            raise never_wrapped(path, originals)
        loaded.lacks_arrays = True
    loaded.has_arrays = wrapping is not None and wrapping.entered > 0


def outcome_names(loaded: Loaded) -> frozenset[str]:
    """The names by which the logs may tell the outcome."""
    (outcome,) = (wanted for wanted in loaded.canonical.columns if wanted.name == "outcome")
    names: set[str] = set()
    for source in loaded.files if len(outcome.paths) > 1 else ():
        if source.kind is not Kind.PARQUET:
            return frozenset(outcome.paths)
        names |= set(outcome.paths) & set(parquet_schema(loaded.warehouse, source))
    return frozenset(names)


def reload_in_order(loaded: Loaded) -> None:
    """Make the view again with the records of text logs in the order of their files."""
    with loaded.warehouse.one_thread():
        _make_view(loaded)


def give_up_culprits(loaded: Loaded, error: StatementError) -> None:
    """Give up the Parquet files because of which a statement failed.

    Raises InputError unless unreadable files are skipped, or where every file can be read.
    """
    before = len(loaded.files)
    for source in list(loaded.files):
        if source.kind is Kind.PARQUET:
            problem = parquet_problem(loaded.warehouse, source)
            if problem is not None:
                loaded.give_up(source, problem)
    if len(loaded.files) == before:
        raise InputError(f"the logs cannot be evaluated: {error}") from error


def _make_view(loaded: Loaded) -> None:
    warehouse = loaded.warehouse
    loaded.tables.clear()
    selects: list[sql.Select] = []
    printed: list[sql.Select] = []
    groups: dict[tuple[Kind, Compression], list[Source]] = {}
    for source in loaded.files:
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
    warehouse.run(sql.written(view_of(selects or [none])))
    loaded.printed = printed or [none]


def view_of(selects: Sequence[sql.Select]) -> sql.Tree:
    """The view `runs` of some selects."""
    return sql.temporary("VIEW", RUNS, sql.union(selects))


def _no_runs(canonical: Canonical) -> sql.Select:
    types = {wanted.name: sql_type(wanted.type) for wanted in canonical.columns}
    types |= dict.fromkeys((*canonical.flaw_columns, ROW), "BIGINT")
    types |= dict.fromkeys((REJECT, WORD, SAID_BY, FILE), "VARCHAR")
    types[SILENT] = "BOOLEAN"
    nothing = (sql.named(sql.cast(None, types[name]), name) for name in canonical.names)
    return sql.select(*nothing, where=False)
