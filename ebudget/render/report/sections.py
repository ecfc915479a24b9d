"""The accounts of a statement by workflow, the worst first."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from ebudget.accounts.statement import Account, Statement, Verdict
from ebudget.render.figures import worst_first

BREAKDOWN_ROWS = 5
"""Slices shown of each breakdown."""


@dataclass(frozen=True)
class Section:
    """The accounts of one workflow, or those that are not parted by workflow."""

    workflow: str | None
    across: bool
    """Whether these accounts are not parted by workflow."""
    accounts: tuple[Account, ...]

    @cached_property
    def worst(self) -> Verdict:
        """The worst verdict in it."""
        return max((account.verdict for account in self.accounts), key=lambda v: v.severity)


def sections(statement: Statement) -> list[Section]:
    """Sections and the accounts in them, the worst first, else in the order of the policy."""
    found: dict[tuple[bool, str | None], list[Account]] = {}
    for account in statement.accounts:
        group = dict(account.group)
        key = ("workflow" not in group, group.get("workflow"))
        found.setdefault(key, []).append(account)
    result = [
        Section(workflow, across, tuple(worst_first(accounts)))
        for (across, workflow), accounts in found.items()
    ]
    return sorted(result, key=_badness, reverse=True)


def _badness(section: Section) -> tuple[int, Fraction]:
    """The worst verdict, then how far the worst account with it is spent."""
    worst = [account for account in section.accounts if account.verdict is section.worst]
    return section.worst.severity, max(map(_consumed, worst))


def _consumed(account: Account) -> Fraction:
    if account.consumed is not None:
        return account.consumed
    endless = Fraction(10**18)
    return -endless if account.spent < 0 else endless


def has_breakdown(account: Account, *, every: bool) -> bool:
    """Whether a reader wants to know where this account's spend went."""
    if not any(slices for _, slices in account.breakdown):
        return False
    burning = account.verdict in (Verdict.WARNING, Verdict.FROZEN, Verdict.BREACHED)
    return bool(account.spent or account.instant) and (every or burning)
