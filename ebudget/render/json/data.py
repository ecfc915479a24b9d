"""Statements and accounts as plain data, `ebudget.statement/1`; keys are only ever added."""

from __future__ import annotations

from enum import Enum
from fractions import Fraction
from typing import Any

from ebudget.accounts.certainty import LEVEL
from ebudget.accounts.statement import SCHEMA, Account, Statement
from ebudget.instants import timestamp
from ebudget.quantities import Duration


def number(value: Fraction | int | None) -> int | float | None:
    """A whole number as it is; others as the nearest double, as JSON readers do."""
    if value is None:
        return None
    exact = Fraction(value)
    return int(exact) if exact.denominator == 1 else float(exact)


def time(micros: int | None) -> str | None:
    """An instant as ISO 8601."""
    return None if micros is None else timestamp(micros)


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    match value:
        case Fraction():
            return number(value)
        case Enum():
            return value.value
        case Duration():
            return value.text
        case tuple():
            return [plain(one) for one in value]
    return value


def picked(source: object, *names: str) -> dict[str, Any]:
    """Some attributes as plain data, in this order."""
    return {name: plain(getattr(source, name)) for name in names}


def account_dict(account: Account) -> dict[str, Any]:
    """One account as plain data."""
    terms, span, interval = account.terms, account.span, account.interval
    found: dict[str, Any] = {
        "budget": account.budget,
        "kind": terms.kind,
        "group": dict(account.group),
        "window": {
            "length": terms.window,
            "start": timestamp(span.start),
            "end": timestamp(span.until),
            "covered": number(account.covered),
        },
        "unit": terms.unit.name,
        **picked(account, "eligible", "selected", "unlabelled", "judged", "measured"),
        **picked(account, "unmeasured", "spent", "allowed", "consumed", "remaining", "instant"),
        "interval": interval and {"level": float(LEVEL), "low": interval[0], "high": interval[1]},
        "certainty": account.certainty,
        "burn": {window: number(value) for window, value in account.burn},
        "alerts": [
            {**picked(one.row, "severity", "long", "short", "factor"), "firing": one.firing}
            for one in account.alerts
        ],
        **picked(account, "verdict", "lack", "reason", "response"),
        "owner": terms.owner,
        "breakdown": {
            column: [
                picked(
                    one, "value", "eligible", "spent", "share", "instant", "rate", "against_rest"
                )
                for one in parts
            ]
            for column, parts in account.breakdown
        },
    }
    if account.days:
        found["days"] = [
            {"end": timestamp(day.until), **picked(day, "eligible", "spent", "remaining")}
            for day in account.days
        ]
    return found


def statement_dict(statement: Statement) -> dict[str, Any]:
    """A statement as plain data, in the order that the contract shows."""
    intake = statement.intake
    return {
        "schema": SCHEMA,
        "as_of": timestamp(statement.as_of),
        "input": {
            **picked(intake, "files", "records", "runs", "duplicates", "duplicates_apart"),
            **picked(intake, "outside", "future"),
            **picked(statement, "unlabelled", "infrastructure", "no_outcome", "unselected"),
            "rejected": dict(intake.rejected),
            "rejected_values": dict(statement.rejected_values),
            "rejects": [picked(reject, "file", "place", "reason") for reject in intake.rejects],
            "unknown_outcomes": dict(intake.words),
            "unreadable_files": dict(intake.unreadable),
            "ignored_files": intake.ignored,
            "first": time(intake.first),
            "last": time(intake.last),
        },
        "accounts": [account_dict(account) for account in statement.accounts],
    }
