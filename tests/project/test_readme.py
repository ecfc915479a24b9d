"""What the README and the docs say is run, so that it cannot rot."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import ebudget
from ebudget import cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(text: str, info: str) -> list[str]:
    return [body for name, body in BLOCK.findall(text) if name == info]


COMMANDS = [line for body in blocks(README, "sh") for line in body.splitlines()]


@pytest.fixture
def newcomer(tmp_path, monkeypatch):
    for name, info in (("runs.jsonl", "json runs.jsonl"), ("budgets.yaml", "yaml budgets.yaml")):
        (tmp_path / name).write_text(blocks(README, info)[0])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_the_readme_work(newcomer, capsys, command):
    program, *arguments = shlex.split(command)
    assert program == "ebudget"
    assert cli.run(arguments) == 0
    assert capsys.readouterr().out


GATES = [line.split("#") for line in blocks(README, "sh gate")[0].splitlines()]


@pytest.mark.parametrize(("command", "says"), GATES)
def test_the_gates_of_the_readme_answer_as_it_says(newcomer, capsys, command, says):
    code, _, _ = says.partition(":")
    assert cli.run(shlex.split(command)[1:]) == int(code)
    assert capsys.readouterr().out.startswith("PASS" if int(code) == 0 else "FAIL")


SIMULATE = (ROOT / "docs" / "simulate.md").read_text(encoding="utf-8")
WHAT_IFS = [line for body in blocks(SIMULATE, "sh what-if") for line in body.splitlines()]


@pytest.mark.parametrize("command", WHAT_IFS)
def test_the_what_ifs_of_the_docs_work(monkeypatch, capsys, command):
    monkeypatch.chdir(ROOT)
    assert cli.run(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out


def test_the_python_of_the_readme_works(newcomer, capsys):
    exec(blocks(README, "python")[0], {})
    assert capsys.readouterr().out.startswith("wrong-outcomes (('workflow', 'triage'),) 1 3/50")


def test_the_worked_example_of_the_readme_is_what_the_tool_says(newcomer, capsys):
    policy = ebudget.load_policy("budgets.yaml")
    statement = ebudget.evaluate(policy, ebudget.read_ledger(["runs.jsonl"], policy))
    account = statement.accounts[0]
    assert (account.eligible, account.spent, float(account.allowed)) == (3, 1, 0.06)
    assert round(float(account.consumed), 2) == 16.67
    cli.run(["report"])
    assert "−1,567%" in capsys.readouterr().out
    assert "−1,567%" in README


def test_continuous_integration_runs_the_test_command_of_the_readme():
    show, test = blocks(README, "sh setup")[0].splitlines()
    assert show.endswith("ebudget report -p budgets.example.yaml")
    assert test.endswith("-m pytest -n 2")
    assert "sh setup" in (ROOT / ".ci" / "run").read_text()


def test_the_options_that_the_readme_names_exist(capsys):
    named = set(re.findall(r"--[a-z][a-z-]+", README)) - {"--help"}
    known = ""
    for command in ([], ["report"], ["check"], ["simulate"], ["validate"], ["schema"]):
        assert cli.run([*command, "--help"]) == 0
        known += capsys.readouterr().out
    missing = {option for option in named if option not in known}
    assert not missing


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_the_policies_of_the_docs_load(page, tmp_path):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    for number, body in enumerate(blocks(text, "yaml")):
        file = tmp_path / f"{number}.yaml"
        file.write_text(body)
        ebudget.load_policy(file)


def test_the_links_of_the_pages_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
