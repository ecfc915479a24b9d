"""A decision as annotations of GitHub Actions: one workflow command a line.

The form `::error title=…::…` and its escapes are those of the workflow commands' documentation.
"""

from __future__ import annotations

from collections.abc import Iterable

from ebudget.gate import PASS, Decision, Standing
from ebudget.render import figures
from ebudget.render.check import words
from ebudget.render.page import Look
from ebudget.text_safety import visible

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def render(decision: Decision, look: Look) -> str:
    """The annotations: first the answer, then every account that has a part in it."""
    return "".join(f"{line}\n" for line in _lines(decision, look))


def _lines(decision: Decision, look: Look) -> Iterable[str]:
    level = "notice" if decision.answer == PASS else "error"
    yield _command(level, "ebudget check", words.sentence(decision))
    for ruling in decision.of(Standing.AGAINST):
        account = ruling.account
        message = [
            f"{figures.WORDS[account.verdict]}: {words.figures_of(ruling)}",
            *words.burn_of(ruling),
            words.promise_of(account),
            words.passes_again(ruling, look.zone),
        ]
        yield _command("error", words.name_of(account), "\n".join(message))
    for shortfall in decision.shortfalls:
        yield _command("error", "not enough evidence", visible(shortfall))
    for ruling in decision.of(Standing.NO_EVIDENCE, Standing.UNJUDGED):
        counts = ruling.standing is Standing.NO_EVIDENCE
        if counts or ruling.warn:
            title, why = words.name_of(ruling.account), words.reason_of(ruling.account)
            yield _command("error" if counts else "warning", title, f"not enough evidence: {why}")
    for line in words.not_counted(decision):
        yield _command("warning", "not counted", line)


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={title.translate(_PROPERTY)}::{message.translate(_DATA)}"
