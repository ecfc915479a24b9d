"""The statement as JSON, `ebudget.statement/1`; keys are only ever added."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

from ebudget.accounts.certainty import LEVEL
from ebudget.accounts.parts import Slice
from ebudget.accounts.statement import SCHEMA, Account, Statement
from ebudget.instants import timestamp


def number(value: Fraction | int | None) -> int | float | None:
    """A whole number as it is; others as the nearest double, as JSON readers do."""
    if value is None:
        return None
    exact = Fraction(value)
    return int(exact) if exact.denominator == 1 else float(exact)


def _time(micros: int | None) -> str | None:
    return None if micros is None else timestamp(micros)


def _slice(part: Slice) -> dict[str, Any]:
    return {
        "value": part.value,
        "eligible": part.eligible,
        "spent": number(part.spent),
        "share": number(part.share),
        "instant": part.instant,
        "rate": number(part.rate),
        "against_rest": number(part.against_rest),
    }


def _interval(account: Account) -> dict[str, float] | None:
    if account.interval is None:
        return None
    low, high = account.interval
    return {"level": float(LEVEL), "low": low, "high": high}


def account_dict(account: Account) -> dict[str, Any]:
    """One account as plain data."""
    found: dict[str, Any] = {
        "budget": account.budget,
        "kind": account.terms.kind,
        "group": dict(account.group),
        "window": {
            "length": account.terms.window,
            "start": timestamp(account.span.start),
            "end": timestamp(account.span.until),
            "covered": number(account.covered),
        },
        "unit": account.terms.unit.name,
        "eligible": number(account.eligible),
        "selected": number(account.selected),
        "unlabelled": number(account.unlabelled),
        "judged": None if account.judged is None else number(account.judged),
        "measured": None if account.measured is None else number(account.measured),
        "unmeasured": number(account.unmeasured),
        "spent": number(account.spent),
        "allowed": number(account.allowed),
        "consumed": number(account.consumed),
        "remaining": number(account.remaining),
        "instant": number(account.instant),
        "interval": _interval(account),
        "certainty": account.certainty,
        "burn": {window: number(value) for window, value in account.burn},
        "alerts": [
            {
                "severity": alert.row.severity,
                "long": alert.row.long.text,
                "short": alert.row.short.text,
                "factor": number(alert.row.factor),
                "firing": alert.firing,
            }
            for alert in account.alerts
        ],
        "verdict": account.verdict.value,
        "lack": None if account.lack is None else account.lack.value,
        "reason": account.reason,
        "response": account.response,
        "owner": account.terms.owner,
        "breakdown": {
            column: [_slice(part) for part in parts] for column, parts in account.breakdown
        },
    }
    if account.days:
        found["days"] = [
            {
                "end": timestamp(day.until),
                "eligible": day.eligible,
                "spent": number(day.spent),
                "remaining": number(day.remaining),
            }
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
            "files": intake.files,
            "records": intake.records,
            "runs": intake.runs,
            "duplicates": intake.duplicates,
            "duplicates_apart": intake.duplicates_apart,
            "outside": intake.outside,
            "future": intake.future,
            "unlabelled": statement.unlabelled,
            "infrastructure": statement.infrastructure,
            "no_outcome": statement.no_outcome,
            "unselected": statement.unselected,
            "rejected": dict(intake.rejected),
            "rejected_values": dict(statement.rejected_values),
            "rejects": [
                {"file": reject.file, "place": reject.place, "reason": reject.reason}
                for reject in intake.rejects
            ],
            "unknown_outcomes": dict(intake.words),
            "unreadable_files": dict(intake.unreadable),
            "ignored_files": intake.ignored,
            "first": _time(intake.first),
            "last": _time(intake.last),
        },
        "accounts": [account_dict(account) for account in statement.accounts],
    }


def render(statement: Statement) -> str:
    """The JSON text; characters beyond ASCII are escaped, so that nothing in it can act."""
    return json.dumps(statement_dict(statement), indent=2, allow_nan=False) + "\n"
