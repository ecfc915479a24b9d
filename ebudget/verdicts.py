"""What a window allows, and where an account stands between the lines of its budget. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ebudget.allowance import (
    Count,
    OfBaseline,
    OfValue,
    PerRuns,
    Plain,
    Ratio,
    depends_on_runs,
)
from ebudget.policy import Budget
from ebudget.quantities import NANO
from ebudget.statement import Verdict, share_of
from ebudget.timeline import Figures

WARNING_LINE = Fraction(1, 2)
"""The share spent from which an account without `respond` lines is a warning."""


NO_VALUE = "no value_usd is declared for"
"""Why an allowance of value is unknown; the workflows follow."""


@dataclass(frozen=True)
class Grant:
    """What an account is allowed, or why that cannot be known."""

    amount: Fraction | None
    reason: str | None = None


def granted(
    form: Plain | None, figures: Figures, base: Figures, part: Fraction, min_runs: int
) -> Grant:
    """What a window allows.

    `part` is the window's length as a share of the budget's window; only a fixed amount needs it.
    `base` are the figures of the baseline.
    """
    match form:
        case None:
            return Grant(None, "the policy allows nothing for this risk tier, and has no default")
        case Ratio(ratio):
            return Grant(ratio * figures.eligible)
        case Count(amount):
            return Grant(amount * part)
        case PerRuns(amount, per):
            return Grant(amount * figures.eligible / per)
        case OfValue(fraction):
            if figures.unvalued:
                return Grant(None, NO_VALUE)
            return Grant(fraction * Fraction(figures.value, NANO))
        case OfBaseline(fraction, over):
            if base.eligible < max(min_runs, 1):
                return Grant(None, f"only {base.eligible} runs earn in the {over.text} before")
            if base.spent <= 0:
                return Grant(None, f"nothing was spent in the {over.text} before")
            return Grant(fraction * base.amount / base.eligible * figures.eligible)


def _runs(count: int) -> str:
    """A count as text; parts of runs, which only what-ifs know, to one decimal."""
    return str(count) if isinstance(count, int) else f"{float(count):.1f}"


def is_too_few(budget: Budget, form: Plain | None, figures: Figures) -> bool:
    """Whether the allowance depends on the runs that earn, and these are too few."""
    return form is not None and depends_on_runs(form) and figures.eligible < budget.min_runs


def judge(
    budget: Budget, form: Plain | None, figures: Figures, grant: Grant, spent: Fraction
) -> tuple[Verdict, str | None]:
    """The verdict of an account, the first that applies, and the reason where there is none."""
    if figures.runs == 0:
        return Verdict.NO_DATA, "no run in the window"
    if figures.instant:
        return Verdict.BREACHED, None
    if is_too_few(budget, form, figures):
        return (
            Verdict.INSUFFICIENT,
            f"{_runs(figures.eligible)} of at least {budget.min_runs} runs",
        )
    nothing_earned = isinstance(form, Ratio | PerRuns | OfBaseline) and figures.eligible == 0
    no_value = isinstance(form, OfValue) and figures.value == 0 and not figures.unvalued
    if (nothing_earned or no_value) and spent == 0:
        return Verdict.NO_DATA, "no run earns" if nothing_earned else "no success brought value"
    if grant.amount is None:
        return Verdict.INSUFFICIENT, grant.reason
    return graded(budget, spent, figures.instant, grant.amount), None


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
