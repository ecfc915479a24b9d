"""What one canonical column is made of, in a statement that reads values step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from ebudget.sql.trees import missing, present, when


@dataclass(frozen=True)
class Extracted:
    """The expressions that make one canonical column of a value of the log."""

    value: exp.Expr
    flaws: Mapping[str, exp.Expr] = field(default_factory=dict)
    """The conditions under which the value is rejected, by reason."""
    steps: tuple[Mapping[str, exp.Expr], ...] = ()
    """Columns to make first, step by step, so that nothing is worked out twice."""
    absent: exp.Expr | None = None
    """Of the outcome, whether there is no value at all; not even one that nobody knows."""
    sound: exp.Expr | None = None
    """A quick sign that the value has no flaw; the flaws are looked into only without it."""


def unread(given: exp.Expr, read: exp.Expr, otherwise: exp.Expr) -> exp.Expr:
    """`otherwise` of a value that is there and was not read; it is asked of such values only."""
    settled = exp.or_(missing(given), present(read))
    return when(settled, exp.false(), otherwise)
