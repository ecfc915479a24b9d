"""Which key of the logs feeds each column, and which nothing reads: by sampled records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ebudget.extraction import Wanted
from ebudget.ledger import Feed, Keys
from ebudget.loading import Loaded
from ebudget.mapped_paths import DEEPEST, MOST_FILES, sample_of, values_of
from ebudget.query import Plan

Spelling = tuple[str, ...]
"""The nested keys of a path."""


def keys_of(loaded: Loaded, plan: Plan) -> Keys:
    """The keys that feed the columns of a plan, and those that nothing reads."""
    columns, mapped = plan.canonical.columns, plan.policy.logs.fields
    fed: dict[str, Counter[str]] = {wanted.name: Counter() for wanted in columns}
    unread: Counter[str] = Counter()
    read = {spelling for wanted in columns for _, spelling in wanted.places()}
    told = [tuple(path.split(".")) for field in mapped.values() for path in field.paths]
    records = 0
    for source in loaded.sources.files[:MOST_FILES]:
        for record in sample_of(loaded, source):
            if not isinstance(record, dict):
                continue
            records += 1
            for wanted in columns:
                if (path := _feeding(wanted, record)) is not None:
                    fed[wanted.name][path] += 1
            unread.update(
                ".".join(leaf)
                for leaf in _leaves(record)
                if not _is_read(leaf, read) and not _is_told(leaf, told)
            )
    values = values_of(loaded, list(fed))
    feeds = [
        Feed(
            name,
            tuple(counts.most_common()),
            values[name],
            mapped=name in mapped,
            decided=name == "outcome" and bool(plan.policy.logs.conditions),
        )
        for name, counts in fed.items()
    ]
    return Keys(records, tuple(feeds), tuple(sorted(unread.items(), key=lambda p: (-p[1], p[0]))))


def _feeding(wanted: Wanted, record: dict[str, Any]) -> str | None:
    """The path that a column's value comes from: the first with a value."""
    for path, spelling in wanted.places():
        value: Any = record
        for key in spelling:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            return path
    return None


def _leaves(value: dict[str, Any], before: Spelling = ()) -> Iterator[Spelling]:
    """The paths of a record at which there is something other than more keys."""
    for key, inner in value.items():
        if isinstance(inner, dict) and inner and len(before) < DEEPEST:
            yield from _leaves(inner, (*before, key))
        elif inner is not None:
            yield (*before, key)


def _is_told(leaf: Spelling, paths: Sequence[Spelling]) -> bool:
    """Whether the policy maps a path, or one above it, to a column that nothing needs."""
    whole = tuple(".".join(leaf).split("."))
    return any(whole[: len(path)] == path for path in paths)


def _is_read(leaf: Spelling, read: Sequence[Spelling] | set[Spelling]) -> bool:
    """Whether a column is read from a path, or from one above it."""
    return any(leaf[: length + 1] in read for length in range(len(leaf)))
