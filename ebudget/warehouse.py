"""Files in, ledger out: the only module that talks to DuckDB.

Text logs become one canonical Parquet file in a temporary folder, in one pass; Parquet is read in
place. Every further statement runs over the view `runs` of both.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import polars as pl
from sqlglot import exp

from ebudget.errors import InputError
from ebudget.query import RUNS, Plan
from ebudget.reading import (
    FILE,
    MALFORMED,
    REJECT,
    ROW,
    SAID_BY,
    WORD,
    Canonical,
    json_statement,
    no_glob,
    parquet_statement,
    sql_type,
)
from ebudget.rules import call, cast, column, text
from ebudget.sources import Compression, Kind, Source, Sources, find_sources, gzip_is_damaged
from ebudget.text_safety import visible

MEMORY = "1GB"
"""What DuckDB may keep in memory before it spills to disk."""


class StatementError(Exception):
    """A statement that DuckDB could not carry out, because of a file or of a rule."""


@dataclass
class Warehouse:
    """A DuckDB database in a temporary folder, and the files it reads."""

    connection: duckdb.DuckDBPyConnection
    scratch: Path
    canonical: Canonical
    sources: Sources
    skip_unreadable: bool = False
    statements: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    tick: Callable[[str], None] = lambda _: None

    def run(self, statement: exp.Expr, *, note: bool = True) -> duckdb.DuckDBPyConnection:
        """Run a statement; noted ones are what `--sql` prints."""
        sql = statement.sql("duckdb")
        if note:
            self.statements.append(statement.sql("duckdb", pretty=True) + ";")
        try:
            return self.connection.execute(sql)
        except duckdb.OutOfMemoryException:
            raise InputError(
                f"the logs need more than {MEMORY} of memory or more disk than "
                f"{self.scratch.parent} has free; set TMPDIR to a larger disk"
            ) from None
        except duckdb.Error as error:
            raise StatementError(error) from error

    def frame(self, statement: exp.Expr) -> pl.DataFrame:
        """The result of a statement as a Polars frame."""
        self.statements.append(statement.sql("duckdb", pretty=True) + ";")
        try:
            return pl.DataFrame(self.connection.sql(statement.sql("duckdb")))
        except duckdb.Error as error:
            raise StatementError(error) from error

    def rows(self, statement: exp.Expr, *, note: bool = False) -> list[tuple[Any, ...]]:
        """All rows of a small result."""
        return self.run(statement, note=note).fetchall()

    def named(self, read_as: str) -> Source:
        """The source that is read under a name."""
        return next(s for s in self.sources.files if s.read_as == read_as)


@contextlib.contextmanager
def opened_warehouse(
    plan: Plan,
    paths: Sequence[str],
    *,
    skip_unreadable: bool = False,
    stdin: BinaryIO | None = None,
    threads: int | None = None,
    tick: Callable[[str], None] = lambda _: None,
) -> Iterator[Warehouse]:
    """The canonical runs of some logs as the view `runs`; all temporary files go at the end."""
    scratch = Path(tempfile.mkdtemp(prefix="ebudget-"))
    try:
        sources = find_sources(paths, scratch, stdin)
        with duckdb.connect() as connection:
            _settle(connection, scratch, threads)
            warehouse = Warehouse(
                connection, scratch, plan.canonical, sources, skip_unreadable, tick=tick
            )
            _load(warehouse)
            yield warehouse
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _settle(connection: duckdb.DuckDBPyConnection, scratch: Path, threads: int | None) -> None:
    settings: dict[str, str | bool | int] = {
        "TimeZone": "UTC",
        "memory_limit": MEMORY,
        "temp_directory": str(scratch / "spill"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "enable_progress_bar": False,
        "preserve_insertion_order": True,
    }
    if threads is not None:
        settings["threads"] = threads
    for name, value in settings.items():
        quoted = text(value) if isinstance(value, str) else exp.convert(value)
        connection.execute(f"SET {name} = {quoted.sql('duckdb')}")


def _load(warehouse: Warehouse) -> None:
    warehouse.statements.append("SET TimeZone = 'UTC';")
    parts: list[exp.Select] = []
    groups: dict[tuple[Kind, Compression], list[Source]] = {}
    for source in warehouse.sources.files:
        groups.setdefault((source.kind, source.compression), []).append(source)
    for (kind, compression), files in groups.items():
        if kind is Kind.PARQUET:
            parts += _parquet_parts(warehouse, files)
        else:
            parts += _json_part(warehouse, kind, compression, files)
    if not parts:
        parts = [_no_runs(warehouse.canonical)]
    union: exp.Expr = parts[0]
    for part in parts[1:]:
        union = exp.Union(this=union, expression=part, distinct=False)
    warehouse.run(
        exp.Create(
            this=exp.to_identifier(RUNS),
            kind="VIEW",
            expression=union,
            replace=True,
            properties=exp.Properties(expressions=[exp.TemporaryProperty()]),
        )
    )


def drop_unreadable(warehouse: Warehouse, error: StatementError) -> None:
    """Leave out the files because of which a statement failed, and load the others.

    Raises InputError unless unreadable files are to be skipped, and StatementError where every
    file can be read.
    """
    cause = error.__cause__ or error
    parquet = [s for s in warehouse.sources.files if s.kind is Kind.PARQUET]
    kept: list[Source] = []
    for source in parquet:
        reason = _failure_of(warehouse, source)
        if reason is None:
            kept.append(source)
        elif warehouse.skip_unreadable:
            warehouse.unreadable.append((source.shown, reason))
        else:
            raise InputError(f"{visible(source.shown)}: {reason}")
    if len(kept) == len(parquet):
        raise InputError(f"the logs cannot be evaluated: {_first_line(cause)}") from error
    others = [s for s in warehouse.sources.files if s.kind is not Kind.PARQUET]
    warehouse.sources.files = others + kept
    warehouse.statements.clear()
    _load(warehouse)


def _no_runs(canonical: Canonical) -> exp.Select:
    types = {wanted.name: sql_type(wanted.type) for wanted in canonical.columns}
    types |= dict.fromkeys((*canonical.flaw_columns, ROW), "BIGINT")
    types |= dict.fromkeys((REJECT, WORD, SAID_BY, FILE), "VARCHAR")
    return exp.select(
        *(exp.alias_(cast(exp.Null(), types[name]), name, quoted=True) for name in canonical.names)
    ).where(exp.false())


def _json_part(
    warehouse: Warehouse, kind: Kind, compression: Compression, files: list[Source]
) -> list[exp.Select]:
    """One pass over text logs, into a Parquet file of canonical runs in the order of the logs."""
    target = warehouse.scratch / f"{kind}-{compression}.parquet"
    name = f"{kind}_{compression}_records"
    while files:
        warehouse.tick(f"reading {len(files):,} file{'s' if len(files) > 1 else ''}")
        names = [source.read_as for source in files]
        statement = json_statement(warehouse.canonical, names, kind, compression)
        copied = statement.sql("duckdb")
        try:
            warehouse.connection.execute(
                f"COPY ({copied}) TO {text(str(target)).sql('duckdb')} "
                "(FORMAT parquet, COMPRESSION lz4_raw)"
            )
        except duckdb.Error as error:
            files = _without_culprits(warehouse, files, error)
            continue
        damaged = _damaged_gzips(warehouse, target) if compression == "gzip" else []
        if not damaged:
            break
        files = [source for source in files if source not in damaged]
    if not files:
        return []
    pretty = statement.sql("duckdb", pretty=True)
    warehouse.statements.append(f"CREATE OR REPLACE TEMP TABLE {name} AS\n{pretty};")
    columns = [column(n) for n in warehouse.canonical.names if n != ROW]
    place = exp.alias_(column("file_row_number"), ROW, quoted=True)
    source = exp.Table(
        this=call(
            "read_parquet",
            text(str(target)),
            exp.EQ(this=exp.column("file_row_number"), expression=exp.true()),
            exp.EQ(this=exp.column("hive_partitioning"), expression=exp.false()),
        )
    )
    return [exp.select(*columns, place).from_(source)]


def _without_culprits(warehouse: Warehouse, files: list[Source], error: Exception) -> list[Source]:
    """The files that can be read; without `--skip-unreadable` the first that cannot is an error."""
    kept: list[Source] = []
    for source in files:
        reason = _failure_of(warehouse, source)
        if reason is None:
            kept.append(source)
        elif warehouse.skip_unreadable:
            warehouse.unreadable.append((source.shown, reason))
        else:
            raise InputError(
                f"{visible(source.shown)}: {reason}; a budget over half a log is no budget "
                "(--skip-unreadable counts such files and goes on)"
            )
    if len(kept) == len(files):
        raise InputError(f"the logs cannot be read: {_first_line(error)}")
    return kept


def _failure_of(warehouse: Warehouse, source: Source) -> str | None:
    try:
        if source.kind is Kind.PARQUET:
            relation: exp.Expr = exp.Table(this=call("read_parquet", text(no_glob(source.read_as))))
            counted = [exp.Count(this=exp.Columns(this=exp.Star()))]
            warehouse.connection.execute(exp.select(*counted).from_(relation).sql("duckdb"))
        else:
            statement = json_statement(
                warehouse.canonical, [source.read_as], source.kind, source.compression
            )
            counting = exp.select(exp.Count(this=exp.Star())).from_(statement.subquery("records"))
            warehouse.connection.execute(counting.sql("duckdb")).fetchall()
    except duckdb.Error as error:
        return _first_line(error)
    return None


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return visible(lines[0]) if lines else type(error).__name__


def _damaged_gzips(warehouse: Warehouse, target: Path) -> list[Source]:
    """A .gz with a malformed line has its CRC checked."""
    table = exp.Table(this=call("read_parquet", text(str(target))))
    malformed = (
        exp.select(column(FILE))
        .distinct()
        .from_(table)
        .where(exp.EQ(this=column(REJECT), expression=text(MALFORMED)))
    )
    damaged: list[Source] = []
    for (name,) in warehouse.rows(malformed):
        source = warehouse.named(name)
        reason = gzip_is_damaged(source.path)
        if reason is None:
            continue
        if not warehouse.skip_unreadable:
            raise InputError(f"{visible(source.shown)}: damaged: {reason}")
        warehouse.unreadable.append((source.shown, f"damaged: {reason}"))
        damaged.append(source)
    return damaged


def _parquet_parts(warehouse: Warehouse, files: list[Source]) -> list[exp.Select]:
    """One select for each schema among the files."""
    schemas: list[tuple[dict[str, object], list[str]]] = []
    for source in files:
        schema = parquet_schema(warehouse, source)
        if schema is None:
            continue
        for known, names in schemas:
            if known == schema:
                names.append(source.read_as)
                break
        else:
            schemas.append((schema, [source.read_as]))
    columns = [column(name) for name in warehouse.canonical.names]
    return [
        exp.select(*columns).from_(
            parquet_statement(warehouse.canonical, names, schema).subquery("parquet_records")
        )
        for schema, names in schemas
    ]


def parquet_schema(warehouse: Warehouse, source: Source) -> dict[str, object] | None:
    """The type of every path of a Parquet file; None where it is skipped as unreadable."""
    try:
        relation = warehouse.connection.sql(
            f"SELECT * FROM read_parquet({text(no_glob(source.read_as)).sql('duckdb')}, "
            "hive_partitioning = false) LIMIT 0"
        )
        return {
            name: _nested(type_)
            for name, type_ in zip(relation.columns, relation.types, strict=True)
        }
    except duckdb.Error as error:
        reason = _first_line(error)
        if not warehouse.skip_unreadable:
            raise InputError(f"{visible(source.shown)}: {reason}") from None
        warehouse.unreadable.append((source.shown, reason))
        return None


def _nested(type_: Any) -> object:
    if type_.id == "struct":
        return {name: _nested(child) for name, child in type_.children}
    return str(type_)
