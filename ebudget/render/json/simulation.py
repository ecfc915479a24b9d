"""A simulation as JSON, `ebudget.simulation/1`; keys are only ever added."""

from __future__ import annotations

import json
from typing import Any

from ebudget.instants import timestamp
from ebudget.render.json.statement import account_dict, number, statement_dict
from ebudget.whatif.cuts import Cut
from ebudget.whatif.question import SCHEMA, Simulation
from ebudget.whatif.replay import Past, Replay
from ebudget.whatif.suggestions import Suggestion
from ebudget.whatif.sweeps import SweepResult


def render(simulation: Simulation) -> str:
    """The JSON text."""
    head = statement_dict(simulation.statement)
    found = {
        "schema": SCHEMA,
        "as_of": head["as_of"],
        "input": head["input"],
        "scenarios": [
            {
                "name": outcome.scenario.name,
                "assumptions": list(outcome.scenario.assumptions),
                "accounts": [account_dict(account) for account in outcome.accounts],
                "timeline": None if outcome.replay is None else _replay(outcome.replay),
            }
            for outcome in simulation.outcomes
        ],
        "sweeps": [_sweep(result) for result in simulation.sweeps],
        "timeline": None if simulation.replay is None else _replay(simulation.replay),
        "suggestions": [_suggestion(one) for one in simulation.suggestions],
        "cuts": [_cut(one) for one in simulation.cuts],
    }
    return json.dumps(found, allow_nan=False) + "\n"  # a long past fills many lines


def _sweep(result: SweepResult) -> dict[str, Any]:
    sweep = result.sweep
    return {
        "budget": sweep.budget,
        "key": sweep.key,
        "unit": sweep.unit or None,
        "values": [number(value) for value in sweep.values],
        "accounts": [
            {
                "group": dict(account.group),
                "verdicts": [None if v is None else v.value for v in account.verdicts],
                "turns": [
                    {
                        "value": number(turn.value),
                        "before": turn.before.value,
                        "after": turn.after.value,
                    }
                    for turn in account.turns
                ],
                "breaks_even": number(account.breaks_even),
                "spent": number(account.spent),
                "eligible": number(account.eligible),
            }
            for account in result.accounts
        ],
    }


def _time(micros: int | None) -> str | None:
    return None if micros is None else timestamp(micros)


def _replay(replay: Replay) -> dict[str, Any]:
    return {
        "every": replay.every.text,
        "instants": [timestamp(at) for at in replay.instants],
        "accounts": [_past(past) for past in replay.accounts],
    }


def _past(past: Past) -> dict[str, Any]:
    return {
        "budget": past.budget,
        "group": dict(past.group),
        "steps": [
            {
                "at": timestamp(step.at),
                "verdict": step.verdict.value,
                "consumed": number(step.consumed),
                "counts": step.counts,
                "firing": list(step.firing),
            }
            for step in past.steps
        ],
        "days": {verdict.value: count for verdict, count in past.days.items()},
        "first_breach": _time(past.first_breach),
        "longest_breach": past.longest_breach,
        "stopped": dict(past.stopped),
        "pages": past.pages,
        "tickets": past.tickets,
        "first_page": _time(past.first_page),
        "lead_seconds": None if past.lead is None else past.lead / 1_000_000,
    }


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    interval = suggestion.interval
    return {
        "budget": suggestion.budget,
        "group": dict(suggestion.group),
        "days": suggestion.days,
        "windows": suggestion.windows,
        "exact": number(suggestion.exact),
        "value": number(suggestion.value),
        "kept": number(suggestion.kept),
        "interval": None if interval is None else {"low": interval[0], "high": interval[1]},
        "instant_days": suggestion.instant_days,
        "line": suggestion.line,
        "reason": suggestion.reason,
    }


def _cut(cut: Cut) -> dict[str, Any]:
    return {
        "budget": cut.account.budget,
        "group": dict(cut.account.group),
        "consumed": number(cut.account.consumed),
        "slices": [
            {
                "slice": dict(step.slice),
                "spent": number(step.spent),
                "instant": step.instant,
                "runs": step.runs,
                "value_usd": number(step.value_usd),
                "consumed": number(step.consumed),
            }
            for step in cut.steps
        ],
        "runs": cut.runs,
        "of_runs": cut.account.selected,
        "after": None if cut.after is None else account_dict(cut.after),
        "proven": cut.proven,
        "bound": cut.bound,
        "reason": cut.reason,
        "ways": [
            {"name": rung.name, "what": rung.what, "enough": rung.enough, "runs": rung.runs}
            for rung in cut.rungs
        ],
    }
