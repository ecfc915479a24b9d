"""What the tests share: logs and policies made of a few words, and statements as plain data."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl

import ebudget
from ebudget.accounts.parts import Day
from ebudget.ledger.plan import Plan, make_plan
from ebudget.logs.reading import Reading
from ebudget.policy.edits import Sweep
from ebudget.policy.file import parse_policy
from ebudget.policy.wants import Wants
from ebudget.whatif.cuts import Cuts
from ebudget.whatif.history import History
from ebudget.whatif.question import Question
from ebudget.whatif.replay import Replays
from ebudget.whatif.scenarios import Scenario
from ebudget.whatif.suggestions import Suggestions
from ebudget.whatif.sweeps import Sweeps
from oracle import Log

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
"""Figures and logs that lie beside the repository where it was made; tests skip without them."""

SIMULATE = [
    *["simulate", "sample_logs", "-p", "budgets.example.yaml"],
    *["--set", "strict:wrong-outcomes.allow=1%"],
    *["--without", "narrow:action_type=send_email,segment=enterprise"],
    *["--sweep", "slow-answers.allow=1%..20%:0.5%"],
    *["--replay", "1d"],
    *["--suggest", "slow-answers", "--suggest", "wrong-outcomes"],
    *["--cut", "wrong-outcomes"],
]
"""A simulation that asks for everything, run from ROOT."""

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
"""The newest instant of most test logs."""

CLOCK = datetime(2026, 11, 21, tzinfo=UTC)
"""What the machine's clock says in tests."""

MICRO = timedelta(microseconds=1)


# Logs


def at(**before: float) -> str:
    """An instant so long before NOW, as a log writes it: `at(hours=2)`."""
    return stamp(NOW - timedelta(**before))


def stamp(moment: datetime) -> str:
    """An instant as ISO 8601 in UTC, to the microsecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def run(outcome: str | None = "success", when: str | None = None, **columns: Any) -> dict[str, Any]:
    """One record; at NOW unless `when` says otherwise."""
    return {"start_time": when or at(), "outcome": outcome, **columns}


def runs(good: int, bad: int = 0, when: str | None = None, **columns: Any) -> list[dict[str, Any]]:
    """So many successes and so many failures, all alike."""
    return [run("success", when, **columns) for _ in range(good)] + [
        run("failure", when, **columns) for _ in range(bad)
    ]


def line_of(record: Mapping[str, Any] | str) -> str:
    """A record as a line of JSON; a text is a line already."""
    return record if isinstance(record, str) else json.dumps(record, ensure_ascii=False)


def write_jsonl(
    folder: Path, records: Iterable[Mapping[str, Any] | str], name: str = "runs.jsonl"
) -> str:
    """Write one record a line, compressed where the name ends in .gz; its path."""
    data = "".join(line_of(record) + "\n" for record in records).encode()
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    packing = path.suffix if path.suffix in PACKINGS else ""
    path.write_bytes(PACKINGS[packing](data))
    return str(path)


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": lambda data: gzip.compress(data, 1, mtime=0),
    ".zst": zstd.compress,
}

PARQUET_TYPES: dict[str, Any] = {
    "start_time": pl.Datetime("us", "UTC"),
    "end_time": pl.Datetime("us", "UTC"),
    "retries": pl.Int64,
    "input_tokens": pl.Int32,
    "cost_usd": pl.Decimal(38, 9),
    "duration_ms": pl.Float64,
    "meta": pl.Struct({"approved": pl.Boolean}),
}
"""The types of columns in a typed Parquet file; the others hold texts."""


def write_parquet(
    folder: Path, records: Sequence[Mapping[str, Any]], name: str = "runs.parquet"
) -> str:
    """Write flat records with typed columns, instants among them; its path."""
    keys = sorted({key for record in records for key in record}) or ["start_time"]

    def typed(key: str, value: Any) -> Any:
        if value is None:
            return None
        if key in ("start_time", "end_time"):
            return datetime.fromisoformat(value)
        if key == "cost_usd":
            return Decimal(str(value))
        if key == "duration_ms":
            return float(value)
        return value if key in PARQUET_TYPES else str(value)

    schema = {key: PARQUET_TYPES.get(key, pl.String) for key in keys}
    columns = {key: [typed(key, record.get(key)) for record in records] for key in keys}
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(columns, schema=schema).write_parquet(path)
    return str(path)


def write_log(folder: Path, log: Log) -> str:
    """Write a log in the format that its name says; its path.

    Names that begin with `array` or `pretty` are JSON documents.
    """
    if log.path.endswith(".parquet"):
        return write_parquet(folder, log.records, log.path)  # type: ignore[arg-type]
    path = folder / log.path
    path.parent.mkdir(parents=True, exist_ok=True)
    packing = path.suffix if path.suffix in PACKINGS else ""
    path.write_bytes(PACKINGS[packing](_content(path.name, log.records).encode()))
    return str(path)


def _content(name: str, records: Sequence[Mapping[str, Any] | str]) -> str:
    if name.startswith("array"):
        return f"[{', '.join(line_of(record) for record in records)}]"
    if name.startswith("pretty"):
        return "".join(json.dumps(one, ensure_ascii=False, indent=2) + "\n" for one in records)
    if ".csv" in name:
        return _table(records)
    lines = "\n".join(line_of(record) for record in records)
    was_cut = bool(records) and isinstance(records[-1], str)
    return lines if was_cut or not records else lines + "\n"


def _table(records: Sequence[Mapping[str, Any] | str]) -> str:
    """CSV in which a text, also an empty one, is quoted, and nothing is nothing."""
    rows = [record for record in records if not isinstance(record, str)]
    header = dict.fromkeys(key for row in rows for key in row)

    def row_of(values: Iterable[str | None]) -> str:
        texts = ("" if one is None else one.replace('"', '""') for one in values)
        return ",".join(
            f'"{shown}"' if value is not None else ""
            for shown, value in zip(texts, values, strict=True)
        )

    return "".join(
        row_of(values) + "\r\n"
        for values in ([*header], *([row.get(key) for key in header] for row in rows))
        if header
    )


# Policies


def policy_text(policy: Mapping[str, Any]) -> str:
    """A policy as the text of a file: JSON is YAML."""
    return json.dumps(policy, ensure_ascii=False, indent=1)


def one_budget(**keys: Any) -> dict[str, Any]:
    """A policy with one budget, `b`: any failed run spends 1 of 10% unless the keys say else,
    `slo` in place of `allow` among them.

    `failures`, `workflows`, `logs`, `timezone` and `unclassified` go to the policy itself.
    """
    top = ("failures", "workflows", "logs", "timezone", "unclassified")
    budget = {
        "spend": {"class": "A+"},
        **({} if "slo" in keys else {"allow": "10%"}),
        **{("for" if key == "for_" else key): v for key, v in keys.items() if key not in top},
    }
    return {
        "version": 1,
        **{key: value for key, value in keys.items() if key in top},
        "budgets": {"b": budget},
    }


# Processes


@contextmanager
def reading(folder: Path, *before: str) -> Iterator[subprocess.Popen[bytes]]:
    """A report of standard input that has begun to read; its temporary files are in `scratch`.

    `before` is what it is started with.
    """
    scratch = folder / "scratch"
    scratch.mkdir()
    command = [*before, sys.executable, "-m", "ebudget", "report", "-", "--output", "json=r.json"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(scratch)},
    ) as process:
        for _ in range(200):
            if any(scratch.iterdir()):
                break
            time.sleep(0.05)
        yield process


# Statements


@contextmanager
def written(logs: Sequence[Log]) -> Iterator[list[str]]:
    """The paths of these logs, in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        yield [write_log(Path(folder), log) for log in logs]


def read(
    paths: Sequence[str | os.PathLike[str]], plan: ebudget.Policy | Plan, **options: Any
) -> ebudget.Ledger:
    """A ledger; the options are those of `Wants` and of `Reading`."""
    names = {field.name for field in fields(Wants)}
    wanted = {name: value for name, value in options.items() if name in names}
    reading = Reading(**{name: value for name, value in options.items() if name not in names})
    if wanted:
        assert isinstance(plan, ebudget.Policy)
        if "days_of" in wanted:
            wanted["days_of"] = frozenset(wanted["days_of"])
        plan = make_plan(plan, Wants(**wanted))
    return ebudget.read_ledger(paths, plan, reading)


def ledger_of(
    policy: Mapping[str, Any] | str,
    paths: Sequence[str],
    **options: Any,
) -> tuple[ebudget.Policy, ebudget.Ledger]:
    """The checked policy and what it counts in these files."""
    text = policy if isinstance(policy, str) else policy_text(policy)
    checked = parse_policy(text, "budgets.yaml")
    return checked, read(paths, checked, **{"clock": CLOCK, **options})


def statement_of(
    policy: Mapping[str, Any] | str, paths: Sequence[str], **options: Any
) -> ebudget.Statement:
    """The statement of a policy over these files."""
    checked, ledger = ledger_of(policy, paths, **options)
    return ebudget.evaluate(checked, ledger)


def state(
    folder: Path,
    policy: Mapping[str, Any] | str,
    records: Iterable[Mapping[str, Any] | str],
    **options: Any,
) -> ebudget.Statement:
    """The statement of a policy over these records, written to one file."""
    return statement_of(policy, [write_jsonl(folder, records)], **options)


def only_account(statement: ebudget.Statement) -> ebudget.Account:
    """The account of a statement that has one."""
    (account,) = statement.accounts
    return account


def figures(statement: ebudget.Statement) -> dict[str, Any]:
    """A statement as the plain data that the oracle gives."""
    intake = statement.intake
    return {
        "as_of": statement.as_of,
        "intake": {
            "files": intake.files,
            "records": intake.records,
            "runs": intake.runs,
            "rejected": intake.rejected_total,
            "duplicates": intake.duplicates,
            "duplicates_apart": intake.duplicates_apart,
            "outside": intake.outside,
            "future": intake.future,
            "lead": intake.lead,
            "no_outcome": statement.no_outcome,
            "first": intake.first,
            "last": intake.last,
        },
        "unlabelled": statement.unlabelled,
        "infrastructure": statement.infrastructure,
        "unselected": statement.unselected,
        "accounts": [account_figures(account) for account in statement.accounts],
    }


def day_figures(day: Day) -> tuple[Any, ...]:
    """A day of a burn-down as the plain data that the oracle gives."""
    return (day.until, day.eligible, day.spent, day.remaining)


def account_figures(account: ebudget.Account) -> dict[str, Any]:
    """An account as the plain data that the oracle gives."""
    return {
        "budget": account.budget,
        "group": dict(account.group),
        "window": (account.span.after, account.span.until, account.span.length),
        "covered": account.covered,
        "selected": account.selected,
        "eligible": account.eligible,
        "unlabelled": account.unlabelled,
        "unmeasured": account.unmeasured,
        "judged": account.judged,
        "measured": account.measured,
        "spent": account.spent,
        "allowed": account.allowed,
        "consumed": account.consumed,
        "remaining": account.remaining,
        "instant": account.instant,
        "verdict": account.verdict.value,
        "lack": None if account.lack is None else account.lack.value,
        "burn": dict(account.burn),
        "alerts": [
            (a.row.long.text, a.row.short.text, a.row.factor, a.row.severity, a.firing)
            for a in account.alerts
        ],
        "response": account.response,
        "breakdown": {
            column: {
                part.value: {
                    "eligible": part.eligible,
                    "spent": part.spent,
                    "share": part.share,
                    "instant": part.instant,
                    "rate": part.rate,
                    "against_rest": part.against_rest,
                }
                for part in parts
            }
            for column, parts in account.breakdown
        },
        "days": [day_figures(day) for day in account.days],
    }


def conserves(statement: ebudget.Statement) -> bool:
    """Whether every record that was read is accounted for."""
    intake = statement.intake
    return intake.records == (
        intake.runs + intake.rejected_total + intake.duplicates + intake.outside
    )


# What-ifs


def question_of(
    policy: ebudget.Policy,
    scenarios: tuple[Scenario, ...] = (),
    sweeps: tuple[Sweep, ...] = (),
    *,
    history: History | None = None,
    replayed: bool = False,
    suggest: tuple[str, ...] = (),
    keep: Fraction = Fraction(95, 100),
    cut: tuple[str, ...] = (),
) -> Question:
    """Some what-ifs of a policy, each with what it needs."""
    asked = (
        Sweeps(sweeps) if sweeps else None,
        Replays(history) if history and replayed else None,
        Suggestions(suggest, keep, history) if history and suggest else None,
        Cuts(cut) if cut else None,
    )
    return Question(policy, scenarios, tuple(one for one in asked if one is not None))
