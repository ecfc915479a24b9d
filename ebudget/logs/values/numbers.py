"""Numbers of a log as exact decimals."""

from __future__ import annotations

import math
from fractions import Fraction

from ebudget.columns import Type
from ebudget.logs.values.steps import Extracted
from ebudget.policy.mapping import FieldMap
from ebudget.quantities import WRITTEN, plain_number
from ebudget.sql.trees import (
    Tree,
    above,
    all_of,
    any_of,
    below,
    between,
    call,
    case,
    cast,
    column,
    equal,
    missing,
    negated,
    number,
    present,
    times,
    try_cast,
    unless,
    when,
)

NUMBER = "DECIMAL(27, 9)"
"""Numbers are rejected from 10^18 on, so that no sum of them can overflow 29 digits."""
LIMIT = 10**18

_PLACES = (37, 28, 19)
"""Decimal places of a product with a scale: of one below 10, below 10^10, and of any in range."""


def is_number(said: Tree, value: Fraction) -> Tree:
    """Whether a text is a number of exactly this value, whatever its size."""
    types = ["DOUBLE"]
    for type_, places in (("DECIMAL(38, 18)", 18), ("DECIMAL(38, 0)", 0)):
        if abs(value) < 10 ** (38 - places) and (value * 10**places).denominator == 1:
            types.append(type_)
            break
    digits = _decimal_text(value)
    tests = [equal(try_cast(said, type_), cast(digits, type_)) for type_ in types]
    no_number = call("contains", said, "_")  # DuckDB takes 1_000 for a number
    return call("coalesce", all_of(*tests, negated(no_number)), False)


def _decimal_text(value: Fraction) -> str:
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = str(abs(int(value * 10**places))).rjust(places + 1, "0")
    whole, rest = digits[: len(digits) - places], digits[len(digits) - places :]
    return ("-" if value < 0 else "") + whole + ("." + rest if rest else "")


def number_of(type_: Type, field: FieldMap | None, raw: str, *, double: bool = False) -> Extracted:
    """A number of the text column `raw`, or of a DOUBLE one: its shortest text, as JSON has it.

    The log's number times the scale, and then rounded half away from zero to 9 places.
    """
    scale = field.scale if field else Fraction(1)
    null_if = field.null_if if field else ()
    given, read = column(raw), column(f"{raw}.read")
    steps: list[dict[str, Tree]] = []
    if null_if:
        values = [one for entry in null_if if (one := plain_number(entry)) is not None]
        unwanted = [is_number(_text(given, double), one) for one in values]
        steps.append({f"{raw}.given": unless(any_of(*unwanted), given)})
        given = column(f"{raw}.given")
    said = _text(given, double)
    if type_ is Type.INTEGER and scale == 1 and not double:
        return _integer(raw, given, steps)
    if scale != 1:
        steps += _scaled(raw, said, scale)
    elif double:
        steps += _of_double(raw, given)
    else:
        steps.append({f"{raw}.read": _as_number(said, NUMBER)})
    sound = any_of(missing(given), present(read))
    flaws = _flaws(said, sound)
    if type_ is Type.NUMBER:
        return Extracted(read, flaws, tuple(steps), sound=sound)
    whole = equal(read, call("floor", read))
    flaws["not a whole number"] = all_of(present(read), negated(whole))
    value = when(whole, cast(read, "BIGINT"))
    return Extracted(value, flaws, tuple(steps), sound=any_of(missing(given), whole))


def _flaws(said: Tree, settled: Tree) -> dict[str, Tree]:
    """Why a text was not read, unless that is settled."""
    written = call("regexp_full_match", said, WRITTEN)
    return {
        "not a number": when(settled, False, negated(written)),
        "out of range": when(settled, False, written),
    }


def _integer(raw: str, given: Tree, steps: list[dict[str, Tree]]) -> Extracted:
    """A whole number of a text; plain digits are read without a decimal, which is slower."""
    count, digits, read = (column(f"{raw}.{step}") for step in ("count", "digits", "read"))
    inside = between(count, 1 - LIMIT, LIMIT - 1)
    same = equal(cast(count, "VARCHAR"), given)
    whole = equal(read, call("floor", read))
    settled = any_of(missing(given), present(digits))
    steps += [
        {f"{raw}.count": try_cast(given, "BIGINT")},
        {f"{raw}.digits": when(all_of(same, inside), count)},
        {f"{raw}.read": unless(settled, _as_number(given, NUMBER))},
    ]
    value = case([(present(digits), digits), (whole, cast(read, "BIGINT"))])
    flaws = _flaws(given, any_of(settled, present(read)))
    flaws["not a whole number"] = all_of(present(read), negated(whole))
    return Extracted(value, flaws, tuple(steps), sound=any_of(settled, whole))


def _text(given: Tree, double: bool) -> Tree:
    return cast(given, "VARCHAR") if double else given


def _as_number(said: Tree, type_: str) -> Tree:
    """A text as a decimal. DuckDB takes `1_000` for a number, and nobody else does."""
    return unless(call("contains", said, "_"), try_cast(said, type_))


def _scaled(raw: str, said: Tree, scale: Fraction) -> list[dict[str, Tree]]:
    """The steps to the product of a text and a scale: exact, and never an overflow.

    What is not exact is a text with more decimal places than the product keeps.
    """
    factor = number(_decimal_text(scale))
    steps: list[dict[str, Tree]] = []
    products: list[tuple[Tree, Tree]] = []
    for kept in _PLACES:
        name = f"{raw}.to_{kept}"
        read = _as_number(said, f"DECIMAL(38, {kept - _places(scale)})")
        if kept == _PLACES[0]:
            read = when(_may_be_fine(said), read)
        settled = [fits for fits, _ in products]
        steps.append({name: unless(any_of(*settled), read) if settled else read})
        exact = times(column(name), factor)
        products.append((_fits(column(name), kept, scale), try_cast(exact, NUMBER)))
    return [*steps, {f"{raw}.read": case(products)}]


def _places(value: Fraction) -> int:
    return len(_decimal_text(value).partition(".")[2])


def _may_be_fine(said: Tree) -> Tree:
    """Whether a text may have many decimal places."""
    return any_of(
        above(call("strlen", said), 20), *(call("contains", said, mark) for mark in ("e-", "E-"))
    )


def _fits(given: Tree, kept: int, scale: Fraction) -> Tree:
    """Whether the product of a number and the scale, with so many places, is below its limit."""
    places = _places(scale)
    limit = Fraction(min(10 ** (38 - kept), LIMIT)) / scale
    if limit >= 10 ** (38 - kept + places):  # more than the number's type holds
        return present(given)
    unit = 10 ** min(kept - places, 18)
    ends = math.ceil if kept == _PLACES[-1] else math.floor
    first = number(_decimal_text(Fraction(ends(limit * unit), unit)))
    return below(call("abs", given), first)


def _of_double(raw: str, double: Tree) -> list[dict[str, Tree]]:
    """The steps to the decimal of a double's shortest text, mostly without the text.

    A decimal of at most 15 digits that denotes the double is its shortest text, for no two such
    decimals denote the same double. Below a million, 9 decimal places are no more digits.
    """
    near = column(f"{raw}.near")
    small = between(double, -999_999, 999_999)
    same = equal(cast(near, "DOUBLE"), double)
    by_text = try_cast(_text(double, True), NUMBER)
    return [
        {f"{raw}.near": try_cast(double, NUMBER)},
        {f"{raw}.read": when(all_of(small, same), near, by_text)},
    ]
