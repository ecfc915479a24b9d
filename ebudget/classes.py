"""What a run means for a budget: its class, and whether it earns and spends.

Runs that agree in outcome and conditions mean the same; each such signature is judged once.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import polars as pl

from ebudget.ledger import Ledger
from ebudget.policy import (
    ALL,
    Budget,
    Policy,
    SpendClass,
    SpendFailure,
    SpendSum,
    SpendWhen,
)
from ebudget.quantities import NANO
from ebudget.query import COUNT, Plan
from ebudget.reading import FLAW_BITS


@dataclass(frozen=True)
class Run:
    """What all runs of one signature share."""

    outcome: str | None
    """As the log tells it."""
    met: frozenset[int]
    """The predicates of the plan that they meet."""
    failures: tuple[str, ...]
    """The failure rules that they match; an outage of the provider matches none."""
    class_: str | None
    """The worst class among those rules, or the unclassified one of other failed runs."""
    labelled: bool
    success: bool

    @property
    def unlabelled(self) -> bool:
        """Whether nobody has judged them yet."""
        return not self.labelled and self.outcome != "infrastructure"


def classify(
    policy: Policy, plan: Plan, outcome: str | None, met: frozenset[int], outcomes_occur: bool
) -> Run:
    """What a run with this outcome, which meets these predicates, is."""
    infrastructure = outcome == "infrastructure"
    failures = tuple(
        name
        for name, failure in policy.failures.items()
        if not infrastructure and plan.predicate(failure.when) in met
    )
    class_ = max((policy.failures[name].class_ for name in failures), default=None)
    if class_ is None and outcome == "failure":
        class_ = policy.unclassified
    judged = outcome in ("success", "failure", "escalated") or bool(failures)
    return Run(
        outcome,
        met,
        failures,
        class_,
        labelled=judged or (not outcomes_occur and not infrastructure),
        success=not failures and (outcome == "success" or (outcome is None and not outcomes_occur)),
    )


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
    unmeasured: bool
    success: bool


def treat(policy: Policy, plan: Plan, budget: Budget, run: Run) -> Treatment:
    """What a run means for a budget."""
    weight = Fraction(0)
    instant = unmeasured = False
    earns = _earns(plan, budget, run)
    instants = [name for name in run.failures if policy.failures[name].instant]
    match budget.spend:
        case SpendClass(weights):
            table = dict(weights)
            own = table.get(run.class_) if run.class_ else None
            instant = own is ALL or any(policy.failures[name].class_ in table for name in instants)
            weight = own if isinstance(own, Fraction) else Fraction(0)
        case SpendFailure(names):
            weight = Fraction(int(any(name in names for name in run.failures)))
            instant = any(name in names for name in instants)
        case SpendWhen(condition):
            weight = Fraction(int(plan.predicate(condition) in run.met))
            unmeasured = plan.predicate(condition, unknown=True) in run.met
        case SpendSum():
            pass
    return Treatment(
        earns=earns,
        weight=int(weight * NANO),
        spends=weight > 0 or instant,
        hits=earns and weight == 1,
        instant=instant,
        unlabelled=run.unlabelled,
        unmeasured=unmeasured,
        success=run.success,
    )


def _earns(plan: Plan, budget: Budget, run: Run) -> bool:
    match budget.earns:
        case "all":
            return True
        case "labelled":
            return run.labelled
        case "success":
            return run.success
        case condition:
            return plan.predicate(condition) in run.met


class Signatures:
    """The signatures that occur in a ledger, and its rows with the number of theirs."""

    INDEX = "_signature"

    def __init__(self, policy: Policy, ledger: Ledger) -> None:
        plan = ledger.plan
        self._policy, self._plan = policy, plan
        key = ["outcome", *plan.flag_columns]
        unique = ledger.frame.select(key).unique(maintain_order=False).with_row_index(self.INDEX)
        self.frame = ledger.frame.join(unique, on=key, how="left", nulls_equal=True)
        occur = ledger.outcomes_occur
        self._runs = [
            classify(policy, plan, outcome, _bits(words), occur)
            for outcome, *words in unique.sort(self.INDEX).select(key).iter_rows()
        ]

    def treatments(self, budget: Budget) -> list[Treatment]:
        """What each signature means for a budget, in the order of their numbers."""
        return [treat(self._policy, self._plan, budget, run) for run in self._runs]

    def totals(self) -> tuple[int, int]:
        """How many runs are unlabelled, and how many were ended by an outage."""
        counts = dict(self.frame.group_by(self.INDEX).agg(pl.col(COUNT).sum()).iter_rows())
        unlabelled = infrastructure = 0
        for index, run in enumerate(self._runs):
            unlabelled += counts.get(index, 0) * run.unlabelled
            infrastructure += counts.get(index, 0) * (run.outcome == "infrastructure")
        return unlabelled, infrastructure


def _bits(words: list[int]) -> frozenset[int]:
    return frozenset(
        index * FLAW_BITS + bit
        for index, word in enumerate(words)
        for bit in range(FLAW_BITS)
        if word >> bit & 1
    )


__all__ = ["Run", "Signatures", "Treatment", "classify", "treat"]
