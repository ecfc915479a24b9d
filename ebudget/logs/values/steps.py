"""What one canonical column is made of, in a statement that reads values step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ebudget.sql.trees import Tree, Value, any_of, missing, present, when


@dataclass(frozen=True)
class Extracted:
    """The expressions that make one canonical column of a value of the log."""

    value: Tree
    flaws: Mapping[str, Tree] = field(default_factory=dict)
    """The conditions under which the value is rejected, by reason."""
    steps: tuple[Mapping[str, Tree], ...] = ()
    """Columns to make first, step by step, so that nothing is worked out twice."""
    absent: Tree | None = None
    """Of the outcome, whether there is no value at all; not even one that nobody knows."""
    sound: Tree | None = None
    """A quick sign that the value has no flaw; the flaws are looked into only without it."""


def unread(given: Tree, read: Tree, otherwise: Value) -> Tree:
    """`otherwise` of a value that is there and was not read; it is asked of such values only."""
    return when(any_of(missing(given), present(read)), False, otherwise)
