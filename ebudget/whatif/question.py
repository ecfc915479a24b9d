"""What would have happened, and what would help: every what-if that one ledger answers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from ebudget.accounts.close import evaluate
from ebudget.accounts.selection import Selection
from ebudget.accounts.statement import Statement
from ebudget.ledger.book import Books
from ebudget.ledger.edges import window_edges
from ebudget.ledger.ledger import Ledger
from ebudget.ledger.plan import Plan, make_plan
from ebudget.policy.edits import Sweep
from ebudget.policy.model import Policy
from ebudget.quantities import Duration
from ebudget.whatif import cuts, replay, suggestions, sweeps
from ebudget.whatif.cuts import Cut
from ebudget.whatif.replay import Replay
from ebudget.whatif.scenarios import AS_IT_STANDS, Outcome, Scenario, joined, outcome_of
from ebudget.whatif.suggestions import Suggestion
from ebudget.whatif.sweeps import SweepResult
from ebudget.whatif.traffic import check_values, columns_of

SCHEMA = "ebudget.simulation/1"
"""The name and version of a simulation as JSON."""

_KEYS_OF_READING = ("spend", "of", "for", "each", "weights")
"""Keys of a budget that decide what has to be read."""


@dataclass(frozen=True)
class History:
    """Which instants of the past are told again."""

    every: Duration
    since: date | None = None
    """The first day; the log's first when left out."""
    until: date | None = None

    def instants(self, policy: Policy, first: int | None, as_of: int) -> list[int]:
        """The instants, for a log that begins at `first`. Raises UsageError for too many."""
        if first is None:
            return []
        return replay.instants(policy, self.every, first, as_of, self.since, self.until)


@dataclass(frozen=True)
class Question:
    """Everything that is asked of one log."""

    policy: Policy
    scenarios: tuple[Scenario, ...] = ()
    """Beside the policy as it stands."""
    sweeps: tuple[Sweep, ...] = ()
    history: History | None = None
    """For the replay and the suggestions."""
    replayed: bool = False
    suggest: tuple[str, ...] = ()
    """Budgets."""
    keep: Fraction = Fraction(95, 100)
    cut: tuple[str, ...] = ()
    """Budgets."""

    @property
    def policies(self) -> list[Policy]:
        """Every policy beside the first that the ledger has to serve."""
        found = [scenario.policy for scenario in self.scenarios]
        for sweep in self.sweeps:
            reads = sweep.key.split(".")[0] in _KEYS_OF_READING
            found += sweep.policies if reads else sweep.policies[:1]
        return found

    def plan(self) -> Plan:
        """What has to be read. Raises UsageError where one reading cannot serve all."""
        others = [policy.without_breakdowns() for policy in self.policies]
        columns = columns_of([c for scenario in self.scenarios for c in scenario.changes])
        for name in self.cut:
            columns += cuts.columns_of(self.policy, name)
        whole = joined(self.policy, others).without_breakdowns()
        return make_plan(whole, apart=columns, beside=others, edges=self.edges)

    def edges(self, as_of: int, first: int | None) -> set[int]:
        """The edges of every window of every scenario at every instant."""
        swept = [policy for sweep in self.sweeps for policy in sweep.policies]
        policies = [self.policy, *(scenario.policy for scenario in self.scenarios), *swept]
        found = {edge for policy in policies for edge in window_edges(policy, as_of)}
        if self.history is not None:
            moments = self.history.instants(self.policy, first, as_of)
            past = [scenario.policy for scenario in self.scenarios] if self.replayed else []
            found |= replay.replay_edges([self.policy, *past], moments)
        return found


@dataclass(frozen=True)
class Simulation:
    """The answers."""

    question: Question
    statement: Statement
    """As it stands."""
    outcomes: tuple[Outcome, ...]
    """As it stands, then every scenario; each with its past where that was asked for."""
    sweeps: tuple[SweepResult, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    """For the policy as it stands, like the cuts."""
    cuts: tuple[Cut, ...] = ()

    @property
    def replay(self) -> Replay | None:
        """The past as it stands."""
        return self.outcomes[0].replay


def simulate(question: Question, ledger: Ledger, selection: Selection | None = None) -> Simulation:
    """Answer a question from the ledger that its plan and its edges made.

    `selection` keeps some accounts and changes no figure. Raises UsageError for a value that no
    run of the log has.
    """
    wanted = selection or Selection()
    policy = question.policy.without_breakdowns()
    for scenario in question.scenarios:
        check_values(ledger, scenario.changes)
    books = Books(policy, ledger)
    statement = wanted.of(evaluate(books))
    moments: Sequence[int] = ()
    every = None
    if question.history is not None:
        moments = question.history.instants(policy, ledger.intake.first, ledger.as_of)
        every = question.history.every if question.replayed else None
    told = None if every is None else replay.replayed(books, every, moments)
    first = Outcome(Scenario(AS_IT_STANDS, policy), statement.accounts, told)
    others = [outcome_of(scenario, ledger, every, moments) for scenario in question.scenarios]
    return Simulation(
        question,
        statement,
        tuple(_narrowed(outcome, wanted) for outcome in (first, *others)),
        tuple(_narrowed_sweep(sweeps.swept(sweep, ledger), wanted) for sweep in question.sweeps),
        tuple(
            suggestion
            for name in question.suggest
            for suggestion in suggestions.suggested(policy, name, ledger, moments, question.keep)
            if wanted.admits(name, dict(suggestion.group))
        ),
        tuple(
            cut
            for name in question.cut
            for cut in cuts.cuts_of(policy, name, ledger, statement.accounts)
        ),
    )


def _narrowed(outcome: Outcome, wanted: Selection) -> Outcome:
    kept = tuple(a for a in outcome.accounts if wanted.admits(a.budget, dict(a.group)))
    past = outcome.replay
    if past is not None:
        pasts = tuple(p for p in past.accounts if wanted.admits(p.budget, dict(p.group)))
        past = replace(past, accounts=pasts)
    return Outcome(outcome.scenario, kept, past)


def _narrowed_sweep(result: SweepResult, wanted: Selection) -> SweepResult:
    budget = result.sweep.budget
    kept = tuple(a for a in result.accounts if wanted.admits(budget, dict(a.group)))
    return SweepResult(result.sweep, kept)
