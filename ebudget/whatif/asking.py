"""What a what-if is: its options, what it needs of the ledger, and how it is answered. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

if TYPE_CHECKING:  # options have to be there at once
    from ebudget.accounts.selection import Selection
    from ebudget.accounts.statement import Account, Group
    from ebudget.ledger.book import Book
    from ebudget.ledger.ledger import Ledger
    from ebudget.policy.edits import Draft
    from ebudget.policy.model import Policy

A_co = TypeVar("A_co", covariant=True)


@dataclass(frozen=True)
class World:
    """The log under one scenario, of which something is asked."""

    policy: Policy
    ledger: Ledger
    books: Iterable[Book]
    accounts: tuple[Account, ...]
    """Those that are wanted."""
    wanted: Selection

    def wants(self, budget: str, group: Group) -> bool:
        """Whether an account is wanted."""
        return self.wanted.admits(budget, dict(group))


class WhatIf(ABC, Generic[A_co]):
    """One what-if; a subclass holds what is asked, and answers all that depends on it."""

    options: ClassVar[Sequence[Option]]
    everywhere: ClassVar[bool] = False
    """Whether it is asked of every scenario, or of the policy as it stands only."""

    @classmethod
    @abstractmethod
    def asked(cls, draft: Draft, given: Given) -> Self | None:
        """What these options ask; None where they ask nothing. Raises UsageError."""

    def policies(self) -> Iterable[Policy]:
        """Other policies that the ledger has to serve."""
        return ()

    def columns(self, policy: Policy) -> Iterable[str]:
        """The columns that the ledger has to hold apart."""
        return ()

    def edges(self, policy: Policy, as_of: int, first: int | None) -> Iterable[int]:
        """The bucket edges that it needs, for a log that begins at `first`. Raises UsageError."""
        return ()

    @abstractmethod
    def answer(self, world: World) -> A_co:
        """The answer, of the accounts that are wanted."""

    def unanswered(self, answer: Any) -> Iterable[str]:
        """The budgets that are asked for and have no answer."""
        return ()


Given = Mapping[str, Sequence[str]]
"""What was given to each option by its name; nothing where it was left out."""


@dataclass(frozen=True)
class Option:
    """An option of the command line, by which something is asked."""

    name: str
    metavar: str
    """What its value is. `BUDGET` and `FILE` have to be there, as names of budgets and files."""
    help: str
    many: bool = False
    """Whether it can be given several times."""
    default: str | None = None
