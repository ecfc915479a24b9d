"""The smallest set of slices whose removal brings an account back within its allowance. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import ceil, lcm
from typing import Self

from ebudget.accounts.close import accounts_of
from ebudget.accounts.statement import Account, Verdict
from ebudget.figures import Figures, Timeline, Values
from ebudget.ledger.book import Book
from ebudget.ledger.ledger import Ledger
from ebudget.ledger.signatures import Signatures
from ebudget.policy.allowances import deviation, granted
from ebudget.policy.edits import Draft
from ebudget.policy.model import Policy
from ebudget.quantities import NANO
from ebudget.text import visible
from ebudget.whatif.asking import Given, Option, WhatIf, World
from ebudget.whatif.cover import MOST_SLICES, Search, smallest_cover
from ebudget.whatif.slices import Cell, Slice
from ebudget.whatif.traffic import Change, Mended, Only, Without, changed, shown_part

COLUMNS = ("action_type", "segment", "risk_tier", "model", "version", "tool", "route")
"""The columns that slices are cut along."""
AUTHORITY = ("risk_tier", "action_type", "tool")
"""The columns that say what an agent may do."""


@dataclass(frozen=True)
class Step:
    """One slice of a cut."""

    slice: Slice
    spent: Fraction
    """What its runs spend, instant events aside."""
    instant: int
    """Instant events among them."""
    runs: int
    value_usd: Fraction | None
    """US dollars that the successes among them brought; None where no value is declared."""
    consumed: Fraction | None
    """The share of the allowance that is consumed with this slice and those before it gone."""


@dataclass(frozen=True)
class Rung:
    """One way out, in the order in which a careful operator tries them."""

    name: str
    what: str
    enough: bool
    runs: int
    """Runs that the agent gives up."""


@dataclass(frozen=True)
class Cut:
    """How a breached account comes back."""

    account: Account
    steps: tuple[Step, ...]
    """The slices, the one that gives up the fewest runs first; none where no cut is enough."""
    runs: int
    """Runs that all slices give up; what several of them hold counts once."""
    after: Account | None
    """The account over the log without these runs."""
    proven: bool
    """Whether no smaller or cheaper set of slices is enough."""
    bound: int
    """No set of so many slices gives up fewer runs."""
    reason: str | None
    """Why there is no cut."""
    rungs: tuple[Rung, ...] = ()


@dataclass(frozen=True)
class Cuts(WhatIf[tuple[Cut, ...]]):
    """How breached accounts of some budgets come back."""

    budgets: tuple[str, ...]

    options = (
        Option("--cut", "BUDGET", "The fewest slices whose removal ends a breach.", many=True),
    )

    @classmethod
    def asked(cls, _draft: Draft, given: Given) -> Self | None:
        """The cuts of these options."""
        budgets = tuple(dict.fromkeys(given["--cut"]))
        return cls(budgets) if budgets else None

    def columns(self, policy: Policy) -> Iterable[str]:
        """The columns that slices are cut along, and those that part the accounts."""
        for name in self.budgets:
            value = ["workflow"] if _is_valued(policy) else []
            yield from [*COLUMNS, *value, *policy.budgets[name].dimensions]

    def answer(self, world: World) -> tuple[Cut, ...]:
        """A cut for each breached account of the budgets that is wanted."""
        return tuple(
            _Cutter(world.policy, world.ledger, account).cut()
            for name in self.budgets
            for account in world.accounts
            if account.budget == name and account.verdict is Verdict.BREACHED
        )

    def unanswered(self, answer: tuple[Cut, ...]) -> list[str]:
        """Budgets without a breached account."""
        return [name for name in self.budgets if all(one.account.budget != name for one in answer)]


def _is_valued(policy: Policy) -> bool:
    return any(workflow.value_usd is not None for workflow in policy.workflows.values())


class _Cutter:
    """The search for one account, over its own runs."""

    def __init__(self, policy: Policy, ledger: Ledger, account: Account) -> None:
        self.account, self.valued = account, _is_valued(policy)
        own = changed(ledger, policy, [Only(account.group)])
        signatures = Signatures(policy, own)
        self.book = Book(policy, account.budget, own, signatures, valued=self.valued)
        self.budget, self.group = self.book.budget, dict(account.group)
        self.own = tuple(self.group[column] for column in self.budget.dimensions)
        self.form = self.budget.form_of(self.group)
        self.whole = self._figures(self.book.timelines(self.budget.dimensions)[self.own])

    def cut(self) -> Cut:
        """The cut, or why there is none; and the other ways out."""
        rungs = (*self._mending(), *self._escalating(), *self._less_authority(), self._pause())
        columns = self._parting(COLUMNS)
        search = self._search(columns) if self.account.allowed is not None else None
        if search is None or search.cover is None:
            known = search is not None and search.complete
            reason = f"no cut of at most {MOST_SLICES} slices is enough and leaves enough to judge"
            if not known:
                reason = f"no cut of at most {MOST_SLICES} slices was found"
            return Cut(self.account, (), 0, None, known, 0, reason, rungs)
        cover = search.cover
        after = self._without(cover.slices)
        if after is None or not after.verdict.judged or after.verdict is Verdict.BREACHED:
            left = "nothing is left" if after is None else after.reason or "it stays breached"
            reason = f"the smallest cut leaves an account that does not pass ({left}); no other"
            reason += " was tried"
            return Cut(self.account, (), 0, after, False, cover.bound, reason, rungs)
        steps = self._steps(columns, cover.slices)
        named = ", ".join(shown_part(step.slice) for step in steps)
        first = Rung("narrow the cases", named, True, cover.cost)
        proven = cover.proven and (
            self.form is None or self.form.over is None
        )  # whose mean moves too
        return Cut(
            self.account, steps, cover.cost, after, proven, cover.bound, None, (first, *rungs)
        )

    def _parting(self, columns: Sequence[str]) -> list[str]:
        """The columns that have several values among the account's runs."""
        others = [column for column in columns if column not in self.group]
        return [column for column in others if len(self._cells([column])) > 1]

    def _figures(self, timeline: Timeline) -> Figures:
        return timeline.between(self.account.span.after, self.account.span.until)

    def _cells(self, columns: Sequence[str]) -> dict[Values, Figures]:
        width = len(self.own)
        found = {
            values[width:]: self._figures(timeline)
            for values, timeline in self.book.timelines((*self.budget.dimensions, *columns)).items()
        }
        return {values: figures for values, figures in found.items() if figures.runs}

    def _search(self, columns: Sequence[str], most: int = MOST_SLICES) -> Search:
        """Slices that take away what is spent beyond the allowance, which shrinks with them."""
        gains = {
            values: (figures, self._spent(figures) - self._allowed(figures))
            for values, figures in self._cells(columns).items()
        }
        needed = self._spent(self.whole) - self._allowed(self.whole, fixed=True)
        parts = lcm(needed.denominator, *(gain.denominator for _, gain in gains.values()))
        cells = [
            Cell(values, int(gain * parts), figures.runs, figures.instant > 0, self._kept(figures))
            for values, (figures, gain) in gains.items()
        ]
        least = max(self.budget.min_runs, 1) if self._needs_runs else 1
        return smallest_cover(columns, cells, int(needed * parts), most, least=least)

    @property
    def _needs_runs(self) -> bool:
        return self.form is not None and self.form.traits.grows

    def _kept(self, figures: Figures) -> int:
        """What has to be left for a judgement: runs that earn, or value, or any run."""
        if self._needs_runs:
            return figures.eligible
        return figures.value if self.account.terms.of_value else figures.runs

    def _allowed(self, figures: Figures, *, fixed: bool = False) -> Fraction:
        """What these runs are allowed; a fixed amount is no run's own."""
        if self.form is not None and self.form.traits.fixed and not fixed:
            return Fraction(0)
        granted_ = granted(self.form, figures, self._base, Fraction(1), self.budget.min_runs)
        return granted_.amount or Fraction(0)

    @cached_property
    def _base(self) -> Figures:
        """The figures of the baseline, where there is one."""
        if self.form is None or self.form.over is None:
            return Figures()
        after = self.account.span.after
        timeline = self.book.timelines(self.budget.dimensions)[self.own]
        return timeline.between(after - self.form.over.micros, after)

    def _spent(self, figures: Figures) -> Fraction:
        """What these runs add to what the whole spends; for a band on the side that it lies on."""
        amount, whole = (
            deviation(self.form, some, self._base, Fraction(0)) for some in (figures, self.whole)
        )
        return -amount if self.account.terms.band and whole < 0 else amount

    def _without(self, slices: Sequence[Slice]) -> Account | None:
        """The account over the log without these slices."""
        return self._under([Without(one) for one in slices])

    def _under(self, changes: Sequence[Change]) -> Account | None:
        policy = self.book.policy
        ledger = changed(self.book.ledger, policy, changes)
        book = Book(policy, self.book.name, ledger, Signatures(policy, ledger))
        accounts = accounts_of(book, self.account.span.until)
        return next((a for a in accounts if a.group == self.account.group), None)

    def _steps(self, columns: Sequence[str], slices: Sequence[Slice]) -> tuple[Step, ...]:
        """The slices by what each gives up alone, with what they do together."""
        cells = self._cells(columns)
        places = {column: place for place, column in enumerate(columns)}

        def inside(values: Values, part: Slice) -> bool:
            return all(values[places[column]] == value for column, value in part)

        def total(part: Slice) -> int:
            return sum(figures.runs for values, figures in cells.items() if inside(values, part))

        steps = []
        gone: list[Slice] = []
        for part in sorted(slices, key=total):
            new = [
                figures
                for values, figures in cells.items()
                if inside(values, part) and not any(inside(values, other) for other in gone)
            ]
            gone.append(part)
            lost = sum(new, Figures())
            after = self._without(gone)
            steps.append(
                Step(
                    part,
                    lost.amount,
                    lost.instant,
                    lost.runs,
                    Fraction(lost.value, NANO) if self.valued else None,
                    None if after is None else after.consumed,
                )
            )
        return tuple(steps)

    def _mending(self) -> Iterable[Rung]:
        """How much of each failure has to be mended, all else as it is."""
        if not self.budget.spend.traits.by_class:
            return
        for name in self.book.policy.failures:
            now, mended = self.account, self._under([Mended(name, Fraction(0))])
            if mended is None or mended.allowed is None or now.allowed is None:
                continue
            over, left = now.spent - now.allowed, mended.spent - mended.allowed
            if left >= over:
                continue  # it spends nothing here
            what = f"{visible(name, 60)}: with all of them gone, {_consumed(mended)} is spent"
            enough = mended.verdict.judged and mended.verdict is not Verdict.BREACHED
            if enough and not now.instant:
                share = _percent_up(Fraction(over) / (over - left))
                what = f"{visible(name, 60)}: at least {share} of them have to be mended"
            yield Rung("tighten validation", what, enough, 0)

    def _escalating(self) -> Iterable[Rung]:
        """How many of the runs that now spend have to be handed to a person before they do."""
        account = self.account
        if not self.budget.spend.traits.by_class or account.instant:
            return
        if account.spent > 0 and account.allowed is not None:
            share = _percent_up(1 - account.allowed / account.spent)
            what = f"hand over the runs that make at least {share} of the spend, before they fail"
            yield Rung("improve escalation", what, enough=True, runs=0)

    def _less_authority(self) -> Iterable[Rung]:
        """The cheapest single value of what an agent may do."""
        if self.account.allowed is None:
            return
        columns = self._parting(AUTHORITY)
        found = [self._search([column], most=1).cover for column in columns]
        covers = [cover for cover in found if cover is not None and cover.cost < self.whole.runs]
        for cover in sorted(covers, key=lambda cover: cover.cost):
            after = self._without(cover.slices)
            if after is not None and after.verdict.judged and after.verdict != Verdict.BREACHED:
                what = f"no more {shown_part(cover.slices[0])}"
                yield Rung("reduce authority", what, enough=True, runs=cover.cost)
                return
        what = f"no single value of {', '.join(AUTHORITY)} is enough"
        yield Rung("reduce authority", what, enough=False, runs=0)

    def _pause(self) -> Rung:
        return Rung("pause", "all runs", enough=True, runs=self.whole.runs)


def _consumed(account: Account) -> str:
    share = account.consumed
    if share is None:
        return "nothing" if account.spent < 0 else "more than everything"
    return f"{float(share):.0%} of the allowance"


def _percent_up(share: Fraction) -> str:
    """Rounded up to a whole percent, so that it is enough."""
    return f"{ceil(share * 100)}%"
