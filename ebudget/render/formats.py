"""The formats in which each answer can be told; what draws one is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ebudget.render.page import Look

TAMED = "## ["
"""What `##[` becomes where it must not be a command to the runner of a job."""


@dataclass(frozen=True)
class Format:
    """One format of one answer."""

    module: str
    """In this room; its `render(answer, look)` gives the text."""
    tamed: str | None = TAMED
    """What `##[` becomes, such as an escape that means the same; None where commands are meant."""
    breakdowns: bool = True
    """Whether it shows where the spend went."""

    def render(self, answer: Any, look: Look) -> str:
        """The answer as text."""
        text: str = import_module(f"ebudget.render.{self.module}").render(answer, look)
        return text


_JSON, _XML = "#\\u0023[", "#&#35;["

FORMATS: Mapping[str, Mapping[str, Format]] = {
    "report": {
        "text": Format("report.text"),
        "json": Format("json.statement", _JSON),
        "markdown": Format("report.markdown"),
    },
    "decision": {
        "text": Format("decision.text", breakdowns=False),
        "json": Format("json.decision", _JSON),
        "markdown": Format("decision.markdown", breakdowns=False),
        "github": Format("decision.github", None, breakdowns=False),
        "junit": Format("decision.junit", _XML, breakdowns=False),
    },
    "simulation": {
        "text": Format("whatif.text"),
        "json": Format("json.simulation", _JSON),
        "markdown": Format("whatif.markdown"),
    },
}
"""A new format is a module of this room, and a row for each answer that it can tell."""
