"""History told again: the verdict of every account on each day. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Self

from ebudget.accounts.close import BRIEF, accounts_of, is_inside_the_log
from ebudget.accounts.statement import Account, Group, Verdict
from ebudget.figures import by_value
from ebudget.ledger.book import Book
from ebudget.policy.changes import change_types
from ebudget.policy.edits import Draft
from ebudget.policy.model import Policy
from ebudget.policy.values import ALL
from ebudget.quantities import Duration
from ebudget.whatif.asking import Given, Option, WhatIf, World
from ebudget.whatif.history import History, history_of


@dataclass(frozen=True)
class Step:
    """One account at one instant of the past."""

    at: int
    """The last microsecond of the day, or of the step."""
    verdict: Verdict
    consumed: Fraction | None
    counts: bool
    """Whether its whole window lies inside the log."""
    firing: tuple[str, ...]
    """The severities of the alerts that fire."""


@dataclass(frozen=True)
class Past:
    """One account over time."""

    budget: str
    group: Group
    steps: tuple[Step, ...]
    """In order of time; instants at which the account does not exist are left out."""
    days: Mapping[Verdict, int]
    """How many steps that count have each verdict."""
    first_breach: int | None
    """The first step that counts and is breached."""
    longest_breach: int
    """Breached steps that count, one after the other."""
    stopped: tuple[tuple[str, int], ...]
    """For each type of change that the budget stops, the steps that count on which it would have
    been stopped; `any` where it stops all and the policy names none."""
    pages: int
    """Steps that count on which a page fires that did not fire on the one before."""
    tickets: int
    """The same for tickets."""
    first_page: int | None
    lead: int | None
    """Microseconds from the first page to the first breach, where it came before or with it."""


@dataclass(frozen=True)
class Replay:
    """The past of every account."""

    every: Duration
    instants: tuple[int, ...]
    accounts: tuple[Past, ...]


@dataclass(frozen=True)
class Replays(WhatIf[Replay]):
    """The past of every scenario."""

    history: History

    options = (
        Option("--replay", "STEP", "Every verdict of the past, such as 1d."),
        Option("--from", "DATE", "The first day of the past."),
        Option("--to", "DATE", "The last day of the past."),
    )
    everywhere = True

    @classmethod
    def asked(cls, _draft: Draft, given: Given) -> Self | None:
        """The replay of these options. Raises UsageError, also for days without a history."""
        history = history_of(given)
        return cls(history) if history is not None and given["--replay"] else None

    def edges(self, policy: Policy, as_of: int, first: int | None) -> set[int]:
        """The edges of every window at every instant. Raises UsageError."""
        return self.history.edges(policy, as_of, first)

    def answer(self, world: World) -> Replay:
        """The past of the accounts that are wanted."""
        ledger = world.ledger
        moments = self.history.instants(world.policy, ledger.intake.first, ledger.as_of)
        told = replayed(world.books, self.history.every, moments)
        pasts = tuple(past for past in told.accounts if world.wants(past.budget, past.group))
        return replace(told, accounts=pasts)


def replayed(books: Iterable[Book], every: Duration, moments: Sequence[int]) -> Replay:
    """The verdicts of every account at every instant."""
    pasts: list[Past] = []
    for book in books:
        found: dict[Group, list[Step]] = {}
        for at in moments:
            for account in accounts_of(book, at, BRIEF):
                inside = is_inside_the_log(book, account)
                found.setdefault(account.group, []).append(_step(account, at, counts=inside))
        for group, steps in sorted(
            found.items(), key=lambda item: by_value(dict(item[0]).values())
        ):
            pasts.append(_past(book, group, steps, moments))
    return Replay(every, tuple(moments), tuple(pasts))


def _step(account: Account, at: int, *, counts: bool) -> Step:
    firing = tuple(sorted({alert.row.severity for alert in account.firing}))
    return Step(at, account.verdict, account.consumed, counts, firing)


def _past(book: Book, group: Group, steps: Sequence[Step], moments: Sequence[int]) -> Past:
    counted = [step for step in steps if step.counts]
    days = {v: n for v in Verdict if (n := sum(step.verdict is v for step in counted))}
    stopped = days.get(Verdict.FROZEN, 0) + days.get(Verdict.BREACHED, 0)
    gate = book.budget.gate
    named = sorted(name for name in change_types(book.policy.gates) if gate.stops(name))
    types = named or (["any"] if gate.changes is ALL else [])
    line = [_counting(step) for step in _without_gaps(steps, moments)]
    pages, tickets = _begins(line, "page"), _begins(line, "ticket")
    breach = next((s.at for s in counted if s.verdict is Verdict.BREACHED), None)
    before = [at for at in pages if breach is not None and at <= breach]
    return Past(
        book.name,
        group,
        tuple(steps),
        days,
        breach,
        _longest(line),
        tuple((one, stopped) for one in types),
        len(pages),
        len(tickets),
        pages[0] if pages else None,
        breach - before[0] if breach is not None and before else None,
    )


def _without_gaps(steps: Sequence[Step], moments: Sequence[int]) -> list[Step | None]:
    """A step for every moment; None where the account does not exist."""
    found = {step.at: step for step in steps}
    return [found.get(at) for at in moments]


def _counting(step: Step | None) -> Step | None:
    return step if step is not None and step.counts else None


def _begins(line: Sequence[Step | None], severity: str) -> list[int]:
    """The steps on which an alert fires that did not fire on the one before."""
    found, before = [], False
    for step in line:
        fires = step is not None and severity in step.firing
        if fires and not before and step is not None:
            found.append(step.at)
        before = fires
    return found


def _longest(line: Sequence[Step | None]) -> int:
    best = run = 0
    for step in line:
        run = run + 1 if step is not None and step.verdict is Verdict.BREACHED else 0
        best = max(best, run)
    return best
