"""Scenarios: the same log under other terms, other traffic and other policies.

`--set` changes terms in `policy.edits`; what `--without`, `--only` and `--scale` do to a ledger
stands in `traffic`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from ebudget.accounts.close import accounts_of
from ebudget.accounts.selection import NO_VALUE, Selection
from ebudget.columns import BY_NAME
from ebudget.errors import UsageError
from ebudget.ledger.book import Books
from ebudget.ledger.ledger import Ledger
from ebudget.policy.checks import groupable
from ebudget.policy.edits import Draft, Edit, check_edited, with_scaled_column
from ebudget.policy.file import load_policy
from ebudget.policy.mapping import Logs
from ebudget.policy.model import Policy
from ebudget.quantities import number, share
from ebudget.text import nearest, quoted, visible
from ebudget.whatif.asking import Given, Option, World
from ebudget.whatif.traffic import (
    Change,
    Mended,
    MoreRuns,
    Only,
    Part,
    Without,
    assumption,
    changed,
)

AS_IT_STANDS = "as it stands"
"""The name of the first scenario."""


@dataclass(frozen=True)
class Scenario:
    """One what-if."""

    name: str
    policy: Policy
    changes: tuple[Change, ...] = ()
    assumptions: tuple[str, ...] = ()
    """What it takes for granted, a line each."""


def joined(policy: Policy, others: Iterable[Policy]) -> Policy:
    """The policy by which one reading serves all of them: with the columns of all.

    Raises UsageError where they read the same log differently.
    """
    fields = dict(policy.logs.fields)
    for other in others:
        known = {name for name in {*policy.logs.fields, *other.logs.fields} if name in BY_NAME}
        for name in sorted(known | set(other.logs.fields)):
            theirs = other.logs.fields.get(name)
            if name not in known and theirs is not None:
                fields.setdefault(name, theirs)
            if fields.get(name) != theirs:
                raise UsageError(
                    f"the policies map the column {quoted(name)} differently, so one reading "
                    "cannot serve both"
                )
        for what, mine, others_own in (
            ("logs.outcomes", policy.logs.outcomes, other.logs.outcomes),
            ("logs.key", policy.logs.key, other.logs.key),
            ("logs.timezone", policy.logs.timezone, other.logs.timezone),
            ("timezone", policy.timezone, other.timezone),
            ("the risk tiers of workflows", _tiers(policy), _tiers(other)),
        ):
            if mine != others_own:
                raise UsageError(f"the policies differ in {what}, so one reading cannot serve both")
    logs = policy.logs.model_copy(update={"fields": fields})
    assert isinstance(logs, Logs)
    return policy.model_copy(update={"logs": logs})


def _tiers(policy: Policy) -> dict[str, str]:
    return {n: w.risk_tier for n, w in policy.workflows.items() if w.risk_tier is not None}


def world_of(scenario: Scenario, ledger: Ledger, wanted: Selection) -> World:
    """The log under a scenario, with its accounts at the ledger's as_of."""
    other = changed(ledger, scenario.policy, scenario.changes)
    books = Books(scenario.policy, other)
    found = (account for book in books for account in accounts_of(book, ledger.as_of))
    kept = tuple(a for a in found if wanted.admits(a.budget, dict(a.group)))
    return World(scenario.policy, other, books, kept, wanted)


OPTIONS = (
    Option(
        "--set",
        "[NAME:]BUDGET.KEY=VALUE",
        "Another term, such as wrong-edits.allow=20%. Everything with one NAME, or with none, "
        "makes one scenario.",
        many=True,
    ),
    Option("--against", "FILE", "Another policy, side by side.", many=True),
    Option(
        "--without",
        "[NAME:]COLUMN=VALUE,…",
        "Without the runs that have all of these values.",
        many=True,
    ),
    Option("--only", "[NAME:]COLUMN=VALUE,…", "With these runs only.", many=True),
    Option(
        "--scale",
        "[NAME:]WHAT=FACTOR",
        "failure:stale_fact=0.5 (half of them mended), cost_usd=1.2 (a price rise), "
        "runs:workflow=x=3 (growth).",
        many=True,
    ),
)


@dataclass
class _Group:
    """What one scenario is made of."""

    edits: list[Edit] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    columns: list[tuple[str, Fraction]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def add(self, option: str, text: str, draft: Draft) -> None:
        """Take in what one option says. Raises UsageError."""
        policy = draft.policy
        if option == "--set":
            self.edits.append(draft.edit(text))
        elif option == "--scale":
            self._scale(text, policy)
        else:
            change = Without if option == "--without" else Only
            self.changes.append(change(_part(option, text, policy)))

    def _scale(self, text: str, policy: Policy) -> None:
        what, equals, factor_text = text.rpartition("=")
        shown = f"--scale {quoted(text)}"
        example = "write failure:NAME=0.5, cost_usd=1.2 or runs:workflow=x=3"
        if not equals or not what:
            raise UsageError(f"{shown}: {example}")
        try:
            factor = (
                share(factor_text) if factor_text.strip().endswith("%") else number(factor_text)
            )
        except ValueError as error:
            raise UsageError(f"{shown}: {visible(str(error))}") from None
        if factor < 0:
            raise UsageError(f"{shown}: a factor is 0 or more; {example}")
        kind, colon, rest = what.partition(":")
        if colon and kind == "failure":
            if rest not in policy.failures:
                near = visible(nearest(rest, policy.failures))
                raise UsageError(f"{shown}: no failure is named {quoted(rest)}{near}")
            if factor > 1:
                raise UsageError(
                    f"{shown}: of failures a share from 0 to 1 is left; "
                    "more traffic is runs:workflow=x=3"
                )
            self.changes.append(Mended(rest, factor))
        elif colon and kind == "runs":
            self.changes.append(MoreRuns(_part("--scale runs:", rest, policy), factor))
        else:
            self.columns.append((what, factor))


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


def scenarios_of(draft: Draft, given: Given) -> tuple[Scenario, ...]:
    """The scenarios of these options, then the policies beside this one. Raises UsageError."""
    groups: dict[str, _Group] = {}
    for option in ("--set", "--without", "--only", "--scale"):
        for text in given[option]:
            name, rest = _named(text)
            group = groups.setdefault(name, _Group())
            group.words.append(f"{option} {rest}")
            group.add(option, rest, draft)
    found = [_scenario(name, group, draft) for name, group in groups.items()]
    same = ("the same runs under the other policy",)
    for file in given["--against"]:
        found.append(Scenario(visible(file, 120), load_policy(Path(file)), (), same))
    return tuple(found)


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
