"""What people see, byte for byte, for the sample logs; `make golden` rewrites it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ebudget import cli
from support import ROOT, SIMULATE

GOLDENS = Path(__file__).parent
CHECK = ["check", "sample_logs", "-p", "budgets.example.yaml"]
REPORT = ["report", "-p", "budgets.example.yaml"]

CASES = {
    "report-80.txt": (80, REPORT),
    "report-120.txt": (120, REPORT),
    "report.json": (100, [*REPORT, "--format", "json"]),
    "report.md": (100, [*REPORT, "--format", "markdown"]),
    "budget.txt": (
        100,
        [*REPORT, "--budget", "wrong-outcomes", "--for", "workflow=support-triage"],
    ),
    "by-rejects.txt": (100, [*REPORT, "--by", "model,version", "--show-rejects"]),
    "validate.txt": (100, ["validate", "budgets.example.yaml", "sample_logs"]),
    "check-80.txt": (80, [*CHECK, "--change", "prompt"]),
    "check-120.txt": (120, [*CHECK, "--change", "prompt"]),
    "check.md": (100, [*CHECK, "--format", "markdown"]),
    "check.xml": (100, [*CHECK, "--format", "junit"]),
    "check.github": (100, [*CHECK, "--format", "github"]),
    "simulate-80.txt": (80, SIMULATE),
    "simulate-120.txt": (120, SIMULATE),
    "simulate.md": (100, [*SIMULATE, "--format", "markdown"]),
    "check.json": (100, [*CHECK, "--budget", "trust", "--format", "json"]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_output_for_the_sample_logs_is_the_golden_one(name, monkeypatch, capsys):
    width, arguments = CASES[name]
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", str(width))
    for variable in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    assert cli.run(arguments) == (1 if arguments[0] == "check" else 0)
    out = capsys.readouterr().out
    golden = GOLDENS / name
    if os.environ.get("EBUDGET_GOLDEN"):
        golden.write_text(out, encoding="utf-8")
    assert out == golden.read_text(encoding="utf-8"), "see the diff; `make golden` rewrites it"
