"""What `validate` tells of a policy and its logs, and that a policy's problems come all at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ebudget import cli
from ebudget.errors import PolicyError
from ebudget.policy.file import parse_policy

Validate = Callable[..., str]

RATE = "rate: {each: [workflow], spend: {class: B+}, allow: 10%, respond: {50%: stop}}"
COST = "cost: {each: [workflow], spend: {sum: cost_usd}, allow: 10, respond: {50%: stop}}"


@pytest.fixture
def validate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Validate:
    """The output for a policy with these budgets, and these records, as one line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def validated(budgets: str, *records: Any, head: str = "", raw: bool = False) -> str:
        policy = f"version: 1\n{head}\nbudgets:\n  {budgets}\n"
        (tmp_path / "p.yaml").write_text(policy, encoding="utf-8")
        lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
        (tmp_path / "log.jsonl").write_text("".join(f"{one}\n" for one in lines), encoding="utf-8")
        code = cli.run(["validate", "p.yaml", *(["log.jsonl"] if records else [])])
        out, err = capsys.readouterr()
        assert (code, err) == (0, ""), err
        return out if raw else " ".join(out.split())

    return validated


def run(hour: int, **columns: Any) -> dict[str, Any]:
    return {"run_id": str(hour), "ts": f"2026-11-20T{hour:02}:00:00Z", "workflow": "x", **columns}


# Rejects and duplicates


def test_rejected_records_are_told_with_their_reasons(validate: Validate) -> None:
    out = validate(RATE, run(1, status="ok"), {"workflow": "y"}, {"workflow": "y"}, "{bad")
    assert "warning: logs: 3 of 4 records rejected: 1 × malformed line, 2 × no start_time" in out


def test_one_reason_for_all_needs_no_count_of_its_own(validate: Validate) -> None:
    out = validate(RATE, run(1, status="ok"), {"workflow": "y"}, {"workflow": "y"})
    assert "warning: logs: 2 of 3 records rejected: no start_time" in out


def test_duplicates_are_told_with_what_they_share(validate: Validate) -> None:
    out = validate(RATE, run(1, status="ok"), run(1, status="ok"))
    assert "1 of 2 records left out as duplicates: the same workflow and run_id" in out


def test_values_that_cannot_be_read_and_words_that_nobody_knows_are_warnings(
    validate: Validate,
) -> None:
    out = validate(f"{RATE}\n  {COST}", run(1, status="meh", cost_usd="n/a"))
    assert "warning: logs.fields.cost_usd: cannot be read in 1 of 1 run: not a number" in out
    assert "warning: logs.outcomes: words that nobody knows: 'meh' × 1" in out


# Keys


def test_the_key_that_feeds_each_column_is_shown(validate: Validate) -> None:
    head = "logs: {fields: {cost_usd: {path: [usage.cost, price]}}}"
    records = [
        run(1, status="ok", usage={"cost": 1}),
        run(2, ok=True, price=2),
        run(3, **{"usage.cost": 3}),
    ]
    out = validate(f"{RATE}\n  {COST}", *records, head=head)
    assert "start_time ts (3)" in out
    assert "outcome status (1), ok (1)" in out
    assert "usage.cost (2), price (1)" in out


def test_a_column_that_no_key_feeds_says_so(validate: Validate) -> None:
    out = validate(COST, run(1, price=1))
    assert "cost_usd – no key found" in out


def test_keys_that_nothing_reads_are_named_the_most_frequent_first(validate: Validate) -> None:
    records = [run(1, status="ok", meta={"a": 1, "b": None}), run(2, meta={"a": 1}, tags=["q"])]
    out = validate(RATE, *records)
    assert "keys that nothing reads: meta.a (2), tags (1)" in out
    assert "meta.b" not in out


def test_of_many_keys_that_nothing_reads_twenty_are_named(validate: Validate) -> None:
    out = validate(RATE, run(1, status="ok", **{f"key_{n:02}": n for n in range(30)}))
    assert "key_19 (1) and 10 more" in out
    assert "key_20" not in out


def test_a_key_that_occurs_late_is_no_missing_one(validate: Validate) -> None:
    records = [run(1, run_id=str(n), **({"cost": 2} if n > 600 else {})) for n in range(700)]
    out = validate(COST, *records)
    assert "(of the first 500 records)" in out
    assert "cost_usd found in 99 other records" in out


@pytest.mark.parametrize(
    ("late", "says"),
    [
        ({"cost": "n/a"}, "cost_usd found in 99 other records"),
        ({"status": "weird"}, "outcome found in 99 other records"),
        ({"status": "pending"}, "outcome found in 99 other records"),
        (
            {"latency_ms": 9},
            "duration_ms found in 99 other records, else end_time − start_time, where there",
        ),
        ({"ended_at": "2026-11-20T01:00:01Z"}, "duration_ms end_time − start_time, where"),
        (
            {"risk": "low", "workflow": "y"},
            "risk_tier found in 99 other records, else the workflow",
        ),
        ({"file": "theirs"}, "file the file's path"),
    ],
    ids=str,
)
def test_what_occurs_late_is_found_also_where_it_cannot_be_read(
    validate: Validate, late: dict[str, Any], says: str
) -> None:
    slow = "slow: {spend: {when: duration_ms > 5}, allow: 10%, by: [risk_tier, file]}"
    records = [run(1, run_id=str(n), **({} if n <= 600 else late)) for n in range(700)]
    head = "workflows: {x: {risk_tier: high}, z: {}}"
    without = validate(f"{COST}\n  {RATE}\n  {slow}", *records[:600], head=head)
    assert "other record" not in without
    assert says in validate(f"{COST}\n  {RATE}\n  {slow}", *records, head=head)


def test_a_mapped_key_is_read_however_deep_it_lies(validate: Validate) -> None:
    path = "a.b.c.d.e.f.g.h.i.j"
    value: Any = 5
    for key in reversed(path.split(".")):
        value = {key: value}
    out = validate(COST, run(1, **value), head=f"logs: {{fields: {{cost_usd: {path}}}}}")
    assert f"cost_usd {path} (1)" in out
    assert "nothing reads" not in out


def test_a_single_record_is_the_first_one(validate: Validate) -> None:
    assert "(of the first record)" in validate(COST, run(1, cost=1), "{bad")


def test_every_file_is_looked_into(
    validate: Validate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    validate(COST)
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(run(1, only_in=name, **{name: 1})))
    assert cli.run(["validate", "p.yaml", "a.jsonl", "b.jsonl"]) == 0
    assert "only_in (2), a (1), b (1)" in capsys.readouterr().out


def test_a_mapped_duration_is_not_worked_out_and_mapped_keys_are_not_unread(
    validate: Validate,
) -> None:
    fields = "{duration_ms: {path: took, optional: true}, note: my.note}"
    slow = "slow: {spend: {when: duration_ms > 5}, allow: 10%, respond: {50%: stop}}"
    out = validate(slow, run(1, my={"note": "x", "more": 1}), head=f"logs: {{fields: {fields}}}")
    assert "duration_ms – no key found" in out
    assert "keys that nothing reads: my.more (1) Does" in out
    assert "note: logs.fields.note: no rule and no budget reads it" in out
    assert "duration_ms end_time − start_time" in validate(slow, run(1))


def test_of_many_files_it_is_said_that_only_beginnings_were_looked_at(
    validate: Validate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    validate(COST)
    for number in range(22):
        more = {"cost": 2} if number == 21 else {}
        (tmp_path / f"{number:02}.jsonl").write_text(json.dumps(run(1, n=number, **more)))
    assert cli.run(["validate", "p.yaml", *(f"{n:02}.jsonl" for n in range(22))]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "(of 20 records from the beginnings of 20 of 22 files)" in out
    assert "cost_usd found in 1 other record" in out


def test_an_outcome_that_conditions_decide_is_fed_by_no_key(validate: Validate) -> None:
    head = (
        "logs: {fields: {score: {path: score, type: number}}, "
        "outcomes: {success: {when: score >= 1}, failure: {when: score < 1}}}"
    )
    out = validate(RATE, run(1, score=1), run(2, score=0), head=head)
    assert "outcome what the conditions of logs.outcomes say score" in out
    out = validate(RATE, run(1, score=1, ok=False), head=head)
    assert "outcome what the conditions of logs.outcomes say, else ok (1)" in out


def test_a_typing_mistake_in_a_column_or_a_workflow_is_seen(validate: Validate) -> None:
    head = "logs: {fields: {failure_reasn: why}}\nworkflows: {refund: {owner: a}}"
    out = validate(RATE, run(1, why="a", status="ok", workflow="refunds"), head=head)
    assert "no rule and no budget reads it; did you mean 'failure_reason'?" in out
    assert "workflows.refund: no run of these logs has it; did you mean 'refunds'?" in out


# Empty groups


def test_a_column_that_is_0_or_empty_for_a_whole_group_is_named(validate: Validate) -> None:
    records = [
        run(1, cost_usd=0),
        run(2, cost_usd=None),
        {**run(3, cost_usd=2), "workflow": "y"},
    ]
    out = validate(COST, *records)
    assert "budgets.cost.spend.sum: cost_usd is 0 or empty in all 2 runs of workflow=x" in out
    assert "workflow=y" not in out.partition("four questions")[0]


def test_costs_that_cancel_out_are_not_empty(validate: Validate) -> None:
    records = [
        run(1, cost_usd=2),
        run(2, cost_usd=-2),
        {**run(3, cost_usd=2), "workflow": "y"},
    ]
    assert "is 0 or empty" not in validate(COST, *records)


def test_a_condition_over_a_column_that_a_group_never_has_is_named(validate: Validate) -> None:
    budget = "slow: {spend: {when: duration_ms > 5}, allow: 10%, respond: {50%: stop}}"
    out = validate(budget, run(1, latency_ms=9), {**run(2), "workflow": "y"})
    assert "what duration_ms > 5 reads is empty in the only run of workflow=y" in out


def test_a_group_that_nobody_has_judged_is_named(validate: Validate) -> None:
    out = validate(RATE, run(1, status="ok"), {**run(2), "workflow": "y"})
    assert "budget rate: the outcome is empty in the only run of workflow=y" in out


# Windows that are too short


@pytest.mark.parametrize(
    ("allow", "warned"),
    [("1%", True), ("16%", True), ("17%", False), ("0%", False), ("3", False)],
)
def test_a_window_in_which_less_than_one_error_is_allowed_is_too_short(
    validate: Validate, allow: str, *, warned: bool
) -> None:
    """Six runs in six hours, the window's length."""
    budget = f"b: {{spend: {{class: B+}}, allow: {allow}, window: 6h, respond: {{50%: stop}}}}"
    out = validate(budget, *(run(hour, status="ok") for hour in range(1, 8)))
    assert ("one error breaches it" in out) is warned
    if allow == "1%":
        assert "budgets.b.window: 0.06 errors are allowed in 6h at today's traffic" in out


def test_weights_above_one_make_the_window_shorter_still(validate: Validate) -> None:
    budget = "b: {spend: {class: {B: 5}}, allow: 50%, window: 6h, respond: {50%: stop}}"
    out = validate(budget, *(run(hour, status="ok") for hour in range(1, 8)))
    assert "3 errors are allowed in 6h" in out


# Questions


def test_a_log_with_outcomes_says_what_failure_means(validate: Validate) -> None:
    out = validate(RATE, run(1, status="ok"), {**run(2), "workflow": "y"})
    assert "x yes yes NO yes" in out
    assert "y NO yes NO yes" in out
    assert "x NO yes NO yes" in validate(RATE, head="workflows: {x: {}}")


# Escapes


EVIL = "\x1b[31m\u202e##[error]x\n::error::y\x07"


def test_names_of_logs_and_policies_are_shown_and_not_obeyed(
    validate: Validate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    name = json.dumps(EVIL)
    record = {**run(1, status=EVIL, cost_usd=0), EVIL: {EVIL: 1}}
    others = [{**run(2, cost_usd=1), "workflow": EVIL}, {**run(3), "workflow": "::stop::"}]
    budget = f"{name}: {{each: [workflow], spend: {{failure: [{name}]}}, allow: 3, window: 1h}}"
    head = f"failures: {{{name}: {{class: B, when: 'cost_usd > 9'}}}}\nworkflows: {{{name}: {{}}}}"
    out = validate(f"{budget}\n  {COST}", record, *others, head=head, raw=True)
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "\x07" not in out
    assert "##[" not in out
    assert not [line for line in out.splitlines() if line.lstrip().startswith("::")]


@pytest.mark.parametrize(
    "policy",
    [
        "version: 1\nbudgets:\n  {0}: {{allow: 1%, spend: {{failure: [{0}]}}}}\n",
        "version: 1\n{0}: 1\nbudgets: {{}}\n",
        "version: 1\nfailures: {{{0}: {{class: {0}, when: {0}}}}}\nbudgets: {{}}\n",
        "version: 1\nlogs: {{fields: {{{0}: {{path: a, type: {0}}}}}}}\nbudgets: {{}}\n",
        "version: 1\nbudgets: {{b: {{each: [{0}], for: {{{0}: x}}, allow: {0}, window: {0}}}}}\n",
        "version: 1\nbudgets: {{b: {{allow: {{{0}: 1%}}, spend: {{sum: {0}}}, unit: [{0}]}}}}\n",
    ],
)
def test_problems_of_a_policy_show_its_names_and_do_not_obey_them(policy: str) -> None:
    text = policy.format(json.dumps(EVIL))
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "p.yaml")
    said = str(caught.value)
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "\n::" not in said


# All problems at once


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "p.yaml")
    return [problem.path for problem in caught.value.problems]


def test_a_value_that_is_refused_hides_no_problem_beside_it() -> None:
    text = """version: 1
failures:
  t: {class: E, when: "no_such = 1"}
budgets:
  a: {each: [nope], spend: {class: A+}, allow: 0.05}
  b: {spend: {sum: nope2}, allow: 3, window: 1month}
"""
    assert problems(text) == [
        "failures.t.class",
        "failures.t.when",
        "budgets.a.each",
        "budgets.a.allow",
        "budgets.b.spend.sum",
        "budgets.b.window",
    ]


@pytest.mark.parametrize(
    ("budget", "places"),
    [
        ("{spend: {sum: nope}, window: 1month}", ["", "spend.sum", "window"]),
        ("{allow: 1%, spend: {failure: [x]}, of: nope > 1, kind: cst}", "kind of spend.failure"),
        ("{allow: 1%, spend: {clas: A}, by: [nope]}", "by spend.clas"),
        ("{allow: 1%, slo: 99%, spend: {class: A}, each: [nope]}", "each slo"),
        ("{allow: {amount: x, per: 0}, spend: {class: A}}", "allow.amount allow.per"),
        ("{allow: {of_baseline: 5, over: x}, spend: {class: A}}", "allow.of_baseline allow.over"),
        ("{allow: 1%, spend: {class: {B: 0, E: 1}}}", "spend.class.B spend.class.E"),
        ("{allow: 1%, spend: {class: A}, gate: {changs: x, freeze_below: 3}}", "two of the gate"),
        ("{allow: 1%, spend: {when: nope > 1 and nop = 'x'}}", ["spend.when", "spend.when"]),
    ],
)
def test_each_problem_of_a_budget_is_told(budget: str, places: Any) -> None:
    wanted = {
        "kind of spend.failure": ["kind", "of", "spend.failure"],
        "two of the gate": ["gate.changs", "gate.freeze_below"],
    }.get(str(places), places)
    wanted = wanted.split() if isinstance(wanted, str) else wanted
    found = problems(f"version: 1\nbudgets: {{b: {budget}}}\n")
    assert sorted(found) == sorted(f"budgets.b.{place}".rstrip(".") for place in wanted)


def test_what_follows_of_a_problem_is_no_problem_of_its_own() -> None:
    text = """version: 1
logs: {fields: {mine: {path: a, type: txt}}}
workflows: {w: {value_usd: much, risk_tier: [odd]}}
budgets:
  a: {spend: {when: "mine = 'x'"}, allow: {of_value: 1%}, min_measured: 50%}
  b: {spend: {whn: "score > 1"}, allow: {odd: 1%}, min_measured: 50%}
"""
    assert problems(text) == [
        "logs.fields.mine.type",
        "workflows.w.value_usd",
        "workflows.w.risk_tier",
        "budgets.b.spend.whn",
    ]
