"""What is asked of one log: what has to be read for it, and the answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from ebudget.accounts.close import evaluate
from ebudget.accounts.selection import Selection
from ebudget.accounts.statement import Account, Statement
from ebudget.ledger.book import Books
from ebudget.ledger.ledger import Ledger
from ebudget.ledger.plan import Plan, make_plan, window_edges
from ebudget.policy.model import Policy
from ebudget.whatif.asking import WhatIf, World
from ebudget.whatif.scenarios import AS_IT_STANDS, Scenario, joined, world_of
from ebudget.whatif.traffic import check_values, columns_of

A = TypeVar("A")
W = TypeVar("W", bound=WhatIf[Any])

SCHEMA = "ebudget.simulation/1"
"""The name and version of a simulation as JSON."""


@dataclass(frozen=True)
class Question:
    """Everything that is asked of one log."""

    policy: Policy
    scenarios: tuple[Scenario, ...] = ()
    """Beside the policy as it stands."""
    asked: tuple[WhatIf[Any], ...] = ()
    """At most one of a kind."""

    def plan(self) -> Plan:
        """What has to be read. Raises UsageError where one reading cannot serve all."""
        policies = [scenario.policy for scenario in self.scenarios]
        policies += [policy for one in self.asked for policy in one.policies()]
        others = [policy.without_breakdowns() for policy in policies]
        columns = columns_of([c for scenario in self.scenarios for c in scenario.changes])
        columns += [column for one in self.asked for column in one.columns(self.policy)]
        whole = joined(self.policy, others).without_breakdowns()
        return make_plan(whole, apart=columns, beside=others, edges=self.edges)

    def edges(self, as_of: int, first: int | None) -> set[int]:
        """The edges of every window of every scenario at every instant."""
        found: set[int] = set()
        for policy in (self.policy, *(scenario.policy for scenario in self.scenarios)):
            found |= set(window_edges(policy, as_of))
            for one in self.asked:
                if one.everywhere or policy is self.policy:
                    found |= set(one.edges(policy, as_of, first))
        return found


@dataclass(frozen=True)
class Outcome:
    """What holds under one scenario."""

    scenario: Scenario
    accounts: tuple[Account, ...]
    answers: Mapping[type[WhatIf[Any]], Any] = field(default_factory=dict)

    def answer(self, kind: type[WhatIf[A]]) -> A | None:
        """The answer to a what-if; None where it was not asked of this scenario."""
        return cast("A | None", self.answers.get(kind))


@dataclass(frozen=True)
class Simulation:
    """The answers."""

    question: Question
    statement: Statement
    """As it stands."""
    outcomes: tuple[Outcome, ...]
    """As it stands, then every scenario."""

    def asked(self, kind: type[W]) -> W | None:
        """What was asked of a kind."""
        return next((one for one in self.question.asked if isinstance(one, kind)), None)

    def answer(self, kind: type[WhatIf[A]]) -> A | None:
        """The answer for the policy as it stands."""
        return self.outcomes[0].answer(kind)


def simulate(question: Question, ledger: Ledger, selection: Selection | None = None) -> Simulation:
    """Answer a question from the ledger that its plan and its edges made.

    `selection` keeps some accounts and changes no figure. Raises UsageError for a value that no
    run of the log has.
    """
    wanted = selection or Selection()
    for scenario in question.scenarios:
        check_values(ledger, scenario.changes)
    policy = question.policy.without_breakdowns()
    books = Books(policy, ledger)
    statement = wanted.of(evaluate(books))
    first = World(policy, ledger, books, statement.accounts, wanted)
    outcomes = [_outcome(Scenario(AS_IT_STANDS, policy), first, question.asked)]
    everywhere = tuple(one for one in question.asked if one.everywhere)
    for scenario in question.scenarios:
        outcomes.append(_outcome(scenario, world_of(scenario, ledger, wanted), everywhere))
    return Simulation(question, statement, tuple(outcomes))


def _outcome(scenario: Scenario, world: World, asked: tuple[WhatIf[Any], ...]) -> Outcome:
    answers = {type(one): one.answer(world) for one in asked}
    return Outcome(scenario, world.accounts, answers)
