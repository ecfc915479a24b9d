"""What spends a budget: the kinds of `spend`, one class each and one row in KINDS.

Whoever asks something of a kind asks it here, so that a new one is a class and a row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Protocol, Self

from ebudget.columns import BY_NAME
from ebudget.policy.misfit import Misfit, fields_of, only, text_of, texts_of
from ebudget.policy.values import ALL, TEXTS, All, Typed, from_text
from ebudget.quantities import number
from ebudget.text import nearest

CLASSES = ("A", "B", "C", "D")
"""Failure classes, the least bad first."""
CLASS_SCHEMA = {"enum": list(CLASSES)}
_ONE = Fraction(1)
_CONDITION = {"type": "string"}


class Kind(StrEnum):
    """The family of a budget. It decides defaults and nothing else."""

    OUTCOME = "outcome"
    CLEANUP = "cleanup"
    TRUST = "trust"
    COST = "cost"
    LATENCY = "latency"
    AVAILABILITY = "availability"
    QUALITY = "quality"


class Rule(Protocol):
    """A failure rule, as far as spending goes."""

    @property
    def class_(self) -> str:
        """Its class."""

    @property
    def instant(self) -> bool:
        """Whether one such run spends everything."""


class Judged(Protocol):
    """What is known of a run that may spend."""

    @property
    def class_(self) -> str | None:
        """The worst class among the rules that it matches, or the unclassified one."""

    @property
    def failures(self) -> tuple[str, ...]:
        """The failure rules that it matches."""


@dataclass(frozen=True)
class Traits:
    """What holds for a kind whatever it counts."""

    key: str
    """The key by which a policy writes it."""
    example: str
    """How a policy writes it."""
    schema: Mapping[str, Any]
    """What stands behind the key, as JSON Schema."""
    family: Kind
    """The kind of a budget that names none."""
    by_class: bool = False
    """Whether it counts what failed: nothing is known of runs that nobody judged."""
    counted: bool = True
    """Whether runs are counted, so that they can be held against a share of runs; else summed."""


class Spend(Protocol):
    """What every kind answers."""

    traits: ClassVar[Traits]

    @classmethod
    def read(cls, value: Any) -> Spend:
        """The kind that stands behind its key in a policy. Raises Misfit."""

    @property
    def condition(self) -> str | None:
        """The condition that decides which runs spend, if one does."""

    @property
    def amount(self) -> str | None:
        """The expression that is summed, if one is."""

    @property
    def unit(self) -> str | None:
        """What it is counted in, where it says so."""

    def rules(self, failures: Mapping[str, Rule]) -> tuple[str, ...]:
        """The failure rules that can spend."""

    def problems(self, failures: Collection[str]) -> Iterator[tuple[tuple[int, ...], str]]:
        """What does not fit the failures of the policy, with its place behind the key."""

    def weigh(
        self, run: Judged, failures: Mapping[str, Rule], *, holds: bool
    ) -> tuple[Fraction, bool]:
        """What a run spends, and whether it is an instant event; `holds` tells whether it meets
        the condition. A sum is not known here.
        """

    def largest(self, failures: Mapping[str, Rule]) -> Fraction | None:
        """The most that one run can spend; None where there is no such limit."""

    @property
    def least(self) -> Fraction:
        """The least that a run spends, if it spends anything."""

    def rewritten(self, change: Callable[[str], str]) -> Spend:
        """The same with every expression changed."""


class _ByRules:
    """What the kinds that count failures share: they have no expression."""

    condition = amount = unit = None

    def rewritten(self, change: Callable[[str], str]) -> Self:
        """The same."""
        return self


class _ByExpression:
    """What the kinds that read an expression share: it is checked as every one is, and no failure
    rule has a part in them.
    """

    least = _ONE

    def rules(self, failures: Mapping[str, Rule]) -> tuple[str, ...]:
        """None."""
        return ()

    def problems(self, failures: Collection[str]) -> Iterator[tuple[tuple[int, ...], str]]:
        """None."""
        yield from ()


@dataclass(frozen=True)
class SpendClass(_ByRules):
    """`{class: B+}`: each failed run spends the weight of its class."""

    weights: tuple[tuple[str, Fraction | All], ...]

    traits: ClassVar[Traits] = Traits(
        "class",
        "{class: B+}",
        {
            "anyOf": [
                {"enum": [*CLASSES, *(name + "+" for name in CLASSES)]},
                {"type": "array", "items": CLASS_SCHEMA, "minItems": 1},
                {
                    "type": "object",
                    "properties": {
                        name: {"anyOf": [{"type": "number"}, {"const": "all"}]} for name in CLASSES
                    },
                    "additionalProperties": False,
                },
            ]
        },
        Kind.OUTCOME,
        by_class=True,
    )

    @classmethod
    def read(cls, value: Any) -> SpendClass:
        """Classes, or a weight for each."""
        return cls(_classes(value))

    def rules(self, failures: Mapping[str, Rule]) -> tuple[str, ...]:
        """The rules of the classes that spend."""
        table = dict(self.weights)
        return tuple(name for name, failure in failures.items() if failure.class_ in table)

    def problems(self, failures: Collection[str]) -> Iterator[tuple[tuple[int, ...], str]]:
        """None: classes are always known."""
        yield from ()

    def weigh(
        self, run: Judged, failures: Mapping[str, Rule], *, holds: bool
    ) -> tuple[Fraction, bool]:
        """The weight of the run's class; `all`, and an instant rule of a class, is an event."""
        table = dict(self.weights)
        own = table.get(run.class_) if run.class_ else None
        matched = (failures[name] for name in run.failures)
        instant = own is ALL or any(rule.instant and rule.class_ in table for rule in matched)
        return own if isinstance(own, Fraction) else Fraction(0), instant

    def largest(self, failures: Mapping[str, Rule]) -> Fraction | None:
        """The largest weight, where no run spends everything."""
        table = dict(self.weights)
        if any(rule.instant and rule.class_ in table for rule in failures.values()):
            return None
        amounts = [weight for weight in table.values() if isinstance(weight, Fraction)]
        return max(amounts) if len(amounts) == len(table) else None

    @property
    def least(self) -> Fraction:
        """The smallest weight."""
        return min((w for _, w in self.weights if isinstance(w, Fraction)), default=_ONE)


@dataclass(frozen=True)
class SpendFailure(_ByRules):
    """`{failure: [names]}`: each run that matches one of the rules spends 1."""

    names: tuple[str, ...]

    traits: ClassVar[Traits] = Traits(
        "failure", "{failure: [names]}", TEXTS, Kind.OUTCOME, by_class=True
    )
    least = _ONE

    @classmethod
    def read(cls, value: Any) -> SpendFailure:
        """The names of failure rules."""
        names = texts_of(value)
        if not names:
            raise Misfit("name at least one failure")
        return cls(names)

    def rules(self, failures: Mapping[str, Rule]) -> tuple[str, ...]:
        """The rules that are named."""
        return self.names

    def problems(self, failures: Collection[str]) -> Iterator[tuple[tuple[int, ...], str]]:
        """Names that no rule has."""
        for index, name in enumerate(self.names):
            if name not in failures:
                yield (index,), f"no failure is named {name!r}{nearest(name, failures)}"

    def weigh(
        self, run: Judged, failures: Mapping[str, Rule], *, holds: bool
    ) -> tuple[Fraction, bool]:
        """1 for a run that matches, however many of the rules."""
        matched = [failures[name] for name in run.failures if name in self.names]
        return Fraction(int(bool(matched))), any(rule.instant for rule in matched)

    def largest(self, failures: Mapping[str, Rule]) -> Fraction | None:
        """1, where no run spends everything."""
        return None if any(failures[name].instant for name in self.names) else _ONE


@dataclass(frozen=True)
class SpendWhen(_ByExpression):
    """`{when: condition}`: each run that meets the condition spends 1."""

    condition: str

    traits: ClassVar[Traits] = Traits("when", "{when: …}", _CONDITION, Kind.QUALITY)
    amount = unit = None

    @classmethod
    def read(cls, value: Any) -> SpendWhen:
        """A condition."""
        return cls(text_of(value))

    def weigh(
        self, run: Judged, failures: Mapping[str, Rule], *, holds: bool
    ) -> tuple[Fraction, bool]:
        """1 where the condition holds."""
        return Fraction(int(holds)), False

    def largest(self, failures: Mapping[str, Rule]) -> Fraction:
        """1."""
        return _ONE

    def rewritten(self, change: Callable[[str], str]) -> SpendWhen:
        """The same with another condition."""
        return SpendWhen(change(self.condition))


@dataclass(frozen=True)
class SpendSum(_ByExpression):
    """`{sum: expression}`: each run spends what the expression says."""

    amount: str
    unit: str | None = None
    """What it is counted in, where the expression does not tell."""

    traits: ClassVar[Traits] = Traits("sum", "{sum: …}", _CONDITION, Kind.COST, counted=False)
    condition = None

    @classmethod
    def read(cls, value: Any) -> SpendSum:
        """An expression."""
        return cls(text_of(value))

    def weigh(
        self, run: Judged, failures: Mapping[str, Rule], *, holds: bool
    ) -> tuple[Fraction, bool]:
        """Nothing here: the ledger holds the sums."""
        return Fraction(0), False

    def largest(self, failures: Mapping[str, Rule]) -> None:
        """There is no such limit."""
        return

    def rewritten(self, change: Callable[[str], str]) -> SpendSum:
        """The same with another expression, counted in what it was counted in."""
        known = BY_NAME.get(self.amount.strip())
        unit = self.unit or (known.unit or known.name if known else None)
        return replace(self, amount=change(self.amount), unit=unit)


KINDS: tuple[type[Spend], ...] = (SpendClass, SpendFailure, SpendWhen, SpendSum)
"""Every kind of `spend`."""
_BY_KEY = {kind.traits.key: kind for kind in KINDS}


def parse_spend(value: Any) -> Spend:
    """What a policy's `spend` describes. Raises Misfit."""
    if not isinstance(value, dict) or len(value) != 1:
        *examples, last = (kind.traits.example for kind in KINDS)
        raise Misfit(f"write one of {', '.join(examples)} and {last}")
    only(value, _BY_KEY)
    ((key, item),) = value.items()
    return fields_of({key: item}, _BY_KEY[key].read)[key]


SPEND_SCHEMA = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
    "properties": {kind.traits.key: kind.traits.schema for kind in KINDS},
}


def spends_unnamed(spend: Spend, unclassified: str) -> bool:
    """Whether a failed run that no rule names, and which has this class, spends anything."""
    return spend.weigh(_Failed(unclassified), {}, holds=False) != (Fraction(0), False)


def can_be_missed(spend: Spend, failures: Mapping[str, Rule], unclassified: str) -> bool:
    """Whether a failed run may spend less because the rules cannot tell what it is.

    Where a failure that no rule names spends as much as every rule would, nothing is missed.
    """

    def heaviness(run: _Failed) -> tuple[bool, Fraction]:
        weight, instant = spend.weigh(run, failures, holds=False)
        return instant, weight

    unnamed = heaviness(_Failed(unclassified))
    return any(
        heaviness(_Failed(failure.class_, (name,))) > unnamed for name, failure in failures.items()
    )


@dataclass(frozen=True)
class _Failed:
    """A run that failed."""

    class_: str | None
    failures: tuple[str, ...] = ()


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


def _class_letter(text: str) -> str:
    if text not in CLASSES:
        raise ValueError(f"{text!r} is not a class; the classes are A, B, C and D")
    return text


ClassLetter = Annotated[str, Typed(from_text(_class_letter), CLASS_SCHEMA)]
