"""Numbers of a log as exact decimals."""

from __future__ import annotations

import math
from fractions import Fraction

from ebudget import sql
from ebudget.columns import Type
from ebudget.logs.values.steps import Extracted
from ebudget.policy.mapping import FieldMap
from ebudget.quantities import WRITTEN, plain_number

NUMBER = "DECIMAL(27, 9)"
"""Numbers are rejected from 10^18 on, so that no sum of them can overflow 29 digits."""
LIMIT = 10**18

_PLACES = (37, 28, 19)
"""Decimal places of a product with a scale: of one below 10, below 10^10, and of any in range."""


def is_number(said: sql.Tree, value: Fraction) -> sql.Tree:
    """Whether a text is a number of exactly this value, whatever its size."""
    types = ["DOUBLE"]
    for type_, places in (("DECIMAL(38, 18)", 18), ("DECIMAL(38, 0)", 0)):
        if abs(value) < 10 ** (38 - places) and (value * 10**places).denominator == 1:
            types.append(type_)
            break
    digits = _decimal_text(value)
    tests = [sql.equal(sql.try_cast(said, type_), sql.cast(digits, type_)) for type_ in types]
    no_number = sql.call("contains", said, "_")  # DuckDB takes 1_000 for a number
    return sql.call("coalesce", sql.all_of(*tests, sql.negated(no_number)), False)


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
    given, read = sql.column(raw), sql.column(f"{raw}.read")
    steps: list[dict[str, sql.Tree]] = []
    if null_if:
        values = [one for entry in null_if if (one := plain_number(entry)) is not None]
        unwanted = [is_number(_text(given, double), one) for one in values]
        steps.append({f"{raw}.given": sql.unless(sql.any_of(*unwanted), given)})
        given = sql.column(f"{raw}.given")
    said = _text(given, double)
    if type_ is Type.INTEGER and scale == 1 and not double:
        return _integer(raw, given, steps)
    if scale != 1:
        steps += _scaled(raw, said, scale)
    elif double:
        steps += _of_double(raw, given)
    else:
        steps.append({f"{raw}.read": _as_number(said, NUMBER)})
    sound = sql.any_of(sql.missing(given), sql.present(read))
    flaws = _flaws(said, sound)
    if type_ is Type.NUMBER:
        return Extracted(read, flaws, tuple(steps), sound=sound)
    whole = sql.equal(read, sql.call("floor", read))
    flaws["not a whole number"] = sql.all_of(sql.present(read), sql.negated(whole))
    value = sql.when(whole, sql.cast(read, "BIGINT"))
    return Extracted(value, flaws, tuple(steps), sound=sql.any_of(sql.missing(given), whole))


def _flaws(said: sql.Tree, settled: sql.Tree) -> dict[str, sql.Tree]:
    """Why a text was not read, unless that is settled."""
    written = sql.call("regexp_full_match", said, WRITTEN)
    return {
        "not a number": sql.when(settled, False, sql.negated(written)),
        "out of range": sql.when(settled, False, written),
    }


def _integer(raw: str, given: sql.Tree, steps: list[dict[str, sql.Tree]]) -> Extracted:
    """A whole number of a text; plain digits are read without a decimal, which is slower."""
    count, digits, read = (sql.column(f"{raw}.{step}") for step in ("count", "digits", "read"))
    inside = sql.between(count, 1 - LIMIT, LIMIT - 1)
    same = sql.equal(sql.cast(count, "VARCHAR"), given)
    whole = sql.equal(read, sql.call("floor", read))
    settled = sql.any_of(sql.missing(given), sql.present(digits))
    steps += [
        {f"{raw}.count": sql.try_cast(given, "BIGINT")},
        {f"{raw}.digits": sql.when(sql.all_of(same, inside), count)},
        {f"{raw}.read": sql.unless(settled, _as_number(given, NUMBER))},
    ]
    value = sql.case([(sql.present(digits), digits), (whole, sql.cast(read, "BIGINT"))])
    flaws = _flaws(given, sql.any_of(settled, sql.present(read)))
    flaws["not a whole number"] = sql.all_of(sql.present(read), sql.negated(whole))
    return Extracted(value, flaws, tuple(steps), sound=sql.any_of(settled, whole))


def _text(given: sql.Tree, double: bool) -> sql.Tree:
    return sql.cast(given, "VARCHAR") if double else given


def _as_number(said: sql.Tree, type_: str) -> sql.Tree:
    """A text as a decimal. DuckDB takes `1_000` for a number, and nobody else does."""
    return sql.unless(sql.call("contains", said, "_"), sql.try_cast(said, type_))


def _scaled(raw: str, said: sql.Tree, scale: Fraction) -> list[dict[str, sql.Tree]]:
    """The steps to the product of a text and a scale: exact, and never an overflow.

    What is not exact is a text with more decimal places than the product keeps.
    """
    factor = sql.number(_decimal_text(scale))
    steps: list[dict[str, sql.Tree]] = []
    products: list[tuple[sql.Tree, sql.Tree]] = []
    for kept in _PLACES:
        name = f"{raw}.to_{kept}"
        read = _as_number(said, f"DECIMAL(38, {kept - _places(scale)})")
        if kept == _PLACES[0]:
            read = sql.when(_may_be_fine(said), read)
        settled = [fits for fits, _ in products]
        steps.append({name: sql.unless(sql.any_of(*settled), read) if settled else read})
        exact = sql.times(sql.column(name), factor)
        products.append((_fits(sql.column(name), kept, scale), sql.try_cast(exact, NUMBER)))
    return [*steps, {f"{raw}.read": sql.case(products)}]


def _places(value: Fraction) -> int:
    return len(_decimal_text(value).partition(".")[2])


def _may_be_fine(said: sql.Tree) -> sql.Tree:
    """Whether a text may have many decimal places."""
    return sql.any_of(
        sql.above(sql.call("strlen", said), 20),
        *(sql.call("contains", said, mark) for mark in ("e-", "E-")),
    )


def _fits(given: sql.Tree, kept: int, scale: Fraction) -> sql.Tree:
    """Whether the product of a number and the scale, with so many places, is below its limit."""
    places = _places(scale)
    limit = Fraction(min(10 ** (38 - kept), LIMIT)) / scale
    if limit >= 10 ** (38 - kept + places):  # more than the number's type holds
        return sql.present(given)
    unit = 10 ** min(kept - places, 18)
    ends = math.ceil if kept == _PLACES[-1] else math.floor
    first = sql.number(_decimal_text(Fraction(ends(limit * unit), unit)))
    return sql.below(sql.call("abs", given), first)


def _of_double(raw: str, double: sql.Tree) -> list[dict[str, sql.Tree]]:
    """The steps to the decimal of a double's shortest text, mostly without the text.

    A decimal of at most 15 digits that denotes the double is its shortest text, for no two such
    decimals denote the same double. Below a million, 9 decimal places are no more digits.
    """
    near = sql.column(f"{raw}.near")
    small = sql.between(double, -999_999, 999_999)
    same = sql.equal(sql.cast(near, "DOUBLE"), double)
    by_text = sql.try_cast(_text(double, True), NUMBER)
    return [
        {f"{raw}.near": sql.try_cast(double, NUMBER)},
        {f"{raw}.read": sql.when(sql.all_of(small, same), near, by_text)},
    ]
