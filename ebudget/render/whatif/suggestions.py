"""Suggestions, in words, as text, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from ebudget.policy.model import Policy
from ebudget.render import figures
from ebudget.render.json.data import picked
from ebudget.render.markdown import code, coded
from ebudget.render.page import Look, Page
from ebudget.render.whatif import charts, words
from ebudget.text import count_of, visible
from ebudget.whatif.history import noun_of
from ebudget.whatif.question import Outcome, Simulation
from ebudget.whatif.suggestions import Suggestion, Suggestions


def _by_budget(simulation: Simulation) -> dict[str, list[Suggestion]]:
    """The suggestions of each budget, the largest value first, those without one last."""
    found: dict[str, list[Suggestion]] = {}
    for one in _widest_first(simulation.answer(Suggestions) or ()):
        found.setdefault(one.budget, []).append(one)
    asked = simulation.asked(Suggestions)
    return {name: found[name] for name in (asked.budgets if asked else ()) if name in found}


def _noun(simulation: Simulation) -> str:
    asked = simulation.asked(Suggestions)
    return "day" if asked is None else noun_of(asked.history.every)


def _title(simulation: Simulation) -> str:
    """What a suggestion has to keep."""
    asked = simulation.asked(Suggestions)
    share = figures.percent(asked.keep) if asked else ""
    return f"the tightest allowance that history kept on at least {share} of {_noun(simulation)}s"


def _needed(one: Suggestion) -> str:
    """The lowest value that keeps, where the line's is another: rounded up."""
    if one.exact is None or one.value is None or one.exact == one.value:
        return ""
    share = "%" in (one.line or "")
    scale = 100 if share else 1
    exact, line = one.exact * scale, one.value * scale
    digits = figures.between_lines(exact, [Fraction(0), line], 3 if share else 4)
    return figures.plain(exact, digits) + ("%" if share else "")


def _evidence(one: Suggestion, noun: str = "day") -> list[str]:
    """What a suggestion rests on."""
    days = count_of(one.days, noun)
    windows = f"{count_of(one.windows, 'window')} side by side"
    if one.line is None:
        return [f"{days} of history, {windows}"] if one.days else []
    kept = figures.percent(one.kept, [Fraction(0), Fraction(1)])
    found = [f"keeps {int(one.kept * one.days):,} of {days} ({kept}), only {windows}"]
    if needed := _needed(one):
        found.append(f"needs {needed}, rounded up")
    if one.interval is not None:
        sides = [Fraction(0), Fraction(1), one.value or Fraction(0)]
        low, high = (figures.percent(Fraction(end), sides, 1) for end in one.interval)
        found.append(f"on the {noun} that decides the true rate is {low}–{high} (95%)")
    if one.instant_days:
        events = count_of(one.instant_days, noun)
        found.append(f"no allowance keeps {events} with instant events")
    return found


def _widest_first(suggestions: Iterable[Suggestion]) -> list[Suggestion]:
    """The largest value first, those without one last."""
    return sorted(suggestions, key=lambda s: (s.value is None, -(s.value or 0)))


def whole_line(policy: Policy, ones: Sequence[Suggestion]) -> tuple[str | None, str]:
    """The line that suits every account of a budget, or None; and what to say of it."""
    known = [one for one in ones if one.line is not None]
    missing = len(ones) - len(known)
    if not known:
        return None, "no line for the whole budget: no account has a suggestion"
    rest = f"; it says nothing of {count_of(missing, 'account')} without one"
    told = rest if missing else ""
    allow = policy.budgets[ones[0].budget].allowance
    if allow.column is None:
        return _widest_first(known)[0].line, f"for the whole budget, the largest of them{told}"
    lines = [value for value, _ in allow.lines]
    largest: dict[str, Suggestion] = {}
    for one in reversed(_widest_first(known)):
        value = dict(one.group)[allow.column]
        largest[value if value in lines else "default"] = one
    unknown = [value for value in lines if value not in largest]
    if unknown:
        told += f"; {', '.join(unknown)} stays as it is"
    parts = [] if allow.closed else [f"by: {allow.column}"]
    parts += [
        f"{visible(value, 60)}: {(largest[value].line or '').removeprefix('allow: ')}"
        for value in lines
        if value in largest
    ]
    name = "risk tier" if allow.closed else visible(allow.column, 60)
    each = ", ".join(parts)
    return f"allow: {{{each}}}", f"for the whole budget, the largest of each {name}{told}"


def text(page: Page, simulation: Simulation) -> None:
    """A line to paste for every account, with what it rests on."""
    for budget, ones in _by_budget(simulation).items():
        page.heading(f"Suggestions for {visible(budget, 60)}: {_title(simulation)}")
        for one in ones[: words.MOST_ACCOUNTS]:
            name = figures.group_or_all(one.group)
            page.wrapped(f"{name}   {one.line or 'no suggestion'}", indent=2, hang=4)
            if one.reason:
                page.wrapped(visible(one.reason), indent=6, hang=2)
            evidence = _evidence(one, _noun(simulation))
            if evidence:
                page.wrapped("; ".join(evidence), indent=6, hang=2)
        charts.more(page, len(ones) - words.MOST_ACCOUNTS)
        whole, why = whole_line(simulation.question.policy, ones)
        page.wrapped(f"{why}:   {whole}" if whole else why, indent=2, hang=4, style="bold")


def markdown(simulation: Simulation, _look: Look) -> list[str]:
    """A line to paste for every account, with what it rests on."""
    lines: list[str] = []
    for budget, ones in _by_budget(simulation).items():
        rows = [
            [
                code(figures.group_or_all(one.group)),
                code(one.line) if one.line else "no suggestion",
                coded([*([one.reason] if one.reason else []), *_evidence(one, _noun(simulation))]),
            ]
            for one in ones
        ]
        whole, why = whole_line(simulation.question.policy, ones)
        lines += [f"### Suggestions for {code(budget)}: {_title(simulation)}", ""]
        lines += charts.limited(rows, ("account", "line to paste", "evidence"))
        lines += [f"{why}: {code(whole)}" if whole else code(why), ""]
    return lines


def json(outcome: Outcome) -> list[dict[str, Any]]:
    """The suggestions as plain data."""
    return [
        {
            "budget": one.budget,
            "group": dict(one.group),
            **picked(one, "days", "windows", "exact", "value", "kept"),
            "interval": one.interval and dict(zip(("low", "high"), one.interval, strict=True)),
            **picked(one, "instant_days", "line", "reason"),
        }
        for one in outcome.answer(Suggestions) or ()
    ]
