"""How much failure is acceptable: the forms of `allow`, one class each and one row in FORMS.

Whoever asks something of a form asks it here, so that a new one is a class and a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from typing import Any, ClassVar, Protocol, Self

from ebudget.figures import Figures, Lack
from ebudget.policy.misfit import Misfit, text_of
from ebudget.policy.values import AMOUNT, DURATION, PERCENT, amount_of, duration_of, share_of
from ebudget.quantities import NANO, Duration, decimal_text


class Side(Enum):
    """Which runs a band counts against its allowance."""

    ABOVE = "above"
    """Only what lies above the mean of the time before."""
    AROUND = "around"
    """What lies on either side of it."""


@dataclass(frozen=True)
class Grant:
    """What an account is allowed, or why that cannot be known."""

    amount: Fraction | None
    lack: Lack | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Traits:
    """What holds for a form whatever its numbers are."""

    example: str
    """How a policy writes it."""
    schema: Mapping[str, Any]
    """As JSON Schema."""
    grows: bool = True
    """Whether it grows with the number of runs that earn; else `min_runs` has no effect on it."""
    fixed: bool = False
    """Whether the amount is known before any run: its part of a shorter window is known too."""
    of_value: bool = False
    """Whether it depends on what successes are worth, so that what is spent is dollars."""
    percent: bool = True
    """Whether its number is written as a percentage."""
    most: Fraction | None = None
    """What its number is at most: 1 where it is a share of runs."""
    side: Side | None = None
    """For bands: only what lies beyond the mean of the time before is spent."""


class Form(Protocol):
    """What every form answers."""

    traits: ClassVar[Traits]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @classmethod
    def read(cls, value: Any) -> Form:
        """The form that a value of a policy describes; of a mapping all keys are there.

        Raises Misfit.
        """

    @property
    def number(self) -> Fraction:
        """The number that says how much: what `simulate --suggest` looks for."""

    @property
    def over(self) -> Duration | None:
        """How far it looks at the time before the window; None where it does not."""

    def granted(self, figures: Figures, base: Figures, part: Fraction, least: int) -> Grant:
        """What runs with these figures are allowed.

        `base` are the figures of the time before; `part` is the length that the runs lie in as a
        share of the budget's window; `least` is how many runs of the time before have to earn.
        """

    @property
    def pace(self) -> Fraction | None:
        """What every run that earns is allowed; None where that is not one number."""

    def __str__(self) -> str:
        """As a policy writes it."""


def _percent(value: Fraction) -> str:
    return f"{decimal_text(value * 100)}%"


def _schema(**properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _per(value: Any, *path: str) -> Fraction:
    per = amount_of(value, *path)
    if per == 0:
        raise Misfit("per 0 runs allows nothing; write a number above 0, such as 100", *path)
    return per


def _both(value: dict[str, Any], reads: Mapping[str, Callable[..., Any]]) -> dict[str, Any]:
    """Read the keys of a form; the misfits of all are raised together."""
    found, problems = {}, []
    for key, read in reads.items():
        try:
            found[key] = read(value[key], key)
        except Misfit as misfit:
            problems += misfit.problems
    if problems:
        raise Misfit.all(problems)
    return found


@dataclass(frozen=True)
class Ratio:
    """`1%`: a share of what earns."""

    number: Fraction

    traits: ClassVar[Traits] = Traits("1%", PERCENT, most=Fraction(1))
    over = None

    @classmethod
    def read(cls, value: Any) -> Ratio:
        """A percentage from 0% to 100%."""
        ratio = share_of(value)
        if ratio > 1:
            told = f"{text_of(value)} is more than everything"
            raise Misfit(f"{told}; a ratio lies between 0% and 100%")
        return cls(ratio)

    def granted(self, figures: Figures, base: Figures, part: Fraction, least: int) -> Grant:
        """A = ratio x E."""
        return Grant(self.number * figures.eligible)

    @property
    def pace(self) -> Fraction:
        """See `Form`."""
        return self.number

    def __str__(self) -> str:
        return _percent(self.number)


@dataclass(frozen=True)
class Count:
    """`10`: a fixed amount in every window. `0` is zero tolerance."""

    number: Fraction

    traits: ClassVar[Traits] = Traits("10", AMOUNT, grows=False, fixed=True, percent=False)
    over = pace = None

    @classmethod
    def read(cls, value: Any) -> Count:
        """A number that is no share."""
        amount = amount_of(value)
        if 0 < amount < 1:
            told = f"{text_of(value)} could mean two things"
            raise Misfit(f"{told}; write {float(amount * 100):g}% for a share")
        return cls(amount)

    def granted(self, figures: Figures, base: Figures, part: Fraction, least: int) -> Grant:
        """A = N, and N x w / W in a window w within W."""
        return Grant(self.number * part)

    def __str__(self) -> str:
        return decimal_text(self.number)


@dataclass(frozen=True)
class PerRuns:
    """`{amount: 90, per: 100}`: 90 of the spend's unit for every 100 runs that earn."""

    number: Fraction
    per: Fraction

    traits: ClassVar[Traits] = Traits(
        "{amount: 90, per: 100}", _schema(amount=AMOUNT, per=AMOUNT), percent=False
    )
    over = None

    @classmethod
    def read(cls, value: Any) -> PerRuns:
        """An amount for so many runs."""
        found = _both(value, {"amount": amount_of, "per": _per})
        return cls(found["amount"], found["per"])

    def granted(self, figures: Figures, base: Figures, part: Fraction, least: int) -> Grant:
        """A = amount x E / per."""
        return Grant(self.number * figures.eligible / self.per)

    @property
    def pace(self) -> Fraction:
        """See `Form`."""
        return self.number / self.per

    def __str__(self) -> str:
        return f"{{amount: {decimal_text(self.number)}, per: {decimal_text(self.per)}}}"


@dataclass(frozen=True)
class OfValue:
    """`{of_value: 60%}`: a share of the value in US dollars that successes brought."""

    number: Fraction

    traits: ClassVar[Traits] = Traits(
        "{of_value: 60%}", _schema(of_value=PERCENT), grows=False, of_value=True
    )
    over = pace = None

    @classmethod
    def read(cls, value: Any) -> OfValue:
        """A share, which may be more than 100%."""
        return cls(share_of(value["of_value"], "of_value"))

    def granted(self, figures: Figures, base: Figures, part: Fraction, least: int) -> Grant:
        """A = share x the value of successes; unknown where one of them has no declared value."""
        if figures.unvalued:
            return Grant(None, Lack.NO_VALUE, "no value_usd is declared for {}")
        return Grant(self.number * Fraction(figures.value, NANO))

    def __str__(self) -> str:
        return f"{{of_value: {_percent(self.number)}}}"


@dataclass(frozen=True)
class _Based:
    """What the forms that look at the mean spend a run in the time before the window share."""

    number: Fraction
    over: Duration

    traits: ClassVar[Traits]
    pace = None

    @classmethod
    def read(cls, value: Any) -> Self:
        """A share, and how far to look back."""
        key = _key_of(cls.traits)
        found = _both(value, {key: share_of, "over": duration_of})
        return cls(found[key], found["over"])

    def granted(self, figures: Figures, base: Figures, part: Fraction, least: int) -> Grant:
        """A = share x (S / E before) x E; unknown where nearly nothing was there before."""
        if base.eligible < max(least, 1):
            earn = "1 run earns" if base.eligible == 1 else f"{base.eligible} runs earn"
            return Grant(None, Lack.NO_BASELINE, f"only {earn} in the {self.over.text} before")
        if base.spent <= 0:
            reason = f"nothing was spent in the {self.over.text} before"
            return Grant(None, Lack.NO_BASELINE, reason)
        return Grant(self.number * base.amount / base.eligible * figures.eligible)

    def __str__(self) -> str:
        return f"{{{_key_of(self.traits)}: {_percent(self.number)}, over: {self.over.text}}}"


def _based(key: str, number: str, side: Side | None = None) -> Traits:
    schema = _schema(**{key: PERCENT, "over": DURATION})
    return Traits(f"{{{key}: {number}, over: 14d}}", schema, side=side)


class OfBaseline(_Based):
    """`{of_baseline: 115%, over: 14d}`: of the mean spend a run in the time before the window."""

    traits: ClassVar[Traits] = _based("of_baseline", "115%")


class AboveBaseline(_Based):
    """`{above_baseline: 15%, over: 14d}`: only what lies above that mean is spent; that may be a
    share of what the mean would have come to.
    """

    traits: ClassVar[Traits] = _based("above_baseline", "15%", Side.ABOVE)


class AroundBaseline(_Based):
    """`{around_baseline: 15%, over: 14d}`: the same for what lies on either side of that mean."""

    traits: ClassVar[Traits] = _based("around_baseline", "15%", Side.AROUND)


FORMS: tuple[type[Form], ...] = (
    Ratio,
    Count,
    PerRuns,
    OfValue,
    OfBaseline,
    AboveBaseline,
    AroundBaseline,
)
"""Every form that one line of `allow` may have."""


def _key_of(traits: Traits) -> str:
    """The first key of a form that is a mapping."""
    return str(traits.schema["required"][0])


def granted(
    form: Form | None, figures: Figures, base: Figures, part: Fraction, least: int
) -> Grant:
    """What runs with these figures are allowed; see `Form.granted`."""
    if form is None:
        reason = "the policy allows nothing for {}, and has no default"
        return Grant(None, Lack.NO_LINE, reason)
    return form.granted(figures, base, part, least)


def numbered(form: Form, number: Fraction) -> Form:
    """The same form with another number."""
    return replace(form, number=number)


def _mean(form: Form | None, base: Figures) -> Fraction | None:
    """What a band expects of a run that earns; None without a band, or without a time before."""
    if form is None or form.traits.side is None or base.eligible == 0 or base.spent <= 0:
        return None
    return base.amount / base.eligible


def deviation(form: Form | None, figures: Figures, base: Figures, event: Fraction) -> Fraction:
    """What some runs spent, with `event` for each instant one; for a band, how far the others lie
    above the mean of the time before, or below it as a negative number.
    """
    mean = _mean(form, base)
    amount = figures.amount if mean is None else figures.amount - mean * figures.eligible
    return amount + event * figures.instant if figures.instant else amount


def spent_by(form: Form | None, figures: Figures, base: Figures, event: Fraction) -> Fraction:
    """What a window spends of its allowance, with `event` for each instant event."""
    if form is None or _mean(form, base) is None:
        return deviation(form, figures, base, event)
    events, amount = event * figures.instant, deviation(form, figures, base, Fraction(0))
    return (abs(amount) if form.traits.side is Side.AROUND else max(amount, Fraction(0))) + events
