"""`ebudget simulate`: what would have happened, and what would help."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from ebudget import api
from ebudget.accounts.selection import NO_VALUE, check_budgets, select
from ebudget.cli.options import (
    AsOf,
    Budgets,
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
from ebudget.logs.reading import Reading
from ebudget.policy.checks import groupable
from ebudget.policy.edits import Draft, Edit, check_edited, parse_sweep, with_scaled_column
from ebudget.policy.file import load_document, load_policy
from ebudget.policy.model import Policy
from ebudget.quantities import Duration, duration, number, share
from ebudget.render.json import simulation as as_json
from ebudget.render.page import Look
from ebudget.render.whatif import markdown
from ebudget.render.whatif import text as as_text
from ebudget.text import nearest, quoted, visible
from ebudget.whatif.question import History, Question, Simulation
from ebudget.whatif.question import simulate as answer
from ebudget.whatif.scenarios import AS_IT_STANDS, Scenario
from ebudget.whatif.traffic import Change, Mended, MoreRuns, Only, Part, Without, assumption

FORMATS: dict[str, Callable[[Simulation, Look], str]] = {
    "text": as_text.render,
    "json": lambda simulation, _look: as_json.render(simulation),
    "markdown": markdown.render,
}
DAILY = duration("1d")


def simulate(
    logs: Logs = None,
    policy: PolicyOption = Path("budgets.yaml"),
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="[NAME:]BUDGET.KEY=VALUE",
            help="Another term, such as wrong-edits.allow=20%. Everything with one NAME, or with "
            "none, makes one scenario.",
        ),
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            "--sweep",
            metavar="BUDGET.KEY=FIRST..LAST:STEP",
            help="One term over many values, such as wrong-edits.allow=2%..20%:2%.",
        ),
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", metavar="FILE", help="Another policy, side by side."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            metavar="[NAME:]COLUMN=VALUE,…",
            help="Without the runs that have all of these values.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="[NAME:]COLUMN=VALUE,…", help="With these runs only."),
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option(
            "--scale",
            metavar="[NAME:]WHAT=FACTOR",
            help="failure:stale_fact=0.5 (half of them mended), cost_usd=1.2 (a price rise), "
            "runs:workflow=x=3 (growth).",
        ),
    ] = None,
    replay: Annotated[
        str | None,
        typer.Option("--replay", metavar="STEP", help="Every verdict of the past, such as 1d."),
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="The first day of the past.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="The last day of the past.")
    ] = None,
    suggest: Annotated[
        list[str] | None,
        typer.Option(
            "--suggest", metavar="BUDGET", help="The tightest allowance that the past has kept."
        ),
    ] = None,
    keep: Annotated[
        str,
        typer.Option("--keep", metavar="PERCENT", help="On how many days --suggest has to keep."),
    ] = "95%",
    cut: Annotated[
        list[str] | None,
        typer.Option(
            "--cut", metavar="BUDGET", help="The fewest slices whose removal ends a breach."
        ),
    ] = None,
    budget: Budgets = None,
    for_: For = None,
    as_of: AsOf = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="text|json|markdown", help="The format to print.")
    ] = "text",
    output: Outputs = None,
    skip_unreadable: SkipUnreadable = False,
    debug: Debug = False,
) -> None:
    """The same verdicts under other thresholds, other traffic, other history."""
    check_format(format_, FORMATS)
    loaded, document = load_document(policy)
    draft = Draft(loaded, document)
    paths = log_paths(logs, loaded, policy)
    outputs = parse_outputs(output or (), FORMATS, [*paths, policy, *(against or ())])
    for option, names in (("--budget", budget), ("--suggest", suggest), ("--cut", cut)):
        check_budgets(loaded, names or (), option)
    question = Question(
        loaded,
        (*_scenarios(draft, set_, without, only, scale), *_others(against or ())),
        tuple(parse_sweep(draft, text) for text in sweep or ()),
        _history(replay, from_, to, asked=bool(suggest)),
        replay is not None,
        tuple(dict.fromkeys(suggest or ())),
        _keep(keep),
        tuple(dict.fromkeys(cut or ())),
    )
    moment = as_of_moment(as_of, loaded)
    with progress() as tick:
        reading = Reading(as_of=moment, skip_unreadable=skip_unreadable, tick=tick)
        ledger = api.read_ledger(paths, question.plan(), reading)
        tick("trying scenarios")
        selection = None
        if budget or for_:
            selection = select(
                api.evaluate(loaded.without_breakdowns(), ledger), budget or (), for_ or ()
            )
        simulation = answer(question, ledger, selection)
    look = Look(title=policy.name, zone=loaded.timezone)
    printed = FORMATS[format_](simulation, for_terminal(look))
    write_all([(item.path, FORMATS[item.format](simulation, look)) for item in outputs])
    print_data(not_obeyed(printed, format_))


@dataclass
class _Group:
    """What one scenario is made of."""

    edits: list[Edit] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    columns: list[tuple[str, Fraction]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


_NAMED = re.compile(r"([A-Za-z][\w -]*):(.+)\Z", re.DOTALL)
_PREFIXES = ("failure", "runs")


def _named(text: str) -> tuple[str, str]:
    """The name of the scenario that a text belongs to, and the rest."""
    found = _NAMED.match(text)
    if found and found[1].strip() not in _PREFIXES:
        if found[1].strip() == AS_IT_STANDS:
            raise UsageError(f"{AS_IT_STANDS!r} is the first scenario; choose another name")
        return found[1].strip(), found[2]
    return "", text


def _scenarios(
    draft: Draft,
    set_: Sequence[str] | None,
    without: Sequence[str] | None,
    only: Sequence[str] | None,
    scale: Sequence[str] | None,
) -> list[Scenario]:
    groups: dict[str, _Group] = {}

    def group(text: str, option: str) -> tuple[_Group, str]:
        name, rest = _named(text)
        found = groups.setdefault(name, _Group())
        found.words.append(f"{option} {rest}")
        return found, rest

    for text in set_ or ():
        found, rest = group(text, "--set")
        found.edits.append(draft.edit(rest))
    for text in without or ():
        found, rest = group(text, "--without")
        found.changes.append(Without(_part("--without", rest, draft.policy)))
    for text in only or ():
        found, rest = group(text, "--only")
        found.changes.append(Only(_part("--only", rest, draft.policy)))
    for text in scale or ():
        found, rest = group(text, "--scale")
        _scale(found, rest, draft.policy)
    return [_scenario(name, found, draft) for name, found in groups.items()]


def _scenario(name: str, group: _Group, draft: Draft) -> Scenario:
    policy = draft.edited(group.edits)
    check_edited(policy, group.edits)
    assumed = [assumption(change) for change in group.changes]
    for column, factor in group.columns:
        policy = with_scaled_column(policy, column, factor)
        assumed.append(
            f"every rule and sum reads {column} times {float(factor):g}, also in the time before "
            "the window, so that baselines move with it; conditions of outcomes read the log's "
            "own, and nothing else changes"
        )
    if group.edits:
        assumed.append("the same runs, outcomes and costs under other terms")
    return Scenario(
        visible(name or " ".join(group.words), 120), policy, tuple(group.changes), tuple(assumed)
    )


def _others(files: Sequence[Path]) -> list[Scenario]:
    same = ("the same runs under the other policy",)
    return [Scenario(visible(str(file), 120), load_policy(file), (), same) for file in files]


def _part(option: str, text: str, policy: Policy) -> Part:
    known = groupable(policy)
    found: dict[str, str | None] = {}
    for item in text.split(","):
        column, equals, value = item.partition("=")
        column = column.strip()
        if not equals:
            raise UsageError(
                f"{option} {quoted(text)}: write COLUMN=VALUE, such as action_type=refund"
            )
        if column not in known:
            near = visible(nearest(column, known))
            raise UsageError(f"{option} {quoted(text)}: no such column{near}")
        if column in found:
            raise UsageError(f"{option} {quoted(text)}: {column} is there twice")
        found[column] = None if value == NO_VALUE else value
    return tuple(found.items())


def _scale(group: _Group, text: str, policy: Policy) -> None:
    what, equals, factor_text = text.rpartition("=")
    example = "write failure:NAME=0.5, cost_usd=1.2 or runs:workflow=x=3"
    if not equals or not what:
        raise UsageError(f"--scale {quoted(text)}: {example}")
    try:
        factor = share(factor_text) if factor_text.strip().endswith("%") else number(factor_text)
    except ValueError as error:
        raise UsageError(f"--scale {quoted(text)}: {visible(str(error))}") from None
    if factor < 0:
        raise UsageError(f"--scale {quoted(text)}: a factor is 0 or more; {example}")
    kind, colon, rest = what.partition(":")
    if colon and kind == "failure":
        if rest not in policy.failures:
            near = visible(nearest(rest, policy.failures))
            raise UsageError(f"--scale {quoted(text)}: no failure is named {quoted(rest)}{near}")
        if factor > 1:
            raise UsageError(
                f"--scale {quoted(text)}: of failures a share from 0 to 1 is left; "
                "more traffic is runs:workflow=x=3"
            )
        group.changes.append(Mended(rest, factor))
    elif colon and kind == "runs":
        group.changes.append(MoreRuns(_part("--scale runs:", rest, policy), factor))
    else:
        group.columns.append((what, factor))


def _history(
    replay: str | None, since: str | None, until: str | None, *, asked: bool
) -> History | None:
    if replay is None and not asked:
        if since or until:
            raise UsageError("--from and --to belong to --replay and --suggest")
        return None
    every: Duration = DAILY
    if replay is not None:
        try:
            every = duration(replay)
        except ValueError as error:
            raise UsageError(f"--replay: {visible(str(error))}") from None
    first, last = _day("--from", since), _day("--to", until)
    if first and last and last < first:
        raise UsageError("--to is before --from")
    return History(every, first, last)


def _day(option: str, text: str | None) -> date | None:
    try:
        day = None if text is None else date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {quoted(str(text))}: write a date such as 2026-10-31") from None
    if day is not None and not 1678 < day.year < 9000:
        raise UsageError(f"{option} {quoted(str(text))}: the year is out of range")
    return day


def _keep(text: str) -> Fraction:
    try:
        value = share(text)
    except ValueError as error:
        raise UsageError(f"--keep: {visible(str(error))}") from None
    if not 0 < value <= 1:
        raise UsageError(f"--keep {quoted(text)}: write more than 0% and at most 100%")
    return value
