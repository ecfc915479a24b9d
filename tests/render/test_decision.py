"""What a check hands to machines: JUnit, annotations, the job's summary, files that are whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import junitparser
import pytest
import xmlschema

from ebudget import cli
from support import runs, write_jsonl

NASTY = [
    "line\nbreak\r\nagain",
    "100% of it",
    "a::error::b",
    "::set-output name=x::y",
    "one, two: three",
    "##[error]boo",
    "<b>&amp;]]>",
    "\x1b[31mred\x00\x0b\ufffe\ud7ff",
    "日本語 ✗",
    "x" * 500,
]
POLICY = """version: 1
budgets:
  "rate, of: 100%": {each: [workflow], spend: {class: B+}, allow: 10%, min_runs: 3}
"""
JUNIT = """<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified">
  <xs:complexType name="result"><xs:simpleContent><xs:extension base="xs:string">
    <xs:attribute name="message" type="xs:string"/><xs:attribute name="type" type="xs:string"/>
  </xs:extension></xs:simpleContent></xs:complexType>
  <xs:element name="testsuites"><xs:complexType><xs:sequence>
    <xs:element name="testsuite" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:sequence>
      <xs:element name="testcase" minOccurs="0" maxOccurs="unbounded"><xs:complexType>
        <xs:choice minOccurs="0" maxOccurs="1">
          <xs:element name="skipped" type="result"/>
          <xs:element name="error" type="result"/>
          <xs:element name="failure" type="result"/>
        </xs:choice>
        <xs:attribute name="name" type="xs:string" use="required"/>
        <xs:attribute name="classname" type="xs:string" use="required"/>
        <xs:attribute name="time" type="xs:decimal"/>
      </xs:complexType></xs:element>
      <xs:element name="system-out" type="xs:string" minOccurs="0"/></xs:sequence>
      <xs:attribute name="name" type="xs:string" use="required"/>
      <xs:attribute name="tests" type="xs:nonNegativeInteger" use="required"/>
      <xs:attribute name="failures" type="xs:nonNegativeInteger" use="required"/>
      <xs:attribute name="errors" type="xs:nonNegativeInteger" use="required"/>
      <xs:attribute name="skipped" type="xs:nonNegativeInteger"/>
      <xs:attribute name="time" type="xs:decimal"/>
    </xs:complexType></xs:element></xs:sequence>
    <xs:attribute name="name" type="xs:string"/>
  </xs:complexType></xs:element>
</xs:schema>
"""
"""What the readers of JUnit XML have in common: names of elements, attributes and their types."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "budgets.yaml").write_text(POLICY)
    records = [r for name in NASTY for r in runs(1, 4, workflow=name)]
    write_jsonl(tmp_path, [*records, *runs(9, workflow="fine"), *runs(1, workflow="few")])
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def check(capsys, *arguments):
    code = cli.run(["check", "runs.jsonl", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_junit_keeps_its_schema_and_counts_every_account(folder, capsys):
    code, out, _ = check(capsys, "--format", "junit")
    assert code == 1
    xmlschema.XMLSchema(JUNIT).validate(out)
    (suite,) = junitparser.JUnitXml.fromstring(out.encode())
    assert (suite.tests, suite.failures, suite.skipped) == (len(NASTY) + 2, len(NASTY), 1)
    cases = list(suite)
    assert len(cases) == len(NASTY) + 2
    skipped = [case.name for case in cases if case.is_skipped]
    assert skipped == ["workflow=few"]
    assert [case.name for case in cases if case.is_passed] == ["workflow=fine"]


def test_junit_fails_where_the_logs_are_no_evidence(folder, capsys):
    (folder / "runs.jsonl").write_text("{\n")
    code, out, _ = check(capsys, "--format", "junit")
    assert code == 3
    xmlschema.XMLSchema(JUNIT).validate(out)
    evidence, *_ = junitparser.JUnitXml.fromstring(out.encode())
    assert (evidence.name, evidence.failures) == ("evidence", 1)


def test_junit_is_not_green_where_the_answer_is_not_enough_evidence(folder, capsys):
    code, out, _ = check(capsys, "--for", "workflow=few", "--format", "junit")
    assert code == 3
    xmlschema.XMLSchema(JUNIT).validate(out)
    evidence, budget = junitparser.JUnitXml.fromstring(out.encode())
    assert (evidence.failures, budget.failures, budget.skipped) == (1, 0, 1)


def unescaped(text):
    for code, character in (("%0A", "\n"), ("%0D", "\r"), ("%3A", ":"), ("%2C", ",")):
        text = text.replace(code, character)
    return text.replace("%25", "%")


def annotations(text):
    """The commands as the runner reads them: level, properties, message."""
    found = []
    for line in text.splitlines():
        assert line.startswith("::"), line
        command, message = line[2:].split("::", 1)
        level, _, properties = command.partition(" ")
        pairs = dict(pair.split("=", 1) for pair in properties.split(","))
        found.append((level, {k: unescaped(v) for k, v in pairs.items()}, unescaped(message)))
    return found


def test_annotations_survive_what_names_hold(folder, capsys):
    code, out, _ = check(capsys, "--format", "github")
    assert code == 1
    found = annotations(out)
    levels = [level for level, _, _ in found]
    assert levels == ["error"] * (1 + len(NASTY)) + ["warning", "notice"]
    assert all(set(properties) == {"title"} for _, properties, _ in found)
    titles = [properties["title"] for _, properties, _ in found]
    for shown in (
        "workflow=line\\nbreak\\r\\nagain",
        "workflow=100% of it",
        "workflow=a::error::b",
        "workflow=one, two: three",
        "workflow=日本語 ✗",
    ):
        assert f"rate, of: 100% for {shown}" in titles
    assert "\x1b" not in out


def test_the_log_of_a_job_holds_no_commands_of_strangers(folder, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for format_ in ("text", "markdown"):
        _, out, _ = check(capsys, "--format", format_)
        assert not [line for line in out.splitlines() if line.lstrip().startswith("::")]
        assert "##[" not in out


def test_output_github_adds_to_the_summary_and_annotates(folder, capsys, monkeypatch):
    assert check(capsys, "--output", "github")[0] == 2
    summary = folder / "summary.md"
    summary.write_bytes(b"# before \xff")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    code, out, err = check(capsys, "--output", "github", "--format", "json")
    assert code == 1
    assert json.loads(out)["gate"]["exit_code"] == 1
    assert summary.read_bytes().startswith(b"# before \xff\n## ebudget check: FAIL\n")
    assert len(annotations(err)) == len(NASTY) + 3


def test_a_reader_that_has_gone_does_not_change_the_exit_code(folder):
    command = (
        f"{sys.executable} -m ebudget check runs.jsonl --format json | head -c 1; "
        'echo "${PIPESTATUS[0]}"'
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    assert done.stdout == b"{1\n"
    assert done.stderr == b""


KILLED = """
import os, signal, sys
from ebudget import cli
from ebudget.cli import output as outputs
real = getattr(os, sys.argv[1])
left = [int(sys.argv[2])]
def killing(*arguments, **options):
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return real(*arguments, **options)
setattr(os, sys.argv[1], killing)
outputs.os = os
sys.exit(cli.run(sys.argv[3:]))
"""


@pytest.mark.parametrize("step", ["fdopen", "chmod", "replace"])
@pytest.mark.parametrize("after", [0, 1])
def test_a_process_killed_while_it_writes_leaves_the_old_file_or_the_new_one(folder, step, after):
    outputs = {kind: folder / f"out.{kind}" for kind in ("json", "junit")}
    arguments = ["check", "runs.jsonl", *(f"--output={k}={p}" for k, p in outputs.items())]
    assert cli.run(arguments) == 1
    new = {path: path.read_text() for path in outputs.values()}
    for path in outputs.values():
        path.write_text("old")
    command = [sys.executable, "-c", KILLED, step, str(after), *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    found = {path: path.read_text() for path in outputs.values()}
    assert all(text in ("old", new[path]) for path, text in found.items())
    assert "old" in found.values()


def test_no_file_is_written_where_one_cannot_be(folder, capsys):
    one, other = "--output=json=one.json", "--output=text=no/such/two.txt"
    assert check(capsys, one, other)[0] == 2
    assert check(capsys, one, "--output=text=.")[0] == 2
    assert not (folder / "one.json").exists()


def test_what_is_read_is_never_written_over(folder, capsys):
    for name in ("runs.jsonl", "budgets.yaml", "./runs.jsonl"):
        code, _, err = check(capsys, f"--output=json={name}")
        assert (code, "lies where logs or the policy are read" in err) == (2, True)
    for logs in (["."], ["*.jsonl"], []):
        (folder / "budgets.yaml").write_text(POLICY + "logs: {paths: ['*.jsonl']}\n")
        assert cli.run(["check", *logs, "--output=json=runs.jsonl"]) == 2
    assert cli.run(["check", ".", "--output=json=new.json"]) == 2, "the next check would read it"
    assert cli.run(["report", ".", "--output=json=runs.jsonl"]) == 2
    (folder / "budgets.yaml").write_text(POLICY)
    assert (folder / "budgets.yaml").read_text() == POLICY


def test_runs_that_nobody_measured_are_no_evidence(folder, capsys):
    (folder / "budgets.yaml").write_text(
        "version: 1\nbudgets: {cost: {spend: {sum: cost_usd}, allow: 5}}\n"
    )
    code, out, _ = check(capsys)
    assert code == 3
    assert "cost: nothing was measured: none of 60 runs has a value" in out


STREAMS = {
    "a closed stdout": (">&-", 1),
    "a full stdout": (">/dev/full", 2),
    "a full stderr": ("--output github 2>/dev/full", 1),
    "a closed stderr": ("--output github 2>&-", 1),
    "a full file": ("--output json=/dev/full", 2),
    "a stderr without a reader": ("--output github 2> >(exec true)", 1),
    "a terminal without unicode": ("--format junit", 1),
    "a file that is a pipe": ("--output json=/dev/stdout | cat", 1),
}


@pytest.mark.parametrize("stream", STREAMS)
def test_the_exit_code_does_not_depend_on_who_reads(folder, stream):
    rest, code = STREAMS[stream]
    command = f"{sys.executable} -m ebudget check runs.jsonl {rest}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        check=False,
        env={
            **os.environ,
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            "PYTHONIOENCODING": "ascii" if "unicode" in stream else "utf-8",
        },
    )
    assert done.returncode == code, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--fail-on", "warning", "--for", "workflow=fine"], 0),
        (["--fail-on", "breached"], 1),
        (["--on-insufficient", "warn", "--for", "workflow=few"], 0),
        (["--on-insufficient", "fail", "--for", "workflow=few"], 3),
        (["--max-age", "24h", "--for", "workflow=fine"], 3),
        (["--max-age", "9000d", "--for", "workflow=fine"], 0),
        (["--max-rejected", "0%", "--for", "workflow=fine"], 3),
        (["--max-rejected", "50%", "--for", "workflow=fine"], 0),
        (["--baseline", "same.json", "--new-only"], 0),
        (["--baseline", "same.json"], 1),
        (["--confident"], 1),
        (["--change", "prompt", "--for", "workflow=fine"], 0),
        (["--exit-zero"], 0),
        (["--fail-on-alert", "page", "--for", "workflow=fine"], 0),
    ],
)
def test_every_option_reaches_the_gate(folder, capsys, arguments, code):
    with (folder / "runs.jsonl").open("a") as log:
        log.write("{broken\n")
    assert check(capsys, "--output", "json=same.json")[0] == 1
    assert check(capsys, *arguments)[0] == code


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--fail-on", "ok"], "--fail-on 'ok': write one of warning, frozen, breached"),
        (["--fail-on-alert", "mail"], "write one of ticket, page"),
        (["--on-insufficient", "skip"], "write one of fail, warn, pass"),
        (["--max-age", "yesterday"], "--max-age: 'yesterday' is not a duration"),
        (["--max-rejected", "0.01"], "--max-rejected: '0.01' is not a percentage"),
        (["--new-only"], "--new-only: new since when?"),
        (["--baseline", "none.json"], "none.json: cannot read the baseline"),
        (["--baseline", "runs.jsonl"], "runs.jsonl: is no statement"),
        (["--change", "prompt", "--budget", "nope"], "--budget 'nope': no such budget"),
        (["--format", "sarif"], "write text, json, markdown, github or junit"),
        (["--output", "sarif=x"], "write text, json, markdown, github or junit"),
        (["--output", "json=x", "--output", "text=./x"], "named twice"),
        (["--max-rejected=-5%"], "does not lie between 0% and 100%"),
        (["--change", ""], "no gate of the policy names this"),
        (["--change", "a", "--change=b"], "--change is given twice"),
        (["--for", "workflow=fine", "--for", "workflow=fien"], "did you mean 'workflow=fine'"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_message_and_exit_2(folder, capsys, arguments, says):
    code, out, err = check(capsys, *arguments)
    assert (code, out) == (2, "")
    assert says in err


def test_the_command_that_reproduces_an_answer_does(folder, capsys):
    import shlex

    _, out, _ = check(capsys, "--confident", "--for", "workflow=one, two: three")
    again = out.splitlines()[-1].removeprefix("Reproduce: ")
    program, *arguments = shlex.split(again)
    assert program == "ebudget"
    assert cli.run(arguments) == 1
    assert capsys.readouterr().out == out
