"""Whether the paths that a policy maps occur in the logs; where not, which one is nearest."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from sqlglot import exp

from ebudget.errors import InputError
from ebudget.extraction import spellings
from ebudget.loading import Loaded, parquet_schema
from ebudget.query import RUNS, Plan
from ebudget.reading import json_pointer, read_whole
from ebudget.rules import call, column, text
from ebudget.sources import Kind, Source
from ebudget.text_safety import visible

SAMPLE = 500
"""Records of each text log that are looked through for the paths they have."""
DEEPEST = 8


def check_mapped_paths(loaded: Loaded, plan: Plan) -> None:
    """Raise InputError for a mapped path that occurs nowhere and is not optional."""
    fields = plan.policy.logs.fields
    wanted = {name: field.path for name, field in fields.items() if not field.optional}
    missing = _without_values(loaded, plan, wanted)
    if not missing:
        return
    occurring: set[str] = set()
    for source in loaded.sources.files:
        occurring |= _paths_of(loaded, source)
        missing = {name: path for name, path in missing.items() if path not in occurring}
        if not missing:
            return
    if not occurring:
        return
    missing = {name: path for name, path in missing.items() if not _occurs_late(loaded, path)}
    if missing:
        raise InputError("\n".join(_complaint(n, p, occurring) for n, p in missing.items()))


def absent_optional_paths(loaded: Loaded, plan: Plan) -> list[str]:
    """The optional mapped columns whose paths occur nowhere."""
    fields = plan.policy.logs.fields
    wanted = {name: field.path for name, field in fields.items() if field.optional}
    missing = _without_values(loaded, plan, wanted)
    occurring: set[str] = set()
    for source in loaded.sources.files if missing else ():
        occurring |= _paths_of(loaded, source)
    return [
        name
        for name, path in missing.items()
        if path not in occurring and not _occurs_late(loaded, path)
    ]


def _complaint(name: str, path: str, occurring: set[str]) -> str:
    folded = {known.lower(): known for known in sorted(occurring)}
    close = difflib.get_close_matches(path.lower(), folded, 1, 0.4)
    near = f"; the nearest path that does is {visible(folded[close[0]])!r}" if close else ""
    return (
        f"logs.fields.{visible(name)}: the path {visible(path)!r} never occurs in the logs{near} "
        "(optional: true allows that)"
    )


def _without_values(loaded: Loaded, plan: Plan, wanted: Mapping[str, str]) -> dict[str, str]:
    """The mapped columns of which no value was read: absent, or always null."""
    read = [w.name for w in plan.canonical.columns if w.name in wanted]
    if not read:
        return dict(wanted)
    statement = exp.select(*(exp.Count(this=column(name)) for name in read)).from_(RUNS)
    (counts,) = loaded.warehouse.rows(statement)
    found = {name for name, count in zip(read, counts, strict=True) if count}
    return {name: path for name, path in wanted.items() if name not in found}


def _paths_of(loaded: Loaded, source: Source) -> set[str]:
    if source.kind is Kind.PARQUET:
        return set(_schema_paths(parquet_schema(loaded, source)))
    statement = exp.select(column("json")).from_(read_whole(source)).limit(SAMPLE)
    found: set[str] = set()
    for (record,) in loaded.warehouse.rows(statement):
        if record is not None:
            found |= set(_paths(_loaded(record)))
    return found


def _loaded(record: str) -> Any:
    try:
        return json.loads(record)
    except (ValueError, RecursionError):
        return None


def _paths(value: Any, before: str = "", depth: int = 0) -> Iterator[str]:
    if not isinstance(value, dict) or depth > DEEPEST:
        return
    for key, inner in value.items():
        path = f"{before}.{key}" if before else str(key)
        yield path
        yield from _paths(inner, path, depth + 1)


def _schema_paths(schema: Mapping[str, object], before: str = "") -> Iterator[str]:
    for key, inner in schema.items():
        path = f"{before}.{key}" if before else key
        yield path
        if isinstance(inner, Mapping):
            yield from _schema_paths(inner, path)


def _occurs_late(loaded: Loaded, path: str) -> bool:
    """Whether any record of a text log has the path, searched from end to end."""
    keys = [json_pointer(spelling) for spelling in spellings(path)]
    for source in loaded.sources.files:
        if source.kind is Kind.PARQUET:
            continue
        exists = exp.or_(*(call("json_exists", column("json"), text(key)) for key in keys))
        statement = (
            exp.select(exp.Literal.number(1)).from_(read_whole(source)).where(exists).limit(1)
        )
        if loaded.warehouse.rows(statement):
            return True
    return False
