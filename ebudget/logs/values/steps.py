"""What one canonical column is made of, in a statement that reads values step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ebudget import sql


@dataclass(frozen=True)
class Extracted:
    """The expressions that make one canonical column of a value of the log."""

    value: sql.Tree
    flaws: Mapping[str, sql.Tree] = field(default_factory=dict)
    """The conditions under which the value is rejected, by reason."""
    steps: tuple[Mapping[str, sql.Tree], ...] = ()
    """Columns to make first, step by step, so that nothing is worked out twice."""
    absent: sql.Tree | None = None
    """Of the outcome, whether there is no value at all; not even one that nobody knows."""
    sound: sql.Tree | None = None
    """A quick sign that the value has no flaw; the flaws are looked into only without it."""


def unread(given: sql.Tree, read: sql.Tree, otherwise: sql.Value) -> sql.Tree:
    """`otherwise` of a value that is there and was not read; it is asked of such values only."""
    return sql.when(sql.any_of(sql.missing(given), sql.present(read)), False, otherwise)
