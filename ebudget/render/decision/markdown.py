"""A decision as Markdown, for pull requests and job summaries."""

from __future__ import annotations

from ebudget.gate.decision import Decision, Ruling, Standing
from ebudget.render import figures, intake
from ebudget.render.decision import words
from ebudget.render.markdown import code, coded, notes, rendered, table
from ebudget.render.page import Look

MOST_ROWS = 100
"""Accounts of the table; a job summary has a limit of 1 MiB."""


def render(decision: Decision, look: Look) -> str:
    """The decision as Markdown, with the command that gives it again."""
    statement = decision.statement
    lines = [f"## ebudget check: {words.answer(decision)}", "", f"**{code(words.why(decision))}**"]
    lines.append("")
    against = decision.of(Standing.AGAINST)
    if against:
        rows = [_row(ruling, look) for ruling in against[:MOST_ROWS]]
        head = ("account", "verdict", "spent", "burn", "agreed", "passes again")
        lines += table(head, rows)
        if len(against) > MOST_ROWS:
            lines += [f"and {len(against) - MOST_ROWS:,} more", ""]
    for title, found in words.sections(decision):
        lines += [f"{title}:", "", *(f"- {code(line)}" for line in words.limited(found)), ""]
    lines += [
        f"{code(words.others(decision))}  ",
        f"{intake.read_line(statement)}, as of {figures.when(statement.as_of)}  ",
        intake.judged_line(statement),
        "",
        *notes(intake.notes(statement)),
        "",
        "Reproduce:",
        "",
        *_fenced(look.again),
    ]
    return rendered(lines)


def _fenced(command: str) -> list[str]:
    """A block of code that the command cannot end."""
    fence = "```"
    while fence in command:
        fence += "`"
    return [f"{fence}sh", command, fence]


def _row(ruling: Ruling, look: Look) -> list[str]:
    return [
        code(words.name_of(ruling.account)),
        words.state_of(ruling) + (f", {ruling.since}" if ruling.since else ""),
        code(words.figures_of(ruling)),
        coded(words.burn_of(ruling)),
        code(words.promise_of(ruling.account)),
        words.passes_again(ruling, look.zone),
    ]
