"""A decision as JSON: the statement, `ebudget.statement/1`, with what the gate made of it."""

from __future__ import annotations

import json
from typing import Any

from ebudget.gate.decision import Decision, Ruling
from ebudget.render.decision import words
from ebudget.render.json.data import picked, plain, statement_dict, time
from ebudget.render.page import Look


def _ruling(ruling: Ruling) -> dict[str, Any]:
    return {
        **picked(ruling, "standing", "over_line", "excuse", "line"),
        "line_certainty": ruling.certainty,
        "alerts": [picked(alert.row, "severity", "long", "short") for alert in ruling.alerts],
        "passes_again": time(ruling.passes_again),
        "since_baseline": plain(ruling.since),
    }


def render(decision: Decision, _look: Look) -> str:
    """The JSON text; it can serve as a baseline."""
    demands, baseline = decision.demands, decision.baseline
    found = statement_dict(decision.statement)
    for account, ruling in zip(found["accounts"], decision.rulings, strict=True):
        account["gate"] = _ruling(ruling)
    accounts = found.pop("accounts")
    found["gate"] = {
        **picked(decision, "exit_code", "answer"),
        "sentence": words.sentence(decision),
        "change": demands.change,
        "fail_on": demands.line.value,
        **picked(demands, "fail_on_alert", "on_insufficient", "max_age", "max_rejected"),
        **picked(demands, "confident", "new_only"),
        **picked(decision, "shortfalls", "remarks"),
        "baseline": time(baseline.as_of if baseline else None),
        "gone": [
            {"budget": budget, "group": dict(sorted(group))} for budget, group in decision.gone
        ],
    }
    found["accounts"] = accounts
    return json.dumps(found, indent=2, allow_nan=False) + "\n"
