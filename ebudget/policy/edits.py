"""Other terms for a policy's budgets, as `--set BUDGET.KEY=VALUE` and `--sweep` write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from pydantic import ValidationError

from ebudget.columns import Type
from ebudget.errors import UsageError
from ebudget.policy.changes import Gate
from ebudget.policy.checks import check_policy
from ebudget.policy.file import plain_value
from ebudget.policy.model import Budget, Policy
from ebudget.policy.rules.rule import with_column
from ebudget.policy.rules.terms import RuleError
from ebudget.policy.spends import SpendClass
from ebudget.quantities import decimal_text, number
from ebudget.text import nearest, quoted, visible

_LONGER: Mapping[str, tuple[str, ...]] = {
    "freeze_below": ("gate", "freeze_below"),
    "changes": ("gate", "changes"),
    "exempt": ("gate", "exempt"),
    "weights": ("spend", "class"),
}
"""Short names for keys that lie deeper."""

MOST_VALUES = 10_000
"""Values of a sweep."""


@dataclass(frozen=True)
class Edit:
    """One key of one budget, with another value."""

    source: str
    """As it was written."""
    budget: str
    path: tuple[str, ...]
    """The keys that lead to the value, below the budget."""
    value: Any
    """Texts, lists and mappings, as a policy file holds them."""


@dataclass(frozen=True)
class Draft:
    """A policy with the document it was read from, so that single values can be changed."""

    policy: Policy
    document: Mapping[str, Any]

    def edit(self, text: str, option: str = "--set") -> Edit:
        """The edit that `BUDGET.KEY=VALUE` means. Raises UsageError."""
        left, equals, value = text.partition("=")
        shown = f"{option} {quoted(text)}"
        if not equals:
            raise UsageError(f"{shown}: write BUDGET.KEY=VALUE, such as wrong-edits.allow=20%")
        owners = [name for name in self.policy.budgets if left.startswith(f"{name}.")]
        if left in self.policy.budgets:
            raise UsageError(f"{shown}: which key? Write {visible(left)}.allow=VALUE, for example")
        if not owners:
            name = left.partition(".")[0]
            near = visible(nearest(name, self.policy.budgets))
            raise UsageError(f"{shown}: no budget is named {quoted(name)}{near}")
        budget = max(owners, key=len)
        first, *rest = left[len(budget) + 1 :].split(".", 1)
        path = _LONGER.get(first, (first,))
        if rest:
            path += (
                (rest[0],)
                if first in ("respond", "allow", "weights")
                else tuple(rest[0].split("."))
            )
        if path[0] not in KEYS:
            raise UsageError(
                f"{shown}: unknown key {quoted(path[0])}"
                f"{visible(nearest(path[0], [*KEYS, *_LONGER]))}"
            )
        read: Any = value if path[0] == "respond" and len(path) > 1 else plain_value(value, shown)
        return Edit(f"{option} {text}", budget, path, read)

    def edited(self, edits: Sequence[Edit]) -> Policy:
        """The policy with other values. Raises UsageError for a value that does not fit."""
        documents: dict[str, dict[str, Any]] = {}
        for edit in edits:
            raw = documents.setdefault(edit.budget, deepcopy(self.document["budgets"][edit.budget]))
            self._put(raw, edit)
        budgets = {
            name: _checked(raw, [e for e in edits if e.budget == name])
            for name, raw in documents.items()
        }
        return self.policy.model_copy(update={"budgets": {**self.policy.budgets, **budgets}})

    def _put(self, raw: dict[str, Any], edit: Edit) -> None:
        if edit.path[0] in _EITHER:  # the one takes the place of the other
            raw.pop(_EITHER[edit.path[0]], None)
        at = raw
        for depth, key in enumerate(edit.path[:-1]):
            inner = at.get(key)
            if edit.path[: depth + 1] == ("spend", "class") and not isinstance(inner, dict):
                inner = _weights(self.policy.budgets[edit.budget])
            if inner is not None and not isinstance(inner, dict):
                where = ".".join(edit.path[: depth + 1])
                raise UsageError(
                    f"{visible(edit.source)}: {where} is {quoted(str(inner))} and has no keys; "
                    f"set {edit.budget}.{where} as a whole"
                )
            at[key] = inner = dict(inner or {})
            at = inner
        at[edit.path[-1]] = edit.value


_EITHER = {"allow": "slo", "slo": "allow"}
KEYS = tuple(field.alias or name for name, field in Budget.model_fields.items())
"""The keys of a budget."""


def _weights(budget: Budget) -> dict[str, str]:
    if not isinstance(budget.spend, SpendClass):
        return {}
    return {name: str(weight) for name, weight in budget.spend.weights}


def _checked(raw: dict[str, Any], edits: Sequence[Edit]) -> Budget:
    try:
        return Budget.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = first["msg"]
        if first["type"] == "misfit":
            message = first["ctx"]["problems"][0][1]
        elif first["type"] == "extra_forbidden":
            known = [f.alias or name for name, f in Gate.model_fields.items()]
            message = f"unknown key{nearest(str(first['loc'][-1]), known)}"
        where = ".".join(str(part) for part in first["loc"])
        last = visible(edits[-1].source)
        raise UsageError(f"{last}: {visible(where)}: {visible(message)}") from None


def check_edited(policy: Policy, edits: Iterable[Edit]) -> None:
    """Raises UsageError where the parts of an edited policy do not fit each other."""
    for path, message in check_policy(policy, policy.failures):
        for edit in edits:
            if path[:2] == ("budgets", edit.budget):
                raise UsageError(f"{visible(edit.source)}: {visible(message)}")


@dataclass(frozen=True)
class Sweep:
    """One key of one budget, with many values."""

    source: str
    budget: str
    key: str
    """As it was written, such as `allow`."""
    unit: str
    """What stands behind the number: `%`, `d` or nothing."""
    values: tuple[Fraction, ...]
    """In that unit."""
    policies: tuple[Policy, ...]
    """The policy with each value."""


SWEPT = ("allow", "slo", "window", "gate", "min_runs", "min_judged", "min_measured", "spend")
"""Keys of a budget that hold numbers."""
_VALUE = r"\s*(\d+(?:\.\d+)?)\s*([%smhdw]?)\s*"
_RANGE = re.compile(rf"{_VALUE}\.\.{_VALUE}(?::{_VALUE})?\Z")


def parse_sweep(draft: Draft, text: str) -> Sweep:
    """The sweep that `BUDGET.KEY=FIRST..LAST:STEP` means. Raises UsageError."""
    left, _, span = text.partition("=")
    shown = f"--sweep {quoted(text)}"
    example = "write BUDGET.KEY=FIRST..LAST:STEP, such as wrong-edits.allow=2%..20%:2%"
    found = _RANGE.match(span)
    if not found or not found[5]:
        raise UsageError(f"{shown}: {example}")
    units = {found[2], found[4], found[6]}
    if len(units) > 1:
        raise UsageError(f"{shown}: one unit is expected, not several; {example}")
    try:
        first, last, step = (number(found[i]) for i in (1, 3, 5))
    except ValueError as error:
        raise UsageError(f"{shown}: {visible(str(error))}") from None
    if step <= 0:
        raise UsageError(f"{shown}: a step of 0 never ends; {example}")
    if last < first:
        raise UsageError(f"{shown}: it ends before it begins; swap the two values")
    count = (last - first) // step + 1
    if count > MOST_VALUES:
        raise UsageError(f"{shown}: {count:,} values, at most {MOST_VALUES:,}; take a larger step")
    unit = found[2]
    values = tuple(first + step * i for i in range(count))
    edit = draft.edit(f"{left}={decimal_text(first)}{unit}", "--sweep")
    if edit.path[0] not in SWEPT:
        raise UsageError(f"{shown}: no number; swept can be {', '.join(SWEPT)}")
    edits = [
        replace(edit, source=f"--sweep {left}={text}", value=text)
        for text in (f"{decimal_text(value)}{unit}" for value in values)
    ]
    policies = tuple(draft.edited([one]) for one in edits)
    for policy, one in zip((policies[0], policies[-1]), (edits[0], edits[-1]), strict=True):
        check_edited(policy, [one])
    return Sweep(text, edit.budget, left[len(edit.budget) + 1 :], unit, values, policies)


def with_scaled_column(policy: Policy, column: str, factor: Fraction) -> Policy:
    """The policy with every rule reading a column times a factor. Raises UsageError."""
    if (factor * 10**9).denominator != 1:
        raise UsageError(f"--scale {visible(column)}: a factor has at most 9 decimal places")
    types = policy.columns
    numeric = [name for name, type_ in types.items() if type_ in (Type.NUMBER, Type.INTEGER)]
    if column not in numeric:
        near = visible(nearest(column, numeric))
        raise UsageError(f"--scale {quoted(column)}: no such number{near}")

    def scaled(text: str) -> str:
        try:
            return with_column(text, column, f"({column} * {decimal_text(factor)})")
        except RuleError as error:
            raise UsageError(f"--scale {column}: {error}") from None

    failures = {
        name: failure.model_copy(update={"when": scaled(failure.when)})
        for name, failure in policy.failures.items()
    }
    budgets = {}
    for name, budget in policy.budgets.items():
        update: dict[str, Any] = {}
        if budget.of is not None and budget.earning_rule is not None:
            update["of"] = scaled(budget.of)
        update["spend"] = budget.spend.rewritten(scaled)
        budgets[name] = budget.model_copy(update=update)
    return policy.model_copy(update={"failures": failures, "budgets": budgets})
