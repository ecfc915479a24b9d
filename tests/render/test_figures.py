"""How things are said: money, units, counts, notes; and how the command line ends."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import ebudget
from ebudget import cli
from ebudget.cli import output as outputs
from ebudget.errors import InputError
from ebudget.policy.file import parse_policy
from ebudget.policy.units import unit_of
from ebudget.render import figures, intake
from support import (
    CLOCK,
    MICRO,
    NOW,
    one_budget,
    policy_text,
    reading,
    run,
    runs,
    stamp,
    write_jsonl,
)

Account = Callable[..., ebudget.Account]
State = Callable[..., ebudget.Statement]
Run = Callable[..., str]

RECORDS = [
    {"ts": "2026-11-20T10:00:00Z", "workflow": "w", "model": "m", "ok": True, "cost": -60},
    {"ts": "2026-11-20T10:00:01Z", "workflow": "w", "model": "m", "ok": True, "cost": 50},
]
COST = "version: 1\nbudgets: {cost: {spend: {sum: cost_usd}, allow: 10, window: 7d, by: [model]}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "budgets.yaml").write_text(COST)
    write_jsonl(tmp_path, RECORDS, "log.jsonl")
    return tmp_path


@pytest.fixture
def said(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """What a command prints."""

    def said(*arguments: str, code: int = 0) -> str:
        found = cli.run(list(arguments))
        out, err = capsys.readouterr()
        assert found == code, err
        return out + err

    return said


# Money


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "log.jsonl", "--budget", "cost"),
        ("report", "log.jsonl", "--budget", "cost", "--format", "markdown"),
        ("check", "log.jsonl"),
        ("check", "log.jsonl", "--format", "markdown"),
        ("simulate", "log.jsonl", "--set", "cost.allow=20"),
        ("simulate", "log.jsonl", "--sweep", "cost.allow=1..20:5"),
    ],
    ids=" ".join,
)
def test_money_below_zero_is_written_one_way_everywhere(said: Run, arguments: Any) -> None:
    out = said(*arguments)
    assert re.search(r"−\$[16]0\.00", out)
    assert "$−" not in out
    assert "+−" not in out


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0", "$0.00"),
        ("-10", "−$10.00"),
        ("0.00465", "$0.00465"),
        ("0.004654", "$0.00465"),
        ("0.01", "$0.01"),
        ("1234.567", "$1,234.57"),
        ("0.000000001", "$0.000000001"),
    ],
)
def test_dollars_have_two_decimals_or_three_digits(value: str, shown: str) -> None:
    assert figures.dollars(Fraction(value)) == shown


@pytest.mark.parametrize(
    ("cost", "left", "bar"), [(-3, "∞", "███"), (3, "−∞", "░░░")], ids=["credit", "cost"]
)
def test_where_nothing_is_allowed_a_credit_leaves_everything_in_every_place(
    said: Run, folder: Path, cost: int, left: str, bar: str
) -> None:
    (folder / "budgets.yaml").write_text(COST.replace("allow: 10", "allow: 0"))
    write_jsonl(folder, [{"ts": "2026-11-20T10:00:00Z", "model": "m", "cost": cost}], "log.jsonl")
    drawn = said("report", "log.jsonl", "--budget", "cost").splitlines()
    account = next(line for line in drawn if " of $0.00" in line and "▕" in line)
    (day,) = (line for line in drawn if "11-20" in line and "▕" in line)
    for line in (account, day):
        assert bar in line
        assert f" {left} " in f"{line} ".replace("▏", " ")
    assert f" {left} |" in said("report", "log.jsonl", "--format", "markdown")
    known = json.loads(said("report", "log.jsonl", "--format", "json", "--budget", "cost"))
    (found,) = known["accounts"]
    assert (found["consumed"], found["remaining"]) == (None, None)


# Units


@pytest.mark.parametrize(
    ("budget", "unit", "shown"),
    [
        ({"spend": {"sum": "cost_usd"}}, "USD", "$2.00 of $9.00"),
        ({"spend": {"sum": "cost_usd * 1.1"}}, "USD", "$2.20 of $9.00"),
        ({"spend": {"sum": "cost_usd + coalesce(review_minutes, 0) / 60"}}, "USD", "$2.00 of"),
        ({"spend": {"sum": "case when cost_usd > 1 then 2 else 0 end"}}, "units", "2 of 9 units"),
        ({"spend": {"sum": "tests_failed"}}, "tests_failed", "2 of 9 tests_failed"),
        ({"spend": {"sum": "tests_failed"}, "kind": "cost"}, "USD", "$2.00 of $9.00"),
        ({"spend": {"sum": "tests_failed * 2"}, "kind": "cost"}, "USD", "$4.00 of $9.00"),
        ({"spend": {"sum": "input_tokens"}, "kind": "cost"}, "tokens", "2 of 9 tokens"),
        ({"spend": {"sum": "review_minutes + cleanup_minutes"}}, "min", " of 9 min"),
        ({"spend": {"sum": "tests_failed * 2"}}, "units", "4 of 9 units"),
        ({"spend": {"sum": "cost_usd / tests_failed"}}, "USD", "$1.00 of $9.00"),
        ({"spend": {"sum": "tests_failed / cost_usd"}}, "units", "1 of 9 units"),
        ({"spend": {"class": "A+"}}, "run", "0 of 9 runs"),
        ({"spend": {"class": "A+"}, "unit": "turn"}, "turn", "0 of 9 turns"),
        ({"spend": {"class": "A+"}, "unit": "turn", "allow": 1}, "turn", "0 of 1 turn"),
        ({"spend": {"sum": "tests_failed"}, "unit": "test"}, "test", "2 of 9 tests"),
        ({"spend": {"sum": "tests_failed"}, "unit": "usd"}, "USD", "$2.00 of $9.00"),
        ({"spend": {"sum": "tests_failed"}, "unit": "$"}, "USD", "$2.00 of $9.00"),
    ],
    ids=str,
)
def test_a_budget_is_counted_in_its_own_unit_or_that_of_its_sum(
    account: Account, budget: dict[str, Any], unit: str, shown: str
) -> None:
    policy = one_budget(**{"allow": 9, **budget})
    policy["logs"] = {"fields": {"tests_failed": {"path": "tf", "type": "number"}}}
    record = run(cost_usd=2, tf=2, input_tokens=2, review_minutes=0)
    found = account(policy, [record])
    assert found.terms.unit.name == unit
    assert shown in figures.spent_of_allowed(found)


@pytest.mark.parametrize(
    ("spend", "why"),
    [
        ({"class": {"B": 1, "D": "all"}}, "above 14.4"),
        ({"class": {"D": "all"}}, "an instant event in 5m"),
    ],
)
def test_an_alert_says_what_makes_it_fire(
    account: Account, spend: dict[str, Any], why: str
) -> None:
    """Where nothing is allowed no burn is a number; an event is not above it."""
    policy = one_budget(spend=spend, allow=0, window="30d")
    policy["failures"] = {"leak": {"class": "D", "when": "failure_reason = 'leak'"}}
    reason = "leak" if "B" not in spend["class"] else "other"
    records = [run("failure", failure_reason=reason, run_id=i) for i in range(3)]
    found = figures.alarms(account(policy, records))
    assert found
    assert found[0].endswith(why)


def test_a_sum_held_against_value_is_dollars(account: Account) -> None:
    policy = one_budget(
        each=["workflow"], spend={"sum": "input_tokens * 0.00001"}, allow={"of_value": "50%"}
    )
    policy["workflows"] = {"w": {"unit": "case", "value_usd": 4}}
    found = account(policy, [run(workflow="w", input_tokens=100_000)])
    assert figures.spent_of_allowed(found) == "$1.00 of $2.00"
    assert found.terms.per == "case"


def test_a_heading_names_the_workflow_s_unit_and_another_unit_is_told_where_it_counts(
    said: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "budgets.yaml").write_text(
        "version: 1\nworkflows: {w: {unit: call}}\nbudgets:\n"
        "  turns: {each: [workflow], unit: turn, spend: {class: A+}, allow: 5}\n"
        "  calls: {each: [workflow], spend: {class: A+}, allow: 5}\n"
    )
    monkeypatch.setenv("COLUMNS", "80")
    out = said("report", "log.jsonl")
    assert "w   per call" in out
    assert "0 of 5 turns" in out
    assert "0 of 5 calls" not in out


def test_the_unit_of_a_budget_may_not_act(account: Account) -> None:
    found = account(one_budget(unit="\x1b[31mx\u202e", allow=2), [run()])
    assert figures.spent_of_allowed(found) == "0 of 2 \\x1b[31mx\\u202es"


def test_every_group_of_a_budget_has_the_unit_of_its_workflow() -> None:
    policy = parse_policy(policy_text(one_budget(each=["workflow"], allow=2)), "p.yaml")
    assert unit_of(policy, policy.budgets["b"], None).name == "run"


# Counts


@pytest.mark.parametrize(
    ("records", "gaps"),
    [
        ([run(None)], ["1 of 1 run not judged"]),
        ([run(None), run()], ["1 of 2 runs not judged"]),
        ([run(None, cost_usd="x"), run()], ["1 of 2 runs not judged"]),
    ],
)
def test_one_run_is_one_run(account: Account, records: Any, gaps: list[str]) -> None:
    assert figures.gaps(account(one_budget(allow=2), records)) == gaps


def test_what_is_neither_judged_nor_measured_is_told_of_the_same_runs(account: Account) -> None:
    policy = one_budget(spend={"sum": "cost_usd"}, of="success", allow=2)
    found = account(policy, [run(None), run(cost_usd=1)])
    assert figures.gaps(found) == ["1 of 2 runs not judged, 1 not measured"]


@pytest.mark.parametrize(
    ("good", "bad", "shown"), [(0, 1, "1 of 1 run"), (1, 1, "1 of 2 runs"), (99, 1, "1 of 100")]
)
def test_the_unit_follows_the_number_before_it(
    account: Account, good: int, bad: int, shown: str
) -> None:
    found = account(one_budget(spend={"class": "A+"}, allow="100%"), runs(good, bad))
    assert figures.spent_of_allowed(found).startswith(shown)


# As of


def test_only_where_there_is_a_run_it_is_the_newest(said: Run, folder: Path) -> None:
    assert "as of 2026-11-20 10:00:01 UTC (newest run)" in said("report", "log.jsonl")
    write_jsonl(folder, [{"workflow": "w"}], "log.jsonl")
    for arguments in (("report",), ("report", "--format", "markdown"), ("simulate",)):
        command, *options = arguments
        more = ["--set", "cost.allow=2"] if command == "simulate" else []
        out = said(command, "log.jsonl", *options, *more).lower()
        assert "no run" in out
        assert "as of" not in out.partition("\n")[0]
        assert "newest run" not in out
    assert "as of 2026-11-20" in said("report", "log.jsonl", "--as-of", "2026-11-20T10:00:00Z")


# Covered


@pytest.mark.parametrize(
    ("oldest", "as_of", "window", "covered"),
    [
        (timedelta(days=10), NOW, "40d", Fraction(1, 4)),
        (timedelta(days=40), NOW, "40d", Fraction(1)),
        (timedelta(days=40) - MICRO, NOW, "40d", 1 - Fraction(1, 40 * 86_400_000_000)),
        (timedelta(0), NOW, "40d", Fraction(0)),
        (timedelta(hours=6), NOW, "day", Fraction(1, 2)),
        (timedelta(hours=12), NOW, "day", Fraction(1)),
        (timedelta(hours=12) - MICRO, NOW, "day", 1 - Fraction(1, 12 * 3_600_000_000)),
    ],
)
def test_what_a_log_covers_of_a_window_is_exact(
    account: Account, oldest: timedelta, as_of: Any, window: str, covered: Fraction
) -> None:
    records = [run(when=stamp(as_of - oldest)), run(when=stamp(as_of))]
    assert account(one_budget(window=window, allow=2), records).covered == covered


def test_a_log_that_begins_in_the_first_microsecond_of_a_window_is_not_said_to_begin_inside(
    statement: State,
) -> None:
    records = [run(when=stamp(NOW - timedelta(days=7) + MICRO)), run()]
    found = statement(one_budget(window="7d", allow=2), records, clock=CLOCK)
    assert not [note for note in intake.notes(found) if "begins" in note]


# Folders


def test_what_a_folder_held_and_was_not_read_is_named_with_what_is_read(
    said: Run, folder: Path
) -> None:
    logs = folder / "logs"
    logs.mkdir()
    write_jsonl(logs, RECORDS, "a.json")
    for name in ("c.log", "d\x1b[1m.txt", "e.md", "f.md", "g.md", "h.md"):
        (logs / name).touch()
    out = " ".join(said("report", "logs").split())
    assert (
        "6 files in the folders not read: c.log, d\\x1b[1m.txt, e.md, f.md, g.md and 1 more" in out
    )
    assert "(logs end in .jsonl, .ndjson, .json, .csv or .parquet, packed as .gz or .zst" in out


# Output files


@pytest.mark.parametrize(
    "name", ["n" * 300, "n" * 5_000, f"{'n' * 300}/x", "no/such", ".", "log.jsonl/x"]
)
def test_a_name_that_no_file_can_have_is_an_input_error(said: Run, name: str) -> None:
    assert "cannot be written: " in said("report", "log.jsonl", "--output", f"json={name}", code=2)


def test_a_set_of_files_is_put_back_where_one_cannot_be_put_in_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [folder / name for name in ("a", "b", "c")]
    paths[0].write_text("old")
    replace = os.replace

    def fails_for_c(source: str, target: str) -> None:
        if target.endswith("/c") and not source.endswith(".before"):
            raise OSError(1, "Operation not permitted")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fails_for_c)
    before = sorted(os.listdir(folder))
    with pytest.raises(InputError, match="c: cannot be written: Operation not permitted"):
        outputs.write_all([(path, "new") for path in paths])
    assert paths[0].read_text() == "old"
    assert sorted(os.listdir(folder)) == before


def test_files_are_put_back_where_the_summary_cannot_be_added(folder: Path) -> None:
    path = folder / "a"
    path.write_text("old")
    with pytest.raises(InputError, match="cannot be written"):
        outputs.write_all([(path, "new")], added=(folder, "x"))
    assert path.read_text() == "old"


@pytest.mark.parametrize("room", [20, 106])
def test_a_summary_that_was_added_in_part_is_taken_back(folder: Path, room: int) -> None:
    """Where a disk is full, a write takes some of the bytes only, if all but the last one."""
    path = folder / "summary"
    path.write_bytes(b"before")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(InputError, match="no space left"):
            outputs.write_all([], added=(path, "x" * 100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"before"


def test_a_signal_between_two_files_waits_until_all_are_in_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [folder / name for name in ("a", "b")]
    replace = os.replace

    def interrupted(source: str, target: str) -> None:
        replace(source, target)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        outputs.write_all([(path, "new") for path in paths])
    assert [path.read_text() for path in paths] == ["new", "new"]
    assert not [name for name in os.listdir(folder) if name.startswith(".ebudget")]


# The command line


def process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-m", "ebudget", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=environment,
        **{"stdout": subprocess.PIPE, **options},
    )


@pytest.mark.parametrize("command", ["", "report", "check", "simulate", "validate", "schema"])
def test_h_is_help(said: Run, command: str) -> None:
    arguments = [command] if command else []
    assert said(*arguments, "-h") == said(*arguments, "--help")


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("-h",), ("report", "--help"), ()], ids=str
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk")
def test_help_into_a_full_disk_is_an_input_error(arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = process(*arguments, stdout=full)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("threads", ["abc", "0", "-1", "4.0", "1000000", "9" * 5_000, "\x1b[1m"])
def test_a_number_of_threads_that_is_none_is_an_input_error(threads: str) -> None:
    done = process("--version", env={"POLARS_MAX_THREADS": threads})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("POLARS_MAX_THREADS=")
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("threads", ["1", "4", ""])
def test_a_number_of_threads_is_taken(threads: str) -> None:
    done = process("--version", env={"POLARS_MAX_THREADS": threads})
    assert (done.returncode, done.stderr) == (0, "")


STARTS = """
import os, signal, sys
import ebudget.cli
module = sys.argv[1]
class Interrupts:
    def find_spec(self, name, path, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupts())
sys.argv = ["ebudget", "report", "log.jsonl"]
ebudget.cli.main()
"""


@pytest.mark.parametrize(
    "module", ["typer", "polars", "duckdb", "ebudget.api", "ebudget.cli.report", "ebudget.policy"]
)
def test_ctrl_c_while_the_program_begins_is_one_line(folder: Path, module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTS, module], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_ctrl_c_while_logs_are_read_is_one_line_and_leaves_nothing(folder: Path) -> None:
    with reading(folder) as started:
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=20)
    assert (started.returncode, out, err) == (130, b"", b"interrupted\n")
    assert list((folder / "scratch").iterdir()) == []
    assert not (folder / "r.json").exists()


# JUnit


def test_junit_gives_every_suite_and_case_a_time(said: Run) -> None:
    out = said("check", "log.jsonl", "--format", "junit")
    for element in ("<testsuite ", "<testcase "):
        lines = [line for line in out.splitlines() if element in line]
        assert lines
        assert all('time="0"' in line for line in lines)


def test_the_python_interface_still_has_its_names() -> None:
    assert {name for name in ebudget.__all__ if getattr(ebudget, name, None) is None} == set()
    assert set(ebudget.__all__) <= set(dir(ebudget))
    with pytest.raises(AttributeError, match="nothing"):
        _ = ebudget.nothing
    assert json.dumps(ebudget.__version__)
