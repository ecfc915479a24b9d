"""Cuts, in words, as text, as Markdown and as JSON."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ebudget.accounts.statement import Account
from ebudget.render import figures
from ebudget.render.json.data import account_dict, number, picked
from ebudget.render.markdown import code
from ebudget.render.markdown import table as markdown_table
from ebudget.render.page import MARKS, Look, Page, columns, fit
from ebudget.render.whatif import charts, words
from ebudget.text import count_of, visible
from ebudget.whatif.cuts import Cut, Cuts, Step
from ebudget.whatif.question import Outcome, Simulation
from ebudget.whatif.traffic import shown_part

TITLE = "Cuts: the fewest slices without which an account is not breached"


def _title(cut: Cut) -> str:
    """The account, and how far it is over."""
    account = cut.account
    name, spent = figures.named(account.budget, account.group), words.spent_text(account)
    return f"{name}: {spent}, {figures.consumed(account)} spent"


def _rows(cut: Cut) -> list[list[str]]:
    """The slices: name, spend removed, runs and value given up, and where the account is then."""
    return [
        [
            shown_part(step.slice),
            _removed(cut.account, step),
            _runs(step.runs, cut.account.selected),
            "–" if step.value_usd is None else figures.dollars(step.value_usd),
            figures.percent(step.consumed, [Fraction(0), Fraction(1), *cut.account.terms.lines]),
        ]
        for step in cut.steps
    ]


HEADS = ("cut", "spend removed", "runs given up", "value given up", "then at")


def _removed(account: Account, step: Step) -> str:
    """`16 of 22 tickets`, without the instant events, which come beside it."""
    if step.instant and not step.spent:
        return words.instants(step.instant)
    whole = account.plainly_spent
    text = figures.part_of(step.spent, whole, account)
    if step.instant:
        text += f" + {words.instants(step.instant)}"
    return text


def _runs(runs: int, whole: int, noun: str = "") -> str:
    share = figures.percent(Fraction(runs, whole), [Fraction(0), Fraction(1)], 1) if whole else "–"
    shown = noun.removesuffix("s") if whole == 1 else noun
    return f"{runs:,} of {whole:,}{shown} ({share})"


def _proof(cut: Cut) -> str:
    """How sure it is that this is the smallest cut."""
    if not cut.steps:
        reason = visible(cut.reason or "no cut was found")
        return f"{reason} ({'proven' if cut.proven else 'not proven'})"
    if cut.proven:
        fewer = "" if len(cut.steps) == 1 else "fewer slices are not enough, and "
        others = "no other slice" if len(cut.steps) == 1 else f"no other {len(cut.steps)}"
        return f"proven: {fewer}{others} that would do gives up fewer runs"
    bound = count_of(cut.bound, "run")
    return f"not proven the smallest: every cut of so many slices gives up at least {bound}"


def _after(cut: Cut) -> str:
    """Where the account stands after all slices."""
    if cut.after is None:
        return ""
    verdict, spent, left = words.cells(cut.after)
    runs = _runs(cut.runs, cut.account.selected, " runs")
    return f"after it {verdict}: {spent}, {left}; {runs} are given up"


WAYS = ("way out", "enough", "runs given up", "what")


def _ways(cut: Cut) -> list[list[str]]:
    """The ways out, in the order in which a careful operator tries them."""
    whole = cut.account.selected
    return [
        [
            rung.name,
            "enough" if rung.enough else "not enough",
            _runs(rung.runs, whole, " runs") if rung.runs else "no runs",
            visible(rung.what),
        ]
        for rung in cut.rungs
    ]


def text(page: Page, simulation: Simulation) -> None:
    """The slices of every cut, how sure it is, and the other ways out."""
    cuts = simulation.answer(Cuts)
    if cuts:
        page.heading(TITLE)
        for cut in cuts[: words.MOST_ACCOUNTS]:
            _text(page, cut)
        charts.more(page, len(cuts) - words.MOST_ACCOUNTS)


def _text(page: Page, cut: Cut) -> None:
    mark, _, style = MARKS[cut.account.verdict]
    page.add()
    page.wrapped(f"{mark} {_title(cut)}", indent=2, hang=2, style=style)
    if cut.steps:
        rows = [[f"{i} {row[0]}", *row[1:]] for i, row in enumerate(_rows(cut), 1)]
        charts.table(page, HEADS, rows, indent=4)
        page.wrapped(_after(cut), indent=4, hang=2)
    page.wrapped(_proof(cut), indent=4, hang=2)
    page.wrapped("the ways out, in the order in which to try them:", indent=4)
    rows = _ways(cut)
    sizes = charts.sizes_of(rows) if rows else []
    for name, enough, runs, what in rows:
        lead = f"{fit(enough, sizes[1])}{charts.GAP}{fit(name, sizes[0])}{charts.GAP}"
        page.wrapped(f"{lead}{what}; {runs} given up", indent=6, hang=columns(lead))


def markdown(simulation: Simulation, _look: Look) -> list[str]:
    """The slices of every cut, how sure it is, and the other ways out."""
    cuts = simulation.answer(Cuts)
    if not cuts:
        return []
    lines = [f"### {TITLE}", ""]
    for cut in cuts[: words.MOST_ACCOUNTS]:
        lines += [f"#### {code(_title(cut))}", ""]
        if cut.steps:
            rows = [[code(name), code(spend), *rest] for name, spend, *rest in _rows(cut)]
            lines += [*markdown_table(HEADS, rows), f"{code(_after(cut))}  "]
        ways = [[name, enough, runs, code(what)] for name, enough, runs, what in _ways(cut)]
        lines += [code(_proof(cut)), "", *markdown_table(WAYS, ways)]
    hidden = len(cuts) - words.MOST_ACCOUNTS
    return [*lines, words.more(hidden), ""] if hidden > 0 else lines


def json(outcome: Outcome) -> list[dict[str, Any]]:
    """The cuts as plain data."""
    return [
        {
            "budget": cut.account.budget,
            "group": dict(cut.account.group),
            "consumed": number(cut.account.consumed),
            "slices": [
                {
                    "slice": dict(step.slice),
                    **picked(step, "spent", "instant", "runs", "value_usd", "consumed"),
                }
                for step in cut.steps
            ],
            "runs": cut.runs,
            "of_runs": cut.account.selected,
            "after": cut.after and account_dict(cut.after),
            **picked(cut, "proven", "bound", "reason"),
            "ways": [picked(rung, "name", "what", "enough", "runs") for rung in cut.rungs],
        }
        for cut in outcome.answer(Cuts) or ()
    ]
