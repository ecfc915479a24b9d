"""Time ebudget against what it is held against, in one run, as whole processes.

    python benchmarks/run.py                    10M runs: about 5 GB of disk, 10 minutes or more
    python benchmarks/run.py --runs 200000      a quick look; start-up outweighs the work
    python benchmarks/run.py --only json        only the comparisons whose name holds "json"

Each comparison runs its two commands in turn, several times after a first turn that does not
count, and prints medians: of the times, and of the ratios pair by pair. The logs are made once,
under bench-data/.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "bench-data"
YEAR = 1_000_000
"""The number of runs of the replay."""
FULL = 10_000_000
"""The number of runs that the limits are meant for."""
MAXRSS_PER_MB = 1024 * 1024 if sys.platform == "darwin" else 1024
"""What ru_maxrss counts: kilobytes on Linux, bytes on macOS."""


@dataclass(frozen=True)
class Measured:
    """One run of one command."""

    wall: float
    """Seconds from start to end."""
    cpu: float
    """Seconds of all its processors."""
    memory: float
    """Peak resident memory in MB."""
    output: str


@dataclass(frozen=True)
class Command:
    """Something to time."""

    name: str
    arguments: tuple[str, ...]
    """Of the Python that runs this file."""
    exits: tuple[int, ...] = (0,)
    """The exit codes that mean that it worked."""


@dataclass(frozen=True)
class Comparison:
    """Two commands, and how much longer the first may take."""

    name: str
    ours: Command
    other: Command
    most: float
    """The largest ratio of the wall times."""
    seconds: float | None = None
    """The longest wall time of ours."""
    memory: float | None = None
    """The largest peak memory of ours in MB."""
    same_work: bool = False
    """Whether both print figures that have to agree."""


def report(data: Path, policy: str) -> Command:
    """`ebudget report` over some logs."""
    budgets = Path(policy).stem
    return Command(
        f"ebudget report, {budgets} budgets",
        ("-m", "ebudget", "report", str(data), "-p", policy, "--format", "json"),
    )


def simulate(data: Path, policy: str, name: str, *options: str) -> Command:
    """`ebudget simulate` over some logs."""
    return Command(name, ("-m", "ebudget", "simulate", str(data), "-p", policy, *options))


def comparisons(parquet: Path, jsonl: Path, year: Path) -> list[Comparison]:
    """What is compared, with the limits."""
    sweep = "--sweep=wrong-outcomes.allow=0.01%..10%:0.01%"
    past = ("--replay=1d", "--from=2025-11-01", "--to=2026-10-31")
    twelve, many = "benchmarks/policies/12.yaml", "benchmarks/policies/48.yaml"
    bare = "benchmarks/bare.py"
    return [
        Comparison(
            "report, 12 budgets, Parquet",
            report(parquet, twelve),
            Command("bare statement", (bare, str(parquet))),
            most=1.5,
            memory=1500,
            same_work=True,
        ),
        Comparison(
            "report, 12 budgets, JSONL",
            report(jsonl, twelve),
            Command("bare statement", (bare, str(jsonl))),
            most=1.3,
            memory=1500,
            same_work=True,
        ),
        Comparison(
            "48 budgets instead of 12, Parquet",
            report(parquet, many),
            report(parquet, twelve),
            most=1.3,
        ),
        Comparison(
            "1,000 sweep values, Parquet",
            simulate(parquet, twelve, "ebudget simulate --sweep", sweep),
            report(parquet, twelve),
            most=1.5,
        ),
        Comparison(
            "365 days replayed, 1M runs",
            simulate(year, twelve, "ebudget simulate --replay 1d", *past),
            report(year, twelve),
            most=3.0,
        ),
        Comparison(
            "check on sample_logs",
            Command(
                "ebudget check",
                ("-m", "ebudget", "check", "sample_logs", "-p", "budgets.example.yaml"),
                exits=(0, 1, 3),
            ),
            Command("import duckdb, polars", ("-c", "import duckdb, polars")),
            most=3.0,
            seconds=1.0,
        ),
    ]


def measure(command: Command) -> Measured:
    """Run a command once. Raises RuntimeError where it fails."""
    # Installed packages come with their bytecode; a checkout has to be allowed to keep it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        arguments = [sys.executable, *command.arguments]
        started = time.perf_counter()
        process = os.posix_spawn(
            sys.executable,
            arguments,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, output.fileno(), 1)],
        )
        _, status, usage = os.wait4(process, 0)
        wall = time.perf_counter() - started
        code = os.waitstatus_to_exitcode(status)
        if code not in command.exits:
            raise RuntimeError(f"{' '.join(arguments)}: exit {code}")
        output.seek(0)
        return Measured(
            wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / MAXRSS_PER_MB, output.read()
        )


def disagreement(ours: str, bare: str) -> str | None:
    """Where the two counted or summed differently, if they did."""
    statement, figures = json.loads(ours), json.loads(bare)
    cost = {
        account["group"]["workflow"]: account["spent"]
        for account in statement["accounts"]
        if account["budget"] == "cost-of-value"
    }
    pairs = {
        "runs": (statement["input"]["runs"], figures["runs"]),
        "duplicates": (statement["input"]["duplicates"], figures["duplicates"]),
        "cost of the month": (cost, figures["cost_of_month"]),
    }
    found = [f"{name}: {a} against {b}" for name, (a, b) in pairs.items() if a != b]
    return "; ".join(found) or None


def compare(comparison: Comparison, times: int) -> tuple[list[Measured], list[Measured]]:
    """Run both commands in turn; the first turn, which warms the caches, is left out."""
    ours: list[Measured] = []
    other: list[Measured] = []
    for turn in range(times + 1):
        pair = measure(comparison.ours), measure(comparison.other)
        say(f"{comparison.name}: {pair[0].wall:.2f} s against {pair[1].wall:.2f} s")
        if turn == 0:
            if comparison.same_work and (reason := disagreement(pair[0].output, pair[1].output)):
                raise RuntimeError(f"{comparison.name}: not the same work: {reason}")
            continue
        ours.append(pair[0])
        other.append(pair[1])
    return ours, other


def rows_of(
    comparison: Comparison, ours: Sequence[Measured], other: Sequence[Measured]
) -> Iterable[tuple[str, ...]]:
    """The lines of the table for one comparison."""
    yield (comparison.name, "wall", "CPU", "memory", "", "limit")
    for command, runs in ((comparison.ours, ours), (comparison.other, other)):
        yield (
            f"  {command.name}",
            f"{middle(run.wall for run in runs):.2f} s",
            f"{middle(run.cpu for run in runs):.2f} s",
            f"{max(run.memory for run in runs):,.0f} MB",
            "",
            "",
        )
    pairs = list(zip(ours, other, strict=True))
    ratio = middle(a.wall / b.wall for a, b in pairs)
    cpu = middle(a.cpu / b.cpu for a, b in pairs)
    yield (
        "  ratio, the median of the pairs",
        f"{ratio:.2f}",
        f"{cpu:.2f}",
        "",
        verdict(ratio, comparison.most),
        f"{comparison.most:.1f}",
    )
    if comparison.seconds is not None:
        wall = middle(run.wall for run in ours)
        yield (
            "  seconds",
            f"{wall:.2f}",
            "",
            "",
            verdict(wall, comparison.seconds),
            f"{comparison.seconds:.1f} s",
        )
    if comparison.memory is not None:
        peak = max(run.memory for run in ours)
        limit = f"{comparison.memory:,.0f} MB"
        yield ("  peak memory", "", "", f"{peak:,.0f} MB", verdict(peak, comparison.memory), limit)


def middle(values: Iterable[float]) -> float:
    """The median."""
    return statistics.median(values)


def verdict(value: float, limit: float) -> str:
    """Whether a figure keeps its limit."""
    return "within" if value <= limit else "ABOVE"


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows as aligned text."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *rest = row
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def say(text: str) -> None:
    """A word on the progress."""
    print(text, file=sys.stderr, flush=True)


def made(runs: int, form: str) -> Path:
    """The logs of so many runs, made where they are not there yet."""
    folder = DATA / str(runs)
    path = folder / f"runs.{form}"
    if not path.exists():
        say(f"making {path}")
        script = str(ROOT / "sample_logs" / "generate.py")
        options = ["--runs", str(runs), "--format", form, "--out", str(folder)]
        subprocess.run([sys.executable, script, *options], check=True)
    return path


def year_of_runs() -> Path:
    """A million runs over fourteen months, made of the million that cover one."""
    runs = made(YEAR, "parquet")
    path = runs.with_name("year.parquet")
    if not path.exists():
        say(f"making {path}")
        newest = f"(SELECT max(start_time) FROM '{runs}')"
        spread = f"{newest} - ({newest} - start_time) * 14 AS start_time"
        duckdb.execute(f"COPY (SELECT * REPLACE ({spread}) FROM '{runs}') TO '{path}'")
    return path


def known(command: Command) -> bool:
    """Whether this ebudget has the command."""
    if command.arguments[:2] != ("-m", "ebudget"):
        return True
    helped = [sys.executable, *command.arguments[:3], "--help"]
    return subprocess.run(helped, capture_output=True, check=False).returncode == 0


def main() -> None:
    """Read the command line, compare, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=FULL, help=f"of the logs ({FULL:,})")
    parser.add_argument("--times", type=int, default=5, help="that each pair is timed (5)")
    parser.add_argument("--only", default="", help="a part of the names of comparisons")
    options = parser.parse_args()
    os.chdir(ROOT)
    rows: list[tuple[str, ...]] = []
    notes = [f"{options.runs:,} runs, {os.cpu_count()} processors, medians of {options.times}"]
    if options.runs < FULL:
        notes.append(f"the limits are meant for {FULL:,} runs; with fewer, start-up outweighs them")
    logs = made(options.runs, "parquet"), made(options.runs, "jsonl"), year_of_runs()
    for comparison in comparisons(*logs):
        if options.only.lower() not in comparison.name.lower():
            continue
        if not known(comparison.ours):
            notes.append(f"left out: {comparison.name}: this ebudget has no such command")
            continue
        ours, other = compare(comparison, options.times)
        rows += [*rows_of(comparison, ours, other), ("",) * 6]
    print("\n".join(notes))
    if rows:
        print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()
