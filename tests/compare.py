"""Whether two revisions of ebudget answer the same to the byte: exit codes, texts, files."""

from __future__ import annotations

import argparse
import difflib
import gc
import io
import json
import os
import pickle
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
"""Logs and figures that lie beside the repository where it was made."""
GROUPS = ("sample", "real", "oracle", "faults", "generated")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLOCK = datetime(2026, 11, 21, tzinfo=UTC)
LIMIT_S = 120
SHOWN, SHOWN_LINES = 10, 20
OWN = re.compile("COLUMNS|FORCE_COLOR|NO_COLOR|TERM|GITHUB_.*|PYTHON.*|POLARS_.*")
"""Variables that change what a command does, and are the cases' own."""

Answer = dict[str, bytes]
"""What a command gave: `exit`, `stdout`, `stderr`, and the files in its folder `out`."""


@dataclass(frozen=True)
class Case:
    """One command."""

    folder: str
    """Where it runs; the first part is the group."""
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    clock: float = CLOCK.timestamp()
    stdin: str = os.devnull
    cold: bool = False
    """In a process of its own, which imports what it needs when it needs it."""

    @property
    def group(self) -> str:
        return self.folder.partition("/")[0]

    def __str__(self) -> str:
        told = [f"{name}={value}" for name, value in self.environment.items()]
        source = [] if self.stdin == os.devnull else ["<", self.stdin]
        return f"{self.folder}: {shlex.join([*told, 'ebudget', *self.arguments, *source])}"


def case(folder: str, text: str, columns: int = 80, **more: Any) -> Case:
    """A case whose arguments are written as for a shell."""
    return Case(folder, shlex.split(text), {"COLUMNS": str(columns)}, **more)


# What both are asked: the files are written below `files`, the commands name them relatively

REPORTED = "--output json=out/r.json --output markdown=out/r.md --output text=out/r.txt"
CHECKED = f"{REPORTED} --output junit=out/r.xml --output github=out/annotations.txt"
BAD_POLICIES = {
    "empty.yaml": "",
    "torn.yaml": "budgets: {b: [",
    "key.yaml": "version: 1\nbudgets: {b: {spend: {class: B+}, alow: 5%}}\n",
    "class.yaml": "version: 1\nbudgets: {b: {spend: {class: Z}, allow: 5%, window: 8x}}\n",
    "sql.yaml": "version: 1\nbudgets: {b: {spend: {when: 'no_column > 1 or ('}, allow: 5%}}\n",
    "column.yaml": "version: 1\nbudgets: {b: {spend: {when: 'no_column > 1'}, allow: 5%}}\n",
    "other.yaml": "version: 1\ntimezone: America/New_York\n"
    "budgets: {trust: {spend: {class: C+}, allow: 3}}\n",
}
SCOPES = (
    *("", "--budget wrong-outcomes", "--for workflow=support-triage", "--as-of 2026-10-25"),
    "--budget trust --for workflow=sales-assist --as-of 2026-10-20T12:00:00+02:00",
)
REPORTS = (
    *("--by model,version --show-rejects", "--sql", "--as-of now", "--skip-unreadable"),
    *("--budget nothing", "--for workflow=nobody", "--for workflow", "--by nothing"),
    *("--as-of yesterday", "--format junit", "--nothing", "--output json", "--as-of 2027-01-01"),
    *("--output json=nowhere/r.json", "nothing.jsonl", "sample_logs/*.parquet", "sample_logs"),
)
CHECKS = (
    *("--change prompt", "--change model", "--change nothing", "--fail-on warning"),
    *("--fail-on frozen", "--fail-on-alert page", "--fail-on-alert ticket --exit-zero"),
    *("--on-insufficient warn", "--on-insufficient pass", "--on-insufficient fail"),
    *("--max-age 24h", "--max-age 60d", "--max-rejected 0.01%", "--max-rejected 50%"),
    *("--confident --fail-on warning", "--baseline kept/base.json --change prompt"),
    *("--baseline kept/base.json --new-only --fail-on warning", "--baseline budgets.example.yaml"),
    *("--baseline nothing.json", "--new-only", "--budget trust --budget cleanup"),
    *("--budget nothing", "--for workflow=nobody", "--output github"),
)
SIMULATIONS = (
    *("--set wrong-outcomes.allow=4% --for workflow=support-triage", "--cut wrong-outcomes"),
    *("--set strict:trust.allow=2 --set strict:cleanup.window=30d --scale dearer:cost_usd=1.5",),
    *("--set wrong-outcomes.freeze_below=10% --set trust.weights.C=2", "--set trust.respond.50%=x"),
    *("--sweep answer-quality.allow=1%..10%:1%", "--sweep trust.min_runs=0..90:30 --cut cleanup"),
    *("--without action_type=send_email,segment=enterprise", "--only workflow=report-gen"),
    *(
        "--scale failure:stale_fact=0.5 --scale runs:workflow=sales-assist=3",
        "--against other.yaml",
    ),
    *("--replay 1d --budget wrong-outcomes", "--replay 1w --set cost-creep.allow.of_baseline=110%"),
    *("--suggest slow-answers --keep 90%", "--replay 6h --from 2026-10-28 --to 2026-10-30"),
    *("--suggest wrong-outcomes --suggest cost-of-value", "--as-of 2026-10-25 --suggest wording"),
    *("--set nothing.allow=5%", "--set trust.nothing=5%", "--set trust.allow=x", "--set trust"),
    *("--sweep trust.allow=9..1:1", "--scale nothing=2", "--scale failure:nothing=0.5", "--cut x"),
    *("--without model=nothing", "--replay x", "--suggest nothing", "--keep 200%", "--against no"),
)


def sample_cases(files: Path, tree: Path) -> Iterator[Case]:
    """The sample logs and the example policy."""
    folder = files / "sample"
    shutil.copytree(tree / "sample_logs", folder / "sample_logs")
    shutil.copy(tree / "budgets.example.yaml", folder)
    for name, text in BAD_POLICIES.items():
        (folder / name).write_text(text)
    policy = "-p budgets.example.yaml"
    for scope in SCOPES:
        for columns in (80, 120):
            yield case("sample", f"report {policy} {scope}", columns)
            yield case("sample", f"check {policy} {scope} {CHECKED}", columns)
            yield case("sample", f"simulate {policy} {scope} --replay 1d", columns)
        for form in ("json", "markdown"):
            yield case("sample", f"report {policy} {scope} --format {form}")
            yield case("sample", f"simulate {policy} {scope} --format {form} --cut wrong-outcomes")
        for form in ("json", "markdown", "junit", "github"):
            yield case("sample", f"check sample_logs {policy} {scope} --format {form}")
    early = "--as-of 2026-10-20 --output json=kept/base.json"
    yield case("sample", f"report {policy} {early} --format json")
    yield from (case("sample", f"report {policy} {words} {REPORTED}") for words in REPORTS)
    for turn, words in enumerate(CHECKS):  # what is shown as JSON has breakdowns, the rest has none
        yield case("sample", f"check {policy} {words} {CHECKED if turn % 2 else ''}", 120)
    for turn, words in enumerate(SIMULATIONS):
        yield case("sample", f"simulate {policy} {words} {REPORTED}", 120 if turn % 2 else 80)
    yield from odd_cases(policy)


def odd_cases(policy: str) -> Iterator[Case]:
    """Help, policies that are wrong, other places to read from and write to."""
    for name in ("budgets.example.yaml", "nothing.yaml", *BAD_POLICIES):
        for logs in ("", "sample_logs", "nothing.jsonl"):
            yield case("sample", f"validate {name} {logs}")
        for command in ("report", "check", "simulate"):
            yield case("sample", f"{command} sample_logs/2026-10-0*.jsonl -p {name}", 120)
    for command in ("", "report", "check", "simulate", "validate", "schema"):
        for columns in (80, 120):
            yield case("sample", f"{command} --help", columns)
        yield case("sample", f"{command} --help", cold=True)
    for words in ("", "--version", "nothing", "schema", "report", "report -p x -p y"):
        yield case("sample", words, cold=True)
    for command in ("report", "check", "simulate --replay 1d", f"report - {REPORTED}"):
        yield case("sample", f"{command} {policy} --as-of 2026-10-20", cold=True)
    yield case("sample", "validate budgets.example.yaml --as-of 2026-10-20", cold=True)
    yield case("sample", f"report - {policy}", stdin="sample_logs/2026-10-09.jsonl")
    for more in ({"GITHUB_ACTIONS": "true"}, {"FORCE_COLOR": "1"}):
        settings = {"COLUMNS": "90", "GITHUB_STEP_SUMMARY": "out/summary.md", **more}
        for words in (f"report {policy}", f"check {policy} --output github", "validate key.yaml"):
            yield Case("sample", shlex.split(words), settings)


def real_cases(files: Path) -> Iterator[Case]:
    """The logs of real agents, each with the policy of its name."""
    for name in ("real", "policies"):
        shutil.copytree(SHARED / name, files / "real" / name)
    moments = {
        (one["log"], one["as_of"])
        for one in json.loads((SHARED / "real" / "expected.json").read_text())["cases"]
    }
    for path in sorted((SHARED / "policies").glob("*.yaml")):
        log = f"real/{path.stem}.jsonl"
        if (SHARED / log).exists():
            policy = f"-p policies/{path.name}"
            first = re.findall(r"^  ([\w-]+):\n    kind", path.read_text(), re.MULTILINE)[0]
            yield case("real", f"validate policies/{path.name} {log}", 120)
            whens = ["", *(f"--as-of {when}" for of, when in sorted(moments) if of == log)]
            for columns, when in zip((80, 120, 100, 90), whens, strict=False):
                yield from real_questions(log, f"{policy} {when}", first, columns)


def real_questions(log: str, policy: str, budget: str, columns: int) -> Iterator[Case]:
    """Every command about one log at one instant."""
    for words in (
        *(f"report {log} {policy} {REPORTED}", f"report {policy} --budget {budget} --by model"),
        *(f"check {log} {policy} {CHECKED}", f"check {policy} --change prompt --format github"),
        f"check {policy} --confident --fail-on warning --fail-on-alert ticket --format junit",
        f"simulate {policy} --set {budget}.allow=7% --scale cost_usd=1.2 {REPORTED}",
        f"simulate {policy} --sweep {budget}.allow=2%..40%:2% --cut {budget} {REPORTED}",
        f"simulate {policy} --replay 7d --suggest {budget} {REPORTED}",
    ):
        yield case("real", words, columns)


def oracle_cases(files: Path) -> Iterator[Case]:
    """Published figures: logs of so many good and bad runs, as the tests write them."""
    known = json.loads((SHARED / "oracle" / "known-answers.json").read_text())
    wanted: list[tuple[dict[str, Any], list[tuple[datetime, int, int]], str]] = []
    for one in known["ratio"]:
        if one["total"] <= 20_000:
            bad = one["total"] - one["good"]
            wanted.append(({"slo": f"{float(one['target']):.6%}"}, [(NOW, one["good"], bad)], ""))
    for one in known["burn_factors"]:
        wanted.append(({"allow": "10%", "window": one["window"]}, [(NOW, 99, 30)], ""))
    for one in known["calendar"]:
        terms = {"allow": "10%", "window": one["window"], "zone": one["zone"]}
        start = datetime.fromisoformat(one["start"])
        around = [(start, 1, 0), (start - timedelta(microseconds=1), 0, 1)]
        wanted.append((terms, around, f"--as-of {one['as_of']}"))
    parts = zip(known["occurrences"]["good"], known["occurrences"]["valid"], strict=True)
    hours = [(NOW - timedelta(hours=h), g, v - g) for h, (g, v) in enumerate(parts)]
    wanted.append(({"allow": "5%"}, hours, ""))
    good = [round(1000 * share) for share in known["series"]["daily_good"]]
    days = [
        (NOW - timedelta(days=29 - d), g, 1000 - g)
        for d, g in enumerate([*good, *[1000] * (30 - len(good))])
    ]
    wanted.append(({"allow": "0.1%"}, days, "--as-of 2026-11-20T23:59:59.999999"))
    wanted += [({"allow": 3}, [(NOW, 9, bad)], "") for bad in (2, 3, 4)]
    for index, (terms, runs, when) in enumerate(wanted):
        folder = f"oracle/{index:02}"
        write_counted(files / folder, terms, runs)
        yield case(folder, f"report runs.jsonl {when} --budget b {REPORTED}", 120)
        yield case(folder, f"check runs.jsonl {when} {CHECKED}")
        yield case(folder, f"validate budgets.yaml runs.jsonl {when}")


def write_counted(
    folder: Path, terms: dict[str, Any], runs: Iterable[tuple[datetime, int, int]]
) -> None:
    """A policy of one budget, and a log with so many good and bad runs at each instant."""
    folder.mkdir(parents=True)
    zone = terms.pop("zone", "UTC")
    budget = {"spend": {"class": "A+"}, **terms}
    policy = {"version": 1, "timezone": zone, "budgets": {"b": budget}}
    (folder / "budgets.yaml").write_text(json.dumps(policy))
    with (folder / "runs.jsonl").open("w") as log:
        for when, good, bad in runs:
            line = '{{"start_time": "{}", "outcome": "{}"}}\n'
            log.write(line.format(when.isoformat(), "success") * good)
            log.write(line.format(when.isoformat(), "failure") * bad)


def fault_cases(files: Path) -> Iterator[Case]:
    """Inputs that once came out wrong: each policy over its logs, and the commands noted there."""
    shutil.copytree(SHARED / "faults", files / "faults")
    notes = {"cmd.txt", "expected.txt", "why.md", "got.txt", "out", "kept"}
    for noted in sorted((files / "faults").glob("*/cmd.txt")):
        folder = f"faults/{noted.parent.name}"
        names = {path.name for path in noted.parent.iterdir()} - notes
        policies = sorted(name for name in names if name.endswith(".yaml"))
        logs = shlex.join(sorted(names - set(policies)))
        for policy in policies:
            yield case(folder, f"report {logs} -p {policy} --show-rejects {REPORTED}")
            yield case(folder, f"check {logs} -p {policy} {CHECKED}", 120)
            yield case(folder, f"validate {policy} {logs}", 100)
        for told, words in re.findall(r"((?:\w+=\w+ )*)ebudget ([^;|>&#\n]+)", noted.read_text()):
            if "$" not in words:
                settings = dict(pair.split("=") for pair in told.split())
                yield Case(folder, shlex.split(words.removesuffix(" 2")), settings)


def drawn_cases(files: Path, count: int) -> list[Case]:
    """Cases of the tests' own strategies, the same in every run; run in a process that has the
    tests of the older revision on its path.
    """
    from hypothesis import HealthCheck, Phase, given, settings

    strategies, support = import_module("strategies"), import_module("support")
    found: list[Case] = []
    folders: list[str] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategies.cases())
    def collect(drawn: Any) -> None:
        folders.append(f"generated/{len(folders):04}")
        folder = files / folders[-1]
        folder.mkdir(parents=True)
        (folder / "budgets.yaml").write_text(support.policy_text(drawn.policy), "utf-8")
        paths = [support.write_log(folder, log) for log in drawn.logs]
        logs = shlex.join(os.path.relpath(path, folder) for path in paths)
        when = "" if drawn.as_of is None else f"--as-of {drawn.as_of.isoformat()}"
        words = questions(drawn.policy, f"{logs} {when}", len(folders))
        clock = drawn.clock.timestamp()
        found.extend(case(folders[-1], text, 80 + len(folders) % 60, clock=clock) for text in words)

    collect()
    return found


def questions(policy: Mapping[str, Any], logs: str, turn: int) -> Iterator[str]:
    """What is asked of a drawn policy and its logs."""
    name, budget = next(iter(policy["budgets"].items()))
    allow = budget.get("allow", "1%")
    is_share = isinstance(allow, str) and allow.endswith("%")
    steps = f"{name}.allow=0%..60%:4%" if is_share else f"{name}.min_runs=0..20:5"
    if isinstance(allow, int):
        steps = f"{name}.allow=0..12:1"
    other = ("7%", "3", "'{amount: 2, per: 10}'", "'{low: 5%, default: 20%}'")[turn % 4]
    mended = next((f"failure:{one}=0.5" for one in policy["failures"]), "cost_usd=1.5")
    traffic = ("--without segment=vip", "--only workflow=triage", "--scale runs:segment=vip=3")
    yield f"report {logs} --show-rejects {REPORTED}"
    yield f"report {logs} --budget {name} --by segment,workflow {REPORTED}"
    yield f"check {logs} {CHECKED}"
    yield f"check {logs} --confident --fail-on warning --on-insufficient pass --format github"
    yield f"check {logs} --change prompt --fail-on-alert ticket --max-age 12h --format junit"
    yield f"validate budgets.yaml {logs}"
    yield f"simulate {logs} --set {name}.allow={other} --scale a:{mended} {REPORTED}"
    yield f"simulate {logs} {traffic[turn % 3]} --sweep {steps} --cut {name} {REPORTED}"
    yield f"simulate {logs} --replay 1d --suggest {name} {REPORTED}"


# One revision: a process that imports it once, and a child for every case


def run_cases(cases: Sequence[Case], side: Path) -> list[Answer]:
    """The answers of the revision that is on the path."""
    warnings.filterwarnings("ignore", message=".*fork")
    gc.disable()
    cli = import_module("ebudget.cli")
    if not str(cli.__file__).startswith(str(side)):
        sys.exit(f"ebudget is imported from {cli.__file__}")
    answers = {}
    first = {
        one.arguments[0]: index for index, one in enumerate(cases) if one.arguments and not one.cold
    }
    for index in (*first.values(), *range(len(cases))):
        if index not in answers:
            answers[index] = answer_of(cases[index], side, cli.main)
            # the others find imported what the first of each command had to import
            if index in first.values() and (side / "modules").exists():
                import_all((side / "modules").read_text().split())
                gc.freeze()
    return [answers[index] for index in range(len(cases))]


def import_all(names: Iterable[str]) -> None:
    for name in names:
        try:
            import_module(name)
        except Exception:  # some names are no modules
            continue


def answer_of(one: Case, side: Path, main: Callable[[], Any]) -> Answer:
    """What a case gives; the name of this revision's folder is taken out of it."""
    here, told = side / "files" / one.folder, side / "told"
    for name in ("out", "kept"):
        (here / name).mkdir(exist_ok=True)
    child = os.fork()
    if child == 0:
        be_command(one, here, told, main)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    answer = {"exit": f"{code}\n".encode()}
    answer |= {name: (told / name).read_bytes() for name in ("stdout", "stderr")}
    for path in sorted((here / "out").rglob("*")):
        answer[str(path.relative_to(here))] = path.read_bytes()
        path.unlink()
    return {name: text.replace(bytes(side), b"<side>") for name, text in answer.items()}


def be_command(one: Case, here: Path, told: Path, main: Callable[[], Any]) -> NoReturn:
    """Be the process of a command."""
    os.chdir(here)
    os.environ.update(one.environment)
    for number, path in ((0, one.stdin), (1, told / "stdout"), (2, told / "stderr")):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(path, flags), number)
    signal.alarm(LIMIT_S)
    if one.cold:
        os.execv(sys.executable, [sys.executable, "-m", "ebudget", *one.arguments])
    time.time_ns = lambda: int(one.clock * 10**6) * 1000  # type: ignore[assignment]
    leave = os._exit

    def note_and_leave(code: int) -> NoReturn:
        (told.parent / "modules").write_text("\n".join(sys.modules))
        leave(code)

    os._exit = note_and_leave  # type: ignore[assignment]
    sys.argv = ["ebudget", *one.arguments]
    code: Any = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


# Two revisions, side by side


def take(revision: str, tree: Path) -> None:
    """Write the files of a revision, or of the working tree."""
    tree.mkdir(parents=True)
    if revision != ".":
        packed = subprocess.check_output(["git", "archive", revision], cwd=ROOT)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(tree, filter="data")
        return
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listed, cwd=ROOT, text=True).split("\0"):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)


def start(side: Path, *words: str) -> subprocess.Popen[bytes]:
    """A process of this script that has the revision of this side on its path.

    Texts hash otherwise on each side, so that an order that depends on it is seen.
    """
    for name in ("tmp", "told", "files"):
        (side / name).mkdir(exist_ok=True)
    own = {
        "PYTHONPATH": os.pathsep.join(
            (
                str(side / "tree"),
                str(side / "tree" / "tests"),
                str(side / "tree" / "tests" / "oracle"),
            )
        ),
        "PYTHONHASHSEED": str(1 + (side.name == "new")),
        "TMPDIR": str(side / "tmp"),
    }
    kept = {name: value for name, value in os.environ.items() if not OWN.fullmatch(name)}
    command = [sys.executable, "-P", __file__, *words, str(side)]
    return subprocess.Popen(command, env={**kept, **own}, cwd=side)


def finish(*processes: subprocess.Popen[bytes]) -> None:
    try:
        codes = [process.wait() for process in processes]
    except BaseException:
        for process in processes:
            process.kill()
        raise
    if any(codes):
        sys.exit("a process of the comparison failed")


def listed_cases(old: Path, examples: int, only: str) -> list[Case]:
    """Every case that is wanted; their files lie in the folder of the older revision."""
    wanted = [only] if only in GROUPS else list(GROUPS)
    files = old / "files"
    makers: dict[str, Callable[[Path], Iterator[Case]]] = {
        "sample": lambda files: sample_cases(files, old / "tree"),
        "real": real_cases,
        "oracle": oracle_cases,
        "faults": fault_cases,
    }
    found: list[Case] = []
    for group in (group for group in makers if group in wanted):
        if group == "sample" or SHARED.is_dir():
            found += makers[group](files)
        else:
            print(f"{group}: skipped, {os.path.relpath(SHARED, ROOT)} is not there")
    if "generated" in wanted and examples:
        finish(start(old, "draw", str(examples)))
        found += [Case(**one) for one in pickle.loads((old / "answer").read_bytes())]
    return [one for one in found if only in GROUPS or only in str(one)]


def difference(one: Case, old: Answer, new: Answer) -> str:
    """The command, and the first lines of what differs."""
    lines: list[str] = []
    for name in dict.fromkeys((*old, *new)):
        was, now = (
            (side.get(name, b"").decode("utf-8", "backslashreplace").splitlines())
            for side in (old, new)
        )
        lines += difflib.unified_diff(was, now, f"old {name}", f"new {name}", "", "", 1, "")
        if was == now and old.get(name) != new.get(name):
            lines.append(f"{name}: differs in its line ends, or is there on one side only")
    return "\n  ".join([str(one), *lines[:SHOWN_LINES]])


def compare(revisions: Sequence[str], examples: int, only: str, folder: Path) -> int:
    """Print what differs; gives the exit code."""
    sides = [folder / name for name in ("old", "new")]
    for side, revision in zip(sides, revisions, strict=True):
        take(revision, side / "tree")
    (sides[0] / "files").mkdir()
    cases = listed_cases(sides[0], examples, only)
    shutil.copytree(sides[0] / "files", sides[1] / "files")
    (folder / "cases").write_bytes(pickle.dumps([asdict(one) for one in cases]))
    print(f"{len(cases)} cases", flush=True)
    finish(*[start(side, "run", str(folder / "cases")) for side in sides])
    answers = [pickle.loads((side / "answer").read_bytes()) for side in sides]
    differ = [i for i, (old, new) in enumerate(zip(*answers, strict=True)) if old != new]
    for index in differ[:SHOWN]:
        print(difference(cases[index], answers[0][index], answers[1][index]))
    counts, wrong = (
        Counter(cases[i].group for i in found) for found in (range(len(cases)), differ)
    )
    for group, count in counts.items():
        print(f"{group}: {count} cases, {f'{wrong[group]} differ' if wrong[group] else 'same'}")
    codes = Counter(answer["exit"].decode().strip() for answer in answers[0])
    print("exit codes:", ", ".join(f"{code} {count}x" for code, count in sorted(codes.items())))
    return 1 if differ or not cases else 0


def main() -> int:
    if sys.argv[1:2] == ["draw"]:
        side = Path(sys.argv[3])
        found: list[Any] = [asdict(one) for one in drawn_cases(side / "files", int(sys.argv[2]))]
    elif sys.argv[1:2] == ["run"]:
        side = Path(sys.argv[3])
        cases = [Case(**one) for one in pickle.loads(Path(sys.argv[2]).read_bytes())]
        found = run_cases(cases, side)
    else:
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("old", help="a git revision")
        parser.add_argument("new", help="another one, or . for the working tree")
        parser.add_argument("--examples", type=int, default=200, help="policies to draw")
        parser.add_argument("--only", default="", help="a group, or a word of the commands")
        asked = parser.parse_args()
        with tempfile.TemporaryDirectory() as folder:
            revisions = (asked.old, asked.new)
            return compare(revisions, asked.examples, asked.only, Path(folder).resolve())
    (side / "answer").write_bytes(pickle.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
