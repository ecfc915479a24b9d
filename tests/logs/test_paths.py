"""Where columns come from and what selects by them: fallback paths, files, numbers, globs, --by."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ebudget
from ebudget import cli
from ebudget.errors import InputError
from support import at, one_budget, only_account, run, runs, statement_of, write_parquet
from support import write_jsonl as write

State = Callable[..., ebudget.Statement]


def groups(statement: ebudget.Statement) -> dict[Any, int]:
    return {account.group[0][1]: account.selected for account in statement.accounts}


# Paths


def test_of_several_paths_the_first_with_a_value_wins(tmp_path: Path) -> None:
    fields = {"flow": ["meta.flow", "flw"], "cost_usd": {"path": ["price", "cost"], "scale": 2}}
    policy = one_budget(each=["flow"], logs={"fields": fields})
    records = [
        {"start_time": at(), "meta": {"flow": "a"}, "flw": "x", "price": 1},
        {"start_time": at(), "meta": {"flow": None}, "flw": "b", "cost": 1},
        {"start_time": at(), "meta.flow": "c"},
        {"start_time": at()},
    ]
    assert groups(statement_of(policy, [write(tmp_path, records)])) == dict.fromkeys(
        [None, "a", "b", "c"], 1
    )
    flat = [{"start_time": at(), "flw": "b", "price": "1"}]
    parquet = write_parquet(tmp_path, flat)
    assert groups(statement_of(policy, [parquet])) == {"b": 1}


def test_of_several_paths_one_has_to_occur(tmp_path: Path) -> None:
    path = write(tmp_path, [{"start_time": at(), "flow": "a"}])
    fields = {"mine": ["meta.flow", "flow"]}
    statement_of(one_budget(logs={"fields": fields}), [path])
    fields = {"mine": ["meta.flow", "flwo"]}
    with pytest.raises(
        ebudget.InputError, match=r"no path of 'meta.flow' or 'flwo' occurs.*'flow'"
    ):
        statement_of(one_budget(logs={"fields": fields}), [path])


@pytest.mark.parametrize("path", ["a..b", ".a", "a.", ".", " ", "", "_ebudget_file", "a. .b"])
def test_a_path_with_an_empty_part_is_the_mistake_of_the_policy(path: str, tmp_path: Path) -> None:
    log = write(tmp_path, runs(1))
    for field in (path, [path], {"path": ["outcome", path]}):
        with pytest.raises(ebudget.PolicyError, match=r"logs\.fields\.mine"):
            statement_of(one_budget(logs={"fields": {"mine": field}}), [log])


# The file of a run


def test_the_file_of_a_run_is_a_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("a.jsonl", "sub/b.jsonl.gz", "we[ird] é.jsonl")
    for name in names:
        write(tmp_path, [run()], name)
    write_parquet(tmp_path, [run()], "p.parquet")
    (tmp_path / "bom.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(run()).encode())
    policy = one_budget(each=["file"])
    wanted = dict.fromkeys([*names, "p.parquet", "bom.jsonl"], 1)
    assert groups(statement_of(policy, ["."])) == wanted
    assert groups(statement_of(policy, [str(tmp_path)])) == wanted
    chosen = one_budget(for_={"file": "sub/*"}, spend={"when": "file like '%.gz'"}, allow=9)
    account = only_account(statement_of(chosen, ["."]))
    assert (account.selected, account.spent) == (1, 1)


def test_files_whose_names_are_no_utf_8_stay_apart(tmp_path: Path) -> None:
    names = [os.fsdecode(b"bad\xff.jsonl"), os.fsdecode(b"bad\xfe.jsonl"), "bad?.jsonl"]
    for name in names:
        write(tmp_path, [run(run_id="1")], name)
    policy = one_budget(each=["file"], logs={"key": ["run_id", "file"]})
    found = groups(statement_of(policy, [str(tmp_path)]))
    assert sorted(Path(name or "").name for name in found) == [
        "bad?.jsonl",
        "bad\\xfe.jsonl",
        "bad\\xff.jsonl",
    ]


@pytest.mark.parametrize("also", [{}, {"all": "a"}])
def test_a_number_in_a_path_is_a_key_and_enters_no_list(
    tmp_path: Path, also: dict[str, Any]
) -> None:
    logs = {"fields": {"cost_usd": "a.0.b", **also}}
    policy = one_budget(spend={"sum": "cost_usd"}, allow=9, logs=logs)
    listed, keyed = run(a=[{"b": 5}]), run(a={"0": {"b": 3}})
    found = statement_of(policy, [write(tmp_path, [listed, keyed])])
    assert (found.accounts[0].spent, found.accounts[0].measured) == (3, 1)
    with pytest.raises(InputError, match=r"'a\.0\.b' never occurs"):
        statement_of(policy, [write(tmp_path, [listed])])


def test_a_log_s_own_file_is_read_only_where_it_is_mapped(tmp_path: Path) -> None:
    path = write(tmp_path, [run(file="theirs")])
    assert groups(statement_of(one_budget(each=["file"]), [path])) == {path: 1}
    mapped = one_budget(each=["file"], logs={"fields": {"file": "file"}})
    assert groups(statement_of(mapped, [path])) == {"theirs": 1}


# Numbers in `for`


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (99, 2),
        ("99.0", 2),
        ([99, "0.5"], 3),
        (None, 1),
        ([None, 7], 2),
        (8, 0),
        ("0.5000000001", 0),
        ("-1", 1),
    ],
)
def test_for_selects_numbers_by_value(wanted: Any, count: int, tmp_path: Path) -> None:
    fields = {"plan": {"path": "plan", "type": "number"}}
    plans = (99, "99.00", 0.5, 7, None, -1, 123456)
    path = write(tmp_path, [run(plan=plan) for plan in plans])
    policy = one_budget(for_={"plan": wanted}, logs={"fields": fields})
    assert only_account(statement_of(policy, [path])).selected == count


def test_two_budgets_may_select_by_different_numbers(tmp_path: Path) -> None:
    policy = one_budget(for_={"retries": 1})
    policy["budgets"]["c"] = {**policy["budgets"]["b"], "for": {"retries": [2, 3]}}
    path = write(tmp_path, [run(retries=n) for n in (0, 1, 2, 2, 3)])
    assert [a.selected for a in statement_of(policy, [path]).accounts] == [1, 3]


@pytest.mark.parametrize("wanted", ["many", "1*", ["1", "x"]])
def test_a_number_is_selected_by_numbers_only(wanted: Any, tmp_path: Path) -> None:
    with pytest.raises(ebudget.PolicyError, match="retries is a number"):
        statement_of(one_budget(for_={"retries": wanted}), [write(tmp_path, runs(1))])


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ("retries", "retries is a number; runs are grouped by texts and booleans"),
        ("end_time", "end_time is a time; runs are grouped by texts and booleans"),
        ("run_id", "every run has a run_id of its own"),
    ],
)
def test_a_policy_that_groups_by_what_makes_no_groups_is_told_why(
    column: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ebudget.PolicyError, match=says):
        statement_of(one_budget(each=[column]), [write(tmp_path, runs(1))])


# The command line


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    fields = {"attack": "attack", "up": {"path": "up", "type": "boolean"}}
    policy = one_budget(each=["workflow"], allow="100%", logs={"fields": fields})
    (tmp_path / "budgets.yaml").write_text(json.dumps(policy))
    records = [
        run("failure", workflow=w, failure_reason="x", attack="a", up=True)
        for w in ("sales-eu", "sales-us", "ops")
    ]
    write(tmp_path, [*records, run(workflow="ops", attack="b", up=False)])
    return tmp_path


@pytest.mark.parametrize("column", ["failure_reason", "attack", "up", "outcome", "file"])
def test_by_takes_every_column_that_runs_can_be_grouped_by(
    column: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["report", "runs.jsonl", "--by", column, "--format", "json"]) == 0
    account = json.loads(capsys.readouterr().out)["accounts"][0]
    assert sum(part["eligible"] for part in account["breakdown"][column]) == account["eligible"]


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ("run_id", "every run has a run_id of its own, so it makes no groups"),
        ("cost_usd", "cost_usd is a number; runs are grouped by texts and booleans"),
        ("start_time", "start_time is a time; runs are grouped by texts and booleans"),
        ("nope", "no such column to group by"),
    ],
)
def test_by_refuses_the_others_and_says_why(
    column: str, says: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["report", "runs.jsonl", "--by", column]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["workflow=sales-*"], ["sales-eu", "sales-us"]),
        (["workflow=*"], ["ops", "sales-eu", "sales-us"]),
        (["workflow=sales-*", "workflow=ops"], ["ops", "sales-eu", "sales-us"]),
        (["workflow=ops"], ["ops"]),
    ],
)
def test_for_takes_globs(
    asked: list[str], found: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = [word for item in asked for word in ("--for", item)]
    assert cli.run(["report", "runs.jsonl", "--format", "json", *wanted]) == 0
    accounts = json.loads(capsys.readouterr().out)["accounts"]
    assert [account["group"]["workflow"] for account in accounts] == found


def test_a_glob_that_matches_no_account_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["report", "runs.jsonl", "--for", "workflow=sale_*"]) == 2
    assert "no account" in capsys.readouterr().err
