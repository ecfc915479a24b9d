"""A simulation in words, the same in every format."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from fractions import Fraction

from ebudget.allowance import ByTier
from ebudget.cuts import Cut
from ebudget.cuts import Step as CutStep
from ebudget.policy_edits import Sweep
from ebudget.quantities import DAY, HOUR, MINUTE, Duration
from ebudget.render import figures
from ebudget.render.page import MARKS
from ebudget.replay import Past, Step
from ebudget.scenarios import Outcome
from ebudget.simulation import Simulation
from ebudget.statement import Account, Group, Verdict
from ebudget.suggestions import Suggestion
from ebudget.sweeps import Swept
from ebudget.text_safety import visible
from ebudget.traffic import shown_part
from ebudget.windows import moment

MOST_ACCOUNTS = 50
"""Accounts that are shown one by one."""
MOST_VALUES = 20
"""Values of a sweep in its table."""
UNCOUNTED = "·"
"""The mark of an instant whose window reaches beyond the log."""
ONCE_A_STEP = "alerts are looked at once a step: one that came and went between two is not seen"
WORST_FIRST = sorted(Verdict, key=lambda verdict: -verdict.severity)


def group_text(group: Group) -> str:
    """`workflow=diff, risk_tier=high`."""
    values = (f"{visible(column, 60)}={figures.value_of(value)}" for column, value in group)
    return ", ".join(values) or "all runs"


def named(budget: str, group: Group) -> str:
    """`wrong-outcomes for workflow=triage`."""
    return visible(budget, 60) + (f" for {group_text(group)}" if group else "")


def marked(verdict: Verdict | None) -> str:
    """`✗ breached`."""
    return "no account" if verdict is None else f"{MARKS[verdict][0]} {figures.WORDS[verdict]}"


def more(hidden: int, noun: str = "account") -> str:
    """`and 3 more accounts; --format json has all`."""
    return f"and {hidden:,} more {noun}{'s' if hidden != 1 else ''}; --format json has all"


def sampled(count: int, most: int) -> list[int]:
    """At most so many places, evenly spread, with the first and the last."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


# Scenarios


@dataclass(frozen=True)
class Pair:
    """One account in two scenarios; None where it does not exist."""

    now: Account | None
    then: Account | None

    @property
    def some(self) -> Account:
        """The account of either."""
        found = self.then or self.now
        assert found is not None
        return found


@dataclass(frozen=True)
class Compared:
    """Two scenarios side by side."""

    differ: list[Pair]
    """Those with another verdict first, then the worst."""
    gone: list[Account]
    """Only as it stands."""
    new: list[Account]
    """Only in the other."""
    same: int


def compared(first: Outcome, other: Outcome) -> Compared:
    """The accounts of two scenarios, matched by budget and group."""
    now = {(a.budget, frozenset(a.group)): a for a in first.accounts}
    then = {(a.budget, frozenset(a.group)): a for a in other.accounts}
    pairs = [Pair(a, then[key]) for key, a in now.items() if key in then]
    differ = [pair for pair in pairs if _seen(pair.now) != _seen(pair.then)]
    return Compared(
        sorted(differ, key=_place),
        _worst([a for key, a in now.items() if key not in then]),
        _worst([a for key, a in then.items() if key not in now]),
        len(pairs) - len(differ),
    )


def _seen(account: Account | None) -> object:
    """What a reader sees of an account."""
    a = account
    return a and (
        (a.verdict, a.spent, a.allowed, a.instant, a.window, a.response, a.reason, a.owner),
        _severities(a),
    )


def _place(pair: Pair) -> tuple[bool, int, int]:
    now, then = pair.now, pair.then
    assert now and then
    return (now.verdict is then.verdict, -then.verdict.severity, -now.verdict.severity)


def _worst(accounts: Iterable[Account]) -> list[Account]:
    return sorted(accounts, key=lambda account: -account.verdict.severity)


def _severities(account: Account) -> str:
    return " and ".join(sorted({alert.row.severity for alert in account.firing})) or "none"


def comparison(found: Compared) -> str:
    """`4 accounts differ, 33 are the same`."""
    count = len(found.differ)
    parts = [
        f"{figures.count_of(count, 'account')} differ{'s' if count == 1 else ''}",
        f"{found.same:,} {'is' if found.same == 1 else 'are'} the same",
    ]
    if found.gone:
        parts.append(f"{len(found.gone):,} only as it stands")
    if found.new:
        parts.append(f"{len(found.new):,} only in this scenario")
    return ", ".join(parts)


def cells(account: Account) -> list[str]:
    """Verdict, spent of allowed, and what is left."""
    return [marked(account.verdict), figures.spent_of_allowed(account), figures.remaining(account)]


def also(pair: Pair, arrow: str) -> list[str]:
    """What else differs between the two, and why there is no judgement."""
    now, then = pair.now, pair.then
    assert now and then
    found = []
    for what, before, after in (
        ("window", now.window, then.window),
        ("agreed", now.response or "nothing", then.response or "nothing"),
        ("owner", now.owner or "none", then.owner or "none"),
        ("alerts that fire", _severities(now), _severities(then)),
        ("instant events", _number(now.instant), _number(then.instant)),
        ("not judged", now.reason or "judged", then.reason or "judged"),
    ):
        if before != after:
            found.append(f"{what}: {visible(before)} {arrow} {visible(after)}")
    return found


def _number(count: Fraction | int) -> str:
    """A count, which is no whole number in some what-ifs."""
    return figures.plain(Fraction(count), 1)


def occurring(outcomes: Sequence[Iterable[Verdict | None]]) -> list[Verdict]:
    """The verdicts that occur, the worst first."""
    found = {verdict for one in outcomes for verdict in one}
    return [verdict for verdict in WORST_FIRST if verdict in found]


def counts(verdicts: Iterable[Verdict | None], of: Sequence[Verdict]) -> list[str]:
    """How many have each verdict."""
    known = list(verdicts)
    return [f"{sum(v is verdict for v in known):,}" for verdict in of]


# Sweeps


def value_text(sweep: Sweep, value: Fraction, digits: int = 9) -> str:
    """`9.574%`."""
    return figures.plain(value, digits) + sweep.unit


def sweep_title(sweep: Sweep) -> str:
    """What is swept, from where to where."""
    first, last = (value_text(sweep, value) for value in (sweep.values[0], sweep.values[-1]))
    count = figures.count_of(len(sweep.values), "value")
    return f"{visible(sweep.budget, 60)}.{visible(sweep.key, 60)} from {first} to {last}, {count}"


def worst_swept(accounts: Iterable[Swept]) -> list[Swept]:
    """The accounts with the most bad values first."""
    return sorted(accounts, key=lambda a: [-n for n in _tallied(a.verdicts)])


def _tallied(verdicts: Iterable[Verdict | None]) -> list[int]:
    known = list(verdicts)
    return [sum(v is verdict for v in known) for verdict in WORST_FIRST]


def turns_of(sweep: Sweep, account: Swept, arrow: str) -> list[str]:
    """Where an account turns, and where it breaks even."""
    found = [
        f"{marked(turn.before)} {arrow} {marked(turn.after)} at {value_text(sweep, turn.value)}"
        for turn in account.turns
    ]
    if not found:
        known = {verdict for verdict in account.verdicts if verdict is not None}
        found = [f"{marked(verdict)} with every value" for verdict in known][:1]
    even = account.breaks_even
    if even is not None:
        place = bisect_left(sweep.values, even)
        beside = [Fraction(0), *sweep.values[max(place - 1, 0) : place + 2]]
        shown = value_text(sweep, even, figures.between_lines(even, beside, 3))
        found.append(f"breaks even at {shown} ({_spent_by(account)})")
    return found


def _spent_by(account: Swept) -> str:
    """`45 of 470 runs`, `$61.20 in 470 runs`."""
    runs = f"{_number(account.eligible)} {'run' if account.eligible == 1 else 'runs'}"
    if account.unit == "USD":
        digits = figures.between_lines(account.spent, [Fraction(0)], 2)
        return f"${figures.plain(account.spent, digits, least=2)} in {runs}"
    spent = figures.plain(account.spent, figures.between_lines(account.spent, [Fraction(0)], 1))
    if account.unit in figures.SHORT:
        return f"{spent} {account.unit} in {runs}"
    return f"{spent} of {_number(account.eligible)} {figures.plural(account.unit)}"


# Replay


def steps_noun(every: Duration) -> str:
    """What one step is called: a day, or a step."""
    return "day" if every.micros == DAY else "step"


def worst_pasts(pasts: Iterable[Past]) -> list[Past]:
    """The accounts with the most bad days first."""
    return sorted(pasts, key=lambda past: [-past.days.get(verdict, 0) for verdict in WORST_FIRST])


def strip(past: Past, instants: Sequence[int], each: int) -> list[Verdict | str]:
    """A mark for every so many instants: the worst verdict that counts, `·` or nothing."""
    steps = {step.at: step for step in past.steps}
    return [
        _worst_of([steps[at] for at in instants[i : i + each] if at in steps])
        for i in range(0, len(instants), each)
    ]


def _worst_of(steps: Sequence[Step]) -> Verdict | str:
    counted = [step.verdict for step in steps if step.counts]
    if counted:
        return max(counted, key=lambda verdict: verdict.severity)
    return UNCOUNTED if steps else " "


def date_of(at: int, zone: tzinfo, every: Duration) -> str:
    """The local date of a step, with the time where it is no whole day."""
    local = moment(at).astimezone(zone)
    return f"{local:%Y-%m-%d}" if every.micros % DAY == 0 else f"{local:%Y-%m-%d %H:%M}"


def span_text(micros: int) -> str:
    """`2 days 4 hours`."""
    parts = []
    for size, noun in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        count, micros = divmod(micros, size)
        if count:
            parts.append(figures.count_of(count, noun))
    return " ".join(parts[:2]) or "less than a minute"


def days_of(past: Past, every: Duration) -> str:
    """`of 23 days breached 12, ok 11; 7 more not counted`."""
    counted = sum(past.days.values())
    noun = steps_noun(every)
    found = [f"{marked(v)} {past.days[v]:,}" for v in WORST_FIRST if past.days.get(v)]
    text = f"of {figures.count_of(counted, noun)}: {', '.join(found)}" if counted else ""
    left = len(past.steps) - counted
    if left:
        text += f"{'; ' if text else ''}{figures.count_of(left, noun)} not counted"
    return text or f"no {noun}"


def past_notes(past: Past, every: Duration, zone: tzinfo) -> list[str]:
    """Breaches, changes that would have been stopped, and alerts."""
    found, noun = [], steps_noun(every)
    if past.first_breach is not None:
        longest = figures.count_of(past.longest_breach, noun)
        found.append(
            f"first breach {date_of(past.first_breach, zone, every)}, the longest {longest}"
        )
    for count in sorted({count for _, count in past.stopped if count}, reverse=True):
        kinds = ", ".join(visible(kind, 40) for kind, n in past.stopped if n == count)
        found.append(f"{kinds} changes stopped on {figures.count_of(count, noun)}")
    return found + _alerts(past, every, zone)


def _alerts(past: Past, every: Duration, zone: tzinfo) -> list[str]:
    found = []
    if past.pages:
        first = "" if past.first_page is None else date_of(past.first_page, zone, every)
        began = f" (the first on {first})" if first else ""
        found.append(f"{figures.count_of(past.pages, 'page')}{began}")
    if past.tickets:
        found.append(figures.count_of(past.tickets, "ticket alert"))
    if past.first_breach is None:
        return found
    if past.lead is None:
        found.append("no page before the first breach")
    elif past.lead == 0:
        found.append(f"paged on the {steps_noun(every)} of the first breach, not before")
    else:
        found.append(f"paged {span_text(past.lead)} before the first breach")
    return found


# Suggestions


def exactly(one: Suggestion) -> str:
    """The lowest value that keeps, beside which the line's is rounded up."""
    if one.exact is None or one.value is None:
        return ""
    share = "%" in (one.line or "")
    scale = 100 if share else 1
    exact, line = one.exact * scale, one.value * scale
    digits = figures.between_lines(exact, [Fraction(0), line], 3)
    return figures.plain(exact, digits) + ("%" if share else "")


def evidence(one: Suggestion, noun: str = "day") -> list[str]:
    """What a suggestion rests on."""
    days = f"{figures.count_of(one.days, noun)} of history"
    windows = f"{figures.count_of(one.windows, 'window')} side by side"
    if one.line is None:
        return [f"{days}, {windows}"] if one.days else []
    kept = figures.percent(one.kept, [Fraction(0), Fraction(1)])
    found = [f"keeps {kept} of {days}, which are {windows}", f"needs exactly {exactly(one)}"]
    if one.interval is not None:
        sides = [Fraction(0), Fraction(1), one.value or Fraction(0)]
        low, high = (figures.percent(Fraction(end), sides, 1) for end in one.interval)
        found.append(f"on the {noun} that decides the true rate is {low}–{high} (95%)")
    if one.instant_days:
        events = figures.count_of(one.instant_days, noun)
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
    missing = sum(one.line is None for one in ones)
    if missing:
        each = figures.count_of(missing, "account")
        return None, f"no line for the whole budget: {each} of {len(ones):,} without a suggestion"
    allow = simulation.outcomes[0].scenario.policy.budgets[ones[0].budget].allow
    if not isinstance(allow, ByTier):
        return widest_first(ones)[0].line, "for the whole budget, the largest of them"
    tiers = [tier for tier, _ in allow.tiers]
    accounts = {(a.budget, a.group): a.risk_tier for a in simulation.statement.accounts}
    largest: dict[str, Suggestion] = {}
    for one in reversed(widest_first(ones)):
        tier = dict(one.group).get("risk_tier") or accounts.get((one.budget, one.group))
        largest[tier if tier in tiers else "default"] = one
    unknown = [tier for tier in tiers if tier not in largest]
    if unknown or len(largest) != len(tiers):
        return None, f"no line for the whole budget: no account has {', '.join(unknown)} risk"
    each = ", ".join(
        f"{tier}: {(largest[tier].line or '').removeprefix('allow: ')}" for tier in tiers
    )
    return f"allow: {{{each}}}", "for the whole budget, the largest of each risk tier"


# Cuts


def cut_title(cut: Cut) -> str:
    """The account, and how far it is over."""
    account = cut.account
    spent = figures.spent_of_allowed(account)
    return f"{named(account.budget, account.group)}: {spent}, {figures.consumed(account)} spent"


def cut_rows(cut: Cut) -> list[list[str]]:
    """The slices: name, spend removed, runs and value given up, and where the account is then."""
    return [
        [
            shown_part(step.slice),
            _removed(cut.account, step),
            _runs(step.runs, cut.account.selected),
            "–" if step.value_usd is None else f"${figures.plain(step.value_usd, 2, least=2)}",
            figures.percent(step.consumed, [Fraction(0), Fraction(1), *cut.account.lines]),
        ]
        for step in cut.steps
    ]


CUT_HEADS = ("cut", "spend removed", "runs given up", "value given up", "then at")


def _removed(account: Account, step: CutStep) -> str:
    """`16 of 22 tickets`, without the instant events, which come beside it."""
    whole = account.spent - (account.allowed or 0) * account.instant
    money = account.unit == "USD"
    digits = 2 if money else 1
    sides = [Fraction(0), whole]
    digits = figures.between_lines(step.spent, sides, digits)
    least, sign = (2, "$") if money else (0, "")
    text = (
        f"{sign}{figures.plain(step.spent, digits, least=least)} of "
        f"{sign}{figures.plain(whole, digits, least=least)}"
    )
    text += "" if money else f" {figures.plural(account.unit)}"
    if step.instant:
        text += f" + {figures.count_of(step.instant, 'instant event')}"
    return text


def _runs(runs: int, whole: int) -> str:
    share = figures.percent(Fraction(runs, whole), [Fraction(0), Fraction(1)], 1) if whole else "–"
    return f"{runs:,} of {whole:,} ({share})"


def proof(cut: Cut) -> str:
    """How sure it is that this is the smallest cut."""
    if not cut.steps:
        reason = visible(cut.reason or "no cut was found")
        return f"{reason} ({'proven' if cut.proven else 'not proven: the search was cut short'})"
    if cut.proven:
        fewer = "" if len(cut.steps) == 1 else "fewer slices are not enough, and "
        others = "no other slice" if len(cut.steps) == 1 else f"no other {len(cut.steps)}"
        return f"proven: {fewer}{others} that would do gives up fewer runs"
    bound = figures.count_of(cut.bound, "run")
    return f"not proven the smallest: every cut of so many slices gives up at least {bound}"


def after_cut(cut: Cut) -> str:
    """Where the account stands after all slices."""
    if cut.after is None:
        return ""
    verdict, spent, left = cells(cut.after)
    return f"after it {verdict}: {spent}, {left} left; {_runs(cut.runs, cut.account.selected)} runs"


RUNG_HEADS = ("way out", "enough", "runs given up", "what")


def rung_rows(cut: Cut) -> list[list[str]]:
    """The ways out, in the order in which a careful operator tries them."""
    whole = cut.account.selected
    return [
        [
            rung.name,
            "enough" if rung.enough else "not enough",
            _runs(rung.runs, whole) if rung.runs else "none",
            visible(rung.what),
        ]
        for rung in cut.rungs
    ]
