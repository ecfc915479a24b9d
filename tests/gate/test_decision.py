"""May a change ship? Exit codes, first lines, certainty, baselines, and when it passes again."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from fractions import Fraction

import pytest

import ebudget
from ebudget import cli
from ebudget.accounts.certainty import Certainty, above, wilson
from ebudget.accounts.selection import Selection
from ebudget.accounts.statement import Verdict
from ebudget.errors import InputError, UsageError
from ebudget.gate.baseline_file import parse_baseline
from ebudget.gate.decision import Demands, Standing, decide
from ebudget.instants import instant
from ebudget.policy.changes import OnInsufficient, check_change
from ebudget.policy.file import parse_policy
from ebudget.quantities import duration
from ebudget.render.decision.words import passes_again, sentence
from ebudget.render.json import decision as gate_json
from ebudget.render.page import Look
from support import CLOCK, NOW, SHARED, at, run, runs, stamp, write_jsonl
from support import read as read_logs

VERDICTS = ("ok", "warning", "frozen", "breached", "insufficient", "no_data")
GATE = "{changes: [prompt, model], exempt: [fix]}"
POLICY = f"""version: 1
failures:
  wrong: {{class: C, when: "failure_reason = 'wrong'"}}
workflows: {{{", ".join(f"{name}: {{}}" for name in VERDICTS)}}}
budgets:
  outcomes:
    {{each: [workflow], spend: {{class: B+}}, allow: 10%, window: 7d, min_runs: 5, gate: {GATE}}}
"""
"""One workflow for each verdict."""

RECORDS = [
    *runs(20, 0, workflow="ok"),
    *runs(19, 1, workflow="warning"),
    *runs(18, 2, workflow="frozen"),
    *runs(17, 3, workflow="breached"),
    *runs(1, 1, workflow="insufficient"),
]


def made(folder, policy=POLICY, records=RECORDS, name="runs.jsonl", **options):
    checked = parse_policy(policy, "budgets.yaml")
    path = write_jsonl(folder, records, name)
    ledger = read_logs([path], checked, rests=True, clock=CLOCK, **options)
    return checked, ebudget.evaluate(checked, ledger)


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    """A policy, and a statement with an account of every verdict."""
    return made(tmp_path_factory.mktemp("six"))


def answer(policy, statement, *, baseline=None, selection=None, now=NOW, **demands):
    return decide(
        policy,
        statement,
        Demands(**demands),
        now=instant(now),
        baseline=baseline,
        selection=selection,
    )


def only(name):
    return Selection(values={"workflow": {name}})


# Exit codes and first lines


def test_the_log_has_an_account_of_every_verdict(six):
    _, statement = six
    assert {a.group[0][1]: a.verdict.value for a in statement.accounts} == dict(
        zip(VERDICTS, VERDICTS, strict=True)
    )


RANK = {"ok": 0, "warning": 1, "frozen": 2, "breached": 3}
FAILS = {
    "warning": "FAIL  {change}outcomes for workflow=warning is at warning",
    "frozen": "FAIL  {change}outcomes for workflow=frozen is frozen",
    "breached": "FAIL  {change}outcomes for workflow=breached is breached",
}
MISSING = {
    "insufficient": "FAIL  {change}not enough evidence: outcomes for workflow=insufficient: "
    "2 of at least 5 runs",
    "no_data": "FAIL  {change}not enough evidence: outcomes for workflow=no_data: "
    "no run in the window",
}
IS_NOT = {"warning": "at warning or worse", "frozen": "frozen or breached", "breached": "breached"}

TABLE = list(
    itertools.product(
        VERDICTS,
        (None, "prompt"),
        (None, "warning", "frozen", "breached"),
        (None, "fail", "warn", "pass"),
    )
)


@pytest.mark.parametrize(("verdict", "change", "fail_on", "insufficient"), TABLE)
def test_verdict_change_line_and_setting_give_the_exit_code_and_the_first_line(
    six, verdict, change, fail_on, insufficient
):
    policy, statement = six
    decision = answer(
        policy,
        statement,
        selection=only(verdict),
        change=change,
        fail_on=None if fail_on is None else Verdict(fail_on),
        on_insufficient=None if insufficient is None else OnInsufficient(insufficient),
    )
    line = fail_on or ("frozen" if change else "breached")
    prefix = f"{change} change: " if change else ""
    if verdict in RANK:
        code = 1 if RANK[verdict] >= RANK[line] else 0
        first = (
            FAILS[verdict].format(change=prefix)
            if code
            else f"PASS  {prefix}outcomes for workflow={verdict} is not {IS_NOT[line]}"
        )
    elif insufficient in ("warn", "pass"):
        code = 0
        said = "nothing stops it" if change else "nothing counts against it"
        first = f"PASS  {prefix}{said}; not counted: 1 without evidence"
    else:
        code, first = 3, MISSING[verdict].format(change=prefix)
    assert (decision.exit_code, sentence(decision)) == (code, first)


@pytest.mark.parametrize("format_", ["text", "json", "markdown", "github", "junit"])
def test_the_exit_code_of_every_verdict_is_the_same_in_every_format(
    tmp_path, monkeypatch, capsys, format_
):
    (tmp_path / "budgets.yaml").write_text(POLICY)
    write_jsonl(tmp_path, RECORDS)
    monkeypatch.chdir(tmp_path)
    codes = {"ok": 0, "warning": 0, "frozen": 0, "breached": 1, "insufficient": 3, "no_data": 3}
    for verdict, code in codes.items():
        arguments = ["check", "runs.jsonl", "--for", f"workflow={verdict}", "--format", format_]
        assert cli.run(arguments) == code, verdict
        assert capsys.readouterr().out
        others = [f"--output={kind}={kind}.out" for kind in ("text", "json", "markdown")]
        others += ["--output=github=github.out", "--output=junit=junit.out"]
        assert cli.run([*arguments, *others]) == code, verdict
        capsys.readouterr()
    assert cli.run([*arguments[:-1], format_, "--exit-zero"]) == 0


def test_one_breach_among_many_fails_and_evidence_comes_second(six):
    policy, statement = six
    decision = answer(policy, statement)
    assert decision.exit_code == 1
    assert sentence(decision) == "FAIL  outcomes for workflow=breached is breached"
    decision = answer(policy, statement, change="model")
    assert sentence(decision) == (
        "FAIL  model change: 2 accounts do not allow it, 1 breached, 1 frozen: "
        "outcomes for workflow=breached, outcomes for workflow=frozen"
    )
    decision = answer(policy, statement, fail_on=Verdict.WARNING)
    assert sentence(decision) == (
        "FAIL  3 accounts fail, 1 breached, 1 frozen, 1 warning: "
        "outcomes for workflow=breached, outcomes for workflow=frozen and 1 more"
    )
    decision = answer(policy, statement, exit_zero=True)
    assert (decision.exit_code, decision.answer) == (0, 1)
    assert sentence(decision).endswith("(exit code 0 by --exit-zero)")


# Types of change


def test_only_budgets_that_stop_the_type_count_and_the_others_are_shown(tmp_path):
    policy, statement = made(
        tmp_path,
        """version: 1
budgets:
  ours: {spend: {class: B+}, allow: 50%, gate: {changes: [prompt]}}
  theirs: {spend: {class: B+}, allow: 1%, gate: {changes: [model], exempt: [fix]}}
  every: {spend: {class: B+}, allow: 90%, gate: {exempt: [fix]}}
""",
        runs(9, 1),
    )
    decision = answer(policy, statement, change="prompt")
    assert decision.exit_code == 0
    standings = {r.account.budget: r.standing for r in decision.rulings}
    assert standings == {
        "ours": Standing.PASSES,
        "theirs": Standing.OTHER_CHANGE,
        "every": Standing.PASSES,
    }
    assert sentence(decision) == (
        "PASS  prompt change: 2 accounts, none of them frozen or breached; "
        "not counted: 1 breached does not stop this type of change"
    )
    assert answer(policy, statement, change="model").exit_code == 1
    repair = answer(policy, statement, change="fix")
    assert repair.exit_code == 0
    assert sentence(repair) == (
        "PASS  fix change: nothing stops it; not counted: 1 breached exempt"
    )
    assert answer(policy, statement).exit_code == 1


def test_an_unknown_type_of_change_is_an_error_that_lists_the_known_ones(six):
    policy, _ = six
    for known in ("prompt", "model", "fix"):
        check_change(policy.gates, known)
    with pytest.raises(UsageError, match=r"did you mean 'prompt'.*known: fix, model, prompt"):
        check_change(policy.gates, "promt")
    with pytest.raises(UsageError, match="known: fix, model, prompt"):
        check_change(policy.gates, "finance")
    anything = parse_policy("version: 1\nbudgets: {x: {spend: {class: B}, allow: 1}}", "p")
    check_change(anything.gates, "finance")
    with pytest.raises(UsageError, match="known: none"):
        check_change(anything.gates, "")
    nothing = "version: 1\nbudgets: {x: {spend: {class: B}, allow: 1, gate: {changes: []}}}"
    with pytest.raises(UsageError, match="known: none"):
        check_change(parse_policy(nothing, "p").gates, "finance")


def test_a_type_cannot_be_both_stopped_and_exempt():
    text = (
        "version: 1\nbudgets:\n  x: {spend: {class: B}, allow: 1, "
        "gate: {changes: [fix], exempt: [fix]}}\n"
    )
    with pytest.raises(ebudget.PolicyError, match=r"gate\.exempt: changes of type 'fix' cannot be"):
        parse_policy(text, "p")


def test_an_exempt_change_waits_for_no_evidence_but_an_empty_log(tmp_path):
    text = (
        "version: 1\nbudgets: {x: {spend: {class: B+}, allow: 1%, min_runs: 9, "
        "gate: {exempt: [fix]}}}\n"
    )
    policy, statement = made(tmp_path, text, runs(3))
    late = {"max_age": duration("1h"), "now": NOW + timedelta(days=3)}
    assert answer(policy, statement, change="fix", **late).exit_code == 0
    assert answer(policy, statement, **late).exit_code == 3
    policy, statement = made(tmp_path, text, ["{"])
    assert answer(policy, statement, change="fix").exit_code == 3


def test_a_budget_that_no_run_matches_is_missed_and_not_forgotten(tmp_path):
    text = """version: 1
budgets:
  a: {spend: {class: B+}, allow: 50%, gate: {changes: [model]}}
  b: {for: {environment: prodd}, each: [workflow], spend: {class: B+}, allow: 1%,
      gate: {changes: [prompt], on_insufficient: SETTING}}
"""
    for setting, code in (("fail", 3), ("warn", 0), ("pass", 0)):
        policy, statement = made(tmp_path, text.replace("SETTING", setting), runs(3))
        for asked in ({}, {"change": "prompt"}):
            decision = answer(policy, statement, **asked)
            assert decision.exit_code == code
            named = decision.shortfalls + decision.remarks
            assert bool(named) == (setting != "pass")
        assert answer(policy, statement, change="model").exit_code == 0
        assert answer(policy, statement, selection=Selection(budgets=["a"])).exit_code == 0


# Evidence


def test_undeclared_groups_without_evidence_count_only_where_no_account_has_any(tmp_path):
    text = """version: 1
budgets: {x: {each: [workflow], spend: {class: B+}, allow: 50%, min_runs: 5}}
"""
    policy, statement = made(tmp_path, text, [*runs(9, workflow="big"), *runs(1, workflow="small")])
    decision = answer(policy, statement)
    assert decision.exit_code == 0
    assert sentence(decision) == (
        "PASS  x for workflow=big is not breached; not counted: 1 without evidence"
    )
    assert answer(policy, statement, selection=only("small")).exit_code == 3
    policy, statement = made(
        tmp_path,
        text + "workflows: {small: {}}\n",
        [*runs(9, workflow="big"), *runs(1, workflow="small")],
    )
    assert answer(policy, statement).exit_code == 3


def test_each_budget_can_say_what_missing_evidence_means_and_the_command_outdoes_it(tmp_path):
    def budget(name, setting):
        return (
            f"  {name}: {{spend: {{class: B+}}, allow: 50%, min_runs: 9, "
            f"gate: {{on_insufficient: {setting}}}}}\n"
        )

    text = "version: 1\nbudgets:\n" + budget("x", "pass") + budget("y", "warn")
    policy, statement = made(tmp_path, text, runs(3))
    decision = answer(policy, statement)
    assert decision.exit_code == 0
    assert [r.warn for r in decision.rulings] == [False, True]
    assert answer(policy, statement, on_insufficient=OnInsufficient.FAIL).exit_code == 3
    policy, statement = made(tmp_path, text + budget("z", "fail"), runs(3))
    assert answer(policy, statement).exit_code == 3
    assert answer(policy, statement, on_insufficient=OnInsufficient.PASS).exit_code == 0


@pytest.mark.parametrize("on_insufficient", ["fail", "warn", "pass"])
@pytest.mark.parametrize(
    ("log", "code"),
    [
        ("empty folder", 2),
        ("missing path", 2),
        ("only rejects", 3),
        ("no run in the window", 3),
        ("empty file", 3),
    ],
)
def test_logs_that_say_nothing_never_pass(
    tmp_path, monkeypatch, capsys, log, code, on_insufficient
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "budgets.yaml").write_text(
        "version: 1\nbudgets: {x: {spend: {class: B+}, allow: 1, window: 7d}}\n"
    )
    (tmp_path / "logs").mkdir()
    path, extra = "logs", ["--on-insufficient", on_insufficient]
    if log == "missing path":
        path = "nowhere"
    elif log == "only rejects":
        (tmp_path / "logs" / "a.jsonl").write_text("{broken\n[1]\n")
    elif log == "no run in the window":
        write_jsonl(tmp_path / "logs", runs(3))
        extra += ["--as-of", stamp(NOW + timedelta(days=60))]
    elif log == "empty file":
        (tmp_path / "logs" / "a.jsonl").write_text("")
    assert cli.run(["check", path, *extra]) == code
    captured = capsys.readouterr()
    assert (captured.out if code == 3 else captured.err).strip()
    if code == 3:
        assert captured.out.startswith("FAIL  not enough evidence: ")


def test_old_logs_are_no_evidence(six):
    policy, statement = six
    ok = only("ok")
    for limit, later, code in (
        ("24h", timedelta(hours=24), 0),
        ("24h", timedelta(hours=24, microseconds=1), 3),
        ("1d", timedelta(days=9), 3),
        ("10d", timedelta(days=9), 0),
    ):
        decision = answer(policy, statement, selection=ok, max_age=duration(limit), now=NOW + later)
        assert decision.exit_code == code, (limit, later)
    decision = answer(policy, statement, max_age=duration("1h"), now=NOW + timedelta(days=9))
    assert decision.exit_code == 1, "a breach is a breach, however old the log is"
    decision = answer(
        policy, statement, selection=ok, max_age=duration("1h"), now=NOW + timedelta(days=9)
    )
    assert sentence(decision) == (
        "FAIL  not enough evidence: the newest run is 9d old, and at most 1h is evidence"
    )


@pytest.mark.parametrize(("rejected", "code"), [(1, 0), (2, 3)])
def test_too_many_rejected_records_are_no_evidence(tmp_path, rejected, code):
    text = "version: 1\nbudgets: {x: {spend: {class: B+}, allow: 50%}}\n"
    policy, statement = made(tmp_path, text, [*runs(100 - rejected), *["{"] * rejected])
    decision = answer(policy, statement, max_rejected=Fraction(1, 100))
    assert decision.exit_code == code
    if code:
        assert decision.shortfalls == ("2 of 100 records are rejected, more than 1%",)


# Sampling noise


@pytest.mark.parametrize(
    ("hits", "runs_", "low", "high"),
    [  # Newcombe, Statistics in Medicine 17 (1998), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_the_published_one(hits, runs_, low, high):
    found = wilson(hits, runs_)
    assert (round(found[0], 4), round(found[1], 4)) == (low, high)


def test_the_ends_of_the_interval_are_where_certainty_begins():
    for hits, runs_ in ((3, 10), (22, 77), (1, 200), (65, 504), (10, 10)):
        low, _ = wilson(hits, runs_)
        assert above(hits, runs_, Fraction(low * (1 - 1e-9))) is Certainty.CERTAIN
        assert above(hits, runs_, Fraction(low * (1 + 1e-9))) is not Certainty.CERTAIN


@pytest.mark.parametrize(
    ("bad", "certainty", "confident_code"),
    [(9, None, 0), (10, None, 0), (11, "within noise", 0), (14, "likely", 0), (18, "certain", 1)],
)
def test_a_breach_of_a_rate_is_certain_likely_or_within_noise(
    tmp_path, bad, certainty, confident_code
):
    text = "version: 1\nbudgets: {x: {spend: {class: B+}, allow: 10%}}\n"
    policy, statement = made(tmp_path, text, runs(100 - bad, bad))
    (account,) = statement.accounts
    assert account.certainty == certainty
    assert answer(policy, statement).exit_code == (1 if bad > 10 else 0)
    decision = answer(policy, statement, confident=True)
    assert decision.exit_code == confident_code
    if certainty in ("likely", "within noise"):
        assert decision.rulings[0].standing is Standing.WITHIN_NOISE
        assert sentence(decision) == (
            "PASS  nothing counts against it; not counted: 1 breached within noise"
        )


@pytest.mark.parametrize(
    ("budget", "records"),
    [
        ("{spend: {class: B+}, allow: 1}", runs(9, 2)),
        ("{spend: {class: B+}, allow: 0}", runs(99, 1)),
        ("{spend: {class: B+}, allow: 0%}", runs(99, 1)),
        ("{spend: {class: {B: all}}, allow: 50%}", runs(99, 1)),
        ("{spend: {sum: cost_usd}, allow: {amount: 1, per: 1}}", [run(cost_usd=1.1)]),
        ("{spend: {class: {B: 2}}, allow: 1%}", runs(99, 1)),
        ("{of: success, spend: {class: B+}, allow: 1%}", runs(99, 1)),
    ],
)
def test_counts_zero_tolerances_instant_events_sums_and_weights_never_wait_for_confidence(
    tmp_path, budget, records
):
    policy, statement = made(tmp_path, f"version: 1\nbudgets: {{x: {budget}}}\n", records)
    (account,) = statement.accounts
    assert (account.verdict, account.certainty) == (Verdict.BREACHED, None)
    assert answer(policy, statement, confident=True).exit_code == 1


def test_more_spend_never_turns_a_confident_fail_into_a_pass(tmp_path):
    text = "version: 1\nbudgets: {x: {spend: {class: B+}, allow: 10%}}\n"
    codes = []
    for bad in range(30):
        policy, statement = made(tmp_path, text, runs(200 - bad, bad))
        decision = answer(policy, statement, confident=True, fail_on=Verdict.FROZEN)
        codes.append(decision.exit_code)
    assert codes == sorted(codes)
    assert set(codes) == {0, 1}


# Alerts


def test_firing_alerts_fail_where_that_is_asked(tmp_path):
    text = """version: 1
budgets:
  x: {spend: {class: B+}, allow: 90, window: 30d, alerts: [
      {long: 1h, short: 5m, factor: 2, severity: page},
      {long: 1d, short: 1h, factor: 2, severity: ticket}]}
"""
    policy, statement = made(tmp_path, text, [*runs(0, 7, at(minutes=30)), *runs(1)])
    (account,) = statement.accounts
    assert [a.firing for a in account.alerts] == [False, True]
    assert answer(policy, statement).exit_code == 0
    assert answer(policy, statement, fail_on_alert="page").exit_code == 0
    decision = answer(policy, statement, fail_on_alert="ticket")
    assert decision.exit_code == 1
    assert sentence(decision) == "FAIL  x burns too fast (ticket alert)"
    assert decision.rulings[0].passes_again == statement.as_of + 3600 * 10**6
    policy, statement = made(tmp_path, text, runs(0, 7))
    assert answer(policy, statement, fail_on_alert="page").exit_code == 1
    assert answer(policy, statement, fail_on_alert="ticket").exit_code == 1


# When it passes again


def test_a_rolling_window_passes_again_when_enough_failures_have_left_it(tmp_path):
    text = "version: 1\nbudgets: {x: {spend: {class: B+}, allow: 2, window: 7d}}\n"
    days = [6, 4, 2, 1]
    records = [r for day in days for r in runs(0, 1, at(days=day))] + runs(1)
    policy, statement = made(tmp_path, text, records)
    (ruling,) = answer(policy, statement).rulings
    # 4 of 2 are spent; the second failure to leave, of 4 days ago at 12:00, is gone at midnight
    assert passes_again(ruling, policy.timezone) == (
        "passes again by 2026-11-24 if runs go on as now and nothing more is spent"
    )
    # and a report at that instant, with nothing more spent, agrees
    assert verdict_at(policy, tmp_path, ruling.passes_again) is not Verdict.BREACHED
    day_before = ruling.passes_again - 24 * 3600 * 10**6
    assert verdict_at(policy, tmp_path, day_before) is Verdict.BREACHED


def verdict_at(policy, folder, moment):
    from ebudget.instants import moment as datetime_of

    ledger = read_logs(
        [str(folder / "runs.jsonl")],
        policy,
        as_of=datetime_of(moment),
        clock=datetime_of(moment),
    )
    (account,) = ebudget.evaluate(policy, ledger).accounts
    return account.verdict


@pytest.mark.parametrize(
    ("window", "says"),
    [
        ("month", "passes again by 2026-12-01 if"),
        ("day", "passes again by 2026-11-21 if"),
        ("1h", "passes again by 2026-11-20 13:00 UTC if"),
        ("11h", "passes again by 2026-11-20 23:00 UTC if"),
        ("90d", "passes again by 2027-02-18 12:00 UTC if"),
    ],
)
def test_every_kind_of_window_passes_again(tmp_path, window, says):
    text = f"version: 1\nbudgets: {{x: {{spend: {{class: B+}}, allow: 0, window: {window}}}}}\n"
    policy, statement = made(tmp_path, text, runs(1, 1))
    (ruling,) = answer(policy, statement).rulings
    assert passes_again(ruling, policy.timezone).startswith(says)


# Baselines


def statement_json(folder, policy, records):
    checked, statement = made(folder, policy, records, "baseline.jsonl")
    return gate_json.render(answer(checked, statement), Look())


def test_only_what_is_new_since_the_baseline_fails_where_that_is_asked(tmp_path):
    text = "version: 1\nbudgets: {x: {each: [workflow], spend: {class: B+}, allow: 10%}}\n"

    def log(**bad):
        return [r for name, count in bad.items() for r in runs(20 - count, count, workflow=name)]

    before = statement_json(tmp_path, text, log(old=3, mended=3, grown=3, fresh=0, lost=3))
    records = [*log(old=3, mended=0, grown=9, fresh=3, brand=3)]
    policy, statement = made(tmp_path, text, records)
    baseline = parse_baseline(before, "before.json")
    decision = answer(policy, statement, baseline=baseline, new_only=True)
    since = {r.account.group[0][1]: r.since for r in decision.rulings}
    assert since == {
        "old": None,
        "mended": "recovered",
        "grown": "worse",
        "fresh": "newly breached",
        "brand": "newly breached",
    }
    standing = {r.account.group[0][1]: r.standing.value for r in decision.rulings}
    assert standing == {
        "old": "known",
        "mended": "passes",
        "grown": "known",
        "fresh": "against",
        "brand": "against",
    }
    assert decision.gone == (("x", frozenset({("workflow", "lost")})),)
    calm = answer(policy, statement, baseline=baseline, new_only=True, selection=only("grown"))
    assert (calm.exit_code, calm.gone) == (0, ())
    assert answer(policy, statement, baseline=baseline).exit_code == 1


def test_an_account_that_went_from_frozen_to_breached_is_new(tmp_path):
    text = "version: 1\nbudgets: {x: {spend: {class: B+}, allow: 10%}}\n"
    baseline = parse_baseline(statement_json(tmp_path, text, runs(18, 2)), "b")
    policy, statement = made(tmp_path, text, runs(17, 3))
    demands = {"baseline": baseline, "new_only": True, "fail_on": Verdict.FROZEN}
    assert answer(policy, statement, **demands).exit_code == 1
    policy, statement = made(tmp_path, text, runs(18, 2))
    assert answer(policy, statement, **demands).exit_code == 0


def test_a_new_instant_event_is_new_though_the_account_was_breached_before(tmp_path):
    text = "version: 1\nbudgets: {x: {spend: {class: {B: all}}, allow: 10%}}\n"
    baseline = parse_baseline(statement_json(tmp_path, text, runs(18, 2)), "b")
    for bad, code in ((1, 0), (2, 0), (3, 1)):
        policy, statement = made(tmp_path, text, runs(18, bad))
        decision = answer(policy, statement, baseline=baseline, new_only=True)
        assert decision.exit_code == code, bad


def test_a_breach_that_cannot_be_judged_any_more_has_not_recovered(tmp_path):
    text = "version: 1\nbudgets: {x: {spend: {class: B+}, allow: 10%, min_runs: 9}}\n"
    baseline = parse_baseline(statement_json(tmp_path, text, runs(5, 5)), "b")
    policy, statement = made(tmp_path, text, runs(5, 1))
    (ruling,) = answer(policy, statement, baseline=baseline).rulings
    assert ruling.since == "breached then, cannot be judged now"


GOOD = {
    "budget": "x",
    "kind": "outcome",
    "group": {"workflow": None},
    "window": {"length": "30d"},
    "unit": "run",
    "verdict": "breached",
    "consumed": 1.5,
    "instant": 0,
    "alerts": [{"severity": "page", "firing": True}],
}


def statement_of(**changes):
    head = {"schema": "ebudget.statement/1", "as_of": "2026-01-01T00:00:00Z", "accounts": [GOOD]}
    return json.dumps({**head, **changes})


def test_a_baseline_holds_what_is_compared():
    (then,) = parse_baseline(statement_of(), "b").accounts.values()
    assert (then.consumed, then.firing) == (1.5, {"page"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        "[]",
        "{}",
        statement_of(schema="ebudget.statement/2"),
        statement_of(as_of=5),
        statement_of(as_of="2026-01-01T00:00:00"),
        statement_of(as_of="0001-01-01T00:00:00+14:00"),
        statement_of(accounts={}),
        statement_of(accounts=[1]),
        statement_of(accounts=[GOOD, GOOD]),
        statement_of(accounts=[{**GOOD, "consumed": "1"}]),
        statement_of(accounts=[{**GOOD, "consumed": float("nan")}]),
        statement_of(accounts=[{**GOOD, "instant": "7"}]),
        statement_of(accounts=[{**GOOD, "instant": float("inf")}]),
        statement_of(accounts=[{**GOOD, "group": {"workflow": 1}}]),
        statement_of(accounts=[{**GOOD, "group": {"work\ud800": "a"}}]),
        statement_of(accounts=[{**GOOD, "verdict": "fine"}]),
        statement_of(accounts=[{**GOOD, "alerts": [{"severity": "mail", "firing": True}]}]),
        statement_of().replace("1.5", "1" + "0" * 400),
    ],
)
def test_what_is_no_statement_is_no_baseline(text):
    with pytest.raises(InputError, match=r"b\.json: is no statement \("):
        parse_baseline(text, "b.json")


def test_an_account_of_other_terms_is_another_account(tmp_path):
    text = "version: 1\nbudgets: {x: {spend: {class: B+}, allow: 10%, window: WINDOW}}\n"
    baseline = parse_baseline(
        statement_json(tmp_path, text.replace("WINDOW", "7d"), runs(3, 3)), "b"
    )
    policy, statement = made(tmp_path, text.replace("WINDOW", "30d"), runs(3, 3))
    decision = answer(policy, statement, baseline=baseline, new_only=True)
    assert decision.exit_code == 1
    assert decision.rulings[0].since == "newly breached"


def test_worse_sees_instant_events_and_infinite_consumption(tmp_path):
    text = "version: 1\nbudgets: {x: {spend: {class: {B: all}}, allow: 50%}}\n"
    baseline = parse_baseline(statement_json(tmp_path, text, runs(1, 1)), "b")
    policy, statement = made(tmp_path, text, runs(9, 2))
    assert answer(policy, statement, baseline=baseline).rulings[0].since == "worse"
    text = "version: 1\nbudgets: {x: {spend: {class: B+}, of: success, allow: 50%}}\n"
    baseline = parse_baseline(statement_json(tmp_path, text, runs(1, 2)), "b")
    policy, statement = made(tmp_path, text, runs(0, 1))
    assert answer(policy, statement, baseline=baseline).rulings[0].since == "worse"


def test_an_alert_that_fired_in_the_baseline_is_known(tmp_path):
    text = """version: 1
budgets: {x: {spend: {class: B+}, allow: 90, alerts: [
    {long: 1h, short: 5m, factor: 2, severity: SEVERITY}]}}
"""
    policy, statement = made(tmp_path, text.replace("SEVERITY", "page"), runs(0, 9))
    demands = {"fail_on_alert": "ticket", "new_only": True}
    for severity, code in (("page", 0), ("ticket", 1)):
        then = statement_json(tmp_path, text.replace("SEVERITY", severity), runs(0, 9))
        baseline = parse_baseline(then, "b")
        decision = answer(policy, statement, baseline=baseline, **demands)
        assert decision.exit_code == code
    assert decision.rulings[0].standing is Standing.AGAINST


def test_it_passes_again_when_both_the_line_and_the_alert_have_passed(tmp_path):
    text = """version: 1
budgets: {x: {spend: {class: B+}, allow: 1, window: 1h, alerts: [
    {long: 40m, short: 30m, factor: 1, severity: page}]}}
"""
    policy, statement = made(tmp_path, text, [*runs(0, 2, at(minutes=50)), *runs(0, 2)])
    (ruling,) = answer(policy, statement, fail_on_alert="page").rulings
    assert ruling.passes_again == statement.as_of + 3600 * 10**6
    text = text.replace("short: 30m", "short: 39m")
    policy, statement = made(tmp_path, text, runs(0, 2, at(minutes=55)) + runs(0, 1))
    (ruling,) = answer(policy, statement, fail_on_alert="page").rulings
    assert ruling.passes_again == statement.as_of + 39 * 60 * 10**6


def test_too_few_runs_with_an_instant_event_cannot_tell_when_they_pass(tmp_path):
    text = "version: 1\nbudgets: {x: {spend: {class: {B: all}}, allow: 50%, min_runs: 5}}\n"
    policy, statement = made(tmp_path, text, runs(2, 1))
    (ruling,) = answer(policy, statement).rulings
    assert (ruling.standing, ruling.passes_again) == (Standing.AGAINST, None)


# The real log


@pytest.mark.skipif(not SHARED.exists(), reason="the real logs are not here")
@pytest.mark.parametrize(
    ("arguments", "code", "first"),
    [
        (
            "",
            1,
            (
                "FAIL  8 accounts are breached: wrong-edits for workflow=diff, "
                "wrong-edits for workflow=diff-fenced and 6 more"
            ),
        ),
        ("--budget aborts", 0, "PASS  aborts is not breached"),
        ("--budget aborts --change prompt", 1, "FAIL  prompt change: aborts is frozen"),
        (
            "--change prompt --budget slow-replies --for segment=no-repo",
            0,
            "PASS  prompt change: slow-replies for segment=no-repo is not frozen or breached",
        ),
        (
            "--budget wrong-edits --for workflow=context",
            3,
            "FAIL  not enough evidence: wrong-edits for workflow=context: 10 of at least 20 runs",
        ),
    ],
)
def test_the_real_log_is_answered_as_agreed(capsys, arguments, code, first):
    policy = str(SHARED / "policies" / "aider.yaml")
    command = ["check", "-p", policy, "--as-of", "2025-05-08T00:00:00Z", *arguments.split()]
    assert cli.run(command) == code
    assert capsys.readouterr().out.splitlines()[0] == first


def test_the_json_of_a_check_is_a_statement_with_the_answer(six):
    policy, statement = six
    found = json.loads(gate_json.render(answer(policy, statement, change="prompt"), Look()))
    assert found["schema"] == "ebudget.statement/1"
    assert (found["gate"]["exit_code"], found["gate"]["fail_on"]) == (1, "frozen")
    gates = {a["group"]["workflow"]: a["gate"]["standing"] for a in found["accounts"]}
    assert gates["breached"] == "against"
    assert gates["no_data"] == "no evidence"
    account = next(a for a in found["accounts"] if a["group"]["workflow"] == "breached")
    assert account["interval"]["level"] == 0.95
    assert account["certainty"] == "within noise"
    parse_baseline(json.dumps(found), "itself")
