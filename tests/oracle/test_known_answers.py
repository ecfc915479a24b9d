"""Published figures, and those of a separate program over real logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest

import ebudget
from ebudget.review.review import never_firing
from support import (
    CLOCK,
    NOW,
    SHARED,
    at,
    ledger_of,
    one_budget,
    only_account,
    runs,
    stamp,
    state,
    statement_of,
)
from support import read as read_logs

ANSWERS = SHARED / "oracle" / "known-answers.json"
REAL = SHARED / "real" / "expected.json"
KNOWN: dict[str, Any] = json.loads(ANSWERS.read_text()) if ANSWERS.exists() else {}
CASES: list[dict[str, Any]] = json.loads(REAL.read_text())["cases"] if REAL.exists() else []

needs_answers = pytest.mark.skipif(not KNOWN, reason="the known answers are not beside this folder")
needs_real_logs = pytest.mark.skipif(not CASES, reason="the real logs are not beside this folder")

MICROS = {"m": 60, "h": 3600, "d": 86400, "s": 1}


def entries(*path: str) -> list[Any]:
    """The entries of one part of the known answers; none where the file is absent."""
    found: Any = KNOWN
    for key in path:
        found = found.get(key, {})
    return list(found)


def table(folder: Path, query: str) -> str:
    """A Parquet file that holds what a query gives; its path."""
    path = str(folder / "runs.parquet")
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path


def counted(folder: Path, total: int, good: int) -> str:
    """So many runs at NOW, so many of them good."""
    return table(
        folder,
        f"SELECT TIMESTAMP '{NOW:%Y-%m-%d %H:%M:%S}' AS start_time, "
        f"CASE WHEN range < {good} THEN 'success' ELSE 'failure' END AS outcome "
        f"FROM range({total})",
    )


def percent(share: Decimal) -> str:
    return f"{(share * 100).normalize():f}%"


@needs_answers
@pytest.mark.parametrize("entry", entries("ratio"), ids=lambda e: f"{e['good']}-of-{e['total']}")
def test_consumed_and_remaining_are_the_published_ones(entry: dict, tmp_path: Path) -> None:
    allowed = 1 - Decimal(entry["target"])
    path = counted(tmp_path, entry["total"], entry["good"])
    account = only_account(statement_of(one_budget(allow=percent(allowed)), [path]))
    bad = entry["total"] - entry["good"]
    assert account.consumed == Fraction(bad, entry["total"]) / Fraction(allowed)
    assert float(account.consumed) == pytest.approx(entry["consumed"], rel=1e-6, abs=5e-7)
    if "remaining" in entry:
        assert float(account.remaining or 0) == pytest.approx(
            entry["remaining"], rel=1e-6, abs=5e-7
        )


@needs_answers
def test_the_burn_down_of_thirty_equal_days_is_the_published_one(tmp_path: Path) -> None:
    series = KNOWN["series"]
    bad = [round((1 - good) * 1000) for good in series["daily_good"]]
    bad += [0] * (30 - len(bad))
    end = datetime(2026, 11, 1, tzinfo=UTC)
    days = ", ".join(f"({day}, {count})" for day, count in enumerate(bad))
    path = table(
        tmp_path,
        f"SELECT TIMESTAMP '2026-10-02 12:00:00' + to_days(day) AS start_time, "
        f"CASE WHEN range < bad THEN 'failure' ELSE 'success' END AS outcome "
        f"FROM (VALUES {days}) AS days(day, bad), range(1000)",
    )
    policy, ledger = ledger_of(
        one_budget(allow="0.1%"), [path], as_of=end - timedelta(microseconds=1), days_of=["b"]
    )
    account = only_account(ebudget.evaluate(policy, ledger))
    assert [day.eligible for day in account.days] == [1000] * 30
    assert [day.spent for day in account.days] == bad
    left = [round(100 * float(day.remaining or 0), 2) for day in account.days]
    assert left[: len(series["daily_good"])] == series["remaining_percent"]
    assert account.days[-1].remaining == account.remaining


@needs_answers
def test_consumed_by_occurrences_is_the_published_one(tmp_path: Path) -> None:
    occurrences = KNOWN["occurrences"]
    records = []
    for hours, (good, valid) in enumerate(
        zip(occurrences["good"], occurrences["valid"], strict=True)
    ):
        records += runs(good, valid - good, at(hours=hours))
    account = only_account(state(tmp_path, one_budget(allow="5%"), records))
    assert round(100 * float(account.consumed or 0), 3) == 118.644


@needs_answers
@pytest.mark.parametrize("entry", entries("burn_factors"), ids=lambda entry: entry["window"])
def test_alert_rows_have_the_published_windows_and_factors(entry: dict, tmp_path: Path) -> None:
    account = only_account(state(tmp_path, one_budget(window=entry["window"]), runs(10)))
    found = [(alert.row.long.text, alert.row.short.text) for alert in account.alerts]
    assert found == [(long, short) for long, short, _ in entry["rows"]]
    factors = [float(alert.row.factor) for alert in account.alerts]
    assert factors == pytest.approx([factor for *_, factor in entry["rows"]], rel=1e-6)


def seconds(length: str) -> int:
    """Such as 30d, or 43m12s."""
    total, digits = 0, ""
    for character in length:
        if character.isdigit():
            digits += character
        else:
            total, digits = total + int(digits) * MICROS[character], ""
    return total


@needs_answers
@pytest.mark.parametrize(
    "entry",
    [entry for entry in entries("exhaustion") if "lasts" in entry],
    ids=lambda entry: f"at {entry['burn']}",
)
def test_a_budget_lasts_as_long_as_published(entry: dict, tmp_path: Path) -> None:
    """Even traffic, failures at the given pace from the start of the window, then none."""
    allowed = 1 - Decimal(entry["target"])
    window, slot, per_slot = seconds(entry["window"]), seconds("43m12s"), 100
    bad_slots = seconds(entry["lasts"]) // slot
    every = int(1 / (Fraction(entry["burn"]) * Fraction(allowed)))
    path = table(
        tmp_path,
        f"SELECT TIMESTAMP '{NOW:%Y-%m-%d %H:%M:%S}' "
        f"- to_seconds({window} - {slot} * slot - 1) AS start_time, "
        f"CASE WHEN slot < {bad_slots} AND (slot * {per_slot} + run) % {every} = 0 "
        f"THEN 'failure' ELSE 'success' END AS outcome "
        f"FROM range({window // slot}) AS slots(slot), range({per_slot}) AS runs(run)",
    )
    policy = one_budget(allow=percent(allowed), window=entry["window"])
    account = only_account(statement_of(policy, [path], as_of=NOW))
    assert account.eligible == window // slot * per_slot
    assert account.consumed == 1
    assert account.verdict.value == "frozen"


@needs_answers
@pytest.mark.parametrize("entry", [e for e in entries("exhaustion") if "spends" in e])
def test_a_pace_for_an_hour_spends_the_published_share(entry: dict, tmp_path: Path) -> None:
    path = table(
        tmp_path,
        f"SELECT TIMESTAMP '{NOW:%Y-%m-%d %H:%M:%S}' - to_hours(hour::INTEGER) AS start_time, "
        f"CASE WHEN hour = 0 AND run < {entry['burn']} THEN 'failure' ELSE 'success' END "
        f"AS outcome FROM range(720) AS hours(hour), range(100) AS runs(run)",
    )
    policy = one_budget(allow="1%", window=entry["window"])
    account = only_account(statement_of(policy, [path]))
    assert dict(account.burn)[entry["over"]] == entry["burn"]
    assert account.consumed == Fraction(str(entry["spends"]))


@needs_answers
def test_a_factor_that_cannot_be_exceeded_never_fires(tmp_path: Path) -> None:
    example = KNOWN["never_fires"]["example"]
    alert = {"long": "1h", "short": "5m", "factor": example["factor"], "severity": "page"}
    policy = one_budget(allow=example["allow"], window=example["window"], alerts=[alert])
    checked, ledger = ledger_of(policy, [counted(tmp_path, 100, 0)])
    account = only_account(ebudget.evaluate(checked, ledger))
    assert dict(account.burn) == {"1h": 10, "5m": 10}
    assert not account.firing
    assert len(never_firing(checked, "b")) == 1


@needs_answers
@pytest.mark.parametrize(
    "entry", entries("calendar"), ids=lambda e: f"{e['window']} in {e['zone'].split('/')[-1]}"
)
def test_calendar_windows_start_where_published(entry: dict, tmp_path: Path) -> None:
    policy = one_budget(window=entry["window"], timezone=entry["zone"])
    as_of, start = (datetime.fromisoformat(entry[key]) for key in ("as_of", "start"))
    first = runs(1, when=stamp(start)) + runs(0, 1, when=stamp(start - timedelta(microseconds=1)))
    account = only_account(state(tmp_path, policy, first, as_of=as_of))
    assert account.span.start == (start - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )
    assert (account.eligible, account.spent) == (1, 0)


@needs_answers
def test_a_day_of_twenty_five_hours_is_as_long(tmp_path: Path) -> None:
    policy = one_budget(window="day", timezone="Europe/Berlin", allow=5)
    as_of = datetime.fromisoformat("2026-10-25T12:00:00+01:00")
    account = only_account(state(tmp_path, policy, runs(1, when=stamp(as_of)), as_of=as_of))
    assert account.span.length == 25 * 3600 * 10**6


def close(found: Fraction | None, wanted: float | None) -> bool:
    if found is None or wanted is None:
        return found is wanted
    return float(found) == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@needs_real_logs
@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{Path(case['log']).stem} at {case['as_of']}"
)
def test_real_logs_give_the_figures_of_a_separate_program(case: dict) -> None:
    policy = ebudget.load_policy(SHARED / case["policy"])
    ledger = read_logs(
        [SHARED / case["log"]], policy, as_of=datetime.fromisoformat(case["as_of"]), clock=CLOCK
    )
    accounts = ebudget.evaluate(policy, ledger).accounts
    assert [(account.budget, dict(account.group)) for account in accounts] == [
        (wanted["budget"], wanted["group"]) for wanted in case["accounts"]
    ]
    for account, wanted in zip(accounts, case["accounts"], strict=True):
        about = (account.budget, account.group)
        assert account.eligible == wanted["eligible"], about
        assert account.instant == wanted["instant"], about
        assert account.verdict.value == wanted["verdict"], about
        for figure in ("spent", "allowed", "consumed"):
            assert close(getattr(account, figure), wanted[figure]), (about, figure)
        burn = dict(account.burn)
        for window, rate in wanted.get("burn", {}).items():
            assert close(burn[window], rate), (about, window)
