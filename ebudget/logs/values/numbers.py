"""Numbers of a log as exact decimals."""

from __future__ import annotations

import math
from fractions import Fraction

from sqlglot import exp

from ebudget.columns import Type
from ebudget.logs.values.steps import Extracted
from ebudget.policy.mapping import FieldMap
from ebudget.quantities import WRITTEN, plain_number
from ebudget.sql.trees import call, cast, column, missing, present, text, try_cast, unless, when

NUMBER = "DECIMAL(27, 9)"
"""Numbers are rejected from 10^18 on, so that no sum of them can overflow 29 digits."""
LIMIT = 10**18

_PLACES = (37, 28, 19)
"""Decimal places of a product with a scale: of one below 10, below 10^10, and of any in range."""


def is_number(said: exp.Expr, value: Fraction) -> exp.Expr:
    """Whether a text is a number of exactly this value, whatever its size."""
    literal = exp.Literal.string(_decimal_text(value))
    tests = [exp.EQ(this=try_cast(said.copy(), "DOUBLE"), expression=cast(literal, "DOUBLE"))]
    for type_, places in (("DECIMAL(38, 18)", 18), ("DECIMAL(38, 0)", 0)):
        if abs(value) < 10 ** (38 - places) and (value * 10**places).denominator == 1:
            same = exp.EQ(this=try_cast(said.copy(), type_), expression=cast(literal, type_))
            tests.append(same)
            break
    no_number = call("contains", said.copy(), text("_"))  # DuckDB takes 1_000 for a number
    return call("coalesce", exp.and_(*tests, exp.not_(no_number)), exp.false())


def _decimal_text(value: Fraction) -> str:
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = str(abs(int(value * 10**places))).rjust(places + 1, "0")
    whole, rest = digits[: len(digits) - places], digits[len(digits) - places :]
    return ("-" if value < 0 else "") + whole + ("." + rest if rest else "")


def number(type_: Type, field: FieldMap | None, raw: str, *, double: bool = False) -> Extracted:
    """A number of the text column `raw`, or of a DOUBLE one: its shortest text, as JSON has it.

    The log's number times the scale, and then rounded half away from zero to 9 places.
    """
    scale = field.scale if field else Fraction(1)
    null_if = field.null_if if field else ()
    given, read = column(raw), column(f"{raw}.read")
    steps: list[dict[str, exp.Expr]] = []
    if null_if:
        values = [one for entry in null_if if (one := plain_number(entry)) is not None]
        unwanted = [is_number(_text(given, double), one) for one in values]
        steps.append({f"{raw}.given": unless(exp.or_(*unwanted), given)})
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
    sound = exp.or_(missing(given), present(read))
    flaws = _flaws(said, sound)
    if type_ is Type.NUMBER:
        return Extracted(read.copy(), flaws, tuple(steps), sound=sound)
    whole = exp.EQ(this=read.copy(), expression=call("floor", read.copy()))
    flaws["not a whole number"] = exp.and_(present(read), exp.not_(whole))
    sound = exp.or_(missing(given), whole.copy())
    value = when(whole.copy(), cast(read.copy(), "BIGINT"))
    return Extracted(value, flaws, tuple(steps), sound=sound)


def _flaws(said: exp.Expr, settled: exp.Expr) -> dict[str, exp.Expr]:
    """Why a text was not read, unless that is settled."""
    written = call("regexp_full_match", said.copy(), text(WRITTEN))
    return {
        "not a number": when(settled.copy(), exp.false(), exp.not_(written)),
        "out of range": when(settled.copy(), exp.false(), written.copy()),
    }


def _integer(raw: str, given: exp.Expr, steps: list[dict[str, exp.Expr]]) -> Extracted:
    """A whole number of a text; plain digits are read without a decimal, which is slower."""
    count, digits, read = (column(f"{raw}.{step}") for step in ("count", "digits", "read"))
    most = exp.Literal.number(LIMIT - 1)
    inside = exp.Between(this=count.copy(), low=exp.Neg(this=most.copy()), high=most)
    same = exp.EQ(this=cast(count.copy(), "VARCHAR"), expression=given.copy())
    whole = exp.EQ(this=read.copy(), expression=call("floor", read.copy()))
    settled = exp.or_(missing(given), present(digits))
    steps += [
        {f"{raw}.count": try_cast(given.copy(), "BIGINT")},
        {f"{raw}.digits": when(exp.and_(same, inside), count.copy())},
        {f"{raw}.read": unless(settled, _as_number(given, NUMBER))},
    ]
    value = exp.Case(
        ifs=[
            exp.If(this=present(digits), true=digits.copy()),
            exp.If(this=whole, true=cast(read.copy(), "BIGINT")),
        ]
    )
    flaws = _flaws(given, exp.or_(settled.copy(), present(read)))
    flaws["not a whole number"] = exp.and_(present(read), exp.not_(whole.copy()))
    sound = exp.or_(settled.copy(), whole.copy())
    return Extracted(value, flaws, tuple(steps), sound=sound)


def _text(given: exp.Expr, double: bool) -> exp.Expr:
    return cast(given.copy(), "VARCHAR") if double else given.copy()


def _as_number(said: exp.Expr, type_: str) -> exp.Expr:
    """A text as a decimal. DuckDB takes `1_000` for a number, and nobody else does."""
    return unless(call("contains", said.copy(), text("_")), try_cast(said.copy(), type_))


def _scaled(raw: str, said: exp.Expr, scale: Fraction) -> list[dict[str, exp.Expr]]:
    """The steps to the product of a text and a scale: exact, and never an overflow.

    What is not exact is a text with more decimal places than the product keeps.
    """
    factor = exp.Literal.number(_decimal_text(scale))
    steps: list[dict[str, exp.Expr]] = []
    products: list[exp.If] = []
    for kept in _PLACES:
        name = f"{raw}.to_{kept}"
        read = _as_number(said, f"DECIMAL(38, {kept - _places(scale)})")
        if kept == _PLACES[0]:
            read = when(_may_be_fine(said), read)
        settled = [fits.this for fits in products]
        steps.append({name: unless(exp.or_(*settled), read) if settled else read})
        exact = exp.Paren(this=exp.Mul(this=column(name), expression=factor.copy()))
        fits = _fits(column(name), kept, scale)
        products.append(exp.If(this=fits, true=try_cast(exact, NUMBER)))
    return [*steps, {f"{raw}.read": exp.Case(ifs=products)}]


def _places(value: Fraction) -> int:
    return len(_decimal_text(value).partition(".")[2])


def _may_be_fine(said: exp.Expr) -> exp.Expr:
    """Whether a text may have many decimal places."""
    long = exp.GT(this=call("strlen", said.copy()), expression=exp.Literal.number(20))
    return exp.or_(long, *(call("contains", said.copy(), text(e)) for e in ("e-", "E-")))


def _fits(number: exp.Expr, kept: int, scale: Fraction) -> exp.Expr:
    """Whether the product of a number and the scale, with so many places, is below its limit."""
    places = _places(scale)
    limit = Fraction(min(10 ** (38 - kept), LIMIT)) / scale
    if limit >= 10 ** (38 - kept + places):  # more than the number's type holds
        return present(number)
    unit = 10 ** min(kept - places, 18)
    ends = math.ceil if kept == _PLACES[-1] else math.floor
    below = exp.Literal.number(_decimal_text(Fraction(ends(limit * unit), unit)))
    return exp.LT(this=call("abs", number.copy()), expression=below)


def _of_double(raw: str, double: exp.Expr) -> list[dict[str, exp.Expr]]:
    """The steps to the decimal of a double's shortest text, mostly without the text.

    A decimal of at most 15 digits that denotes the double is its shortest text, for no two such
    decimals denote the same double. Below a million, 9 decimal places are no more digits.
    """
    near = column(f"{raw}.near")
    million = exp.Literal.number(999_999)
    small = exp.Between(this=double.copy(), low=exp.Neg(this=million.copy()), high=million)
    same = exp.EQ(this=cast(near, "DOUBLE"), expression=double.copy())
    by_text = try_cast(_text(double, True), NUMBER)
    return [
        {f"{raw}.near": try_cast(double.copy(), NUMBER)},
        {f"{raw}.read": when(exp.and_(small, same), near.copy(), by_text)},
    ]
