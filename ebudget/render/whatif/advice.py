"""Suggestions and cuts in words, the same in every format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from ebudget.accounts.statement import Account
from ebudget.policy.allowances import By
from ebudget.render import figures
from ebudget.render.whatif.words import cells, instants, named, spent_text
from ebudget.text import count_of, visible
from ebudget.whatif.cuts import Cut, Step
from ebudget.whatif.question import Simulation
from ebudget.whatif.suggestions import Suggestion
from ebudget.whatif.traffic import shown_part


def _needed(one: Suggestion) -> str:
    """The lowest value that keeps, where the line's is another: rounded up."""
    if one.exact is None or one.value is None or one.exact == one.value:
        return ""
    share = "%" in (one.line or "")
    scale = 100 if share else 1
    exact, line = one.exact * scale, one.value * scale
    digits = figures.between_lines(exact, [Fraction(0), line], 3 if share else 4)
    return figures.plain(exact, digits) + ("%" if share else "")


def evidence(one: Suggestion, noun: str = "day") -> list[str]:
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


def widest_first(suggestions: Iterable[Suggestion]) -> list[Suggestion]:
    """The largest value first, those without one last."""
    return sorted(suggestions, key=lambda s: (s.value is None, -(s.value or 0)))


def by_budget(suggestions: Iterable[Suggestion]) -> Mapping[str, list[Suggestion]]:
    """The suggestions of each budget."""
    found: dict[str, list[Suggestion]] = {}
    for one in suggestions:
        found.setdefault(one.budget, []).append(one)
    return found


def whole_line(simulation: Simulation, ones: Sequence[Suggestion]) -> tuple[str | None, str]:
    """The line that suits every account of a budget, or None; and what to say of it."""
    known = [one for one in ones if one.line is not None]
    missing = len(ones) - len(known)
    if not known:
        return None, "no line for the whole budget: no account has a suggestion"
    rest = f"; it says nothing of {count_of(missing, 'account')} without one"
    told = rest if missing else ""
    allow = simulation.outcomes[0].scenario.policy.budgets[ones[0].budget].allowance
    if not isinstance(allow, By):
        return widest_first(known)[0].line, f"for the whole budget, the largest of them{told}"
    lines = [value for value, _ in allow.lines]
    largest: dict[str, Suggestion] = {}
    for one in reversed(widest_first(known)):
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


def cut_title(cut: Cut) -> str:
    """The account, and how far it is over."""
    account = cut.account
    spent = spent_text(account)
    return f"{named(account.budget, account.group)}: {spent}, {figures.consumed(account)} spent"


def cut_rows(cut: Cut) -> list[list[str]]:
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


CUT_HEADS = ("cut", "spend removed", "runs given up", "value given up", "then at")


def _removed(account: Account, step: Step) -> str:
    """`16 of 22 tickets`, without the instant events, which come beside it."""
    if step.instant and not step.spent:
        return instants(step.instant)
    whole = account.spent - (account.allowed or 0) * account.instant
    text = figures.part_of(step.spent, whole, account)
    if step.instant:
        text += f" + {instants(step.instant)}"
    return text


def _runs(runs: int, whole: int, noun: str = "") -> str:
    share = figures.percent(Fraction(runs, whole), [Fraction(0), Fraction(1)], 1) if whole else "–"
    shown = noun.removesuffix("s") if whole == 1 else noun
    return f"{runs:,} of {whole:,}{shown} ({share})"


def proof(cut: Cut) -> str:
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


def after_cut(cut: Cut) -> str:
    """Where the account stands after all slices."""
    if cut.after is None:
        return ""
    verdict, spent, left = cells(cut.after)
    runs = _runs(cut.runs, cut.account.selected, " runs")
    return f"after it {verdict}: {spent}, {left}; {runs} are given up"


RUNG_HEADS = ("way out", "enough", "runs given up", "what")


def rung_rows(cut: Cut) -> list[list[str]]:
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
