"""How much failure is acceptable: the forms of `allow`, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ebudget.misfit import Misfit, fields_of, only, text_of
from ebudget.quantities import Duration, duration, number, share


@dataclass(frozen=True)
class Ratio:
    """`1%`: a share of what earns."""

    ratio: Fraction


@dataclass(frozen=True)
class Count:
    """`10`: a fixed amount in every window. `0` is zero tolerance."""

    amount: Fraction


@dataclass(frozen=True)
class PerRuns:
    """`{amount: 90, per: 100}`: 90 of the spend's unit for every 100 runs that earn."""

    amount: Fraction
    per: Fraction


@dataclass(frozen=True)
class OfValue:
    """`{of_value: 60%}`: a share of the value in US dollars that successes brought."""

    fraction: Fraction


@dataclass(frozen=True)
class OfBaseline:
    """`{of_baseline: 115%, over: 14d}`: of the mean spend a run in the time before the window."""

    fraction: Fraction
    over: Duration


Plain = Ratio | Count | PerRuns | OfValue | OfBaseline


@dataclass(frozen=True)
class ByTier:
    """One allowance for each risk tier; `default` serves the tiers without a line."""

    tiers: tuple[tuple[str, Plain], ...]

    def of(self, tier: str | None) -> Plain | None:
        """The allowance of a tier; None where neither it nor a default has a line."""
        lines = dict(self.tiers)
        return lines.get(tier or "", lines.get("default"))


Allowance = Plain | ByTier


def depends_on_runs(allowance: Plain) -> bool:
    """Whether the allowance grows with the number of runs that earn."""
    return isinstance(allowance, Ratio | PerRuns | OfBaseline)


def _amount(value: Any, *path: str) -> Fraction:
    try:
        amount = number(text_of(value, *path))
    except ValueError as error:
        raise Misfit(str(error), *path) from None
    if amount < 0:
        raise Misfit(f"an allowance cannot be negative ({value})", *path)
    return amount


def _share(value: Any, *path: str) -> Fraction:
    try:
        fraction = share(text_of(value, *path))
    except ValueError as error:
        raise Misfit(str(error), *path) from None
    if fraction < 0:
        raise Misfit(f"an allowance cannot be negative ({value})", *path)
    return fraction


def _scalar(value: Any) -> Plain:
    text = text_of(value)
    if text.strip().endswith("%"):
        ratio = _share(value)
        if ratio > 1:
            raise Misfit(f"{text} is more than everything; a ratio lies between 0% and 100%")
        return Ratio(ratio)
    amount = _amount(value)
    if 0 < amount < 1:
        raise Misfit(f"{text} could mean two things; write {float(amount * 100):g}% for a share")
    return Count(amount)


def _per_runs(value: dict[str, Any]) -> PerRuns:
    per = _amount(value["per"], "per")
    if per == 0:
        raise Misfit("per 0 runs allows nothing; write a number above 0, such as 100", "per")
    return PerRuns(_amount(value["amount"], "amount"), per)


def _of_baseline(value: dict[str, Any]) -> OfBaseline:
    try:
        over = duration(text_of(value["over"], "over"))
    except ValueError as error:
        raise Misfit(str(error), "over") from None
    return OfBaseline(_share(value["of_baseline"], "of_baseline"), over)


_FORMS: Mapping[frozenset[str], Callable[[dict[str, Any]], Plain]] = {
    frozenset({"amount", "per"}): _per_runs,
    frozenset({"of_value"}): lambda value: OfValue(_share(value["of_value"], "of_value")),
    frozenset({"of_baseline", "over"}): _of_baseline,
}
"""The forms of `allow` that are mappings, by their keys."""

_KEYS = frozenset().union(*_FORMS)
_EXPECTED = (
    "1%, 10, {amount: 90, per: 100}, {of_value: 60%}, {of_baseline: 115%, over: 14d} "
    "or one of these for each risk tier"
)


def _plain(value: Any) -> Plain:
    if not isinstance(value, dict):
        return _scalar(value)
    keys = frozenset(value)
    form = _FORMS.get(keys)
    if form is None:
        for known in _FORMS:
            if keys & known:
                only(value, known)
                missing = ", ".join(sorted(known - keys))
                raise Misfit(f"{missing} is missing; write {_EXPECTED}")
        raise Misfit(f"write {_EXPECTED}")
    return form(value)


def parse_allowance(value: Any) -> Allowance:
    """The allowance that a policy's `allow` describes. Raises Misfit."""
    if not isinstance(value, dict) or frozenset(value) & _KEYS:
        return _plain(value)
    if not value:
        raise Misfit(f"nothing is allowed here; write {_EXPECTED}")
    tiers = fields_of(value, _plain)
    return ByTier(tuple(sorted(tiers.items())))
