"""What logs tell of a policy that cannot be known without them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import polars as pl

from ebudget.accounts.close import evaluate
from ebudget.accounts.selection import NO_VALUE
from ebudget.accounts.statement import Account, Group
from ebudget.ledger.book import Books, selected_rows
from ebudget.ledger.ledger import Ledger
from ebudget.ledger.plan import COUNT, amount_of, measured_of
from ebudget.logs import doubts
from ebudget.logs.intake import Intake
from ebudget.policy.model import Budget, Policy

MOST_GROUPS = 3
"""Groups that one remark names."""


@dataclass(frozen=True)
class Remark:
    """One thing that a policy's author should know."""

    about: str
    """The dotted path in the policy, or a workflow."""
    message: str
    level: Literal["warning", "note"] = "warning"


def of_intake(ledger: Ledger) -> Iterator[Remark]:
    """What of the logs does not count, with the reasons."""
    intake = ledger.intake
    if intake.rejected_total:
        reasons = ", ".join(_counted(reason, count, intake) for reason, count in intake.rejected)
        rejected = doubts.part_of(intake.rejected_total, intake.records, "record")
        yield Remark("logs", f"{rejected} rejected: {reasons}")
    if intake.duplicates:
        key = " and ".join(intake.key)
        duplicates = doubts.part_of(intake.duplicates, intake.records, "record")
        message = f"{duplicates} left out as duplicates: the same {key} as a later one"
        yield Remark("logs.key", message, "note")
    if intake.outside:
        outside = doubts.part_of(intake.outside, intake.records, "record")
        yield Remark("logs", f"{outside} left out: dated after as of", "note")
    for name, count in ledger.rejected_values():
        column, _, reason = name.partition(": ")
        values = doubts.part_of(count, intake.runs, "run")
        yield Remark(f"logs.fields.{column}", f"cannot be read in {values}: {reason}")
    if intake.words:
        words = ", ".join(f"{word!r} × {count:,}" for word, count in intake.words[:5])
        yield Remark("logs.outcomes", f"words that nobody knows: {words}")


def _counted(reason: str, count: int, intake: Intake) -> str:
    return reason if count == intake.rejected_total else f"{count:,} × {reason}"


def empty_groups(policy: Policy, ledger: Ledger, frame: pl.DataFrame) -> Iterator[Remark]:
    """Where what a budget needs is 0 or missing in all runs of a group, and not in all runs."""
    for name, budget in policy.budgets.items():
        columns = list(dict.fromkeys((*budget.dimensions, "workflow")))
        rows = selected_rows(policy, budget, frame)
        for about, what, kept in _kinds(policy, name, budget, ledger):
            held = rows.with_columns(kept.alias("_held")).group_by(columns)
            counts = held.agg(
                pl.col(COUNT).sum().alias("_runs"), pl.col("_held").any().alias("_some")
            ).sort(columns)
            bare = counts.filter(~pl.col("_some"))
            if len(bare) == len(counts):
                continue
            groups = [tuple(zip(columns, row[:-2], strict=True)) for row in bare.iter_rows()]
            if groups:
                runs = int(bare.get_column("_runs").sum())
                all_ = "the only run" if runs == 1 else f"all {runs:,} runs"
                yield Remark(about, f"{what} in {all_} of {_named(groups)}")


def _kinds(
    policy: Policy, name: str, budget: Budget, ledger: Ledger
) -> Iterator[tuple[str, str, pl.Expr]]:
    """What a budget needs: its place, what is wrong without it, and whether a row has it."""
    plan, spend, path = ledger.plan, budget.spend, f"budgets.{name}"
    if spend.amount is not None:
        sums = plan.sum_of(amount_of(policy, budget, spend.amount))
        measured = pl.col(sums.measured) > 0
        zero = (pl.col(sums.total) == 0) & (pl.col(sums.negative) == 0)
        what = f"{spend.amount} is 0 or empty"
        yield f"{path}.spend.sum", what, measured & ~zero
    if spend.condition is not None:
        known = ledger.meets(plan.place(measured_of(policy, budget, spend.condition)))
        yield f"{path}.spend.when", f"what {spend.condition} reads is empty", known
    if policy.logs.no_outcome is None and budget.needs_outcomes:
        judged = pl.col("outcome").is_not_null()
        yield "logs.fields.outcome", f"budget {name}: the outcome is empty", judged


def _named(groups: Sequence[Group]) -> str:
    shown = "; ".join(_group(group) for group in groups[:MOST_GROUPS])
    rest = len(groups) - MOST_GROUPS
    return f"{shown} and {rest:,} more" if rest > 0 else shown


def _group(group: Group) -> str:
    return ", ".join(f"{c}={NO_VALUE if v is None else v}" for c, v in group) or "all runs"


def too_short(policy: Policy, ledger: Ledger) -> Iterator[Remark]:
    """Budgets whose window holds so few runs that less than one error is allowed."""
    found: dict[str, list[tuple[Fraction, Account]]] = {}
    for account in evaluate(Books(policy, ledger)).accounts:
        budget = policy.budgets[account.budget]
        judged = account.terms.rate and not account.too_few
        expected = _expected(account, ledger.intake) if judged else None
        if expected and expected < budget.spend.least:
            found.setdefault(account.budget, []).append((expected, account))
    for name, few in found.items():
        allowed, account = min(few, key=lambda pair: pair[0])
        among = "" if not account.group else f" of {_group(account.group)}"
        others = f" (and of {len(few) - 1:,} more)" if len(few) > 1 else ""
        window = f"a {account.terms.window}" if account.span.calendar else account.terms.window
        message = (
            f"{float(allowed):.2g} errors are allowed in {window} at today's traffic"
            f"{among}{others}: one error breaches it; take a longer window, or a number of errors"
        )
        yield Remark(f"budgets.{name}.window", message)


def _expected(account: Account, intake: Intake) -> Fraction | None:
    """What the whole window would allow if runs came as they did since the log began."""
    if not account.allowed or intake.first is None:
        return None
    span = account.span
    time = span.until - max(intake.first, span.after)
    return account.allowed * span.length / time if time > 0 else None
