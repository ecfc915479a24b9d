"""`ebudget simulate` by example: known answers, what is refused, what scripts rely on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import ebudget
from ebudget import cli
from ebudget.accounts.certainty import wilson
from ebudget.accounts.statement import Verdict
from ebudget.policy.edits import Draft, parse_sweep
from ebudget.policy.file import load_policy, parse_document
from ebudget.quantities import duration
from ebudget.whatif.cuts import Cuts
from ebudget.whatif.history import History
from ebudget.whatif.question import Simulation, simulate
from ebudget.whatif.replay import Replays
from ebudget.whatif.scenarios import Scenario
from ebudget.whatif.suggestions import Suggestions
from ebudget.whatif.sweeps import Sweeps
from ebudget.whatif.traffic import Change, Mended, MoreRuns
from support import (
    CLOCK,
    NOW,
    SHARED,
    at,
    only_account,
    policy_text,
    question_of,
    run,
    runs,
    statement_of,
    write_jsonl,
)
from support import read as read_logs

ROOT = Path(__file__).parents[2]
TAU2, TAU2_LOG = SHARED / "policies" / "tau2.yaml", SHARED / "real" / "tau2.jsonl"
TAU2_END = datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC)

needs_real_logs = pytest.mark.skipif(
    not (TAU2.exists() and TAU2_LOG.exists()), reason="the real logs are not beside this folder"
)

NEVER = {"freeze_below": "0%"}
X = {"x": {"class": "C", "when": "failure_reason = 'x'"}}

Records = Iterable[Mapping[str, Any] | str]


def one_budget(**keys: Any) -> dict[str, Any]:
    """A policy with one budget, `b`, that never freezes: 10% of all runs may fail."""
    top = ("workflows", "logs", "timezone")
    rest = {key: value for key, value in keys.items() if key not in top}
    budget = {"spend": {"class": "A+"}, "allow": "10%", "min_runs": 0, "gate": NEVER, **rest}
    tops = {key: value for key, value in keys.items() if key in top}
    return {"version": 1, "failures": X, **tops, "budgets": {"b": budget}}


class Asked:
    """Questions about one policy and one log, through the Python interface."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        policy: Mapping[str, Any],
        records: Records,
        *changes: Change,
        sets: Sequence[str] = (),
        sweep: str | None = None,
        **question: Any,
    ) -> Simulation:
        draft = Draft(*parse_document(policy_text(policy), "budgets.yaml"))
        other = draft.edited([draft.edit(text) for text in sets])
        asked = question_of(
            draft.policy,
            (Scenario("other", other, changes),),
            (parse_sweep(draft, sweep),) if sweep else (),
            **question,
        )
        paths = [write_jsonl(self.folder, records)]
        ledger = read_logs(paths, asked.plan(), clock=CLOCK)
        return simulate(asked, ledger)


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


@pytest.fixture
def told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """`told(policy, records, *arguments)`: exit code, standard output, standard error."""

    def simulated(
        policy: Mapping[str, Any] | str, records: Records, *arguments: str
    ) -> tuple[int, str, str]:
        text = policy if isinstance(policy, str) else policy_text(policy)
        (tmp_path / "budgets.yaml").write_text(text)
        log = write_jsonl(tmp_path, records)
        code = cli.run(["simulate", log, "-p", str(tmp_path / "budgets.yaml"), *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return simulated


def in_days(*days: tuple[float, int, int], **columns: Any) -> list[dict[str, Any]]:
    """For each (days before now, good, bad) so many runs."""
    found = []
    for before, good, bad in days:
        found += runs(good, bad, at(days=before), **columns)
    return found


# Terms and sweeps


def test_what_a_cut_needs_of_the_ledger_breaks_no_spend_down(told: Callable[..., Any]) -> None:
    code, out, _ = told(one_budget(), runs(90, 10), "--cut", "b", "--format", "json")
    assert code == 0
    accounts = [a for scenario in json.loads(out)["scenarios"] for a in scenario["accounts"]]
    assert [account["breakdown"] for account in accounts] == [{}]


def test_breaks_even_is_where_a_breach_ends_exactly(asked: Asked) -> None:
    (line,) = asked(one_budget(), runs(93, 7), sweep="b.allow=1%..9%:2%").answer(Sweeps)[0].accounts
    assert line.breaks_even == 7
    assert [v.value for v in line.verdicts if v] == ["breached"] * 3 + ["warning"] * 2
    assert [(turn.value, turn.before.value, turn.after.value) for turn in line.turns] == [
        (7, "breached", "warning")
    ]
    below = asked(one_budget(), runs(93, 7), sets=["b.allow=6.999999999999%"]).outcomes[1]
    at_it = asked(one_budget(), runs(93, 7), sets=["b.allow=7%"]).outcomes[1]
    assert below.accounts[0].verdict is Verdict.BREACHED
    assert at_it.accounts[0].verdict is Verdict.WARNING
    assert (line.spent, line.eligible) == (7, 100)


@pytest.mark.parametrize(
    ("allow", "sweep", "even"),
    [
        (1, "b.allow=1..20:1", 7),
        ({"amount": 1, "per": 50}, "b.allow.amount=1..20:1", Fraction(7, 2)),
        ({"of_value": "1%"}, "b.allow.of_value=1%..9%:1%", Fraction(100 * 7, 93 * 2)),
        ("1%", "b.min_runs=1..200:50", None),
        ({"amount": 1, "per": 50}, "b.allow.per=10..50:10", None),
    ],
)
def test_every_form_of_allowance_breaks_even_where_its_spend_is_allowed(
    asked: Asked, allow: Any, sweep: str, even: Fraction | None
) -> None:
    policy = one_budget(allow=allow, workflows={"w": {"value_usd": 2}})
    result = asked(policy, runs(93, 7, workflow="w"), sweep=sweep).answer(Sweeps)[0]
    assert [account.breaks_even for account in result.accounts] == [even]


def test_an_instant_event_has_no_value_at_which_it_is_allowed(asked: Asked) -> None:
    policy = one_budget(spend={"class": {"B": 1, "C": "all"}})
    records = [*runs(90, 5), run("failure", failure_reason="x")]
    (line,) = asked(policy, records, sweep="b.allow=0%..100%:10%").answer(Sweeps)[0].accounts
    assert line.breaks_even is None
    assert set(line.verdicts) == {Verdict.BREACHED}
    assert line.spent == 5


def test_a_thousand_values_turn_where_the_first_one_is_enough(asked: Asked) -> None:
    records = runs(9_544, 456)
    sweep = asked(one_budget(), records, sweep="b.allow=0.1%..100%:0.1%").answer(Sweeps)[0]
    assert len(sweep.sweep.values) == 1_000
    (line,) = sweep.accounts
    assert len(line.verdicts) == 1_000
    assert line.breaks_even == Fraction(456, 100)
    assert [(turn.value, turn.after.value) for turn in line.turns] == [
        (Fraction(46, 10), "warning"),
        (Fraction(92, 10), "ok"),
    ]


def test_a_sweep_of_what_counts_counts_anew_with_every_value(asked: Asked) -> None:
    policy = one_budget(spend={"class": {"B": 1}}, allow="50%")
    (line,) = asked(policy, runs(90, 10), sweep="b.weights.B=1..7:2").answer(Sweeps)[0].accounts
    assert [v.value for v in line.verdicts if v] == ["ok", "warning", "warning", "breached"]


def test_a_sweep_of_one_tier_says_nothing_about_accounts_of_another(asked: Asked) -> None:
    policy = one_budget(allow={"low": "5%", "high": "10%"})
    records = runs(90, 10, risk_tier="low") + runs(80, 20, risk_tier="high")
    high, low = asked(policy, records, sweep="b.allow.low=1%..30%:1%").answer(Sweeps)[0].accounts
    assert low.breaks_even == 10
    assert set(high.verdicts) == {Verdict.BREACHED}
    assert high.breaks_even is None


# Traffic


@pytest.mark.parametrize("factor", ["0.3", "1.1234567891", "1.123456789012345678"])
def test_parts_of_runs_are_exact(asked: Asked, factor: str) -> None:
    records = runs(5, 5, workflow="x", cost_usd="0.1") + runs(1, 0, workflow="y", cost_usd=1)
    change = MoreRuns((("workflow", "x"),), Fraction(factor))
    policy = one_budget(spend={"sum": "cost_usd"}, of="all")
    account = asked(policy, records, change).outcomes[1].accounts[0]
    assert account.spent == 1 + Fraction(factor)


@pytest.mark.parametrize(
    "factors",
    [
        ["0.3"],
        ["1.1234567891"],
        ["1.123456789012345678"],
        ["1.1234567891", "1.9876543211"],
    ],
)
def test_counts_of_parts_of_runs_are_exact(asked: Asked, factors: list[str]) -> None:
    wanted = Fraction(28)
    for factor in factors:
        wanted *= Fraction(factor)
    changes = [MoreRuns((("workflow", "x"),), Fraction(factor)) for factor in factors]
    account = asked(one_budget(), runs(8, 20, workflow="x"), *changes).outcomes[1].accounts[0]
    assert account.eligible == wanted


@pytest.mark.parametrize("factor", ["0.5", "3"])
@pytest.mark.parametrize("format_", ["text", "markdown", "json"])
def test_parts_of_runs_can_be_told_in_every_format(told: Any, factor: str, format_: str) -> None:
    scale = ("--scale", f"runs:workflow=x={factor}", "--format", format_)
    code, out, err = told(one_budget(), runs(5, 5, workflow="x"), *scale)
    assert (code, err) == (0, "")
    assert "breached" in out


def test_half_of_a_failure_mended_can_be_told_as_json(told: Any) -> None:
    records = [run("failure", failure_reason="x") for _ in range(3)]
    code, out, _ = told(one_budget(), records, "--scale", "failure:x=0.5", "--format", "json")
    assert code == 0
    (account,) = json.loads(out)["scenarios"][1]["accounts"]
    assert (account["spent"], account["eligible"]) == (1.5, 3)


def test_a_mended_run_earns_as_a_success_and_costs_the_same(asked: Asked) -> None:
    policy = one_budget()
    policy["budgets"]["dear"] = {"spend": {"sum": "cost_usd"}, "of": "success", "allow": 1}
    records = [run("failure", failure_reason="x", cost_usd=3) for _ in range(4)]
    records += [run("failure", failure_reason="y", cost_usd=1)]
    failed, dear = asked(policy, records, Mended("x", Fraction(1, 4))).outcomes[1].accounts
    assert (failed.spent, failed.eligible) == (2, 5)
    assert (dear.spent, dear.eligible) == (13, 3)


def test_a_mended_run_that_another_rule_finds_is_still_a_failure(asked: Asked) -> None:
    policy = one_budget(of="success")
    policy["failures"] = {**X, "dear": {"class": "B", "when": "cost_usd > 2"}}
    records = [run("failure", failure_reason="x", cost_usd=cost) for cost in (1, 3)]
    account = asked(policy, records, Mended("x", Fraction(0))).outcomes[1].accounts[0]
    assert (account.spent, account.eligible) == (1, 1)


def test_an_outage_is_no_failure_that_could_be_mended(asked: Asked) -> None:
    policy = one_budget(spend={"when": "failure_reason = 'x'"}, of="all")
    records = [run(outcome, failure_reason="x") for outcome in ("failure", "infrastructure")]
    account = asked(policy, records, Mended("x", Fraction(0))).outcomes[1].accounts[0]
    assert account.spent == 1


def test_conditions_on_the_outcome_still_read_the_outcome_of_the_log(asked: Asked) -> None:
    """As the assumption says; only what the rule itself spends is mended."""
    policy = one_budget(spend={"when": "outcome = 'failure'"}, of="all")
    records = [*runs(2), *(run("failure", failure_reason="x") for _ in range(2))]
    account = asked(policy, records, Mended("x", Fraction(0))).outcomes[1].accounts[0]
    assert account.spent == 2


def test_a_price_is_exact_to_nine_places(asked: Asked, told: Any) -> None:
    policy = one_budget(spend={"sum": "cost_usd"}, allow=10)
    record = [run(cost_usd=10)]
    code, out, _ = told(policy, record, "--scale", "cost_usd=1.123456789", "--format", "json")
    assert code == 0
    assert json.loads(out)["scenarios"][1]["accounts"][0]["spent"] == 11.23456789


def test_a_price_of_more_than_nine_places_is_refused_or_worked_out(told: Any) -> None:
    policy = one_budget(spend={"sum": "cost_usd"}, allow=10)
    code, _, _ = told(policy, [run(cost_usd=10)], "--scale", "cost_usd=1.1234567891")
    assert code in (0, 2)


# The past


def test_a_past_counts_days_pages_and_the_lead_of_the_first_page(asked: Asked) -> None:
    """Pages on two days that follow each other would be one; here a quiet day parts them."""
    alerts = [{"long": "12h", "short": "1h", "factor": 1, "severity": "page"}]
    gate = {**NEVER, "changes": ["prompt", "model"]}
    policy = one_budget(window="2d", alerts=alerts, gate=gate)
    late = -11.99 / 24  # shortly before midnight, so that the short window sees it
    records = in_days((12, 50, 0), *((day, 10, 0) for day in (11, 10, 9, 6, 4, 3, 2, 1)))
    records += in_days((8 + late, 19, 1), (7 + late, 10, 10), (5 + late, 8, 2))
    found = asked(policy, records, replayed=True, history=History(duration("1d")))
    assert found.answer(Replays) is not None
    (past,) = found.answer(Replays).accounts
    days = {datetime.fromtimestamp(s.at // 10**6, UTC).day: s for s in past.steps}
    breached = [day for day, s in days.items() if s.counts and s.verdict is Verdict.BREACHED]
    assert breached == [13, 14]
    assert sum(past.days.values()) == sum(s.counts for s in past.steps) == 9
    assert [day for day, s in days.items() if not s.counts] == [8, 9]
    assert [day for day, s in days.items() if s.firing] == [13, 15]
    assert past.first_breach == days[13].at
    assert past.longest_breach == 2
    assert past.days[Verdict.BREACHED] == 2
    assert dict(past.stopped) == {"prompt": 2, "model": 2}
    assert past.pages == 2
    assert past.first_page == days[13].at
    assert past.lead == 0


def test_breaches_and_pages_with_a_silent_time_between_them_are_two(asked: Asked) -> None:
    alerts = [{"long": "12h", "short": "1h", "factor": 1, "severity": "page"}]
    policy = one_budget(window="1d", each=["segment"], alerts=alerts)
    late = -11.99 / 24
    records = in_days(*((day, 1, 0) for day in range(9)), segment="other")
    records += in_days((6 + late, 0, 3), (3 + late, 0, 3), segment="s")
    found = asked(policy, records, replayed=True, history=History(duration("1d")))
    assert found.answer(Replays) is not None
    (past,) = (p for p in found.answer(Replays).accounts if dict(p.group)["segment"] == "s")
    assert [step.verdict for step in past.steps] == [Verdict.BREACHED] * 2
    assert (past.longest_breach, past.pages) == (1, 2)


def test_a_past_of_part_days_steps_back_from_as_of(told: Any) -> None:
    records = in_days((3, 1, 0), (0, 1, 0))
    arguments = ("--replay", "36h", "--format", "json")
    _, out, _ = told(one_budget(window="1d"), records, *arguments)
    told_at = [moment[:16] for moment in json.loads(out)["timeline"]["instants"]]
    assert told_at == ["2026-11-17T12:00", "2026-11-19T00:00", "2026-11-20T12:00"]


def test_a_past_from_one_day_to_another_has_those_days(told: Any) -> None:
    records = in_days((9, 1, 0), (0, 1, 0))
    days = ("--replay", "1d", "--from", "2026-11-14", "--to", "2026-11-16", "--format", "json")
    _, out, _ = told(one_budget(window="1d", timezone="Europe/Berlin"), records, *days)
    assert json.loads(out)["timeline"]["instants"] == [
        f"2026-11-{day}T22:59:59.999999Z" for day in (14, 15, 16)
    ]


def test_a_past_that_would_end_after_the_log_ends_with_it(told: Any) -> None:
    policy, records = one_budget(window="1d"), in_days((9, 1, 0), (0, 1, 0))
    days = ("--replay", "1d", "--from", "2026-11-14", "--format", "json")
    assert told(policy, records, *days, "--to", "2099-12-31") == told(policy, records, *days)


# Suggestions


def test_a_suggestion_is_the_rate_of_the_day_that_decides(asked: Asked) -> None:
    """Ten whole days with 1 to 10 failures of 100; nine of them need at most 9%."""
    records = in_days((11, 1, 0), *((day, 100 - day, day) for day in range(1, 11)), (0, 1, 0))
    past = {"history": History(duration("1d")), "suggest": ("b",)}
    found = asked(one_budget(window="day"), records, keep=Fraction(9, 10), **past)
    (suggestion,) = found.answer(Suggestions)
    assert (suggestion.days, suggestion.windows) == (10, 10)
    assert suggestion.exact == Fraction(9, 100)
    assert suggestion.line == "allow: 9%"
    assert suggestion.kept == Fraction(9, 10)
    assert suggestion.interval == wilson(9, 100)
    assert suggestion.instant_days == 0


def test_days_of_overlapping_windows_are_no_more_evidence_than_their_windows(asked: Asked) -> None:
    records = in_days(*((day, 9, 1) for day in range(12)))
    past = {"history": History(duration("1d")), "suggest": ("b",)}
    (suggestion,) = asked(one_budget(window="3d"), records, **past).answer(Suggestions)
    assert suggestion.days == 8
    assert suggestion.windows == 3


def test_days_with_an_instant_event_are_kept_by_no_allowance(asked: Asked) -> None:
    policy = one_budget(window="day", spend={"class": {"B": 1, "C": "all"}})
    records = in_days(*((day, 9, 1) for day in range(12)), failure_reason="y")
    records.append(run("failure", at(days=4), failure_reason="x"))
    past = {"history": History(duration("1d")), "suggest": ("b",)}
    (refused,) = asked(policy, records, keep=Fraction(95, 100), **past).answer(Suggestions)
    assert refused.line is None
    assert refused.instant_days == 1
    assert "1 of 10 days" in (refused.reason or "")
    (found,) = asked(policy, records, keep=Fraction(9, 10), **past).answer(Suggestions)
    assert (found.line, found.kept) == ("allow: 10%", Fraction(9, 10))


def test_a_day_with_an_instant_event_counts_also_where_its_allowance_is_unknown(
    asked: Asked,
) -> None:
    """The day is breached whatever is allowed; nobody failed on the day before it."""
    policy = one_budget(
        window="day",
        spend={"class": {"B": 1, "C": "all"}},
        allow={"of_baseline": "100%", "over": "1d"},
    )
    records = in_days(*((day, 9, 1) for day in range(12) if day != 5), (5, 9, 0))
    records.append(run("failure", at(days=4), failure_reason="x"))
    past = {"history": History(duration("1d")), "suggest": ("b",)}
    found = asked(policy, records, replayed=True, keep=Fraction(1, 2), **past)
    assert found.answer(Replays) is not None
    days = found.answer(Replays).accounts[0].days
    (suggestion,) = found.answer(Suggestions)
    assert suggestion.instant_days == 1
    assert suggestion.days == sum(n for verdict, n in days.items() if verdict.judged)


@pytest.mark.parametrize("days", [0, 2])
def test_a_log_shorter_than_the_window_suggests_nothing(asked: Asked, days: int) -> None:
    records = in_days(*((day, 9, 1) for day in range(days + 1)))
    past = {"history": History(duration("1d")), "suggest": ("b",)}
    suggestions = asked(one_budget(window="7d"), records, **past).answer(Suggestions)
    assert all(one.line is None and one.reason for one in suggestions)


def pasted(policy: Mapping[str, Any], line: str | None) -> ebudget.Policy:
    """The policy with a suggested line in place of its own."""
    assert line is not None
    value = line.removeprefix("allow: ")
    draft = Draft(*parse_document(policy_text(policy), "budgets.yaml"))
    return draft.edited([draft.edit(f"b.allow={value}")])


def test_a_suggested_line_can_be_pasted_where_weights_spend_more_than_every_run(
    asked: Asked,
) -> None:
    policy = one_budget(window="1d", spend={"class": {"B": 3}})
    records = in_days(*((day, 0, 3) for day in range(9)))
    past = {"history": History(duration("1d")), "suggest": ("b",)}
    (suggestion,) = asked(policy, records, **past).answer(Suggestions)
    if suggestion.line is None:
        assert suggestion.reason
    else:
        pasted(policy, suggestion.line)


@pytest.mark.parametrize("allow", ["10%", {"amount": 1, "per": 10}])
def test_nothing_is_suggested_where_no_allowance_keeps(asked: Asked, allow: Any) -> None:
    """Failures are spent and no success earns, so every allowance allows nothing."""
    policy = one_budget(window="1d", of="success", allow=allow)
    records = in_days(*((day, 0, 3) for day in range(9)))
    past = {"history": History(duration("1d")), "suggest": ("b",)}
    (suggestion,) = asked(policy, records, **past).answer(Suggestions)
    assert suggestion.line is None
    assert suggestion.exact is None
    assert suggestion.reason


# Cuts


def after_cut(folder: Path, policy: Any, cut: Any, records: Sequence[Any], **options: Any) -> Any:
    """The account over the log without the slices of a cut, and how many runs it lost."""
    gone = [dict(step.slice) for step in cut.steps]
    rest = [r for r in records if not any(all(r.get(c) == v for c, v in s.items()) for s in gone)]
    path = write_jsonl(folder, rest, "rest.jsonl")
    accounts = statement_of(policy, [path], **options).accounts
    group = dict(cut.account.group)
    (found,) = (a for a in accounts if (a.budget, dict(a.group)) == (cut.account.budget, group))
    return found, len(records) - len(rest)


def test_a_cut_takes_the_fewest_slices_and_of_those_the_fewest_runs(
    asked: Asked, tmp_path: Path
) -> None:
    records = runs(60, 1, action_type="read", segment="smb", model="m")
    records += runs(20, 9, action_type="send", segment="vip", model="m")
    records += runs(30, 1, action_type="send", segment="smb", model="n")
    records += runs(30, 0, action_type="read", segment="vip", model="n")
    policy = one_budget(allow="3%")
    (cut,) = asked(policy, records, cut=("b",)).answer(Cuts)
    assert [step.slice for step in cut.steps] == [
        (("action_type", "send"), ("segment", "vip")),
    ]
    assert (cut.runs, cut.proven, cut.reason) == (29, True, None)
    (step,) = cut.steps
    assert (step.spent, step.runs, step.consumed) == (9, 29, Fraction(2 * 100, 122 * 3))
    account, lost = after_cut(tmp_path, policy, cut, records)
    assert lost == 29
    assert account.verdict is not Verdict.BREACHED
    assert cut.after is not None
    assert (cut.after.spent, cut.after.allowed) == (account.spent, account.allowed)


def test_a_cut_has_to_hold_every_instant_event(asked: Asked, tmp_path: Path) -> None:
    policy = one_budget(allow="50%", spend={"class": {"B": 1, "C": "all"}})
    records = runs(40, 4, action_type="read", tool="t", failure_reason="y")
    records += [run("failure", failure_reason="x", action_type=a, tool="u") for a in "pq"]
    records += runs(5, 0, action_type="p", tool="t")
    (cut,) = asked(policy, records, cut=("b",)).answer(Cuts)
    assert [step.slice for step in cut.steps] == [(("tool", "u"),)]
    assert [step.instant for step in cut.steps] == [2]
    account, _ = after_cut(tmp_path, policy, cut, records)
    assert account.instant == 0


def test_a_cut_tells_the_value_that_it_gives_up(asked: Asked) -> None:
    policy = one_budget(
        spend={"sum": "cost_usd"},
        allow={"of_value": "10%"},
        of="all",
        each=["workflow"],
        workflows={"w": {"value_usd": 4}},
    )
    records = runs(40, 0, workflow="w", cost_usd="0.1", tool="cheap")
    records += runs(10, 0, workflow="w", cost_usd=2, tool="dear")
    (cut,) = asked(policy, records, cut=("b",)).answer(Cuts)
    (step,) = cut.steps
    assert step.slice == (("tool", "dear"),)
    assert (step.spent, step.value_usd, step.consumed) == (20, 40, Fraction(1, 4))


def test_a_cut_of_a_baseline_is_what_a_report_without_its_runs_says(
    asked: Asked, tmp_path: Path
) -> None:
    policy = one_budget(
        spend={"sum": "cost_usd"}, allow={"of_baseline": "120%", "over": "7d"}, window="7d"
    )
    records = runs(10, 0, at(days=10), tool="a", cost_usd=1)
    records += runs(10, 0, at(days=10), tool="b", cost_usd=2)
    records += runs(10, 0, tool="a", cost_usd=1) + runs(10, 0, tool="b", cost_usd=5)
    (cut,) = asked(policy, records, cut=("b",)).answer(Cuts)
    account, _ = after_cut(tmp_path, policy, cut, records)
    assert [step.slice for step in cut.steps] == [(("tool", "b"),)]
    assert cut.after is not None
    assert (cut.after.spent, cut.after.allowed) == (account.spent, account.allowed) == (10, 12)


def test_a_cut_that_leaves_too_few_runs_is_none(asked: Asked) -> None:
    policy = one_budget(min_runs=20)
    records = runs(10, 0, tool="a") + runs(5, 10, tool="b")
    (cut,) = asked(policy, records, cut=("b",)).answer(Cuts)
    assert cut.steps == ()
    assert "leaves enough to judge" in (cut.reason or "")
    assert cut.proven


def test_a_cut_that_leaves_enough_runs_is_found_behind_one_that_does_not(asked: Asked) -> None:
    """One slice of 70 runs would do and leaves 60; two slices of 20 each leave 90."""
    policy = one_budget(allow="5%", min_runs=70)
    records = runs(90, 0, tool="a", segment="x") + runs(0, 10, tool="b", segment="y")
    records += runs(0, 10, tool="c", segment="y") + runs(20, 0, tool="a", segment="y")
    (cut,) = asked(policy, records, cut=("b",)).answer(Cuts)
    assert cut.steps
    assert cut.after is not None
    assert cut.after.verdict is not Verdict.BREACHED
    assert cut.after.eligible >= 70


def test_where_every_slice_fails_alike_no_cut_helps_and_that_is_said(asked: Asked) -> None:
    records = [
        one for tool in "abcdefg" for model in "mn" for one in runs(8, 2, tool=tool, model=model)
    ]
    (cut,) = asked(one_budget(allow="5%"), records, cut=("b",)).answer(Cuts)
    assert cut.steps == ()
    assert cut.reason
    assert [rung.name for rung in cut.rungs][-2:] == ["reduce authority", "pause"]
    assert [rung.enough for rung in cut.rungs][-2:] == [False, True]


def test_a_cut_of_two_slices_counts_once_what_both_hold(asked: Asked, tmp_path: Path) -> None:
    """Every column has two values, so that no slice is the whole log."""
    names = ("action_type", "segment", "risk_tier", "model", "version", "tool", "route")
    first, second = dict.fromkeys(names, "p"), dict.fromkeys(names, "q")
    records = runs(30, 0, **first) + runs(30, 0, **second)
    records += runs(0, 6, **{**first, "tool": "t"}) + runs(0, 5, **{**second, "route": "r"})
    records += runs(0, 2, **{**first, "tool": "t", "route": "r"})
    (cut,) = asked(one_budget(allow="1%"), records, cut=("b",)).answer(Cuts)
    assert [step.slice for step in cut.steps] == [(("route", "r"),), (("tool", "t"),)]
    assert [(step.runs, step.spent, step.consumed) for step in cut.steps] == [
        (7, 7, Fraction(600, 66)),
        (6, 6, 0),
    ]
    account, lost = after_cut(tmp_path, one_budget(allow="1%"), cut, records)
    assert (cut.runs, lost, account.spent) == (13, 13, 0)


def test_a_column_with_one_value_does_not_hide_a_cut_of_two_slices(asked: Asked) -> None:
    records = runs(40, 0, action_type="mail", segment="vip", model="m")
    records += runs(0, 5, action_type="mail", segment="vip", model="n")
    records += runs(0, 5, action_type="mail", segment="smb", model="m")
    (cut,) = asked(one_budget(allow="5%"), records, cut=("b",)).answer(Cuts)
    assert len(cut.steps) == 2
    assert cut.runs == 10


def test_an_account_that_is_not_breached_needs_no_cut(asked: Asked) -> None:
    assert asked(one_budget(), runs(100, 1), cut=("b",)).answer(Cuts) == ()


# Known answers


@needs_real_logs
def test_the_airline_breaks_even_at_its_true_rate_of_escalations() -> None:
    text = TAU2.read_text()
    draft = Draft(*parse_document(text, "tau2.yaml"))
    sweep = parse_sweep(draft, "preventable-escalations.allow=2%..20%:2%")
    question = question_of(draft.policy, sweeps=(sweep,))
    ledger = read_logs([TAU2_LOG], question.plan(), as_of=TAU2_END)
    (result,) = simulate(question, ledger).answer(Sweeps)
    lines = {dict(line.group)["workflow"]: line for line in result.accounts}
    airline = lines["airline"]
    assert airline.breaks_even == Fraction(45 * 100, 470)
    assert (airline.spent, airline.eligible) == (45, 470)
    last = [v for v, value in zip(airline.verdicts, sweep.values, strict=True) if value < 10]
    assert set(last) == {Verdict.BREACHED}
    assert Verdict.BREACHED not in airline.verdicts[len(last) :]
    assert (airline.turns[0].value, airline.turns[0].before) == (10, Verdict.BREACHED)


@needs_real_logs
def test_a_report_without_what_is_cut_from_the_airline_is_not_breached(tmp_path: Path) -> None:
    policy = load_policy(TAU2)
    question = question_of(policy, cut=("cost-of-value",))
    ledger = read_logs([TAU2_LOG], question.plan(), as_of=TAU2_END)
    cuts = {
        dict(cut.account.group)["workflow"]: cut for cut in simulate(question, ledger).answer(Cuts)
    }
    cut = cuts["airline"]
    assert cut.account.verdict is Verdict.BREACHED
    assert cut.proven
    assert cut.steps
    records = [json.loads(line) for line in TAU2_LOG.read_text().splitlines()]
    others = [r for r in records if r["workflow"] != "airline"]
    mine = [r for r in records if r["workflow"] == "airline"]
    gone = [dict(step.slice) for step in cut.steps]
    rest = [r for r in mine if not any(all(r[c] == v for c, v in s.items()) for s in gone)]
    assert len(mine) - len(rest) == cut.runs
    path = write_jsonl(tmp_path, [*others, *rest])
    accounts = statement_of(TAU2.read_text(), [path], as_of=TAU2_END).accounts
    (account,) = (
        a
        for a in accounts
        if a.budget == "cost-of-value" and dict(a.group) == {"workflow": "airline"}
    )
    assert account.verdict is not Verdict.BREACHED
    assert cut.after is not None
    assert (account.spent, account.allowed) == (cut.after.spent, cut.after.allowed)


def test_the_planted_slice_of_the_sample_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["simulate", str(ROOT / "sample_logs"), "-p", str(ROOT / "budgets.example.yaml")]
    code = cli.run([*command, "--cut", "wrong-outcomes", "--format", "json"])
    cuts = json.loads(capsys.readouterr().out)["cuts"]
    assert code == 0
    (cut,) = (one for one in cuts if one["group"]["workflow"] == "support-triage")
    slices = [part["slice"] for part in cut["slices"]]
    assert slices == [{"action_type": "send_email", "segment": "enterprise"}]
    assert cut["proven"]


# What is refused

MIXED = {
    **one_budget(),
    "logs": {"fields": {"cost_usd": "price"}},
}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--set", "c.allow=3%"], "no budget is named 'c'; known: b"),
        (["--set", "b.alow=3%"], "unknown key 'alow'; did you mean 'allow'?"),
        (["--set", "b.allow"], "write BUDGET.KEY=VALUE"),
        (["--set", "b.allow=lots"], "'lots' is not a number; write it plainly, such as 90"),
        (["--set", "b.allow=0.5"], "write 50% for a share"),
        (["--set", "b.allow=150%"], "a ratio lies between 0% and 100%"),
        (["--set", "b.allow.low=3%"], "has no keys; set b.allow as a whole"),
        (["--set", "b.window=1 fortnight"], "write 30m, 12h, 7d or 4w, or day, week"),
        (["--set", "b.each=[modle]"], "did you mean 'model'?"),
        (["--set", "b.of=cost_us > 3"], "did you mean 'cost_usd'?"),
        (["--set", "b.spend.failure=[y]"], "spend"),
        (["--set", "b.allow={of_value: 3%}"], "declare value_usd"),
        (["--set", "b.weights.E=1"], "the classes are A, B, C and D"),
        (["--set", "b.freeze_below=110%"], "does not lie between 0% and 100%"),
        (["--sweep", "c.allow=1%..9%:1%"], "no budget is named 'c'; known: b"),
        (["--sweep", "b.alow=1%..9%:1%"], "did you mean 'allow'?"),
        (["--sweep", "b.allow=1%..9%:0%"], "a step of 0 never ends"),
        (["--sweep", "b.allow=9%..1%:1%"], "it ends before it begins; swap the two values"),
        (["--sweep", "b.allow=1%..9%"], "write BUDGET.KEY=FIRST..LAST:STEP"),
        (["--sweep", "b.allow=1%..9:1"], "one unit is expected, not several"),
        (["--sweep", "b.allow=0%..100%:0.0001%"], "at most 10,000; take a larger step"),
        (["--sweep", "b.allow=50%..150%:10%"], "a ratio lies between 0% and 100%"),
        (["--scale", "cost_usd=-1"], "a factor is 0 or more; write failure:NAME=0.5"),
        (["--scale", "cost_us=2"], "did you mean 'cost_usd'?"),
        (["--scale", "cost_usd=much"], "'much' is not a number; write it plainly"),
        (["--scale", "cost_usd"], "write failure:NAME=0.5, cost_usd=1.2 or runs:workflow=x=3"),
        (["--scale", "failure:x=1.5"], "a share from 0 to 1 is left"),
        (["--scale", "failure:x=-0.5"], "a factor is 0 or more"),
        (["--scale", "failure:y=0.5"], "no failure is named 'y'; known: x"),
        (["--scale", "runs:workflw=x=3"], "did you mean 'workflow'?"),
        (["--scale", "runs:workflow=xx=3"], "no run of the log has workflow='xx'"),
        (["--without", "workflow=xx"], "no run of the log has workflow='xx'"),
        (["--without", "segmnt=vip"], "did you mean 'segment'?"),
        (["--without", "workflow"], "write COLUMN=VALUE, such as action_type=refund"),
        (["--without", "workflow=x,workflow=y"], "workflow is there twice"),
        (["--only", "segment=vipp"], "did you mean 'vip'?"),
        (["--suggest", "bb"], "did you mean 'b'?"),
        (["--cut", "bb"], "did you mean 'b'?"),
        (["--suggest", "b", "--keep", "0%"], "write more than 0% and at most 100%"),
        (["--suggest", "b", "--keep", "101%"], "write more than 0% and at most 100%"),
        (["--suggest", "b", "--keep", "95"], "write it with a sign, such as 25%"),
        (["--from", "2026-01-01"], "--from and --to belong to --replay and --suggest"),
        (["--to", "2026-01-01"], "--from and --to belong to --replay and --suggest"),
        (["--keep", "50%"], "--keep belongs to --suggest"),
        (["--replay", "1d", "--from", "2026-03-02", "--to", "2026-03-01"], "--to is before --from"),
        (["--replay", "1d", "--from", "soon"], "write a date such as 2026-10-31"),
        (["--replay", "daily"], "write 30m, 12h, 7d or 4w"),
        (["--replay", "1s", "--from", "2026-01-01"], "at most 5,000; take a longer step"),
        (["--budget", "bb", "--set", "b.allow=3%"], "did you mean 'b'?"),
        (["--against", "none.yaml"], "none.yaml: cannot read the policy"),
        (["--format", "jsn"], "did you mean 'json'?"),
        (["--nonsense"], "No such option"),
    ],
)
def test_nonsense_is_refused_with_what_was_meant(
    told: Any, arguments: list[str], says: str
) -> None:
    records = runs(3, 2, workflow="x", segment="vip", cost_usd=1)
    code, out, err = told(one_budget(), records, *arguments)
    assert (code, out) == (2, "")
    assert says in " ".join(err.split())
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({**one_budget(), "logs": {"fields": {"cost_usd": "cost"}}}, "'cost_usd' differently"),
        ({**MIXED, "timezone": "Europe/Berlin"}, "the policies differ in timezone"),
        ({**MIXED, "logs": {**MIXED["logs"], "outcomes": {"success": ["y"]}}}, "logs.outcomes"),
        ({**MIXED, "logs": {**MIXED["logs"], "timezone": "Asia/Tokyo"}}, "logs.timezone"),
        ({**MIXED, "workflows": {"x": {"risk_tier": "high"}}}, "the risk tiers of workflows"),
        ({**MIXED, "budget": {}}, "other.yaml:"),
        ("version: 1\nbudgets: [", "other.yaml:3:"),
        (one_budget(), "cost_usd"),
    ],
)
def test_another_policy_that_reads_the_log_differently_is_refused(
    told: Any, tmp_path: Path, other: Any, says: str
) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(other if isinstance(other, str) else policy_text(other))
    records = [run(price=2, cost_usd=1, cost=3)]
    code, out, err = told(MIXED, records, "--against", str(path))
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


@pytest.mark.parametrize("option", ["--suggest", "--cut"])
def test_a_refusal_names_the_option_that_was_given(told: Any, option: str) -> None:
    _, _, err = told(one_budget(), runs(3), option, "bb")
    assert option in err


# What scripts rely on


ALL_AT_ONCE = [
    *("--set", "b.allow=90%", "--set", "strict:b.allow=1%", "--sweep", "b.allow=10%..90%:10%"),
    *("--without", "strict:segment=vip", "--scale", "dearer:cost_usd=2", "--replay", "1d"),
    *("--suggest", "b", "--cut", "b"),
]


def fortnight() -> list[dict[str, Any]]:
    found = in_days(*((day, 6, 2) for day in range(14)), segment="smb", cost_usd=1)
    return [*found, *in_days((1, 2, 3), segment="vip", cost_usd=1)]


@pytest.mark.parametrize("format_", ["text", "json", "markdown"])
def test_a_simulation_exits_0_whatever_the_verdicts(told: Any, format_: str) -> None:
    policy = one_budget(window="3d")
    code, out, err = told(policy, fortnight(), *ALL_AT_ONCE, "--format", format_)
    assert (code, err) == (0, "")
    assert "breached" in out


def test_json_keeps_its_contract(told: Any) -> None:
    _, out, _ = told(one_budget(window="3d"), fortnight(), *ALL_AT_ONCE, "--format", "json")
    found = json.loads(out)
    assert found["schema"] == "ebudget.simulation/1"
    assert found["as_of"] == "2026-11-20T12:00:00Z"
    assert (found["input"]["records"], found["input"]["runs"]) == (117, 117)
    names = [scenario["name"] for scenario in found["scenarios"]]
    assert names[0] == "as it stands"
    assert set(names[1:]) == {"--set b.allow=90%", "strict", "dearer"}
    for scenario in found["scenarios"]:
        assert {"name", "assumptions", "accounts"} <= set(scenario)
        keys = {"budget", "kind", "group", "window", "eligible", "spent", "allowed", "consumed"}
        assert all(keys <= set(account) for account in scenario["accounts"])
    by_name = {scenario["name"]: scenario for scenario in found["scenarios"]}
    assert by_name["as it stands"]["assumptions"] == []
    assert by_name["--set b.allow=90%"]["accounts"][0]["verdict"] == "ok"
    strict = by_name["strict"]["accounts"][0]
    assert (strict["eligible"], strict["spent"], strict["allowed"]) == (24, 6, 0.24)
    assert len(by_name["strict"]["assumptions"]) == 2
    (sweep,) = found["sweeps"]
    assert {"budget", "key", "unit", "values", "accounts"} <= set(sweep)
    assert sweep["values"] == [10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert {"group", "verdicts", "turns", "breaks_even"} <= set(sweep["accounts"][0])
    assert {"every", "instants", "accounts"} <= set(found["timeline"])
    past = found["timeline"]["accounts"][0]
    assert {"budget", "group", "steps", "days", "first_breach", "longest_breach"} <= set(past)
    assert {"stopped", "pages", "first_page", "lead_seconds"} <= set(past)
    (suggestion,) = found["suggestions"]
    assert {"budget", "group", "days", "exact", "kept", "interval", "line"} <= set(suggestion)
    (cut,) = found["cuts"]
    assert {"budget", "group", "slices", "runs", "after", "proven", "reason"} <= set(cut)


def test_a_simulation_of_nothing_tells_the_policy_as_it_stands(told: Any) -> None:
    _, out, _ = told(one_budget(), runs(3, 2), "--format", "json")
    found = json.loads(out)
    assert [scenario["name"] for scenario in found["scenarios"]] == ["as it stands"]
    assert found["timeline"] is None
    assert found["suggestions"] == found["cuts"] == found["sweeps"] == []


def test_accounts_are_those_of_the_report(
    told: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = told(one_budget(each=["segment"]), fortnight(), "--format", "json")
    policy = str(tmp_path / "budgets.yaml")
    cli.run(["report", str(tmp_path / "runs.jsonl"), "-p", policy, "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    found = json.loads(out)
    assert found["scenarios"][0]["accounts"] == report["accounts"]
    assert found["input"] == report["input"]


def test_a_selection_keeps_accounts_and_changes_no_figure(told: Any) -> None:
    policy = one_budget(each=["segment"], window="3d")
    policy["budgets"]["c"] = {"spend": {"sum": "cost_usd"}, "allow": 5}
    asked = ("--set", "b.allow=50%", "--replay", "1d", "--format", "json")
    _, out, _ = told(policy, fortnight(), *asked)
    whole = json.loads(out)
    _, out, _ = told(policy, fortnight(), *asked, "--for", "segment=vip", "--budget", "b")
    part = json.loads(out)
    for all_of_it, kept in zip(whole["scenarios"], part["scenarios"], strict=True):
        wanted = [a for a in all_of_it["accounts"] if a["group"] == {"segment": "vip"}]
        assert kept["accounts"] == wanted
        assert len(wanted) == 1
    assert [a["group"] for a in part["timeline"]["accounts"]] == [{"segment": "vip"}]


def test_outputs_are_what_is_printed(told: Any, tmp_path: Path) -> None:
    """Text fits the terminal and files do not have one, so the exact formats are compared."""
    arguments = [*ALL_AT_ONCE, "--output", f"json={tmp_path / 'found.json'}"]
    arguments += ["--output", f"markdown={tmp_path / 'found.md'}"]
    policy = one_budget(window="3d")
    _, printed, _ = told(policy, fortnight(), *arguments, "--format", "json")
    assert (tmp_path / "found.json").read_text() == printed
    _, marked, _ = told(policy, fortnight(), *ALL_AT_ONCE, "--format", "markdown")
    assert (tmp_path / "found.md").read_text() == marked


def test_two_policies_side_by_side_are_each_their_own_report(told: Any, tmp_path: Path) -> None:
    """Other rules, other groups, other spends, all of one reading."""
    other = one_budget(each=["segment"], allow=4, spend={"sum": "cost_usd"})
    other["failures"] = {"dear": {"class": "D", "when": "cost_usd > 2", "instant": True}}
    other["budgets"]["new"] = {"spend": {"class": {"D": 1}}, "allow": "1%", "window": "7d"}
    path = tmp_path / "other.yaml"
    path.write_text(policy_text(other))
    records = [*fortnight(), run(cost_usd=3, segment="vip")]
    _, out, _ = told(one_budget(), records, "--against", str(path), "--format", "json")
    found = json.loads(out)["scenarios"]
    assert found[1]["name"].endswith("other.yaml")
    wanted = statement_of(other, [str(tmp_path / "runs.jsonl")]).accounts
    assert [
        (a["budget"], a["group"], Fraction(str(a["spent"])), a["verdict"])
        for a in found[1]["accounts"]
    ] == [(a.budget, dict(a.group), a.spent, a.verdict.value) for a in wanted]


def test_everything_with_one_name_is_one_scenario(told: Any) -> None:
    asked = ("--set", "n:b.allow=90%", "--scale", "n:failure:x=0", "--scale", "runs:segment=vip=2")
    records = [*fortnight(), run("failure", failure_reason="x", segment="smb")]
    _, out, _ = told(one_budget(), records, *asked, "--format", "json")
    now, named, other = (s["accounts"][0] for s in json.loads(out)["scenarios"])
    assert (named["spent"], named["allowed"]) == (now["spent"] - 1, now["allowed"] * 9)
    assert (other["eligible"], other["spent"]) == (now["eligible"] + 5, now["spent"] + 3)


def test_values_that_the_log_does_not_have_are_written_as_none(told: Any) -> None:
    records = runs(3, 0, segment="vip") + runs(0, 2)
    asked = ("--without", "segment=(none)", "--format", "json")
    _, out, _ = told(one_budget(), records, *asked)
    (account,) = json.loads(out)["scenarios"][1]["accounts"]
    assert (account["eligible"], account["spent"]) == (3, 0)


def test_a_log_without_runs_can_be_asked_everything(told: Any) -> None:
    code, out, _ = told(one_budget(), [], *ALL_AT_ONCE[:6], "--replay", "1d", "--suggest", "b")
    assert code == 0
    assert "no data" in out.lower() or "no_data" in out


def test_the_account_of_a_policy_without_groups_is_always_there(asked: Asked) -> None:
    found = asked(one_budget(), runs(3, workflow="x"), MoreRuns((("workflow", "x"),), Fraction(0)))
    (account,) = found.outcomes[1].accounts
    assert (account.selected, account.verdict) == (0, Verdict.NO_DATA)
    assert only_account(found.statement).selected == 3
    assert found.statement.as_of == int(NOW.timestamp()) * 10**6


def test_mended_runs_say_in_a_known_word_that_they_went_well(asked: Asked) -> None:
    """Three of twenty said how they failed in a word that nobody knows."""
    records = [*runs(17), *(run("shrug", failure_reason="x") for _ in range(3))]
    found = asked(one_budget(allow="20%"), records, Mended("x", Fraction(0)))
    account = found.outcomes[1].accounts[0]
    assert (account.verdict.value, account.eligible, account.spent) == ("ok", 20, 0)
