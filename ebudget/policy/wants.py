"""What is asked of accounts beside what the policy itself asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wants:
    """The parts of accounts beside their figures; the ledger has to hold more for each."""

    by: tuple[str, ...] = ()
    """Columns to break the spend down by, beside those that budgets name."""
    days_of: frozenset[str] = frozenset()
    """Budgets whose burn-down is wanted, day by day."""
    rests: bool = False
    """Whether it is asked how the spend leaves the windows."""


NOTHING_MORE = Wants()
