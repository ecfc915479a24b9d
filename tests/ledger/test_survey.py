"""Who a run is: which records are one run, which of them counts, and what speaks against it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import ebudget
from ebudget import Reading, Wants, make_plan
from ebudget.logs.files.sources import natural
from ebudget.policy.file import parse_policy
from support import (
    CLOCK,
    NOW,
    at,
    one_budget,
    only_account,
    policy_text,
    run,
    stamp,
    statement_of,
)
from support import write_jsonl as write


def state(folder: Path, records: list[Any], **logs: Any) -> ebudget.Statement:
    policy = one_budget(spend={"sum": "cost_usd"}, allow=1000, logs=logs, timezone="Asia/Tokyo")
    return statement_of(policy, [write(folder, records)])


def told(statement: ebudget.Statement) -> tuple[int, int, int]:
    """Runs, duplicates, and how many of these are far from what replaces them."""
    intake = statement.intake
    return intake.runs, intake.duplicates, intake.duplicates_apart


def test_two_workflows_may_number_their_runs_alike(tmp_path: Path) -> None:
    records = [run(run_id=i, workflow=w) for i in range(5) for w in ("a", "b", None)]
    assert told(state(tmp_path, records)) == (15, 0, 0)
    assert told(state(tmp_path, [*records, *records])) == (15, 15, 0)
    assert told(state(tmp_path, records, key="run_id")) == (5, 10, 0)


def test_a_missing_workflow_is_one_value(tmp_path: Path) -> None:
    assert told(state(tmp_path, [run(run_id=1), run(run_id=1, workflow=None)])) == (1, 1, 0)


def test_the_mapped_workflow_counts(tmp_path: Path) -> None:
    records = [run(run_id=1, workflow="w", flow=flow) for flow in "ab"]
    assert told(state(tmp_path, records)) == (1, 1, 0)
    assert told(state(tmp_path, records, fields={"workflow": "flow"})) == (2, 0, 0)


def test_ids_that_begin_anew_every_day_can_be_told_apart_by_the_local_day(tmp_path: Path) -> None:
    late, early = NOW.replace(hour=14, minute=59), NOW.replace(hour=15, minute=0)  # 24:00 in Tokyo
    records = [run(when=stamp(moment), run_id=1) for moment in (late, early)]
    assert told(state(tmp_path, records)) == (1, 1, 0)
    assert told(state(tmp_path, records, key=["workflow", "run_id", "day"])) == (2, 0, 0)


def test_any_columns_can_be_the_key(tmp_path: Path) -> None:
    records = [run(run_id=i, ticket=t, cost_usd=1) for i, t in enumerate("aab")]
    fields = {"ticket": "ticket"}
    assert told(state(tmp_path, records, fields=fields, key=["ticket"])) == (2, 1, 0)
    # a record that has nothing of the key is never a duplicate
    nameless = [run(workflow="w"), run(workflow="w")]
    found = state(tmp_path, [*records, *nameless], fields=fields, key=["workflow", "ticket"])
    assert told(found) == (4, 1, 0)


def test_a_run_without_an_id_is_never_a_duplicate(tmp_path: Path) -> None:
    records = [run(workflow="w"), run(workflow="w"), run(run_id=None, workflow="w")]
    assert told(state(tmp_path, records, key=["workflow", "run_id", "day"])) == (3, 0, 0)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (["flow"], "unknown column 'flow'"),
        (["run_id", "run_id"], "is there twice"),
        (["tags"], "tags is a list"),
        (["run_id", "day"], "'day' is the day of start_time here"),
        ([], "name at least one column"),
    ],
)
def test_a_key_that_is_none_is_refused(key: list[str], message: str, tmp_path: Path) -> None:
    fields = {"tags": {"path": "tags", "type": "list"}}
    if "day" in key:
        fields = {"day": {"path": "day"}}
    with pytest.raises(ebudget.PolicyError, match=message):
        state(tmp_path, [run()], key=key, fields=fields)


@pytest.mark.parametrize(
    ("apart", "outcomes", "count"),
    [
        (timedelta(days=1), ("success", "success"), 0),
        (timedelta(days=1, microseconds=1), ("success", "success"), 1),
        (timedelta(0), ("failure", "success"), 1),
        (timedelta(0), (None, "success"), 1),
        (timedelta(0), ("ok", "success"), 0),
        (timedelta(0), ("shrug", None), 0),
    ],
)
def test_duplicates_that_may_be_runs_of_their_own_are_counted(
    apart: timedelta, outcomes: tuple[str | None, str | None], count: int, tmp_path: Path
) -> None:
    first, last = outcomes
    records = [run(first, stamp(NOW - apart), run_id=1), run(last, at(), run_id=1)]
    assert told(state(tmp_path, records)) == (1, 1, count)


def test_each_duplicate_is_held_against_the_record_that_counts(tmp_path: Path) -> None:
    records = [run(when=at(hours=h), run_id=1) for h in (40, 20, 0)]
    assert told(state(tmp_path, records)) == (1, 2, 1)


@pytest.mark.parametrize(
    "names",
    [
        ("day-9.jsonl", "day-10.jsonl"),
        ("9/log.jsonl", "10/log.jsonl"),
        ("a2b3.jsonl", "a2b10.jsonl"),
        ("run-09.jsonl", "run-9.jsonl"),
        ("a.jsonl", "b.jsonl"),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_of_equal_times_the_later_path_counts_in_the_order_of_people(
    names: tuple[str, str], swapped: bool, tmp_path: Path
) -> None:
    paths = [
        write(tmp_path, [run(run_id=1, cost_usd=cost)], name)
        for name, cost in zip(names, (3, 5), strict=True)
    ]
    policy = one_budget(spend={"sum": "cost_usd"}, allow=1000)
    found = statement_of(policy, paths[::-1] if swapped else paths)
    assert only_account(found).spent == 5


def test_natural_order_takes_digits_as_numbers_and_ties_by_bytes() -> None:
    paths = ["a", "a1", "a01", "a2", "a10", "a10b", "b", "é"]
    paths.sort(key=natural)
    assert paths == ["a", "a01", "a1", "a2", "a10", "a10b", "b", "é"]


def test_every_output_asks_whether_the_id_is_unique(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ebudget import cli

    monkeypatch.chdir(tmp_path)
    write(tmp_path, [run(w, at(days=d), run_id=1) for w, d in (("failure", 2), ("success", 0))])
    policy = one_budget(spend={"class": "A+"}, allow="50%", min_runs=0)
    (tmp_path / "budgets.yaml").write_text(json.dumps(policy))
    asks = "1 record has the same run_id as a later one, which is more than a day apart or with"
    for command in ("report", "report --format markdown", "check", "check --format markdown",
                    "check --format junit", "check --format github", "simulate",
                    "simulate --format markdown", "validate budgets.yaml"):  # fmt: skip
        cli.run([*command.split(), "runs.jsonl"])
        out = " ".join(capsys.readouterr().out.split())
        assert asks in out, command
        assert "see logs.key" in out, command
    cli.run(["report", "runs.jsonl", "--format", "json"])
    assert json.loads(capsys.readouterr().out)["input"]["duplicates_apart"] == 1


def test_one_path_needs_no_list(tmp_path: Path) -> None:
    path = write(tmp_path, [run() for _ in range(3)])
    policy = parse_policy(policy_text(one_budget()), "p")
    for given in (path, Path(path), [path]):
        assert ebudget.read_ledger(given, policy, Reading(clock=CLOCK)).intake.runs == 3


def test_edges_of_one_s_own_come_beside_what_is_wanted(tmp_path: Path) -> None:
    path = write(tmp_path, [run(when=stamp(NOW - timedelta(hours=5 * step))) for step in range(12)])
    policy = parse_policy(policy_text(one_budget(window="3d")), "p")
    wants = Wants(days_of=frozenset({"b"}))
    plans = (make_plan(policy, wants), make_plan(policy, wants, edges=lambda at, _: {at - 1}))
    found = [ebudget.read_ledger([path], plan, Reading(clock=CLOCK)) for plan in plans]
    first, second = (ebudget.evaluate(policy, ledger).accounts[0].days for ledger in found)
    assert first == second
    assert sum(day.eligible for day in first) == 12


def test_a_ledger_of_other_windows_gives_no_figures(tmp_path: Path) -> None:
    """Runs on either side of an instant that is no edge cannot be told apart."""
    path = write(tmp_path, [run(when=stamp(NOW - timedelta(hours=5 * step))) for step in range(99)])
    month, days = (
        parse_policy(policy_text(one_budget(window=length)), "p") for length in ("30d", "9d")
    )
    ledger = ebudget.read_ledger(path, month, Reading(clock=CLOCK))
    assert ebudget.evaluate(month, ledger).accounts[0].eligible == 99
    with pytest.raises(ValueError, match="not made for these windows"):
        ebudget.evaluate(days, ledger)
