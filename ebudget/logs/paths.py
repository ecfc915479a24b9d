"""Whether the paths that a policy maps occur in the logs; where not, which one is nearest."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any

from ebudget import sql
from ebudget.columns import CANONICAL
from ebudget.errors import InputError
from ebudget.logs.documents import walk
from ebudget.logs.files.source import Source
from ebudget.logs.formats.format import Kind
from ebudget.logs.loading.json_records import json_way, read_whole
from ebudget.logs.loading.loaded import Loaded
from ebudget.logs.loading.parquet_records import parquet_schema, read_parquet
from ebudget.logs.runs import RUNS
from ebudget.logs.values.columns import outcome_words, spellings
from ebudget.policy.model import Policy
from ebudget.text import nearest_path, visible

SAMPLE = 500
"""Records of each text log that are looked through for the paths they have."""


Paths = Mapping[str, tuple[str, ...]]
"""Mapped columns with their paths."""


def mapped_values(loaded: Loaded) -> dict[str, int]:
    """In how many records each mapped column that is read has a value."""
    fields = loaded.canonical.policy.logs.fields
    read = [wanted.name for wanted in loaded.canonical.columns if wanted.name in fields]
    return values_of(loaded, read) if read else {}


def lacking(policy: Policy, values: Mapping[str, int], *, optional: bool) -> Paths:
    """The mapped columns without any value, of those that are optional or of the others."""
    fields = policy.logs.fields.items()
    wanted = {name: field.paths for name, field in fields if field.optional is optional}
    return {name: paths for name, paths in wanted.items() if not values.get(name)}


def paths_there(loaded: Loaded) -> set[str]:
    """The paths that the first records of each file have."""
    return set[str]().union(*(_paths_of(loaded, source) for source in loaded.files))


def not_there(missing: Paths, occurring: set[str]) -> Paths:
    """Of columns without a value, those of which no path occurs."""
    return {name: paths for name, paths in missing.items() if not occurring & set(paths)}


def never_occur(missing: Paths, occurring: set[str]) -> InputError:
    """That no path of these columns occurs, and which are nearest."""
    return InputError("\n".join(_complaint(n, p, occurring) for n, p in missing.items()))


MOST_FILES = 20
"""Files that are looked through for keys that may hold the outcome."""
MOST_KEYS = 5
_LIKE_AN_OUTCOME = re.compile(
    r"(?:\b|_)(outcome|result|status|state|verdict|grade|label|ok|succe|resolved|solved|pass|fail|"
    r"error|correct|complete|done|reward)"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


Told = dict[str, dict[str, None]]
"""The first few values of every key."""


def values_told(loaded: Loaded, files: int) -> Told:
    """The first few values of every key, in the first records of the first few files."""
    found: Told = {}
    for source in loaded.files[:files]:
        for record in sample_of(loaded, source):
            for keys, value in walk(record):
                if isinstance(value, str | bool | int | float):
                    known = found.setdefault(".".join(keys), {})
                    if len(known) <= MOST_VALUES:
                        known[str(value)] = None
    return found


def maybe_outcomes(policy: Policy, told: Iterable[Told]) -> tuple[str, ...]:
    """The keys of a log that may hold the outcome: of those that no other column is read from, the
    ones with a name like it, then those with two or three different values; of each, the ones that
    are nested least come first.
    """
    taken = {path for column in CANONICAL for path in column.aliases}
    taken |= {path for field in policy.logs.fields.values() for path in field.paths}
    values: Told = {}
    for path, said in (pair for part in told for pair in part.items()):
        known = values.setdefault(path, {})
        for value in said:
            if len(known) <= MOST_VALUES:
                known[value] = None
    words = outcome_words(policy)
    telling = [
        path
        for path, known in values.items()
        if known and all(value.strip().lower() in words for value in known)
    ]
    named = [
        path
        for path, known in values.items()
        if len(known) <= MOST_VALUES and _LIKE_AN_OUTCOME.search(_CAMEL.sub("_", path).lower())
    ]
    others = [path for path, known in values.items() if 2 <= len(known) <= MOST_VALUES]
    both = [path for path in telling if path in named]
    kinds = (
        sorted(paths, key=lambda path: path.count(".")) for paths in (both, named, telling, others)
    )
    found = dict.fromkeys(path for paths in kinds for path in paths if path not in taken)
    return tuple(found)[:MOST_KEYS]


MOST_VALUES = 3


def sample_of(loaded: Loaded, source: Source) -> Iterator[Any]:
    """The first records of a file."""
    if source.kind is Kind.PARQUET:
        values, table = (
            sql.call("to_json", sql.column("r")),
            sql.named(read_parquet([source.read_as]), "r"),
        )
    else:
        values, table = sql.column("json"), read_whole(source)
    for (record,) in loaded.warehouse.rows(sql.select(values, of=table, limit=SAMPLE)):
        if record is not None:
            yield _loaded(record)


def _complaint(name: str, paths: Sequence[str], occurring: set[str]) -> str:
    near = nearest_path(paths[0], sorted(occurring))
    named = " or ".join(repr(visible(path)) for path in paths)
    what = f"the path {named} never occurs" if len(paths) == 1 else f"no path of {named} occurs"
    return f"logs.fields.{visible(name)}: {what} in the logs{near} (optional: true allows that)"


def values_of(loaded: Loaded, names: Sequence[str]) -> dict[str, int]:
    """How many records have a value in each of these canonical columns."""
    statement = sql.select(*(sql.count(sql.column(name)) for name in names), of=RUNS)
    (counts,) = loaded.warehouse.rows(statement)
    return dict(zip(names, counts, strict=True))


def _paths_of(loaded: Loaded, source: Source) -> set[str]:
    if source.kind is Kind.PARQUET:
        return {".".join(keys) for keys, _ in walk(parquet_schema(loaded.warehouse, source), inf)}
    return {".".join(keys) for record in sample_of(loaded, source) for keys, _ in walk(record)}


def _loaded(record: str) -> Any:
    try:
        return json.loads(record)
    except (ValueError, RecursionError):
        return None


def occur_late(loaded: Loaded, paths: Sequence[str]) -> bool:
    """Whether any record of a text log has one of the paths, searched from end to end."""
    keys = [json_way(spelling) for path in paths for spelling in spellings(path)]
    for source in loaded.files:
        if source.kind is Kind.PARQUET:
            continue
        exists = sql.any_of(*(sql.call("json_exists", sql.column("json"), key) for key in keys))
        if loaded.warehouse.rows(sql.select(1, of=read_whole(source), where=exists, limit=1)):
            return True
    return False
