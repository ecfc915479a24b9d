"""`ebudget report`: what has been spent, where, and what was agreed to happen now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ebudget import api
from ebudget.accounts.selection import check_budgets, select
from ebudget.accounts.statement import Statement
from ebudget.cli.options import (
    AsOf,
    Debug,
    For,
    Logs,
    Outputs,
    PolicyOption,
    SkipUnreadable,
    as_of_moment,
    log_paths,
    progress,
)
from ebudget.cli.output import (
    check_format,
    for_terminal,
    not_obeyed,
    parse_outputs,
    print_data,
    write_all,
)
from ebudget.errors import UsageError
from ebudget.ledger.ledger import Ledger
from ebudget.ledger.plan import ALWAYS, make_plan
from ebudget.logs.reading import Reading
from ebudget.logs.runs import FLAW_BITS
from ebudget.policy.checks import groupable, why_not_grouped
from ebudget.policy.model import Policy
from ebudget.policy.wants import Wants
from ebudget.render.json import statement as as_json
from ebudget.render.page import Look
from ebudget.render.report import markdown
from ebudget.render.report import text as as_text
from ebudget.text import nearest, quoted, visible

FORMATS: dict[str, Callable[[Statement, Look], str]] = {
    "text": as_text.render,
    "json": lambda statement, _look: as_json.render(statement),
    "markdown": lambda statement, look: markdown.render(
        statement,
        title=look.title,
        show_rejects=look.show_rejects,
        by=look.every_breakdown,
    ),
}


def report(
    logs: Logs = None,
    policy: PolicyOption = Path("budgets.yaml"),
    as_of: AsOf = None,
    budget: Annotated[
        list[str] | None,
        typer.Option("--budget", metavar="NAME", help="Only this budget; shows its burn-down."),
    ] = None,
    for_: For = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="COLUMNS",
            help="Break the spend down by these columns, such as action_type,segment.",
        ),
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="text|json|markdown", help="The format to print.")
    ] = "text",
    output: Outputs = None,
    show_rejects: Annotated[
        bool, typer.Option("--show-rejects", help="List the first few rejected records.")
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the SQL that makes the figures instead.")
    ] = False,
    skip_unreadable: SkipUnreadable = False,
    debug: Debug = False,
) -> None:
    """What has been spent, where, and what was agreed to happen now."""
    check_format(format_, FORMATS)
    loaded = api.load_policy(policy)
    paths = log_paths(logs, loaded, policy)
    outputs = parse_outputs(output or (), FORMATS, [*paths, policy])
    breakdowns = _breakdowns(by, loaded)
    check_budgets(loaded, budget or ())
    with progress() as tick:
        plan = make_plan(loaded, Wants(breakdowns, frozenset(budget or ())))
        reading = Reading(
            as_of=as_of_moment(as_of, loaded),
            skip_unreadable=skip_unreadable,
            show_rejects=show_rejects,
            tick=tick,
        )
        ledger = api.read_ledger(paths, plan, reading)
        statement = api.evaluate(loaded, ledger)
    narrowed = select(statement, budget or (), for_ or ()).of(statement)
    look = Look(
        title=policy.name,
        show_rejects=show_rejects,
        every_breakdown=bool(breakdowns or budget),
        zone=loaded.timezone,
    )
    printed = _sql(ledger) if sql else FORMATS[format_](narrowed, for_terminal(look))
    written = [(output.path, FORMATS[output.format](narrowed, look)) for output in outputs]
    write_all(written)
    print_data(not_obeyed(printed, format_))


def _breakdowns(by: str | None, policy: Policy) -> tuple[str, ...]:
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
    lines = [
        "-- The statements that made the figures, for DuckDB 2. The last one gives the ledger:",
        "-- a budget's accounts are sums over its rows.",
    ]
    for index, predicate in enumerate(ledger.plan.predicates):
        word, bit = divmod(index, FLAW_BITS)
        asks = "" if predicate in ALWAYS else f" {predicate.asks.value}"
        lines.append(f"-- _flags_{word} & {1 << bit}: {visible(predicate.source)}{asks}")
    return "\n".join(lines) + "\n\n" + "\n\n".join(ledger.statements) + "\n"
