"""Times of a log as instants: timestamps in UTC without a zone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from sqlglot import exp

from ebudget.instants import EPOCH, PARTS, PATTERN, UTC_NAMES, instant, read_time
from ebudget.logs.values.numbers import is_number
from ebudget.logs.values.steps import Extracted, unread
from ebudget.policy.mapping import FieldMap
from ebudget.quantities import DAY, plain_number
from ebudget.sql.trees import (
    call,
    cast,
    column,
    missing,
    present,
    text,
    timestamp_literal,
    try_cast,
    unless,
    when,
)
from ebudget.sql.zones import REGIONS, SHORT_NAMES, utc_of

NOT_A_TIME = "not a time"
TOO_EARLY = "before 1990"

RUN_TIMES = ("start_time", "end_time")
"""No run began or ended before 1990: 0 is how programs write that they do not know."""

_FIRST_OF_RUNS = instant(EPOCH.replace(year=1990))
_FIRST_INSTANT = instant(EPOCH.replace(year=1678))
_LAST_INSTANT = instant(EPOCH.replace(year=9999))
_EPOCH_SIZES = ((10**11, "1000000"), (10**14, "1000"), (10**17, "1"))
"""Below the first number an epoch counts units of so many microseconds; above all, nanoseconds."""


def time(name: str, field: FieldMap | None, raw: str, zone: str, *, json: bool) -> Extracted:
    """A time of the text column `raw`, or of one of JSON: an epoch, or as PATTERN has it.

    `zone` is that of times without one. DuckDB's own reading is tried first, which takes most; what
    it takes and should not is told by comparing two of its readings.
    """
    steps: list[dict[str, exp.Expr]] = []
    given = whole = column(raw)
    if json:
        steps.append({f"{raw}.said": _said(given)})
        given, whole = column(f"{raw}.said"), _unescaped(whole)
    null_if = field.null_if if field else ()
    if null_if:
        unwanted = is_one_of(column(f"{raw}.whole"), null_if)
        steps.append({f"{raw}.whole": whole})
        steps.append({f"{raw}.given": unless(unwanted, given)})
        given, whole = column(f"{raw}.given"), column(f"{raw}.whole")
    steps += _plainly(raw, given, zone)
    steps += _otherwise(raw, given, whole, zone)
    return within_calendar(name, given, column(f"{raw}.read"), steps)


def within_calendar(
    name: str, given: exp.Expr, read: exp.Expr, steps: Sequence[dict[str, exp.Expr]]
) -> Extracted:
    """A time that was read of what was given, where it is one of the years that we count in."""
    first = _FIRST_OF_RUNS if name in RUN_TIMES else _FIRST_INSTANT
    low, high = timestamp_literal(first), timestamp_literal(_LAST_INSTANT - 1)
    value = when(exp.Between(this=read.copy(), low=low, high=high), read.copy())
    early = call("coalesce", exp.LT(this=read.copy(), expression=low.copy()), exp.false())
    flaws = {NOT_A_TIME: unread(given, value, exp.true())}
    if name in RUN_TIMES:
        flaws = {NOT_A_TIME: unread(given, value, exp.not_(early)), TOO_EARLY: early.copy()}
    sound = exp.or_(missing(given), present(value))
    return Extracted(value, flaws, tuple(steps), sound=sound)


def _said(json: exp.Expr) -> exp.Expr:
    """What a JSON value says, if it is plain ASCII; a number of 8 digits so that it is no date."""
    quoted = exp.Between(this=json.copy(), low=text('"'), high=text("#"))
    inner = exp.Sub(this=call("strlen", json.copy()), expression=exp.Literal.number(2))
    bare = call("substr", json.copy(), exp.Literal.number(2), inner)
    number = call("concat", json.copy(), text(".0"))
    return exp.Case(
        ifs=[exp.If(this=quoted, true=bare), exp.If(this=_has_length(json, 8), true=number)],
        default=json.copy(),
    )


def _unescaped(json: exp.Expr) -> exp.Expr:
    """The text of any JSON value."""
    return call("json_extract_string", cast(json.copy(), "JSON"), text("$"))


def is_one_of(given: exp.Expr, null_if: Sequence[str]) -> exp.Expr:
    """Whether a time is one that `null_if` lists: a number by its value, a text as written."""
    tests: list[exp.Expr] = [
        exp.In(this=given.copy(), expressions=[text(entry) for entry in null_if])
    ]
    values = [value for entry in null_if if (value := plain_number(entry)) is not None]
    tests += [is_number(given, value) for value in values]
    return exp.or_(*tests)


def instant_of(entry: str, zone: ZoneInfo) -> int | None:
    """The instant that an entry of `null_if` means, an epoch or a written time."""
    value = plain_number(entry)
    if value is None:
        try:
            return read_time(entry, zone)
        except ValueError:
            return None
    for limit, micros in _EPOCH_SIZES:
        if abs(value) < limit:
            return math.floor(value * int(micros))
    return math.floor(value / 1000)


def _plainly(raw: str, given: exp.Expr, zone: str) -> list[dict[str, exp.Expr]]:
    """The steps to a time that is written as most are: `plain`, null where it is none.

    DuckDB reads dates with dashes, but takes any two digits for the hours and minutes of an offset.
    Where those are not seen to be right, it reads the time without its zone too: the two are apart
    by the offset.
    """
    trust, zoned, local, count = (f"{raw}.{step}" for step in ("trust", "zoned", "local", "count"))
    dated = _is_dated(given)
    micros = call("epoch_us", try_cast(given.copy(), "TIMESTAMPTZ"))
    unsure = exp.and_(present(column(zoned)), _is(column(trust), UNSURE))
    readings = column(trust), column(zoned), column(local)
    return [
        {
            trust: when(dated.copy(), _trust(given, zone)),
            zoned: when(dated.copy(), micros),
            count: unless(dated, try_cast(given.copy(), "BIGINT")),
        },
        {local: when(unsure, try_cast(given.copy(), "TIMESTAMP"))},
        {
            f"{raw}.wall": _wall(given, *readings),
            f"{raw}.plain": _plain(given, *readings, column(count), zone),
        },
    ]


def _is(trust: exp.Expr, how: exp.Expr) -> exp.Expr:
    return exp.EQ(this=trust.copy(), expression=how.copy())


def _is_dated(given: exp.Expr) -> exp.Expr:
    """Whether a text begins with a date of ten characters."""
    signs = [text("-"), text("/")]
    return exp.and_(*(exp.In(this=_at(given, place), expressions=signs) for place in (5, 8)))


def _has_length(given: exp.Expr, length: int) -> exp.Expr:
    return exp.EQ(this=call("strlen", given.copy()), expression=exp.Literal.number(length))


def _last(given: exp.Expr, length: int) -> exp.Expr:
    return call("substr", given.copy(), exp.Literal.number(-length))


INSTANT, LOCAL, UNSURE = (exp.Literal.number(n) for n in (2, 1, 0))
"""DuckDB's reading of a text is right as it is, is right if it is local time, or has to be seen."""


def _trust(given: exp.Expr, zone: str) -> exp.Expr:
    """How far DuckDB's reading of a dated text goes: INSTANT where it ends in Z, or in an offset
    that can be, such as +05:30; LOCAL where nothing follows the seconds or their fraction.

    The name of a zone is never trusted: DuckDB knows some that mean several zones.
    """
    minutes = exp.LT(this=_last(given, 2), expression=text("60"))

    def offset(sign: str) -> exp.Expr:
        low, high = text(f"{sign}00:00"), text(f"{sign}23:59")
        before = exp.Between(this=_last(given, 7), low=text("0"), high=text(":"))
        within = exp.Between(this=_last(given, 6), low=low, high=high)
        return when(exp.and_(within, before, minutes.copy()), INSTANT.copy(), UNSURE.copy())

    rest = call("substr", given.copy(), exp.Literal.number(12))
    west = call("contains", rest, text("-"))
    digit = exp.Between(this=_last(given, 1), low=text("0"), high=text("9"))
    if zone == "UTC":
        plain = when(digit, INSTANT.copy(), UNSURE.copy())
    else:
        to_seconds = exp.EQ(this=_at(given, 17), expression=text(":"))
        to_fraction = exp.In(this=_at(given, 20), expressions=[text(""), text(".")])
        plain = when(exp.and_(to_seconds, to_fraction, digit), LOCAL.copy(), UNSURE.copy())
    ifs = [
        exp.If(this=call("ends_with", given.copy(), text("Z")), true=INSTANT.copy()),
        exp.If(this=call("contains", given.copy(), text("+")), true=offset("+")),
        exp.If(this=west, true=offset("-")),
    ]
    return exp.Case(ifs=ifs, default=plain)


def _at(given: exp.Expr, place: int) -> exp.Expr:
    return call("substr", given.copy(), exp.Literal.number(place), exp.Literal.number(1))


def _date(given: exp.Expr) -> exp.Expr:
    """The day that eight digits mean, such as 20261120."""
    return call("try_strptime", given.copy(), text("%Y%m%d"))


def _apart(zoned: exp.Expr, local: exp.Expr) -> exp.Expr:
    """How far DuckDB's two readings are apart: by the offset, in microseconds."""
    return exp.Paren(this=exp.Sub(this=zoned.copy(), expression=call("epoch_us", local.copy())))


def _rest(given: exp.Expr) -> exp.Expr:
    """What follows the date and its separator."""
    return call("substr", given.copy(), exp.Literal.number(12))


def _wall(given: exp.Expr, trust: exp.Expr, zoned: exp.Expr, local: exp.Expr) -> exp.Expr:
    """The local time that a text means; null where it says its zone, or is no plain time."""
    says = call("regexp_matches", _rest(given), text("[A-Za-z+-]"))
    same = exp.EQ(this=_apart(zoned, local), expression=exp.Literal.number(0))
    return exp.Case(
        ifs=[
            exp.If(this=_is(trust, LOCAL), true=_from_micros(zoned)),
            exp.If(this=_has_length(given, 8), true=_date(given)),
            exp.If(this=exp.and_(same, exp.not_(says)), true=local.copy()),
        ]
    )


def _plain(
    given: exp.Expr,
    trust: exp.Expr,
    zoned: exp.Expr,
    local: exp.Expr,
    count: exp.Expr,
    zone: str,
) -> exp.Expr:
    """The instant that a text means; null where it is a local time, or no plain time."""
    digits = exp.EQ(this=cast(count.copy(), "VARCHAR"), expression=given.copy())
    no_date = missing(_date(given))
    epoch = epoch_of_integer(count)
    possible = exp.LT(this=call("abs", _apart(zoned, local)), expression=exp.Literal.number(DAY))
    odd_minutes = exp.Between(this=_last(given, 2), low=text("60"), high=text("99"))
    named = call("regexp_matches", _rest(given), text("[A-Za-z]"))
    right = exp.and_(possible, exp.not_(odd_minutes), exp.not_(named))
    if zone != "UTC":
        signed = call("regexp_matches", _rest(given), text("[+-]"))
        right = exp.and_(right, signed)
    return exp.Case(
        ifs=[
            exp.If(this=_is(trust, INSTANT), true=_from_micros(zoned)),
            exp.If(this=_has_length(given, 8), true=when(no_date, epoch)),
            exp.If(this=digits, true=epoch.copy()),
            exp.If(this=exp.and_(_is(trust, UNSURE), right), true=_from_micros(zoned)),
        ]
    )


def _otherwise(raw: str, given: exp.Expr, whole: exp.Expr, zone: str) -> list[dict[str, exp.Expr]]:
    """The steps to a time that is not plain: an epoch with a fraction, or what PATTERN takes.

    `whole` is the value without any escapes.
    """
    plain, wall, epoch, parts = (f"{raw}.{step}" for step in ("plain", "wall", "epoch", "parts"))
    settled = exp.or_(present(column(plain)), present(column(wall)), missing(given))
    underscored = call("contains", given.copy(), text("_"))
    no_epoch = exp.or_(settled, _is_dated(given), underscored)
    no_parts = exp.or_(settled.copy(), present(column(epoch)))
    names = exp.Array(expressions=[text(part) for part in PARTS])
    odd = _Odd(column(parts))
    there, at = f"{raw}.there", f"{raw}.at"
    instant = exp.Case(
        ifs=[
            exp.If(this=present(column(plain)), true=column(plain)),
            exp.If(this=present(column(epoch)), true=epoch_time(column(epoch))),
            exp.If(this=present(column(there)), true=utc_of(column(there), zone)),
        ],
        default=odd.zoned(),
    )
    return [
        {epoch: unless(no_epoch, try_cast(given.copy(), "DECIMAL(38, 18)"))},
        {parts: unless(no_parts, call("regexp_extract", whole.copy(), text(PATTERN), names))},
        {there: when(present(column(wall)), column(wall), odd.wall())},
        {at: instant},
        {f"{raw}.read": odd.with_leap_second(column(at))},
    ]


class _Odd:
    """The time that the parts of PATTERN mean; null where one of them cannot be."""

    def __init__(self, parts: exp.Expr) -> None:
        day, hour, minute, second, fraction, self.offset, self.name = (
            call("struct_extract", parts.copy(), text(part)) for part in PARTS
        )
        self.leaps = exp.EQ(this=second, expression=text("60"))
        self.clock = call("concat", hour.copy(), minute.copy())
        places = [
            call("substr", day.copy(), exp.Literal.number(start), exp.Literal.number(length))
            for start, length in ((1, 4), (5, 2), (7, 2))
        ]
        basic = call("concat_ws", text("-"), *places)
        seconds = when(self.leaps.copy(), text("59"), _or_zero(second))
        self.local = call(
            "concat",
            when(_has_length(day, 8), basic, call("replace", day.copy(), text("/"), text("-"))),
            text(" "),
            call("concat_ws", text(":"), _or_zero(hour), _or_zero(minute), seconds),
            text("."),
            _or_zero(fraction),
        )

    def wall(self) -> exp.Expr:
        """The local time, where no zone is named."""
        naive = exp.and_(_is_empty(self.offset), _is_empty(self.name))
        return when(naive, try_cast(self.local.copy(), "TIMESTAMP"))

    def zoned(self) -> exp.Expr:
        """The instant, where one is."""
        utc = [text(name) for name in UTC_NAMES]
        own = exp.Case(
            ifs=[
                exp.If(this=exp.not_(_is_empty(self.offset)), true=_ascii_offset(self.offset)),
                exp.If(
                    this=exp.In(this=call("upper", self.name.copy()), expressions=utc),
                    true=text("+00"),
                ),
                exp.If(this=_is_zone(self.name), true=call("concat", text(" "), self.name.copy())),
            ],
            default=text(" no zone"),
        )
        whole = call("concat", self.local.copy(), own)
        return _from_micros(call("epoch_us", try_cast(whole, "TIMESTAMPTZ")))

    def with_leap_second(self, at: exp.Expr) -> exp.Expr:
        """The instant after a leap second that ends a day, in UTC or by the local clock."""
        utc_clock = call("strftime", at.copy(), text("%H%M"))
        may_leap = exp.In(this=text("2359"), expressions=[self.clock.copy(), utc_clock])
        second = call("to_seconds", exp.Literal.number(1))
        next_one = exp.Paren(this=exp.Add(this=at.copy(), expression=second))
        return when(self.leaps.copy(), when(may_leap, next_one), at.copy())


def _is_empty(part: exp.Expr) -> exp.Expr:
    return exp.EQ(this=part.copy(), expression=text(""))


def _or_zero(part: exp.Expr) -> exp.Expr:
    return when(_is_empty(part), text("00"), part.copy())


def _is_zone(name: exp.Expr) -> exp.Expr:
    """Whether a name is one of tzdata, as far as its beginning tells."""
    region = call("split_part", name.copy(), text("/"), exp.Literal.number(1))
    place = exp.NEQ(this=region, expression=name.copy())
    return exp.or_(
        exp.In(this=name.copy(), expressions=[text(known) for known in SHORT_NAMES]),
        exp.and_(place, exp.In(this=region.copy(), expressions=[text(one) for one in REGIONS])),
    )


def _ascii_offset(offset: exp.Expr) -> exp.Expr:
    return call("replace", offset.copy(), text("−"), text("-"))


def _from_micros(micros: exp.Expr) -> exp.Expr:
    return call("make_timestamp", micros.copy())


def from_instant(instant: exp.Expr) -> exp.Expr:
    """The UTC timestamp of one with a zone."""
    return _from_micros(call("epoch_us", instant))


def cut_nanoseconds(time: exp.Expr) -> exp.Expr:
    """The timestamp of a time in nanoseconds, which a cast would round."""
    return _from_micros(_cut(call("epoch_ns", time)))


def _cut(nanos: exp.Expr) -> exp.Expr:
    """The microseconds that have begun in so many nanoseconds."""
    exact = cast(nanos.copy(), "DECIMAL(38, 0)")
    micros = exp.Mul(this=exact, expression=exp.Literal.number("0.001"))
    return cast(call("floor", micros), "BIGINT")


def epoch_of_integer(count: exp.Expr) -> exp.Expr:
    """The UTC timestamp of an epoch that is a BIGINT, whose unit is told by its size."""

    def micros(factor: str) -> exp.Expr:
        return exp.Mul(this=count.copy(), expression=exp.Literal.number(factor))

    return _of_micros(count, micros, _cut(count))


def epoch_time(number: exp.Expr) -> exp.Expr:
    """The UTC timestamp of an epoch that is a decimal."""

    def micros(factor: str) -> exp.Expr:
        product = exp.Mul(this=number.copy(), expression=exp.Literal.number(factor))
        return call("floor", product)

    return _of_micros(number, micros, micros("0.001"))


def _of_micros(number: exp.Expr, micros: Callable[[str], exp.Expr], of_nanos: exp.Expr) -> exp.Expr:
    branches = []
    for limit, factor in _EPOCH_SIZES:
        low, high = exp.Literal.number(-limit), exp.Literal.number(limit)
        inside = exp.and_(
            exp.GT(this=number.copy(), expression=low), exp.LT(this=number.copy(), expression=high)
        )
        branches.append(exp.If(this=inside, true=micros(factor)))
    whole = try_cast(exp.Case(ifs=branches, default=of_nanos), "BIGINT")
    known = exp.Between(
        this=whole.copy(),
        low=exp.Literal.number(_FIRST_INSTANT),
        high=exp.Literal.number(_LAST_INSTANT),
    )
    return when(known, _from_micros(whole))
