"""The past told again, in words, as text, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Any

from ebudget.accounts.statement import Verdict
from ebudget.instants import moment, timestamp
from ebudget.quantities import DAY, HOUR, MINUTE, Duration
from ebudget.render import figures
from ebudget.render.json.data import picked, time
from ebudget.render.markdown import code, coded
from ebudget.render.page import Look, Page
from ebudget.render.whatif import charts, words
from ebudget.text import count_of, visible
from ebudget.whatif.history import noun_of
from ebudget.whatif.question import Outcome, Simulation
from ebudget.whatif.replay import Past, Replay, Replays, Step

ONCE_A_STEP = "alerts are looked at once a step: one that came and went between two is not seen"


def _told(simulation: Simulation) -> Iterable[tuple[Replay, str]]:
    """Every past, and whose it is where there are several."""
    for outcome in simulation.outcomes:
        replay = outcome.answer(Replays)
        if replay is not None:
            whose = f": {outcome.scenario.name}" if len(simulation.outcomes) > 1 else ""
            yield replay, whose


def _title(replay: Replay, zone: tzinfo) -> str:
    """From when to when, and in how many steps."""
    noun, instants = noun_of(replay.every), replay.instants
    if not instants:
        return f"Replay every {replay.every.text}: no {noun} that was asked for is over"
    first, last = (_date(at, zone, replay.every) for at in (instants[0], instants[-1]))
    count = count_of(len(instants), noun)
    return f"Replay every {replay.every.text} from {first} to {last}, {count}"


def _worst(pasts: Iterable[Past]) -> list[Past]:
    """The accounts with the most bad days first."""
    return sorted(
        pasts, key=lambda past: [-past.days.get(verdict, 0) for verdict in figures.WORST_FIRST]
    )


def _untold(replay: Replay, pasts: Iterable[Past]) -> tuple[str, list[str]]:
    """Accounts of which no step counts: how many, and their names; nothing where there are none."""
    names = [figures.named(past.budget, past.group) for past in pasts if not past.days]
    count = count_of(len(names), "account")
    noun = noun_of(replay.every)
    return f"{count} without a {noun} whose whole window lies inside the log:", names


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
    return charts.UNCOUNTED if steps else " "


def _date(at: int, zone: tzinfo, every: Duration) -> str:
    """The local date of a step, with the time where it is no whole day."""
    local = moment(at).astimezone(zone)
    return f"{local:%Y-%m-%d}" if every.micros % DAY == 0 else f"{local:%Y-%m-%d %H:%M}"


def _span(micros: int) -> str:
    """`2 days 4 hours`."""
    parts = []
    for size, noun in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        count, micros = divmod(micros, size)
        if count:
            parts.append(count_of(count, noun))
    return " ".join(parts[:2]) or "less than a minute"


def _days(past: Past, every: Duration) -> str:
    """`of 23 days: ✗ breached 12, ✓ ok 11; 7 days not counted`, of an account with any."""
    counted = sum(past.days.values())
    noun = noun_of(every)
    found = [f"{words.marked(v)} {past.days[v]:,}" for v in figures.WORST_FIRST if past.days.get(v)]
    left = len(past.steps) - counted
    rest = f"; {count_of(left, noun)} not counted" if left else ""
    return f"of {count_of(counted, noun)}: {', '.join(found)}{rest}"


def past_notes(past: Past, every: Duration, zone: tzinfo) -> list[str]:
    """Breaches, changes that would have been stopped, and alerts."""
    found, noun = [], noun_of(every)
    if past.first_breach is not None:
        at = _date(past.first_breach, zone, every)
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
    found, noun = [], noun_of(every)
    if past.pages and past.first_page is not None:
        first = _date(past.first_page, zone, every)
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
        found.append(f"paged {_span(past.lead)} before the first breach")
    return found


def text(page: Page, simulation: Simulation) -> None:
    """A strip of verdicts for every account, and what happened to it."""
    for replay, whose in _told(simulation):
        page.heading(_title(replay, page.look.zone) + whose)
        if replay.instants:
            _strips(page, replay)


def _strips(page: Page, replay: Replay) -> None:
    zone, every, instants = page.look.zone, replay.every, replay.instants
    pasts = _worst(replay.accounts)
    told = [past for past in pasts if past.days]
    shown = told[: words.MOST_ACCOUNTS]
    labels = [figures.named(past.budget, past.group) for past in shown]
    width = charts.label_width(page, labels, len(instants))
    room = page.room - (2 + width + 2)
    each = -(-len(instants) // room)
    strips = [strip(past, instants, each) for past in shown]
    group = f"a mark is the worst of {count_of(each, noun_of(every))}"
    charts.legend(page, {mark for one in strips for mark in one}, *([group] if each > 1 else []))
    page.wrapped(ONCE_A_STEP, indent=2)
    if shown:
        first, last = (_date(at, zone, every) for at in (instants[0], instants[-1]))
        axis = charts.axis(first, last, -(-len(instants) // each), room)
        page.add((" " * (2 + width + 2) + axis, page.dim))
    for label, past, marks in zip(labels, shown, strips, strict=True):
        drawn = [charts.mark_of(page, mark) for mark in marks]
        charts.charted(page, label, width, drawn, _days(past, every))
        notes = past_notes(past, every, zone)
        if notes:
            page.wrapped("; ".join(notes), indent=6, hang=2)
    charts.more(page, len(told) - len(shown))
    title, names = _untold(replay, pasts)
    if names:
        page.wrapped(title, indent=2)
    for name in names[: words.MOST_ACCOUNTS]:
        page.wrapped(name, indent=4, hang=4)
    charts.more(page, len(names) - words.MOST_ACCOUNTS, indent=4)


def markdown(simulation: Simulation, look: Look) -> list[str]:
    """What happened to every account."""
    return [line for told in _told(simulation) for line in _markdown(*told, look.zone)]


def _markdown(replay: Replay, whose: str, zone: tzinfo) -> list[str]:
    every = replay.every
    title = f"### {_title(replay, zone)}{code(whose) if whose else ''}"
    lines = [title, "", ONCE_A_STEP, ""]
    rows = [
        [
            code(figures.named(past.budget, past.group)),
            code(_days(past, every)),
            coded(past_notes(past, every, zone)),
        ]
        for past in _worst(replay.accounts)
        if past.days
    ]
    if rows:
        lines += charts.limited(rows, ("account", f"{noun_of(every)}s", "what happened"))
    title, names = _untold(replay, replay.accounts)
    if names:
        lines += [title, "", *(f"- {code(name)}" for name in names[: words.MOST_ACCOUNTS])]
        hidden = len(names) - words.MOST_ACCOUNTS
        lines += [f"- {words.more(hidden)}", ""] if hidden > 0 else [""]
    return lines


def json(outcome: Outcome) -> dict[str, Any] | None:
    """The past of a scenario as plain data; None where it was not asked for."""
    replay = outcome.answer(Replays)
    if replay is None:
        return None
    return {
        "every": replay.every.text,
        "instants": [timestamp(at) for at in replay.instants],
        "accounts": [_json(past) for past in replay.accounts],
    }


def _json(past: Past) -> dict[str, Any]:
    return {
        "budget": past.budget,
        "group": dict(past.group),
        "steps": [
            {"at": timestamp(step.at), **picked(step, "verdict", "consumed", "counts", "firing")}
            for step in past.steps
        ],
        "days": {verdict.value: count for verdict, count in past.days.items()},
        "first_breach": time(past.first_breach),
        "longest_breach": past.longest_breach,
        "stopped": dict(past.stopped),
        **picked(past, "pages", "tickets"),
        "first_page": time(past.first_page),
        "lead_seconds": None if past.lead is None else past.lead / 1_000_000,
    }
