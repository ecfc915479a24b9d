"""A simulation for a terminal: the worst first, every number with its unit."""

from __future__ import annotations

from ebudget.render import figures, intake
from ebudget.render.page import Look, Page
from ebudget.render.whatif import scenarios
from ebudget.render.whatif.parts import PARTS, unanswered
from ebudget.whatif.question import Simulation


def render(simulation: Simulation, look: Look) -> str:
    """The simulation as text."""
    page, statement = Page(look), simulation.statement
    page.title("simulate", figures.as_of(statement))
    page.wrapped(intake.read_line(statement))
    page.notes(intake.notes(statement))
    page.wrapped(f"as it stands: {figures.summary(statement.accounts)}", style="bold")
    scenarios.text(page, simulation.outcomes)
    for part in PARTS:
        part.text(page, simulation)
    for line in unanswered(simulation):
        page.add()
        page.wrapped(line)
    return page.rendered()
