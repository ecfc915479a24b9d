"""What a check hands to machines: JUnit, annotations, the job's summary, files that are whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

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
      </xs:complexType></xs:element></xs:sequence>
      <xs:attribute name="name" type="xs:string" use="required"/>
      <xs:attribute name="tests" type="xs:nonNegativeInteger" use="required"/>
      <xs:attribute name="failures" type="xs:nonNegativeInteger" use="required"/>
      <xs:attribute name="errors" type="xs:nonNegativeInteger" use="required"/>
      <xs:attribute name="skipped" type="xs:nonNegativeInteger"/>
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
    assert [level for level, _, _ in found] == ["error"] * (1 + len(NASTY)) + ["warning"]
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
    assert len(annotations(err)) == len(NASTY) + 2


def test_a_reader_that_has_gone_does_not_change_the_exit_code(folder):
    command = (
        f"{sys.executable} -m ebudget check runs.jsonl --format json | head -c 1; "
        'echo "${PIPESTATUS[0]}"'
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    assert done.stdout == b"{1\n"
    assert done.stderr == b""


def test_a_process_killed_at_any_moment_leaves_whole_files_or_none(folder):
    outputs = {kind: folder / f"out.{kind}" for kind in ("json", "junit", "text", "markdown")}
    arguments = [f"--output={kind}={path}" for kind, path in outputs.items()]
    command = [sys.executable, "-m", "ebudget", "check", "runs.jsonl", *arguments]
    before = time.monotonic()
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    needed = time.monotonic() - before
    whole = {path: path.read_bytes() for path in outputs.values()}
    for moment in (0.3, 0.6, 0.8, 0.9, 0.95, 1.0, 1.05):
        for path in outputs.values():
            path.unlink(missing_ok=True)
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
        )
        time.sleep(needed * moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path, content in whole.items():
            if path.exists():
                assert path.read_bytes() == content, (path, moment)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--fail-on", "ok"], "--fail-on 'ok': write one of warning, frozen, breached"),
        (["--fail-on-alert", "mail"], "write one of page, ticket"),
        (["--on-insufficient", "skip"], "write one of fail, warn, pass"),
        (["--max-age", "yesterday"], "--max-age: 'yesterday' is not a duration"),
        (["--max-rejected", "0.01"], "--max-rejected: '0.01' is not a percentage"),
        (["--new-only"], "--new-only: new since when?"),
        (["--baseline", "none.json"], "none.json: cannot read the baseline"),
        (["--baseline", "runs.jsonl"], "runs.jsonl: is no JSON"),
        (["--change", "prompt", "--budget", "nope"], "--budget 'nope': no such budget"),
        (["--format", "sarif"], "write text, json, markdown, github or junit"),
        (["--output", "sarif=x"], "write text, json, markdown, github or junit"),
        (["--output", "json=x", "--output", "text=x"], "named twice"),
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
