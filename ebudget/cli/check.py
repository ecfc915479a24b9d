"""`ebudget check`: whether a change may ship, given what failures have already cost."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from ebudget import api
from ebudget.accounts.selection import check_budgets, select
from ebudget.accounts.statement import Statement
from ebudget.cli.options import (
    AsOf,
    Budgets,
    Debug,
    For,
    Logs,
    PolicyOption,
    SkipUnreadable,
    as_of_moment,
    log_paths,
    progress,
)
from ebudget.cli.output import (
    Output,
    check_format,
    complain,
    for_terminal,
    not_obeyed,
    parse_outputs,
    print_data,
    summary_path,
    write_all,
)
from ebudget.errors import InputError, UsageError
from ebudget.gate.baseline import Baseline
from ebudget.gate.decision import LINES, SEVERITIES, Decision, Demands, decide
from ebudget.instants import timestamp
from ebudget.ledger.plan import make_plan
from ebudget.logs.reading import Reading
from ebudget.policy.changes import OnInsufficient, check_change
from ebudget.policy.model import Policy
from ebudget.policy.wants import Wants
from ebudget.quantities import duration, share
from ebudget.render.decision import github, junit, markdown
from ebudget.render.decision import text as as_text
from ebudget.render.json import decision as as_json
from ebudget.render.page import Look
from ebudget.text import encoding_of, quoted, visible

T = TypeVar("T")

FORMATS: dict[str, Callable[[Decision, Look, str], str]] = {
    "text": as_text.render,
    "json": lambda decision, _look, _reproduce: as_json.render(decision),
    "markdown": markdown.render,
    "github": lambda decision, look, _reproduce: github.render(decision, look),
    "junit": lambda decision, look, _reproduce: junit.render(decision, look),
}
JOB_SUMMARY = "github"
"""The `--output` without a path: annotations and the job's summary."""


def check(
    context: typer.Context,
    logs: Logs = None,
    policy: PolicyOption = Path("budgets.yaml"),
    change: Annotated[
        str | None,
        typer.Option(
            "--change",
            metavar="TYPE",
            help="The type of the change, in the words of gate.changes: only budgets that stop "
            "it count, and frozen fails as well as breached.",
        ),
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on",
            metavar="warning|frozen|breached",
            help="The best verdict that fails. Left out: breached; with --change frozen.",
        ),
    ] = None,
    fail_on_alert: Annotated[
        str | None,
        typer.Option(
            "--fail-on-alert",
            metavar="page|ticket",
            help="Fail on firing burn alerts too; ticket takes both.",
        ),
    ] = None,
    on_insufficient: Annotated[
        str | None,
        typer.Option(
            "--on-insufficient",
            metavar="fail|warn|pass",
            help="What an account that cannot be judged does: fail ends with 3. Left out: what "
            "the budget's gate says, else fail.",
        ),
    ] = None,
    max_age: Annotated[
        str | None,
        typer.Option(
            "--max-age",
            metavar="DURATION",
            help="Logs whose newest run is older, such as 24h, are no evidence (3).",
        ),
    ] = None,
    max_rejected: Annotated[
        str | None,
        typer.Option(
            "--max-rejected",
            metavar="PERCENT",
            help="Logs of whose records more are rejected, in all or in a file of 20 and more, are "
            "no evidence (3). Left out: logs.max_rejected of the policy, else 5%.",
        ),
    ] = None,
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
    budget: Budgets = None,
    for_: For = None,
    as_of: AsOf = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format", metavar="text|json|markdown|github|junit", help="The format to print."
        ),
    ] = "text",
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
    skip_unreadable: SkipUnreadable = False,
    debug: Debug = False,
) -> int:
    """May this change ship? Exit code 0 yes, 1 no, 3 not enough evidence, 2 an error."""
    check_format(format_, FORMATS)
    summary = summary_path() if JOB_SUMMARY in (output or ()) else None
    demands = Demands(
        change=change,
        fail_on=_choice("--fail-on", fail_on, {line.value: line for line in LINES}),
        fail_on_alert=_choice("--fail-on-alert", fail_on_alert, {s: s for s in SEVERITIES}),
        on_insufficient=_choice(
            "--on-insufficient", on_insufficient, {item.value: item for item in OnInsufficient}
        ),
        max_age=_value("--max-age", max_age, duration),
        max_rejected=_value("--max-rejected", max_rejected, _part),
        confident=confident,
        new_only=new_only,
        exit_zero=exit_zero,
    )
    if new_only and baseline is None:
        raise UsageError("--new-only: new since when? Name a statement with --baseline FILE")
    loaded = api.load_policy(policy)
    paths = log_paths(logs, loaded, policy)
    files = [item for item in output or () if item != JOB_SUMMARY]
    inputs: list[str | Path] = [*paths, policy, *([baseline] if baseline else [])]
    outputs = parse_outputs(files, FORMATS, inputs)
    check_budgets(loaded, budget or ())
    if change is not None:
        check_change(loaded, change)
    then = None if baseline is None else _baseline(baseline)
    if "json" not in {format_, *(item.format for item in outputs)}:
        loaded = loaded.without_breakdowns()  # no other format shows them
    moment = as_of_moment(as_of, loaded)
    statement = _statement(loaded, paths, moment, skip_unreadable=skip_unreadable)
    if then is not None and then.as_of > statement.as_of:
        raise UsageError(
            f"--baseline {visible(str(baseline))}: it is of {timestamp(then.as_of)}, later than "
            f"this statement of {timestamp(statement.as_of)}"
        )
    decision = decide(
        loaded,
        statement,
        demands,
        now=time.time_ns() // 1000 if moment is None else statement.as_of,
        baseline=then,
        selection=select(statement, budget or (), for_ or ()),
    )
    # the age of a log is measured to now, so pinning the instant would change the answer
    # and so would it where the clock decides that runs are dated too late
    clocked = max_age is not None or bool(statement.intake.leads)
    free = as_of in (None, "now") and clocked
    pinned = as_of if free else timestamp(statement.as_of)
    look = Look(title=policy.name, zone=loaded.timezone)
    _publish(decision, look, _command(context, pinned), format_, outputs, summary)
    return decision.exit_code


def _statement(
    policy: Policy,
    paths: Sequence[str],
    moment: datetime | Literal["now"] | None,
    *,
    skip_unreadable: bool,
) -> Statement:
    with progress() as tick:
        reading = Reading(as_of=moment, skip_unreadable=skip_unreadable, tick=tick)
        ledger = api.read_ledger(paths, make_plan(policy, Wants(rests=True)), reading)
        return api.evaluate(policy, ledger)


def _publish(
    decision: Decision,
    look: Look,
    again: str,
    format_: str,
    outputs: Sequence[Output],
    summary: Path | None,
) -> None:
    """Write the files, add to the job's summary, and print; `again` repeats the answer."""
    printed = FORMATS[format_](decision, for_terminal(look), again)
    written = [(item.path, FORMATS[item.format](decision, look, again)) for item in outputs]
    if summary is None:
        write_all(written)
    else:
        write_all(written, added=(summary, markdown.render(decision, look, again)))
        complain(github.render(decision, look).rstrip(), commands=True)
    print_data(not_obeyed(printed, format_))


def _choice(option: str, text: str | None, known: Mapping[str, T]) -> T | None:
    if text is None:
        return None
    if text not in known:
        names = ", ".join(known)
        raise UsageError(f"{option} {quoted(text)}: write one of {names}")
    return known[text]


def _value(option: str, text: str | None, read: Callable[[str], T]) -> T | None:
    try:
        return None if text is None else read(text)
    except ValueError as error:
        raise UsageError(f"{option}: {visible(str(error))}") from None


def _part(text: str) -> Fraction:
    value = share(text)
    if not 0 <= value <= 1:
        raise ValueError(f"{text!r} does not lie between 0% and 100%")
    return value


def _baseline(path: Path) -> Baseline:
    from ebudget.gate.baseline_file import parse_baseline  # noqa: PLC0415 - most checks have none

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
