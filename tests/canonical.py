"""Logs as the engine reads them, one run at a time, to look at single values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlglot import exp

from ebudget import sql
from ebudget.ledger.plan import make_plan
from ebudget.logs.files.sources import find_sources
from ebudget.logs.loading.load import load
from ebudget.logs.runs import REJECT, ROW, RUNS
from ebudget.logs.warehouse import opened_warehouse
from ebudget.policy.file import parse_policy
from support import policy_text, write_jsonl

GOOD = "2026-11-20T10:00:00Z"


@dataclass(frozen=True)
class Read:
    """What became of one value."""

    value: Any
    """A time as microseconds since 1970."""
    why: str | None = None
    """Why it, or its record, was rejected."""


def read_file(path: str, name: str, logs: Mapping[str, Any]) -> list[Read]:
    """One column of every record of a log, in order."""
    policy = parse_policy(
        policy_text(
            {
                "version": 1,
                "logs": logs,
                "budgets": {"b": {"spend": {"class": "A+"}, "allow": 1, "of": f"{name} is null"}},
            }
        ),
        "budgets.yaml",
    )
    plan = make_plan(policy)
    time = policy.columns[name].value == "time"
    value = sql.call("epoch_us", sql.column(name)) if time else sql.column(name)
    with opened_warehouse(threads=1) as warehouse:
        files = find_sources([path], warehouse.scratch).files
        load(warehouse, plan.canonical, files, skip_unreadable=False)
        rows = warehouse.rows(
            exp.select(value, sql.column(plan.canonical.flaw_columns[0]), sql.column(REJECT))
            .from_(RUNS)
            .order_by(sql.column(ROW))
        )
    return [
        Read(found, reject or _reason(plan.canonical.flaws, name, bits))
        for found, bits, reject in rows
    ]


def _reason(flaws: Sequence[Any], name: str, bits: int) -> str | None:
    reasons = [f.reason for at, f in enumerate(flaws) if bits >> at & 1 and f.column == name]
    assert len(reasons) < 2, reasons
    return reasons[0] if reasons else None


def read_values(
    folder: Path, name: str, values: Sequence[Any], field: Mapping[str, Any], zone: str = "UTC"
) -> list[Read]:
    """These values of a JSON log as one column. Values of null are left out of their records."""
    logs = {"timezone": zone, "fields": {name: {"path": "value", "optional": True, **field}}}
    when = {} if name == "start_time" else {"start_time": GOOD}
    records = [{**when, "id": "1", "value": value} for value in values]
    return read_file(write_jsonl(folder, records), name, logs)
