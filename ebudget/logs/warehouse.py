"""A DuckDB database in a temporary folder: the only module that talks to DuckDB."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from ebudget import sql
from ebudget.errors import InputError
from ebudget.text import visible

MEMORY = "1GB"
"""What DuckDB may keep in memory before it spills to disk."""

Tick = Callable[[str], None]
"""Is told what is being done."""


class StatementError(Exception):
    """A statement that DuckDB could not carry out, because of a file or of a rule."""


@dataclass
class Warehouse:
    """A connection and its temporary folder."""

    connection: duckdb.DuckDBPyConnection
    scratch: Path
    tick: Tick = lambda _: None

    def run(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Run one statement. Raises StatementError, and InputError where memory or disk end."""
        try:
            return self.connection.execute(sql)
        except duckdb.OutOfMemoryException:
            raise InputError(
                f"the logs need more than {MEMORY} of memory or more disk than "
                f"{self.scratch.parent} has free; set TMPDIR to a larger disk"
            ) from None
        except duckdb.Error as error:
            raise StatementError(_first_line(error)) from error
        except RuntimeError as error:  # what DuckDB makes of Ctrl-C
            if "interrupted" in str(error).lower():
                raise KeyboardInterrupt from None
            raise

    def rows(self, statement: sql.Tree) -> list[tuple[Any, ...]]:
        """All rows of a small result."""
        return self.run(sql.written(statement)).fetchall()

    def problem(self, statement: sql.Tree) -> str | None:
        """Why a statement cannot be carried out; None where it can."""
        try:
            self.rows(statement)
        except StatementError as error:
            return str(error)
        return None

    def frame(self, query: str) -> pl.DataFrame:
        """The result of a query as a Polars frame."""
        try:
            return pl.DataFrame(self.connection.sql(query))
        except duckdb.Error as error:
            raise StatementError(_first_line(error)) from error

    @contextlib.contextmanager
    def one_thread(self) -> Iterator[None]:
        """Statements that read text files in order; with more threads their order may change."""
        ((threads,),) = self.run("SELECT current_setting('threads')").fetchall()
        self.run("SET threads = 1")
        try:
            yield
        finally:
            self.run(f"SET threads = {int(threads)}")

    def beside(self, name: str) -> Warehouse:
        """The same database with views and tables of its own, and a folder in this one's."""
        connection, scratch = self.connection.cursor(), self.scratch / name
        scratch.mkdir()
        for setting in ("TimeZone", "enable_progress_bar", "preserve_insertion_order"):
            (value,) = self.connection.execute(f"SELECT current_setting('{setting}')").fetchall()[0]
            connection.execute(f"SET {setting} = {sql.written(sql.part(value))}")
        return Warehouse(connection, scratch, self.tick)

    def copy(self, statement: sql.Tree, target: Path) -> None:
        """Write a result to a Parquet file."""
        self.run(
            f"COPY ({sql.written(statement)}) TO {sql.written(sql.text(str(target)))} "
            "(FORMAT parquet, COMPRESSION lz4_raw)"
        )

    def schema(self, relation: sql.Tree) -> dict[str, object]:
        """The columns of a relation with their SQL types; a struct is a nested mapping."""
        statement = sql.written(sql.select(sql.star(), of=relation, limit=0))
        try:
            found = self.connection.sql(statement)
            return {
                name: _nested(type_) for name, type_ in zip(found.columns, found.types, strict=True)
            }
        except duckdb.Error as error:
            raise StatementError(_first_line(error)) from error


def no_glob(path: str) -> str:
    """Brackets around the characters that mean something in a glob."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in path)


@contextlib.contextmanager
def opened_warehouse(
    *, threads: int | None = None, tick: Tick = lambda _: None
) -> Iterator[Warehouse]:
    """An empty warehouse; all its temporary files go at the end."""
    scratch = Path(tempfile.mkdtemp(prefix="ebudget-"))
    try:
        with duckdb.connect() as connection:
            _settle(connection, scratch, threads)
            yield Warehouse(connection, scratch, tick)
    finally:
        _remove(scratch)


def _remove(folder: Path) -> None:
    """Remove a folder, also where what ends the command comes meanwhile."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


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
        connection.execute(f"SET {name} = {sql.written(sql.part(value))}")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return visible(lines[0]) if lines else type(error).__name__


def _nested(type_: Any) -> object:
    if type_.id == "struct":
        return {name: _nested(child) for name, child in type_.children}
    return str(type_)
