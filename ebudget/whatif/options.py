"""What the command line can ask, as data: options, and what was given to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Given = Mapping[str, Sequence[str]]
"""What was given to each option by its name; nothing where it was left out."""


@dataclass(frozen=True)
class Option:
    """An option of the command line, by which something is asked."""

    name: str
    metavar: str
    """What its value is. `BUDGET` and `FILE` have to be there, as names of budgets and files."""
    help: str
    many: bool = False
    """Whether it can be given several times."""
    default: str | None = None
