"""Parquet records, which are read in place: the schema of a file, and the statement."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ebudget import sql
from ebudget.logs.files.packing import TRUNCATED
from ebudget.logs.files.source import Source
from ebudget.logs.loading.loaded import Loaded
from ebudget.logs.runs import FILE, ROW, Canonical, Raw, said_by, select_canonical, sql_type
from ebudget.logs.values.columns import Wanted, from_text
from ebudget.logs.values.steps import Extracted
from ebudget.logs.values.typed import INT96, Field, raw_value, typed_column
from ebudget.logs.warehouse import StatementError, Warehouse, no_glob

Schema = Mapping[str, object]
"""The type of every path of a Parquet file: SQL type names, nested schemas, or `Renamed` ones."""


@dataclass(frozen=True)
class Renamed:
    """A field that DuckDB knows under another name, since one beside it differs by case only."""

    read_as: str
    type: object


_NUMBERED = re.compile(r"_\d+\Z")
"""How DuckDB tells apart names that differ by case only: it appends a number."""
_MAP = re.compile(r"MAP\(VARCHAR, (.*)\)\Z", re.DOTALL)

Node = tuple[str, str | None, int | None]
"""A node of a Parquet file's own schema: its name, physical type and number of children."""


def _needs_own_schema(schema: Schema) -> bool:
    """Whether DuckDB's names and types may hide what the file itself says."""
    return any(
        type_ == "TIMESTAMP"
        or _NUMBERED.search(name) is not None
        or (isinstance(type_, Mapping) and _needs_own_schema(type_))
        for name, type_ in schema.items()
    )


def _with_own_schema(schema: Schema, nodes: Iterable[Node]) -> dict[str, object]:
    """DuckDB's schema of a file under the names that the file has; of equal names the first.

    `nodes` are those of the file, depth first, from the root on.
    """
    _, _, children = _subtree(iter(nodes))
    return _renamed(schema, children)


_Subtree = tuple[str, str | None, list[Any]]


def _subtree(nodes: Iterator[Node]) -> _Subtree:
    name, physical, count = next(nodes)
    return name, physical, [_subtree(nodes) for _ in range(count or 0)]


def _renamed(schema: Schema, children: Sequence[_Subtree]) -> dict[str, object]:
    found: dict[str, object] = {}
    for (read_as, type_), (name, physical, inner) in zip(schema.items(), children, strict=True):
        own = _renamed(type_, inner) if isinstance(type_, Mapping) else type_
        if physical == INT96:
            own = INT96
        found.setdefault(name, own if name == read_as else Renamed(read_as, own))
    return found


def _access(schema: Schema, spelling: Sequence[str]) -> tuple[sql.Tree, str] | None:
    """The way to a nested field and its type; None where the file has no such field."""
    at: object = schema
    tree: sql.Tree | None = None
    for index, key in enumerate(spelling):
        if not isinstance(at, Mapping):
            return _in_map(tree, str(at), spelling[index:])
        if key not in at:
            return None
        found, name = at[key], key
        if isinstance(found, Renamed):
            name, found = found.read_as, found.type
        at = found
        tree = sql.column(name) if tree is None else sql.call("struct_extract", tree, name)
    if tree is None:
        return None
    return tree, "STRUCT()" if isinstance(at, Mapping) else str(at)


def _in_map(tree: sql.Tree | None, type_: str, rest: Sequence[str]) -> tuple[sql.Tree, str] | None:
    """The value of a key in a map, which has one value for each; only the last of a path."""
    found = _MAP.match(type_)
    if found is None or tree is None or len(rest) != 1:
        return None
    return sql.call("map_extract_value", tree, rest[0]), found[1]


def read_parquet(files: Sequence[str], *, filename: bool = False) -> sql.Tree:
    """A table of Parquet files that share a schema, with the places of their rows."""
    kept = {"filename": FILE} if filename else {}
    names = sql.array(map(no_glob, files))
    return sql.table("read_parquet", names, **kept, file_row_number=True, hive_partitioning=False)


def parquet_statement(canonical: Canonical, files: Sequence[str], schema: Schema) -> sql.Select:
    """Canonical runs of Parquet files that share a schema, read in place."""
    extracted: dict[str, Extracted] = {}
    raws: list[sql.Tree] = []
    found_of: dict[str, list[tuple[str, sql.Tree]]] = {}
    for wanted in canonical.columns:
        parts: list[Extracted] = []
        fields = _fields(wanted, schema)
        for field_ in fields:
            raws.append(sql.named(raw_value(wanted, field_), field_.raw))
            parts.append(
                typed_column(wanted, field_, canonical.policy)
                or from_text(wanted, field_.raw, canonical.policy)
            )
        trees = [sql.column(field_.raw) for field_ in fields]
        extracted[wanted.name] = _first_of(trees, parts, wanted)
        found_of[wanted.name] = [(field_.path, sql.column(field_.raw)) for field_ in fields]
    first = sql.select(
        *raws,
        sql.named(sql.column(FILE), FILE),
        sql.named(sql.column("file_row_number"), ROW),
        of=read_parquet(files, filename=True),
    )
    raw = Raw(_first_text(found_of["outcome"]), said_by(found_of["outcome"]), sql.part(True))
    return select_canonical(canonical, extracted, raw, first, placed=True)


def _fields(wanted: Wanted, schema: Schema) -> list[Field]:
    found: list[Field] = []
    for path, spelling in wanted.places():
        access = _access(schema, spelling)
        if access is not None:
            found.append(Field(path, f"{wanted.name}.{len(found)}", *access))
    return found


def _first_text(found: Sequence[tuple[str, sql.Tree]]) -> sql.Tree:
    trees = [sql.cast(tree, "VARCHAR") for _, tree in found]
    return sql.call("coalesce", *trees) if trees else sql.part(None)


def _first_of(trees: Sequence[sql.Tree], parts: Sequence[Extracted], wanted: Wanted) -> Extracted:
    """The first of several fields that has a value decides, also where it cannot be read."""
    if not parts:
        return Extracted(sql.cast(None, sql_type(wanted.type)))
    if len(parts) == 1:
        return parts[0]

    def first(choices: Sequence[sql.Value]) -> sql.Tree:
        return sql.case(zip(map(sql.present, trees), choices, strict=True))

    reasons = sorted({reason for found in parts for reason in found.flaws})
    steps: list[dict[str, sql.Tree]] = [{} for _ in range(max(len(p.steps) for p in parts))]
    for found in parts:
        for level, made in enumerate(found.steps):
            steps[level] |= made
    absent = [False if found.absent is None else found.absent for found in parts]
    return Extracted(
        first([found.value for found in parts]),
        {reason: first([p.flaws.get(reason, False) for p in parts]) for reason in reasons},
        tuple(steps),
        absent=first(absent) if wanted.name == "outcome" else None,
    )


def parquet_schema(warehouse: Warehouse, source: Source) -> dict[str, object]:
    """The type of every path of a Parquet file. Raises StatementError where it is no such file."""
    name = no_glob(source.read_as)
    schema = warehouse.schema(sql.table("read_parquet", name, hive_partitioning=False))
    if not _needs_own_schema(schema):
        return schema
    nodes = map(sql.column, ("name", "type", "num_children"))
    own = sql.select(*nodes, of=sql.table("parquet_schema", name))
    return _with_own_schema(schema, warehouse.rows(own))


def parquet_selects(loaded: Loaded, files: list[Source]) -> list[sql.Select]:
    """One select for each schema among the files."""
    schemas: list[tuple[dict[str, object], list[str]]] = []
    for source in files:
        try:
            schema = parquet_schema(loaded.warehouse, source)
        except StatementError as error:
            loaded.give_up(source, _told(str(error)))
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
    columns = [loaded.column(name) for name in loaded.canonical.names]
    return [
        sql.select(
            *columns,
            of=sql.subquery(parquet_statement(loaded.canonical, names, schema), "parquet_records"),
        )
        for schema, names in schemas
    ]


SMALL = 2_000_000
"""Bytes of Parquet logs up to which they are copied."""


def copied_if_small(
    loaded: Loaded, files: Sequence[Source], selects: list[sql.Select]
) -> list[sql.Select]:
    """Small Parquet logs as a copy of their canonical runs.

    Each statement plans the whole conversion anew, which takes longer than to read a small log.
    """
    if not selects or sum(os.path.getsize(source.read_as) for source in files) > SMALL:
        return selects
    target = loaded.warehouse.scratch / "parquet.parquet"
    try:
        loaded.warehouse.copy(sql.union(selects), target)
    except StatementError:  # the next statement meets the same file and finds out which it is
        return selects
    columns = [sql.column(name) for name in loaded.canonical.names]
    return [sql.select(*columns, of=read_parquet([str(target)]))]


_NO_END = "No magic bytes found at end"
"""What DuckDB says of a file that is cut."""


def parquet_problem(warehouse: Warehouse, source: Source) -> str | None:
    """Why a file cannot be read, found by reading all of it; else None."""
    everything = sql.most(sql.call("hash", sql.call("COLUMNS", sql.star())))
    statement = sql.select(everything, of=sql.table("read_parquet", no_glob(source.read_as)))
    problem = warehouse.problem(statement)
    return None if problem is None else _told(problem)


def _told(problem: str) -> str:
    """The same in words of our own where DuckDB speaks of its insides."""
    return TRUNCATED if _NO_END in problem else problem
