"""Files into the view `runs` of canonical runs.

Text logs become one Parquet file of canonical runs in a temporary folder, in one pass; Parquet is
read in place unless it is small.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ebudget.columns import FILE_COLUMN
from ebudget.errors import InputError
from ebudget.logs.formats.json_documents import Wrapping
from ebudget.logs.formats.parquet import needs_own_schema, with_own_schema
from ebudget.logs.mending import mended, slimmed
from ebudget.logs.packing import TRUNCATED, Checked, Compression, Damaged
from ebudget.logs.preparing import (
    as_lines,
    incomplete,
    never_wrapped,
    prepared,
    unpacked_copy,
    watching,
)
from ebudget.logs.runs import (
    FILE,
    MALFORMED,
    REJECT,
    ROW,
    RUNS,
    SAID_BY,
    SILENT,
    WORD,
    Canonical,
    json_statement,
    no_glob,
    parquet_statement,
    read_parquet,
    read_whole,
    sql_type,
)
from ebudget.logs.sources import STDIN, Kind, Source, Sources
from ebudget.logs.strangers import strange_files
from ebudget.logs.warehouse import StatementError, Warehouse
from ebudget.sql.statements import select, subquery, table, temporary, union
from ebudget.sql.trees import (
    Select,
    Tree,
    call,
    case,
    cast,
    column,
    equal,
    identifier,
    most,
    named,
    star,
    when,
    written,
)
from ebudget.text import visible

_TOO_LONG = "maximum_object_size"
"""What DuckDB names where a line is too long."""
_NO_END = "No magic bytes found at end"
"""What it says of a Parquet file that is cut."""
SMALL = 2_000_000
"""Bytes of Parquet logs up to which they are copied."""


@dataclass
class Loaded:
    """Logs whose canonical runs are the view `runs`."""

    warehouse: Warehouse
    canonical: Canonical
    sources: Sources
    skip_unreadable: bool = False
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    """Files that were skipped as a whole, each with the reason."""
    looked_at: set[str] = field(default_factory=set)
    """Files whose malformed lines Python's json has looked at."""
    slimmed: set[str] = field(default_factory=set)
    """Files of which lines were too long to be read as they are."""
    checked: dict[str, Checked] = field(default_factory=dict)
    """Packed files of which every checksum was looked at, by their paths."""
    written: int = 0
    """Files that were written anew, one way or another."""

    def named(self, read_as: str) -> Source:
        """The source that is read under a name."""
        return next(source for source in self.sources.files if source.read_as == read_as)

    @property
    def renamed(self) -> dict[str, str]:
        """The real paths of the files that are read under another name."""
        real = {s.read_as: os.path.abspath(s.path) for s in self.sources.files}
        return {read_as: _as_text(path) for read_as, path in real.items() if read_as != path}

    def give_up(self, source: Source, reason: str) -> None:
        """Skip a file as a whole, or raise InputError where that was not asked for."""
        if not self.skip_unreadable:
            raise InputError(
                f"{visible(source.shown)}: {reason}; a budget over half a log is no budget "
                "(--skip-unreadable leaves such files out and says so)"
            )
        self.unreadable.append((source.shown, reason))
        self.sources.files.remove(source)

    def refuse(self, shown: str, form: str) -> None:
        """The same for a file in a form that is not read."""
        if not self.skip_unreadable:
            others = len(self.sources.files) + len(self.sources.refused) > 1
            how = "; --skip-unreadable leaves such files out and says so" if others else ""
            raise InputError(f"{visible(shown)}: {form}{how}")
        self.unreadable.append((shown, form))


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
        enters = None if source.kind in (Kind.PARQUET, Kind.TABLE) else wrapping
        if enters:
            originals.append(source)
        _rewrite(loaded, source, partial(prepared, wrapping=enters))
    if path and wrapping and wrapping.lacking and not wrapping.entered:
        raise never_wrapped(path, originals)


def _rewrite(
    loaded: Loaded, source: Source, write: Callable[[Source, Path], Source]
) -> Source | None:
    """Read in place of a file what is made of it; gives it, or None where the file is damaged."""
    number = loaded.sources.files.index(source)
    loaded.written += 1
    target = loaded.warehouse.scratch / f"written-{loaded.written}"
    try:
        made = write(source, target)
    except Damaged as damage:
        target.unlink(missing_ok=True)
        loaded.give_up(source, str(damage))
        return None
    except OSError as error:
        loaded.give_up(source, error.strerror or "cannot be read")
        return None
    loaded.sources.files[number] = made
    return made


def several_outcome_names(loaded: Loaded) -> bool:
    """Whether the logs may name the outcome in more than one way."""
    (outcome,) = (wanted for wanted in loaded.canonical.columns if wanted.name == "outcome")
    if len(outcome.paths) == 1 or not loaded.sources.files:
        return False
    names: set[str] = set()
    for source in loaded.sources.files:
        if source.kind is not Kind.PARQUET:
            return True
        names |= set(outcome.paths) & set(parquet_schema(loaded, source))
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
            _try(loaded, source)
    if len(loaded.sources.files) == before:
        raise InputError(f"the logs cannot be evaluated: {error}") from error
    _make_view(loaded)


def _make_view(loaded: Loaded) -> None:
    warehouse = loaded.warehouse
    warehouse.statements.clear()
    selects: list[Select] = []
    printed: list[Select] = []
    groups: dict[tuple[Kind, Compression], list[Source]] = {}
    for source in loaded.sources.files:
        groups.setdefault((source.kind, source.compression), []).append(source)
    for (kind, compression), files in groups.items():
        if kind is Kind.PARQUET:
            found = _parquet_selects(loaded, files)
            selects += _copied_if_small(loaded, files, found)
            printed += found
        else:
            made = _text_select(loaded, kind, compression, files)
            if made is None or (made and _look_again(loaded, kind, compression)):
                _make_view(loaded)
                return
            selects += made[:1]
            printed += made[1:]
    none = _no_runs(loaded.canonical)
    warehouse.run(written(_view(selects or [none])))
    warehouse.note(_view(printed or [none]))


def _view(selects: Sequence[Select]) -> Tree:
    return temporary("VIEW", RUNS, union(selects))


def _no_runs(canonical: Canonical) -> Select:
    types = {wanted.name: sql_type(wanted.type) for wanted in canonical.columns}
    types |= dict.fromkeys((*canonical.flaw_columns, ROW), "BIGINT")
    types |= dict.fromkeys((REJECT, WORD, SAID_BY, FILE), "VARCHAR")
    types[SILENT] = "BOOLEAN"
    nothing = (named(cast(None, types[name]), name) for name in canonical.names)
    return select(*nothing, where=False)


def _text_select(
    loaded: Loaded, kind: Kind, compression: Compression, files: list[Source]
) -> list[Select] | None:
    """Copy text logs once; gives the select of the copy, and the one that `--sql` prints; None
    where some have to be read in another way.
    """
    warehouse, canonical = loaded.warehouse, loaded.canonical
    target = _copy_of(loaded, kind, compression)
    while files:
        warehouse.tick(f"reading {len(files):,} file{'s' if len(files) > 1 else ''}")
        names = [source.read_as for source in files]
        statement = json_statement(canonical, names, kind, compression)
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
    name = f"{kind}_{compression}_records"
    pasted = ["/dev/stdin" if s.shown == f"<{STDIN}>" else s.read_as for s in files]
    if pasted != names:
        statement = json_statement(canonical, pasted, kind, compression)
    warehouse.note(temporary("TABLE", name, statement))
    columns = [_shown(loaded, n) for n in canonical.names if n != ROW]
    return [
        select(*columns, _place("file_row_number"), of=read_parquet([str(target)])),
        select(*columns, _place("rowid"), of=identifier(name)),
    ]


def _read_otherwise(loaded: Loaded, files: Sequence[Source]) -> bool:
    """Have Python read the whole files that DuckDB refuses; gives whether there is any."""
    changed = False
    for source in files:
        reason = _reason(loaded, source)
        if reason is None:
            continue
        changed = True
        if source.kind is Kind.ARRAY:
            _rewrite(loaded, source, as_lines)
        elif _TOO_LONG in reason and source.shown not in loaded.slimmed:
            loaded.slimmed.add(source.shown)
            columns = loaded.canonical.columns
            keys = {spelling[0] for wanted in columns for _, spelling in wanted.places()}
            _rewrite(loaded, source, partial(slimmed, keys=keys))
        elif source.compression is not Compression.NONE:
            _rewrite(loaded, source, unpacked_copy)
        else:
            loaded.give_up(source, reason)
    return changed


def _shown(loaded: Loaded, name: str) -> Tree:
    """A column of canonical runs; the one that holds a file's path from where it was read."""
    if name != FILE_COLUMN or FILE_COLUMN in loaded.canonical.policy.logs.fields:
        return column(name)
    here = os.getcwd() + os.sep
    below = call("starts_with", column(FILE), here)
    path = when(below, call("substr", column(FILE), len(here) + 1), column(FILE))
    others = {
        source.read_as: _below(source, here)
        for source in loaded.sources.files
        if source.read_as != os.path.abspath(source.path) or source.shown == f"<{STDIN}>"
    }
    return named(case(others.items(), path, of=column(FILE)) if others else path, name)


def _below(source: Source, here: str) -> str:
    """A file's path from the working directory, if it lies below it."""
    if source.shown == f"<{STDIN}>":
        return source.shown
    return _as_text(os.path.abspath(source.path).removeprefix(here))


def _as_text(path: str) -> str:
    r"""A path with its bytes that are no UTF-8 as `\xff`, so that different ones stay different."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _place(name: str) -> Tree:
    return named(column(name), ROW)


def _reason(loaded: Loaded, source: Source) -> str | None:
    """Why a file cannot be read, found by reading it alone; else None."""
    if source.kind is Kind.PARQUET:
        everything = most(call("hash", call("COLUMNS", star())))
        statement = select(everything, of=table("read_parquet", no_glob(source.read_as)))
    else:
        records = json_statement(
            loaded.canonical, [source.read_as], source.kind, source.compression
        )
        statement = select(most(column(REJECT)), of=subquery(records, "records"))
    try:
        loaded.warehouse.rows(statement)
    except StatementError as error:
        return _told(error)
    return None


def _told(error: StatementError) -> str:
    """Why a file cannot be read, in words of our own where DuckDB speaks of its insides."""
    return TRUNCATED if _NO_END in str(error) else str(error)


def _try(loaded: Loaded, source: Source) -> None:
    reason = _reason(loaded, source)
    if reason is not None:
        loaded.give_up(source, reason)


def _copy_of(loaded: Loaded, kind: Kind, compression: Compression) -> Path:
    """Where the canonical runs of text logs of one kind and packing are kept."""
    return loaded.warehouse.scratch / f"{kind}-{compression}.parquet"


def _malformed(loaded: Loaded, copy: Path) -> list[Source]:
    """The files of which a line is malformed."""
    records, is_malformed = table("read_parquet", str(copy)), equal(column(REJECT), MALFORMED)
    malformed = select(column(FILE), of=records, where=is_malformed, by=[column(FILE)])
    return [loaded.named(name) for (name,) in loaded.warehouse.rows(malformed)]


def _look_again(loaded: Loaded, kind: Kind, compression: Compression) -> bool:
    """Look into the files that were read badly; gives whether they have to be read anew."""
    if kind is Kind.LINES and _mend(loaded, kind, compression):
        return True
    files = [s for s in loaded.sources.files if (s.kind, s.compression) == (kind, compression)]
    copy = _copy_of(loaded, kind, compression)
    strange = strange_files(loaded.warehouse, loaded.canonical, copy, files)
    for source, form in strange:
        loaded.refuse(source.shown, form)
        loaded.sources.files.remove(source)
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
            loaded.sources.files[loaded.sources.files.index(source)] = copy
            changed = True
    return changed


def _refused(loaded: Loaded, source: Source) -> list[int]:
    """The places (from 0) of the records that DuckDB cannot read, or that are arrays, in the order
    of the file.
    """
    kind = call("json_type", column("json"))
    refused = equal(call("coalesce", kind, "ARRAY"), "ARRAY")
    with loaded.warehouse.one_thread():
        records = select(named(refused, "refused"), of=read_whole(source))
        loaded.warehouse.run(written(temporary("TABLE", "refusals", records)))
    places = select(column("rowid"), of="refusals", where=column("refused"))
    return [place for (place,) in loaded.warehouse.rows(places)]


def parquet_schema(loaded: Loaded, source: Source) -> dict[str, object]:
    """The type of every path of a Parquet file. Raises StatementError where it is no such file."""
    name = no_glob(source.read_as)
    schema = loaded.warehouse.schema(table("read_parquet", name, hive_partitioning=False))
    if not needs_own_schema(schema):
        return schema
    nodes = map(column, ("name", "type", "num_children"))
    own = select(*nodes, of=table("parquet_schema", name))
    return with_own_schema(schema, loaded.warehouse.rows(own))


def _parquet_selects(loaded: Loaded, files: list[Source]) -> list[Select]:
    """One select for each schema among the files."""
    schemas: list[tuple[dict[str, object], list[str]]] = []
    for source in files:
        try:
            schema = parquet_schema(loaded, source)
        except StatementError as error:
            loaded.give_up(source, _told(error))
            continue
        taken = {name for name in schema if name.lower() in (FILE, "file_row_number")}
        if taken:
            loaded.give_up(source, f"its column {min(taken)} has a name that DuckDB needs")
            continue
        for known, names in schemas:
            if known == schema:
                names.append(source.read_as)
                break
        else:
            schemas.append((schema, [source.read_as]))
    columns = [_shown(loaded, name) for name in loaded.canonical.names]
    return [
        select(
            *columns,
            of=subquery(parquet_statement(loaded.canonical, names, schema), "parquet_records"),
        )
        for schema, names in schemas
    ]


def _copied_if_small(
    loaded: Loaded, files: Sequence[Source], selects: list[Select]
) -> list[Select]:
    """Small Parquet logs as a copy of their canonical runs.

    Each statement plans the whole conversion anew, which takes longer than to read a small log.
    """
    if not selects or sum(os.path.getsize(source.read_as) for source in files) > SMALL:
        return selects
    target = loaded.warehouse.scratch / "parquet.parquet"
    try:
        loaded.warehouse.copy(union(selects), target)
    except StatementError:  # the next statement meets the same file and finds out which it is
        return selects
    columns = [column(name) for name in loaded.canonical.names]
    return [select(*columns, of=read_parquet([str(target)]))]
