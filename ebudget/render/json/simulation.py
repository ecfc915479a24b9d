"""A simulation as JSON, `ebudget.simulation/1`; keys are only ever added."""

from __future__ import annotations

import json

from ebudget.render.json.data import statement_dict
from ebudget.render.page import Look
from ebudget.render.whatif import scenarios
from ebudget.render.whatif.parts import PARTS
from ebudget.whatif.question import SCHEMA, Simulation


def render(simulation: Simulation, _look: Look) -> str:
    """The JSON text."""
    head = statement_dict(simulation.statement)
    everywhere = [part for part in PARTS if part.asks.everywhere]
    found = {
        "schema": SCHEMA,
        "as_of": head["as_of"],
        "input": head["input"],
        "scenarios": [
            {**scenarios.json(outcome), **{part.key: part.json(outcome) for part in everywhere}}
            for outcome in simulation.outcomes
        ],
        **{part.key: part.json(simulation.outcomes[0]) for part in PARTS},
    }
    return json.dumps(found, allow_nan=False) + "\n"  # a long past fills many lines
