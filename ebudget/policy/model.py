"""The policy as frozen, documented types; what `budgets.yaml` may say, key by key.

Every scalar arrives as the text that the file holds (`null` as None) and is typed here, exactly.
"""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum, StrEnum
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ebudget.columns import CANONICAL, CONDITIONS_FIRST, OUTCOME_WORDS, Type
from ebudget.policy.alerts import BurnRow
from ebudget.policy.allowances import (
    Allowance,
    Band,
    Based,
    By,
    OfValue,
    Plain,
    Ratio,
    parse_allowance,
    parse_slo,
)
from ebudget.policy.misfit import Misfit, fields_of, only, text_of, texts_of
from ebudget.policy.windows import PERIODS, Calendar, Rolling, Window
from ebudget.quantities import duration, number, share, truth, whole
from ebudget.text import nearest

T = TypeVar("T")

BAND_MEASURED = Fraction(95, 100)
"""The least share of measured runs where a baseline is a band: half of the costs missing looks like
a fall."""

CLASSES = ("A", "B", "C", "D")
"""Failure classes, the least bad first."""


class Kind(StrEnum):
    """The family of a budget. It decides defaults and nothing else."""

    OUTCOME = "outcome"
    CLEANUP = "cleanup"
    TRUST = "trust"
    COST = "cost"
    LATENCY = "latency"
    AVAILABILITY = "availability"
    QUALITY = "quality"


class All(Enum):
    """The weight `all`: such a run spends the whole allowance at once."""

    ALL = "all"


ALL = All.ALL


@dataclass(frozen=True)
class SpendClass:
    """`{class: B+}`: each failed run spends the weight of its class."""

    weights: tuple[tuple[str, Fraction | All], ...]


@dataclass(frozen=True)
class SpendFailure:
    """`{failure: [names]}`: each run that matches one of the rules spends 1."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class SpendWhen:
    """`{when: condition}`: each run that meets the condition spends 1."""

    condition: str


@dataclass(frozen=True)
class SpendSum:
    """`{sum: expression}`: each run spends what the expression says."""

    expression: str
    unit: str | None = None
    """What it is counted in, where the expression does not tell."""


Spend = SpendClass | SpendFailure | SpendWhen | SpendSum


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


@dataclass(frozen=True, eq=False)
class _Typed:
    """A pydantic annotation for a value that `read` makes of the file's text.

    Unlike `PlainValidator` it does not look into the annotated type, which takes long and is for
    writing only.
    """

    read: Callable[[Any], Any]
    schema: Mapping[str, Any]

    def validate(self, value: Any) -> Any:
        """What `read` makes of a value, with its objections as pydantic's error."""
        try:
            return self.read(value)
        except Misfit as misfit:
            problems = misfit.problems
        except ValueError as error:
            problems = [((), str(error))]
        raise PydanticCustomError("misfit", "{message}", {"message": "", "problems": problems})

    def __get_pydantic_core_schema__(
        self, _type: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: Any) -> JsonSchemaValue:
        return dict(self.schema)


def _scalar(read: Callable[[str], T]) -> Callable[[Any], T]:
    return lambda value: read(text_of(value))


def _selectors(value: Any) -> tuple[Selector, ...]:
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


def _classes(value: Any) -> tuple[tuple[str, Fraction | All], ...]:
    def letter(name: str) -> str:
        if name not in CLASSES:
            raise Misfit(f"{name!r} is not a class; the classes are A, B, C and D")
        return name

    def weight(item: Any) -> Fraction | All:
        text = text_of(item)
        if text.strip() == "all":
            return ALL
        try:
            amount = number(text)
        except ValueError:
            raise Misfit(f"{text!r} is not a weight; write a number or all") from None
        if amount <= 0:
            raise Misfit("a weight is above 0; leave the class out to spend nothing")
        if (amount * 10**9).denominator != 1:
            raise Misfit("a weight has at most 9 decimal places")
        return amount

    if isinstance(value, dict) and value:
        problems: list[tuple[tuple[str | int, ...], str]] = [
            ((name,), f"{name!r} is not a class; the classes are A, B, C and D")
            for name in value
            if name not in CLASSES
        ]
        weights: dict[str, Fraction | All] = {}
        for name, item in value.items():
            try:
                weights[name] = weight(item)
            except Misfit as misfit:
                problems += [((name, *path), message) for path, message in misfit.problems]
        if problems:
            raise Misfit.all(problems)
        return tuple(sorted(weights.items()))
    if isinstance(value, str) and value.endswith("+"):
        first = CLASSES.index(letter(value[:-1]))
        return tuple((name, Fraction(1)) for name in CLASSES[first:])
    names = texts_of(value)
    if not names:
        raise Misfit("name at least one class, such as B+ or [B, C]")
    return tuple((name, Fraction(1)) for name in sorted({letter(name) for name in names}))


def _failures(value: Any) -> SpendFailure:
    names = texts_of(value)
    if not names:
        raise Misfit("name at least one failure")
    return SpendFailure(names)


_SPENDS: Mapping[str, Callable[[Any], Spend]] = {
    "class": lambda value: SpendClass(_classes(value)),
    "failure": _failures,
    "when": lambda value: SpendWhen(text_of(value)),
    "sum": lambda value: SpendSum(text_of(value)),
}


def _spend(value: Any) -> Spend:
    if not isinstance(value, dict) or len(value) != 1:
        raise Misfit("write one of {class: B+}, {failure: [names]}, {when: …} and {sum: …}")
    only(value, _SPENDS)
    ((key, item),) = value.items()
    return fields_of({key: item}, _SPENDS[key])[key]


def _window(value: Any) -> Window:
    text = text_of(value).strip()
    for period in PERIODS:
        if text == period:
            return Calendar(period)
    try:
        return Rolling(duration(text))
    except ValueError as error:
        raise Misfit(f"{error}, or {', '.join(PERIODS)}") from None


def _respond(value: Any) -> tuple[tuple[Fraction, str], ...]:
    if not isinstance(value, dict) or not value:
        raise Misfit("write what happens at which share, such as {75%: freeze prompt changes}")
    lines: dict[Fraction, str] = {}
    problems: list[tuple[tuple[str | int, ...], str]] = []
    for key, item in value.items():
        try:
            line, text = share(key), text_of(item)
            if line <= 0:
                raise Misfit("a line lies above 0%")
            if line in lines:
                raise Misfit(f"the line {key} is there twice")
            lines[line] = text
        except (ValueError, Misfit) as error:
            problems.append(((key,), str(error)))
    if problems:
        raise Misfit.all(problems)
    return tuple(sorted(lines.items()))


def _fraction_of_budget(value: Any) -> Fraction:
    fraction = share(text_of(value))
    if not 0 <= fraction <= 1:
        raise Misfit(f"{value} does not lie between 0% and 100%")
    return fraction


def _types_of_change(value: Any) -> tuple[str, ...]:
    names = texts_of(value)
    for name in names:
        if not name.strip() or name.strip().lower() in ("all", "*"):
            raise Misfit(f"{name!r} is no type of change; write words such as prompt or model")
    return names


def _changes(value: Any) -> tuple[str, ...] | All:
    return ALL if value in ("all", ["all"]) else _types_of_change(value)


class OnInsufficient(StrEnum):
    """What a gate does about an account that cannot be judged."""

    FAIL = "fail"
    """It is not enough evidence: exit code 3."""
    WARN = "warn"
    """It is named as a warning and does not count."""
    PASS = "pass"  # noqa: S105
    """It does not count."""


def _alert(value: Any) -> BurnRow:
    if not isinstance(value, dict):
        raise Misfit("write {long: 1h, short: 5m, share: 2%, severity: page}")
    only(value, ("long", "short", "share", "factor", "severity"))
    missing = [key for key in ("long", "short", "severity") if key not in value]
    if missing or ("share" in value) == ("factor" in value):
        raise Misfit("an alert needs long, short, severity, and either share or factor")
    reads: Mapping[str, Callable[[str], Any]] = {
        "long": duration,
        "short": duration,
        "share": share,
        "factor": number,
        "severity": _severity,
    }
    found: dict[str, Any] = {}
    problems: list[tuple[tuple[str | int, ...], str]] = []
    for key, item in value.items():
        try:
            found[key] = reads[key](text_of(item))
        except (ValueError, Misfit) as error:
            problems.append(((key,), str(error)))
    if problems:
        raise Misfit.all(problems)
    row = BurnRow(**found)
    if row.short >= row.long:
        raise Misfit("the short window is shorter than the long one", "short")
    if (row.share or row.factor or 0) <= 0:
        raise Misfit("an alert's share or factor is above 0")
    return row


def _severity(text: str) -> str:
    if text not in ("page", "ticket"):
        raise ValueError(f"{text!r} is neither page nor ticket")
    return text


def _alerts(value: Any) -> tuple[BurnRow, ...]:
    if not isinstance(value, list):
        raise Misfit("write a list of alerts; an empty one switches them off")
    return tuple(fields_of(dict(enumerate(value)), _alert).values())


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"{text!r} is not a time zone; write UTC or a name such as Europe/Berlin"
        ) from None


def _version(text: str) -> Literal[1]:
    if text.strip() != "1":
        raise ValueError(f"version {text} is not known; this ebudget reads version 1")
    return 1


def _class_letter(text: str) -> str:
    if text not in CLASSES:
        raise ValueError(f"{text!r} is not a class; the classes are A, B, C and D")
    return text


def _member(enum: type[StrEnum]) -> Callable[[str], StrEnum]:
    def read(text: str) -> StrEnum:
        try:
            return enum(text)
        except ValueError:
            known = [member.value for member in enum]
            raise ValueError(
                f"{text!r} is not one of {', '.join(known)}{nearest(text, known)}"
            ) from None

    return read


def _scale(text: str) -> Fraction:
    factor = number(text)
    if factor <= 0 or (factor * 10**9).denominator != 1:
        raise ValueError("a scale is above 0 and has at most 9 decimal places")
    return factor


@dataclass(frozen=True)
class Said:
    """How a log says one outcome: by words, by a condition, or both."""

    words: tuple[str, ...] = ()
    """Lower case."""
    when: str | None = None
    """A condition over the columns of a run; where it holds, no word counts."""


def _said(value: Any) -> Said:
    if not isinstance(value, dict):
        return Said(tuple(word.strip().lower() for word in texts_of(value)))
    only(value, ("words", "when"))
    if not value:
        raise Misfit('write words, or {words: [resolved], when: "score >= 0.8"}')
    found = fields_of(
        value, lambda item: texts_of(item) if isinstance(item, list) else text_of(item)
    )
    words, when = found.get("words", ()), found.get("when")
    if isinstance(when, tuple):
        raise Misfit("one condition is expected here", "when")
    listed = (words,) if isinstance(words, str) else words
    return Said(tuple(word.strip().lower() for word in listed), when)


def _outcomes(value: Any) -> tuple[tuple[str, Said], ...]:
    if not isinstance(value, dict):
        raise Misfit("write the words of each outcome, such as {success: [resolved]}")
    only(value, OUTCOME_WORDS)
    found = fields_of(value, _said)
    seen: dict[str, str] = {}
    for outcome, said in found.items():
        for word in said.words:
            other = seen.setdefault(word, outcome)
            if other != outcome:
                raise Misfit(f"{word!r} means both {other} and {outcome}", outcome)
    return tuple(found.items())


def _records_at(value: str) -> str:
    if not all(value.split(".")):
        raise ValueError("a path is made of keys joined by dots, such as results.items")
    return value


def _no_outcome(text: str) -> Literal["success"] | None:
    if text not in ("success", "unlabelled"):
        raise ValueError(
            f"{text!r} is neither success (a run without an outcome went well) nor unlabelled "
            "(nobody has judged it yet)"
        )
    return "success" if text == "success" else None


def _key(value: Any) -> tuple[str, ...]:
    names = texts_of(value)
    if not names:
        raise Misfit("name at least one column, such as [workflow, run_id]")
    return names


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a day; write one such as 2026-12-01") from None


_TEXT = {"type": ["string", "number", "boolean"]}
_TEXTS = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_SAID = {
    "anyOf": [
        *_TEXTS["anyOf"],
        {
            "type": "object",
            "properties": {"words": _TEXTS, "when": {"type": "string"}},
            "minProperties": 1,
            "additionalProperties": False,
        },
    ]
}
_PERCENT = {"type": "string", "pattern": r"^\s*\d+(\.\d*)?\s*%$"}
_AMOUNT = {"type": ["number", "string"], "minimum": 0}
_DURATION = {"type": "string", "pattern": r"^\d+\s*[smhdw]$"}
_PLAIN_ALLOW = [
    _PERCENT,
    _AMOUNT,
    {
        "type": "object",
        "properties": {"amount": _AMOUNT, "per": _AMOUNT},
        "required": ["amount", "per"],
        "additionalProperties": False,
    },
    {
        "type": "object",
        "properties": {"of_value": _PERCENT},
        "required": ["of_value"],
        "additionalProperties": False,
    },
    *(
        {
            "type": "object",
            "properties": {key: _PERCENT, "over": _DURATION},
            "required": [key, "over"],
            "additionalProperties": False,
        }
        for key in ("of_baseline", "above_baseline", "around_baseline")
    ),
]
_ALLOW = {
    "anyOf": [
        *_PLAIN_ALLOW,
        {
            "type": "object",
            "properties": {"by": _TEXT},
            "additionalProperties": {"anyOf": _PLAIN_ALLOW},
            "minProperties": 1,
        },
    ]
}
_CLASS = {"enum": list(CLASSES)}
_SPEND = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
    "properties": {
        "class": {
            "anyOf": [
                {"enum": [*CLASSES, *(name + "+" for name in CLASSES)]},
                {"type": "array", "items": _CLASS, "minItems": 1},
                {
                    "type": "object",
                    "properties": {
                        name: {"anyOf": [{"type": "number"}, {"const": "all"}]} for name in CLASSES
                    },
                    "additionalProperties": False,
                },
            ]
        },
        "failure": _TEXTS,
        "when": {"type": "string"},
        "sum": {"type": "string"},
    },
}
_ALERTS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "long": _DURATION,
            "short": _DURATION,
            "share": _PERCENT,
            "factor": {"type": "number", "exclusiveMinimum": 0},
            "severity": {"enum": ["page", "ticket"]},
        },
        "required": ["long", "short", "severity"],
        "oneOf": [{"required": ["share"]}, {"required": ["factor"]}],
        "additionalProperties": False,
    },
}
_FOR = {
    "type": "object",
    "additionalProperties": {
        "anyOf": [
            {"type": ["string", "number", "boolean", "null"]},
            {"type": "array", "items": {"type": ["string", "number", "boolean", "null"]}},
        ]
    },
}

Text = Annotated[str, _Typed(text_of, _TEXT)]
Texts = Annotated[tuple[str, ...], _Typed(texts_of, _TEXTS)]
Flag = Annotated[bool, _Typed(_scalar(truth), {"type": "boolean"})]
Zone = Annotated[ZoneInfo, _Typed(_scalar(_zone), {"type": "string"})]
ClassLetter = Annotated[str, _Typed(_scalar(_class_letter), _CLASS)]
Share = Annotated[Fraction, _Typed(_fraction_of_budget, _PERCENT)]
Usd = Annotated[Fraction, _Typed(_scalar(number), {"type": ["number", "string"]})]


class Part(BaseModel):
    """A mapping of the policy: frozen, and without keys that nobody reads."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
    )


class FieldMap(Part):
    """Where a column comes from in this log."""

    paths: Texts = Field(alias="path")
    """The key, or the path of nested keys joined by dots; of several the first with a value wins.
    """
    type: Annotated[
        Type | None, _Typed(_scalar(_member(Type)), {"enum": [member.value for member in Type]})
    ] = None
    """Only for columns of one's own; `text` when left out."""
    scale: Annotated[
        Fraction, _Typed(_scalar(_scale), {"type": "number", "exclusiveMinimum": 0})
    ] = Fraction(1)
    """The log's number times this is the column's, such as 1000 from seconds to milliseconds."""
    null_if: Texts = ()
    """Values that mean "not measured"."""
    optional: Flag = False
    """Whether the path may be absent from the whole log."""

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str | list) else value


class Logs(Part):
    """Where the logs are and how they differ from the canonical run."""

    paths: Texts = ()
    """Files, folders or globs, relative to the policy file; used when the command names none."""
    timezone: Zone = ZoneInfo("UTC")
    """The zone of times that are written without one."""
    fields: dict[str, FieldMap] = Field(default_factory=dict)
    """Our column: their key."""
    outcomes: Annotated[
        tuple[tuple[str, Said], ...],
        _Typed(
            _outcomes,
            {
                "type": "object",
                "properties": dict.fromkeys(OUTCOME_WORDS, _SAID),
                "additionalProperties": False,
            },
        ),
    ] = ()
    """This log's own words for the outcomes, beside the ones that are always known, or a condition
    for each: `{when: "score >= 0.8"}`."""
    no_outcome: Annotated[
        Literal["success"] | None,
        _Typed(_scalar(_no_outcome), {"enum": ["success", "unlabelled"]}),
    ] = None
    """`success`: this log names failures only, so a run without an outcome that matches no failure
    rule went well. Left out, nobody has judged it yet."""
    records_at: Annotated[str | None, _Typed(_scalar(_records_at), _TEXT)] = None
    """The path of the array in which each JSON record of the log wraps its runs."""
    key: Annotated[tuple[str, ...], _Typed(_key, _TEXTS)] = ("workflow", "run_id")
    """The columns by which a run is known: records that agree in all of them are one run. `day` is
    the day of start_time."""
    max_rejected: Share = Fraction(5, 100)
    """Where a larger share of the records cannot be read, in all or in a file of 20 and more, a
    gate has not enough evidence."""
    max_unknown: Share = Fraction(5, 100)
    """An account that needs outcomes is not judged where more of their words are unknown."""

    @property
    def conditions(self) -> dict[str, str]:
        """The outcomes that a condition decides, the one that goes before all others first."""
        found = {outcome: said.when for outcome, said in self.outcomes}
        return {name: when for name in CONDITIONS_FIRST if (when := found.get(name)) is not None}


class Failure(Part):
    """A rule that says what a failure is."""

    class_: ClassLetter = Field(alias="class")
    """A (a blemish) to D (a breach of trust)."""
    when: Text
    """A SQL condition over the columns of a run."""
    instant: Flag = False
    """Whether one such run spends the whole allowance."""


class Workflow(Part):
    """A unit of work: who pays for its failures, and what a success is worth."""

    unit: Text = "run"
    """What one run handles, such as `ticket`."""
    owner: Text | None = None
    """Who pays for the clean-up."""
    risk_tier: Text | None = None
    """The tier of its runs that name none themselves."""
    value_usd: Usd | None = None
    """US dollars that one success saves."""
    review_usd_per_hour: Usd | None = None
    """US dollars that an hour of human review costs."""
    since: Annotated[date | None, _Typed(_scalar(_day), {"type": "string", "format": "date"})] = (
        None
    )
    """The day, in the policy's zone, before which nobody misses its runs."""


class Gate(Part):
    """Which changes a burning budget stops."""

    changes: Annotated[tuple[str, ...] | All, _Typed(_changes, _TEXTS)] = ALL
    """The team's own words for types of change; all when left out."""
    freeze_below: Annotated[Fraction, _Typed(_fraction_of_budget, _PERCENT)] = Fraction(1, 4)
    """The account is frozen when less than this share remains."""
    exempt: Annotated[tuple[str, ...], _Typed(_types_of_change, _TEXTS)] = ()
    """Types of change that pass whatever the verdict, such as the one that repairs the budget."""
    on_insufficient: Annotated[
        OnInsufficient | None,
        _Typed(
            _scalar(_member(OnInsufficient)), {"enum": [member.value for member in OnInsufficient]}
        ),
    ] = None
    """What the gate does about accounts without enough evidence; fail when left out."""

    def stops(self, change: str) -> bool:
        """Whether changes of this type wait for the budget."""
        return change not in self.exempt and (self.changes is ALL or change in self.changes)


class Budget(Part):
    """How much of one kind of failure is acceptable."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["allow"]}, {"required": ["slo"]}]}
    )

    kind: Annotated[
        Kind | None, _Typed(_scalar(_member(Kind)), {"enum": [member.value for member in Kind]})
    ] = None
    """The family; it sets defaults only. Left out, it follows from `spend`."""
    for_: Annotated[tuple[Selector, ...], _Typed(_selectors, _FOR)] = Field(default=(), alias="for")
    """Which runs the budget is about; all when left out."""
    each: Texts = ()
    """One account for each value of these columns."""
    of: Text | None = None
    """What earns: all, labelled, success, or a condition."""
    spend: Annotated[Spend, _Typed(_spend, _SPEND)]
    """What spends the budget."""
    allow: Annotated[Allowance | None, _Typed(parse_allowance, _ALLOW)] = None
    """How much is acceptable."""
    slo: Annotated[Ratio | None, _Typed(parse_slo, _PERCENT)] = None
    """The same as an objective, in place of `allow`: 99.9% allows 0.1%."""
    window: Annotated[Window, _Typed(_window, {"anyOf": [_DURATION, {"enum": list(PERIODS)}]})] = (
        Rolling(duration("30d"))
    )
    """Over which time."""
    unit: Text | None = None
    """What the spend is counted in, such as `turn`, `call` or `usd`; left out, the workflow's unit,
    or that of the column that is summed."""
    by: Texts = ()
    """How the report breaks the spend down."""
    respond: Annotated[
        tuple[tuple[Fraction, str], ...],
        _Typed(_respond, {"type": "object", "additionalProperties": _TEXT}),
    ] = ()
    """What was agreed to happen when a share of the budget is spent."""
    gate: Gate = Gate()
    """Which changes it stops, and when."""
    min_runs: Annotated[int, _Typed(_scalar(whole), {"type": "integer", "minimum": 0})] = 0
    """Fewer runs that earn are no evidence, where the allowance depends on them."""
    min_judged: Share = Fraction(0)
    """Where a smaller share of the runs is judged, that is not evidence enough."""
    min_measured: Share | None = None
    """The same for the values that `sum` and `when` need; 95% where a baseline is a band, else 0%.
    """
    alerts: Annotated[tuple[BurnRow, ...] | None, _Typed(_alerts, _ALERTS)] = None
    """Burn alerts in place of the default rows."""

    @model_validator(mode="after")
    def _one_allowance(self) -> Budget:
        if (self.allow is None) == (self.slo is None):
            place: tuple[str, ...] = ()
            message = "allow is missing"
            if self.slo is not None:
                place, message = ("slo",), "allow and slo say the same thing; write one of them"
            raise PydanticCustomError(
                "misfit", "{message}", {"message": message, "problems": [(place, message)]}
            )
        return self

    @property
    def allowance(self) -> Allowance:
        """What is allowed, be it written as `allow` or as `slo`."""
        found = self.allow if self.allow is not None else self.slo
        assert found is not None
        return found

    @property
    def family(self) -> Kind:
        """The kind, or the one that `spend` suggests."""
        if self.kind is not None:
            return self.kind
        match self.spend:
            case SpendClass() | SpendFailure():
                return Kind.OUTCOME
            case SpendSum():
                return Kind.COST
            case SpendWhen():
                return Kind.QUALITY

    @property
    def earns(self) -> str:
        """What earns, with the default of the kind: all, labelled, success or a condition."""
        if self.of is not None:
            return self.of
        if self.family in (Kind.OUTCOME, Kind.TRUST):
            return "labelled"
        if self.family in (Kind.LATENCY, Kind.QUALITY) and isinstance(self.spend, SpendWhen):
            return f"({self.spend.condition}) is not null"
        return "all"

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The columns that part the budget into accounts."""
        allow = self.allowance
        if isinstance(allow, By) and allow.column not in self.each:
            return (*self.each, allow.column)
        return self.each

    @property
    def forms(self) -> tuple[Plain, ...]:
        """The allowances: one, or one for each value of a column."""
        allow = self.allowance
        return tuple(form for _, form in allow.lines) if isinstance(allow, By) else (allow,)

    def form_of(self, group: Mapping[str, str | None]) -> Plain | None:
        """The allowance of a group; None where the policy has none for it."""
        allow = self.allowance
        return allow.of(group.get(allow.column)) if isinstance(allow, By) else allow

    @property
    def needs_value(self) -> bool:
        """Whether the allowance depends on what successes are worth."""
        return any(isinstance(form, OfValue) for form in self.forms)

    @property
    def looks_back(self) -> bool:
        """Whether the time before the window has a part in what is allowed."""
        return any(isinstance(form, Based) for form in self.forms)

    def least_measured(self, form: Plain | None) -> Fraction:
        """The share of the runs whose value must be known."""
        if self.min_measured is not None:
            return self.min_measured
        return BAND_MEASURED if isinstance(form, Band) else Fraction(0)

    def selects(self, column: str, value: str | None) -> bool:
        """Whether `for` admits this value of a column."""
        return all(s.admits(value) for s in self.for_ if s.column == column)


class Policy(Part):
    """The whole policy of a `budgets.yaml`."""

    version: Annotated[Literal[1], _Typed(_scalar(_version), {"const": 1})]
    """The version of the policy's form."""
    timezone: Zone = ZoneInfo("UTC")
    """The zone of calendar windows and of `date_part` in rules."""
    logs: Logs = Logs()
    failures: dict[str, Failure] = Field(default_factory=dict)
    """What failure means, by name; the worst class that a run matches is its class."""
    unclassified: ClassLetter = "B"
    """The class of a failed run that no rule names."""
    workflows: dict[str, Workflow] = Field(default_factory=dict)
    budgets: dict[str, Budget]

    def without_breakdowns(self) -> Policy:
        """The same accounts; nothing is asked of where their spend went."""
        budgets = {n: b.model_copy(update={"by": ()}) for n, b in self.budgets.items()}
        return self.model_copy(update={"budgets": budgets})

    @property
    def columns(self) -> dict[str, Type]:
        """Every column that rules may name, with its type: the canonical ones and one's own."""
        types = {column.name: column.type for column in CANONICAL}
        for name, field in self.logs.fields.items():
            types.setdefault(name, field.type or Type.TEXT)
        return types


class _Documented(GenerateJsonSchema):
    """Docstrings of fields become descriptions here, not where models are built: looking for them
    reads this file's source. Defaults are told in words; as values they would be fractions.
    """

    def default_schema(self, schema: Any) -> Any:
        return self.generate_inner(schema["schema"])

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        model = schema["cls"]
        made = super().model_schema(schema)
        for name, description in _docstrings(model).items():
            made["properties"][model.model_fields[name].alias or name]["description"] = description
        return made


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The text that stands below each field of a class; none in a program packed without source."""
    try:
        source = inspect.getsource(model)
    except OSError:
        return {}
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for above, below in itertools.pairwise(definition.body):
        match above, below:
            case ast.AnnAssign(ast.Name(name)), ast.Expr(ast.Constant(str(description))):
                found[name] = inspect.cleandoc(description)
    return found


@cache
def json_schema() -> dict[str, Any]:
    """The JSON Schema of a policy file, for editors."""
    schema = Policy.model_json_schema(by_alias=True, schema_generator=_Documented)
    fields = schema["$defs"]["Logs"]["properties"]["fields"]
    fields["additionalProperties"] = {"anyOf": [*_TEXTS["anyOf"], fields["additionalProperties"]]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "ebudget policy, version 1",
    }
