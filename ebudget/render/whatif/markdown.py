"""A simulation as Markdown, for pull requests and job summaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ebudget.render import figures
from ebudget.render.page import Look
from ebudget.render.report.markdown import code, table
from ebudget.render.whatif import advice, words
from ebudget.whatif.cuts import Cut
from ebudget.whatif.question import Simulation
from ebudget.whatif.replay import Replay
from ebudget.whatif.scenarios import Outcome
from ebudget.whatif.suggestions import Suggestion
from ebudget.whatif.sweeps import SweepResult

_ARROW = "→"


def render(simulation: Simulation, look: Look) -> str:
    """The simulation as Markdown."""
    lines = _header(simulation, look)
    if len(simulation.outcomes) > 1:
        lines += _scenarios(simulation.outcomes)
    for result in simulation.sweeps:
        lines += _sweep(result)
    for outcome in simulation.outcomes:
        if outcome.replay is not None:
            lines += _replay(outcome.replay, look, words.past_of(simulation, outcome))
    noun = "day" if simulation.replay is None else words.steps_noun(simulation.replay.every)
    for budget, ones in advice.by_budget(simulation.suggestions).items():
        lines += _suggestions(simulation, budget, ones, noun)
    if simulation.cuts:
        lines += _cuts(simulation.cuts)
    lines += [f"{code(line)}  " for line in words.unanswered(simulation)]
    return "\n".join(lines).rstrip() + "\n"


def _header(simulation: Simulation, look: Look) -> list[str]:
    statement = simulation.statement
    name = f" {code(look.title)}" if look.title else ""
    notes = [f"- {code(note)}" for note in figures.notes(statement)]
    stands = f"As it stands: **{figures.summary(statement.accounts)}**"
    return [
        f"## ebudget simulate{name}",
        "",
        f"{figures.head(statement)}. {stands}",
        "",
        figures.read_line(statement),
        "",
        *([*notes, ""] if notes else []),
    ]


def _limited(rows: Sequence[Sequence[str]], head: Sequence[str]) -> list[str]:
    """A table of at most so many rows, and how many are left out."""
    lines = table(head, rows[: words.MOST_ACCOUNTS])
    hidden = len(rows) - words.MOST_ACCOUNTS
    return [*lines, words.more(hidden), ""] if hidden > 0 else lines


def _coded(texts: Iterable[str]) -> str:
    shown = "; ".join(texts)
    return code(shown) if shown else "–"


def _scenarios(outcomes: Sequence[Outcome]) -> list[str]:
    verdicts = [[account.verdict for account in one.accounts] for one in outcomes]
    known = words.occurring(verdicts)
    rows = [
        [code(one.scenario.name), *words.counts(found, known)]
        for one, found in zip(outcomes, verdicts, strict=True)
    ]
    head = ("accounts", *(words.marked(verdict) for verdict in known))
    lines = ["### Scenarios", "", *table(head, rows)]
    for other in outcomes[1:]:
        found = words.compared(outcomes[0], other)
        lines += [f"#### {code(other.scenario.name)}", ""]
        lines += [f"- assumes: {code(line)}" for line in other.scenario.assumptions]
        lines += [f"- {words.comparison(found)}", ""]
        lines += _compared(found)
    return lines


def _compared(found: words.Compared) -> list[str]:
    rows = []
    for pair in found.differ:
        (now, *was), (then, *will) = words.cells(pair.now), words.cells(pair.then)
        name = code(words.named(pair.then.budget, pair.then.group))
        also = _coded(words.also(pair, _ARROW))
        rows.append([name, now, code(", ".join(was)), then, code(", ".join(will)), also])
    for side, accounts in (("only as it stands", found.gone), ("only here", found.new)):
        for account in accounts:
            verdict, *amounts = words.cells(account)
            name = code(words.named(account.budget, account.group))
            told, nothing = [verdict, code(", ".join(amounts))], ["–", "–"]
            both = [*told, *nothing] if accounts is found.gone else [*nothing, *told]
            rows.append([name, *both, side])
    head = ("account", "as it stands", "spent, left", "then", "spent, left", "also")
    return _limited(rows, head) if rows else []


def _sweep(result: SweepResult) -> list[str]:
    sweep = result.sweep
    lines = [f"### Sweep of {code(words.sweep_title(sweep))}", ""]
    rows = [
        [code(words.group_text(a.group)), code("; ".join(words.turns_of(sweep, a, _ARROW)))]
        for a in words.worst_swept(result.accounts)
    ]
    lines += _limited(rows, ("account", "where it turns"))
    columns = [[a.verdicts[place] for a in result.accounts] for place in range(len(sweep.values))]
    known = words.occurring(columns)
    places = words.sampled(len(columns), words.MOST_VALUES)
    counted = [
        [words.value_text(sweep, sweep.values[p]), *words.counts(columns[p], known)] for p in places
    ]
    lines += table(("value", *(words.marked(verdict) for verdict in known)), counted)
    if len(places) < len(columns):
        lines += [f"{len(places)} of {len(columns):,} values; --format json has all", ""]
    return lines


def _replay(replay: Replay, look: Look, whose: str) -> list[str]:
    lines = [
        f"### {words.replay_title(replay, look.zone)}{code(whose) if whose else ''}",
        "",
        words.ONCE_A_STEP,
        "",
    ]
    rows = [
        [
            code(words.named(past.budget, past.group)),
            code(words.days_of(past, replay.every)),
            _coded(words.past_notes(past, replay.every, look.zone)),
        ]
        for past in words.worst_pasts(replay.accounts)
        if past.days
    ]
    if rows:
        lines += _limited(rows, ("account", words.steps_noun(replay.every) + "s", "what happened"))
    untold = [past for past in replay.accounts if not past.days]
    if untold:
        lines += [words.untold_title(untold, replay.every), ""]
        names = [f"- {code(words.named(past.budget, past.group))}" for past in untold]
        lines += names[: words.MOST_ACCOUNTS]
        hidden = len(names) - words.MOST_ACCOUNTS
        lines += [f"- {words.more(hidden)}", ""] if hidden > 0 else [""]
    return lines


def _suggestions(
    simulation: Simulation, budget: str, ones: Sequence[Suggestion], noun: str
) -> list[str]:
    rows = [
        [
            code(words.group_text(one.group)),
            code(one.line) if one.line else "no suggestion",
            _coded([*([one.reason] if one.reason else []), *advice.evidence(one, noun)]),
        ]
        for one in advice.widest_first(ones)
    ]
    title = f"### Suggestions for {code(budget)}: {words.history_title(simulation, noun)}"
    whole, why = advice.whole_line(simulation, ones)
    said = f"{why}: {code(whole)}" if whole else code(why)
    return [title, "", *_limited(rows, ("account", "line to paste", "evidence")), said, ""]


def _cuts(cuts: Sequence[Cut]) -> list[str]:
    lines = ["### Cuts: the fewest slices without which an account is not breached", ""]
    for cut in cuts[: words.MOST_ACCOUNTS]:
        lines += [f"#### {code(advice.cut_title(cut))}", ""]
        if cut.steps:
            rows = [[code(row[0]), *row[1:]] for row in advice.cut_rows(cut)]
            rows = [[row[0], code(row[1]), *row[2:]] for row in rows]
            lines += table(advice.CUT_HEADS, rows)
            lines += [f"{code(advice.after_cut(cut))}  "]
        lines += [code(advice.proof(cut)), ""]
        ways = [
            [name, enough, runs, code(what)] for name, enough, runs, what in advice.rung_rows(cut)
        ]
        lines += table(advice.RUNG_HEADS, ways)
    hidden = len(cuts) - words.MOST_ACCOUNTS
    return [*lines, words.more(hidden), ""] if hidden > 0 else lines
