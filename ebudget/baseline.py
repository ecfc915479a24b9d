"""An earlier statement as a baseline: what is new, worse or recovered since then. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ebudget.errors import InputError
from ebudget.statement import SCHEMA, Account, Verdict
from ebudget.text_safety import visible
from ebudget.windows import instant

Key = tuple[str, frozenset[tuple[str, str | None]]]
"""A budget's name and the values of the group."""


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
        """The same account in the baseline."""
        return self.accounts.get(key_of(account))

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


def parse_baseline(text: str, name: str) -> Baseline:
    """The baseline that a statement's JSON holds. Raises InputError, naming the file."""

    def refuse(why: str) -> InputError:
        return InputError(
            f"{visible(name)}: {why}; a baseline is what --format json or --output json=PATH wrote"
        )

    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refuse(f"is no JSON ({visible(str(error))})") from None
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else None
        raise refuse(f"the schema is {visible(repr(found))}, not {SCHEMA!r}")
    accounts: dict[Key, Then] = {}
    try:
        moment = datetime.fromisoformat(data["as_of"])
        if moment.tzinfo is None:
            raise ValueError("as_of has no zone")
        for number, item in enumerate(data["accounts"], 1):
            key, then = _account(item)
            if key in accounts:
                raise ValueError(f"account {number} is there twice")
            accounts[key] = then
    except KeyError as error:
        raise refuse(f"the key {error} is missing") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise refuse(f"is damaged ({visible(str(error))})") from None
    return Baseline(instant(moment), accounts)


def _account(item: Any) -> tuple[Key, Then]:
    consumed = item["consumed"]
    if consumed is not None and (
        isinstance(consumed, bool) or not isinstance(consumed, int | float)
    ):
        raise ValueError("consumed is no number")
    firing = {alert["severity"] for alert in item["alerts"] if alert["firing"]}
    then = Then(
        Verdict(item["verdict"]),
        None if consumed is None else float(consumed),
        int(item["instant"]),
        frozenset(firing),
    )
    return (str(item["budget"]), frozenset(item["group"].items())), then
