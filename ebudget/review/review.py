"""What can be known of a policy before a report: what can never fire or match. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import polars as pl

from ebudget.accounts.selection import NO_VALUE
from ebudget.columns import BY_NAME
from ebudget.ledger.book import selected_rows, unselected
from ebudget.ledger.ledger import Ledger
from ebudget.ledger.plan import COUNT, Asks, amount_of, condition_of, make_plan
from ebudget.ledger.signatures import Signatures
from ebudget.logs import doubts
from ebudget.policy.alerts import burn_alerts
from ebudget.policy.allowances import Form
from ebudget.policy.model import Budget, Failure, Policy
from ebudget.policy.windows import Calendar, span
from ebudget.quantities import DAY, MINUTE
from ebudget.review.logs import Remark, empty_groups, of_intake, too_short
from ebudget.text import nearest

QUESTIONS = (
    "what failure means",
    "how much is acceptable",
    "who pays (owner)",
    "what happens (respond)",
)
"""The four questions that a policy answers for each workflow."""


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


def _forms(budget: Budget) -> list[tuple[str, Form]]:
    allow = budget.allowance
    if allow.column is None:
        return [("allow" if budget.slo is None else "slo", form) for form in allow.forms]
    return [(f"allow.{value}", form) for value, form in allow.lines]


def _only_earners_spend(budget: Budget) -> bool:
    if budget.earns == "all":
        return True
    if budget.earns == "labelled":
        return budget.spend.traits.by_class
    condition = budget.spend.condition
    if condition is not None:
        return budget.earns in (condition, f"({condition}) is not null")
    return False


FEBRUARY = 40 * DAY
"""An instant in the shortest month, quarter and year: what cannot fire then never can."""


def never_firing(policy: Policy, name: str) -> list[Remark]:
    """Alert rows whose burn can never exceed their factor: factor x ratio >= largest spend."""
    budget = policy.budgets[name]
    largest = budget.spend.largest(policy.failures)
    if largest is None or not _only_earners_spend(budget):
        return []
    found = []
    window = span(budget.window, FEBRUARY, policy.timezone)
    for path, form in _forms(budget):
        ratio = form.pace
        if ratio is None:
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


def _meant(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` where a known name is close."""
    near = nearest(name, known)
    return near if near.endswith("?") else ""


def _static(policy: Policy) -> list[Remark]:
    found: list[Remark] = []
    used = {
        name for budget in policy.budgets.values() for name in budget.spend.rules(policy.failures)
    }
    for name, failure in policy.failures.items():
        if name not in used:
            found.append(
                Remark(f"failures.{name}", f"no budget counts it, nor its class {failure.class_}")
            )
    needed = {wanted.name for wanted in make_plan(policy).canonical.columns}
    for name in sorted(policy.logs.fields.keys() - needed):
        meant = "" if name in BY_NAME else _meant(name, BY_NAME)
        found.append(
            Remark(f"logs.fields.{name}", f"no rule and no budget reads it{meant}", "note")
        )
    for name, budget in policy.budgets.items():
        path = f"budgets.{name}"
        found += never_firing(policy, name)
        if budget.min_runs and not any(form.traits.grows for _, form in _forms(budget)):
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
        found += _frozen_for_ever(name, budget)
        if budget.slo is not None:
            allowed = outage_minutes(budget.slo.number, _length(budget, policy))
            shortest = "the shortest " if isinstance(budget.window, Calendar) else ""
            message = f"allows {allowed} minutes of full outage in {shortest}{budget.window}"
            found.append(Remark(f"{path}.slo", message, "note"))
        if not budget.respond:
            found.append(
                Remark(f"{path}.respond", "nothing is agreed to happen when a line is crossed")
            )
    return found


def _length(budget: Budget, policy: Policy) -> int:
    return span(budget.window, FEBRUARY, policy.timezone).length


def _frozen_for_ever(name: str, budget: Budget) -> list[Remark]:
    """Whether an allowance of the mean before is frozen where nothing changes."""
    found = []
    for path, form in _forms(budget):
        if form.over is None or form.traits.side is not None or form.number <= 0:
            continue
        left, below = 1 - 1 / form.number, budget.gate.freeze_below
        if left < below:
            message = (
                f"where nothing changes, {float(1 / form.number):.0%} of it is spent and "
                f"{float(left):.0%} is left, less than freeze_below ({float(below):.0%}), so it is "
                "frozen as long as nothing does; lower freeze_below, or spend only what lies above "
                "the baseline: "
                f"{{above_baseline: 15%, over: {form.over.text}}}"
            )
            found.append(Remark(f"budgets.{name}.{path}", message))
    return found


def outage_minutes(ratio: Fraction, length: int) -> str:
    """The minutes of full outage that a share of a window comes to, for people."""
    return f"{float(ratio * length / MINUTE):,.4g}"


def silence_of(policy: Policy, ledger: Ledger) -> str | None:
    """What to do about a log that never says that a run went well; None where nothing is to do."""
    asks = any(budget.needs_outcomes for budget in policy.budgets.values())
    said = policy.logs.no_outcome is not None or ledger.intake.good or not ledger.intake.runs
    return None if said or not asks else doubts.silent_log(ledger.intake)


def _count(frame: pl.DataFrame) -> int:
    return int(frame.get_column(COUNT).sum())


def _met(ledger: Ledger, failure: Failure, asks: Asks) -> int:
    """How many runs a failure rule matches, or is unknown of; outages match instant ones only."""
    agents = pl.col("outcome").is_null() | (pl.col("outcome") != "infrastructure")
    seen = pl.lit(value=True) if failure.instant else agents
    return ledger.count(seen & ledger.meets(ledger.plan.rule(failure.when, asks)))


def _never_spent(policy: Policy, name: str, ledger: Ledger, selected: pl.DataFrame) -> list[Remark]:
    """Whether the condition or the sum of a budget ever has anything to say."""
    plan, runs, budget = ledger.plan, _count(selected), policy.budgets[name]
    spend, path = budget.spend, f"budgets.{name}.spend.{budget.spend.traits.key}"
    if spend.condition is not None:
        holds = plan.place(condition_of(policy, spend.condition))
        if not _count(selected.filter(ledger.meets(holds))):
            message = f"is met by none of the {runs:,} runs that the budget selects"
            return [Remark(path, message)]
    if spend.amount is not None:
        columns = plan.sum_of(amount_of(policy, budget, spend.amount))
        if not int(selected.get_column(columns.measured).sum()):
            message = f"is null in all of the {runs:,} runs that the budget selects"
            return [Remark(path, message)]
    return []


def _with_logs(policy: Policy, ledger: Ledger) -> list[Remark]:
    signatures, runs = Signatures(policy, ledger), ledger.intake.runs
    frame = signatures.frame
    found = list(of_intake(ledger))
    for path, text in (
        ("logs.fields.outcome", silence_of(policy, ledger)),
        ("logs.key", doubts.twins(ledger.intake)),
        ("logs.timezone", doubts.ahead(ledger.intake)),
    ):
        if text is not None:
            found.append(Remark(path, text))
    if assumed := signatures.counted("assumed"):
        text = doubts.assumed_successes(assumed, ledger.intake)
        found.append(Remark("logs.no_outcome", text, "note"))
    for name, failure in policy.failures.items():
        path = f"failures.{name}.when"
        unknown = _met(ledger, failure, Asks.UNKNOWN)
        if not _met(ledger, failure, Asks.HOLDS):
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
        selected = selected_rows(policy, budget, frame)
        if not _count(selected):
            found.append(Remark(f"budgets.{name}.for", "selects no run of these logs"))
        else:
            found += _never_spent(policy, name, ledger, selected)
    found += [*empty_groups(policy, ledger, frame), *too_short(policy, ledger)]
    if missed := unselected(policy, frame):
        found.append(
            Remark("budgets", f"{missed:,} of {runs:,} runs are selected by no budget's `for`")
        )
    for column in ledger.intake.absent:
        found.append(
            Remark(
                f"logs.fields.{column}", "its path never occurs in these logs (optional)", "note"
            )
        )
    if "workflow" in ledger.plan.dimensions:
        covered = pl.concat([selected_rows(policy, b, frame) for b in policy.budgets.values()])
        known = set(covered.get_column("workflow").unique().to_list())
        for workflow in sorted(
            set(frame.get_column("workflow").unique().to_list()) - known, key=str
        ):
            shown = NO_VALUE if workflow is None else workflow
            found.append(Remark(f"workflow {shown}", "occurs in these logs; no budget covers it"))
        seen = [name for name in frame.get_column("workflow").unique().to_list() if name]
        for name, declared in policy.workflows.items():
            if name not in seen and declared.since is None:
                message = f"no run of these logs has it{_meant(name, seen)}"
                found.append(Remark(f"workflows.{name}", message))
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
        told = bool(policy.failures) or _says_how_it_went(ledger, name)
        defined = any(not b.spend.traits.by_class or told for b in covering)
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


def _says_how_it_went(ledger: Ledger | None, workflow: str | None) -> bool:
    """Whether the logs themselves say what failed, so that no rule has to."""
    if ledger is None:
        return False
    rows = ledger.frame.filter(pl.col("workflow").eq_missing(pl.lit(workflow, dtype=pl.String)))
    return rows.get_column("outcome").is_not_null().any()


def review(policy: Policy, ledger: Ledger | None = None) -> Review:
    """Review a policy; with a ledger (of a plan with `unknowns`) against its logs too."""
    remarks = _static(policy)
    if ledger is not None:
        remarks += _with_logs(policy, ledger)
    return Review(tuple(remarks), tuple(_answers(policy, ledger)))
