"""Bands around a baseline, maps by any column, objectives, and closed tiers: worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import ebudget
from ebudget.ledger.plan import make_plan
from ebudget.policy.file import parse_policy
from ebudget.policy.wants import Wants
from ebudget.render import figures
from ebudget.review.review import review
from support import CLOCK, at, one_budget, policy_text, run, runs
from support import read as read_logs

Account = Callable[..., ebudget.Account]
State = Callable[..., ebudget.Statement]


def costs(amount: Any, count: int = 10, days: float = 0, **columns: Any) -> list[dict[str, Any]]:
    """So many runs of one cost, so many days ago."""
    return [run(when=at(days=days), cost_usd=amount, **columns) for _ in range(count)]


def band(key: str, share: str = "20%", **keys: Any) -> dict[str, Any]:
    """A budget over the cost of a day, held against the day before."""
    allow = {key: share, "over": "1d"}
    return one_budget(spend={"sum": "cost_usd"}, allow=allow, window="1d", **keys)


@pytest.mark.parametrize(
    ("key", "cost", "spent", "verdict"),
    [
        ("above_baseline", 10, 0, "ok"),
        ("above_baseline", 4, 0, "ok"),
        ("above_baseline", 12, 20, "frozen"),  # all of it, and no more
        ("above_baseline", "12.1", 21, "breached"),
        ("around_baseline", 10, 0, "ok"),
        ("around_baseline", 8, 20, "frozen"),
        ("around_baseline", "7.9", 21, "breached"),
        ("around_baseline", "12.1", 21, "breached"),
    ],
)
def test_a_band_is_spent_by_what_lies_outside_the_mean_before(
    key: str, cost: Any, spent: int, verdict: str, account: Account
) -> None:
    """The mean before is $10, so 10 runs may lie $20 off it."""
    found = account(band(key), [*costs(10, days=1.5), *costs(cost)])
    assert (found.spent, found.allowed, found.verdict.value) == (spent, 20, verdict)
    assert (found.terms.rate, found.proportion) == (False, False)


def test_an_unchanged_cost_leaves_all_of_a_band_and_little_of_a_share_of_the_mean(
    account: Account,
) -> None:
    records = [*costs(10, days=1.5), *costs(10)]
    assert account(band("above_baseline"), records).remaining == 1
    assert account(band("of_baseline", "115%"), records).remaining == Fraction(15, 115)


def test_the_burn_of_a_band_is_the_same_formula_on_the_runs_of_each_window(
    account: Account,
) -> None:
    """12 hours ago 10 runs of $10; now 2 runs of $15, of which $10 lie above the mean."""
    records = [*costs(10, days=1.5), *costs(10, days=0.5), *costs(15, 2)]
    alerts = [{"long": "6h", "short": "1h", "factor": "1", "severity": "page"}]
    found = account(band("above_baseline", alerts=alerts), records)
    assert (found.spent, found.allowed) == (10, Fraction(24))
    assert dict(found.burn) == {"6h": Fraction(10, 4), "1h": Fraction(10, 4)}
    assert [alert.firing for alert in found.alerts] == [True]


def test_slices_of_a_band_are_signed_and_no_shares(account: Account) -> None:
    records = [*costs(10, days=1.5), *costs(15, 4, model="new"), *costs(8, 6, model="old")]
    found = account(band("above_baseline", by=["model"]), records)
    ((_, slices),) = found.breakdown
    assert [(s.value, s.spent, s.share) for s in slices] == [("new", 20, None), ("old", -12, None)]
    assert found.spent == 8


def test_a_band_without_a_baseline_is_no_evidence(account: Account) -> None:
    found = account(band("around_baseline"), costs(10))
    assert (found.allowed, found.verdict.value) == (None, "insufficient")
    assert found.reason == "only 0 runs earn in the 1d before"
    free = account(band("around_baseline"), [*costs(0, days=1.5), *costs(10)])
    assert free.reason == "nothing was spent in the 1d before"


def test_an_instant_event_spends_the_whole_of_a_band(account: Account) -> None:
    rule = {"d": {"class": "D", "when": "failure_reason = 'd'", "instant": True}}
    policy = one_budget(failures=rule, window="1d", allow={"above_baseline": "50%", "over": "1d"})
    records = [*runs(8, 2, when=at(days=1.5)), *runs(8, 1), run("failure", failure_reason="d")]
    found = account(policy, records)
    assert (found.allowed, found.spent, found.instant) == (1, 1, 1)
    assert found.verdict.value == "breached"


def test_what_is_left_of_a_band_goes_up_and_down_day_by_day(statement: State) -> None:
    records = [*costs(10, days=3), *costs(12, 5, days=1.4), *costs(8, 5, days=0.4)]
    policy = one_budget(
        spend={"sum": "cost_usd"}, window="2d", allow={"around_baseline": "20%", "over": "2d"}
    )
    (found,) = statement(policy, records, days_of=["b"]).accounts
    assert [(d.spent, d.remaining) for d in found.days] == [
        (0, 1),
        (10, Fraction(1, 2)),
        (-10, 1),
    ]


# Maps by a column


def test_a_map_parts_accounts_by_its_column(statement: State) -> None:
    policy = one_budget(
        each=["workflow"], allow={"by": "segment", "vip": "1%", "smb": 3, "default": "20%"}
    )
    segments = ("vip", "smb", "other", None)
    records = [r for s in segments for r in runs(9, 1, workflow="w", segment=s)]
    found = {dict(a.group)["segment"]: a for a in statement(policy, records).accounts}
    assert {name: (a.allowed, a.verdict.value) for name, a in found.items()} == {
        "vip": (Fraction(1, 10), "breached"),
        "smb": (3, "ok"),
        "other": (2, "warning"),
        None: (2, "warning"),
    }


def test_a_value_without_a_line_is_no_evidence_and_says_so(statement: State) -> None:
    policy = one_budget(allow={"by": "segment", "vip": "1%"})
    (found,) = statement(policy, runs(9, segment="smb")).accounts
    assert (found.verdict.value, found.reason) == (
        "insufficient",
        "the policy allows nothing for segment=smb, and has no default",
    )


def problems(allow: str, **tops: Any) -> list[str]:
    text = f"version: 1\n{''.join(f'{k}: {json.dumps(v)}' for k, v in tops.items())}\n"
    with pytest.raises(ebudget.PolicyError) as refused:
        parse_policy(text + f"budgets:\n  b: {{spend: {{class: A}}, {allow}}}\n", "p")
    return str(refused.value).splitlines()


@pytest.mark.parametrize(
    ("allow", "message"),
    [
        ("allow: {slo: 99%}", "p:4:39: budgets.b.allow.slo: 'slo' is no risk tier"),
        ("allow: {slo: 99%}", "write slo: 99.9% in place of allow"),
        ("allow: {amout: 3}", "did you mean 'amount'?"),
        ("allow: {hgih: 3%, low: 1%}", "did you mean 'high'?"),
        ("allow: {consumer: 5%, enterprise: 1%}", "write {by: COLUMN, VALUE: 1%, default: 1%}"),
        ("allow: {by: segmnt, a: 1%}", "unknown column 'segmnt'; did you mean 'segment'?"),
        ("allow: {by: cost_usd, a: 1%}", "runs are grouped by texts and booleans"),
        ("allow: {by: segment}", "name what is allowed for each value"),
        ("allow: {by: segment, a: {b: 1%}}", "budgets.b.allow.a: write 1%"),
        ("allow: 1%, slo: 99%", "allow and slo say the same thing"),
        ("slo: 99", "99"),
        ("slo: 0%", "is no objective"),
        ("slo: 101%", "is no objective"),
        ("window: 7d", "allow is missing"),
        ("allow: {above_baseline: 5%}", "over is missing"),
        ("allow: {around_baseline: 5%, over: 7d, of_value: 1%}", "unknown key 'of_value'"),
    ],
)
def test_a_map_that_is_none_says_what_was_meant(allow: str, message: str) -> None:
    assert any(message in line for line in problems(allow)), problems(allow)


def test_a_tier_that_a_workflow_declares_is_known() -> None:
    text = policy_text(
        one_budget(allow={"odd": "1%", "critical": 0}, workflows={"w": {"risk_tier": "odd"}})
    )
    assert parse_policy(text, "p").budgets["b"].dimensions == ("risk_tier",)


# Objectives


def test_an_objective_allows_the_rest_and_tells_the_minutes_of_outage(account: Account) -> None:
    found = account(one_budget(slo="99.9%"), runs(1999, 1))
    assert (found.allowed, found.spent) == (2, 1)
    assert "99.9% of 30d is 43.2 minutes of full outage" in figures.remarks(found)


def test_validate_tells_the_minutes_and_what_is_frozen_for_ever() -> None:
    policy = one_budget(slo="99.5%", window="7d")
    policy["budgets"]["c"] = {
        "spend": {"sum": "cost_usd"},
        "allow": {"of_baseline": "115%", "over": "14d"},
    }
    policy["budgets"]["d"] = {
        **policy["budgets"]["c"],
        "gate": {"freeze_below": "10%"},
    }
    said = {r.about: r.message for r in review(parse_policy(policy_text(policy), "p")).remarks}
    assert said["budgets.b.slo"] == "allows 50.4 minutes of full outage in 7d"
    assert "less than freeze_below (25%)" in said["budgets.c.allow"]
    assert "budgets.d.allow" not in said


def test_validate_counts_runs_that_no_budget_selects(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in runs(3)))
    policy = one_budget(for_={"environment": "prod"})
    checked = parse_policy(policy_text(policy), "p")
    plan = make_plan(checked, Wants(by=("workflow",)), unknowns=True)
    thorough = read_logs([str(path)], plan, clock=CLOCK)
    said = [f"{r.about}: {r.message}" for r in review(checked, thorough).remarks]
    assert "budgets: 3 of 3 runs are selected by no budget's `for`" in said
