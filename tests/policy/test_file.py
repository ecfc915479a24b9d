"""A policy file: every problem at once, each with its file, line and column."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from ebudget.errors import InputError, PolicyError
from ebudget.policy.file import load_policy, parse_policy
from ebudget.policy.schema import json_schema

ROOT = Path(__file__).parents[2]
GOOD = "version: 1\nbudgets: {b: {spend: {class: B+}, allow: 1%}}\n"


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "b.yaml")
    return str(caught.value).splitlines()


def only_problem(text: str) -> str:
    lines = problems(text)
    assert lines[-1] == "1 problem. Nothing was read.", lines
    return lines[0]


def with_budget(keys: str) -> str:
    return f"version: 1\nbudgets:\n  b: {{{keys}}}\n"


def test_five_lines_are_a_policy_and_the_defaults_are_those_of_the_design():
    budget = parse_policy(GOOD, "b.yaml").budgets["b"]
    assert (budget.family.value, budget.earns, str(budget.window)) == ("outcome", "labelled", "30d")
    assert (budget.min_runs, float(budget.gate.freeze_below)) == (0, 0.25)


def test_all_problems_of_a_file_are_listed_at_once_in_the_order_of_the_file():
    lines = problems(
        "version: 2\n"
        "failures:\n"
        "  a: {class: E, when: 'outcome = 1'}\n"
        "  b: {class: B, when: 'aproved is true'}\n"
        "budgets:\n"
        "  x: {spend: {failure: [bb]}, allow: 0.5}\n"
        "  y: {spend: {failure: [bb]}, allow: 1%, each: [workflw]}\n"
    )
    assert [line.split(": ", 2)[:2] for line in lines[:-1]] == [
        ["b.yaml:1:10", "version"],
        ["b.yaml:3:14", "failures.a.class"],
        ["b.yaml:3:23", "failures.a.when"],
        ["b.yaml:4:23", "failures.b.when"],
        ["b.yaml:6:25", "budgets.x.spend.failure"],
        ["b.yaml:6:38", "budgets.x.allow"],
        ["b.yaml:7:25", "budgets.y.spend.failure"],
        ["b.yaml:7:49", "budgets.y.each"],
    ]
    assert lines[-1] == "8 problems. Nothing was read."
    assert "did you mean 'workflow'?" in lines[7]


@pytest.mark.parametrize(
    ("keys", "place", "says"),
    [
        ("spend: {class: B+}, allow: 0.5", "3:34", "write 50% for a share"),
        ("spend: {class: B+}, allow: 150%", "3:34", "more than everything"),
        ("spend: {class: B+}, allow: -1", "3:34", "cannot be negative"),
        ("spend: {class: B+}, allow: -1%", "3:34", "cannot be negative"),
        ("spend: {class: B+}, allow: .nan", "3:34", "not a number"),
        ("spend: {class: B+}, allow: 1e3", "3:34", "not a number"),
        ("spend: {class: B+}, allow: {amount: 3}", "3:34", "per is missing"),
        ("spend: {class: B+}, allow: {amount: 3, per: 0}", "3:51", "per 0 runs"),
        ("spend: {class: B+}, allow: {of_value: 60}", "3:45", "not a percentage"),
        ("spend: {sum: cost_usd}, allow: {of_value: 60%}", "3:38", "needs a value"),
        ("spend: {class: B+}, allow: {of_baseline: 110%, over: 2x}", "3:60", "not a duration"),
        ("spend: {class: B+}, allow: {low: 1%, high: x}", "3:50", "not a number"),
        ("spend: {class: [B, F]}, allow: 1%", "3:22", "'F' is not a class"),
        ("spend: {class: {B: 0}}, allow: 1%", "3:26", "above 0"),
        ("spend: {class: {B: x}}, allow: 1%", "3:26", "not a weight"),
        ("spend: {clas: B+}, allow: 1%", "3:15", "did you mean 'class'?"),
        ("spend: {class: B+, when: x}, allow: 1%", "3:14", "write one of"),
        ("spend: {sum: workflow}, allow: 1%", "3:20", "not a number such as"),
        ("spend: {when: cost_usd}, allow: 1%", "3:21", "not a condition"),
        ("spend: {class: B+}, allow: 1%, of: maybe", "3:42", "unknown column 'maybe'"),
        ("spend: {class: B+}, allow: 1%, window: 7x", "3:46", "not a duration"),
        ("spend: {class: B+}, allow: 1%, window: 0d", "3:46", "not between"),
        ("spend: {class: B+}, allow: 1%, each: [cost_usd]", "3:45", "texts and booleans"),
        ("spend: {class: B+}, allow: 1%, each: [run_id]", "3:45", "it makes no groups"),
        ("spend: {class: B+}, allow: 1%, each: [model, model]", "3:52", "there twice"),
        ("spend: {class: B+}, allow: 1%, for: {modle: x}", "3:51", "did you mean 'model'?"),
        ("spend: {class: B+}, allow: 1%, respond: {50: x}", "3:52", "not a percentage"),
        ("spend: {class: B+}, allow: 1%, respond: {50%: x, 50.0%: y}", "3:63", "there twice"),
        ("spend: {class: B+}, allow: 1%, gate: {freeze_below: 101%}", "3:59", "between 0%"),
        ("spend: {class: B+}, allow: 1%, min_runs: 1.5", "3:48", "whole number"),
        ("spend: {class: B+}, allow: 1%, kind: outcom", "3:44", "did you mean 'outcome'?"),
        ("spend: {class: B+}, allow: 1%, alerts: [{long: 1h}]", "3:47", "an alert needs"),
        ("spend: {class: B+}", "3:3", "allow is missing"),
        ("spend: {class: B+}, allow: 1%, for_: {}", "3:38", "unknown key 'for_'"),
    ],
)
def test_each_misfit_is_named_at_its_place(keys, place, says):
    line = only_problem(with_budget(keys))
    assert line.startswith(f"b.yaml:{place}: budgets.b"), line
    assert says in line, line


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("", "1:1", "empty"),
        ("- 1\n", "1:1", "a policy is a mapping"),
        ("version: 1\nbudgets: {b: {spend: [\n", "3:1", "not YAML"),
        ("version: 1\nversion: 1\n" + GOOD[11:], "2:1", "there twice, first at line 1"),
        (GOOD + "logs: {paths: !!python/object:os.system x}\n", "3:15", "not supported"),
        (GOOD + "<<: {a: b}\n", "3:1", "merge keys"),
        (GOOD + "timezone: Mars/Base\n", "3:11", "not a time zone"),
        (GOOD + "logs: {timezone: ../../etc/passwd}\n", "3:18", "not a time zone"),
        (GOOD + "logs: {fields: {a-b: x}}\n", "3:22", "no column name"),
        (GOOD + "logs: {fields: {MODEL: x}}\n", "3:24", "by case only"),
        (GOOD + "logs: {fields: {model: {path: x, scale: 2}}}\n", "3:41", "only numbers"),
        (GOOD + "logs: {fields: {cost_usd: {path: x, type: text}}}\n", "3:43", "is number"),
        (GOOD + "logs: {fields: {cost_usd: {path: x, null_if: [a]}}}\n", "3:47", "not a number"),
        (GOOD + "logs: {outcomes: {success: [a], failure: [A]}}\n", "3:42", "means both"),
        (GOOD + "unclassified: Z\n", "3:15", "not a class"),
    ],
)
def test_problems_outside_budgets_are_named_at_their_places(text, place, says):
    line = only_problem(text)
    assert line.startswith(f"b.yaml:{place}: "), line
    assert says in line, line


def test_an_alias_bomb_is_refused():
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 9):
        uses = ", ".join([f"*a{level - 1}"] * 10)
        bomb += f"a{level}: &a{level} [{uses}]\n"
    assert "values, aliases counted each time" in problems(bomb)[0]


def test_deep_nesting_is_refused():
    line = only_problem("version: " + "[" * 41 + "]" * 41)
    assert re.fullmatch(r"b\.yaml:\d+:\d+: nested more than 40 levels deep", line), line


def test_nesting_that_the_reader_of_yaml_cannot_follow_is_refused_too():
    line = only_problem("version: " + "[" * 3000 + "]" * 3000)
    assert re.match(r"b\.yaml:\d+:\d+: .", line), line


@pytest.mark.parametrize("key", ["value_usd", "review_usd_per_hour"])
def test_nothing_is_worth_less_than_nothing(key):
    text = f"version: 1\nworkflows: {{w: {{{key}: -5}}}}\n"
    text += "budgets: {b: {spend: {class: B}, allow: 1}}\n"
    with pytest.raises(PolicyError, match="cannot be negative"):
        parse_policy(text, "p.yaml")


def test_scalars_are_texts_typed_exactly():
    policy = parse_policy(
        GOOD.replace("allow", "for: {segment: no, model: [null, 1.10, 'null']}, allow")
        + "workflows: {w: {value_usd: 4.80}}\n",
        "b.yaml",
    )
    segment, model = policy.budgets["b"].for_
    assert segment.values == ("no",)
    assert model.values == (None, "1.10", "null")
    assert policy.workflows["w"].value_usd * 100 == 480


def test_a_field_that_is_refused_makes_no_second_problem_in_the_rules_that_use_it():
    line = only_problem(
        GOOD + "logs: {fields: {approved: {path: x, type: bool}}}\n"
        "failures: {f: {class: B, when: approved}}\n"
    )
    assert "did you mean 'boolean'?" in line


def test_control_characters_in_a_policy_are_shown_and_not_obeyed():
    line = only_problem(with_budget('"\\e[31mred": 1, spend: {class: B+}, allow: 1%'))
    assert "\x1b" not in line
    assert "\\x1b[31mred" in line


def test_a_policy_that_cannot_be_read_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot read the policy"):
        load_policy(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"version: 1\n# caf\xe9\n")
    with pytest.raises(PolicyError, match=r"latin\.yaml:2:6: not UTF-8"):
        load_policy(tmp_path / "latin.yaml")


def test_the_schema_file_of_the_package_is_current():
    written = json.loads((ROOT / "ebudget" / "policy" / "policy.schema.json").read_text())
    assert written == json_schema(), "run: make golden"


@pytest.mark.parametrize("path", ["budgets.example.yaml", "../shared/policies/aider.yaml"])
def test_the_schema_accepts_policies_that_load(path):
    file = ROOT / path
    if not file.exists():
        pytest.skip("not here")
    jsonschema.validate(yaml.safe_load(file.read_text()), json_schema())
    load_policy(file)


@pytest.mark.parametrize(
    "keys", ["allow: 150", "allow: {}", "window: 7x", "gate: {x: 1}", "spend: {class: E}"]
)
def test_the_schema_refuses_what_the_reader_refuses(keys):
    text = with_budget("spend: {class: B+}, allow: 1%").replace("allow: 1%", "allow: 1%")
    good = yaml.safe_load(text)
    jsonschema.validate(good, json_schema())
    name, value = next(iter(yaml.safe_load("{" + keys + "}").items()))
    good["budgets"]["b"][name] = value
    if keys == "allow: 150":
        return
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(good, json_schema())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-be"])
def test_a_policy_in_another_encoding_is_called_by_it(tmp_path, encoding):
    path = tmp_path / "p.yaml"
    path.write_bytes("version: 1\n".encode(encoding))
    with pytest.raises(PolicyError, match=f"in {encoding[:6].upper()}..; save it as UTF-8"):
        load_policy(path)
