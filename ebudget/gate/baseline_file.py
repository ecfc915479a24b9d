"""The JSON of an earlier statement -> Baseline."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from ebudget.accounts.statement import SCHEMA, Verdict
from ebudget.errors import InputError
from ebudget.gate.baseline import Baseline, Key, Then
from ebudget.instants import instant
from ebudget.text import visible
from ebudget.text.encoding import without_bom


class _Part(BaseModel):
    """A part of a statement; what is not compared is ignored."""

    model_config = ConfigDict(strict=True, frozen=True)


class _Window(_Part):
    length: str


class _Alert(_Part):
    severity: Literal["page", "ticket"]
    firing: bool


class _Account(_Part):
    budget: str
    kind: str
    group: dict[str, str | None]
    window: _Window
    unit: str
    verdict: Verdict
    consumed: float | None = Field(allow_inf_nan=False)
    instant: NonNegativeInt
    alerts: list[_Alert]


class _Statement(_Part):
    schema_: Literal["ebudget.statement/1"] = Field(alias="schema")
    as_of: AwareDatetime
    accounts: list[_Account]


def parse_baseline(text: str, name: str) -> Baseline:
    """The baseline that a statement's JSON holds. Raises InputError, naming the file."""
    try:
        found = _Statement.model_validate_json(without_bom(text))
        if not 1678 < found.as_of.year < 9000:
            raise ValueError("as_of: the year is out of range")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _refused(name, f"{place + ': ' if place else ''}{first['msg']}") from None
    except ValueError as error:
        raise _refused(name, str(error)) from None
    accounts: dict[Key, Then] = {}
    for account in found.accounts:
        key = account.budget, frozenset(account.group.items())
        if key in accounts:
            raise _refused(name, f"an account of {account.budget} is there twice")
        accounts[key] = Then(
            (account.kind, account.window.length, account.unit),
            account.verdict,
            account.consumed,
            account.instant,
            frozenset(alert.severity for alert in account.alerts if alert.firing),
        )
    return Baseline(instant(found.as_of), accounts)


def _refused(name: str, why: str) -> InputError:
    return InputError(
        f"{visible(name)}: is no statement ({visible(why)}); a baseline is what --format json "
        f"or --output json=PATH wrote, {SCHEMA}"
    )
