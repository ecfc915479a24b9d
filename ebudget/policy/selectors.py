"""Which runs a budget is about: `for`."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any

from ebudget.policy.misfit import Misfit, fields_of, text_of
from ebudget.quantities import number


@dataclass(frozen=True)
class Selector:
    """Which runs a budget is about: one column and the values it may have."""

    column: str
    values: tuple[str | None, ...]
    """Texts, globs with `*`, or None for runs without a value."""

    def admits(self, value: str | None) -> bool:
        """Whether a run with this value is selected; None matches only None."""
        return any(
            value is None if wanted is None else value is not None and _glob(wanted, value)
            for wanted in self.values
        )

    @property
    def numbers(self) -> tuple[Fraction, ...]:
        """Of a column that holds numbers, the ones that are selected. Raises ValueError."""
        return tuple(number(wanted) for wanted in self.values if wanted is not None)

    def admits_number(self, value: Fraction | None) -> bool:
        """Whether a run with this number is selected."""
        return None in self.values if value is None else value in self.numbers


def _glob(pattern: str, value: str) -> bool:
    if "*" not in pattern:
        return pattern == value
    literal = pattern.replace("[", "[[]").replace("?", "[?]")
    return fnmatchcase(value, literal)


def parse_selectors(value: Any) -> tuple[Selector, ...]:
    """What a policy's `for` selects. Raises Misfit."""
    if not isinstance(value, dict):
        raise Misfit("write the columns and their values, such as {environment: prod}")

    def values(item: Any) -> tuple[str | None, ...]:
        if item is None or isinstance(item, str):
            return (item,)
        if isinstance(item, list) and item:
            entries = fields_of(
                dict(enumerate(item)), lambda entry: None if entry is None else text_of(entry)
            )
            return tuple(entries.values())
        raise Misfit("write a value, a list of values, or a glob with *")

    return tuple(Selector(column, found) for column, found in fields_of(value, values).items())


FOR_SCHEMA = {
    "type": "object",
    "additionalProperties": {
        "anyOf": [
            {"type": ["string", "number", "boolean", "null"]},
            {"type": "array", "items": {"type": ["string", "number", "boolean", "null"]}},
        ]
    },
}
