"""Sweeps, in words, as text, as Markdown and as JSON."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import ceil
from typing import Any

from ebudget.accounts.statement import Verdict
from ebudget.policy.edits import Sweep
from ebudget.render import figures
from ebudget.render.json.data import picked
from ebudget.render.markdown import code
from ebudget.render.markdown import table as markdown_table
from ebudget.render.page import Look, Page, columns
from ebudget.render.whatif import charts, words
from ebudget.text import count_of, visible
from ebudget.whatif.question import Outcome, Simulation
from ebudget.whatif.sweeps import SweepResult, Sweeps, Swept

MOST_VALUES = 20
"""Values of a sweep in its table."""
MOST_TURNS = 8
"""Turns of an account over a sweep that are told one by one."""


def _value(sweep: Sweep, value: Fraction) -> str:
    """`9.574%`."""
    return figures.plain(value, 9) + sweep.unit


def _title(sweep: Sweep) -> str:
    """What is swept, from where to where."""
    first, last = (_value(sweep, value) for value in (sweep.values[0], sweep.values[-1]))
    count = count_of(len(sweep.values), "value")
    return f"{visible(sweep.budget, 60)}.{visible(sweep.key, 60)} from {first} to {last}, {count}"


def sampled(count: int, most: int) -> list[int]:
    """At most so many places, evenly spread, with the first and the last."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


def _worst(accounts: Iterable[Swept]) -> list[Swept]:
    """The accounts with the most bad values first."""
    return sorted(
        accounts, key=lambda a: [-a.verdicts.count(verdict) for verdict in figures.WORST_FIRST]
    )


def turns_of(sweep: Sweep, account: Swept, arrow: str) -> list[str]:
    """Where an account turns, and where it breaks even."""
    found = [
        f"{words.marked(turn.before)} {arrow} {words.marked(turn.after)} at "
        f"{_value(sweep, turn.value)}"
        for turn in account.turns[:MOST_TURNS]
    ]
    if len(account.turns) > MOST_TURNS:
        found.append(words.more(len(account.turns) - MOST_TURNS, "turn").replace(";", ","))
    if not found:
        known = {verdict for verdict in account.verdicts if verdict is not None}
        where = "wherever it exists" if None in account.verdicts else "with every value"
        found = [f"{words.marked(verdict)} {where}" for verdict in known][:1]
    even = account.breaks_even
    if even == 0:
        found.append(f"nothing is spent ({_spent_by(account)})")
    elif even is not None:
        shown = _value(sweep, _rounded_up(even, sweep.values))
        found.append(f"breaks even at {shown} ({_spent_by(account)})")
    return found


def _rounded_up(even: Fraction, values: Sequence[Fraction]) -> Fraction:
    """Where an account breaks even, so that it is not breached with what is shown, and still on its
    side of every value of the sweep.
    """
    place = bisect_left(values, even)
    beside = [Fraction(0), *values[max(place - 1, 0) : place + 2]]
    for digits in range(3, 10):
        shown = Fraction(ceil(even * 10**digits), 10**digits)
        if all(figures.compared(shown, line) == figures.compared(even, line) for line in beside):
            return shown
    return even


def _spent_by(account: Swept) -> str:
    """`45 of 470 runs`, `$61.20 in 470 runs`."""
    eligible = words.number(account.eligible)
    runs = f"{eligible} {'run' if account.eligible == 1 else 'runs'}"
    if account.unit == "USD":
        return f"{figures.dollars(account.spent)} in {runs}"
    spent = figures.plain(account.spent, figures.between_lines(account.spent, [Fraction(0)], 1))
    if account.unit in figures.SHORT or not account.noun:
        return f"{spent} {visible(account.unit, 24)} in {runs}"
    unit = figures.unit_for(Fraction(account.eligible), account.unit, noun=True)
    return f"{spent} of {eligible} {unit}"


def _tallied(result: SweepResult) -> tuple[list[Verdict | None], list[tuple[int, list[str]]]]:
    """The verdicts that occur, and for values evenly spread how many accounts have each."""
    values = range(len(result.sweep.values))
    verdicts = [[account.verdicts[place] for account in result.accounts] for place in values]
    known = words.occurring(verdicts)
    places = sampled(len(values), MOST_VALUES)
    return known, [(place, words.counts(verdicts[place], known)) for place in places]


def text(page: Page, simulation: Simulation) -> None:
    """A chart of every sweep, and a table of its values."""
    for result in simulation.answer(Sweeps) or ():
        page.heading(f"Sweep of {_title(result.sweep)}")
        if result.accounts:
            values = [_value(result.sweep, value) for value in result.sweep.values]
            _chart(page, result, values)
            _table(page, result, values)
        else:
            page.wrapped("no account", indent=2)


def _chart(page: Page, result: SweepResult, values: Sequence[str]) -> None:
    accounts = _worst(result.accounts)
    shown = accounts[: words.MOST_ACCOUNTS]
    labels = [figures.group_or_all(account.group) for account in shown]
    width = charts.label_width(page, labels, len(values))
    before = 2 + width + 2
    room = page.room - before
    pitch = max(map(columns, values)) + 2
    pitch = pitch if pitch * len(values) <= room else 1
    places = sampled(len(values), room // pitch)
    some = len(places) < len(values)
    sample = [f"{len(places):,} of {len(values):,} values are drawn"] if some else []
    charts.legend(page, {verdict for account in shown for verdict in account.verdicts}, *sample)
    axis = charts.axis(values[0], values[-1], len(places), room)
    if pitch > 1:
        axis = "".join(value.rjust(pitch) for value in values)
    page.add((" " * before + axis, page.dim))
    for label, account in zip(labels, shown, strict=True):
        marks = [charts.mark_of(page, account.verdicts[place]) for place in places]
        padded = [(mark.rjust(pitch), style) for mark, style in marks]
        turns = "; ".join(turns_of(result.sweep, account, page.arrow))
        charts.charted(page, label, width, padded, turns)
    charts.more(page, len(accounts) - len(shown))


def _table(page: Page, result: SweepResult, values: Sequence[str]) -> None:
    known, counted = _tallied(result)
    size = max(map(columns, values))
    rows = [[values[place].rjust(size), *counts] for place, counts in counted]
    page.add()
    heads = ["value", *(words.head_of(verdict) for verdict in known)]
    charts.table(page, heads, rows, right=True)
    if len(rows) < len(values):
        page.wrapped(
            f"{len(rows)} of {len(values):,} values, evenly spread; --format json has all", indent=2
        )


def markdown(simulation: Simulation, _look: Look) -> list[str]:
    """Where every account turns, and a table of the values."""
    return [line for one in simulation.answer(Sweeps) or () for line in _markdown(one)]


def _markdown(result: SweepResult) -> list[str]:
    sweep = result.sweep
    rows = [
        [code(figures.group_or_all(a.group)), code("; ".join(turns_of(sweep, a, "→")))]
        for a in _worst(result.accounts)
    ]
    known, counted = _tallied(result)
    head = ("value", *(words.marked(verdict) for verdict in known))
    values = [[_value(sweep, sweep.values[place]), *counts] for place, counts in counted]
    lines = [f"### Sweep of {code(_title(sweep))}", ""]
    lines += charts.limited(rows, ("account", "where it turns")) + markdown_table(head, values)
    if len(values) < len(sweep.values):
        lines += [f"{len(values)} of {len(sweep.values):,} values; --format json has all", ""]
    return lines


def json(outcome: Outcome) -> list[dict[str, Any]]:
    """The sweeps as plain data."""
    return [
        {
            **picked(result.sweep, "budget", "key"),
            "unit": result.sweep.unit or None,
            **picked(result.sweep, "values"),
            "accounts": [
                {
                    "group": dict(account.group),
                    **picked(account, "verdicts"),
                    "turns": [picked(turn, "value", "before", "after") for turn in account.turns],
                    **picked(account, "breaks_even", "spent", "eligible"),
                }
                for account in result.accounts
            ],
        }
        for result in outcome.answer(Sweeps) or ()
    ]
