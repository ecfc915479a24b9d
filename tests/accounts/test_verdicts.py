"""A gate never passes by silence: what was there decides whether there is a verdict at all."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import ebudget
import oracle
from ebudget import cli
from ebudget.accounts.selection import Selection
from ebudget.gate.decision import Decision, Demands, decide
from ebudget.policy.file import parse_policy
from ebudget.render.decision.words import sentence
from oracle import Log, to_micros
from strategies import column, compare
from support import (
    CLOCK,
    NOW,
    at,
    figures,
    only_account,
    policy_text,
    run,
    runs,
    stamp,
    statement_of,
    write_parquet,
)
from support import read as read_logs
from support import write_jsonl as write

GOLDEN = Path(__file__).parents[1] / "goldens" / "evidence.txt"

# The table: what spends x what is allowed x what was there

SPENDS: dict[str, dict[str, Any]] = {
    "class B+": {"class": "B+"},
    "class C+": {"class": "C+"},
    "class weights": {"class": {"B": 1, "C": 5, "D": "all"}},
    "failure": {"failure": ["wrong"]},
    "when": {"when": "duration_ms > 800"},
    "sum": {"sum": "cost_usd"},
}
ALLOWS: dict[str, dict[str, Any]] = {
    "10%": {"allow": "10%"},
    "slo 90%": {"slo": "90%"},
    "25": {"allow": 25},
    "0": {"allow": 0},
    "20 per 10": {"allow": {"amount": 20, "per": 10}},
    "of value": {"allow": {"of_value": "500%"}},
    "of baseline": {"allow": {"of_baseline": "200%", "over": "7d"}},
    "above baseline": {"allow": {"above_baseline": "50%", "over": "7d"}},
    "around baseline": {"allow": {"around_baseline": "50%", "over": "7d"}},
    "by tier": {"allow": {"low": "10%", "default": 25}},
    "by segment": {"allow": {"by": "segment", "default": "10%"}},
}
THERE = ("nothing", "null", "unknown", "half", "one", "all")
"""Of 20 runs in the window: no key at all, null, something unreadable, or a good value on some."""

RUNS = 20
WRONG = {"class": "C", "when": "failure_reason = 'wrong'"}
RULES = {
    WRONG["when"]: compare("failure_reason", lambda value: value == "wrong"),
    "duration_ms > 800": compare("duration_ms", lambda value: value > 800),
    "cost_usd": column("cost_usd"),
}


def table_policy(spend: str) -> dict[str, Any]:
    """One budget for each allowance."""
    return {
        "version": 1,
        "failures": {"wrong": WRONG},
        "workflows": {"w": {"value_usd": 1}},
        "budgets": {
            name: {"spend": SPENDS[spend], "window": "7d", "each": ["workflow"], **allow}
            for name, allow in ALLOWS.items()
        },
    }


GOOD = {"outcome": "success", "failure_reason": "none", "duration_ms": 100, "cost_usd": 1}
UNREADABLE = {"outcome": "shrug", "duration_ms": "soon", "cost_usd": "n/a"}


def table_records(there: str) -> Iterator[dict[str, Any]]:
    """The runs of the window; before it, as many of which everything is known, some of them bad."""
    for number in range(RUNS):
        good = there == "all" or (there == "half" and number % 2) or (there == "one" and not number)
        record = {"start_time": at(hours=1), "workflow": "w"}
        if good:
            record |= GOOD
        elif there == "unknown":
            record |= UNREADABLE
        elif there != "nothing":
            record |= dict.fromkeys(GOOD)
        yield record
        bad = number < 4
        yield {
            "start_time": at(days=10),
            "workflow": "w",
            "outcome": "failure" if bad else "success",
            "failure_reason": "wrong" if bad else "none",
            "duration_ms": 900 if bad else 100,
            "cost_usd": 1,
        }


def decided(checked: ebudget.Policy, statement: ebudget.Statement, **demands: Any) -> Decision:
    selection = demands.pop("selection", None)
    now = to_micros(demands.pop("now", NOW))
    return decide(checked, statement, Demands(**demands), now=now, selection=selection)


def table(folder: Path) -> Iterator[str]:
    for spend, there in itertools.product(SPENDS, THERE):
        policy = table_policy(spend)
        records = list(table_records(there))
        path = write(folder, records)
        checked = parse_policy(policy_text(policy), "p")
        ledger = read_logs([path], checked, clock=CLOCK)
        statement = ebudget.evaluate(checked, ledger)
        wanted = oracle.evaluate(policy, [Log(path, records)], RULES, clock=CLOCK)
        assert figures(statement)["accounts"] == wanted["accounts"]
        for account in statement.accounts:
            decision = decided(checked, statement, selection=Selection(budgets=[account.budget]))
            verdict = account.verdict.value
            lack = f" ({account.lack.value})" if account.lack else ""
            yield (
                f"{spend:<13} | {account.budget:<15} | {there:<7} | {verdict + lack:<27} | "
                f"{decision.exit_code} | {sentence(decision)}"
            )


def test_what_was_there_decides_the_verdict_the_exit_code_and_the_first_line(
    tmp_path: Path,
) -> None:
    """The figures of every row are those of the second implementation too."""
    found = "".join(line + "\n" for line in table(tmp_path))
    if os.environ.get("EBUDGET_GOLDEN"):
        GOLDEN.write_text(found, encoding="utf-8")
    assert found == GOLDEN.read_text(encoding="utf-8")


def test_no_row_of_the_table_passes_where_nothing_was_there() -> None:
    for line in GOLDEN.read_text(encoding="utf-8").splitlines():
        _, _, there, verdict, code, first = (cell.strip() for cell in line.split(" | "))
        if there in ("nothing", "null", "unknown"):
            assert (code, first[:4]) == ("3", "FAIL"), line
            assert verdict.startswith("insufficient"), line


# Boundaries


def one(**keys: Any) -> dict[str, Any]:
    """A policy with one budget, `b`."""
    top = ("failures", "workflows", "logs", "timezone", "unclassified")
    tops = {key: value for key, value in keys.items() if key in top}
    rest = {key: value for key, value in keys.items() if key not in top}
    return {"version": 1, **tops, "budgets": {"b": {"spend": {"class": "A+"}, **rest}}}


Judged = Callable[..., tuple[str, str | None]]


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    """The verdict of the only account, and what is lacking."""

    def judge(policy: dict[str, Any], records: list[Any]) -> tuple[str, str | None]:
        account = only_account(statement_of(policy, [write(tmp_path, records)]))
        return account.verdict.value, None if account.lack is None else account.lack.value

    return judge


@pytest.mark.parametrize(
    ("good", "silent", "least", "lack"),
    [
        (80, 20, "80%", None),
        (79, 21, "80%", "min_judged"),
        (1, 99, "0%", None),
        (0, 100, "0%", "not_judged"),
        (100, 0, "100%", None),
        (99, 1, "100%", "min_judged"),
    ],
)
def test_the_share_of_judged_runs_is_asked_for_exactly(
    good: int, silent: int, least: str, lack: str | None, judged: Judged
) -> None:
    records = [*runs(good), *(run(None) for _ in range(silent))]
    assert judged(one(allow="10%", min_judged=least), records)[1] == lack
    outages = [run("infrastructure") for _ in range(50)]  # which nobody has to judge
    assert judged(one(allow="10%", min_judged=least), [*records, *outages])[1] == lack


@pytest.mark.parametrize(
    ("known", "unknown", "least", "lack"),
    [
        (95, 5, "95%", None),
        (94, 6, "95%", "min_measured"),
        (1, 99, None, None),
        (0, 10, None, "not_measured"),
    ],
)
def test_the_share_of_measured_runs_is_asked_for_exactly(
    known: int, unknown: int, least: str | None, lack: str | None, judged: Judged
) -> None:
    records = [
        *(run(cost_usd=1) for _ in range(known)),
        *(run(cost_usd=None) for _ in range(unknown)),
    ]
    asked = {} if least is None else {"min_measured": least}
    policy = one(spend={"sum": "cost_usd"}, allow=1000, **asked)
    assert judged(policy, records)[1] == lack


@pytest.mark.parametrize(("before", "now", "lack"), [(19, 19, None), (18, 20, "min_measured")])
def test_half_of_the_costs_missing_before_looks_like_a_rise_and_is_no_evidence(
    before: int, now: int, lack: str | None, judged: Judged
) -> None:
    def costs(known: int, when: str) -> list[dict[str, Any]]:
        return [run(when=when, cost_usd=1 if i < known else None) for i in range(20)]

    policy = one(
        spend={"sum": "cost_usd"}, allow={"above_baseline": "50%", "over": "7d"}, window="7d"
    )
    assert judged(policy, [*costs(before, at(days=8)), *costs(now, at())])[1] == lack


@pytest.mark.parametrize(
    ("spend", "record", "measured"),
    [
        ({"when": "coalesce(score, 1) < 0.6"}, {}, 0),
        ({"when": "coalesce(score, 1) < 0.6"}, {"score": 0.9}, 1),
        ({"when": "score is null"}, {}, 0),
        ({"sum": "coalesce(cost_usd, 0)"}, {}, 0),
        ({"sum": "coalesce(review_minutes, 0) + coalesce(cleanup_minutes, 0)"}, {}, 0),
        ({"sum": "coalesce(review_minutes, 0) + cleanup_minutes"}, {"cleanup_minutes": 1}, 1),
        ({"when": "segment = 'vip' and duration_ms > 5"}, {"segment": "other"}, 0),
        ({"when": "segment = 'vip'"}, {"segment": "vip"}, 1),
        ({"when": "date_part('hour', start_time) > 5"}, {}, 1),
        ({"when": "run_id like 'x%' and score > 1"}, {"run_id": "x1"}, 0),
        ({"sum": "1"}, {}, 1),
        ({"sum": "cost_usd"}, {"cost_usd": 10**18}, 0),
    ],
)
def test_a_value_is_measured_where_a_column_that_counts_has_one(
    spend: dict[str, str], record: dict[str, Any], measured: int, tmp_path: Path
) -> None:
    policy = one(spend=spend, allow=1000, **{"for": {"segment": ["vip", "other", None]}})
    account = only_account(statement_of(policy, [write(tmp_path, [run(**record)])]))
    assert (account.measured, account.consumed is None) == (measured, not measured)


LEAK = {"leak": {"class": "C", "when": "failure_reason = 'leak'"}}


@pytest.mark.parametrize(
    ("spend", "lack"),
    [
        ({"class": "C+"}, "blind"),
        ({"failure": ["leak"]}, "blind"),
        ({"class": {"B": 1, "C": 5}}, "blind"),
        ({"class": "B+"}, None),  # where the unclassified failure spends as much as a leak
        ({"class": "D"}, None),  # which the rule does not spend
    ],
)
def test_failures_under_another_name_are_no_evidence_that_there_was_no_leak(
    spend: dict[str, Any], lack: str | None, judged: Judged
) -> None:
    failed = [run("failure", error_code="private data") for _ in range(4)]
    policy = one(spend=spend, allow=40, failures=LEAK)
    assert judged(policy, [*runs(96), *failed])[1] == lack
    told = [*runs(96), *failed[1:], run("failure", failure_reason="other")]
    assert judged(policy, told)[1] is None  # one of them shows that the rule can tell


def test_the_rules_that_could_not_see_are_named(tmp_path: Path) -> None:
    policy = one(spend={"failure": ["leak"]}, allow=0, failures=LEAK)
    path = write(tmp_path, [*runs(9), run("failure")])
    account = only_account(statement_of(policy, [path]))
    assert account.reason == "no rule could see: leak is unknown (null) on the failed run"


def test_where_only_rules_can_spend_a_run_is_judged_by_rules_that_can_tell(
    judged: Judged, tmp_path: Path
) -> None:
    rule = {"send": {"class": "D", "when": "action_type = 'send' and route = 'direct'"}}
    policy = one(spend={"failure": ["send"]}, of="all", allow=0, failures=rule)
    known = run(None, action_type="read")
    assert judged(policy, [known] * 5) == ("ok", None)
    assert judged(policy, [run(None, action_type="send")] * 5)[1] == "not_judged"
    policy["budgets"]["b"]["min_judged"] = "60%"
    assert judged(policy, [known, known, run(None)]) == ("ok", None)
    assert judged(policy, [known, run(None)])[1] == "min_judged"
    outage = run("infrastructure", action_type="read")
    assert judged(policy, [outage])[1] == "not_judged"


@pytest.mark.parametrize(
    ("words", "limit", "lack"),
    [
        ({"success": 95, "shrug": 5}, None, None),
        ({"success": 94, "shrug": 6}, None, "unknown_words"),
        ({"success": 94, "shrug": 6}, "6%", None),
        ({"success": 10, "shrug": 1, None: 89}, None, "unknown_words"),  # of what is said, 1 of 11
        ({"success": 10, "pending": 90}, None, None),
    ],
)
def test_too_many_words_that_nobody_knows_are_no_evidence(
    words: dict[str | None, int], limit: str | None, lack: str | None, judged: Judged
) -> None:
    records = [run(word) for word, count in words.items() for _ in range(count)]
    logs = {} if limit is None else {"max_unknown": limit}
    assert judged(one(allow="50%", logs=logs), records)[1] == lack
    cost = one(spend={"sum": "cost_usd"}, of="all", allow=1000, logs=logs)
    assert judged(cost, [{**r, "cost_usd": 1} for r in records])[1] is None  # needs no outcome


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["shrug"], "1 of 1 outcome word is unknown"),
        (["shrug", "success", "success"], "1 of 3 outcome words is unknown"),
        (["shrug", "meh", "success"], "2 of 3 outcome words are unknown"),
    ],
)
def test_how_many_words_are_too_many_is_told_with_the_key_that_says_so(
    words: list[str], says: str, tmp_path: Path
) -> None:
    path = write(tmp_path, [*(run(word) for word in words), run(None, failure_reason="leak")])
    policy = one(of="all", allow="100%", failures=LEAK)
    account = only_account(statement_of(policy, [path]))
    assert account.reason == f"{says}, more than the 5% of logs.max_unknown"


def test_the_failed_runs_that_no_rule_could_see_are_counted(tmp_path: Path) -> None:
    policy = one(spend={"failure": ["leak"]}, allow=0, failures=LEAK)
    account = only_account(statement_of(policy, [write(tmp_path, [*runs(9), *runs(0, 2)])]))
    assert account.reason == "no rule could see: leak is unknown (null) on all 2 failed runs"


@pytest.mark.parametrize(("count", "says"), [(1, "not even the one run"), (2, "none of 2 runs")])
def test_where_nothing_was_judged_or_measured_the_runs_are_counted(
    count: int, says: str, tmp_path: Path
) -> None:
    path = write(tmp_path, [run(None) for _ in range(count)])
    judged = only_account(statement_of(one(allow="10%"), [path]))
    assert judged.reason == f"nothing was judged: {says} says how it went"
    measured = only_account(statement_of(one(spend={"sum": "cost_usd"}, allow=1), [path]))
    assert measured.reason == f"nothing was measured: {says} has a value"


@pytest.mark.parametrize(
    ("failed", "silent", "verdict"),
    [(10, 90, "insufficient"), (11, 89, "breached"), (0, 100, "insufficient")],
)
def test_more_than_all_the_others_could_earn_is_a_breach_whatever_is_not_known(
    failed: int, silent: int, verdict: str, judged: Judged
) -> None:
    records = [*runs(0, failed), *(run(None) for _ in range(silent))]
    assert judged(one(allow="10%"), records)[0] == verdict


def test_named_failures_are_no_share_of_a_log_that_names_nothing_else(judged: Judged) -> None:
    records = [*runs(0, 2), *(run(None) for _ in range(98))]
    assert judged(one(allow="10%"), records)[1] == "only_failures"
    assert judged(one(allow="10%", logs={"no_outcome": "success"}), records) == ("ok", None)
    # one good word anywhere in the log shows that it can say so
    elsewhere = one(allow="100%", **{"for": {"segment": None}})
    assert judged(elsewhere, [*records, run("escalated", segment="x")])[1] is None


@pytest.mark.parametrize("key", ["is_resolved", "final_status"])
def test_a_log_without_outcomes_is_told_which_key_may_hold_them(key: str, tmp_path: Path) -> None:
    path = write(tmp_path, [{"ts": at(), key: value, "n": i} for i, value in enumerate("abab")])
    assert statement_of(one(allow="10%"), [path]).intake.maybe_outcomes == (key,)


# Outcomes by rule


@pytest.mark.parametrize(
    ("columns", "outcome"),
    [
        ({"score": "0.9"}, "success"),
        ({"score": "0.9", "outcome": "failure"}, "success"),  # a condition goes before a word
        ({"score": "0.1"}, "failure"),
        ({"score": "0.9", "retries": 9}, "infrastructure"),  # the first of several
        ({"score": None, "outcome": "good"}, "success"),
        ({"score": None, "outcome": "shrug"}, None),  # null decides nothing
        ({"score": "0.5", "outcome": "failure"}, None),  # nobody has judged it
    ],
)
def test_a_condition_decides_the_outcome(
    columns: dict[str, Any], outcome: str | None, tmp_path: Path
) -> None:
    logs = {
        "outcomes": {
            "success": {"words": ["good"], "when": "score >= 0.8"},
            "failure": {"when": "score < 0.2"},
            "infrastructure": {"when": "retries > 5"},
            "unlabelled": {"when": "score = 0.5"},
        }
    }
    policy = one(allow="50%", each=["outcome"], logs=logs)
    for name in ("runs.jsonl", "runs.parquet"):
        found = _statement(policy, tmp_path, name, {"start_time": at(), "outcome": None, **columns})
        assert dict(only_account(found).group) == {"outcome": outcome}
        unknown = columns.get("outcome") == "shrug"
        assert bool(found.intake.words) == unknown


def _statement(
    policy: dict[str, Any], folder: Path, name: str, record: dict[str, Any]
) -> ebudget.Statement:
    parquet = name.endswith(".parquet")
    path = write_parquet(folder, [record], name) if parquet else write(folder, [record], name)
    return statement_of(policy, [path])


def test_the_provider_s_outage_is_a_failure_where_an_instant_rule_matches(tmp_path: Path) -> None:
    rules = {
        "sent": {"class": "D", "when": "action_type = 'send'", "instant": True},
        "slow": {"class": "C", "when": "duration_ms > 5"},
    }
    path = write(
        tmp_path,
        [run(), run("infrastructure", duration_ms=9), run("infrastructure", action_type="send")],
    )
    statement = statement_of(one(allow="10%", failures=rules), [path])
    account = only_account(statement)
    assert (account.eligible, account.instant, statement.infrastructure) == (2, 1, 1)


# Honest users are not hurt


def test_a_log_whose_failures_are_named_by_rules_only_passes_once_it_says_so(
    judged: Judged,
) -> None:
    rules = {"wrong": {"class": "B", "when": "error is not null"}}
    logs = {"no_outcome": "success", "fields": {"error": {"path": "error", "optional": True}}}
    records = [*(run(None) for _ in range(99)), run(None, error="boom")]
    assert judged(one(allow="2%", failures=rules, logs=logs), records) == ("warning", None)
    assert (
        judged(one(allow="2%", failures=rules, logs={"fields": logs["fields"]}), records)[1]
        == "only_failures"
    )


def test_a_new_workflow_with_few_runs_stops_nobody(tmp_path: Path) -> None:
    policy = one(allow="10%", each=["workflow"], min_runs=20)
    records = [*runs(50, workflow="old"), *runs(3, workflow="new")]
    assert _exit_code(tmp_path, policy, records) == 0


def test_sampled_judging_is_judged_by_its_sample(tmp_path: Path) -> None:
    records = [*runs(40), *(run(None) for _ in range(160))]
    assert _exit_code(tmp_path, one(allow="10%"), records) == 0


def test_a_fixed_count_without_an_event_passes(tmp_path: Path) -> None:
    policy = one(spend={"failure": ["leak"]}, allow=0, failures=LEAK)
    assert _exit_code(tmp_path, policy, runs(30)) == 0


def test_a_condition_on_a_column_that_only_some_runs_have_is_judged_by_those(
    tmp_path: Path,
) -> None:
    policy = one(kind="quality", spend={"when": "score < 0.5"}, allow="10%")
    records = [*(run(score="0.9") for _ in range(5)), *runs(95)]
    assert _exit_code(tmp_path, policy, records) == 0


@pytest.mark.parametrize(("window", "code"), [("1d", 3), ("7d", 0)])
def test_a_weekly_batch_is_judged_in_a_week_and_missed_in_a_day(
    window: str, code: int, tmp_path: Path
) -> None:
    policy = one(allow="10%", window=window)
    records = [run("success", at(days=3)) for _ in range(30)]
    assert _exit_code(tmp_path, policy, records, as_of=NOW) == code


def test_a_workflow_is_not_missed_before_it_begins(tmp_path: Path) -> None:
    for since, code in (("2026-11-21", 0), ("2026-11-20", 3)):
        policy = one(
            allow="10%", each=["workflow"], workflows={"old": {}, "next": {"since": since}}
        )
        assert _exit_code(tmp_path, policy, runs(30, workflow="old")) == code
    alone = one(allow="10%", each=["workflow"], workflows={"next": {"since": "2026-11-21"}})
    other = alone["budgets"] | {"all": {"spend": {"class": "A+"}, "allow": "10%"}}
    alone["budgets"]["b"]["for"] = {"workflow": "next"}
    assert _exit_code(tmp_path, {**alone, "budgets": other}, runs(30, workflow="old")) == 0
    assert _exit_code(tmp_path, alone, runs(30, workflow="old")) == 3  # nothing at all was judged


def _exit_code(folder: Path, policy: dict[str, Any], records: list[Any], **options: Any) -> int:
    checked = parse_policy(policy_text(policy), "p")
    ledger = read_logs([write(folder, records)], checked, clock=CLOCK, **options)
    return decided(checked, ebudget.evaluate(checked, ledger)).exit_code


# What a group that nobody declared lacks


@pytest.mark.parametrize(
    ("count", "outcome", "code"),
    [(29, None, 0), (30, None, 3), (30, "pending", 3), (500, "success", 0)],
)
def test_a_group_that_nobody_declared_is_missed_once_it_has_runs_enough(
    count: int, outcome: str | None, code: int, tmp_path: Path
) -> None:
    records = [*runs(50, workflow="known"), *(run(outcome, workflow="new") for _ in range(count))]
    assert _exit_code(tmp_path, one(allow="10%", each=["workflow"]), records) == code


def test_a_group_that_lacks_only_a_baseline_is_not_missed(tmp_path: Path) -> None:
    policy = one(
        each=["workflow"],
        window="7d",
        spend={"sum": "cost_usd"},
        allow={"of_baseline": "150%", "over": "7d"},
    )
    old = [run(when=at(days=d), workflow="old", cost_usd=1) for d in (8, 1)]
    new = [run(workflow="new", cost_usd=1) for _ in range(50)]
    assert _exit_code(tmp_path, policy, [*old, *new]) == 0
    assert _exit_code(tmp_path, policy, new) == 3  # no account of the budget has any evidence


# The clock


@pytest.mark.parametrize(
    ("leads", "code"),
    [
        ([], 0),
        ([timedelta(minutes=5)], 0),
        ([timedelta(minutes=7)] * 3, 0),
        ([timedelta(minutes=7)] * 4, 3),
        ([timedelta(minutes=14)], 3),
        ([timedelta(minutes=13, seconds=59)], 0),
        ([timedelta(minutes=16)], 3),
        ([timedelta(minutes=16, seconds=1)], 0),
        ([timedelta(hours=20)], 3),
        ([timedelta(hours=20, minutes=5)], 0),
        ([timedelta(hours=20, minutes=5), timedelta(minutes=45)], 3),
        ([timedelta(hours=5, minutes=45)], 3),
    ],
)
def test_runs_ahead_of_the_clock_are_no_evidence_where_a_zone_may_be_wrong(
    leads: list[timedelta], code: int, tmp_path: Path
) -> None:
    records = [*runs(20), *(run(when=stamp(CLOCK + lead)) for lead in leads)]
    assert _exit_code(tmp_path, one(allow="10%"), records) == code
    assert _exit_code(tmp_path, one(allow="10%"), records, as_of="now") == code
    assert _exit_code(tmp_path, one(allow="10%"), records, as_of=CLOCK) == 0  # as it was asked


# What cannot be read


@pytest.mark.parametrize(
    ("good", "bad", "limit", "code"),
    [
        (95, 5, {}, 0),
        (94, 6, {}, 3),
        (94, 6, {"logs": {"max_rejected": "6%"}}, 0),
        (99, 1, {"logs": {"max_rejected": "0%"}}, 3),
        (5, 95, {}, 3),
    ],
)
def test_too_many_rejected_records_are_no_evidence(
    good: int, bad: int, limit: dict[str, Any], code: int, tmp_path: Path
) -> None:
    records = [*runs(good), *(["{"] * bad)]
    policy = one(allow="10%", gate={"on_insufficient": "pass"}, **limit)
    assert _exit_code(tmp_path, policy, records) == code


@pytest.mark.parametrize(("size", "bad", "code"), [(20, 2, 3), (20, 1, 0), (19, 19, 0)])
def test_a_file_of_twenty_records_is_held_to_the_limit_by_itself(
    size: int, bad: int, code: int, tmp_path: Path
) -> None:
    big = write(tmp_path, runs(1000), "big.jsonl")
    small = write(tmp_path, [*runs(size - bad), *(["{broken"] * bad)], "small.jsonl")
    checked = parse_policy(policy_text(one(allow="10%")), "p")
    ledger = read_logs([big, small], checked, clock=CLOCK)
    decision = decided(checked, ebudget.evaluate(checked, ledger))
    assert decision.exit_code == code
    assert ("small.jsonl" in sentence(decision)) == (code == 3)


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_a_line_that_one_parser_refuses_for_a_field_nobody_needs_counts(
    name: str, tmp_path: Path
) -> None:
    start = f'{{"start_time": "{at()}", "outcome": "failure"'
    lines = [
        start + ', "run_id": "f1", "output": "\\ud83d"}',
        start + ', "run_id": "f2", "output": "\\ud83d"}',
        start + ', "cost_usd": NaN}',
        start + ', "outcome": "success", "x": "\\udc00"}',  # of two equal keys the first counts
        "{",
        run(),
        "[1]",
    ]
    statement = statement_of(one(allow="10%"), [write(tmp_path, lines, name)], show_rejects=True)
    account = only_account(statement)
    assert (statement.intake.runs, account.spent) == (5, 4)
    assert dict(statement.intake.rejected) == {"malformed line": 1, "not an object": 1}
    assert [r.place for r in statement.intake.rejects] == ["line 5", "line 7"]


# What nobody asked about


def test_runs_that_no_budget_selects_are_counted(tmp_path: Path) -> None:
    policy = one(allow="10%", **{"for": {"environment": "prod"}})
    path = write(tmp_path, [run(environment="prod"), run(), run(environment="dev")])
    assert statement_of(policy, [path]).unselected == 2
    policy["budgets"]["rest"] = {"spend": {"class": "A+"}, "allow": 1, "for": {"environment": None}}
    assert statement_of(policy, [path]).unselected == 1


def test_a_pass_that_rests_on_negative_values_says_so(tmp_path: Path) -> None:
    policy = one(spend={"sum": "cost_usd"}, allow=10)
    path = write(tmp_path, [*(run(cost_usd=2) for _ in range(9)), run(cost_usd=-1000)])
    account = only_account(statement_of(policy, [path]))
    assert (account.spent, account.negative) == (-982, -1000)


@pytest.mark.parametrize(
    "rule",
    [
        "coalesce(failure_reason, '') = 'leak'",
        "failure_reason is not distinct from 'leak'",
        "failure_reason is not null and failure_reason = 'leak'",
        "case when failure_reason = 'leak' then true else false end",
    ],
)
def test_a_rule_over_a_column_that_nobody_logs_sees_nothing(rule: str, judged: Judged) -> None:
    leak = {"leak": {"class": "C", "when": rule}}
    rules_only = one(spend={"failure": ["leak"]}, of="all", allow=5, failures=leak)
    assert judged(rules_only, [run(None)] * 20)[1] == "not_judged"
    assert judged(rules_only, [run(None, failure_reason="x"), *[run(None)] * 19])[1] is None
    classes = one(spend={"class": "C+"}, allow="5%", failures=leak)
    assert judged(classes, runs(50, 50))[1] == "blind"


def test_words_that_nobody_knows_count_where_a_rule_reads_the_outcome(judged: Judged) -> None:
    failed = {"failed": {"class": "C", "when": "outcome = 'failure'"}}
    policy = one(spend={"failure": ["failed"]}, of="all", allow="10%", failures=failed)
    assert judged(policy, [*runs(50), *(run("weird") for _ in range(50))])[1] == "unknown_words"


def test_words_that_nobody_knows_count_where_rules_cannot_judge_the_rest(judged: Judged) -> None:
    policy = one(spend={"failure": ["leak"]}, of="all", allow=3, failures=LEAK)
    odd = [run("zzz") for _ in range(97)]
    assert judged(policy, [*runs(3), *odd])[1] == "unknown_words"
    told = [{**record, "failure_reason": "none"} for record in odd]
    assert judged(policy, [*runs(3, failure_reason="none"), *told])[1] is None


def test_an_id_that_is_empty_is_none(tmp_path: Path) -> None:
    records = [run(run_id=""), run(run_id=" "), run(run_id="a"), run(run_id="a")]
    assert statement_of(one(allow="10%"), [write(tmp_path, records)]).intake.runs == 3


def test_a_file_that_was_skipped_as_a_whole_is_no_evidence(tmp_path: Path) -> None:
    good = write(tmp_path, runs(20))
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(Path(write(tmp_path, runs(0, 500), "whole.jsonl.gz")).read_bytes()[:-20])
    for limit, code in (({}, 3), ({"max_rejected": "99%"}, 3), ({"max_rejected": "100%"}, 0)):
        checked = parse_policy(policy_text(one(allow="10%", logs=limit)), "p")
        paths = [good, str(cut)]
        ledger = read_logs(paths, checked, clock=CLOCK, skip_unreadable=True)
        assert decided(checked, ebudget.evaluate(checked, ledger)).exit_code == code


# What every output says


DOUBTS = {
    "3 runs without an outcome counted as successes (logs.no_outcome)": (
        {"logs": {"no_outcome": "success"}},
        [run(None), run(None), run(None)],
    ),
    "2 runs selected by no budget": ({"for": {"segment": "x"}}, [run(segment="x"), run(), run()]),
    "dated more than 5 minutes after this machine's clock": (
        {},
        [run(), run(when="2999-01-01T00:00:00Z")],
    ),
    "keys that may hold the outcome: final_status": ({}, [run(None, final_status="good")]),
    "negative values of −$5.00 lower the spend; it is $2.00 without them": (
        {"spend": {"sum": "cost_usd"}, "allow": 9},
        [run(cost_usd=2), run(cost_usd=-5)],
    ),
}
COMMANDS = (
    *("report", "report --format markdown", "check", "check --format markdown"),
    *("check --format junit", "check --format github", "simulate", "validate budgets.yaml"),
)


@pytest.mark.parametrize("doubt", DOUBTS)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_output_says_what_is_doubtful_of_the_logs(
    doubt: str,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    keys, records = DOUBTS[doubt]
    if "negative" in doubt and command.split(maxsplit=1)[0] in ("simulate", "validate"):
        pytest.skip("which show no account's remarks")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "budgets.yaml").write_text(policy_text(one(**{"allow": "50%", **keys})))
    write(tmp_path, records)
    cli.run([*command.split(), "runs.jsonl"])
    out = " ".join(capsys.readouterr().out.split())
    said = doubt if command[:8] != "validate" else doubt.replace("runs selected by no", "")
    parts = said.split(" budget")[0] if command[:8] == "validate" else said
    assert parts in out


def test_a_check_whose_clock_matters_is_not_repeated_at_an_instant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "budgets.yaml").write_text(policy_text(one(allow="50%")))
    write(tmp_path, [run(), run(when="2999-01-01T00:00:00Z")])
    for given, again in (([], ""), (["--as-of", "now"], " --as-of=now")):
        cli.run(["check", "runs.jsonl", *given])
        assert f"-p budgets.yaml{again} runs.jsonl\n" in capsys.readouterr().out
