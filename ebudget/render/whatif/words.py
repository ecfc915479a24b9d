"""What several what-ifs say of accounts and verdicts, the same in every format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from ebudget.accounts.statement import Account, Verdict
from ebudget.render import figures
from ebudget.render.page import MARKS

MOST_ACCOUNTS = 50
"""Accounts that are shown one by one."""
NOTHING = "Nothing was asked: --help lists scenarios, sweeps, replay, suggestions and cuts."


def marked(verdict: Verdict | None) -> str:
    """`✗ breached`."""
    return head_of(None) if verdict is None else f"{MARKS[verdict][0]} {head_of(verdict)}"


def head_of(verdict: Verdict | None) -> str:
    """What a table calls a verdict, or that there is no account."""
    return "no account" if verdict is None else figures.WORDS[verdict]


def more(hidden: int, noun: str = "account") -> str:
    """`and 3 more accounts; --format json has all`."""
    return f"and {hidden:,} more {noun}{'s' if hidden != 1 else ''}; --format json has all"


def occurring(outcomes: Sequence[Iterable[Verdict | None]]) -> list[Verdict | None]:
    """The verdicts that occur, the worst first, and at last None for an account that is not."""
    found = {verdict for one in outcomes for verdict in one}
    return [verdict for verdict in (*figures.WORST_FIRST, None) if verdict in found]


def counts(verdicts: Iterable[Verdict | None], of: Sequence[Verdict | None]) -> list[str]:
    """How many have each verdict."""
    known = list(verdicts)
    return [f"{known.count(verdict):,}" for verdict in of]


def cells(account: Account) -> list[str]:
    """Verdict, spent of allowed, and what is left."""
    left = figures.remaining(account)
    return [marked(account.verdict), spent_text(account), f"{left} left"]


def spent_text(account: Account) -> str:
    """Spent of allowed, with the instant events."""
    spent = figures.spent_of_allowed(account)
    return f"{spent}, {instants(account.instant)}" if account.instant else spent


def instants(count: Fraction | int) -> str:
    """`1 instant event`; in some what-ifs it is no whole number."""
    return f"{number(count)} instant event{'' if count == 1 else 's'}"


def number(count: Fraction | int) -> str:
    """A count, which is no whole number in some what-ifs."""
    return figures.plain(Fraction(count), 1)
