"""A simulation in words, the same in every format."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from fractions import Fraction
from math import ceil

from ebudget.accounts.statement import Account, Group, Verdict
from ebudget.instants import moment
from ebudget.policy.edits import Sweep
from ebudget.quantities import DAY, HOUR, MINUTE, Duration
from ebudget.render import figures
from ebudget.render.page import MARKS
from ebudget.text import count_of, visible
from ebudget.whatif.question import Simulation
from ebudget.whatif.replay import Past, Replay, Step
from ebudget.whatif.scenarios import Outcome
from ebudget.whatif.sweeps import Swept

MOST_ACCOUNTS = 50
"""Accounts that are shown one by one."""
MOST_VALUES = 20
"""Values of a sweep in its table."""
MOST_TURNS = 8
"""Turns of an account over a sweep that are told one by one."""
UNCOUNTED = "·"
"""The mark of an instant whose window reaches beyond the log."""
ONCE_A_STEP = "alerts are looked at once a step: one that came and went between two is not seen"
NOTHING = "Nothing was asked: --help lists scenarios, sweeps, replay, suggestions and cuts."
WORST_FIRST = sorted(Verdict, key=lambda verdict: -verdict.severity)


def unanswered(simulation: Simulation) -> list[str]:
    """What was asked and has no answer; or that nothing was asked."""
    question = simulation.question
    suggested = {suggestion.budget for suggestion in simulation.suggestions}
    cut = {one.account.budget for one in simulation.cuts}
    found = [
        f"no suggestion for {visible(name, 60)}: none of its accounts is asked for, or exists"
        for name in question.suggest
        if name not in suggested
    ]
    found += [
        f"no cut for {visible(name, 60)}: none of its accounts that are asked for is breached"
        for name in question.cut
        if name not in cut
    ]
    asked = (question.scenarios, question.sweeps, question.replayed, question.suggest, question.cut)
    return found if any(asked) else [NOTHING]


def history_title(simulation: Simulation, noun: str) -> str:
    """What a suggestion has to keep, such as `kept on 95% of days`."""
    share = figures.percent(simulation.question.keep)
    return f"the tightest allowance that history kept on at least {share} of {noun}s"


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
    """One account in two scenarios."""

    now: Account
    then: Account


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
    """The accounts of two scenarios, matched by budget and group.

    Tiers of risk come and go with `allow`, so what is left is matched without them.
    """
    pairs, gone, new = _matched(first.accounts, other.accounts, tiers=True)
    found, gone, new = _matched(gone, new, tiers=False)
    pairs += found
    differ = [pair for pair in pairs if _seen(pair.now) != _seen(pair.then)]
    return Compared(sorted(differ, key=_place), _worst(gone), _worst(new), len(pairs) - len(differ))


def _matched(
    first: Sequence[Account], other: Sequence[Account], *, tiers: bool
) -> tuple[list[Pair], list[Account], list[Account]]:
    """The accounts of one key on both sides, and those that are left on either."""

    def by_key(accounts: Sequence[Account]) -> dict[object, list[Account]]:
        found: dict[object, list[Account]] = {}
        for a in accounts:
            group = frozenset(part for part in a.group if tiers or part[0] != "risk_tier")
            found.setdefault((a.budget, group), []).append(a)
        return found

    now, then = by_key(first), by_key(other)
    both = {key for key in now if len(now[key]) == 1 and len(then.get(key, ())) == 1}
    return (
        [Pair(now[key][0], then[key][0]) for key in now if key in both],
        [a for key, ones in now.items() if key not in both for a in ones],
        [a for key, ones in then.items() if key not in both for a in ones],
    )


def _seen(account: Account) -> object:
    """What a reader sees of an account."""
    a = account
    shown = (
        a.verdict,
        a.spent,
        a.allowed,
        a.instant,
        a.terms.window,
        a.response,
        a.reason,
        a.terms.owner,
    )
    return (*shown, _severities(a))


def _place(pair: Pair) -> tuple[bool, int, int]:
    now, then = pair.now, pair.then
    return (now.verdict is then.verdict, -then.verdict.severity, -now.verdict.severity)


def _worst(accounts: Iterable[Account]) -> list[Account]:
    return sorted(accounts, key=lambda account: -account.verdict.severity)


def _severities(account: Account) -> str:
    return " and ".join(sorted({alert.row.severity for alert in account.firing})) or "none"


def comparison(found: Compared) -> str:
    """`4 accounts differ, 33 are the same`."""
    count = len(found.differ)
    parts = [
        f"{count_of(count, 'account')} differ{'s' if count == 1 else ''}",
        f"{found.same:,} {'is' if found.same == 1 else 'are'} the same",
    ]
    if found.gone:
        parts.append(f"{len(found.gone):,} only as it stands")
    if found.new:
        parts.append(f"{len(found.new):,} only in this scenario")
    return ", ".join(parts)


def cells(account: Account) -> list[str]:
    """Verdict, spent of allowed, and what is left."""
    left = figures.remaining(account)
    return [marked(account.verdict), spent_text(account), f"{left} left"]


def spent_text(account: Account) -> str:
    """Spent of allowed, with the instant events."""
    spent = figures.spent_of_allowed(account)
    return f"{spent}, {instants(account.instant)}" if account.instant else spent


def instants(count: Fraction | int) -> str:
    """`1 instant event`; in some what-ifs it is no whole number."""
    return f"{_number(count)} instant event{'' if count == 1 else 's'}"


def also(pair: Pair, arrow: str) -> list[str]:
    """What else differs between the two, and why there is no judgement."""
    now, then = pair.now, pair.then
    found = []
    for what, before, after in (
        ("group", group_text(now.group), group_text(then.group)),
        ("window", now.terms.window, then.terms.window),
        ("agreed", now.response or "nothing", then.response or "nothing"),
        ("owner", now.terms.owner or "none", then.terms.owner or "none"),
        ("alerts that fire", _severities(now), _severities(then)),
    ):
        if before != after:
            found.append(f"{what}: {visible(before)} {arrow} {visible(after)}")
    if now.reason != then.reason:
        sides = (("as it stands", now.reason), ("then", then.reason))
        found += [f"not judged {side}: {visible(reason)}" for side, reason in sides if reason]
    return found


def _number(count: Fraction | int) -> str:
    """A count, which is no whole number in some what-ifs."""
    return figures.plain(Fraction(count), 1)


def occurring(outcomes: Sequence[Iterable[Verdict | None]]) -> list[Verdict | None]:
    """The verdicts that occur, the worst first, and at last None for an account that is not."""
    found = {verdict for one in outcomes for verdict in one}
    return [verdict for verdict in (*WORST_FIRST, None) if verdict in found]


def head_of(verdict: Verdict | None) -> str:
    """What a table calls a verdict, or that there is no account."""
    return "no account" if verdict is None else figures.WORDS[verdict]


def counts(verdicts: Iterable[Verdict | None], of: Sequence[Verdict | None]) -> list[str]:
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
    count = count_of(len(sweep.values), "value")
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
        for turn in account.turns[:MOST_TURNS]
    ]
    if len(account.turns) > MOST_TURNS:
        found.append(more(len(account.turns) - MOST_TURNS, "turn").replace(";", ","))
    if not found:
        known = {verdict for verdict in account.verdicts if verdict is not None}
        where = "wherever it exists" if None in account.verdicts else "with every value"
        found = [f"{marked(verdict)} {where}" for verdict in known][:1]
    even = account.breaks_even
    if even == 0:
        found.append(f"nothing is spent ({_spent_by(account)})")
    elif even is not None:
        shown = value_text(sweep, _rounded_up(even, sweep.values))
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
        if all((shown > line) - (shown < line) == (even > line) - (even < line) for line in beside):
            return shown
    return even


def _spent_by(account: Swept) -> str:
    """`45 of 470 runs`, `$61.20 in 470 runs`."""
    runs = f"{_number(account.eligible)} {'run' if account.eligible == 1 else 'runs'}"
    if account.unit == "USD":
        return f"{figures.dollars(account.spent)} in {runs}"
    spent = figures.plain(account.spent, figures.between_lines(account.spent, [Fraction(0)], 1))
    if account.unit in figures.SHORT or not account.noun:
        return f"{spent} {visible(account.unit, 24)} in {runs}"
    unit = figures.unit_for(Fraction(account.eligible), account.unit, noun=True)
    return f"{spent} of {_number(account.eligible)} {unit}"


# Replay


def steps_noun(every: Duration) -> str:
    """What one step is called: a day, or a step."""
    return "day" if every.micros == DAY else "step"


def past_of(simulation: Simulation, outcome: Outcome) -> str:
    """Whose past it is, where there are several."""
    return f": {outcome.scenario.name}" if len(simulation.outcomes) > 1 else ""


def replay_title(replay: Replay, zone: tzinfo) -> str:
    """From when to when, and in how many steps."""
    noun, instants = steps_noun(replay.every), replay.instants
    if not instants:
        return f"Replay every {replay.every.text}: no {noun} that was asked for is over"
    first, last = (date_of(at, zone, replay.every) for at in (instants[0], instants[-1]))
    count = count_of(len(instants), noun)
    return f"Replay every {replay.every.text} from {first} to {last}, {count}"


def untold_title(pasts: Sequence[Past], every: Duration) -> str:
    """Of how many accounts no step counts."""
    noun = steps_noun(every)
    count = count_of(len(pasts), "account")
    return f"{count} without a {noun} whose whole window lies inside the log:"


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
            parts.append(count_of(count, noun))
    return " ".join(parts[:2]) or "less than a minute"


def days_of(past: Past, every: Duration) -> str:
    """`of 23 days: ✗ breached 12, ✓ ok 11; 7 days not counted`, of an account with any."""
    counted = sum(past.days.values())
    noun = steps_noun(every)
    found = [f"{marked(v)} {past.days[v]:,}" for v in WORST_FIRST if past.days.get(v)]
    left = len(past.steps) - counted
    rest = f"; {count_of(left, noun)} not counted" if left else ""
    return f"of {count_of(counted, noun)}: {', '.join(found)}{rest}"


def past_notes(past: Past, every: Duration, zone: tzinfo) -> list[str]:
    """Breaches, changes that would have been stopped, and alerts."""
    found, noun = [], steps_noun(every)
    if past.first_breach is not None:
        at = date_of(past.first_breach, zone, every)
        already = f"breached already on {at}, the first {noun} that counts"
        first = already if _from_the_start(past) else f"first breach {at}"
        found.append(f"{first}, the longest {count_of(past.longest_breach, noun)}")
    for count in sorted({count for _, count in past.stopped if count}, reverse=True):
        kinds = " and ".join(visible(kind, 40) for kind, n in past.stopped if n == count)
        changes = "every change" if kinds == "any" else f"{kinds} changes"
        found.append(f"{changes} stopped on {count_of(count, noun)}")
    return found + _alerts(past, every, zone)


def _from_the_start(past: Past) -> bool:
    return next(step.at for step in past.steps if step.counts) == past.first_breach


def _alerts(past: Past, every: Duration, zone: tzinfo) -> list[str]:
    found, noun = [], steps_noun(every)
    if past.pages and past.first_page is not None:
        first = date_of(past.first_page, zone, every)
        found.append(f"{count_of(past.pages, 'page')}, the first on {first}")
    if past.tickets:
        found.append(count_of(past.tickets, "ticket alert"))
    if past.first_breach is None:
        return found
    if past.lead is None:
        early = f"pages before the first {noun} that counts are not known"
        found.append(
            early if _from_the_start(past) else f"no page at the end of a {noun} before the breach"
        )
    elif past.lead == 0:
        found.append(f"paged on the {noun} of the first breach, not before")
    else:
        found.append(f"paged {span_text(past.lead)} before the first breach")
    return found
