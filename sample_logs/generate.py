"""Make run logs: the sample of a made-up company, or any number of runs for benchmarks.

    python sample_logs/generate.py                 writes the sample beside this file
    python sample_logs/generate.py --out DIR       writes it elsewhere
    python sample_logs/generate.py --runs 10000000 --format parquet --out DIR

The sample holds 30 days of five workflows: one JSONL file a day and, for one workflow, a Parquet
file as a warehouse would export it. It tells the stories that README.md beside this file lists;
`company.py` holds their figures. The same seed gives the same JSONL, byte for byte.

With `--runs` DuckDB makes one file of 17 plain columns. It is the same on every machine with the
same version of DuckDB, tells no story, and holds no broken line and no duplicate.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import NormalDist
from typing import Any

import duckdb
from company import (
    BROKEN,
    BROKEN_EVERY,
    BROKEN_FIRST,
    DEARER,
    DEARER_A_DAY,
    DEARER_AT_ONCE,
    DUPLICATE_EVERY,
    DUPLICATE_FIRST,
    EXPORTED,
    FAILURES_NOTICED,
    FALLBACK_COST,
    FALLBACK_MODEL,
    FALLBACK_SHARE,
    FIRST_DAY,
    FLOWS,
    HOURS,
    LAST_DAY,
    NEVER_JUDGED,
    NEWEST,
    NOT_JUDGED,
    OUTAGE,
    OUTAGE_MODEL,
    OUTAGE_SHARE,
    SCORED,
    STALE_FROM,
    STALE_RATE,
    STALE_REASONS,
    STALE_SLICE,
    STALE_TODAY,
    UNAPPROVED,
    WEEKEND,
    WRONG_COST_EVERY,
    WRONG_COST_FIRST,
    Action,
    Flow,
)

Run = dict[str, Any]
"""One record, in the order in which its keys are written; None is not written."""

SEED = 163
"""With this one the verdicts of budgets.example.yaml are what README.md says."""


@dataclass
class Day:
    """The lines of one file."""

    lines: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    """Lines that are written a second time on the next day."""


def days() -> list[date]:
    """The days of the sample."""
    return [FIRST_DAY + timedelta(n) for n in range((LAST_DAY - FIRST_DAY).days + 1)]


def normal(rng: Random) -> float:
    """A standard normal number; from `random()` alone, so that every Python gives the same."""
    return NormalDist().inv_cdf(min(max(rng.random(), 1e-9), 1 - 1e-9))


def pick(rng: Random, shares: Mapping[Any, float]) -> Any:
    """One of the keys, by its share."""
    at = rng.random() * sum(shares.values())
    for key, share in shares.items():
        at -= share
        if at < 0:
            return key
    return key


def starts(rng: Random, flow: Flow, day: date) -> list[datetime]:
    """When the runs of one day begin, in order."""
    if day < flow.first_day:
        return []
    busy = WEEKEND if day.weekday() >= 5 else 1.0
    count = round(flow.daily * busy * (1 + 0.06 * normal(rng)))
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    found = []
    for _ in range(count):
        hour = pick(rng, dict(enumerate(HOURS)))
        found.append(midnight + timedelta(milliseconds=int((hour + rng.random()) * 3_600_000)))
    return sorted(start for start in found if start < NEWEST)


def runs_of(flow: Flow, day: date, seed: int) -> Iterator[Run]:
    """The runs of one workflow on one day."""
    rng = Random(f"{seed} {flow.name} {day}")
    actions = {action: action.share for action in flow.actions}
    for start in starts(rng, flow, day):
        yield run_of(flow, start, pick(rng, actions), pick(rng, flow.segments), rng)


def run_of(flow: Flow, start: datetime, action: Action, segment: str, rng: Random) -> Run:
    """One run, as the log has it."""
    version = [name for first, name in flow.releases if first <= start.date()][-1]
    staging = rng.random() < flow.staging
    model, route = flow.model, "primary"
    down = model == OUTAGE_MODEL and OUTAGE[0] <= start < OUTAGE[1]
    failed_over = rng.random() < FALLBACK_SHARE
    out = down and not failed_over and rng.random() < OUTAGE_SHARE
    if not out and (failed_over or down):
        model, route = FALLBACK_MODEL, "fallback"
    outcome, reason = judgement(flow, start, action, segment, staging, rng)
    if out:
        outcome, reason = "infrastructure", "provider_unavailable"
    size = math.exp(0.35 * normal(rng)) * growth(version, start)
    price = flow.cost * (FALLBACK_COST if route == "fallback" else 1.0)
    seconds = 30.0 if out else flow.seconds * math.exp(0.6 * normal(rng))
    identity = f"{flow.prefix}-{start:%m%d%H%M%S}-{rng.getrandbits(28):07x}"
    return {
        "run_id": identity,
        "start_time": start.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "workflow": flow.name,
        "action_type": action.name,
        "risk_tier": flow.risk_tier,
        "segment": segment,
        "environment": "staging" if staging else "prod",
        "model": model,
        "version": version,
        "tool": action.tool,
        "route": route,
        "outcome": outcome,
        "failure_reason": reason,
        "duration_ms": round(seconds * 1000 * (1.4 if route == "fallback" else 1.0)),
        "cost_usd": None if out else round(price * size, 6),
        "input_tokens": None if out else round(9000 * size),
        "output_tokens": None if out else round(700 * size),
        "retries": 3 if out else int(rng.random() < 0.04),
        "approved": True if action.external else None,
        "score": score(flow, outcome, rng),
        **minutes(outcome, reason, rng),
    }


def growth(version: str, start: datetime) -> float:
    """How much larger than usual a run of this version is."""
    if version != DEARER:
        return 1.0
    first = next(day for flow in FLOWS for day, name in flow.releases if name == DEARER)
    return DEARER_AT_ONCE + DEARER_A_DAY * (start.date() - first).days


def judgement(
    flow: Flow, start: datetime, action: Action, segment: str, staging: bool, rng: Random
) -> tuple[str | None, str | None]:
    """The outcome and the reason of a failure; (None, None) where nobody has judged the run."""
    rate, reasons = flow.failing * (4 if staging else 1), flow.reasons
    if (flow.name, action.name, segment) == STALE_SLICE and start >= STALE_FROM and not staging:
        rate, reasons = STALE_RATE, STALE_REASONS
    age = (NEWEST - start).total_seconds() / 86_400
    unjudged = next((share for limit, share in NOT_JUDGED if age < limit), NEVER_JUDGED)
    at, overlooked = rng.random(), rng.random()
    if at < rate:
        reason = pick(rng, reasons)
        return (None, None) if overlooked < unjudged * FAILURES_NOTICED else ("failure", reason)
    if overlooked < unjudged:
        return None, None
    return ("escalated" if at < rate + flow.escalated else "success"), None


def score(flow: Flow, outcome: str | None, rng: Random) -> float | None:
    """What a judge thinks of a run, from 0 to 1; most runs have no score."""
    if outcome in (None, "infrastructure") or rng.random() >= SCORED:
        return None
    mean, spread = {"success": (flow.quality, 0.08), "escalated": (0.68, 0.10)}.get(
        str(outcome), (0.45, 0.12)
    )
    return round(min(max(mean + spread * normal(rng), 0.0), 1.0), 2)


def minutes(outcome: str | None, reason: str | None, rng: Random) -> Run:
    """What the run cost people: nothing after a success; sometimes nobody wrote it down."""
    review: float | None = None
    cleanup: float | None = None
    if outcome == "success":
        cleanup = 0
    elif outcome == "failure" and rng.random() < 0.9:
        cleanup = round((4 if reason == "weak_phrasing" else 11) + 14 * rng.random(), 1)
    elif outcome == "escalated":
        review = round(3 + 9 * rng.random(), 1)
        cleanup = round(6 * rng.random(), 1) if rng.random() < 0.3 else 0
    return {"review_minutes": review, "cleanup_minutes": cleanup}


def all_runs(seed: int) -> list[Run]:
    """Every run of the sample in the order of time, stories included."""
    runs = [run for day in days() for flow in FLOWS for run in runs_of(flow, day, seed)]
    workflow, action_type, moment = UNAPPROVED
    after = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sent = next(
        run
        for run in runs
        if (run["workflow"], run["action_type"], run["environment"])
        == (workflow, action_type, "prod")
        and run["start_time"] >= after
        and run["outcome"] == "success"
    )
    sent["approved"] = False
    rng = Random(f"{seed} last evening")
    support = next(flow for flow in FLOWS if flow.name == STALE_SLICE[0])
    mail = next(action for action in support.actions if action.name == STALE_SLICE[1])
    for start in STALE_TODAY:
        failed = run_of(support, start, mail, STALE_SLICE[2], rng)
        failed |= {"environment": "prod", "outcome": "failure", "failure_reason": "stale_fact"}
        runs.append(failed | minutes("failure", "stale_fact", rng))
    newest = run_of(support, NEWEST, support.actions[0], "midmarket", rng)
    runs.append(newest | {"outcome": None, "failure_reason": None, "score": None})
    return sorted(runs, key=lambda run: (run["start_time"], run["run_id"]))


def as_line(run: Run) -> str:
    """A run as one line of JSON."""
    return json.dumps({k: v for k, v in run.items() if v is not None}, separators=(",", ":"))


def broken_line(kind: str, line: str, run: Run) -> str:
    """A line that a reader has to reject."""
    match kind:
        case "cut":
            return line[: len(line) * 2 // 3]
        case "timeless":
            identity = run["run_id"] + "-t"
            return as_line({**run, "run_id": identity, "start_time": None})
        case _:
            return "Traceback (most recent call last):"


def daily_lines(runs: Sequence[Run]) -> dict[str, list[str]]:
    """The lines of every day's file, with what a log shipper did to them."""
    files = {day.isoformat(): Day() for day in days()}
    duplicates = broken = 0
    for number, run in enumerate(runs):
        file = files[run["start_time"][:10]]
        if number % WRONG_COST_EVERY == WRONG_COST_FIRST:
            run = {**run, "cost_usd": "n/a"}  # noqa: PLW2901
        line = as_line(run)
        file.lines.append(line)
        if number % BROKEN_EVERY == BROKEN_FIRST:
            file.lines.append(broken_line(BROKEN[broken % len(BROKEN)], line, run))
            broken += 1
        if number % DUPLICATE_EVERY == DUPLICATE_FIRST:
            (file.late if duplicates % 4 == 3 else file.lines).append(line)
            duplicates += 1
    late: list[str] = []
    for file in files.values():
        file.lines[:0], late = late, file.late
    return {name: file.lines for name, file in files.items()}


EXPORT_TYPES = {
    "start_time": "TIMESTAMP",
    "duration_ms": "BIGINT",
    "cost_usd": "DOUBLE",
    "input_tokens": "BIGINT",
    "output_tokens": "BIGINT",
    "retries": "INTEGER",
    "approved": "BOOLEAN",
    "score": "DOUBLE",
    "review_minutes": "DOUBLE",
    "cleanup_minutes": "DOUBLE",
}
"""The types of the exported columns; the others are texts."""


def export(runs: Sequence[Run], target: Path) -> None:
    """Write runs as a warehouse would: one Parquet file with typed columns."""
    types = {name: EXPORT_TYPES.get(name, "VARCHAR") for name in runs[0]}
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "runs.jsonl"
        lines.write_text("".join(as_line(run) + "\n" for run in runs), encoding="utf-8")
        duckdb.read_json(str(lines), columns=types, format="newline_delimited").write_parquet(
            str(target), compression="zstd"
        )


def write_sample(out: Path, seed: int) -> int:
    """Write the sample's files; gives the number of records, broken ones among them."""
    out.mkdir(parents=True, exist_ok=True)
    runs = all_runs(seed)
    exported = [run for run in runs if run["workflow"] == EXPORTED]
    export(exported, out / f"{EXPORTED}.parquet")
    files = daily_lines([run for run in runs if run["workflow"] != EXPORTED])
    for name, lines in files.items():
        (out / f"{name}.jsonl").write_bytes("".join(line + "\n" for line in lines).encode())
    return len(exported) + sum(map(len, files.values()))


def chance(number: int, whole: int = 1000) -> str:
    """A whole number from 0 to below `whole`; each `number` is another throw of the dice."""
    return f"(hash(i, {number}) % {whole})::INTEGER"


def plain_runs(count: int) -> str:
    """The statement that makes any number of runs, in the order of time."""
    pace = (NEWEST - datetime(2026, 10, 2, tzinfo=UTC)) // timedelta(microseconds=1) / count
    flows = [flow.name for flow in FLOWS[:4]]
    tiers = [flow.risk_tier for flow in FLOWS[:4]]
    actions = [[action.name for action in flow.actions][:3] for flow in FLOWS[:4]]
    reasons = ["stale_fact", "wrong_owner", "weak_phrasing", "contradiction", "wrong_amount"]
    failed = "throw BETWEEN 900 AND 949"
    return f"""
        WITH thrown AS (
            SELECT i, 1 + {chance(1, 4)} AS flow, {chance(2)} AS throw FROM range({count}) AS t(i)
        )
        SELECT
            format('{{:07x}}-{{:08x}}', i, hash(i) % 4294967296) AS run_id,
            TIMESTAMP '2026-10-02' + to_microseconds((i * {pace!r})::BIGINT) AS start_time,
            ({flows})[flow] AS workflow,
            ({actions})[flow][1 + {chance(3, 3)}] AS action_type,
            ({tiers})[flow] AS risk_tier,
            (['enterprise', 'midmarket', 'self-serve'])[1 + {chance(4, 3)}] AS segment,
            CASE WHEN {chance(5, 10)} = 0 THEN 'staging' ELSE 'prod' END AS environment,
            (['north-large', 'north-small', 'south-base'])[1 + {chance(6, 3)}] AS model,
            '4.' || (i * 6 // {count}) AS version,
            CASE WHEN throw < 900 THEN 'success' WHEN throw < 950 THEN 'failure'
                 WHEN throw < 970 THEN 'escalated' WHEN throw < 980 THEN 'infrastructure' END
                AS outcome,
            CASE WHEN throw = 949 AND {chance(7, 50)} = 0 THEN 'private_data'
                 WHEN {failed} THEN ({reasons})[1 + {chance(8, 5)}] END AS failure_reason,
            {chance(9, 200_000)} / 1000000 AS cost_usd,
            {chance(10, 20_000)}::BIGINT AS input_tokens,
            {chance(11, 30_000)}::BIGINT AS duration_ms,
            CASE WHEN {failed} THEN {chance(12, 600)} / 10 END AS cleanup_minutes,
            CASE WHEN {chance(13, 5)} = 0 THEN {chance(14)} / 1000 END AS score,
            'Answered.' AS message
        FROM thrown
    """


def write_plain(out: Path, count: int, form: str) -> Path:
    """Write any number of runs as one file."""
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"runs.{form}"
    unfinished = target.with_suffix(".unfinished")
    select = plain_runs(count)
    options = "FORMAT parquet, ROW_GROUP_SIZE 122880"
    if form == "jsonl":
        options = "FORMAT json"
        time = "strftime(start_time, '%Y-%m-%dT%H:%M:%S.%gZ') AS start_time"
        select = f"SELECT * REPLACE ({time}) FROM ({select})"
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"COPY ({select}) TO '{unfinished}' ({options})")
    unfinished.replace(target)
    return target


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and write the files."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="the folder to write to")
    parser.add_argument("--seed", type=int, default=SEED, help="of the sample")
    parser.add_argument("--runs", type=int, help="that many plain runs instead of the sample")
    parser.add_argument("--format", choices=("parquet", "jsonl"), default="jsonl")
    options = parser.parse_args(arguments)
    if options.runs is None:
        records = write_sample(options.out or here, options.seed)
        print(f"{records:,} records", file=sys.stderr)
    elif options.out is None or options.runs < 1:
        parser.error("--runs needs a number above 0 and --out")
    else:
        print(write_plain(options.out, options.runs, options.format), file=sys.stderr)


if __name__ == "__main__":
    main()
