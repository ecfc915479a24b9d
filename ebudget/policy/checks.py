"""What the types cannot say: whether the parts of a policy fit each other."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Mapping

from ebudget.columns import BY_NAME, NUMBERS, TIERS, Type
from ebudget.policy.allow import KEYS
from ebudget.policy.changes import Gate
from ebudget.policy.mapping import FieldMap
from ebudget.policy.misfit import unknown_column
from ebudget.policy.model import Budget, Policy
from ebudget.policy.rules.rule import Rule, compile_amount, compile_condition
from ebudget.policy.rules.terms import RuleError, UnknownColumn, kind_of
from ebudget.policy.values import ALL
from ebudget.quantities import plain_number

Path = tuple[str | int, ...]
Finding = tuple[Path, str]

GROUPING_TYPES = (Type.TEXT, Type.BOOLEAN)
"""The types of column that runs can be grouped by."""


def groupable(policy: Policy) -> list[str]:
    """The columns that runs can be grouped by, in budgets and on the command line."""
    types = policy.columns
    return [name for name, type_ in types.items() if type_ in GROUPING_TYPES and name != "run_id"]


def why_not_grouped(name: str, type_: Type) -> str:
    """Why runs cannot be grouped by a column that there is."""
    if name == "run_id":
        return "every run has a run_id of its own, so it makes no groups"
    return f"{name} is {kind_of(type_)}; runs are grouped by texts and booleans"


_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}\Z", re.ASCII)
_RESERVED = ("file_row_number", "rowid", "filename")
_NAMES = ("all", "labelled", "success")


def check_policy(policy: Policy, failures: Collection[str]) -> Iterator[Finding]:
    """Every problem, with the path of the value that has it.

    `failures` are the names that the file defines, those that were refused for another reason
    among them.
    """
    for name, field in policy.logs.fields.items():
        yield from _check_field(("logs", "fields", name), name, field)
    yield from _check_names(policy)
    yield from _check_key(policy)
    types, zone = policy.columns, policy.timezone

    def rule(path: Path, text: str, compile_: Callable[..., Rule]) -> Iterator[Finding]:
        for error in _errors_of(text, types, lambda text, types: compile_(text, types, zone)):
            place = "" if error.at is None else f" at character {error.at + 1}"
            yield path, _with_place(str(error), place)

    for outcome, when in policy.logs.conditions.items():
        at: Path = ("logs", "outcomes", outcome, "when")
        yield from rule(at, when, compile_condition)
        yield from _check_reads(at, when, policy)

    for name, failure in policy.failures.items():
        yield from rule(("failures", name, "when"), failure.when, compile_condition)
    for name, budget in policy.budgets.items():
        path: Path = ("budgets", name)
        yield from _check_columns(path, budget, types)
        yield from _check_tiers(path, budget, policy)
        if budget.min_measured is not None and budget.spend.traits.by_class:
            yield (*path, "min_measured"), "only what `when` and `sum` read is measured"
        if budget.of is not None and budget.of not in _NAMES:
            yield from rule((*path, "of"), budget.of, compile_condition)
        spend = budget.spend
        behind = (*path, "spend", spend.traits.key)
        if spend.condition is not None:
            yield from rule(behind, spend.condition, compile_condition)
        if spend.amount is not None:
            yield from rule(behind, spend.amount, compile_amount)
        for place, message in spend.problems(failures):
            yield (*behind, *place), message
        yield from _check_value(path, budget, policy)
        yield from _check_gate((*path, "gate"), budget.gate)


def _errors_of(
    text: str, types: Mapping[str, Type], compile_: Callable[[str, Mapping[str, Type]], Rule]
) -> Iterator[RuleError]:
    """The first error of an expression; where that is an unknown column, those that come after it
    too. What such a column holds is not known, so the type is tried that leads the farthest.
    """
    error, guessed = _error_of(text, types, compile_), types
    while error is not None:
        if not isinstance(error, UnknownColumn):
            yield error
            return
        yield UnknownColumn(error.name, types, error.at, error.hint)
        known = [{**guessed, error.name: type_} for type_ in Type]
        after = [(_error_of(text, guess, compile_), guess) for guess in known]
        error, guessed = next(
            ((e, g) for e, g in after if e is None or isinstance(e, UnknownColumn)),
            (None, guessed),
        )


def _error_of(
    text: str, types: Mapping[str, Type], compile_: Callable[[str, Mapping[str, Type]], Rule]
) -> RuleError | None:
    try:
        compile_(text, types)
    except RuleError as error:
        return error
    return None


DAY_OF_RUN = "day"
"""In `logs.key`, the day of start_time in the policy's zone."""


def _check_key(policy: Policy) -> Iterator[Finding]:
    types = policy.columns
    for index, name in enumerate(policy.logs.key):
        path: Path = ("logs", "key", index)
        if name == DAY_OF_RUN:
            if name in types:
                message = "'day' is the day of start_time here; give the mapped column another name"
                yield path, message
        elif name not in types:
            yield path, unknown_column(name, [*types, DAY_OF_RUN])
        elif types[name] is Type.LIST:
            yield path, f"{name} is a list; a run is known by texts, numbers, booleans and times"
        if name in policy.logs.key[:index]:
            yield path, f"{name!r} is there twice"
    if set(policy.logs.key) == {DAY_OF_RUN}:
        yield ("logs", "key"), "a day has many runs; add the columns that tell them apart"


def _check_reads(path: Path, when: str, policy: Policy) -> Iterator[Finding]:
    try:
        reads = compile_condition(when, policy.columns, policy.timezone).columns
    except RuleError:
        return
    if "outcome" in reads:
        yield path, "this decides the outcome, so it cannot read it"


def _check_tiers(path: Path, budget: Budget, policy: Policy) -> Iterator[Finding]:
    """A mapping by risk tier has known tiers only; any other key was meant for something else."""
    allow = budget.allow
    if allow is None or not allow.closed:
        return
    declared = {w.risk_tier for w in policy.workflows.values() if w.risk_tier is not None}
    known = sorted({*TIERS, "default", *declared})
    for name, _ in allow.lines:
        if name in known:
            continue
        if name == "slo":
            meant = "write slo: 99.9% in place of allow"
        elif close := difflib.get_close_matches(name, [*KEYS, *known], 1, 0.6):
            meant = f"did you mean {close[0]!r}?"
        else:
            meant = "for the values of another column write {by: COLUMN, VALUE: 1%, default: 1%}"
        message = f"{name!r} is no risk tier that anybody declares ({', '.join(known)}); {meant}"
        yield (*path, "allow", name), message


def _check_gate(path: Path, gate: Gate) -> Iterator[Finding]:
    stopped = () if gate.changes is ALL else gate.changes
    for name in gate.exempt:
        if name in stopped:
            yield (*path, "exempt"), f"changes of type {name!r} cannot be both stopped and exempt"


def _with_place(message: str, place: str) -> str:
    head, semicolon, tail = message.partition(";")
    return head + place + semicolon + tail


def _check_field(path: Path, name: str, field: FieldMap) -> Iterator[Finding]:
    known = BY_NAME.get(name)
    if name.lower() in _RESERVED:
        yield path, f"the name {name!r} is taken; choose another"
    elif known is None and not _IDENTIFIER.match(name):
        yield (
            path,
            f"{name!r} is no column name; use letters, digits and _, beginning with a letter",
        )
    if known is None and name.lower() in BY_NAME:
        yield path, f"{name!r} differs from the column {name.lower()!r} by case only"
    if known and field.type and field.type is not known.type:
        yield (*path, "type"), f"{name} is {known.type.value}; leave the type out"
    type_ = known.type if known else field.type or Type.TEXT
    numeric = type_ in (Type.NUMBER, Type.INTEGER)
    if field.scale != 1 and not numeric:
        yield (*path, "scale"), f"only numbers can be scaled, and {name} is {type_.value}"
    yield from _check_paths(path, field)
    for index, value in enumerate(field.null_if):
        if numeric:
            if plain_number(value) is None:
                message = f"{value!r} is not a number; write it as the log does, such as -1 or 0"
                yield (*path, "null_if", index), message
        elif type_ is Type.LIST:
            yield (*path, "null_if", index), "null_if is for texts, numbers, booleans and times"


def _check_paths(path: Path, field: FieldMap) -> Iterator[Finding]:
    for at in field.paths:
        if not at.strip():
            yield (*path, "path"), "an empty path leads nowhere"
        elif not all(part.strip() for part in at.split(".")):
            yield (*path, "path"), f"the path {at!r} has an empty part; write the keys with one dot"
        elif at.startswith("_ebudget_"):
            yield (*path, "path"), f"names like {at!r} are taken by ebudget itself"
    if not field.paths:
        yield (*path, "path"), "name at least one path"


def _check_names(policy: Policy) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name in policy.logs.fields:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            yield ("logs", "fields", name), f"{name!r} differs from {other!r} by case only"
    if "" in {name.strip() for name in policy.budgets}:
        yield ("budgets",), "a budget has a name"
    if not policy.budgets:
        yield ("budgets",), "a policy has at least one budget"


def _check_columns(path: Path, budget: Budget, types: dict[str, Type]) -> Iterator[Finding]:
    groupable = [name for name, type_ in types.items() if type_ in GROUPING_TYPES]
    places: list[tuple[Path, str]] = [((*path, "for", s.column), s.column) for s in budget.for_]
    by = budget.allowance
    if by.column is not None and not by.closed:
        places.append(((*path, "allow", "by"), by.column))
    for key, names in (("each", budget.each), ("by", budget.by)):
        places += [((*path, key, index), name) for index, name in enumerate(names)]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield (*path, key, index), f"{name!r} is there twice"
    for place, name in places:
        if name not in types:
            yield place, unknown_column(name, groupable)
        elif place[2] == "for" and types[name] in NUMBERS:
            (selector,) = (s for s in budget.for_ if s.column == name)
            try:
                _ = selector.numbers
            except ValueError as error:
                yield place, f"{name} is a number: {error}"
        elif name not in groupable or name == "run_id":
            yield place, why_not_grouped(name, types[name])


def _check_value(path: Path, budget: Budget, policy: Policy) -> Iterator[Finding]:
    if budget.needs_value and not any(
        workflow.value_usd is not None for workflow in policy.workflows.values()
    ):
        yield (
            (*path, "allow"),
            "of_value needs a value; declare value_usd for a workflow under workflows",
        )
