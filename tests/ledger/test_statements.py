"""However a run's bucket is found, it is the same."""

from __future__ import annotations

from pathlib import Path

from ebudget import cli
from ebudget.ledger import statements as query

ROOT = Path(__file__).parents[2]
REPLAY = ["simulate", "sample_logs", "-p", "budgets.example.yaml", "--replay", "12h"]


def test_a_table_of_edges_and_a_tree_of_cases_give_the_same_ledger(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    printed = []
    for most in (0, 10**9):
        monkeypatch.setattr(query, "MOST_BRANCHES", most)
        assert cli.run([*REPLAY, "--format", "json"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
