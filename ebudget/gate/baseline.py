"""An earlier statement as a baseline: what is new, worse or recovered since then. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ebudget.accounts.statement import Account, Verdict

Key = tuple[str, frozenset[tuple[str, str | None]]]
"""A budget's name and the values of the group."""

Terms = tuple[str, str, str]
"""The kind, the window and the unit of a budget; other terms make it another budget."""


class Since(StrEnum):
    """What became of an account since the baseline."""

    NEWLY_BREACHED = "newly breached"
    WORSE = "worse"
    """A worse verdict than then; or breached then and now, with more spent of what is allowed."""
    RECOVERED = "recovered"
    """Breached then, judged now and not breached."""
    LOST = "breached then, cannot be judged now"


@dataclass(frozen=True)
class Then:
    """How an account stood in the baseline."""

    terms: Terms
    verdict: Verdict
    consumed: float | None
    """None where it was infinite or unknown."""
    instant: int
    firing: frozenset[str]
    """The severities of the alerts that fired."""

    def is_outdone_by(self, account: Account) -> bool:
        """Whether the account has a worse verdict now, or an instant event that is new."""
        worse = account.verdict.severity > self.verdict.severity
        return worse or account.instant > self.instant


def key_of(account: Account) -> Key:
    """What an account is known by."""
    return account.budget, frozenset(account.group)


@dataclass(frozen=True)
class Baseline:
    """An earlier statement, as far as it is compared."""

    as_of: int
    accounts: Mapping[Key, Then]

    def then(self, account: Account) -> Then | None:
        """The same account in the baseline, if its budget had the same terms."""
        then = self.accounts.get(key_of(account))
        terms = account.terms.kind, account.terms.window, account.terms.unit.name
        return then if then is not None and then.terms == terms else None

    def since(self, account: Account) -> Since | None:
        """What became of an account; None where nothing of note did."""
        then = self.then(account)
        breached = account.verdict is Verdict.BREACHED
        if then is None or then.verdict is not Verdict.BREACHED:
            if breached:
                return Since.NEWLY_BREACHED
            return Since.WORSE if then is not None and _is_worse(then, account) else None
        if breached:
            return Since.WORSE if _more_is_spent(then, account) else None
        return Since.RECOVERED if account.verdict.judged else Since.LOST


def _is_worse(then: Then, account: Account) -> bool:
    judged = account.verdict.judged and then.verdict.judged
    return judged and account.verdict.severity > then.verdict.severity


def _more_is_spent(then: Then, account: Account) -> bool:
    if account.instant != then.instant:
        return account.instant > then.instant
    if account.consumed is None or then.consumed is None:
        return account.consumed is None and then.consumed is not None
    return float(account.consumed) > then.consumed
