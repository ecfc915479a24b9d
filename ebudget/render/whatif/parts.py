"""The what-ifs, in the order in which they are told, and how each is drawn in every format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ebudget.render.page import Look, Page
from ebudget.render.whatif import cuts, replay, suggestions, sweeps, words
from ebudget.text import visible
from ebudget.whatif.asking import WhatIf
from ebudget.whatif.cuts import Cuts
from ebudget.whatif.question import Outcome, Simulation
from ebudget.whatif.replay import Replays
from ebudget.whatif.suggestions import Suggestions
from ebudget.whatif.sweeps import Sweeps


@dataclass(frozen=True)
class Part:
    """How one what-if is drawn; each of these gives nothing where it was not asked."""

    asks: type[WhatIf[Any]]
    key: str
    """In JSON."""
    json: Callable[[Outcome], Any]
    text: Callable[[Page, Simulation], None]
    markdown: Callable[[Simulation, Look], list[str]]
    missing: str = ""
    """What is said of a budget that was asked for and has no answer."""

    def unanswered(self, simulation: Simulation) -> list[str]:
        """What is said of the budgets that were asked for and have no answer."""
        asked = simulation.asked(self.asks)
        names = asked.unanswered(simulation.answer(self.asks)) if asked else ()
        return [self.missing.format(visible(name, 60)) for name in names]


PARTS = (
    Part(Sweeps, "sweeps", sweeps.json, sweeps.text, sweeps.markdown),
    Part(Replays, "timeline", replay.json, replay.text, replay.markdown),
    Part(
        Suggestions,
        "suggestions",
        suggestions.json,
        suggestions.text,
        suggestions.markdown,
        missing="no suggestion for {}: none of its accounts is asked for, or exists",
    ),
    Part(
        Cuts,
        "cuts",
        cuts.json,
        cuts.text,
        cuts.markdown,
        missing="no cut for {}: none of its accounts that are asked for is breached",
    ),
)
"""A new what-if is a module for what it asks, one for how it is drawn, and a row here."""


def unanswered(simulation: Simulation) -> list[str]:
    """What was asked and has no answer; or that nothing was asked."""
    if simulation.question.scenarios or simulation.question.asked:
        return [line for part in PARTS for line in part.unanswered(simulation)]
    return [words.NOTHING]
