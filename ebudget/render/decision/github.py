"""A decision as annotations of GitHub Actions: one workflow command a line.

The form `::error title=…::…` and its escapes are those of the workflow commands' documentation.
"""

from __future__ import annotations

from collections.abc import Iterable

from ebudget.gate.decision import PASS, Decision, Standing
from ebudget.render import intake
from ebudget.render.decision import words
from ebudget.render.page import Look

MOST = 50
"""Annotations of a kind; people see fewer still."""

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def render(decision: Decision, look: Look) -> str:
    """The annotations: first the answer, then every account that has a part in it."""
    return "".join(f"{line}\n" for line in _lines(decision, look))


def _lines(decision: Decision, look: Look) -> Iterable[str]:
    level = "notice" if decision.answer == PASS else "error"
    judged = intake.judged_line(decision.statement)
    yield _command(level, "ebudget check", words.sentence(decision))
    for ruling in decision.of(Standing.AGAINST)[:MOST]:
        message = "\n".join([words.state_of(ruling), *words.lines_of(ruling, look.zone)])
        yield _command("error", words.name_of(ruling.account), message)
    for level, title, lines in (
        ("error", "not enough evidence", words.missing(decision)),
        ("warning", "without evidence, and not counted", words.also_missing(decision)),
        ("warning", "over the line, and not counted", words.not_counted(decision)),
        ("warning", "passes with negative values", words.lowered(decision)),
        ("notice", "not judged or not measured", _together(words.gaps(decision))),
        ("notice", "the logs", _together([judged, *intake.notes(decision.statement)])),
    ):
        for line in words.limited(lines, MOST):
            yield _command(level, title, line)


def _together(lines: list[str]) -> list[str]:
    """Lines that need no annotation each, as one."""
    return ["\n".join(words.limited(lines))] if lines else []


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={title.translate(_PROPERTY)}::{message.translate(_DATA)}"
