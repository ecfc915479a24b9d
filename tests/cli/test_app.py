"""The command line as people and scripts meet it: exit codes, streams, files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ebudget import cli
from support import reading

ROOT = Path(__file__).parents[2]
POLICY = """version: 1
failures:
  wrong: {class: C, when: "failure_reason = 'wrong'"}
budgets:
  outcomes: {each: [workflow], spend: {class: B+}, allow: 10%, by: [model]}
  cost: {kind: cost, spend: {sum: cost_usd}, allow: 5, window: month}
"""
LINES = [
    {"ts": "2026-11-01T10:00:00Z", "workflow": w, "model": m, "ok": ok, "cost": 0.25, "error": e}
    for w, m, ok, e in [
        ("a", "x", True, None),
        ("a", "x", False, "wrong"),
        ("b", "y", True, None),
        ("b", "y", True, None),
        ("\x1b[31mred[/] | `x`", "@everyone <b>", False, "wrong"),
    ]
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "budgets.yaml").write_text(POLICY)
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def run(*arguments: str, capsys) -> tuple[int, str, str]:
    code = cli.run(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("before", [["--"], []])
def test_a_gate_is_asked_wherever_its_name_stands(folder, capsys, before):
    code, out, _ = run(*before, "check", "log.jsonl", capsys=capsys)
    assert (code, "FAIL" in out) == (1, True)


@pytest.mark.parametrize(
    "twice", [["-p", "x.yaml", "-pbudgets.yaml"], ["-pbudgets.yaml", "--policy=x"]]
)
def test_a_policy_is_named_once(folder, capsys, twice):
    code, _, err = run("check", "log.jsonl", *twice, capsys=capsys)
    assert (code, "--policy is given twice" in err) == (2, True)


@pytest.mark.parametrize("format_", ["text", "json", "markdown"])
def test_a_report_exits_0_whatever_the_verdicts_and_prints_data_on_stdout_alone(
    folder, capsys, format_
):
    code, out, err = run("report", "log.jsonl", "--format", format_, capsys=capsys)
    assert (code, err) == (0, "")
    assert "breached" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["report", "nowhere.jsonl"], "nowhere.jsonl: no such file or folder"),
        (["report"], "name the logs"),
        (["report", "log.jsonl", "-p", "none.yaml"], "none.yaml: cannot read the policy"),
        (["report", "log.jsonl", "--budget", "outcome"], "did you mean 'outcomes'?"),
        (["report", "log.jsonl", "--by", "modle"], "did you mean 'model'?"),
        (["report", "log.jsonl", "--for", "workflow"], "write COLUMN=VALUE"),
        (["report", "log.jsonl", "--for", "workflo=a"], "did you mean 'workflow'?"),
        (["report", "log.jsonl", "--for", "workflow=c"], "no account"),
        (["report", "log.jsonl", "--format", "jsn"], "did you mean 'json'?"),
        (["report", "log.jsonl", "--output", "json"], "write FORMAT=PATH"),
        (["report", "log.jsonl", "--output", "json=no/such/r.json"], "cannot be written"),
        (["report", "log.jsonl", "--as-of", "soon"], "write now"),
        (["report", "log.jsonl", "--nonsense"], "No such option"),
        (["nonsense"], "No such command"),
    ],
)
def test_what_cannot_be_done_is_one_clear_message_on_stderr_and_exit_2(
    folder, capsys, arguments, says
):
    code, out, err = run(*arguments, capsys=capsys)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


def test_a_bug_exits_70_and_shows_its_traceback_only_with_debug(folder, capsys, monkeypatch):
    def broken(*_arguments, **_options):
        raise KeyError("unforeseen")

    monkeypatch.setattr("ebudget.api.evaluate", broken)
    code, _, err = run("report", "log.jsonl", capsys=capsys)
    assert code == 70
    assert "a bug in ebudget: KeyError" in err
    assert "Traceback" not in err
    _, _, err = run("report", "log.jsonl", "--debug", capsys=capsys)
    assert "Traceback" in err


def test_values_of_logs_are_shown_and_never_obeyed(folder, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    _, text, _ = run("report", "log.jsonl", capsys=capsys)
    assert "\\x1b[31mred[/] | `x`" in text
    assert "\x1b[31mred" not in text
    _, marked, _ = run("report", "log.jsonl", "--format", "markdown", capsys=capsys)
    assert "`workflow=\\x1b[31mred[/] \\| ˋxˋ`" in marked
    assert "`@everyone <b>`" in marked
    _, data, _ = run("report", "log.jsonl", "--format", "json", capsys=capsys)
    assert "\x1b" not in data
    names = [a["group"].get("workflow") for a in json.loads(data)["accounts"]]
    assert "\x1b[31mred[/] | `x`" in names


def test_json_keeps_its_contract(folder, capsys):
    _, out, _ = run("report", "log.jsonl", "--format", "json", capsys=capsys)
    statement = json.loads(out)
    assert statement["schema"] == "ebudget.statement/1"
    assert statement["as_of"] == "2026-11-01T10:00:00Z"
    assert {
        "files",
        "records",
        "runs",
        "duplicates",
        "outside",
        "unlabelled",
        "rejected",
        "rejected_values",
        "first",
        "last",
    } <= set(statement["input"])
    account = statement["accounts"][1]
    assert account["group"] == {"workflow": "a"}
    assert {
        "budget",
        "kind",
        "group",
        "window",
        "unit",
        "eligible",
        "unlabelled",
        "unmeasured",
        "spent",
        "allowed",
        "consumed",
        "remaining",
        "instant",
        "burn",
        "alerts",
        "verdict",
        "response",
        "breakdown",
    } <= set(account)
    assert set(account["window"]) == {"length", "start", "end", "covered"}
    assert (account["spent"], account["allowed"], account["verdict"]) == (1, 0.2, "breached")


def test_narrowing_changes_no_figure(folder, capsys):
    _, out, _ = run("report", "log.jsonl", "--format", "json", capsys=capsys)
    whole = {(a["budget"], str(a["group"])): a for a in json.loads(out)["accounts"]}
    _, out, _ = run(
        "report",
        "log.jsonl",
        "--format",
        "json",
        "--budget",
        "outcomes",
        "--for",
        "workflow=a",
        capsys=capsys,
    )
    (account,) = json.loads(out)["accounts"]
    assert account.pop("days")
    assert account == whole["outcomes", "{'workflow': 'a'}"]


def test_pasting_as_of_back_gives_the_same_statement(folder, capsys):
    (folder / "log.jsonl").write_text('{"ts": "2026-11-01T10:00:00.123456Z", "cost": 1}\n' * 2)
    _, out, _ = run("report", "log.jsonl", "--format", "json", capsys=capsys)
    as_of = json.loads(out)["as_of"]
    assert as_of == "2026-11-01T10:00:00.123456Z"
    _, again, _ = run("report", "log.jsonl", "--format", "json", "--as-of", as_of, capsys=capsys)
    assert again == out


def test_outputs_are_written_beside_what_is_printed(folder, capsys):
    code, out, _ = run(
        "report",
        "log.jsonl",
        "--output",
        "json=r.json",
        "--output",
        "markdown=r.md",
        "--output",
        "text=r.txt",
        capsys=capsys,
    )
    assert code == 0
    assert json.loads((folder / "r.json").read_text())["schema"] == "ebudget.statement/1"
    assert (folder / "r.md").read_text().startswith("## ebudget report")
    assert (folder / "r.txt").read_text() == out
    assert {p.name for p in folder.iterdir()} == {
        "budgets.yaml",
        "log.jsonl",
        "r.json",
        "r.md",
        "r.txt",
    }


def test_an_output_through_a_link_reaches_its_target_and_a_pipe_stays_a_pipe(folder, capsys):
    (folder / "target.json").write_text("old")
    (folder / "link.json").symlink_to(folder / "target.json")
    assert run("report", "log.jsonl", "--output", "json=link.json", capsys=capsys)[0] == 0
    assert (folder / "link.json").is_symlink()
    assert json.loads((folder / "target.json").read_text())["schema"]
    code, _, err = run(
        "report", "log.jsonl", "--output", "json=z", "--output", "text=z", capsys=capsys
    )
    assert (code, "named twice" in err) == (2, True)


def test_a_failed_report_leaves_the_old_output_as_it_was(folder, capsys):
    (folder / "r.json").write_text("old")
    (folder / "log.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00")
    assert run("report", "log.jsonl.gz", "--output", "json=r.json", capsys=capsys)[0] == 2
    assert (folder / "r.json").read_text() == "old"


@pytest.mark.parametrize("width", [72, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal(folder, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, _ = run("report", "log.jsonl", "--by", "model,version", capsys=capsys)
    assert max(len(line) for line in out.splitlines()) <= width
    _, out, _ = run("report", "log.jsonl", "--budget", "outcomes", capsys=capsys)
    assert max(len(line) for line in out.splitlines()) <= width


def test_a_terminal_without_unicode_gets_ascii(folder):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-m", "ebudget", "report", "log.jsonl"],
        capture_output=True,
        env=environment,
        check=True,
    )
    text = done.stdout.decode("ascii")
    assert "X a" in text
    assert "breached" in text


def test_rejects_are_listed_with_their_lines(folder, capsys):
    with (folder / "log.jsonl").open("a") as log:
        log.write("{broken\n")
    _, out, _ = run("report", "log.jsonl", "--show-rejects", capsys=capsys)
    assert "log.jsonl: line 6: malformed line" in out
    assert "6 records = 5 runs + 1 rejected (1 malformed line)" in out


def test_the_sql_of_a_report_can_be_pasted_into_duckdb(folder, capsys):
    import duckdb

    _, out, _ = run("report", "log.jsonl", "--sql", capsys=capsys)
    with duckdb.connect() as connection:
        for statement in connection.extract_statements(out):
            connection.execute(statement)
        ((runs, cost),) = connection.execute(
            "SELECT sum(_runs), sum(_sum_0) FROM ledger"
        ).fetchall()
    assert (runs, float(cost)) == (5, 1.25)


def test_validate_says_what_is_missing(folder, capsys):
    code, out, _ = run("validate", "budgets.yaml", "log.jsonl", capsys=capsys)
    assert code == 0
    assert "these alerts can never fire: page over 1h and 5m (factor 14.4)" in out
    assert "a" in out
    code, _, err = run("validate", "nowhere.yaml", capsys=capsys)
    assert (code, "cannot read" in err) == (2, True)


def test_validate_finds_rows_that_never_match_budgets_that_select_nothing_and_uncovered_workflows(
    folder, capsys
):
    (folder / "budgets.yaml").write_text(
        "version: 1\n"
        "logs: {fields: {turns: {path: turns, type: number, optional: true}}}\n"
        "failures: {never: {class: B, when: \"failure_reason = 'nothing'\"}}\n"
        "workflows: {a: {owner: ops}}\n"
        "budgets:\n"
        "  x: {for: {workflow: a}, spend: {class: B+}, allow: 1%, respond: {100%: stop}}\n"
        "  z: {spend: {when: duration_ms > 3}, allow: 1%}\n"
        "  u: {spend: {sum: cleanup_minutes}, allow: 5}\n"
        "  y: {for: {model: zzz}, spend: {when: turns > 3}, allow: 5, min_runs: 3}\n"
    )
    code, out, _ = run("validate", "budgets.yaml", "log.jsonl", capsys=capsys)
    flat = " ".join(out.split())
    assert code == 0
    assert "failures.never.when: never matches any of the 5 runs" in flat
    assert "failures.never.when: is unknown (null) in 3 of 5 runs" in flat
    assert "budgets.y.for: selects no run of these logs" in flat
    assert "budgets.z.spend.when: is met by none of the 5 runs" in flat
    assert "budgets.u.spend.sum: is null in all of the 5 runs" in flat
    assert "budgets.y.min_runs: has no effect" in flat
    assert "logs.fields.turns: its path never occurs" in flat
    assert "budgets.z.respond: nothing is agreed" in flat
    assert "a yes yes yes yes" in flat


def test_validate_names_a_workflow_that_no_budget_covers_and_reads_the_paths_of_the_policy(
    folder, capsys
):
    (folder / "budgets.yaml").write_text(
        "version: 1\nlogs: {paths: [log.jsonl]}\n"
        "budgets: {x: {for: {workflow: a}, spend: {class: B+}, allow: 1%}}\n"
    )
    _, out, _ = run("validate", "budgets.yaml", capsys=capsys)
    flat = " ".join(out.split())
    assert "workflow b: occurs in these logs; no budget covers it" in flat
    assert "Read 5 records" in flat


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_run_that_is_ended_leaves_no_temporary_files(folder, number, code):
    with reading(folder) as process:
        process.send_signal(number)
        process.communicate(timeout=20)
    assert process.returncode == code
    assert list((folder / "scratch").iterdir()) == []
    assert not (folder / "r.json").exists()
    assert not (folder / "slow.jsonl").exists()


def test_a_closed_pipe_is_no_error(folder):
    command = f"{sys.executable} -m ebudget report log.jsonl --format json | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, check=True)
    assert done.stdout == b"{\n"
    assert done.stderr == b""


def test_what_nohup_protects_goes_on_where_the_terminal_is_closed(folder):
    with reading(folder, "nohup") as process:
        process.send_signal(signal.SIGHUP)
        out, _ = process.communicate((folder / "log.jsonl").read_bytes(), timeout=20)
    assert process.returncode == 0
    assert b"5 records" in out


def test_a_baseline_in_another_encoding_is_called_by_it(folder, capsys):
    (folder / "b.json").write_text("{}", encoding="utf-16")
    code, _, err = run("check", "log.jsonl", "--baseline", "b.json", capsys=capsys)
    assert code == 2
    assert "b.json: cannot read the baseline: is in UTF-16LE; save it as UTF-8" in err


def test_a_terminal_that_is_closed_tells_of_it_twice_and_nothing_is_left(folder):
    """The system and the shell both send SIGHUP, and the second comes while the first cleans up."""
    scratch = folder / "scratch"
    scratch.mkdir()
    started = """
import shutil, signal, sys
import ebudget.cli
remove = shutil.rmtree
def again(*arguments, **options):
    signal.raise_signal(signal.SIGHUP)
    remove(*arguments, **options)
shutil.rmtree = again
sys.argv = ["ebudget", "report", "-"]
ebudget.cli.main()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", started],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    for _ in range(100):
        if any(scratch.iterdir()):
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (129, b"")
    assert list(scratch.iterdir()) == []


ENDED_IN = """
import os, shutil, signal, sys
import ebudget.cli
from ebudget.logs import warehouse
number, place = int(sys.argv[1]), sys.argv[2]
remove = shutil.rmtree
def slow(self, statement, target):
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    self.run("SELECT max(md5(range::varchar)) FROM range(90000000)")
def ended(*arguments, **options):
    shutil.rmtree = remove
    signal.raise_signal(number)
    remove(*arguments, **options)
signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), number))
if place == "statement":
    warehouse.Warehouse.copy = slow
else:
    shutil.rmtree = ended
sys.argv = ["ebudget", "report", "log.jsonl"]
ebudget.cli.main()
"""


@pytest.mark.parametrize("place", ["statement", "removal"])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_wherever_a_run_is_ended_its_code_tells_how_and_nothing_is_left(
    folder, number, code, place
):
    scratch = folder / "scratch"
    scratch.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", ENDED_IN, str(int(number)), place],
        capture_output=True,
        check=False,
        timeout=60,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    said = b"interrupted\n" if number == signal.SIGINT else b""
    assert (done.returncode, done.stderr) == (code, said)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import ebudget; ebudget.__version__", {"ebudget"}),
        ("import ebudget.cli.app as app; app.run(['--version'])", None),
    ],
)
def test_what_nobody_asked_for_is_not_loaded(code: str, loaded: set[str] | None) -> None:
    """The root opens no room, and the version needs no library of data."""
    told = "print(*(name for name in sys.modules if name.split('.')[0] in heavy))"
    heavy = "heavy = ('duckdb', 'polars', 'pydantic', 'sqlglot', 'yaml')"
    if loaded is not None:
        heavy = "heavy = ('ebudget',)"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {heavy}; {code}; {told}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.splitlines()[-1].split()) == (loaded or set())
