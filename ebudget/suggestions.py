"""The tightest allowance that history would have kept. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from ebudget.accounts import Detail, accounts_of
from ebudget.allowance import ByTier, Count, OfBaseline, OfValue, PerRuns, Plain, Ratio
from ebudget.books import Book
from ebudget.classes import Signatures
from ebudget.ledger import Ledger
from ebudget.policy import Budget, Policy
from ebudget.statement import Account, Group

BRIEF = Detail(burn=False)
DIGITS = 2
"""Significant digits of a suggested value, rounded up so that it still keeps."""


@dataclass(frozen=True)
class Suggestion:
    """What one account would have needed."""

    budget: str
    group: Group
    days: int
    """Steps that count: judged, and with their whole window inside the log."""
    windows: int
    """Windows that fit into the log one after the other: how much the days really know."""
    exact: Fraction | None
    """The lowest value that keeps; None where none does."""
    kept: Fraction
    """The share of the days that it keeps."""
    interval: tuple[float, float] | None
    """The 95% interval of the rate on the day that decides, where it is a proportion of runs."""
    instant_days: int
    """Days with an instant event, which no allowance keeps."""
    line: str | None
    """The policy line to paste."""
    value: Fraction | None
    """The exact value rounded up: what the line allows."""
    reason: str | None = None
    """Why there is no suggestion."""


def suggested(
    policy: Policy, name: str, ledger: Ledger, moments: Sequence[int], keep: Fraction
) -> tuple[Suggestion, ...]:
    """A suggestion for each account of a budget."""
    budget = policy.budgets[name]
    ones = _with_unit_allowance(policy, name)
    book = Book(ones, name, ledger, Signatures(ones, ledger))
    found: dict[Group, list[Account]] = {}
    for at in moments:
        for account in accounts_of(book, at, BRIEF):
            days = found.setdefault(account.group, [])
            if account.covered == 1 and account.verdict.judged and account.allowed is not None:
                days.append(account)
    return tuple(
        _suggestion(name, budget, group, found[group], keep)
        for group in sorted(found, key=lambda g: [(v is not None, v or "") for _, v in g])
    )


def _with_unit_allowance(policy: Policy, name: str) -> Policy:
    """The policy with 1 (or 100%) allowed, under which what is consumed is what is needed."""
    budget = policy.budgets[name]
    allow = budget.allow
    unit: Plain | ByTier = (
        ByTier(tuple((tier, _unit(form)) for tier, form in allow.tiers))
        if isinstance(allow, ByTier)
        else _unit(allow)
    )
    other = budget.model_copy(update={"allow": unit})
    return policy.model_copy(update={"budgets": {**policy.budgets, name: other}})


def _unit(form: Plain) -> Plain:
    match form:
        case Ratio():
            return Ratio(Fraction(1))
        case Count():
            return Count(Fraction(1))
        case PerRuns(_, per):
            return PerRuns(Fraction(1), per)
        case OfValue():
            return OfValue(Fraction(1))
        case OfBaseline(_, over):
            return OfBaseline(Fraction(1), over)


def _suggestion(
    name: str, budget: Budget, group: Group, days: Sequence[Account], keep: Fraction
) -> Suggestion:
    form = budget.form_of(dict(group).get("risk_tier"))
    needs = sorted((account for account in days if not account.instant), key=_needed)
    instant = len(days) - len(needs)
    windows = _windows(days)
    least = ceil(keep * len(days))

    def without(reason: str) -> Suggestion:
        nothing = (len(days), windows, None, Fraction(0), None, instant, None, None)
        return Suggestion(name, group, *nothing, reason)

    if not days or form is None:
        return without("no day can be judged with its whole window inside the log")
    if least > len(needs):
        return without(f"on {instant:,} of {len(days):,} days an instant event spends everything")
    deciding = needs[max(least, 1) - 1]
    exact = max(_needed(deciding), Fraction(0))
    value = _rounded_up(exact, percent=not isinstance(form, Count | PerRuns))
    if isinstance(form, Count):
        value = Fraction(ceil(value))  # a bare number below 1 would be no policy
    kept = Fraction(sum(_needed(account) <= value for account in needs), len(days))
    return Suggestion(
        name,
        group,
        len(days),
        windows,
        exact,
        kept,
        deciding.interval if isinstance(form, Ratio) else None,
        instant,
        _line(form, value),
        value,
    )


def _needed(account: Account) -> Fraction:
    if not account.allowed:
        return Fraction(0) if account.spent <= 0 else Fraction(10**30)
    return account.spent / account.allowed


def _windows(days: Sequence[Account]) -> int:
    """How many windows lie side by side between the first and the last day."""
    count, end = 0, None
    for account in days:
        if end is None or account.span.after >= end:
            count, end = count + 1, account.span.until
    return count


def _rounded_up(value: Fraction, *, percent: bool) -> Fraction:
    """To two significant digits, but never to more than 9 decimal places."""
    shown = value * 100 if percent else value
    if not shown:
        return Fraction(0)
    digits = DIGITS
    scale = Fraction(1)
    while shown * scale < 10 ** (digits - 1) and scale < 10**9:
        scale *= 10
    while shown * scale >= 10**digits:
        scale /= 10
    rounded = ceil(shown * scale) / scale
    return rounded / 100 if percent else rounded


def written(value: Fraction) -> str:
    """A value as a policy writes it."""
    text = f"{float(value):.9f}".rstrip("0").rstrip(".")
    return text or "0"


def _line(form: Plain, value: Fraction) -> str:
    share = f"{written(value * 100)}%"
    match form:
        case Ratio():
            return f"allow: {share}"
        case Count():
            return f"allow: {written(value)}"
        case PerRuns(_, per):
            return f"allow: {{amount: {written(value)}, per: {written(per)}}}"
        case OfValue():
            return f"allow: {{of_value: {share}}}"
        case OfBaseline(_, over):
            return f"allow: {{of_baseline: {share}, over: {over.text}}}"
