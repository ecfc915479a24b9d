"""Every form of allow and every kind of spend answers all that is asked of one."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import jsonschema
import pytest
import yaml

from ebudget.figures import Figures
from ebudget.policy.allow import ALLOW_SCHEMA, parse_allowance
from ebudget.policy.allowances import FORMS, Form, Grant, numbered
from ebudget.policy.spends import KINDS, SPEND_SCHEMA, Spend, parse_spend
from ebudget.quantities import NANO

FIGURES = Figures(runs=100, eligible=80, spent=4 * NANO, value=200 * NANO)
BEFORE = Figures(runs=50, eligible=40, spent=8 * NANO)
EXAMPLES = [form.traits.example for form in FORMS]
SPENDS = (
    "{class: B+}",
    "{class: [B, C]}",
    "{class: {B: 1.5, D: all}}",
    "{failure: [wrong, cruel]}",
    "{when: score < 0.5}",
    "{sum: cost_usd}",
)


class Rule:
    def __init__(self, class_: str, *, instant: bool = False) -> None:
        self.class_, self.instant = class_, instant


class Run:
    def __init__(self, class_: str | None, *failures: str) -> None:
        self.class_, self.failures = class_, failures


RULES = {"wrong": Rule("B"), "cruel": Rule("D", instant=True)}


def form_of(example: str) -> Form:
    found = parse_allowance(yaml.load(example, yaml.BaseLoader))
    (form,) = found.forms
    assert isinstance(form, tuple(FORMS))
    return form


def answers(question: type, thing: Any) -> set[str]:
    """What a class leaves unanswered."""
    known = {*vars(question), *question.__annotations__}
    asked = {name for name in known if not name.startswith("_")}
    return {name for name in asked if not hasattr(thing, name)}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_form_of_allow_answers_everything(form):
    example = form_of(form.traits.example)
    assert type(example) is form
    assert answers(Form, example) == set()
    assert isinstance(example.granted(FIGURES, BEFORE, Fraction(1, 2), 1), Grant)
    assert numbered(example, Fraction(1)).number == 1


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_form_is_written_as_it_is_read(example):
    form = form_of(example)
    assert str(form) == example
    assert form_of(str(numbered(form, Fraction(7, 4) if form.traits.most is None else 1))) != form
    jsonschema.validate(yaml.safe_load(example), ALLOW_SCHEMA)


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_a_form_grants_is_in_proportion_to_its_number(example):
    form = form_of(example)
    once = form.granted(FIGURES, BEFORE, Fraction(1), 1).amount
    twice = numbered(form, form.number * 2).granted(FIGURES, BEFORE, Fraction(1), 1).amount
    assert once is not None
    assert twice == 2 * once > 0


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_a_form_says_of_itself_is_how_it_grants(example):
    form = form_of(example)
    more = FIGURES._replace(eligible=160)
    half, whole = (form.granted(FIGURES, BEFORE, Fraction(part), 1).amount for part in ("1/2", "1"))
    grown = form.granted(more, BEFORE, Fraction(1), 1).amount
    assert (grown != whole) == form.traits.grows
    assert (half != whole) == form.traits.fixed
    richer = FIGURES._replace(value=400 * NANO)
    assert (form.granted(richer, BEFORE, Fraction(1), 1).amount != whole) == form.traits.of_value
    looked = form.granted(FIGURES, Figures(), Fraction(1), 1).amount is None
    assert looked == (form.over is not None)
    if form.pace is not None:
        assert form.pace * FIGURES.eligible == whole


def spend_of(example: str) -> Spend:
    return parse_spend(yaml.load(example, yaml.BaseLoader))


def test_every_kind_of_spend_is_tried_here():
    assert {type(spend_of(example)) for example in SPENDS} == set(KINDS)


@pytest.mark.parametrize("example", SPENDS)
def test_every_kind_of_spend_answers_everything(example):
    spend = spend_of(example)
    assert answers(Spend, spend) == set()
    jsonschema.validate(yaml.safe_load(example), SPEND_SCHEMA)
    asked = [bool(spend.rules(RULES)), spend.condition is not None, spend.amount is not None]
    assert sum(asked) == 1, "it spends by rules, by a condition or by an amount"
    assert spend.traits.by_class == asked[0]
    assert spend.traits.counted == (not asked[2])
    assert list(spend.problems(RULES)) == []
    assert type(spend.rewritten(str)) is type(spend)


@pytest.mark.parametrize("example", SPENDS)
def test_no_run_spends_more_than_the_largest_or_less_than_the_least(example):
    spend = spend_of(example)
    runs = [
        Run(None),
        *(Run(rule.class_, name) for name, rule in RULES.items()),
        *(Run(letter) for letter in "ABCD"),
    ]
    assert spend.weigh(Run(None), RULES, holds=False) == (0, False)
    for run in runs:
        weight, instant = spend.weigh(run, RULES, holds=True)
        largest = spend.largest(RULES)
        assert weight == 0 or weight >= spend.least
        if largest is not None:
            assert weight <= largest
            assert not instant
