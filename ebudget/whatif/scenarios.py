"""Scenarios: the same log under other terms and other traffic. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ebudget.accounts.close import accounts_of
from ebudget.accounts.selection import Selection
from ebudget.columns import BY_NAME
from ebudget.errors import UsageError
from ebudget.ledger.book import Books
from ebudget.ledger.ledger import Ledger
from ebudget.policy.mapping import Logs
from ebudget.policy.model import Policy
from ebudget.text import quoted
from ebudget.whatif.asking import World
from ebudget.whatif.traffic import Change, changed

AS_IT_STANDS = "as it stands"
"""The name of the first scenario."""


@dataclass(frozen=True)
class Scenario:
    """One what-if."""

    name: str
    policy: Policy
    changes: tuple[Change, ...] = ()
    assumptions: tuple[str, ...] = ()
    """What it takes for granted, a line each."""


def joined(policy: Policy, others: Iterable[Policy]) -> Policy:
    """The policy by which one reading serves all of them: with the columns of all.

    Raises UsageError where they read the same log differently.
    """
    fields = dict(policy.logs.fields)
    for other in others:
        known = {name for name in {*policy.logs.fields, *other.logs.fields} if name in BY_NAME}
        for name in sorted(known | set(other.logs.fields)):
            field = other.logs.fields.get(name)
            if name not in known and field is not None:
                fields.setdefault(name, field)
            if fields.get(name) != field:
                raise UsageError(
                    f"the policies map the column {quoted(name)} differently, so one reading "
                    "cannot serve both"
                )
        for what, mine, theirs in (
            ("logs.outcomes", policy.logs.outcomes, other.logs.outcomes),
            ("logs.key", policy.logs.key, other.logs.key),
            ("logs.timezone", policy.logs.timezone, other.logs.timezone),
            ("timezone", policy.timezone, other.timezone),
            ("the risk tiers of workflows", _tiers(policy), _tiers(other)),
        ):
            if mine != theirs:
                raise UsageError(f"the policies differ in {what}, so one reading cannot serve both")
    logs = policy.logs.model_copy(update={"fields": fields})
    assert isinstance(logs, Logs)
    return policy.model_copy(update={"logs": logs})


def _tiers(policy: Policy) -> dict[str, str]:
    return {n: w.risk_tier for n, w in policy.workflows.items() if w.risk_tier is not None}


def world_of(scenario: Scenario, ledger: Ledger, wanted: Selection) -> World:
    """The log under a scenario, with its accounts at the ledger's as_of."""
    other = changed(ledger, scenario.policy, scenario.changes)
    books = Books(scenario.policy, other)
    found = (account for book in books for account in accounts_of(book, ledger.as_of))
    kept = tuple(a for a in found if wanted.admits(a.budget, dict(a.group)))
    return World(scenario.policy, other, books, kept, wanted)
