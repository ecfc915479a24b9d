"""A decision for a terminal: the answer first, then what counted, then what was no evidence."""

from __future__ import annotations

from ebudget.gate.decision import FAIL, PASS, Decision, Ruling, Standing
from ebudget.render import figures, intake
from ebudget.render.decision import words
from ebudget.render.page import MARKS, Look, Page

MOST_SHOWN = 50
"""Accounts that are shown one by one."""

_STYLES = {PASS: "bold green", FAIL: "bold red"}


def render(decision: Decision, look: Look) -> str:
    """The decision as text, with the command that gives it again."""
    page = Page(look)
    style = _STYLES.get(decision.answer, "bold yellow")
    page.add((words.sentence(decision), style))  # on one line, however long
    against = decision.of(Standing.AGAINST)
    for ruling in against[:MOST_SHOWN]:
        page.add()
        _ruling(page, ruling)
    if len(against) > MOST_SHOWN:
        page.add()
        page.add(f"and {len(against) - MOST_SHOWN:,} more; --format json has them all")
    for title, lines in words.sections(decision):
        _listed(page, f"{title}:", lines)
    page.add()
    statement = decision.statement
    page.wrapped(words.others(decision))
    page.wrapped(f"{intake.read_line(statement)}, as of {figures.when(statement.as_of)}")
    page.wrapped(intake.judged_line(statement))
    page.notes(intake.notes(statement))
    page.add(f"Reproduce: {look.again}")  # on one line, so that it can be copied
    return page.rendered()


def _ruling(page: Page, ruling: Ruling) -> None:
    account = ruling.account
    mark, _, style = MARKS[account.verdict]
    verdict = figures.WORDS[account.verdict]
    head = f"{mark} {words.name_of(account)}"
    page.wrapped(f"{head}   {verdict}", style=f"{style} bold".strip(), hang=4)
    for line in words.lines_of(ruling, page.look.zone):
        page.wrapped(line, indent=4, hang=2)


def _listed(page: Page, title: str, lines: list[str]) -> None:
    page.heading(title)
    for line in words.limited(lines):
        page.wrapped(f"– {line}", indent=2, hang=2)
