"""What a plan asks, and what a ledger that was asked something else says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ebudget
from ebudget import Wants, make_plan
from ebudget.policy.file import parse_policy
from support import NOW, one_budget, policy_text, run, stamp, write_jsonl

MINE = one_budget(spend={"class": "B+"}, allow="10%", window="7d")


@pytest.mark.parametrize(
    ("other", "lacks"),
    [
        ({"spend": {"when": "cost_usd > 1"}, "of": "all"}, "the condition 'cost_usd > 1'"),
        ({"spend": {"sum": "cost_usd"}, "allow": 9}, "the sum 'cost_usd'"),
        ({"of": "cost_usd > 1"}, "the condition 'cost_usd > 1'"),
        ({"each": "segment"}, "the column segment"),
        ({"for": {"segment": "smb"}}, "the column segment"),
        ({"window": "5d"}, "these windows"),
        ({"by": ["segment"]}, "the column segment"),
        ({"logs": {"fields": {"cost_usd": "usd"}}}, "this logs.fields.cost_usd"),
        ({"logs": {"key": "run_id"}}, "this logs.key"),
        ({"timezone": "Asia/Tokyo"}, "this timezone"),
    ],
)
def test_a_ledger_gives_no_figures_for_what_it_was_not_made_for(
    tmp_path: Path, other: dict[str, object], lacks: str
) -> None:
    records = [run(when=stamp(NOW), run_id=i, cost_usd=2, segment="smb") for i in range(3)]
    ledger = ebudget.read_ledger(
        [write_jsonl(tmp_path, records)], parse_policy(policy_text(MINE), "p.yaml")
    )
    budget = {"spend": {"class": "B+"}, "allow": "10%", "window": "7d", **other}
    policy = parse_policy(policy_text(one_budget(**budget)), "p.yaml")
    with pytest.raises(ValueError, match=f"^the ledger was not made for {lacks}"):
        ebudget.evaluate(policy, ledger)


@pytest.mark.parametrize(
    ("wants", "message"),
    [
        (Wants(by=("segmet",)), "no column is named 'segmet'; did you mean 'segment'"),
        (Wants(days_of=frozenset({"nope"})), "no budget is named 'nope'"),
    ],
)
def test_nothing_is_wanted_that_the_policy_does_not_know(wants: Wants, message: str) -> None:
    policy = parse_policy(policy_text(MINE), "p.yaml")
    with pytest.raises(ebudget.UsageError, match=message):
        make_plan(policy, wants)


def test_a_ledger_of_two_logs_names_the_statements_of_both(tmp_path: Path) -> None:
    policy = parse_policy(policy_text(MINE), "p.yaml")
    plan = make_plan(policy)
    one, two = (
        ebudget.read_ledger([write_jsonl(tmp_path / name, [run(when=stamp(NOW))])], plan)
        for name in ("one", "two")
    )
    assert {*one.statements, *two.statements} == set((one + two).statements)


def test_ledgers_that_read_logs_otherwise_are_not_added(tmp_path: Path) -> None:
    plans = [
        make_plan(parse_policy(policy_text({**MINE, "logs": {"key": key}}), "p.yaml"))
        for key in ("run_id", ["workflow", "run_id"])
    ]
    log = write_jsonl(tmp_path, [run(when=stamp(NOW))])
    one, other = (ebudget.read_ledger([log], plan) for plan in plans)
    with pytest.raises(ValueError, match="answer different questions"):
        _ = one + other


@pytest.mark.parametrize(
    "options", [{"as_of": "2026-10-20"}, {"as_of": 1}, {"as_of": "NOW"}, {"threads": 0}]
)
def test_a_reading_that_means_nothing_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=next(iter(options))):
        ebudget.Reading(**options)
