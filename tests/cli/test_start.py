"""What is loaded before a command has anything to do, and what a shell completes."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from ebudget.cli.app import COMMANDS

DATA = ("duckdb", "polars", "sqlglot")
POLICY = """version: 1
budgets:
  wrong: {spend: {class: A+}, allow: 1%}
  slow: {spend: {class: A+}, allow: 1%}
  "$(touch pwned)": {spend: {class: A+}, allow: 1%}
  'two words': {spend: {class: A+}, allow: 1%}
"""


CODE = """import sys
sys.argv[0] = 'ebudget'
from ebudget.cli.app import run
try: run(sys.argv[1:])
finally: sys.stderr.write(chr(10).join(sys.modules))
"""


def ebudget(folder: Path, *arguments: str, **variables: str) -> tuple[str, set[str]]:
    """What a command prints, and the modules that it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, set(done.stderr.split())


def completed(folder: Path, line: str) -> tuple[list[str], set[str]]:
    """What bash is told that the last word of a line may become."""
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    out, loaded = ebudget(folder, **asked, _EBUDGET_COMPLETE="complete_bash")
    return out.split(), loaded


@pytest.mark.parametrize("option", ["--version", "--help", "-h"])
def test_the_version_and_the_help_load_nothing_heavy(tmp_path, option):
    out, loaded = ebudget(tmp_path, option)
    assert "ebudget" in out.lower()
    assert not loaded & {*DATA, "pydantic", "yaml", "rich"}


@pytest.mark.parametrize("command", sorted({*COMMANDS} - {"simulate"}))
def test_the_help_of_a_command_loads_no_library_of_data(tmp_path, command):
    out, loaded = ebudget(tmp_path, command, "--help")
    assert " ".join(out.split()).count(COMMANDS[command]) == 1
    assert not loaded & {*DATA, "yaml"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_told_once(name):
    function = getattr(import_module(f"ebudget.cli.{name}"), name)
    assert inspect.getdoc(function) == COMMANDS[name]


def test_a_check_loads_no_what_if_and_no_review(tmp_path):
    (tmp_path / "budgets.yaml").write_text(POLICY)
    (tmp_path / "log.jsonl").write_text('{"ts": "2026-11-01T10:00:00Z", "ok": true}\n')
    out, loaded = ebudget(tmp_path, "check", "log.jsonl")
    assert "PASS" in out
    rooms = {name for name in loaded if name.startswith(("ebudget.whatif.", "ebudget.review"))}
    assert rooms == {"ebudget.whatif.asking"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ebudget ch", ["check"]),
        ("ebudget report --bud", ["--budget"]),
        ("ebudget report --budget ", ["wrong", "slow"]),
        ("ebudget check --budget s", ["slow"]),
        ("ebudget simulate --suggest w", ["wrong"]),
        ("ebudget report -p other.yaml --budget ", ["others"]),
        ("ebudget report -p none.yaml --budget ", []),
        ("ebudget report -p broken.yaml --budget ", []),
        ("ebudget check --format j", ["json", "junit"]),
    ],
)
def test_a_shell_completes_commands_options_formats_and_budgets(tmp_path, line, words):
    (tmp_path / "budgets.yaml").write_text(POLICY)
    (tmp_path / "other.yaml").write_text("budgets: {others: nonsense}")
    (tmp_path / "broken.yaml").write_text("budgets: [")
    found, loaded = completed(tmp_path, line)
    assert found == words
    if "simulate" not in line:
        assert not loaded & {*DATA}


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_the_script_for_bash_completes_a_name_of_a_budget(tmp_path):
    (tmp_path / "budgets.yaml").write_text(POLICY)
    shim = tmp_path / "ebudget"
    starter = "import sys; sys.argv[0] = 'ebudget'; from ebudget.cli import main; main()"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{starter}" "$@"\n')
    shim.chmod(0o755)
    script = """
    eval "$(_EBUDGET_COMPLETE=source_bash ebudget)"
    COMP_WORDS=(ebudget report --budget w); COMP_CWORD=3
    _ebudget_completion ebudget w --budget
    printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["wrong"]
    assert not (tmp_path / "pwned").exists()


def test_zsh_is_told_names_that_mean_nothing_to_it(tmp_path):
    (tmp_path / "budgets.yaml").write_text(POLICY)
    asked = {"_TYPER_COMPLETE_ARGS": "ebudget report --budget "}
    out, _ = ebudget(tmp_path, **asked, _EBUDGET_COMPLETE="complete_zsh")
    assert out.split() == ["_arguments", "'*:", ':(("wrong"', '"slow"))\'']
