"""Times of a log as instants: timestamps in UTC without a zone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from ebudget.instants import EPOCH, PARTS, PATTERN, UTC_NAMES, instant, read_time
from ebudget.logs.values.numbers import is_number
from ebudget.logs.values.steps import Extracted, unread
from ebudget.policy.mapping import FieldMap
from ebudget.quantities import DAY, plain_number
from ebudget.sql.trees import (
    Tree,
    Value,
    above,
    all_of,
    any_of,
    array,
    below,
    between,
    call,
    case,
    cast,
    column,
    equal,
    minus,
    missing,
    negated,
    number,
    one_of,
    plus,
    present,
    times,
    timestamp_literal,
    try_cast,
    unequal,
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
    steps: list[dict[str, Tree]] = []
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
    name: str, given: Tree, read: Tree, steps: Sequence[dict[str, Tree]]
) -> Extracted:
    """A time that was read of what was given, where it is one of the years that we count in."""
    first = _FIRST_OF_RUNS if name in RUN_TIMES else _FIRST_INSTANT
    low, high = timestamp_literal(first), timestamp_literal(_LAST_INSTANT - 1)
    value = when(between(read, low, high), read)
    early = call("coalesce", below(read, low), False)
    flaws = {NOT_A_TIME: unread(given, value, True)}
    if name in RUN_TIMES:
        flaws = {NOT_A_TIME: unread(given, value, negated(early)), TOO_EARLY: early}
    return Extracted(value, flaws, tuple(steps), sound=any_of(missing(given), present(value)))


def _said(json: Tree) -> Tree:
    """What a JSON value says, if it is plain ASCII; a number of 8 digits so that it is no date."""
    bare = call("substr", json, 2, minus(call("strlen", json), 2))
    no_date = call("concat", json, ".0")
    return case([(between(json, '"', "#"), bare), (_has_length(json, 8), no_date)], json)


def _unescaped(json: Tree) -> Tree:
    """The text of any JSON value."""
    return call("json_extract_string", cast(json, "JSON"), "$")


def is_one_of(given: Tree, null_if: Sequence[str]) -> Tree:
    """Whether a time is one that `null_if` lists: a number by its value, a text as written."""
    values = [value for entry in null_if if (value := plain_number(entry)) is not None]
    return any_of(one_of(given, null_if), *(is_number(given, value) for value in values))


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


def _plainly(raw: str, given: Tree, zone: str) -> list[dict[str, Tree]]:
    """The steps to a time that is written as most are: `plain`, null where it is none.

    DuckDB reads dates with dashes, but takes any two digits for the hours and minutes of an offset.
    Where those are not seen to be right, it reads the time without its zone too: the two are apart
    by the offset.
    """
    trust, zoned, local, count = (f"{raw}.{step}" for step in ("trust", "zoned", "local", "count"))
    dated = _is_dated(given)
    micros = call("epoch_us", try_cast(given, "TIMESTAMPTZ"))
    unsure = all_of(present(column(zoned)), equal(column(trust), UNSURE))
    readings = column(trust), column(zoned), column(local)
    return [
        {
            trust: when(dated, _trust(given, zone)),
            zoned: when(dated, micros),
            count: unless(dated, try_cast(given, "BIGINT")),
        },
        {local: when(unsure, try_cast(given, "TIMESTAMP"))},
        {
            f"{raw}.wall": _wall(given, *readings),
            f"{raw}.plain": _plain(given, *readings, column(count), zone),
        },
    ]


def _is_dated(given: Tree) -> Tree:
    """Whether a text begins with a date of ten characters."""
    return all_of(*(one_of(_at(given, place), "-/") for place in (5, 8)))


def _has_length(given: Tree, length: int) -> Tree:
    return equal(call("strlen", given), length)


def _last(given: Tree, length: int) -> Tree:
    return call("substr", given, -length)


INSTANT, LOCAL, UNSURE = 2, 1, 0
"""DuckDB's reading of a text is right as it is, is right if it is local time, or has to be seen."""


def _trust(given: Tree, zone: str) -> Tree:
    """How far DuckDB's reading of a dated text goes: INSTANT where it ends in Z, or in an offset
    that can be, such as +05:30; LOCAL where nothing follows the seconds or their fraction.

    The name of a zone is never trusted: DuckDB knows some that mean several zones.
    """

    def offset(sign: str) -> Tree:
        within = between(_last(given, 6), f"{sign}00:00", f"{sign}23:59")
        before = between(_last(given, 7), "0", ":")
        minutes = below(_last(given, 2), "60")
        return when(all_of(within, before, minutes), INSTANT, UNSURE)

    digit = between(_last(given, 1), "0", "9")
    if zone == "UTC":
        plain = when(digit, INSTANT, UNSURE)
    else:
        to_seconds = equal(_at(given, 17), ":")
        to_fraction = one_of(_at(given, 20), ["", "."])
        plain = when(all_of(to_seconds, to_fraction, digit), LOCAL, UNSURE)
    branches: list[tuple[Tree, Value]] = [
        (call("ends_with", given, "Z"), INSTANT),
        (call("contains", given, "+"), offset("+")),
        (call("contains", _rest(given), "-"), offset("-")),
    ]
    return case(branches, plain)


def _at(given: Tree, place: int) -> Tree:
    return call("substr", given, place, 1)


def _date(given: Tree) -> Tree:
    """The day that eight digits mean, such as 20261120."""
    return call("try_strptime", given, "%Y%m%d")


def _apart(zoned: Tree, local: Tree) -> Tree:
    """How far DuckDB's two readings are apart: by the offset, in microseconds."""
    return minus(zoned, call("epoch_us", local))


def _rest(given: Tree) -> Tree:
    """What follows the date and its separator."""
    return call("substr", given, 12)


def _wall(given: Tree, trust: Tree, zoned: Tree, local: Tree) -> Tree:
    """The local time that a text means; null where it says its zone, or is no plain time."""
    says = call("regexp_matches", _rest(given), "[A-Za-z+-]")
    same = equal(_apart(zoned, local), 0)
    return case(
        [
            (equal(trust, LOCAL), _from_micros(zoned)),
            (_has_length(given, 8), _date(given)),
            (all_of(same, negated(says)), local),
        ]
    )


def _plain(
    given: Tree,
    trust: Tree,
    zoned: Tree,
    local: Tree,
    count: Tree,
    zone: str,
) -> Tree:
    """The instant that a text means; null where it is a local time, or no plain time."""
    digits = equal(cast(count, "VARCHAR"), given)
    epoch = epoch_of_integer(count)
    possible = below(call("abs", _apart(zoned, local)), DAY)
    odd_minutes = between(_last(given, 2), "60", "99")
    named = call("regexp_matches", _rest(given), "[A-Za-z]")
    right = all_of(possible, negated(odd_minutes), negated(named))
    if zone != "UTC":
        right = all_of(right, call("regexp_matches", _rest(given), "[+-]"))
    return case(
        [
            (equal(trust, INSTANT), _from_micros(zoned)),
            (_has_length(given, 8), when(missing(_date(given)), epoch)),
            (digits, epoch),
            (all_of(equal(trust, UNSURE), right), _from_micros(zoned)),
        ]
    )


def _otherwise(raw: str, given: Tree, whole: Tree, zone: str) -> list[dict[str, Tree]]:
    """The steps to a time that is not plain: an epoch with a fraction, or what PATTERN takes.

    `whole` is the value without any escapes.
    """
    plain, wall, epoch, parts = (f"{raw}.{step}" for step in ("plain", "wall", "epoch", "parts"))
    settled = any_of(present(column(plain)), present(column(wall)), missing(given))
    no_epoch = any_of(settled, _is_dated(given), call("contains", given, "_"))
    no_parts = any_of(settled, present(column(epoch)))
    odd = _Odd(column(parts))
    there, at = f"{raw}.there", f"{raw}.at"
    instant = case(
        [
            (present(column(plain)), column(plain)),
            (present(column(epoch)), epoch_time(column(epoch))),
            (present(column(there)), utc_of(column(there), zone)),
        ],
        odd.zoned(),
    )
    return [
        {epoch: unless(no_epoch, try_cast(given, "DECIMAL(38, 18)"))},
        {parts: unless(no_parts, call("regexp_extract", whole, PATTERN, array(PARTS)))},
        {there: when(present(column(wall)), column(wall), odd.wall())},
        {at: instant},
        {f"{raw}.read": odd.with_leap_second(column(at))},
    ]


class _Odd:
    """The time that the parts of PATTERN mean; null where one of them cannot be."""

    def __init__(self, parts: Tree) -> None:
        day, hour, minute, second, fraction, self.offset, self.name = (
            call("struct_extract", parts, part) for part in PARTS
        )
        self.leaps = equal(second, "60")
        self.clock = call("concat", hour, minute)
        places = [call("substr", day, *place) for place in ((1, 4), (5, 2), (7, 2))]
        basic = call("concat_ws", "-", *places)
        seconds = when(self.leaps, "59", _or_zero(second))
        self.local = call(
            "concat",
            when(_has_length(day, 8), basic, call("replace", day, "/", "-")),
            " ",
            call("concat_ws", ":", _or_zero(hour), _or_zero(minute), seconds),
            ".",
            _or_zero(fraction),
        )

    def wall(self) -> Tree:
        """The local time, where no zone is named."""
        naive = all_of(_is_empty(self.offset), _is_empty(self.name))
        return when(naive, try_cast(self.local, "TIMESTAMP"))

    def zoned(self) -> Tree:
        """The instant, where one is."""
        branches: list[tuple[Tree, Value]] = [
            (negated(_is_empty(self.offset)), call("replace", self.offset, "−", "-")),
            (one_of(call("upper", self.name), UTC_NAMES), "+00"),
            (_is_zone(self.name), call("concat", " ", self.name)),
        ]
        whole = call("concat", self.local, case(branches, " no zone"))
        return _from_micros(call("epoch_us", try_cast(whole, "TIMESTAMPTZ")))

    def with_leap_second(self, at: Tree) -> Tree:
        """The instant after a leap second that ends a day, in UTC or by the local clock."""
        may_leap = one_of("2359", [self.clock, call("strftime", at, "%H%M")])
        return when(self.leaps, when(may_leap, plus(at, call("to_seconds", 1))), at)


def _is_empty(part: Tree) -> Tree:
    return equal(part, "")


def _or_zero(part: Tree) -> Tree:
    return when(_is_empty(part), "00", part)


def _is_zone(name: Tree) -> Tree:
    """Whether a name is one of tzdata, as far as its beginning tells."""
    region = call("split_part", name, "/", 1)
    return any_of(one_of(name, SHORT_NAMES), all_of(unequal(region, name), one_of(region, REGIONS)))


def _from_micros(micros: Tree) -> Tree:
    return call("make_timestamp", micros)


def from_instant(instant: Tree) -> Tree:
    """The UTC timestamp of one with a zone."""
    return _from_micros(call("epoch_us", instant))


def cut_nanoseconds(time: Tree) -> Tree:
    """The timestamp of a time in nanoseconds, which a cast would round."""
    return _from_micros(_cut(call("epoch_ns", time)))


def _cut(nanos: Tree) -> Tree:
    """The microseconds that have begun in so many nanoseconds."""
    micros = times(cast(nanos, "DECIMAL(38, 0)"), number("0.001"))
    return cast(call("floor", micros), "BIGINT")


def epoch_of_integer(count: Tree) -> Tree:
    """The UTC timestamp of an epoch that is a BIGINT, whose unit is told by its size."""
    return _of_micros(count, lambda factor: times(count, number(factor)), _cut(count))


def epoch_time(epoch: Tree) -> Tree:
    """The UTC timestamp of an epoch that is a decimal."""

    def micros(factor: str) -> Tree:
        return call("floor", times(epoch, number(factor)))

    return _of_micros(epoch, micros, micros("0.001"))


def _of_micros(epoch: Tree, micros: Callable[[str], Tree], of_nanos: Tree) -> Tree:
    branches = [
        (all_of(above(epoch, -limit), below(epoch, limit)), micros(factor))
        for limit, factor in _EPOCH_SIZES
    ]
    whole = try_cast(case(branches, of_nanos), "BIGINT")
    return when(between(whole, _FIRST_INSTANT, _LAST_INSTANT), _from_micros(whole))
