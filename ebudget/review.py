"""What can be known of a policy before a report: what can never fire or match. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import polars as pl

from ebudget.allowance import ByTier, PerRuns, Plain, Ratio, depends_on_runs
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
from ebudget.quantities import DAY
from ebudget.query import COUNT, Predicate
from ebudget.reading import FLAW_BITS
from ebudget.windows import burn_alerts, span

QUESTIONS = (
    "what failure means",
    "how much is acceptable",
    "who pays (owner)",
    "what happens (respond)",
)
"""The four questions that a policy answers for each workflow."""


@dataclass(frozen=True)
class Remark:
    """One thing that a policy's author should know."""

    about: str
    """The dotted path in the policy, or a workflow."""
    message: str
    level: Literal["warning", "note"] = "warning"


@dataclass(frozen=True)
class Answers:
    """Whether the four questions have answers for a workflow."""

    workflow: str | None
    answers: tuple[bool, bool, bool, bool]


@dataclass(frozen=True)
class Review:
    """Everything that a review of a policy found."""

    remarks: tuple[Remark, ...]
    workflows: tuple[Answers, ...]


def _forms(budget: Budget) -> list[tuple[str, Plain]]:
    allow = budget.allow
    if isinstance(allow, ByTier):
        return [(f"allow.{tier}", form) for tier, form in allow.tiers]
    return [("allow", allow)]


def _largest_spend(policy: Policy, budget: Budget) -> Fraction | None:
    """The most that one run can spend; None where there is no such limit."""
    match budget.spend:
        case SpendClass(weights):
            instant = any(
                failure.instant and failure.class_ in dict(weights)
                for failure in policy.failures.values()
            )
            amounts = [weight for _, weight in weights if isinstance(weight, Fraction)]
            unlimited = instant or any(weight is ALL for _, weight in weights)
            return None if unlimited or not amounts else max(amounts)
        case SpendFailure(names):
            instant = any(policy.failures[name].instant for name in names)
            return None if instant else Fraction(1)
        case SpendWhen():
            return Fraction(1)
        case SpendSum():
            return None


def _only_earners_spend(budget: Budget) -> bool:
    if budget.earns == "all":
        return True
    if budget.earns == "labelled":
        return isinstance(budget.spend, SpendClass | SpendFailure)
    if isinstance(budget.spend, SpendWhen):
        condition = budget.spend.condition
        return budget.earns in (condition, f"({condition}) is not null")
    return False


FEBRUARY = 40 * DAY
"""An instant in the shortest month, quarter and year: what cannot fire then never can."""


def never_firing(policy: Policy, name: str) -> list[Remark]:
    """Alert rows whose burn can never exceed their factor: factor x ratio >= largest spend."""
    budget = policy.budgets[name]
    largest = _largest_spend(policy, budget)
    if largest is None or not _only_earners_spend(budget):
        return []
    found = []
    window = span(budget.window, FEBRUARY, policy.timezone)
    for path, form in _forms(budget):
        if isinstance(form, Ratio):
            ratio = form.ratio
        elif isinstance(form, PerRuns):
            ratio = form.amount / form.per
        else:
            continue
        silent = [
            row for row in burn_alerts(window, budget.alerts) if row.factor * ratio >= largest
        ]
        if silent:
            rows = ", ".join(
                f"{row.severity} over {row.long.text} and {row.short.text} "
                f"(factor {float(row.factor):.4g})"
                for row in silent
            )
            highest = float(largest / ratio) if ratio else 0.0
            message = (
                f"these alerts can never fire: {rows}; even if every run spends "
                f"{float(largest):g}, the burn is {highest:.4g}"
            )
            found.append(Remark(f"budgets.{name}.{path}", message))
    return found


def _static(policy: Policy) -> list[Remark]:
    found: list[Remark] = []
    used = {
        failure
        for budget in policy.budgets.values()
        if isinstance(budget.spend, SpendFailure)
        for failure in budget.spend.names
    }
    classes = {
        letter
        for budget in policy.budgets.values()
        if isinstance(budget.spend, SpendClass)
        for letter, _ in budget.spend.weights
    }
    for name, failure in policy.failures.items():
        if name not in used and failure.class_ not in classes:
            found.append(
                Remark(f"failures.{name}", f"no budget counts it, nor its class {failure.class_}")
            )
    for name, budget in policy.budgets.items():
        path = f"budgets.{name}"
        found += never_firing(policy, name)
        if budget.min_runs and not any(depends_on_runs(form) for _, form in _forms(budget)):
            found.append(
                Remark(f"{path}.min_runs", "has no effect: the allowance does not grow with runs")
            )
        kept = burn_alerts(span(budget.window, 0, policy.timezone), budget.alerts)
        if budget.alerts and len(kept) < len(budget.alerts):
            dropped = len(budget.alerts) - len(kept)
            found.append(
                Remark(
                    f"{path}.alerts",
                    f"{dropped} of {len(budget.alerts)} are dropped: the long window is not "
                    "shorter than the budget's, or the factor is under 0.9",
                )
            )
        if not budget.respond:
            found.append(
                Remark(f"{path}.respond", "nothing is agreed to happen when a line is crossed")
            )
    return found


def _count(frame: pl.DataFrame) -> int:
    return int(frame.get_column(COUNT).sum())


def _met(ledger: Ledger, predicate: Predicate) -> int:
    """How many runs meet a condition; an outage of the provider meets no failure rule."""
    word, bit = divmod(ledger.plan.predicates.index(predicate), FLAW_BITS)
    agents = pl.col("outcome").is_null() | (pl.col("outcome") != "infrastructure")
    flagged = pl.col(ledger.plan.flag_columns[word]) & (1 << bit) != 0
    return _count(ledger.frame.filter(agents & flagged))


def _selected(budget: Budget, ledger: Ledger) -> pl.DataFrame:
    frame = ledger.frame
    for selector in budget.for_:
        values = frame.get_column(selector.column).unique().to_list()
        admitted = [value for value in values if selector.admits(value)]
        wanted = pl.Series(selector.column, admitted, dtype=pl.String)
        frame = frame.filter(pl.col(selector.column).is_in(wanted.implode(), nulls_equal=True))
    return frame


def _never_spent(name: str, budget: Budget, ledger: Ledger, selected: pl.DataFrame) -> list[Remark]:
    """Whether the condition or the sum of a budget ever has anything to say."""
    plan, runs = ledger.plan, _count(selected)
    if isinstance(budget.spend, SpendWhen):
        predicate = Predicate(budget.spend.condition, unknown=False)
        word, bit = divmod(plan.predicates.index(predicate), FLAW_BITS)
        if not _count(selected.filter(pl.col(plan.flag_columns[word]) & (1 << bit) != 0)):
            message = f"is met by none of the {runs:,} runs that the budget selects"
            return [Remark(f"budgets.{name}.spend.when", message)]
    if isinstance(budget.spend, SpendSum):
        _, missing = plan.sum_columns[plan.sums.index(budget.spend.expression)]
        if int(selected.get_column(missing).sum()) == runs:
            message = f"is null in all of the {runs:,} runs that the budget selects"
            return [Remark(f"budgets.{name}.spend.sum", message)]
    return []


def _with_logs(policy: Policy, ledger: Ledger) -> list[Remark]:
    found: list[Remark] = []
    runs = ledger.intake.runs
    for name, failure in policy.failures.items():
        path = f"failures.{name}.when"
        matched = _met(ledger, Predicate(failure.when, unknown=False))
        unknown = _met(ledger, Predicate(failure.when, unknown=True))
        if not matched:
            found.append(Remark(path, f"never matches any of the {runs:,} runs"))
        if unknown:
            found.append(
                Remark(
                    path,
                    f"is unknown (null) in {unknown:,} of {runs:,} runs, which do not match",
                    "note",
                )
            )
    for name, budget in policy.budgets.items():
        selected = _selected(budget, ledger)
        if not _count(selected):
            found.append(Remark(f"budgets.{name}.for", "selects no run of these logs"))
        else:
            found += _never_spent(name, budget, ledger, selected)
    for column in ledger.intake.absent:
        found.append(
            Remark(
                f"logs.fields.{column}", "its path never occurs in these logs (optional)", "note"
            )
        )
    if "workflow" in ledger.plan.dimensions:
        covered = pl.concat([_selected(b, ledger) for b in policy.budgets.values()])
        known = set(covered.get_column("workflow").unique().to_list())
        for workflow in sorted(
            set(ledger.frame.get_column("workflow").unique().to_list()) - known, key=str
        ):
            shown = "(none)" if workflow is None else workflow
            found.append(Remark(f"workflow {shown}", "occurs in these logs; no budget covers it"))
    return found


def _answers(policy: Policy, ledger: Ledger | None) -> list[Answers]:
    names: dict[str | None, None] = dict.fromkeys(policy.workflows)
    if ledger is not None and "workflow" in ledger.plan.dimensions:
        seen = ledger.frame.get_column("workflow").unique().to_list()
        names |= dict.fromkeys(sorted(seen, key=lambda v: (v is not None, v or "")))
    found = []
    for name in names:
        covering = [b for b in policy.budgets.values() if b.selects("workflow", name)]
        declared = policy.workflows.get(name) if name is not None else None
        defined = any(
            isinstance(b.spend, SpendWhen | SpendSum) or bool(policy.failures) for b in covering
        )
        found.append(
            Answers(
                name,
                (
                    defined,
                    bool(covering),
                    bool(declared and declared.owner),
                    any(budget.respond for budget in covering),
                ),
            )
        )
    return found


def review(policy: Policy, ledger: Ledger | None = None) -> Review:
    """Review a policy; with a ledger (of a plan with `unknowns`) against its logs too."""
    remarks = _static(policy)
    if ledger is not None:
        remarks += _with_logs(policy, ledger)
    return Review(tuple(remarks), tuple(_answers(policy, ledger)))


__all__ = ["QUESTIONS", "Answers", "Remark", "Review", "never_firing", "review"]
