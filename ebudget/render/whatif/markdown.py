"""A simulation as Markdown, for pull requests and job summaries."""

from __future__ import annotations

from ebudget.render import figures, intake
from ebudget.render.markdown import code, heading, notes, rendered
from ebudget.render.page import Look
from ebudget.render.whatif import scenarios
from ebudget.render.whatif.parts import PARTS, unanswered
from ebudget.whatif.question import Simulation


def render(simulation: Simulation, look: Look) -> str:
    """The simulation as Markdown."""
    statement = simulation.statement
    noted = notes(intake.notes(statement))
    stands = f"As it stands: **{figures.summary(statement.accounts)}**"
    lines = heading("simulate", look.title)
    lines += [f"{figures.head(statement)}. {stands}", "", intake.read_line(statement), ""]
    lines += [*noted, ""] if noted else []
    lines += scenarios.markdown(simulation.outcomes)
    for part in PARTS:
        lines += part.markdown(simulation, look)
    return rendered([*lines, *(f"{code(line)}  " for line in unanswered(simulation))])
