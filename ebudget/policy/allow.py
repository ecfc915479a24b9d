"""What `allow` says: one form, or one for each value of a column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from ebudget.policy.allowances import FORMS, Form, Ratio, numbered
from ebudget.policy.misfit import Misfit, fields_of, only, text_of
from ebudget.policy.values import TEXT
from ebudget.quantities import share

_MAPPINGS: Mapping[frozenset[str], type[Form]] = {
    frozenset(keys): form for form in FORMS if (keys := form.traits.schema.get("required"))
}
"""The forms that are mappings, by their keys."""

_SCALARS = [form for form in FORMS if "required" not in form.traits.schema]
"""The others: a percentage, or another number."""

KEYS = frozenset().union(*_MAPPINGS)
"""The keys of all forms that are mappings."""

_EXPECTED = (
    ", ".join(form.traits.example for form in FORMS)
    + ", one of these for each risk tier, or {by: COLUMN, VALUE: one of these, …}"
)

DEFAULT = "default"


@dataclass(frozen=True)
class Allowance:
    """What is allowed: one form, or one for each value of a column."""

    lines: tuple[tuple[str, Form], ...]
    """The forms by value; `default` serves the values without a line."""
    column: str | None = None
    """None where there is one form for all."""
    closed: bool = False
    """Whether it is a mapping by risk tier, whose keys are known tiers only."""

    @property
    def forms(self) -> tuple[Form, ...]:
        """All of them."""
        return tuple(form for _, form in self.lines)

    def of(self, group: Mapping[str, str | None]) -> Form | None:
        """The form for a group; None where neither its value nor a default has a line."""
        lines = dict(self.lines)
        return lines.get(group.get(self.column or "") or "", lines.get(DEFAULT))

    def numbered(self, number: Fraction) -> Allowance:
        """The same with another number in every form."""
        lines = tuple((value, numbered(form, number)) for value, form in self.lines)
        return replace(self, lines=lines)


def plain(form: Form) -> Allowance:
    """One form for all."""
    return Allowance(((DEFAULT, form),))


def parse_slo(value: Any) -> Ratio:
    """What an objective such as `99.9%` allows: the rest. Raises Misfit."""
    text = text_of(value)
    try:
        objective = share(text)
    except ValueError as error:
        raise Misfit(str(error)) from None
    if not 0 < objective <= 1:
        raise Misfit(f"{text} is no objective; write a share such as 99.9%")
    return Ratio(1 - objective)


def _form(value: Any) -> Form:
    if not isinstance(value, dict):
        is_percent = text_of(value).strip().endswith("%")
        return next(f for f in _SCALARS if f.traits.percent is is_percent).read(value)
    keys = frozenset(value)
    form = _MAPPINGS.get(keys)
    if form is None:
        closest = max(
            _MAPPINGS, key=lambda known: (len((keys & known) - {"over"}), len(keys & known))
        )
        if keys & closest:
            only(value, closest)
            missing = ", ".join(sorted(closest - keys))
            raise Misfit(f"{missing} is missing; write {_EXPECTED}")
        raise Misfit(f"write {_EXPECTED}")
    return form.read(value)


def parse_allowance(value: Any) -> Allowance:
    """The allowance that a policy's `allow` describes. Raises Misfit."""
    if not isinstance(value, dict):
        return plain(_form(value))
    if not value:
        raise Misfit(f"nothing is allowed here; write {_EXPECTED}")
    if "by" in value:
        column = text_of(value["by"], "by")
        lines = fields_of({key: item for key, item in value.items() if key != "by"}, _form)
        if not lines:
            raise Misfit("name what is allowed for each value, or a default", "by")
        return Allowance(tuple(sorted(lines.items())), column)
    if frozenset(value) & KEYS:
        return plain(_form(value))
    return Allowance(tuple(sorted(fields_of(value, _form).items())), "risk_tier", closed=True)


_PLAIN_SCHEMAS = [form.traits.schema for form in FORMS]

ALLOW_SCHEMA = {
    "anyOf": [
        *_PLAIN_SCHEMAS,
        {
            "type": "object",
            "properties": {"by": TEXT},
            "additionalProperties": {"anyOf": _PLAIN_SCHEMAS},
            "minProperties": 1,
        },
    ]
}
