"""The tightest allowance that history would have kept. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Self

from ebudget.accounts.close import BRIEF, accounts_of, is_inside_the_log
from ebudget.accounts.statement import Account, Group
from ebudget.errors import UsageError
from ebudget.figures import by_value
from ebudget.ledger.book import Book
from ebudget.ledger.ledger import Ledger
from ebudget.ledger.signatures import Signatures
from ebudget.policy.allowances import numbered
from ebudget.policy.edits import Draft
from ebudget.policy.model import Budget, Policy
from ebudget.quantities import share
from ebudget.text import quoted, visible
from ebudget.whatif.asking import Given, Option, WhatIf, World
from ebudget.whatif.history import History, history_of

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
    """The share of the days that the suggested value keeps."""
    instant_days: int
    """Days with an instant event, which no allowance keeps."""
    interval: tuple[float, float] | None = None
    """The 95% interval of the rate on the day that decides, where it is a proportion of runs."""
    line: str | None = None
    """The policy line to paste."""
    value: Fraction | None = None
    """The exact value rounded up: what the line allows."""
    reason: str | None = None
    """Why there is no suggestion."""


@dataclass(frozen=True)
class Suggestions(WhatIf[tuple[Suggestion, ...]]):
    """Allowances that a history would have kept on most days."""

    budgets: tuple[str, ...]
    keep: Fraction
    """The share of the days that have to keep."""
    history: History

    options = (
        Option("--suggest", "BUDGET", "The tightest allowance that the past has kept.", many=True),
        Option("--keep", "PERCENT", "On how many days --suggest has to keep.", default="95%"),
    )

    @classmethod
    def asked(cls, _draft: Draft, given: Given) -> Self | None:
        """The suggestions of these options. Raises UsageError."""
        history, (keep,) = history_of(given), map(_keep, given["--keep"])
        budgets = tuple(dict.fromkeys(given["--suggest"]))
        if not budgets and list(given["--keep"]) != [cls.options[1].default]:
            raise UsageError("--keep belongs to --suggest")
        return cls(budgets, keep, history) if budgets and history is not None else None

    def edges(self, policy: Policy, as_of: int, first: int | None) -> set[int]:
        """The edges of every window at every instant. Raises UsageError."""
        return self.history.edges(policy, as_of, first)

    def answer(self, world: World) -> tuple[Suggestion, ...]:
        """A suggestion for each account of the budgets that is wanted."""
        policy, ledger = world.policy, world.ledger
        moments = self.history.instants(policy, ledger.intake.first, ledger.as_of)
        return tuple(
            one
            for name in self.budgets
            for one in suggested(policy, name, ledger, moments, self.keep)
            if world.wants(name, one.group)
        )

    def unanswered(self, answer: tuple[Suggestion, ...]) -> list[str]:
        """Budgets without an account to suggest something for."""
        return [name for name in self.budgets if all(one.budget != name for one in answer)]


def _keep(text: str) -> Fraction:
    try:
        value = share(text)
    except ValueError as error:
        raise UsageError(f"--keep: {visible(str(error))}") from None
    if not 0 < value <= 1:
        raise UsageError(f"--keep {quoted(text)}: write more than 0% and at most 100%")
    return value


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
            if account.verdict.judged and is_inside_the_log(book, account):
                days.append(account)
    return tuple(
        _suggestion(name, budget, group, found[group], keep)
        for group in sorted(found, key=lambda group: by_value(dict(group).values()))
    )


def _with_unit_allowance(policy: Policy, name: str) -> Policy:
    """The policy with 1 (or 100%) allowed, under which what is consumed is what is needed."""
    budget = policy.budgets[name]
    unit = budget.allowance.numbered(Fraction(1))
    other = budget.model_copy(update={"allow": unit, "slo": None})
    return policy.model_copy(update={"budgets": {**policy.budgets, name: other}})


def _suggestion(
    name: str, budget: Budget, group: Group, days: Sequence[Account], keep: Fraction
) -> Suggestion:
    form = budget.form_of(dict(group))
    instant = sum(account.instant > 0 for account in days)
    pairs = [(_needed(account), account) for account in days if not account.instant]
    needs = sorted(
        ((need, account) for need, account in pairs if need is not None), key=lambda pair: pair[0]
    )
    nothing = Suggestion(name, group, len(days), _windows(days), None, Fraction(0), instant)
    least = max(ceil(keep * len(days)), 1)
    if form is None:
        return replace(nothing, reason="the policy has no line for it, and no default")
    if not days:
        reason = "no day can be judged with its whole window inside the log"
        return replace(nothing, reason=reason)
    if least > len(needs):
        lost = len(days) - len(needs)
        why = "an instant event spends everything" if instant else "nothing is allowed"
        return replace(nothing, reason=f"on {lost:,} of {len(days):,} days {why}")
    exact, deciding = max(needs[least - 1][0], Fraction(0)), needs[least - 1][1]
    value = _rounded_up(exact, percent=form.traits.percent)
    if form.traits.fixed:
        value = Fraction(ceil(value))  # a bare number below 1 would be no policy
    if form.traits.most is not None and value > form.traits.most:
        text = f"it would take {numbered(form, value)}, and a ratio is at most 100%"
        return replace(nothing, exact=exact, reason=f"{text}; write {{amount: …, per: …}}")
    return replace(
        nothing,
        exact=exact,
        kept=Fraction(sum(need <= value for need, _ in needs), len(days)),
        interval=None if form.traits.most is None else deciding.interval,
        line=f"allow: {numbered(form, value)}",
        value=value,
    )


def _needed(account: Account) -> Fraction | None:
    """The allowance that the day would have spent exactly; None where none is enough."""
    if not account.allowed:
        return Fraction(0) if account.spent <= 0 else None
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
