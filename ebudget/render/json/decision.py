"""A decision as JSON: the statement, `ebudget.statement/1`, with what the gate made of it."""

from __future__ import annotations

import json
from typing import Any

from ebudget.gate.decision import Decision, Ruling
from ebudget.instants import timestamp
from ebudget.render.decision import words
from ebudget.render.json.statement import number, statement_dict


def _ruling(ruling: Ruling) -> dict[str, Any]:
    again = ruling.passes_again
    return {
        "standing": ruling.standing,
        "over_line": ruling.over_line,
        "excuse": ruling.excuse,
        "line": number(ruling.line),
        "line_certainty": ruling.certainty,
        "alerts": [
            {"severity": a.row.severity, "long": a.row.long.text, "short": a.row.short.text}
            for a in ruling.alerts
        ],
        "passes_again": None if again is None else timestamp(again),
        "since_baseline": ruling.since,
    }


def render(decision: Decision) -> str:
    """The JSON text; it can serve as a baseline."""
    demands, baseline = decision.demands, decision.baseline
    found = statement_dict(decision.statement)
    for account, ruling in zip(found["accounts"], decision.rulings, strict=True):
        account["gate"] = _ruling(ruling)
    accounts = found.pop("accounts")
    found["gate"] = {
        "exit_code": decision.exit_code,
        "answer": decision.answer,
        "sentence": words.sentence(decision),
        "change": demands.change,
        "fail_on": demands.line.value,
        "fail_on_alert": demands.fail_on_alert,
        "on_insufficient": demands.on_insufficient,
        "max_age": None if demands.max_age is None else demands.max_age.text,
        "max_rejected": number(demands.max_rejected),
        "confident": demands.confident,
        "new_only": demands.new_only,
        "shortfalls": list(decision.shortfalls),
        "remarks": list(decision.remarks),
        "baseline": None if baseline is None else timestamp(baseline.as_of),
        "gone": [{"budget": budget, "group": dict(group)} for budget, group in decision.gone],
    }
    found["accounts"] = accounts
    return json.dumps(found, indent=2, allow_nan=False) + "\n"
