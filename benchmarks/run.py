"""Time ebudget against what it is held against, in one run, as whole processes.

    python benchmarks/run.py                    10M runs: about 5 GB of disk, 10 minutes or more
    python benchmarks/run.py --small            500,000 runs, each pair twice: 2 minutes
    python benchmarks/run.py --growth           how time and memory grow with runs and budgets
    python benchmarks/run.py --only json        only the comparisons whose name holds "json"

Each comparison runs its two commands in turn, several times after a first turn that does not
count, and prints medians: of the times, and of the ratios pair by pair. The logs are made once,
under bench-data/.
"""

from __future__ import annotations

import argparse
import json
import os
import re
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
SMALL = 500_000
"""The number of runs of a quick look; with so few, start-up outweighs the work."""
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
    most: float | None = None
    """The largest ratio."""
    by_cpu: bool = False
    """Whether the ratio is that of the processors' times, not that of the wall's."""
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


IMPORTS = Command("import duckdb, polars", ("-c", "import duckdb, polars"))
TYPER = Command("import typer", ("-c", "import typer"))


def command(name: str, *arguments: str) -> Command:
    """Some command of ebudget, whatever a gate answers."""
    return Command(name, ("-m", "ebudget", *arguments), exits=(0, 1, 3))


def comparisons(parquet: Path, jsonl: Path, year: Path, accounts: Path) -> list[Comparison]:
    """What is compared, with the goals."""
    sweep = "--sweep=wrong-outcomes.allow=0.01%..10%:0.01%"
    past = ("--replay=1d", "--from=2025-11-01", "--to=2026-10-31")
    twelve, many = "benchmarks/policies/12.yaml", "benchmarks/policies/48.yaml"
    bare = "benchmarks/bare.py"
    parted = (str(accounts), "-p", str(accounts.with_suffix(".yaml")))
    return [
        Comparison(
            "report, 12 budgets, Parquet",
            report(parquet, twelve),
            Command("bare statement", (bare, str(parquet))),
            most=1.25,
            memory=1000,
            same_work=True,
        ),
        Comparison(
            "report, 12 budgets, JSONL",
            report(jsonl, twelve),
            Command("bare statement", (bare, str(jsonl))),
            most=1.35,
            by_cpu=True,
            memory=1000,
            same_work=True,
        ),
        Comparison(
            "48 budgets instead of 12, Parquet",
            report(parquet, many),
            report(parquet, twelve),
            most=1.25,
        ),
        Comparison(
            "1,000 sweep values, Parquet",
            simulate(parquet, twelve, "ebudget simulate --sweep", sweep),
            report(parquet, twelve),
            most=1.2,
        ),
        Comparison(
            "365 days replayed, 1M runs",
            simulate(year, twelve, "ebudget simulate --replay 1d", *past),
            report(year, twelve),
            most=2.0,
        ),
        Comparison(
            "check on sample_logs",
            command("ebudget check", "check", "sample_logs", "-p", "budgets.example.yaml"),
            IMPORTS,
            most=2.6,
        ),
        Comparison("the version", command("ebudget --version", "--version"), TYPER, seconds=0.15),
        Comparison("the help", command("ebudget --help", "--help"), TYPER, seconds=0.15),
        Comparison(
            "10,000 accounts, check",
            command("ebudget check", "check", *parted),
            IMPORTS,
            seconds=2,
        ),
        Comparison(
            "10,000 accounts, text",
            command("ebudget report", "report", *parted),
            IMPORTS,
            seconds=3,
        ),
        Comparison(
            "10,000 accounts, 50 sweep values",
            command("ebudget simulate", "simulate", *parted, "--sweep=outcomes.allow=1%..50%:1%"),
            IMPORTS,
            seconds=10,
        ),
    ]


def growths(many: str) -> list[tuple[str, Command]]:
    """How a report grows: with runs, with accounts, with budgets."""
    twelve = "benchmarks/policies/12.yaml"
    found = [(f"{n:,} runs", report(made(n, "parquet"), twelve)) for n in (100_000, YEAR, FULL)]
    for count in (1, 100, 1_000, 10_000):
        log = accounts_of(count)
        policy = ("-p", str(log.with_suffix(".yaml")), "--format=json")
        found.append((f"{count:,} accounts", command("report", "report", str(log), *policy)))
    runs = made(YEAR, "parquet")
    for name in ("12", "48", many):
        policy = f"benchmarks/policies/{name}.yaml" if "/" not in name else name
        found.append((f"{Path(policy).stem} budgets", report(runs, policy)))
    return found


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
    yield (comparison.name, "wall", "CPU", "memory", "", "goal")
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
    if comparison.most is not None:
        held = verdict(cpu if comparison.by_cpu else ratio, comparison.most)
        limit = f"{comparison.most:.2f}{' CPU' if comparison.by_cpu else ''}"
        yield ("  ratio, the median of the pairs", f"{ratio:.2f}", f"{cpu:.2f}", "", held, limit)
    if comparison.seconds is not None:
        wall = middle(run.wall for run in ours)
        yield (
            "  seconds",
            f"{wall:.2f}",
            "",
            "",
            verdict(wall, comparison.seconds),
            f"{comparison.seconds:g} s",
        )
    if comparison.memory is not None:
        peak = max(run.memory for run in ours)
        limit = f"{comparison.memory:,.0f} MB"
        yield ("  peak memory", "", "", f"{peak:,.0f} MB", verdict(peak, comparison.memory), limit)


def grown(times: int) -> Iterable[tuple[str, ...]]:
    """A line for every size."""
    for name, one in growths(many_budgets(200)):
        runs = [measure(one) for _ in range(times + 1)][1:]
        say(f"{name}: {runs[-1].wall:.2f} s")
        yield (
            name,
            f"{middle(run.wall for run in runs):.2f} s",
            f"{middle(run.cpu for run in runs):.2f} s",
            f"{max(run.memory for run in runs):,.0f} MB",
        )


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


def accounts_of(count: int) -> Path:
    """A log of 100,000 runs of so many workflows, and beside it a policy of one budget for each."""
    path = DATA / f"accounts-{count}.jsonl"
    if not path.exists():
        DATA.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            for number in range(100_000):
                second = number * 7919 % (20 * 86_400)
                record = {
                    "run_id": number,
                    "ts": 1_761_955_200 + second,
                    "workflow": f"w{number % count}",
                    "ok": number * 31 % 101 > 9,
                }
                file.write(json.dumps(record) + "\n")
        path.with_suffix(".yaml").write_text(
            "version: 1\nbudgets:\n  outcomes:\n    {each: [workflow], spend: {class: B+}, "
            "allow: 20%, window: 28d}\n"
        )
    return path


def many_budgets(count: int) -> str:
    """A policy of so many budgets: those of 48.yaml again and again, under other names."""
    text = (ROOT / "benchmarks" / "policies" / "48.yaml").read_text(encoding="utf-8")
    head, _, budgets = text.partition("\nbudgets:\n")
    blocks = re.split(r"(?m)^(?=  [^ ])", budgets.strip("\n") + "\n")
    blocks = [block for block in blocks if block.strip()]
    made_of = [
        re.sub(r"\A  ([^:]+):", rf"  \1-{number}:", blocks[number % len(blocks)])
        for number in range(count)
    ]
    path = DATA / f"{count}.yaml"
    path.write_text(f"{head}\nbudgets:\n{''.join(made_of)}", encoding="utf-8")
    return str(path)


def main() -> None:
    """Read the command line, compare, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=FULL, help=f"of the logs ({FULL:,})")
    parser.add_argument("--times", type=int, default=5, help="that each pair is timed (5)")
    parser.add_argument("--small", action="store_true", help=f"{SMALL:,} runs, twice")
    parser.add_argument("--growth", action="store_true", help="how time and memory grow")
    parser.add_argument("--only", default="", help="a part of the names of comparisons")
    options = parser.parse_args()
    os.chdir(ROOT)
    if options.growth:
        print(table([("", "wall", "CPU", "memory"), *grown(options.times)]))
        return
    if options.small:
        options.runs, options.times = SMALL, 2
    rows: list[tuple[str, ...]] = []
    notes = [f"{options.runs:,} runs, {os.cpu_count()} processors, medians of {options.times}"]
    if options.runs < FULL:
        notes.append(f"the limits are meant for {FULL:,} runs; with fewer, start-up outweighs them")
    logs = made(options.runs, "parquet"), made(options.runs, "jsonl"), year_of_runs()
    for comparison in comparisons(*logs, accounts_of(10_000)):
        if options.only.lower() not in comparison.name.lower():
            continue
        ours, other = compare(comparison, options.times)
        rows += [*rows_of(comparison, ours, other), ("",) * 6]
    print("\n".join(notes))
    if rows:
        print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()
