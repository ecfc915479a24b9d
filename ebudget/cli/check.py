"""`ebudget check`: whether a change may ship, given what failures have already cost."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ebudget.cli import options
from ebudget.cli.output import JOB_SUMMARY, Delivery, summary_path
from ebudget.errors import InputError, UsageError
from ebudget.instants import timestamp
from ebudget.quantities import duration, share
from ebudget.render.formats import FORMATS
from ebudget.text import quoted, visible
from ebudget.text.encoding import encoding_of
from ebudget.whatif.asking import Given, Option

if TYPE_CHECKING:
    from ebudget.accounts.statement import Statement
    from ebudget.gate.baseline import Baseline
    from ebudget.gate.decision import Demands

T = TypeVar("T")


OPTIONS = (
    Option(
        "--change",
        "TYPE",
        "The type of the change, in the words of gate.changes: only budgets that stop it count, "
        "and frozen fails as well as breached.",
    ),
    Option(
        "--fail-on",
        "warning|frozen|breached",
        "The best verdict that fails. Left out: breached; with --change frozen.",
    ),
    Option("--fail-on-alert", "page|ticket", "Fail on firing burn alerts too; ticket takes both."),
    Option(
        "--on-insufficient",
        "fail|warn|pass",
        "What an account that cannot be judged does: fail ends with 3. Left out: what the "
        "budget's gate says, else fail.",
    ),
    Option(
        "--max-age",
        "DURATION",
        "Logs whose newest run is older, such as 24h, are no evidence (3).",
    ),
    Option(
        "--max-rejected",
        "PERCENT",
        "Logs of whose records more are rejected, in all or in a file of 20 and more, are no "
        "evidence (3). Left out: logs.max_rejected of the policy, else 5%.",
    ),
)
"""What a change has to meet."""


@options.with_options(OPTIONS, after="policy")
def check(
    context: typer.Context,
    logs: options.Logs = None,
    policy: options.PolicyOption = Path("budgets.yaml"),
    confident: Annotated[
        bool,
        typer.Option(
            "--confident", help="Rates fail only where chance cannot explain it (95% interval)."
        ),
    ] = False,
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline", metavar="FILE", help="An earlier statement as JSON; shows what changed."
        ),
    ] = None,
    new_only: Annotated[
        bool,
        typer.Option("--new-only", help="Fail only on what was not as bad in the baseline."),
    ] = False,
    budget: options.Budgets = None,
    for_: options.For = None,
    as_of: options.AsOf = None,
    format_: Annotated[str, options.format_option("decision")] = "text",
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            metavar="FORMAT=PATH",
            help="Also write a format to a file; repeatable. github alone: annotations, and "
            "Markdown added to the job's summary.",
        ),
    ] = None,
    exit_zero: Annotated[
        bool, typer.Option("--exit-zero", help="Tell the answer, and exit 0 where it is 1 or 3.")
    ] = False,
    skip_unreadable: options.SkipUnreadable = False,
    debug: options.Debug = False,
    **asked: str | None,
) -> int:
    """May this change ship? Exit code 0 yes, 1 no, 3 not enough evidence, 2 an error."""
    import time

    from ebudget import api
    from ebudget.accounts.selection import check_budgets, select
    from ebudget.gate.decision import decide
    from ebudget.ledger.plan import make_plan
    from ebudget.policy.changes import check_change
    from ebudget.policy.wants import Wants
    from ebudget.render.page import Look

    delivery = Delivery(FORMATS["decision"], format_)
    if JOB_SUMMARY in (output or ()):
        delivery = replace(delivery, summary=summary_path())
    given = options.asked_of(OPTIONS, asked)
    demands = _demands(given, context.params)
    loaded = api.load_policy(policy)
    paths = options.log_paths(logs, loaded, policy)
    files = [item for item in output or () if item != JOB_SUMMARY]
    delivery = delivery.to(files, [*paths, policy, *([baseline] if baseline else [])])
    check_budgets(loaded, budget or ())
    if demands.change is not None:
        check_change(loaded.gates, demands.change)
    then = None if baseline is None else _baseline(baseline)
    if not any(one.breakdowns for one in delivery.shown):
        loaded = loaded.without_breakdowns()
    plan = make_plan(loaded, Wants(rests=True))
    with options.reading(loaded, as_of, skip=skip_unreadable) as reading:
        ledger = api.read_ledger(paths, plan, reading)
        statement = api.evaluate(loaded, ledger)
    if then is not None and then.as_of > statement.as_of:
        raise UsageError(
            f"--baseline {visible(str(baseline))}: it is of {timestamp(then.as_of)}, later than "
            f"this statement of {timestamp(statement.as_of)}"
        )
    decision = decide(
        loaded,
        statement,
        demands,
        now=time.time_ns() // 1000 if as_of is None else statement.as_of,
        baseline=then,
        selection=select(statement, budget or (), for_ or ()),
    )
    again = _command(context, _pinned(as_of, demands, statement))
    delivery.publish(decision, Look(title=policy.name, zone=loaded.timezone, again=again))
    return decision.exit_code


def _demands(given: Given, flags: Mapping[str, Any]) -> Demands:
    """What a change has to meet, by the options. Raises UsageError."""
    from ebudget.gate.decision import LINES, SEVERITIES, Demands
    from ebudget.policy.changes import OnInsufficient

    actions = {item.value: item for item in OnInsufficient}
    demands = Demands(
        change=next(iter(given["--change"]), None),
        fail_on=_choice("--fail-on", given, {line.value: line for line in LINES}),
        fail_on_alert=_choice("--fail-on-alert", given, {item: item for item in SEVERITIES}),
        on_insufficient=_choice("--on-insufficient", given, actions),
        max_age=_value("--max-age", given, duration),
        max_rejected=_value("--max-rejected", given, _part),
        confident=flags["confident"],
        new_only=flags["new_only"],
        exit_zero=flags["exit_zero"],
    )
    if demands.new_only and flags["baseline"] is None:
        raise UsageError("--new-only: new since when? Name a statement with --baseline FILE")
    return demands


def _pinned(as_of: str | None, demands: Demands, statement: Statement) -> str | None:
    """The instant that a command to repeat the answer names.

    The age of a log is measured to now, so naming the instant would change the answer; and so would
    it where the clock decides that runs are dated too late.
    """
    clocked = demands.max_age is not None or bool(statement.intake.leads)
    return as_of if as_of in (None, "now") and clocked else timestamp(statement.as_of)


def _choice(option: str, given: Given, known: Mapping[str, T]) -> T | None:
    for text in given[option]:
        if text in known:
            return known[text]
        raise UsageError(f"{option} {quoted(text)}: write one of {', '.join(known)}")
    return None


def _value(option: str, given: Given, read: Callable[[str], T]) -> T | None:
    try:
        return next(map(read, given[option]), None)
    except ValueError as error:
        raise UsageError(f"{option}: {visible(str(error))}") from None


def _part(text: str) -> Fraction:
    value = share(text)
    if not 0 <= value <= 1:
        raise ValueError(f"{text!r} does not lie between 0% and 100%")
    return value


def _baseline(path: Path) -> Baseline:
    from ebudget.gate.baseline_file import parse_baseline

    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        encoding = None if isinstance(error, OSError) else encoding_of(data)
        why = f"is in {encoding}; save it as UTF-8" if encoding else "is no UTF-8 text"
        reason = error.strerror if isinstance(error, OSError) else why
        raise InputError(f"{visible(str(path))}: cannot read the baseline: {reason}") from None
    return parse_baseline(text, str(path))


_TOLD_APART = {"logs", "policy", "as_of", "format_", "output", "exit_zero", "debug"}
"""Parameters that a command to repeat an answer names on its own, or has no need of."""


def _command(context: typer.Context, as_of: str | None) -> str:
    """The command line that gives the same answer again."""
    given = context.params
    words = ["ebudget", "check", "-p", str(given["policy"])]
    for parameter in context.command.params:
        value = given[str(parameter.name)]
        if parameter.name in _TOLD_APART or value in (None, False):
            continue
        for one in value if isinstance(value, list | tuple) else [value]:
            words += [parameter.opts[0]] if one is True else [f"{parameter.opts[0]}={one}"]
    if as_of is not None:
        words.append(f"--as-of={as_of}")
    logs = list(given["logs"] or ())
    words += ["--", *logs] if any(len(log) > 1 and log[0] == "-" for log in logs) else logs
    return visible(shlex.join(words), longest=1_000_000)
