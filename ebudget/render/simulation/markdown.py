"""A simulation as Markdown."""

from __future__ import annotations

from ebudget.render.page import Look
from ebudget.simulation import Simulation


def render(simulation: Simulation, look: Look) -> str:
    """The simulation as Markdown."""
    return repr(simulation)
