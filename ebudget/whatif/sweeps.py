"""One term of a budget over many values: where does each account turn? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Self

from ebudget.accounts.close import VERDICTS, accounts_of
from ebudget.accounts.statement import Account, Group, Verdict
from ebudget.ledger.book import Book
from ebudget.ledger.ledger import Ledger
from ebudget.ledger.plan import window_edges
from ebudget.ledger.signatures import Signatures
from ebudget.policy.edits import Draft, Sweep, parse_sweep
from ebudget.policy.model import Policy
from ebudget.whatif.asking import Given, Option, WhatIf, World

_KEYS_OF_READING = ("spend", "of", "for", "each", "weights")
"""Keys of a budget that decide what has to be read."""


@dataclass(frozen=True)
class Turn:
    """A value from which on an account has another verdict."""

    value: Fraction
    """The first value of the sweep that has it."""
    before: Verdict
    after: Verdict


@dataclass(frozen=True)
class Swept:
    """One account over the values of a sweep."""

    group: Group
    verdicts: tuple[Verdict | None, ...]
    """For each value; None where the account does not exist with it."""
    turns: tuple[Turn, ...]
    breaks_even: Fraction | None
    """The exact value at which all that is allowed is spent, in the sweep's unit: below it the
    account is breached. None where what is allowed is not in proportion to the value, or an
    instant event breaches it."""
    spent: Fraction
    eligible: int
    unit: str
    """Of what is spent."""
    noun: bool = True
    """Whether the unit has a plural."""


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found."""

    sweep: Sweep
    accounts: tuple[Swept, ...]


@dataclass(frozen=True)
class Sweeps(WhatIf[tuple[SweepResult, ...]]):
    """Terms over many values, one after the other."""

    sweeps: tuple[Sweep, ...]

    options = (
        Option(
            "--sweep",
            "BUDGET.KEY=FIRST..LAST:STEP",
            "One term over many values, such as wrong-edits.allow=2%..20%:2%.",
            many=True,
        ),
    )

    @classmethod
    def asked(cls, draft: Draft, given: Given) -> Self | None:
        """The sweeps of these options. Raises UsageError."""
        found = tuple(parse_sweep(draft, text) for text in given["--sweep"])
        return cls(found) if found else None

    def policies(self) -> Iterable[Policy]:
        """Of each sweep one policy, or all where the values decide what has to be read."""
        for sweep in self.sweeps:
            reads = sweep.key.split(".")[0] in _KEYS_OF_READING
            yield from sweep.policies if reads else sweep.policies[:1]

    def edges(self, _policy: Policy, as_of: int, _first: int | None) -> set[int]:
        """The edges of the windows with every value."""
        swept = (policy for sweep in self.sweeps for policy in sweep.policies)
        return {edge for policy in swept for edge in window_edges(policy, as_of)}

    def answer(self, world: World) -> tuple[SweepResult, ...]:
        """The verdicts with every value."""
        return tuple(_swept(sweep, world) for sweep in self.sweeps)


def _swept(sweep: Sweep, world: World) -> SweepResult:
    """The verdicts of a budget's accounts with every value of a sweep."""
    found: dict[Group, list[Account | None]] = {}
    for place, accounts in enumerate(_accounts(sweep, world.ledger)):
        for account in accounts:
            if world.wants(sweep.budget, account.group):
                line = found.setdefault(account.group, [None] * len(sweep.values))
                line[place] = account
    return SweepResult(sweep, tuple(_line(sweep, group, line) for group, line in found.items()))


def _accounts(sweep: Sweep, ledger: Ledger) -> list[list[Account]]:
    """With every value; the runs are grouped once where the value does not decide which count."""
    results = []
    book: Book | None = None
    for policy in sweep.policies:
        if book is None or not book.serves(policy):
            book = Book(policy, sweep.budget, ledger, Signatures(policy, ledger))
        results.append(accounts_of(book.under(policy), ledger.as_of, VERDICTS))
    return results


def _line(sweep: Sweep, group: Group, line: Sequence[Account | None]) -> Swept:
    verdicts = tuple(None if account is None else account.verdict for account in line)
    turns = [
        Turn(sweep.values[place], before, after)
        for place, (before, after) in enumerate(pairwise(verdicts), 1)
        if before is not None and after is not None and before is not after
    ]
    last = next(account for account in reversed(line) if account is not None)
    return Swept(
        group,
        verdicts,
        tuple(turns),
        _breaks_even(sweep, line),
        last.plainly_spent,
        last.eligible,
        last.terms.unit.name,
        last.terms.unit.noun,
    )


def _breaks_even(sweep: Sweep, line: Sequence[Account | None]) -> Fraction | None:
    """What is allowed grows in proportion to the value, so one point tells where it is spent."""
    points = [
        (value, account)
        for value, account in zip(sweep.values, line, strict=True)
        if account is not None and account.verdict.judged and account.allowed and value
    ]
    if not points or any(account.instant for _, account in points):
        return None
    paces = {(account.allowed or 0) / value for value, account in points}
    if len(paces) > 1 or (len(points) == 1 and sweep.key != "allow"):
        return None  # the value decides something else
    return points[-1][1].spent / paces.pop()
