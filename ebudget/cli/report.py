"""`ebudget report`: what has been spent, where, and what was agreed to happen now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ebudget.cli import options
from ebudget.cli.output import Delivery
from ebudget.errors import UsageError
from ebudget.render.formats import FORMATS
from ebudget.text import nearest, quoted, visible

if TYPE_CHECKING:
    from ebudget.ledger.ledger import Ledger
    from ebudget.policy.model import Policy


def report(
    logs: options.Logs = None,
    policy: options.PolicyOption = Path("budgets.yaml"),
    as_of: options.AsOf = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            "--budget",
            metavar="NAME",
            help="Only this budget; shows its burn-down.",
            autocompletion=options.budget_names,
        ),
    ] = None,
    for_: options.For = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="COLUMNS",
            help="Break the spend down by these columns, such as action_type,segment.",
        ),
    ] = None,
    format_: Annotated[str, options.format_option("report")] = "text",
    output: options.Outputs = None,
    show_rejects: Annotated[
        bool, typer.Option("--show-rejects", help="List the first few rejected records.")
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the SQL that makes the figures instead.")
    ] = False,
    skip_unreadable: options.SkipUnreadable = False,
    debug: options.Debug = False,
) -> None:
    """What has been spent, where, and what was agreed to happen now."""
    from ebudget import api
    from ebudget.accounts.selection import check_budgets, select
    from ebudget.ledger.plan import make_plan
    from ebudget.policy.wants import Wants
    from ebudget.render.page import Look

    delivery = Delivery(FORMATS["report"], format_)
    loaded = api.load_policy(policy)
    paths = options.log_paths(logs, loaded, policy)
    delivery = delivery.to(output, [*paths, policy])
    breakdowns = _breakdowns(by, loaded)
    check_budgets(loaded, budget or ())
    plan = make_plan(loaded, Wants(breakdowns, frozenset(budget or ())))
    with options.reading(loaded, as_of, skip=skip_unreadable) as reading:
        ledger = api.read_ledger(paths, plan, replace(reading, show_rejects=show_rejects))
        statement = api.evaluate(loaded, ledger)
    narrowed = select(statement, budget or (), for_ or ()).of(statement)
    look = Look(
        title=policy.name,
        show_rejects=show_rejects,
        every_breakdown=bool(breakdowns or budget),
        zone=loaded.timezone,
    )
    delivery.publish(narrowed, look, instead=_sql(ledger) if sql else None)


def _breakdowns(by: str | None, policy: Policy) -> tuple[str, ...]:
    from ebudget.policy.checks import groupable, why_not_grouped

    names = tuple(dict.fromkeys(name.strip() for name in (by or "").split(",") if name.strip()))
    known = groupable(policy)
    for name in names:
        if name in policy.columns and name not in known:
            raise UsageError(f"--by {name}: {why_not_grouped(name, policy.columns[name])}")
        if name not in known:
            near = visible(nearest(name, known))
            raise UsageError(f"--by {quoted(name)}: no such column to group by{near}")
    return names


def _sql(ledger: Ledger) -> str:
    from ebudget.ledger.plan import ALWAYS

    lines = [
        "-- The statements that made the figures, for DuckDB 2. The last one gives the ledger:",
        "-- a budget's accounts are sums over its rows.",
    ]
    for index, predicate in enumerate(ledger.plan.predicates):
        column, bit = ledger.plan.flag(index)
        asks = "" if predicate in ALWAYS else f" {predicate.asks.value}"
        lines.append(f"-- {column} & {bit}: {visible(predicate.source)}{asks}")
    return "\n".join(lines) + "\n\n" + "\n\n".join(ledger.statements) + "\n"
