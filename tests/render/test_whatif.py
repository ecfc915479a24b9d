"""A simulation on narrow and wide terminals, in ASCII, and with names that try to be markup."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from rich.cells import cell_len

from ebudget import cli
from ebudget.accounts.statement import Verdict
from ebudget.quantities import duration
from ebudget.render.page import Look
from ebudget.render.whatif import charts, markdown, replay, scenarios, suggestions, sweeps, words
from ebudget.render.whatif import text as as_text
from ebudget.whatif.cuts import Cuts
from ebudget.whatif.question import Question
from ebudget.whatif.replay import Past, Step
from ebudget.whatif.suggestions import Suggestions
from ebudget.whatif.sweeps import Sweeps, Swept, Turn
from support import ROOT, SIMULATE


@pytest.fixture(scope="module")
def simulation():
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(as_text, "render", lambda one, look: found.append(one) or "")
        assert cli.run([*SIMULATE, "--scale", "third:failure:stale_fact=0.333"]) == 0
    return found[0]


@pytest.mark.parametrize("width", range(72, 201))
def test_no_line_is_wider_than_the_terminal(simulation, width):
    text = as_text.render(simulation, Look(title="budgets.yaml", width=width))
    assert max(map(cell_len, text.splitlines())) <= width


def test_a_narrower_terminal_gets_72_columns(simulation):
    narrow = as_text.render(simulation, Look(width=20))
    assert narrow == as_text.render(simulation, Look(width=72))


def test_ascii_output_is_ascii_and_loses_nothing(simulation):
    text = as_text.render(simulation, Look(ascii_only=True))
    assert text.isascii()
    assert "?" not in text
    assert "X breached -> ! warning at 4%" in text


def test_colour_changes_no_text(simulation):
    plain = as_text.render(simulation, Look())
    colored = as_text.render(simulation, Look(color=True))
    assert "\x1b[" in colored
    assert len(plain.splitlines()) == len(colored.splitlines())


def test_every_section_is_in_both_formats(simulation):
    for text in (as_text.render(simulation, Look()), markdown.render(simulation, Look())):
        for title in ("Scenarios", "Sweep of", "Replay every 1d", "Suggestions for", "Cuts:"):
            assert title in text
        assert "breaks even at 3.556%" in text
        assert "action_type=send_email and segment=enterprise" in text


def test_names_are_shown_and_never_obeyed(simulation):
    account = replace(simulation.statement.accounts[0], group=(("workflow", "a|b`c\x1b[2J\n#"),))
    outcome = replace(simulation.outcomes[1], accounts=(account,))
    hostile = replace(simulation, outcomes=(simulation.outcomes[0], outcome))
    text = as_text.render(hostile, Look())
    assert "a|b`c\\x1b[2J\\n#" in text
    assert "\x1b" not in text
    assert "a\\|bˋc" in markdown.render(hostile, Look())


def test_nothing_asked_is_said(simulation):
    bare = replace(
        simulation,
        outcomes=(replace(simulation.outcomes[0], answers={}),),
        question=Question(simulation.question.policy),
    )
    shown = " ".join(as_text.render(bare, Look()).split())
    assert words.NOTHING in shown
    assert words.NOTHING in markdown.render(bare, Look())


def test_what_was_asked_and_has_no_answer_is_said(simulation):
    first = replace(simulation.outcomes[0], answers={Suggestions: (), Cuts: ()})
    bare = replace(simulation, outcomes=(first,))
    for shown in (as_text.render(bare, Look()), markdown.render(bare, Look())):
        flat = " ".join(shown.split())
        assert (
            "no cut for wrong-outcomes: none of its accounts that are asked for is breached" in flat
        )
        assert "no suggestion for" in flat


def test_accounts_that_only_gain_a_tier_are_still_one_account(simulation):
    first, strict = simulation.outcomes[0], simulation.outcomes[1]
    found = scenarios.compared(first, strict)
    assert not found.gone
    assert not found.new
    assert len(found.differ) + found.same == len(first.accounts)


def test_the_break_even_point_never_rounds_onto_a_value_of_the_sweep(simulation):
    sweep = simulation.answer(Sweeps)[0].sweep
    even = sweep.values[3] - Fraction(1, 10**6)
    told = Swept((), (Verdict.OK,) * len(sweep.values), (), even, Fraction(2), 100, "run")
    assert sweeps.turns_of(sweep, told, "→")[-1] == "breaks even at 2.499999% (2 of 100 runs)"


def test_many_turns_are_counted_and_not_all_told(simulation):
    sweep = simulation.answer(Sweeps)[0].sweep
    turns = tuple(Turn(value, Verdict.OK, Verdict.WARNING) for value in sweep.values[:11])
    told = Swept((), (Verdict.OK,) * len(sweep.values), turns, None, Fraction(2), 100, "run")
    shown = sweeps.turns_of(sweep, told, "→")
    assert len(shown) == sweeps.MOST_TURNS + 1
    assert shown[-1] == "and 3 more turns, --format json has all"


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(3, 5, [0, 1, 2]), (5, 5, [0, 1, 2, 3, 4]), (9, 3, [0, 4, 8]), (191, 2, [0, 190])],
)
def test_samples_are_even_and_keep_both_ends(count, most, expected):
    assert sweeps.sampled(count, most) == expected


def test_the_worst_step_that_counts_stands_for_its_group():
    def step(at: int, verdict: Verdict, *, counts: bool = True) -> Step:
        return Step(at, verdict, None, counts, ())

    steps = (
        step(1, Verdict.BREACHED, counts=False),
        step(2, Verdict.BREACHED, counts=False),
        step(3, Verdict.BREACHED, counts=False),
        step(4, Verdict.OK),
        step(5, Verdict.OK),
        step(6, Verdict.FROZEN),
    )
    past = Past("trust", (), steps, {}, None, 0, (), 0, 0, None, None)
    marks = replay.strip(past, range(1, 9), 2)
    assert marks == [charts.UNCOUNTED, Verdict.OK, Verdict.FROZEN, " "]


def test_the_lead_of_a_page_is_told_in_days_and_hours():
    hour = 3_600_000_000
    steps = (
        Step(0, Verdict.OK, None, counts=True, firing=("page",)),
        Step(76 * hour, Verdict.BREACHED, None, counts=True, firing=()),
    )
    days = {Verdict.OK: 1, Verdict.BREACHED: 1}
    past = Past("trust", (), steps, days, 76 * hour, 1, (("any", 1),), 1, 0, 0, 76 * hour)
    told = replay.past_notes(past, duration("4h"), Look().zone)
    assert "1 page, the first on 1970-01-01 00:00" in told
    assert "paged 3 days 4 hours before the first breach" in told
    assert "every change stopped on 1 step" in told


def test_a_line_for_the_whole_budget_is_the_largest_and_names_what_it_does_not_rest_on(simulation):
    ones = [one for one in simulation.answer(Suggestions) if one.line]
    slow = [one for one in ones if one.budget == "slow-answers"]
    line, _ = suggestions.whole_line(simulation.question.policy, slow)
    assert line == max(slow, key=lambda one: one.value).line
    nothing = replace(slow[0], line=None, value=None)
    line, said = suggestions.whole_line(simulation.question.policy, [*slow, nothing])
    assert line == max(slow, key=lambda one: one.value).line
    assert "it says nothing of 1 account without one" in said
    assert suggestions.whole_line(simulation.question.policy, [nothing])[0] is None


def test_a_line_by_tiers_takes_the_largest_of_each_tier(simulation):
    ones = [
        replace(one, line=f"allow: {percent}%", value=Fraction(percent, 100))
        for percent, one in enumerate(simulation.answer(Suggestions), 1)
        if one.budget == "wrong-outcomes"
    ]
    largest: dict[str, int] = {}
    for one in ones:
        tier = dict(one.group)["risk_tier"] or ""
        largest[tier] = max(largest.get(tier, 0), int(one.value * 100))
    expected = ", ".join(f"{tier}: {largest[tier]}%" for tier in sorted(largest))
    assert suggestions.whole_line(simulation.question.policy, ones)[0] == f"allow: {{{expected}}}"


@pytest.mark.parametrize(("spent", "shown"), [(225, "43.27%"), (69, "13.27%"), (26, "5%")])
def test_the_break_even_point_that_is_shown_is_enough(simulation, spent, shown):
    sweep = simulation.answer(Sweeps)[0].sweep
    even = Fraction(spent * 100, 520)
    told = Swept((), (Verdict.OK,) * len(sweep.values), (), even, Fraction(spent), 520, "run")
    assert sweeps.turns_of(sweep, told, "→")[-1] == f"breaks even at {shown} ({spent} of 520 runs)"
    assert Fraction(shown.rstrip("%")) >= even
