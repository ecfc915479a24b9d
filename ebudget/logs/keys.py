"""Which key of the logs feeds each column, and which nothing reads: by sampled records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ebudget import sql
from ebudget.columns import FILE_COLUMN
from ebudget.logs.documents import DEEPEST_KEY, Parts, walk
from ebudget.logs.intake import Feed, Keys
from ebudget.logs.loading.loaded import Loaded
from ebudget.logs.paths import sample_of
from ebudget.logs.runs import RUNS, SAID_BY, Canonical, flag
from ebudget.logs.values.columns import Wanted


def keys_of(loaded: Loaded, most: int) -> Keys:
    """The keys that feed the columns of a plan, and those that nothing reads, by the first records
    of the first few files.
    """
    columns, mapped = loaded.canonical.columns, loaded.canonical.policy.logs.fields
    fed: dict[str, Counter[str]] = {wanted.name: Counter() for wanted in columns}
    unread: Counter[str] = Counter()
    read = {spelling for wanted in columns for _, spelling in wanted.places()}
    told = [tuple(path.split(".")) for field in mapped.values() for path in field.paths]
    deepest = max(DEEPEST_KEY, *map(len, read), *map(len, told))
    files = loaded.files[:most]
    records = 0
    for source in files:
        for record in sample_of(loaded, source):
            if not isinstance(record, dict):
                continue
            records += 1
            for wanted in columns:
                if (path := _feeding(wanted, record)) is not None:
                    fed[wanted.name][path] += 1
            unread.update(
                ".".join(leaf)
                for leaf, value in walk(record, deepest)
                if value is not None
                and not (isinstance(value, dict) and value and len(leaf) <= deepest)
                and not (_is_read(leaf, read) or _is_told(leaf, told))
            )
    values = _found(loaded)
    feeds = [
        Feed(
            name,
            tuple(counts.most_common()),
            values[name],
            mapped=name in mapped,
            decided=name == "outcome" and bool(loaded.canonical.policy.logs.conditions),
        )
        for name, counts in fed.items()
    ]
    unread_first = sorted(unread.items(), key=lambda pair: (-pair[1], pair[0]))
    return Keys(records, len(files), tuple(feeds), tuple(unread_first))


def _found(loaded: Loaded) -> dict[str, int]:
    """In how many records a key of the logs holds something for each column, readable or not."""
    names = [wanted.name for wanted in loaded.canonical.columns]
    held = (
        sql.any_of(_from_key(loaded.canonical, n), *_flawed(loaded.canonical, n)) for n in names
    )
    (counts,) = loaded.warehouse.rows(sql.select(*map(sql.count_where, held), of=RUNS))
    return dict(zip(names, counts, strict=True))


def _from_key(canonical: Canonical, name: str) -> sql.Tree:
    """Whether a record's value can only be that of a key."""
    policy, value = canonical.policy, sql.present(sql.column(name))
    if name == FILE_COLUMN and name not in policy.logs.fields:
        return sql.part(False)
    if name == "outcome":
        return sql.present(sql.column(SAID_BY))
    if name == "duration_ms" and name not in policy.logs.fields:
        return sql.all_of(value, sql.missing(sql.column("end_time")))
    tiers = [n for n, w in policy.workflows.items() if w.risk_tier is not None]
    if name == "risk_tier" and tiers:
        without = sql.negated(sql.one_of(sql.column("workflow"), tiers))
        return sql.all_of(value, sql.any_of(sql.missing(sql.column("workflow")), without))
    return value


def _flawed(canonical: Canonical, name: str) -> Iterator[sql.Tree]:
    """Whether a record's value cannot be read, for one reason after the other."""
    for place, flaw in enumerate(canonical.flaws):
        if flaw.column == name:
            column, bit = flag(canonical.flaw_columns, place)
            yield sql.unequal(sql.masked(sql.column(column), bit), 0)


def _feeding(wanted: Wanted, record: dict[str, Any]) -> str | None:
    """The path that a column's value comes from: the first with a value."""
    for path, spelling in wanted.places():
        value: Any = record
        for key in spelling:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            return path
    return None


def _is_told(leaf: Parts, paths: Sequence[Parts]) -> bool:
    """Whether the policy maps a path, or one above it, to a column that nothing needs."""
    whole = tuple(".".join(leaf).split("."))
    return any(whole[: len(path)] == path for path in paths)


def _is_read(leaf: Parts, read: Sequence[Parts] | set[Parts]) -> bool:
    """Whether a column is read from a path, or from one above it."""
    return any(leaf[: length + 1] in read for length in range(len(leaf)))
