"""How much failure is acceptable: the forms of `allow`, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ebudget.policy.misfit import Misfit, fields_of, only, text_of
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


@dataclass(frozen=True)
class Band:
    """`{above_baseline: 15%, over: 14d}` and `{around_baseline: 15%, over: 14d}`.

    Only what lies above the mean of the time before the window is spent, or what lies on either
    side of it; that may be a share of what the mean would have come to.
    """

    fraction: Fraction
    over: Duration
    both: bool
    """Whether less than the mean is spent too."""

    @property
    def key(self) -> str:
        """The key by which a policy writes it."""
        return "around_baseline" if self.both else "above_baseline"


Based = OfBaseline | Band
"""The forms that look at the time before the window."""
Plain = Ratio | Count | PerRuns | OfValue | OfBaseline | Band


@dataclass(frozen=True)
class By:
    """One allowance for each value of a column; `default` serves the values without a line."""

    column: str
    lines: tuple[tuple[str, Plain], ...]
    closed: bool = False
    """Whether it is a mapping by risk tier, whose keys are known tiers only."""

    def of(self, value: str | None) -> Plain | None:
        """The allowance of a value; None where neither it nor a default has a line."""
        lines = dict(self.lines)
        return lines.get(value or "", lines.get("default"))


Allowance = Plain | By


def depends_on_runs(allowance: Plain) -> bool:
    """Whether the allowance grows with the number of runs that earn."""
    return isinstance(allowance, Ratio | PerRuns | OfBaseline | Band)


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


def _per_runs(value: dict[str, Any]) -> PerRuns:
    found = _both(value, {"amount": _amount, "per": _per})
    return PerRuns(found["amount"], found["per"])


def _per(value: Any, *path: str) -> Fraction:
    per = _amount(value, *path)
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


def _over(value: Any, *path: str) -> Duration:
    try:
        return duration(text_of(value, *path))
    except ValueError as error:
        raise Misfit(str(error), *path) from None


def _of_baseline(value: dict[str, Any]) -> OfBaseline:
    found = _both(value, {"of_baseline": _share, "over": _over})
    return OfBaseline(found["of_baseline"], found["over"])


def _band(key: str, *, both: bool) -> Callable[[dict[str, Any]], Band]:
    def read(value: dict[str, Any]) -> Band:
        found = _both(value, {key: _share, "over": _over})
        return Band(found[key], found["over"], both)

    return read


_FORMS: Mapping[frozenset[str], Callable[[dict[str, Any]], Plain]] = {
    frozenset({"amount", "per"}): _per_runs,
    frozenset({"of_value"}): lambda value: OfValue(_share(value["of_value"], "of_value")),
    frozenset({"of_baseline", "over"}): _of_baseline,
    frozenset({"above_baseline", "over"}): _band("above_baseline", both=False),
    frozenset({"around_baseline", "over"}): _band("around_baseline", both=True),
}
"""The forms of `allow` that are mappings, by their keys."""

KEYS = frozenset().union(*_FORMS)
"""The keys of all forms that are mappings."""
_EXPECTED = (
    "1%, 10, {amount: 90, per: 100}, {of_value: 60%}, {of_baseline: 115%, over: 14d}, "
    "{above_baseline: 15%, over: 14d}, {around_baseline: 15%, over: 14d}, "
    "one of these for each risk tier, or {by: COLUMN, VALUE: one of these, …}"
)


def _plain(value: Any) -> Plain:
    if not isinstance(value, dict):
        return _scalar(value)
    keys = frozenset(value)
    form = _FORMS.get(keys)
    if form is None:
        closest = max(_FORMS, key=lambda known: (len((keys & known) - {"over"}), len(keys & known)))
        if keys & closest:
            only(value, closest)
            missing = ", ".join(sorted(closest - keys))
            raise Misfit(f"{missing} is missing; write {_EXPECTED}")
        raise Misfit(f"write {_EXPECTED}")
    return form(value)


def parse_allowance(value: Any) -> Allowance:
    """The allowance that a policy's `allow` describes. Raises Misfit."""
    if not isinstance(value, dict):
        return _plain(value)
    if not value:
        raise Misfit(f"nothing is allowed here; write {_EXPECTED}")
    if "by" in value:
        column = text_of(value["by"], "by")
        lines = fields_of({key: item for key, item in value.items() if key != "by"}, _plain)
        if not lines:
            raise Misfit("name what is allowed for each value, or a default", "by")
        return By(column, tuple(sorted(lines.items())))
    if frozenset(value) & KEYS:
        return _plain(value)
    return By("risk_tier", tuple(sorted(fields_of(value, _plain).items())), closed=True)
