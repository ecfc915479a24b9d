"""What a run means for a budget: its class, and whether it earns and spends.

Runs that agree in outcome and conditions mean the same. What they are is settled once for each
combination of outcome and failure rules that occurs; what a budget makes of it, column by column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

import polars as pl

from ebudget.columns import JUDGED
from ebudget.ledger.ledger import Ledger
from ebudget.ledger.plan import (
    COUNT,
    SAYS_NOTHING,
    UNKNOWN_OUTCOME,
    Asks,
    condition_of,
    measured_of,
    spending_rules,
    voiced_of,
)
from ebudget.policy.model import Budget, Policy
from ebudget.policy.spends import spends_unnamed
from ebudget.quantities import NANO


@dataclass(frozen=True)
class Run:
    """What all runs of one outcome that match the same failure rules are."""

    outcome: str | None
    """As budgets see it: a success where the policy says that silence is one."""
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
    def failed(self) -> bool:
        """Whether they went badly."""
        return self.class_ is not None

    @property
    def assumed(self) -> bool:
        """Whether they are successes for want of an outcome."""
        return self.silent and self.success


def classify(
    policy: Policy, outcome: str | None, matched: Sequence[bool], *, silent: bool, unknown: bool
) -> Run:
    """What a run with this outcome is that matches these of the failure rules."""
    infrastructure = outcome == "infrastructure"
    failures = tuple(
        name
        for (name, failure), matches in zip(policy.failures.items(), matched, strict=True)
        if matches and (failure.instant or not infrastructure)
    )
    class_ = max((policy.failures[name].class_ for name in failures), default=None)
    if class_ is None and outcome == "failure":
        class_ = policy.unclassified
    if silent and outcome is None and not failures:
        outcome = policy.logs.no_outcome
    return Run(outcome, failures, class_, silent, unknown)


class Signatures:
    """The signatures that occur in a ledger, and its rows with the number of theirs."""

    INDEX = "_signature"

    def __init__(self, policy: Policy, ledger: Ledger) -> None:
        self._policy, self._plan = policy, ledger.plan
        key = ["outcome", *ledger.plan.flag_columns]
        self._unique = ledger.frame.select(key).unique().with_row_index(self.INDEX)
        frame = ledger.frame.join(self._unique, on=key, how="left", nulls_equal=True)
        self._runs, self._run = self._classified()
        if policy.logs.no_outcome is not None:  # for budgets that select or group by it
            seen = pl.Series("outcome", [run.outcome for run in self._runs], dtype=pl.String)
            frame = frame.with_columns(seen.gather(self._run).gather(frame.get_column(self.INDEX)))
        self.frame = frame

    def _met(self, place: int) -> pl.Series:
        """Whether the runs of each signature meet the predicate that the plan has at a place."""
        column, bit = self._plan.flag(place)
        return (self._unique.get_column(column) & bit) != 0

    def _classified(self) -> tuple[list[Run], pl.Series]:
        """What the runs are, and for each signature the number of what its runs are."""
        policy, plan = self._policy, self._plan
        rules = [plan.rule(failure.when) for failure in policy.failures.values()]
        told = [plan.place(SAYS_NOTHING), plan.place(UNKNOWN_OUTCOME), *rules]
        marks = [self._met(place).alias(str(number)) for number, place in enumerate(told)]
        frame = pl.DataFrame([self._unique.get_column("outcome"), *marks])
        names = frame.columns
        kinds = frame.unique().with_row_index("_run")
        number = frame.join(
            kinds, on=names, how="left", nulls_equal=True, maintain_order="left"
        ).get_column("_run")
        runs = [
            classify(policy, outcome, matched, silent=silent, unknown=unknown)
            for outcome, silent, unknown, *matched in kinds.select(names).iter_rows()
        ]
        return runs, number

    def _told(self, what: str) -> pl.Series:
        """A property of the runs of each signature."""
        values = [getattr(run, what) for run in self._runs]
        return pl.Series(what, values, dtype=pl.Boolean).gather(self._run)

    def treated(self, budget: Budget) -> dict[str, pl.Series]:
        """What the runs of each signature mean for a budget; every figure is for one run.

        `weight` is what it spends, in 1e-9 (a sum is not known here); `hits` whether it earns and
        spends exactly 1; `measured` whether the value of a condition is known.
        """
        policy, plan = self._policy, self._plan
        never = pl.repeat(False, len(self._unique), dtype=pl.Boolean, eager=True)
        condition = budget.spend.condition
        holds = measured = voiced = never
        if condition is not None:
            holds = self._met(plan.place(condition_of(policy, condition)))
            measured = self._met(plan.place(measured_of(policy, budget, condition)))
        rules = spending_rules(policy, budget)
        if rules:
            voiced = self._met(plan.place(voiced_of(policy, budget)))
        blind = [self._met(plan.rule(when, Asks.UNKNOWN)) for when in rules.values()]
        blind_to_any, blind_to_all = reduce(or_, blind, never), reduce(and_, blind, ~never)
        weighed = [
            budget.spend.weigh(run, policy.failures, holds=met)
            for run in self._runs
            for met in (False, True)
        ]
        at = self._run * 2 + holds.cast(pl.UInt32)
        weight = pl.Series([int(own * NANO) for own, _ in weighed], dtype=pl.Int128).gather(at)
        instant = pl.Series([event for _, event in weighed], dtype=pl.Boolean).gather(at)
        labelled, outages, failed = (self._told(w) for w in ("labelled", "outage", "failed"))
        earns = self._earns(budget)
        judged = labelled
        if rules and not spends_unnamed(budget.spend, policy.unclassified):
            judged = labelled | ~(outages | blind_to_any)
        unlabelled = self._told("unlabelled")
        return {
            "eligible": earns,
            "weight": weight,
            "spenders": (weight > 0) | instant,
            "hits": earns & (weight == NANO),
            "instant": instant,
            "unlabelled": unlabelled,
            "success": self._told("success"),
            "labelled": labelled,
            "voiced": voiced,
            "judged": judged,
            "measured": measured,
            "outages": outages,
            "failed": failed,
            "sighted": failed & ~blind_to_all,
            "words": ~self._told("silent"),
            "unknown": self._told("unknown"),
            "waiting": unlabelled & ~earns,
        }

    def _earns(self, budget: Budget) -> pl.Series:
        if budget.by_label:
            return self._told(budget.earns)
        if budget.earning_rule is not None:
            return self._met(self._plan.place(condition_of(self._policy, budget.earning_rule)))
        return pl.repeat(True, len(self._unique), dtype=pl.Boolean, eager=True)

    def counted(self, what: str) -> int:
        """How many of the counted runs are so, by a property of `Run`."""
        so = self._told(what).gather(self.frame.get_column(self.INDEX))
        return int((self.frame.get_column(COUNT) * so).sum())
