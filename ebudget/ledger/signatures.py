"""What a run means for a budget: its class, and whether it earns and spends.

Runs that agree in outcome and conditions mean the same; each such signature is judged once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from ebudget.columns import JUDGED
from ebudget.ledger.ledger import Ledger
from ebudget.ledger.plan import (
    COUNT,
    SAYS_NOTHING,
    UNKNOWN_OUTCOME,
    Asks,
    Plan,
    condition_of,
    measured_of,
    spending_rules,
    voiced_of,
)
from ebudget.logs.runs import FLAG_BITS
from ebudget.policy.model import Budget, Policy
from ebudget.policy.spends import spends_unnamed
from ebudget.quantities import NANO


@dataclass(frozen=True)
class Run:
    """What all runs of one signature share."""

    outcome: str | None
    """As budgets see it: a success where the policy says that silence is one."""
    met: frozenset[int]
    """The predicates of the plan that they meet."""
    failures: tuple[str, ...]
    """The failure rules that they match; an outage of the provider matches instant ones only."""
    class_: str | None
    """The worst class among those rules, or the unclassified one of other failed runs."""
    silent: bool
    """Whether nothing says how they went."""
    unknown: bool
    """Whether a word says so that nobody knows."""

    @property
    def labelled(self) -> bool:
        """Whether somebody, or a rule, has judged them."""
        return bool(self.failures) or self.outcome in JUDGED

    @property
    def success(self) -> bool:
        """Whether they went well."""
        return not self.failures and self.outcome == "success"

    @property
    def outage(self) -> bool:
        """Whether the provider's outage ended them, which is no failure of the agent."""
        return not self.failures and self.outcome == "infrastructure"

    @property
    def unlabelled(self) -> bool:
        """Whether nobody has judged them yet."""
        return not self.labelled and not self.outage

    @property
    def assumed(self) -> bool:
        """Whether they are successes for want of an outcome."""
        return self.silent and self.success


def classify(policy: Policy, plan: Plan, outcome: str | None, met: frozenset[int]) -> Run:
    """What a run with this outcome, which meets these predicates, is."""
    infrastructure = outcome == "infrastructure"
    failures = tuple(
        name
        for name, failure in policy.failures.items()
        if plan.rule(failure.when) in met and (failure.instant or not infrastructure)
    )
    class_ = max((policy.failures[name].class_ for name in failures), default=None)
    if class_ is None and outcome == "failure":
        class_ = policy.unclassified
    silent = plan.place(SAYS_NOTHING) in met
    if silent and outcome is None and not failures:
        outcome = policy.logs.no_outcome
    return Run(outcome, met, failures, class_, silent, plan.place(UNKNOWN_OUTCOME) in met)


@dataclass(frozen=True)
class Treatment:
    """What runs of one signature mean for one budget; every figure is for one run."""

    earns: bool
    weight: int
    """What it spends, in 1e-9; a sum is not known here."""
    spends: bool
    hits: bool
    """Whether it earns and spends exactly 1."""
    instant: bool
    unlabelled: bool
    success: bool
    labelled: bool
    voiced: bool
    judged: bool
    measured: bool
    """For a condition; of a sum it is counted run by run."""
    outages: bool
    failed: bool
    sighted: bool
    words: bool
    unknown: bool
    waiting: bool


class Reader:
    """How one budget reads runs: what it asks of each, looked up once."""

    def __init__(self, policy: Policy, plan: Plan, budget: Budget) -> None:
        self.policy, self.budget = policy, budget
        rules = spending_rules(policy, budget)
        self.voiced = plan.place(voiced_of(policy, budget)) if rules else -1
        self.blind = [plan.rule(when, Asks.UNKNOWN) for when in rules.values()]
        unnamed = spends_unnamed(budget.spend, policy.unclassified)
        self.only_rules = bool(rules) and not unnamed
        rule = budget.earning_rule
        self.earns = None if rule is None else plan.place(condition_of(policy, rule))
        self.holds = self.measured = -1
        condition = budget.spend.condition
        if condition is not None:
            self.holds = plan.place(condition_of(policy, condition))
            self.measured = plan.place(measured_of(policy, budget, condition))

    def treat(self, run: Run) -> Treatment:
        """What a run means for the budget."""
        holds = self.holds in run.met
        weight, instant = self.budget.spend.weigh(run, self.policy.failures, holds=holds)
        earns = self._earns(run)
        blind = [place in run.met for place in self.blind]
        return Treatment(
            earns=earns,
            weight=int(weight * NANO),
            spends=weight > 0 or instant,
            hits=earns and weight == 1,
            instant=instant,
            unlabelled=run.unlabelled,
            success=run.success,
            labelled=run.labelled,
            voiced=self.voiced in run.met,
            judged=run.labelled or (self.only_rules and not run.outage and not any(blind)),
            measured=self.measured in run.met,
            outages=run.outage,
            failed=run.class_ is not None,
            sighted=run.class_ is not None and not all(blind),
            words=not run.silent,
            unknown=run.unknown,
            waiting=run.unlabelled and not earns,
        )

    def _earns(self, run: Run) -> bool:
        match self.budget.earns:
            case "all":
                return True
            case "labelled":
                return run.labelled
            case "success":
                return run.success
            case _:
                return self.earns in run.met


class Signatures:
    """The signatures that occur in a ledger, and its rows with the number of theirs."""

    INDEX = "_signature"

    def __init__(self, policy: Policy, ledger: Ledger) -> None:
        plan = ledger.plan
        self._policy, self._plan = policy, plan
        key = ["outcome", *plan.flag_columns]
        unique = ledger.frame.select(key).unique(maintain_order=False).with_row_index(self.INDEX)
        frame = ledger.frame.join(unique, on=key, how="left", nulls_equal=True)
        self._runs = [
            classify(policy, plan, outcome, _bits(words))
            for outcome, *words in unique.sort(self.INDEX).select(key).iter_rows()
        ]
        if policy.logs.no_outcome is not None:  # for budgets that select or group by it
            seen = pl.Series("outcome", [run.outcome for run in self._runs], dtype=pl.String)
            frame = frame.with_columns(seen.gather(frame.get_column(self.INDEX)))
        self.frame = frame

    def treatments(self, budget: Budget) -> list[Treatment]:
        """What each signature means for a budget, in the order of their numbers."""
        reader = Reader(self._policy, self._plan, budget)
        return [reader.treat(run) for run in self._runs]

    def counted(self, what: str) -> int:
        """How many of the counted runs are so, by a property of `Run`."""
        return sum(self._counts.get(i, 0) * getattr(run, what) for i, run in enumerate(self._runs))

    @cached_property
    def _counts(self) -> dict[int, int]:
        """How many runs have each signature, by its number."""
        return dict(self.frame.group_by(self.INDEX).agg(pl.col(COUNT).sum()).iter_rows())


def _bits(words: list[int]) -> frozenset[int]:
    return frozenset(
        index * FLAG_BITS + bit
        for index, word in enumerate(words)
        for bit in range(FLAG_BITS)
        if word >> bit & 1
    )
