"""How a team's log differs from the canonical run: `logs`."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from ebudget.columns import CONDITIONS_FIRST, OUTCOME_WORDS, Type
from ebudget.policy.misfit import Misfit, fields_of, only, text_of, texts_of
from ebudget.policy.values import (
    TEXT,
    TEXTS,
    Flag,
    Part,
    Share,
    Texts,
    Typed,
    Zone,
    from_text,
    member_of,
)
from ebudget.quantities import number


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


_SAID = {
    "anyOf": [
        *TEXTS["anyOf"],
        {
            "type": "object",
            "properties": {"words": TEXTS, "when": {"type": "string"}},
            "minProperties": 1,
            "additionalProperties": False,
        },
    ]
}


class FieldMap(Part):
    """Where a column comes from in this log."""

    paths: Texts = Field(alias="path")
    """The key, or the path of nested keys joined by dots; of several the first with a value wins.
    """
    type: Annotated[
        Type | None, Typed(from_text(member_of(Type)), {"enum": [member.value for member in Type]})
    ] = None
    """Only for columns of one's own; `text` when left out."""
    scale: Annotated[
        Fraction, Typed(from_text(_scale), {"type": "number", "exclusiveMinimum": 0})
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
        Typed(
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
        Typed(from_text(_no_outcome), {"enum": ["success", "unlabelled"]}),
    ] = None
    """`success`: this log names failures only, so a run without an outcome that matches no failure
    rule went well. Left out, nobody has judged it yet."""
    records_at: Annotated[str | None, Typed(from_text(_records_at), TEXT)] = None
    """The path of the array in which each JSON record of the log wraps its runs."""
    key: Annotated[tuple[str, ...], Typed(_key, TEXTS)] = ("workflow", "run_id")
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
