"""What the arithmetic rules, sentence by sentence, on logs of a few lines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import ebudget
from ebudget.policy.file import parse_policy
from ebudget.render import figures
from ebudget.review.review import never_firing
from oracle import to_micros
from support import (
    CLOCK,
    MICRO,
    NOW,
    at,
    ledger_of,
    one_budget,
    only_account,
    policy_text,
    run,
    runs,
    stamp,
)
from support import write_jsonl as write

Account = Callable[..., ebudget.Account]
State = Callable[..., ebudget.Statement]

PAGE = {"long": "1h", "short": "5m", "factor": 2, "severity": "page"}
TICKET = {"long": "6h", "short": "30m", "factor": 2, "severity": "ticket"}

REASON = {"class": "B", "when": "failure_reason = 'wrong'"}
DISASTER = {"class": "D", "when": "failure_reason = 'disaster'", "instant": True}


def shown(account: ebudget.Account) -> tuple[Any, ...]:
    """The figures that most rulings are about."""
    return (account.eligible, account.spent, account.allowed, account.consumed)


def slices(account: ebudget.Account, column: str) -> dict[str | None, ebudget.Slice]:
    return {part.value: part for part in dict(account.breakdown)[column]}


# What a run is


@pytest.mark.parametrize("allow", ["0", "0%", {"amount": "0", "per": "1"}])
def test_a_credit_where_nothing_is_allowed_is_no_share_and_reaches_no_line(
    account: Account, allow: Any
) -> None:
    policy = one_budget(spend={"sum": "cost_usd"}, allow=allow, respond={"50%": "look"})
    found = account(policy, [run(cost_usd=-2)])
    assert (found.spent, found.consumed, found.remaining) == (-2, None, None)
    assert (found.verdict.value, found.response) == ("ok", None)
    assert figures.remaining(found) == "∞"


def test_an_alert_that_fires_in_february_is_not_said_to_never_fire() -> None:
    policy = one_budget(allow="7%", window="month")
    found = never_firing(parse_policy(policy_text(policy), "p.yaml"), "b")
    assert not found


def test_a_rule_outranks_the_outcome(account: Account) -> None:
    failures = {"wrong": {"class": "C", "when": "failure_reason = 'wrong'"}}
    records = [*runs(3), run("success", failure_reason="wrong"), run(None, failure_reason="wrong")]
    found = account(one_budget(failures=failures, spend={"class": "C"}, allow=5), records)
    assert (found.eligible, found.spent, found.unlabelled) == (5, 2, 0)
    found = account(one_budget(failures=failures, of="success", spend={"class": "C"}), records)
    assert found.eligible == 3


def test_a_failed_run_that_no_rule_names_is_unclassified(account: Account) -> None:
    records = runs(9, 1)
    assert account(one_budget(spend={"class": "B"}), records).spent == 1
    assert account(one_budget(spend={"class": "C"}), records).spent == 0
    assert account(one_budget(spend={"class": "C"}, unclassified="C"), records).spent == 1


def test_an_escalated_run_earns_and_spends_nothing(account: Account) -> None:
    found = account(one_budget(spend={"class": "A+"}), [*runs(1), run("escalated")])
    assert (found.eligible, found.spent) == (2, 0)


def test_an_outage_matches_no_rule_and_earns_only_among_all(account: Account) -> None:
    failures = {"wrong": REASON}
    records = [*runs(4), run("infrastructure", failure_reason="wrong", cost_usd=2)]
    labelled = account(one_budget(failures=failures), records)
    assert (labelled.selected, labelled.eligible, labelled.spent) == (5, 4, 0)
    assert labelled.unlabelled == 0
    assert account(one_budget(failures=failures, of="all"), records).eligible == 5
    seen = account(
        one_budget(of="all", spend={"when": "outcome = 'infrastructure'"}, allow="10%"), records
    )
    assert seen.spent == 1
    assert account(one_budget(spend={"sum": "cost_usd"}, allow=5), records).spent == 2


def test_an_unjudged_run_neither_earns_nor_succeeds_and_is_shown(account: Account) -> None:
    records = [*runs(2), run(None), run("pending"), run("shrug")]
    found = account(one_budget(), records)
    assert (found.selected, found.eligible, found.unlabelled) == (5, 2, 3)
    assert account(one_budget(of="success"), records).eligible == 2


SILENT_IS_GOOD = {"no_outcome": "success"}


def test_silence_is_not_good_also_where_the_whole_log_is_silent(account: Account) -> None:
    records = [run(None), run(None), run(None, failure_reason="wrong")]
    found = account(one_budget(failures={"wrong": REASON}, of="success"), records)
    assert (found.eligible, found.spent, found.unlabelled) == (0, 1, 2)


def test_a_log_that_names_failures_only_can_say_so(statement: State) -> None:
    policy = one_budget(failures={"wrong": REASON}, of="success", logs=SILENT_IS_GOOD)
    found = statement(policy, [run(None), run(None), run(None, failure_reason="wrong")])
    account = only_account(found)
    assert (account.eligible, account.spent, account.unlabelled) == (2, 1, 0)
    assert (account.judged, found.no_outcome) == (3, 2)


@pytest.mark.parametrize("outcome", ["pending", "shrug", "", {"is": "good"}, ["success"]])
def test_only_a_run_that_says_nothing_at_all_is_a_success_for_want_of_an_outcome(
    outcome: Any, statement: State
) -> None:
    found = statement(one_budget(logs=SILENT_IS_GOOD), [run(None), run(outcome)])
    assert (found.no_outcome, found.unlabelled) == (1, 1)


def test_an_outcome_that_null_if_takes_away_is_silence(statement: State) -> None:
    field = {"path": "outcome", "null_if": ["?"]}
    policy = one_budget(logs={**SILENT_IS_GOOD, "fields": {"outcome": field}})
    assert statement(policy, [run("?"), run("failure")]).no_outcome == 1


def test_budgets_see_silence_as_success_and_rules_see_what_the_log_says(account: Account) -> None:
    quiet = {"class": "C", "when": "outcome is null and score > 1"}
    policy = one_budget(
        failures={"quiet": quiet},
        spend={"when": "outcome = 'success'"},
        of="outcome = 'success'",
        allow="100%",
        logs=SILENT_IS_GOOD,
    )
    found = account(policy, [run(None, score=1), run(None, score=2), run("success")])
    assert (found.eligible, found.spent, found.measured) == (2, 2, 2)


def test_a_silent_success_is_selected_and_grouped_as_one(statement: State) -> None:
    policy = one_budget(each=["outcome"], logs=SILENT_IS_GOOD)
    found = statement(policy, [run(None), run("success"), run("failure")])
    assert [(dict(a.group)["outcome"], a.selected) for a in found.accounts] == [
        ("failure", 1),
        ("success", 2),
    ]


def test_a_cost_that_was_not_measured_spends_nothing_and_still_earns(account: Account) -> None:
    records = [run(cost_usd=2), run(cost_usd=None), run(cost_usd="n/a")]
    found = account(one_budget(spend={"sum": "cost_usd"}, allow={"amount": 1, "per": 1}), records)
    assert (found.eligible, found.spent, found.allowed, found.unmeasured) == (3, 2, 3, 2)


def test_a_spend_is_rounded_half_away_from_zero_to_nine_places_for_each_run(
    account: Account,
) -> None:
    records = [run(cost_usd="0.0000000005"), run(cost_usd="0.0000000004")]
    found = account(one_budget(spend={"sum": "cost_usd"}, allow=1), records)
    assert found.spent == Fraction(1, 10**9)


# Allowances


@pytest.mark.parametrize(
    ("allow", "allowed"),
    [
        ("12.5%", Fraction(5, 4)),
        (7, 7),
        ({"amount": 90, "per": 100}, 9),
        ({"of_value": "50%"}, 20),
        ({"of_baseline": "150%", "over": "7d"}, 6),
    ],
    ids=["a ratio", "a count", "per runs", "of value", "of a baseline"],
)
def test_every_form_of_allowance_has_its_formula(
    allow: Any, allowed: Fraction, account: Account
) -> None:
    """10 runs earn, 8 of them succeed at 5 dollars each; before the window 2 of 5 failed."""
    before = runs(3, 2, at(days=8), workflow="triage")
    policy = one_budget(allow=allow, window="7d", workflows={"triage": {"value_usd": 5}})
    found = account(policy, before + runs(8, 2, workflow="triage"))
    assert shown(found) == (10, 2, allowed, Fraction(2) / allowed)


def test_remaining_is_never_clamped(account: Account) -> None:
    found = account(one_budget(allow="0.1%"), runs(770, 7))
    assert found.remaining == 1 - Fraction(7000, 777)


def test_an_instant_event_spends_the_whole_allowance(account: Account) -> None:
    policy = one_budget(failures={"d": DISASTER}, spend={"class": {"B": 1, "D": "all"}})
    found = account(policy, [*runs(19, 0), run("failure", failure_reason="disaster")])
    assert shown(found) == (20, 2, 2, 1)
    assert (found.instant, found.remaining) == (1, 0)
    found = account(policy, [*runs(8, 0), *[run("failure", failure_reason="disaster")] * 2])
    assert shown(found) == (10, 2, 1, 2)


def test_burn_over_a_window_that_holds_every_run_equals_consumed(account: Account) -> None:
    found = account(one_budget(allow="1%"), runs(90, 10))
    assert found.consumed == 10
    assert set(dict(found.burn).values()) == {Fraction(10)}


def test_burn_compares_a_window_with_what_it_alone_would_allow(account: Account) -> None:
    records = runs(2, 2, at(minutes=1)) + runs(5, 1, at(minutes=50)) + runs(90)
    found = account(one_budget(allow="10%", window="30d"), records)
    assert dict(found.burn)["1h"] == Fraction(3, 10)
    assert found.consumed == Fraction(3, 10)
    older = account(one_budget(allow="10%"), records + runs(0, 100, at(days=2)))
    assert dict(older.burn)["1d"] == Fraction(3, 10)
    assert dict(older.burn)["3d"] == Fraction(103, 20)


def test_for_selects_what_spends_and_of_says_what_earns(account: Account) -> None:
    policy = one_budget(
        for_={"environment": "prod"},
        of="success",
        spend={"sum": "cost_usd"},
        allow={"amount": 2, "per": 1},
    )
    records = [
        run("success", cost_usd=1, environment="prod"),
        run("failure", cost_usd=3, environment="prod"),
        run("success", cost_usd=100, environment="dev"),
    ]
    assert shown(account(policy, records)) == (1, 4, 2, 2)


@pytest.mark.parametrize(
    ("wanted", "selected"),
    [
        ("prod", 1),
        (["prod", "dev"], 2),
        ("prod*", 2),
        ("*", 3),
        ("p?od", 0),
        ("PROD", 0),
    ],
    ids=str,
)
def test_for_takes_a_value_a_list_or_a_glob(wanted: Any, selected: int, account: Account) -> None:
    records = [run(environment=name) for name in ("prod", "prod-eu", "dev", None)]
    assert account(one_budget(for_={"environment": wanted}), records).selected == selected


@pytest.mark.parametrize(("wanted", "selected"), [(None, 2), ([None, "vip"], 3)], ids=str)
def test_null_matches_only_null(wanted: Any, selected: int, account: Account) -> None:
    records = [run(segment=name) for name in ("vip", "null", None)] + [run()]
    assert account(one_budget(for_={"segment": wanted}), records).selected == selected


@pytest.mark.parametrize(
    ("keys", "eligible"),
    [
        ({"kind": "outcome"}, 2),
        ({"kind": "trust"}, 2),
        ({"kind": "cleanup"}, 4),
        ({"kind": "cost"}, 4),
        ({"kind": "availability"}, 4),
        ({"kind": "latency"}, 4),
        ({"kind": "latency", "spend": {"when": "duration_ms > 800"}}, 3),
        ({"kind": "quality", "spend": {"when": "duration_ms > 800"}}, 3),
        ({"kind": "quality", "spend": {"sum": "duration_ms"}}, 4),
        ({"kind": "cost", "spend": {"when": "duration_ms > 800"}}, 4),
        ({"kind": "latency", "of": "success", "spend": {"when": "duration_ms > 800"}}, 1),
        ({"kind": "outcome", "of": "duration_ms < 900"}, 2),
    ],
    ids=str,
)
def test_what_earns_follows_from_the_kind_unless_the_policy_says(
    keys: dict[str, Any], eligible: int, account: Account
) -> None:
    records = [
        run("success", duration_ms=100),
        run("failure", duration_ms=900),
        run("infrastructure", duration_ms=800),
        run(None),
    ]
    assert account(one_budget(**{"allow": 5, **keys}), records).eligible == eligible


# Exact comparison, verdicts


def test_figures_are_compared_unrounded(account: Account) -> None:
    over = [run(cost_usd="0.999999999"), run(cost_usd="0.000000002")]
    policy = one_budget(spend={"sum": "cost_usd"}, allow=1)
    assert account(policy, over).verdict.value == "breached"
    assert account(policy, [*over[:1], run(cost_usd="0.000000001")]).verdict.value == "frozen"


@pytest.mark.parametrize(("bad", "verdict"), [(10, "frozen"), (11, "breached")])
def test_ten_of_ten_allowed_is_no_breach_and_the_eleventh_is(
    bad: int, verdict: str, account: Account
) -> None:
    found = account(one_budget(allow="1%"), runs(1000 - bad, bad))
    assert shown(found) == (1000, bad, 10, Fraction(bad, 10))
    assert found.verdict.value == verdict
    assert account(one_budget(allow=10), runs(0, bad)).verdict.value == verdict


@pytest.mark.parametrize(
    ("bad", "verdict"),
    [(0, "ok"), (49, "ok"), (50, "warning"), (75, "warning"), (76, "frozen"), (101, "breached")],
)
def test_the_lines_of_the_defaults(bad: int, verdict: str, account: Account) -> None:
    assert account(one_budget(allow=100), runs(1, bad)).verdict.value == verdict


@pytest.mark.parametrize(
    ("freeze_below", "bad", "verdict"),
    [
        ("25%", 75, "warning"),
        ("25%", 76, "frozen"),
        ("0%", 100, "warning"),
        ("100%", 0, "ok"),
        ("100%", 1, "frozen"),
    ],
)
def test_an_account_is_frozen_when_less_than_the_line_remains(
    freeze_below: str, bad: int, verdict: str, account: Account
) -> None:
    policy = one_budget(allow=100, gate={"freeze_below": freeze_below})
    assert account(policy, runs(1, bad)).verdict.value == verdict


@pytest.mark.parametrize(
    ("bad", "verdict", "response"),
    [
        (19, "ok", None),
        (20, "warning", "look"),
        (50, "warning", "slow down"),
        (99, "frozen", "slow down"),
        (100, "frozen", "stop"),
        (149, "breached", "stop"),
        (150, "breached", "call"),
    ],
)
def test_the_lowest_line_warns_and_the_highest_line_reached_responds(
    bad: int, verdict: str, response: str | None, account: Account
) -> None:
    lines = {"100%": "stop", "20%": "look", "150%": "call", "50%": "slow down"}
    found = account(one_budget(allow=100, respond=lines), runs(1, bad))
    assert (found.verdict.value, found.response) == (verdict, response)


def test_a_lowest_line_above_half_replaces_the_default_warning(account: Account) -> None:
    policy = one_budget(allow=100, respond={"70%": "look"})
    assert account(policy, runs(1, 69)).verdict.value == "ok"
    assert account(policy, runs(1, 70)).verdict.value == "warning"


def test_without_a_selected_run_in_the_window_there_is_no_data(account: Account) -> None:
    policy = one_budget(for_={"segment": "vip"}, allow=5, window="1d", min_runs=3)
    records = [run(segment="smb"), *runs(0, 9, at(days=1), segment="vip")]
    found = account(policy, records)
    assert (found.verdict.value, found.selected, found.response) == ("no_data", 0, None)


def test_an_instant_event_breaches_before_evidence_is_asked_for(account: Account) -> None:
    policy = one_budget(failures={"d": DISASTER}, min_runs=50)
    found = account(policy, [run("failure", failure_reason="disaster")])
    assert found.verdict.value == "breached"


@pytest.mark.parametrize(("good", "verdict"), [(1, "insufficient"), (2, "breached")])
def test_two_of_three_is_not_two_thirds(good: int, verdict: str, account: Account) -> None:
    assert account(one_budget(min_runs=4), runs(good, 2)).verdict.value == verdict


@pytest.mark.parametrize(
    ("allow", "verdict"),
    [
        ("10%", "insufficient"),
        ({"amount": 5, "per": 1}, "insufficient"),
        (5, "ok"),
        (0, "breached"),
        ({"of_value": "100%"}, "ok"),
    ],
    ids=str,
)
def test_min_runs_asks_only_where_the_allowance_depends_on_runs(
    allow: Any, verdict: str, account: Account
) -> None:
    policy = one_budget(allow=allow, min_runs=5, workflows={"triage": {"value_usd": 9}})
    assert account(policy, runs(1, 1, workflow="triage")).verdict.value == verdict


def test_nothing_that_earns_and_nothing_spent_is_no_data(account: Account) -> None:
    policy = one_budget(spend={"when": "score < 1"}, of="retries > 0")
    assert account(policy, [run(score=2, retries=0)]).verdict.value == "no_data"


def test_no_value_and_nothing_spent_is_no_data(account: Account) -> None:
    policy = one_budget(
        spend={"sum": "cost_usd"},
        allow={"of_value": "50%"},
        workflows={"triage": {"value_usd": 5}},
    )
    free = run("failure", workflow="triage", cost_usd=0)
    assert account(policy, [free]).verdict.value == "no_data"
    paid = run("failure", workflow="triage", cost_usd=1)
    assert account(policy, [paid]).verdict.value == "breached"


def test_a_spend_that_nothing_earned_is_a_breach(account: Account) -> None:
    found = account(one_budget(of="success", spend={"class": "A+"}), runs(0, 1))
    assert shown(found) == (0, 1, 0, None)
    assert found.verdict.value == "breached"


def test_where_nothing_is_allowed_consumed_is_zero_or_infinite(account: Account) -> None:
    policy = one_budget(failures={"d": DISASTER}, allow=0, respond={"100%": "stop"})
    clean = account(policy, runs(5))
    assert (clean.consumed, clean.remaining, clean.verdict.value) == (0, 1, "ok")
    spent = account(policy, runs(5, 1))
    assert (spent.consumed, spent.remaining, spent.verdict.value) == (None, None, "breached")
    assert spent.response == "stop"
    all_at_once = one_budget(failures={"d": DISASTER}, allow=0, spend={"class": {"D": "all"}})
    gone = account(all_at_once, [run("failure", failure_reason="disaster")])
    assert (gone.spent, gone.consumed, gone.verdict.value) == (0, None, "breached")


# Windows and as_of


def test_a_rolling_window_leaves_its_first_instant_out_and_has_as_of_in(account: Account) -> None:
    start = NOW - timedelta(days=7)
    records = [run(when=stamp(moment)) for moment in (start, start + MICRO, NOW)]
    found = account(one_budget(window="7d"), records, as_of=NOW)
    assert (found.selected, found.span.start, found.span.until) == (
        2,
        to_micros(start),
        to_micros(NOW),
    )


@pytest.mark.parametrize(
    ("window", "zone", "start"),
    [
        ("day", "UTC", "2026-11-20T00:00:00+00:00"),
        ("day", "Europe/Berlin", "2026-11-20T00:00:00+01:00"),
        ("week", "Europe/Berlin", "2026-11-16T00:00:00+01:00"),
        ("month", "America/New_York", "2026-11-01T00:00:00-04:00"),
        ("quarter", "Europe/Berlin", "2026-10-01T00:00:00+02:00"),
        ("year", "Asia/Kathmandu", "2026-01-01T00:00:00+05:45"),
    ],
)
def test_a_calendar_window_begins_with_the_first_instant_of_the_local_date(
    window: str, zone: str, start: str, account: Account
) -> None:
    first = datetime.fromisoformat(start)
    records = [run(when=stamp(moment)) for moment in (first - MICRO, first, NOW)]
    found = account(one_budget(window=window, timezone=zone), records)
    assert (found.selected, found.span.start) == (2, to_micros(first))


@pytest.mark.parametrize(
    ("as_of", "start"),
    [
        ("2026-10-25T05:00:00-01:00", "2026-10-25T00:00:00+00:00"),
        ("2026-03-29T05:00:00+00:00", "2026-03-29T01:00:00+00:00"),
    ],
    ids=["midnight twice", "no midnight"],
)
def test_a_day_begins_once_where_clocks_change_at_midnight(
    as_of: str, start: str, account: Account
) -> None:
    policy = one_budget(window="day", timezone="Atlantic/Azores")
    moment, first = datetime.fromisoformat(as_of), datetime.fromisoformat(start)
    records = [run(when=stamp(one)) for one in (first - MICRO, first, moment)]
    found = account(policy, records)
    assert (found.selected, found.span.start) == (2, to_micros(first))


def test_one_day_is_always_twenty_four_hours(account: Account) -> None:
    as_of = datetime.fromisoformat("2026-03-29T12:00:00+02:00")
    records = [
        run(when=stamp(as_of.astimezone(UTC) - timedelta(hours=24) + step))
        for step in (MICRO * 0, MICRO)
    ]
    found = account(one_budget(window="1d", timezone="Europe/Berlin"), records, as_of=as_of)
    assert found.selected == 1


def test_as_of_is_the_newest_counted_run_whatever_is_selected(statement: State) -> None:
    records = [run(when=at(hours=3), segment="vip"), run(when=at(hours=1), segment="smb")]
    found = statement(one_budget(for_={"segment": "vip"}, window="2h"), records)
    assert found.as_of == to_micros(NOW - timedelta(hours=1))
    (account,) = found.accounts
    assert (account.span.until, account.selected) == (found.as_of, 0)


def test_a_run_dated_more_than_five_minutes_after_the_clock_is_outside(statement: State) -> None:
    latest = CLOCK + timedelta(minutes=5)
    records = [run(when=stamp(moment)) for moment in (NOW, latest, latest + MICRO)]
    found = statement(one_budget(), records)
    assert found.as_of == to_micros(latest)
    assert (found.intake.runs, found.intake.outside, found.intake.future) == (2, 1, 1)
    assert found.intake.lead == 5 * 60 * 10**6 + 1


def test_now_is_the_clock_or_a_run_that_is_a_little_ahead_of_it(statement: State) -> None:
    ahead = [CLOCK + timedelta(minutes=1), CLOCK + timedelta(minutes=6)]
    records = [run(when=stamp(moment)) for moment in (NOW, *ahead)]
    found = statement(one_budget(), records, as_of="now")
    assert (found.as_of, found.newest) == (to_micros(ahead[0]), False)
    assert (found.intake.runs, found.intake.outside, found.intake.future) == (2, 1, 1)
    alone = statement(one_budget(), records[:1], as_of="now")
    assert alone.as_of == to_micros(CLOCK)


def test_an_instant_that_was_asked_for_is_taken_as_it_is(statement: State) -> None:
    late = CLOCK + timedelta(days=2)
    records = [run(when=stamp(moment)) for moment in (NOW, late, late + MICRO)]
    found = statement(one_budget(), records, as_of=late)
    assert found.as_of == to_micros(late)
    assert (found.intake.runs, found.intake.outside, found.intake.future) == (2, 1, 1)
    assert not found.intake.clocked


def test_a_run_after_as_of_is_outside_and_one_at_it_counts(statement: State) -> None:
    records = [run(when=stamp(moment)) for moment in (NOW - MICRO, NOW, NOW + MICRO)]
    found = statement(one_budget(), records, as_of=NOW)
    assert (found.intake.runs, found.intake.outside, found.intake.future) == (2, 1, 0)


def test_as_of_without_a_zone_is_in_the_zone_of_the_policy(statement: State) -> None:
    policy = one_budget(timezone="Europe/Berlin")
    found = statement(policy, runs(1), as_of=datetime(2026, 11, 20, 13, 0))
    assert found.as_of == to_micros(NOW)


def test_instants_keep_their_microseconds(statement: State) -> None:
    newest = NOW.replace(microsecond=123457)
    found = statement(one_budget(), [run(when=stamp(newest))])
    assert found.as_of == to_micros(newest)
    assert found.intake.last == found.as_of


def test_a_day_ends_with_its_last_local_microsecond(tmp_path: Path) -> None:
    """Replaying a day takes in everything that happened on it, and nothing after."""
    midnight = datetime.fromisoformat("2026-11-19T00:00:00+01:00")
    records = [run("failure", stamp(midnight - MICRO)), run("failure", stamp(midnight)), *runs(8)]
    policy = one_budget(timezone="Europe/Berlin", window="week", allow=4)
    checked, ledger = ledger_of(policy, [write(tmp_path, records)], days_of=["b"])
    (found,) = ebudget.evaluate(checked, ledger).accounts
    wednesday, thursday, friday = found.days[2:]
    assert wednesday.until == to_micros(midnight - MICRO)
    assert [day.spent for day in (wednesday, thursday, friday)] == [1, 1, 0]
    assert [day.remaining for day in (wednesday, thursday)] == [Fraction(3, 4), Fraction(1, 2)]
    assert friday.until == to_micros(NOW)


# Burn alerts


def fires(found: ebudget.Account) -> list[str]:
    return [alert.row.long.text for alert in found.firing]


def test_an_alert_fires_strictly_above_its_factor(account: Account) -> None:
    policy = one_budget(allow="10%", alerts=[PAGE])
    assert fires(account(policy, runs(80, 20))) == []
    assert fires(account(policy, runs(79, 20))) == ["1h"]


def test_an_alert_needs_both_of_its_windows(account: Account) -> None:
    policy = one_budget(allow="10%", alerts=[PAGE])
    long_only = runs(0, 20, at(minutes=30)) + runs(20)
    found = account(policy, long_only)
    assert dict(found.burn) == {"1h": 5, "5m": 0}
    assert fires(found) == []
    short_only = runs(100, 0, at(minutes=30)) + runs(0, 10)
    found = account(policy, short_only)
    assert dict(found.burn) == {"1h": Fraction(10, 11), "5m": 10}
    assert fires(found) == []


def test_any_row_fires_on_its_own(account: Account) -> None:
    policy = one_budget(allow="10%", alerts=[PAGE, TICKET])
    records = runs(10, 90, at(minutes=20)) + runs(100, 0, at(minutes=2))
    found = account(policy, records)
    assert [(alert.row.long.text, alert.row.severity) for alert in found.firing] == [
        ("6h", "ticket")
    ]


@pytest.mark.parametrize(
    ("window", "rows"),
    [
        ("30d", {"1h": "14.4", "6h": "6", "1d": "3", "3d": "1"}),
        ("14d", {"1h": "6.72", "6h": "2.8", "1d": "1.4"}),
        ("13d", {"1h": "24.96", "6h": "6.5", "1d": "2.6", "3d": "1.82"}),
        ("3d", {"1h": "5.76", "6h": "1.5"}),
        ("1d", {"1h": "1.92"}),
        ("12h", {"1h": "0.96"}),
        ("1h", {}),
    ],
)
def test_a_row_has_its_share_of_the_budget_and_is_dropped_where_it_says_nothing(
    window: str, rows: dict[str, str], account: Account
) -> None:
    found = account(one_budget(window=window), runs(1))
    assert {alert.row.long.text: alert.row.factor for alert in found.alerts} == {
        long: Fraction(factor) for long, factor in rows.items()
    }


def test_the_windows_of_all_rows_have_their_burn(account: Account) -> None:
    found = account(one_budget(), runs(1))
    assert [name for name, _ in found.burn] == ["1h", "5m", "6h", "30m", "1d", "2h", "3d"]


def test_a_budget_may_have_rows_of_its_own_or_none(account: Account) -> None:
    assert account(one_budget(alerts=[]), runs(0, 9)).alerts == ()
    share = {"long": "2h", "short": "10m", "share": "1%", "severity": "ticket"}
    (alert,) = account(one_budget(alerts=[share]), runs(0, 9)).alerts
    assert (alert.row.factor, alert.row.severity, alert.firing) == (Fraction(18, 5), "ticket", True)


def test_an_instant_event_in_the_short_window_fires_whatever_the_burn(account: Account) -> None:
    policy = one_budget(failures={"d": DISASTER}, allow=1000, alerts=[{**PAGE, "factor": 10**6}])
    disaster = run("failure", failure_reason="disaster")
    assert fires(account(policy, [disaster])) == ["1h"]
    old = {**disaster, "start_time": at(minutes=6)}
    assert fires(account(policy, [old, *runs(1)])) == []


def test_a_rate_needs_two_spending_runs_in_the_long_window(account: Account) -> None:
    policy = one_budget(allow="1%", alerts=[PAGE])
    assert fires(account(policy, runs(0, 1))) == []
    assert fires(account(policy, runs(0, 2))) == ["1h"]
    second = runs(0, 1, at(minutes=50))
    assert fires(account(policy, runs(0, 1) + second)) == ["1h"]
    too_old = runs(0, 1, at(minutes=60))
    assert fires(account(policy, runs(0, 1) + too_old)) == []


def test_a_rate_with_an_instant_event_in_the_long_window_needs_no_second_run(
    account: Account,
) -> None:
    policy = one_budget(
        failures={"d": DISASTER}, spend={"class": {"B": 1, "D": "all"}}, allow="1%", alerts=[PAGE]
    )
    disaster = run("failure", at(minutes=30), failure_reason="disaster")
    assert fires(account(policy, [disaster, *runs(0, 1)])) == ["1h"]


@pytest.mark.parametrize(
    "keys",
    [{"allow": 1}, {"spend": {"sum": "cost_usd"}, "allow": {"amount": "0.01", "per": 1}}],
    ids=["a count", "a sum"],
)
def test_other_budgets_need_only_one_spending_run(keys: dict[str, Any], account: Account) -> None:
    policy = one_budget(**keys, alerts=[PAGE])
    assert fires(account(policy, [run("failure", cost_usd=5)])) == ["1h"]


def test_accounts_without_a_judgement_have_no_alerts(account: Account) -> None:
    few = account(one_budget(allow="1%", min_runs=5), runs(0, 4))
    assert (few.verdict.value, few.alerts) == ("insufficient", ())
    none = account(one_budget(for_={"segment": "vip"}), runs(0, 4))
    assert (none.verdict.value, none.alerts) == ("no_data", ())


# The table of rulings


@pytest.mark.parametrize(
    ("spend", "spent"),
    [
        ({"class": {"B": 1, "D": 3}}, 3 + 10),
        ({"class": {"B": 1, "D": "all"}}, 10),
        ({"class": "B+"}, 1 + 10),
        ({"failure": ["d"]}, 1 + 10),
    ],
    ids=str,
)
def test_an_instant_run_spends_its_numeric_weight_and_the_allowance(
    spend: dict[str, Any], spent: int, account: Account
) -> None:
    policy = one_budget(failures={"d": DISASTER}, spend=spend, allow=10)
    found = account(policy, [run("failure", failure_reason="disaster")])
    assert (found.spent, found.instant) == (spent, 1)


def test_one_run_is_at_most_one_instant_event(account: Account) -> None:
    failures = {"d": DISASTER, "also": {**DISASTER, "when": "failure_reason like 'dis%'"}}
    for spend in ({"class": {"D": "all"}}, {"class": "D"}, {"failure": ["d", "also"]}):
        policy = one_budget(failures=failures, spend=spend, allow=10)
        assert account(policy, [run("failure", failure_reason="disaster")]).instant == 1


@pytest.mark.parametrize(
    ("spend", "instant"),
    [
        ({"failure": ["d"]}, 1),
        ({"failure": ["other"]}, 0),
        ({"class": "D"}, 1),
        ({"class": {"D": "0.5"}}, 1),
        ({"class": ["B", "C"]}, 0),
        ({"when": "failure_reason = 'disaster'"}, 0),
        ({"sum": "cost_usd"}, 0),
    ],
    ids=str,
)
def test_an_instant_failure_empties_the_accounts_that_count_it(
    spend: dict[str, Any], instant: int, account: Account
) -> None:
    failures = {"d": DISASTER, "other": {"class": "D", "when": "failure_reason is not null"}}
    policy = one_budget(failures=failures, spend=spend, allow=10)
    assert account(policy, [run("failure", failure_reason="disaster")]).instant == instant


def test_an_instant_failure_counts_by_its_own_class_beside_a_worse_one(account: Account) -> None:
    failures = {
        "mild": {"class": "B", "when": "failure_reason is not null", "instant": True},
        "bad": {"class": "D", "when": "failure_reason = 'wrong'"},
    }
    policy = one_budget(failures=failures, spend={"class": "B"}, allow=10)
    found = account(policy, [run("failure", failure_reason="wrong")])
    assert (found.spent, found.instant) == (10, 1)


def test_a_run_that_matches_several_rules_counts_once(account: Account) -> None:
    failures = {
        "a": {"class": "A", "when": "failure_reason is not null"},
        "c": {"class": "C", "when": "failure_reason = 'wrong'"},
    }
    records = [run("failure", failure_reason="wrong"), run("failure", failure_reason="odd")]

    def spent(spend: dict[str, Any]) -> Fraction:
        return account(one_budget(failures=failures, spend=spend, allow=9), records).spent

    assert spent({"failure": ["a", "c"]}) == 2
    assert spent({"failure": ["c"]}) == 1
    assert spent({"class": {"A": 1, "C": 5}}) == 6
    assert spent({"class": "A"}) == 1


def test_a_group_has_an_account_when_it_has_a_run_in_the_window(statement: State) -> None:
    records = [run(segment="vip"), run(when=at(days=7), segment="old"), run(segment="smb")]
    found = statement(one_budget(each=["segment"], window="7d"), records)
    assert [account.group for account in found.accounts] == [
        (("segment", "smb"),),
        (("segment", "vip"),),
    ]


def test_a_budget_without_each_always_has_its_account(account: Account) -> None:
    assert account(one_budget(for_={"segment": "vip"}), runs(1)).verdict.value == "no_data"


@pytest.mark.parametrize(
    ("keys", "groups"),
    [
        ({"each": ["workflow"]}, ["sales", "seen", "triage"]),
        ({"each": ["workflow"], "for_": {"workflow": ["s*"]}}, ["sales", "seen"]),
        ({"each": ["workflow"], "for_": {"environment": "prod"}}, ["sales", "triage"]),
    ],
    ids=str,
)
def test_a_declared_workflow_has_an_account_even_when_silent(
    keys: dict[str, Any], groups: list[str], statement: State
) -> None:
    policy = one_budget(**keys, workflows={"triage": {}, "sales": {}})
    found = statement(policy, [run(workflow="seen", environment="dev")])
    assert [dict(account.group)["workflow"] for account in found.accounts] == groups
    assert {a.verdict.value for a in found.accounts if a.selected == 0} == {"no_data"}


@pytest.mark.parametrize(
    ("wanted", "groups"),
    [
        ({}, [("new", None), ("sales", "low"), ("triage", "high")]),
        ({"risk_tier": "high"}, [("new", None), ("triage", "high")]),
        ({"workflow": "s*"}, [("sales", "low")]),
    ],
    ids=str,
)
def test_a_silent_workflow_has_the_account_of_its_declared_tier(
    wanted: dict[str, Any], groups: list[Any], statement: State
) -> None:
    declared = {"triage": {"risk_tier": "high"}, "sales": {"risk_tier": "low"}, "new": {}}
    policy = one_budget(
        each=["workflow"], for_=wanted, allow={"low": "20%", "high": 1}, workflows=declared
    )
    for records in ([run(workflow="x", risk_tier="?")], [run(workflow="triage")]):
        found = statement(policy, records).accounts
        ours = [account.group for account in found if dict(account.group)["workflow"] != "x"]
        assert [tuple(dict(group).values()) for group in ours] == groups


def test_a_workflow_with_runs_in_another_tier_is_not_silent(account: Account) -> None:
    policy = one_budget(
        each=["workflow"],
        allow={"low": "20%", "high": 1},
        workflows={"sales": {"risk_tier": "low"}},
    )
    found = account(policy, [run(workflow="sales", risk_tier="high")])
    assert dict(found.group) == {"workflow": "sales", "risk_tier": "high"}


def test_a_tier_mapping_parts_accounts_by_tier(statement: State) -> None:
    policy = one_budget(each=["segment"], allow={"low": "20%", "high": "10%"})
    records = [
        *runs(8, 2, segment="vip", risk_tier="low"),
        *runs(8, 2, segment="vip", risk_tier="high"),
        *runs(1, 0, segment="vip", risk_tier="odd"),
        *runs(1, 0, segment="vip"),
    ]
    found = {dict(a.group)["risk_tier"]: a for a in statement(policy, records).accounts}
    assert {dict(a.group)["segment"] for a in found.values()} == {"vip"}
    assert (found["low"].allowed, found["high"].allowed) == (2, 1)
    for tier in ("odd", None):
        assert (found[tier].verdict.value, found[tier].allowed) == ("insufficient", None)
        assert "tier" in (found[tier].reason or "")


def test_a_tier_without_a_line_has_the_default(statement: State) -> None:
    policy = one_budget(allow={"low": "20%", "default": "50%"})
    found = statement(policy, runs(10, risk_tier="odd") + runs(10) + runs(10, risk_tier="low"))
    assert [account.allowed for account in found.accounts] == [5, 2, 5]


def test_a_run_without_a_tier_has_that_of_its_workflow(statement: State) -> None:
    policy = one_budget(allow={"low": "20%", "high": 1}, workflows={"w": {"risk_tier": "high"}})
    found = statement(policy, [run(workflow="w"), run(workflow="w", risk_tier="low")])
    assert [account.group for account in found.accounts] == [
        (("risk_tier", "high"),),
        (("risk_tier", "low"),),
    ]


def test_a_fixed_allowance_burns_by_its_share_of_the_period(account: Account) -> None:
    policy = one_budget(allow=7, window="7d", alerts=[{**PAGE, "long": "1d", "short": "6h"}])
    found = account(policy, runs(0, 1, at(hours=12)) + runs(0, 1))
    assert dict(found.burn) == {"1d": 2, "6h": 4}


@pytest.mark.parametrize(
    ("as_of", "days"),
    [("2026-11-02T00:00:00Z", 30), ("2026-02-02T00:00:00Z", 28), ("2026-01-02T00:00:00Z", 31)],
)
def test_a_fixed_allowance_of_a_month_has_the_length_of_that_month(
    as_of: str, days: int, account: Account
) -> None:
    policy = one_budget(allow=10, window="month", alerts=[{**PAGE, "long": "1d", "short": "1h"}])
    found = account(policy, runs(0, 1, as_of))
    assert dict(found.burn)["1d"] == Fraction(days, 10)


def test_a_month_in_which_clocks_change_is_an_hour_longer(account: Account) -> None:
    policy = one_budget(
        allow=10,
        window="month",
        timezone="Europe/Berlin",
        alerts=[{**PAGE, "long": "1d", "short": "1h"}],
    )
    found = account(policy, runs(0, 1, "2026-10-20T00:00:00Z"))
    assert dict(found.burn)["1d"] == Fraction(31 * 24 + 1, 24 * 10)


def test_a_burn_window_looks_back_past_the_start_of_the_period(account: Account) -> None:
    policy = one_budget(allow=30, window="month", alerts=[{**PAGE, "long": "1d", "short": "1h"}])
    records = [run("failure", "2026-10-31T23:00:00Z"), run("failure", "2026-11-01T12:00:00Z")]
    found = account(policy, records)
    assert (found.spent, dict(found.burn)["1d"]) == (1, 2)


def test_a_burn_window_that_allows_nothing_fires_on_any_spend(account: Account) -> None:
    policy = one_budget(allow=0, alerts=[PAGE])
    quiet = account(policy, runs(1))
    assert (dict(quiet.burn), fires(quiet)) == ({"1h": None, "5m": None}, [])
    loud = account(policy, runs(1, 1))
    assert (dict(loud.burn), fires(loud)) == ({"1h": None, "5m": None}, ["1h"])


def test_a_burn_window_in_which_nothing_earned_has_no_burn(account: Account) -> None:
    policy = one_budget(of="success", alerts=[PAGE])
    found = account(policy, runs(50, 0, at(hours=2)) + runs(0, 2))
    assert (dict(found.burn), fires(found)) == ({"1h": None, "5m": None}, ["1h"])


def test_a_baseline_is_the_mean_before_the_window(account: Account) -> None:
    policy = one_budget(
        spend={"sum": "cost_usd"}, allow={"of_baseline": "120%", "over": "2d"}, window="1d"
    )
    start, before = NOW - timedelta(days=1), NOW - timedelta(days=3)
    records = [
        run(when=stamp(before), cost_usd=1000),
        run(when=stamp(before + MICRO), cost_usd=2),
        run(when=stamp(start), cost_usd=3),
        run(when=stamp(start + MICRO), cost_usd=1),
        run(cost_usd=1),
    ]
    found = account(policy, records, as_of=NOW)
    assert shown(found) == (2, 2, Fraction(6, 5) * Fraction(5, 2) * 2, Fraction(1, 3))


def test_a_baseline_leaves_instant_events_out(account: Account) -> None:
    policy = one_budget(
        failures={"d": DISASTER},
        spend={"class": {"B": 1, "D": "all"}},
        allow={"of_baseline": "100%", "over": "1d"},
        window="1d",
    )
    old = at(days=1)
    records = [
        *runs(8, 1, old),
        run("failure", old, failure_reason="disaster"),
        *runs(10, 0),
    ]
    assert account(policy, records, as_of=NOW).allowed == 1


def test_a_baseline_is_that_of_the_same_group(statement: State) -> None:
    policy = one_budget(each=["segment"], allow={"of_baseline": "100%", "over": "1d"}, window="1d")
    records = [
        *runs(9, 1, at(days=1), segment="a"),
        *runs(5, 5, at(days=1), segment="b"),
        *runs(10, 0, segment="a"),
        *runs(10, 0, segment="b"),
    ]
    found = statement(policy, records, as_of=NOW)
    assert [account.allowed for account in found.accounts] == [1, 5]


@pytest.mark.parametrize(
    ("before", "min_runs", "verdict"),
    [
        ([], 0, "insufficient"),
        (runs(9, 0, at(days=1)), 0, "insufficient"),
        (runs(0, 2, at(days=1)), 3, "insufficient"),
        (runs(1, 2, at(days=1)), 3, "ok"),
    ],
    ids=["no run", "nothing spent", "too few runs", "enough runs"],
)
def test_a_baseline_needs_runs_and_a_spend(
    before: list[Any], min_runs: int, verdict: str, account: Account
) -> None:
    policy = one_budget(allow={"of_baseline": "100%", "over": "1d"}, window="1d", min_runs=min_runs)
    found = account(policy, before + runs(5), as_of=NOW)
    assert found.verdict.value == verdict
    assert (found.reason is None) is (verdict == "ok")


def test_each_success_brings_the_value_of_its_own_workflow(account: Account) -> None:
    policy = one_budget(
        spend={"sum": "cost_usd"},
        allow={"of_value": "10%"},
        workflows={"a": {"value_usd": "4.80"}, "b": {"value_usd": 10}},
    )
    records = [
        run(workflow="a", cost_usd=1),
        run(workflow="a"),
        run(workflow="b"),
        run("failure", workflow="b"),
    ]
    found = account(policy, records)
    assert (found.allowed, found.spent) == (Fraction("1.96"), 1)


def test_a_success_without_a_declared_value_is_named(account: Account) -> None:
    policy = one_budget(
        allow={"of_value": "10%"}, workflows={"a": {"value_usd": 1}, "b": {"owner": "someone"}}
    )
    found = account(policy, [run(workflow="a"), run(workflow="b")])
    assert (found.verdict.value, found.allowed) == ("insufficient", None)
    assert "b" in (found.reason or "").split()
    failed = account(policy, [run(workflow="a"), run("failure", workflow="b")])
    assert failed.allowed == Fraction(1, 10)


def test_only_the_workflows_of_the_account_and_its_window_are_named(statement: State) -> None:
    policy = one_budget(
        each=["segment"],
        window="1d",
        allow={"of_value": "10%"},
        workflows={"a": {"value_usd": 1}},
    )
    records = [
        run(workflow="zeta", segment="vip"),
        run(workflow="ypsilon", segment="smb"),
        *[run(when=at(days=9), workflow=name, segment="vip") for name in ("old1", "old2", "old3")],
    ]
    smb, vip = statement(policy, records).accounts
    assert "ypsilon" in (smb.reason or "")
    assert "zeta" not in (smb.reason or "")
    assert "zeta" in (vip.reason or "")
    assert "old" not in (vip.reason or "")


def test_a_burn_window_whose_value_is_unknown_is_quiet(account: Account) -> None:
    """A success without a value before the period: it is no part of the account."""
    policy = one_budget(
        window="week",
        spend={"sum": "cost_usd"},
        allow={"of_value": "100%"},
        workflows={"a": {"value_usd": 100}},
        alerts=[{**PAGE, "long": "3d", "short": "6h"}],
    )
    monday = "2026-11-16T00:00:01Z"
    records = [
        run(when=monday, workflow="a", cost_usd=1),
        run(when="2026-11-15T23:00:00Z", workflow="unknown", cost_usd=0),
    ]
    found = account(policy, records)
    assert (found.verdict.value, found.allowed, found.spent) == ("ok", 100, 1)
    assert (dict(found.burn), fires(found)) == ({"3d": None, "6h": None}, [])


def test_a_slice_has_its_own_instant_events_and_shares_sum_to_one(account: Account) -> None:
    policy = one_budget(
        failures={"d": DISASTER},
        spend={"class": {"B": 1, "D": "all"}},
        allow=4,
        by=["segment"],
    )
    records = [
        *runs(4, 3, segment="vip"),
        *runs(5, 1, segment=None),
        run("failure", segment="smb", failure_reason="disaster"),
    ]
    found = slices(account(policy, records), "segment")
    assert {value: (part.eligible, part.spent, part.instant) for value, part in found.items()} == {
        "vip": (7, 3, 0),
        None: (6, 1, 0),
        "smb": (1, 4, 1),
    }
    shares = {value: part.share for value, part in found.items()}
    assert shares == {"vip": Fraction(3, 8), None: Fraction(1, 8), "smb": Fraction(1, 2)}
    assert found["vip"].rate == Fraction(3, 7)
    assert found["vip"].against_rest == Fraction(3, 7) / Fraction(1, 7)


def test_where_nothing_is_allowed_shares_are_those_of_instant_events(account: Account) -> None:
    policy = one_budget(
        failures={"d": DISASTER}, spend={"class": {"D": "all"}}, allow=0, by=["segment"]
    )
    disaster = run("failure", failure_reason="disaster")
    records = [
        *[{**disaster, "segment": "vip"}] * 3,
        {**disaster, "segment": "smb"},
        run(segment="quiet"),
    ]
    found = slices(account(policy, records), "segment")
    assert {value: (part.spent, part.instant, part.share) for value, part in found.items()} == {
        "vip": (0, 3, Fraction(3, 4)),
        "smb": (0, 1, Fraction(1, 4)),
        "quiet": (0, 0, 0),
    }


def test_where_nothing_is_allowed_an_instant_event_outweighs_any_spend(account: Account) -> None:
    policy = one_budget(
        failures={"d": DISASTER}, spend={"class": {"B": 1, "D": "all"}}, allow=0, by=["segment"]
    )
    records = [
        *runs(0, 5, segment="vip"),
        run("failure", segment="smb", failure_reason="disaster"),
    ]
    found = slices(account(policy, records), "segment")
    assert {value: part.share for value, part in found.items()} == {"vip": 0, "smb": 1}
    (found,) = slices(account(policy, records[:5]), "segment").values()
    assert found.share == 1


def test_where_nothing_is_spent_there_are_no_shares(account: Account) -> None:
    found = slices(account(one_budget(by=["segment"]), runs(3, segment="vip")), "segment")
    assert found["vip"].share is None


@pytest.mark.parametrize(
    ("oldest", "covered"),
    [(7 * 24, 1), (8 * 24, 1), (84, Fraction(1, 2)), (42, Fraction(1, 4))],
    ids=str,
)
def test_a_window_that_the_log_does_not_fill_is_shown_and_changes_no_figure(
    oldest: int, covered: Fraction, account: Account
) -> None:
    """Hours from the oldest run to the newest."""
    records = [run(when=stamp(NOW - timedelta(hours=oldest))), *runs(9, 1)]
    found = account(one_budget(window="7d", allow=2), records)
    assert (found.covered, found.allowed, found.spent) == (covered, 2, 1)


def test_accounts_follow_the_policy_then_null_then_code_points(statement: State) -> None:
    policy = one_budget(each=["segment"])
    policy["budgets"] = {"z": policy["budgets"]["b"], "a": policy["budgets"]["b"]}
    names = ["b", None, "a", "é", "Z", "10", "9", "\U0001f600", "\uffee"]
    found = statement(policy, [run(segment=name) for name in names])
    order = [None, "10", "9", "Z", "a", "b", "é", "\uffee", "\U0001f600"]
    assert [(a.budget, dict(a.group)["segment"]) for a in found.accounts] == [
        (budget, name) for budget in ("z", "a") for name in order
    ]


def test_groups_of_two_columns_are_ordered_by_the_first_then_the_second(statement: State) -> None:
    pairs = [("b", None), ("a", "y"), (None, "x"), ("a", None), (None, None)]
    records = [run(segment=one, route=two) for one, two in pairs]
    found = statement(one_budget(each=["segment", "route"]), records)
    assert [tuple(dict(a.group).values()) for a in found.accounts] == [
        (None, None),
        (None, "x"),
        ("a", None),
        ("a", "y"),
        ("b", None),
    ]


@pytest.mark.parametrize(
    ("keys", "silent"),
    [
        ({"allow": "50%"}, True),
        ({"allow": "49%"}, False),
        ({"allow": "50%", "spend": {"class": {"B": 1, "C": 2}}}, False),
        ({"allow": {"amount": 50, "per": 100}}, True),
        ({"allow": 1}, False),
        ({"allow": "50%", "of": "success"}, False),
        ({"allow": "50%", "spend": {"class": {"D": "all"}}}, False),
        ({"allow": "50%", "failures": {"d": DISASTER}}, False),
        ({"allow": "50%", "spend": {"sum": "cost_usd"}}, False),
        ({"allow": "50%", "spend": {"when": "cost_usd > 1"}}, True),
    ],
    ids=str,
)
def test_a_row_can_never_fire_when_no_run_can_spend_enough(
    keys: dict[str, Any], silent: bool
) -> None:
    policy = parse_policy(policy_text(one_budget(**keys, alerts=[PAGE])), "budgets.yaml")
    assert bool(never_firing(policy, "b")) is silent


@pytest.mark.parametrize(
    ("costs", "left", "cells"),
    [([-3], "∞", "▕████▏"), ([3], "−∞", "▕░░░░▏"), ([3, -3], "100%", "▕████▏")],
)
def test_where_nothing_is_allowed_a_credit_leaves_everything(account, costs, left, cells):
    policy = one_budget(spend={"sum": "cost_usd"}, allow=0)
    found = account(policy, [run(cost_usd=cost) for cost in costs])
    assert (figures.remaining(found), figures.bar(found, 4)) == (left, cells)
    assert found.verdict.value == ("breached" if costs == [3] else "ok")
