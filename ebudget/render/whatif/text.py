"""A simulation for a terminal: the worst first, every number with its unit."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from ebudget.accounts.statement import Verdict
from ebudget.render import figures
from ebudget.render.page import MARKS, NARROWEST, Look, Page, fit
from ebudget.render.whatif import advice, words
from ebudget.text import count_of, visible
from ebudget.whatif.cuts import Cut
from ebudget.whatif.question import Simulation
from ebudget.whatif.replay import Past, Replay
from ebudget.whatif.scenarios import Outcome
from ebudget.whatif.suggestions import Suggestion
from ebudget.whatif.sweeps import SweepResult

_STYLES = {verdict: style for verdict, (_, _, style) in MARKS.items()}
_GAP = "  "


def render(simulation: Simulation, look: Look) -> str:
    """The simulation as text."""
    page = Page(look)
    _header(page, simulation)
    if len(simulation.outcomes) > 1:
        _scenarios(page, simulation.outcomes)
    for result in simulation.sweeps:
        _sweep(page, result)
    for outcome in simulation.outcomes:
        if outcome.replay is not None:
            _replay(page, outcome.replay, words.past_of(simulation, outcome))
    noun = "day" if simulation.replay is None else words.steps_noun(simulation.replay.every)
    for budget, ones in advice.by_budget(simulation.suggestions).items():
        _suggestions(page, simulation, budget, ones, noun)
    if simulation.cuts:
        _cuts(page, simulation.cuts)
    for line in words.unanswered(simulation):
        page.add()
        page.wrapped(line)
    return page.rendered()


def _header(page: Page, simulation: Simulation) -> None:
    statement = simulation.statement
    name = f"   {visible(page.look.title, 60)}" if page.look.title else ""
    head = f"ebudget simulate{name}   {figures.as_of(statement)}"
    page.wrapped(head, style="bold")
    page.wrapped(figures.read_line(statement))
    for note in figures.notes(statement):
        page.wrapped(f"note: {note}", hang=6, style="yellow")
    page.wrapped(f"as it stands: {figures.summary(statement.accounts)}", style="bold")


def _room(page: Page) -> int:
    return max(page.look.width, NARROWEST)


def _arrow(page: Page) -> str:
    return "->" if page.look.ascii_only else "→"


def _titled(page: Page, title: str) -> None:
    page.add()
    page.wrapped(title, style="bold")


def _sizes(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


def _table(
    page: Page,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    indent: int = 2,
    right: bool = False,
) -> None:
    """A table; where it is too wide, the first column stands on lines of its own.

    Where that is too wide as well, every cell is told with its head.
    """
    sizes = _sizes([heads, *rows])
    margin, rest = " " * indent, sum(size + 2 for size in sizes[1:])
    own = indent + sizes[0] + rest > _room(page)
    if own and indent + 2 + rest > _room(page):
        for first, *cells in rows:
            page.wrapped(first, indent=indent, hang=4)
            told = (f"{h}: {c}" for h, c in zip(heads[1:], cells, strict=True))
            page.wrapped(" · ".join(told), indent=indent + 4)
        return

    def line(cells: Sequence[str]) -> str:
        pairs = zip(cells, sizes[1:], strict=True)
        return "".join(_GAP + (c.rjust(size) if right else fit(c, size)) for c, size in pairs)

    lead = margin + (fit(heads[0], sizes[0]) if not own else "")
    page.add((lead + line(heads[1:]), "dim" if page.look.color else ""))
    for first, *cells in rows:
        if own:
            if first:
                page.wrapped(first, indent=indent, hang=4)
            page.add(margin + line(cells))
        else:
            page.add(margin + fit(first, sizes[0]) + line(cells))


def _scenarios(page: Page, outcomes: Sequence[Outcome]) -> None:
    _titled(page, "Scenarios")
    verdicts = [[account.verdict for account in one.accounts] for one in outcomes]
    known = words.occurring(verdicts)
    heads = ["accounts", *(words.head_of(verdict) for verdict in known)]
    longest = max(len(f"{len(found):,}") for found in verdicts)
    room = _room(page) - 2 - sum(max(len(head), longest) + 2 for head in heads[1:])
    rows = [
        [
            fit(f"{place or ' '} {visible(one.scenario.name)}", max(room, 20)).rstrip(),
            *words.counts(found, known),
        ]
        for place, (one, found) in enumerate(zip(outcomes, verdicts, strict=True))
    ]
    _table(page, heads, rows, right=True)
    for place, other in enumerate(outcomes[1:], 1):
        page.add()
        page.wrapped(f"{place} {visible(other.scenario.name)}", indent=2, hang=2, style="bold")
        for line in other.scenario.assumptions:
            page.wrapped(f"assumes: {visible(line)}", indent=4, hang=9)
        _compared(page, words.compared(outcomes[0], other))


def _compared(page: Page, found: words.Compared) -> None:
    page.wrapped(words.comparison(found), indent=4)
    shown = found.differ[: words.MOST_ACCOUNTS]
    if shown:
        _pairs(page, shown)
    if len(found.differ) > len(shown):
        page.wrapped(words.more(len(found.differ) - len(shown)), indent=4)
    for title, accounts in (("only as it stands", found.gone), ("only here", found.new)):
        for account in accounts[: words.MOST_ACCOUNTS]:
            verdict, spent, left = words.cells(account)
            name = words.named(account.budget, account.group)
            page.wrapped(f"{title}: {name}: {verdict}, {spent}, {left}", indent=4, hang=4)
        if len(accounts) > words.MOST_ACCOUNTS:
            page.wrapped(f"{title}: {words.more(len(accounts) - words.MOST_ACCOUNTS)}", indent=4)


def _pairs(page: Page, pairs: Sequence[words.Pair]) -> None:
    """Each account's two standings: side by side, or one below the other."""
    dim = "dim" if page.look.color else ""
    rows = [
        [
            words.named(pair.then.budget, pair.then.group),
            *words.cells(pair.now),
            _arrow(page),
            *words.cells(pair.then),
        ]
        for pair in pairs
    ]
    heads = ["", "as it stands", "", "", "", "then", "", ""]
    sizes = _sizes([heads, *rows])
    wide = 4 + sum(sizes) + 2 * (len(sizes) - 1) <= _room(page)
    if wide:
        page.add(("    " + _GAP.join(map(fit, heads, sizes)), dim))
    for pair, row in zip(pairs, rows, strict=True):
        now, then = _STYLES[pair.now.verdict], _STYLES[pair.then.verdict]
        if wide:
            fitted = [fit(cell, size) + _GAP for cell, size in zip(row, sizes, strict=True)]
            page.add("    ", *zip(fitted, ["", now, "", "", "", then, "", ""], strict=True))
        else:
            page.wrapped(row[0], indent=4, hang=4)
            both = [max(sizes[i], sizes[i + 4]) for i in (1, 2, 3)]
            for word, cells, style in (("now ", row[1:4], now), ("then", row[5:8], then)):
                fitted = [fit(cell, size) for cell, size in zip(cells, both, strict=True)]
                page.wrapped(f"{word}  {_GAP.join(fitted)}".rstrip(), indent=6, style=style)
        for line in words.also(pair, _arrow(page)):
            page.wrapped(line, indent=8, hang=4)


def _mark(page: Page, mark: Verdict | str | None) -> tuple[str, str]:
    """One character of a chart, with its style."""
    if isinstance(mark, Verdict):
        return MARKS[mark][1 if page.look.ascii_only else 0], _STYLES[mark]
    if mark == words.UNCOUNTED:
        return "." if page.look.ascii_only else mark, "dim" if page.look.color else ""
    return " ", ""


def _legend(page: Page, marks: set[Verdict | str | None], *more: str) -> None:
    parts = []
    for names in _legend_names(marks):
        mark = _mark(page, names[0])[0]
        parts.append(f"{mark} {' or '.join(figures.WORDS[one] for one in names)}")
    if words.UNCOUNTED in marks:
        dot = _mark(page, words.UNCOUNTED)[0]
        parts.append(f"{dot} not counted: the window reaches beyond the log")
    if marks & {" ", None}:
        parts.append("blank: no such account")
    page.wrapped("   ".join([*parts, *more]), indent=2)


def _legend_names(marks: set[Verdict | str | None]) -> list[list[Verdict]]:
    """The verdicts that occur, those with the same mark together."""
    found: dict[str, list[Verdict]] = {}
    for verdict in words.WORST_FIRST:
        if verdict in marks:
            found.setdefault(MARKS[verdict][0], []).append(verdict)
    return list(found.values())


def _label_width(page: Page, labels: Sequence[str], marks: int) -> int:
    """Columns for the names beside a chart; 0 where they are too long and stand above."""
    longest, room = max(map(cell_len, labels), default=0), _room(page)
    return longest if longest <= max(room * 2 // 5, room - 4 - marks) else 0


def _charted(
    page: Page, label: str, width: int, marks: Sequence[tuple[str, str]], told: str
) -> None:
    """A name, its marks, and what there is to say of them, on one line where there is room."""
    if width:
        lead = "  " + fit(label, width) + _GAP
    else:
        page.wrapped(label, indent=2, hang=4)
        lead = "    "
    used = cell_len(lead) + sum(cell_len(text) for text, _ in marks) + 3
    fits = used + cell_len(told) <= _room(page)
    page.add(lead, *marks, f"   {told}" if fits else "")
    if not fits:
        page.wrapped(told, indent=6, hang=2)


def _axis(first: str, last: str, length: int, room: int) -> str:
    """Two labels at the ends of a chart."""
    gap = max(length - cell_len(first) - cell_len(last), 2)
    text = first + " " * gap + last
    return text if cell_len(text) <= room else fit(text, room)


def _sweep(page: Page, result: SweepResult) -> None:
    sweep = result.sweep
    _titled(page, f"Sweep of {words.sweep_title(sweep)}")
    if not result.accounts:
        page.wrapped("no account", indent=2)
        return
    accounts = words.worst_swept(result.accounts)
    shown = accounts[: words.MOST_ACCOUNTS]
    labels = [words.group_text(account.group) for account in shown]
    width = _label_width(page, labels, len(sweep.values))
    before = 2 + width + 2
    room = _room(page) - before
    values = [words.value_text(sweep, value) for value in sweep.values]
    pitch = max(map(cell_len, values)) + 2
    pitch = pitch if pitch * len(values) <= room else 1
    places = words.sampled(len(values), room // pitch)
    some = len(places) < len(values)
    sample = [f"{len(places):,} of {len(values):,} values are drawn"] if some else []
    _legend(page, {verdict for account in shown for verdict in account.verdicts}, *sample)
    axis = _axis(values[0], values[-1], len(places), room)
    if pitch > 1:
        axis = "".join(value.rjust(pitch) for value in values)
    page.add((" " * before + axis, "dim" if page.look.color else ""))
    for label, account in zip(labels, shown, strict=True):
        marks = [_mark(page, account.verdicts[place]) for place in places]
        padded = [(text.rjust(pitch), style) for text, style in marks]
        turns = "; ".join(words.turns_of(sweep, account, _arrow(page)))
        _charted(page, label, width, padded, turns)
    if len(accounts) > len(shown):
        page.wrapped(words.more(len(accounts) - len(shown)), indent=2)
    _sweep_table(page, result, values)


def _sweep_table(page: Page, result: SweepResult, values: Sequence[str]) -> None:
    columns = [[a.verdicts[place] for a in result.accounts] for place in range(len(values))]
    known = words.occurring(columns)
    places = words.sampled(len(values), words.MOST_VALUES)
    size = max(map(cell_len, values))
    rows = [[values[p].rjust(size), *words.counts(columns[p], known)] for p in places]
    page.add()
    _table(page, ["value", *(words.head_of(verdict) for verdict in known)], rows, right=True)
    if len(places) < len(values):
        page.wrapped(
            f"{len(places)} of {len(values):,} values, evenly spread; --format json has all",
            indent=2,
        )


def _replay(page: Page, replay: Replay, whose: str) -> None:
    look, noun = page.look, words.steps_noun(replay.every)
    instants = replay.instants
    _titled(page, words.replay_title(replay, look.zone) + whose)
    if not instants:
        return
    first, last = (words.date_of(at, look.zone, replay.every) for at in (instants[0], instants[-1]))
    pasts = words.worst_pasts(replay.accounts)
    told = [past for past in pasts if past.days]
    shown = told[: words.MOST_ACCOUNTS]
    labels = [words.named(past.budget, past.group) for past in shown]
    width = _label_width(page, labels, len(instants))
    room = _room(page) - (2 + width + 2)
    each = -(-len(instants) // room)
    strips = [words.strip(past, instants, each) for past in shown]
    group = f"a mark is the worst of {count_of(each, noun)}"
    _legend(page, {mark for one in strips for mark in one}, *([group] if each > 1 else []))
    page.wrapped(words.ONCE_A_STEP, indent=2)
    if shown:
        length = -(-len(instants) // each)
        axis = _axis(first, last, length, room)
        page.add((" " * (2 + width + 2) + axis, "dim" if look.color else ""))
    for label, past, marks in zip(labels, shown, strips, strict=True):
        days = words.days_of(past, replay.every)
        _charted(page, label, width, [_mark(page, mark) for mark in marks], days)
        notes = words.past_notes(past, replay.every, look.zone)
        if notes:
            page.wrapped("; ".join(notes), indent=6, hang=2)
    if len(told) > len(shown):
        page.wrapped(words.more(len(told) - len(shown)), indent=2)
    _untold(page, [past for past in pasts if not past.days], replay)


def _untold(page: Page, pasts: Sequence[Past], replay: Replay) -> None:
    """Accounts of which no step counts: their names only."""
    if not pasts:
        return
    page.wrapped(words.untold_title(pasts, replay.every), indent=2)
    for past in pasts[: words.MOST_ACCOUNTS]:
        page.wrapped(words.named(past.budget, past.group), indent=4, hang=4)
    if len(pasts) > words.MOST_ACCOUNTS:
        page.wrapped(words.more(len(pasts) - words.MOST_ACCOUNTS), indent=4)


def _suggestions(
    page: Page, simulation: Simulation, budget: str, ones: Sequence[Suggestion], noun: str
) -> None:
    title = f"Suggestions for {visible(budget, 60)}: {words.history_title(simulation, noun)}"
    _titled(page, title)
    ordered = advice.widest_first(ones)
    for one in ordered[: words.MOST_ACCOUNTS]:
        line = one.line or "no suggestion"
        page.wrapped(f"{words.group_text(one.group)}   {line}", indent=2, hang=4)
        if one.reason:
            page.wrapped(visible(one.reason), indent=6, hang=2)
        evidence = advice.evidence(one, noun)
        if evidence:
            page.wrapped("; ".join(evidence), indent=6, hang=2)
    if len(ordered) > words.MOST_ACCOUNTS:
        page.wrapped(words.more(len(ordered) - words.MOST_ACCOUNTS), indent=2)
    whole, why = advice.whole_line(simulation, ones)
    page.wrapped(f"{why}:   {whole}" if whole else why, indent=2, hang=4, style="bold")


def _cuts(page: Page, cuts: Sequence[Cut]) -> None:
    _titled(page, "Cuts: the fewest slices without which an account is not breached")
    for cut in cuts[: words.MOST_ACCOUNTS]:
        _cut(page, cut)
    if len(cuts) > words.MOST_ACCOUNTS:
        page.wrapped(words.more(len(cuts) - words.MOST_ACCOUNTS), indent=2)


def _cut(page: Page, cut: Cut) -> None:
    mark, _, style = MARKS[cut.account.verdict]
    page.add()
    page.wrapped(f"{mark} {advice.cut_title(cut)}", indent=2, hang=2, style=style)
    if cut.steps:
        rows = [[f"{i} {row[0]}", *row[1:]] for i, row in enumerate(advice.cut_rows(cut), 1)]
        _table(page, advice.CUT_HEADS, rows, indent=4)
        page.wrapped(advice.after_cut(cut), indent=4, hang=2)
    page.wrapped(advice.proof(cut), indent=4, hang=2)
    page.wrapped("the ways out, in the order in which to try them:", indent=4)
    rows = advice.rung_rows(cut)
    sizes = _sizes(rows) if rows else []
    for name, enough, runs, what in rows:
        lead = f"{fit(enough, sizes[1])}{_GAP}{fit(name, sizes[0])}{_GAP}"
        page.wrapped(f"{lead}{what}; {runs} given up", indent=6, hang=cell_len(lead))
