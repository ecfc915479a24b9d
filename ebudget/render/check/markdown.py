"""A decision as Markdown, for pull requests and job summaries."""

from __future__ import annotations

from ebudget.gate import Decision, Ruling, Standing
from ebudget.render import figures
from ebudget.render.check import words
from ebudget.render.markdown import code, table
from ebudget.render.page import Look

MOST_ROWS = 100
"""Accounts of the table; a job summary has a limit of 1 MiB."""


def render(decision: Decision, look: Look, reproduce: str) -> str:
    """The decision as Markdown; `reproduce` is the command that gives it again."""
    statement = decision.statement
    word, _, why = words.sentence(decision).partition("  ")
    lines = [f"## ebudget check: {word}", "", f"**{code(why)}**", ""]
    against = decision.of(Standing.AGAINST)
    if against:
        rows = [_row(ruling, look) for ruling in against[:MOST_ROWS]]
        head = ("account", "verdict", "spent", "burn", "agreed", "passes again")
        lines += table(head, rows)
        if len(against) > MOST_ROWS:
            lines += [f"and {len(against) - MOST_ROWS:,} more", ""]
    parts = [
        ("Over the line, and not counted", words.not_counted(decision)),
        ("Not evidence", words.not_evidence(decision)),
    ]
    if decision.baseline is not None:
        title = f"Since the baseline of {figures.when(decision.baseline.as_of)}"
        parts.append((title, words.since_lines(decision)))
    for title, found in parts:
        if found:
            lines += [f"{title}:", "", *(f"- {code(line)}" for line in words.limited(found)), ""]
    lines += [
        f"{code(words.others(decision))}  ",
        f"{figures.read_line(statement)}, as of {figures.when(statement.as_of)}",
        "",
        *(f"- {code(note)}" for note in figures.notes(statement)),
        "",
        f"Reproduce: {code(reproduce)}",
    ]
    return "\n".join(lines).rstrip() + "\n"


def _row(ruling: Ruling, look: Look) -> list[str]:
    account = ruling.account
    return [
        code(words.name_of(account)),
        figures.WORDS[account.verdict] + (f", {ruling.since}" if ruling.since else ""),
        code(words.figures_of(ruling)),
        code("; ".join(words.burn_of(ruling))) if words.burn_of(ruling) else "–",
        code(words.promise_of(account)),
        words.passes_again(ruling, look.zone),
    ]
