"""Values of a policy file: each arrives as text and is typed here, exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum, StrEnum
from fractions import Fraction
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ebudget.policy.misfit import Misfit, text_of, texts_of
from ebudget.quantities import Duration, duration, number, share, truth
from ebudget.text import nearest

T = TypeVar("T")


class All(Enum):
    """The weight `all`: such a run spends the whole allowance at once."""

    ALL = "all"


ALL = All.ALL


@dataclass(frozen=True, eq=False)
class Typed:
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


def from_text(read: Callable[[str], T]) -> Callable[[Any], T]:
    """A reader of a scalar, by a function that reads its text."""
    return lambda value: read(text_of(value))


def part_of_budget(value: Any) -> Fraction:
    """A percentage from 0% to 100%. Raises Misfit, ValueError."""
    fraction = share(text_of(value))
    if not 0 <= fraction <= 1:
        raise Misfit(f"{value} does not lie between 0% and 100%")
    return fraction


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"{text!r} is not a time zone; write UTC or a name such as Europe/Berlin"
        ) from None


def member_of(enum: type[StrEnum]) -> Callable[[str], StrEnum]:
    """A reader of the values of an enumeration, which raises ValueError."""

    def read(text: str) -> StrEnum:
        try:
            return enum(text)
        except ValueError:
            known = [member.value for member in enum]
            raise ValueError(
                f"{text!r} is not one of {', '.join(known)}{nearest(text, known)}"
            ) from None

    return read


def day_of(text: str) -> date:
    """A day such as 2026-12-01. Raises ValueError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a day; write one such as 2026-12-01") from None


TEXT = {"type": ["string", "number", "boolean"]}

TEXTS = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}

PERCENT = {"type": "string", "pattern": r"^\s*\d+(\.\d*)?\s*%$"}

AMOUNT = {"type": ["number", "string"], "minimum": 0}

DURATION = {"type": "string", "pattern": r"^\d+\s*[smhdw]$"}

Text = Annotated[str, Typed(text_of, TEXT)]

Texts = Annotated[tuple[str, ...], Typed(texts_of, TEXTS)]

Flag = Annotated[bool, Typed(from_text(truth), {"type": "boolean"})]

Zone = Annotated[ZoneInfo, Typed(from_text(_zone), {"type": "string"})]

Share = Annotated[Fraction, Typed(part_of_budget, PERCENT)]


def _dollars(text: str) -> Fraction:
    value = number(text)
    if value < 0:
        raise ValueError(f"{text}: a value cannot be negative")
    return value


Usd = Annotated[Fraction, Typed(from_text(_dollars), {"type": ["number", "string"]})]


class Part(BaseModel):
    """A mapping of the policy: frozen, and without keys that nobody reads."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
    )


def amount_of(value: Any, *path: str) -> Fraction:
    """A number that is not negative. Raises Misfit."""
    return _not_negative(number, value, *path)


def share_of(value: Any, *path: str) -> Fraction:
    """A percentage that is not negative. Raises Misfit."""
    return _not_negative(share, value, *path)


def _not_negative(read: Callable[[str], Fraction], value: Any, *path: str) -> Fraction:
    try:
        amount = read(text_of(value, *path))
    except ValueError as error:
        raise Misfit(str(error), *path) from None
    if amount < 0:
        raise Misfit(f"an allowance cannot be negative ({value})", *path)
    return amount


def duration_of(value: Any, *path: str) -> Duration:
    """A length of time. Raises Misfit."""
    try:
        return duration(text_of(value, *path))
    except ValueError as error:
        raise Misfit(str(error), *path) from None
