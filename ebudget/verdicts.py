"""Where an account stands between the lines of its budget. Pure."""

from __future__ import annotations

from fractions import Fraction

from ebudget.policy import Budget
from ebudget.statement import Verdict, share_of

WARNING_LINE = Fraction(1, 2)
"""The share spent from which an account without `respond` lines is a warning."""


def graded(budget: Budget, spent: Fraction, instant: int, allowed: Fraction) -> Verdict:
    """The verdict where there is enough evidence, and it is known what is allowed."""
    if instant or spent > allowed:
        return Verdict.BREACHED
    consumed = share_of(spent, 0, allowed)
    assert consumed is not None
    if 1 - consumed < budget.gate.freeze_below:
        return Verdict.FROZEN
    return Verdict.WARNING if consumed >= _warning_line(budget) else Verdict.OK


def _warning_line(budget: Budget) -> Fraction:
    return budget.respond[0][0] if budget.respond else WARNING_LINE


def failing_share(budget: Budget, verdict: Verdict) -> Fraction:
    """The share of the allowance beyond which an account has this verdict or a worse one."""
    shares = {
        Verdict.BREACHED: Fraction(1),
        Verdict.FROZEN: 1 - budget.gate.freeze_below,
        Verdict.WARNING: _warning_line(budget),
    }
    return min(share for worse, share in shares.items() if worse.severity >= verdict.severity)


def lines_of(budget: Budget) -> tuple[Fraction, ...]:
    """The shares of the allowance at which the verdict or the response changes."""
    lines = {line for line, _ in budget.respond} or {WARNING_LINE}
    return tuple(sorted({*lines, 1 - budget.gate.freeze_below, Fraction(1)}))
