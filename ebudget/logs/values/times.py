"""Times of a log as instants: timestamps in UTC without a zone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from ebudget import sql
from ebudget.instants import EPOCH, PARTS, PATTERN, UTC_NAMES, instant, read_time
from ebudget.logs.values.numbers import is_number
from ebudget.logs.values.steps import Extracted, unread
from ebudget.policy.mapping import FieldMap
from ebudget.quantities import DAY, plain_number

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
    steps: list[dict[str, sql.Tree]] = []
    given = whole = sql.column(raw)
    if json:
        steps.append({f"{raw}.said": _said(given)})
        given, whole = sql.column(f"{raw}.said"), _unescaped(whole)
    null_if = field.null_if if field else ()
    if null_if:
        unwanted = is_one_of(sql.column(f"{raw}.whole"), null_if)
        steps.append({f"{raw}.whole": whole})
        steps.append({f"{raw}.given": sql.unless(unwanted, given)})
        given, whole = sql.column(f"{raw}.given"), sql.column(f"{raw}.whole")
    steps += _plainly(raw, given, zone)
    steps += _otherwise(raw, given, whole, zone)
    return within_calendar(name, given, sql.column(f"{raw}.read"), steps)


def within_calendar(
    name: str, given: sql.Tree, read: sql.Tree, steps: Sequence[dict[str, sql.Tree]]
) -> Extracted:
    """A time that was read of what was given, where it is one of the years that we count in."""
    first = _FIRST_OF_RUNS if name in RUN_TIMES else _FIRST_INSTANT
    low, high = sql.timestamp_literal(first), sql.timestamp_literal(_LAST_INSTANT - 1)
    value = sql.when(sql.between(read, low, high), read)
    early = sql.call("coalesce", sql.below(read, low), False)
    flaws = {NOT_A_TIME: unread(given, value, True)}
    if name in RUN_TIMES:
        flaws = {NOT_A_TIME: unread(given, value, sql.negated(early)), TOO_EARLY: early}
    return Extracted(
        value, flaws, tuple(steps), sound=sql.any_of(sql.missing(given), sql.present(value))
    )


def _said(json: sql.Tree) -> sql.Tree:
    """What a JSON value says, if it is plain ASCII; a number of 8 digits so that it is no date."""
    bare = sql.call("substr", json, 2, sql.minus(sql.call("strlen", json), 2))
    no_date = sql.call("concat", json, ".0")
    return sql.case([(sql.between(json, '"', "#"), bare), (_has_length(json, 8), no_date)], json)


def _unescaped(json: sql.Tree) -> sql.Tree:
    """The text of any JSON value."""
    return sql.call("json_extract_string", sql.cast(json, "JSON"), "$")


def is_one_of(given: sql.Tree, null_if: Sequence[str]) -> sql.Tree:
    """Whether a time is one that `null_if` lists: a number by its value, a text as written."""
    values = [value for entry in null_if if (value := plain_number(entry)) is not None]
    return sql.any_of(sql.one_of(given, null_if), *(is_number(given, value) for value in values))


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


def _plainly(raw: str, given: sql.Tree, zone: str) -> list[dict[str, sql.Tree]]:
    """The steps to a time that is written as most are: `plain`, null where it is none.

    DuckDB reads dates with dashes, but takes any two digits for the hours and minutes of an offset.
    Where those are not seen to be right, it reads the time without its zone too: the two are apart
    by the offset.
    """
    trust, zoned, local, count = (f"{raw}.{step}" for step in ("trust", "zoned", "local", "count"))
    dated = _is_dated(given)
    micros = sql.call("epoch_us", sql.try_cast(given, "TIMESTAMPTZ"))
    unsure = sql.all_of(sql.present(sql.column(zoned)), sql.equal(sql.column(trust), UNSURE))
    readings = sql.column(trust), sql.column(zoned), sql.column(local)
    return [
        {
            trust: sql.when(dated, _trust(given, zone)),
            zoned: sql.when(dated, micros),
            count: sql.unless(dated, sql.try_cast(given, "BIGINT")),
        },
        {local: sql.when(unsure, sql.try_cast(given, "TIMESTAMP"))},
        {
            f"{raw}.wall": _wall(given, *readings),
            f"{raw}.plain": _plain(given, *readings, sql.column(count), zone),
        },
    ]


def _is_dated(given: sql.Tree) -> sql.Tree:
    """Whether a text begins with a date of ten characters."""
    return sql.all_of(*(sql.one_of(_at(given, place), "-/") for place in (5, 8)))


def _has_length(given: sql.Tree, length: int) -> sql.Tree:
    return sql.equal(sql.call("strlen", given), length)


def _last(given: sql.Tree, length: int) -> sql.Tree:
    return sql.call("substr", given, -length)


INSTANT, LOCAL, UNSURE = 2, 1, 0
"""DuckDB's reading of a text is right as it is, is right if it is local time, or has to be seen."""


def _trust(given: sql.Tree, zone: str) -> sql.Tree:
    """How far DuckDB's reading of a dated text goes: INSTANT where it ends in Z, or in an offset
    that can be, such as +05:30; LOCAL where nothing follows the seconds or their fraction.

    The name of a zone is never trusted: DuckDB knows some that mean several zones.
    """

    def offset(sign: str) -> sql.Tree:
        within = sql.between(_last(given, 6), f"{sign}00:00", f"{sign}23:59")
        before = sql.between(_last(given, 7), "0", ":")
        minutes = sql.below(_last(given, 2), "60")
        return sql.when(sql.all_of(within, before, minutes), INSTANT, UNSURE)

    digit = sql.between(_last(given, 1), "0", "9")
    if zone == "UTC":
        plain = sql.when(digit, INSTANT, UNSURE)
    else:
        to_seconds = sql.equal(_at(given, 17), ":")
        to_fraction = sql.one_of(_at(given, 20), ["", "."])
        plain = sql.when(sql.all_of(to_seconds, to_fraction, digit), LOCAL, UNSURE)
    branches: list[tuple[sql.Tree, sql.Value]] = [
        (sql.call("ends_with", given, "Z"), INSTANT),
        (sql.call("contains", given, "+"), offset("+")),
        (sql.call("contains", _rest(given), "-"), offset("-")),
    ]
    return sql.case(branches, plain)


def _at(given: sql.Tree, place: int) -> sql.Tree:
    return sql.call("substr", given, place, 1)


def _date(given: sql.Tree) -> sql.Tree:
    """The day that eight digits mean, such as 20261120."""
    return sql.call("try_strptime", given, "%Y%m%d")


def _apart(zoned: sql.Tree, local: sql.Tree) -> sql.Tree:
    """How far DuckDB's two readings are apart: by the offset, in microseconds."""
    return sql.minus(zoned, sql.call("epoch_us", local))


def _rest(given: sql.Tree) -> sql.Tree:
    """What follows the date and its separator."""
    return sql.call("substr", given, 12)


def _wall(given: sql.Tree, trust: sql.Tree, zoned: sql.Tree, local: sql.Tree) -> sql.Tree:
    """The local time that a text means; null where it says its zone, or is no plain time."""
    says = sql.call("regexp_matches", _rest(given), "[A-Za-z+-]")
    same = sql.equal(_apart(zoned, local), 0)
    return sql.case(
        [
            (sql.equal(trust, LOCAL), _from_micros(zoned)),
            (_has_length(given, 8), _date(given)),
            (sql.all_of(same, sql.negated(says)), local),
        ]
    )


def _plain(
    given: sql.Tree,
    trust: sql.Tree,
    zoned: sql.Tree,
    local: sql.Tree,
    count: sql.Tree,
    zone: str,
) -> sql.Tree:
    """The instant that a text means; null where it is a local time, or no plain time."""
    digits = sql.equal(sql.cast(count, "VARCHAR"), given)
    epoch = epoch_of_integer(count)
    possible = sql.below(sql.call("abs", _apart(zoned, local)), DAY)
    odd_minutes = sql.between(_last(given, 2), "60", "99")
    named = sql.call("regexp_matches", _rest(given), "[A-Za-z]")
    right = sql.all_of(possible, sql.negated(odd_minutes), sql.negated(named))
    if zone != "UTC":
        right = sql.all_of(right, sql.call("regexp_matches", _rest(given), "[+-]"))
    return sql.case(
        [
            (sql.equal(trust, INSTANT), _from_micros(zoned)),
            (_has_length(given, 8), sql.when(sql.missing(_date(given)), epoch)),
            (digits, epoch),
            (sql.all_of(sql.equal(trust, UNSURE), right), _from_micros(zoned)),
        ]
    )


def _otherwise(raw: str, given: sql.Tree, whole: sql.Tree, zone: str) -> list[dict[str, sql.Tree]]:
    """The steps to a time that is not plain: an epoch with a fraction, or what PATTERN takes.

    `whole` is the value without any escapes.
    """
    plain, wall, epoch, parts = (f"{raw}.{step}" for step in ("plain", "wall", "epoch", "parts"))
    settled = sql.any_of(
        sql.present(sql.column(plain)), sql.present(sql.column(wall)), sql.missing(given)
    )
    no_epoch = sql.any_of(settled, _is_dated(given), sql.call("contains", given, "_"))
    no_parts = sql.any_of(settled, sql.present(sql.column(epoch)))
    odd = _Odd(sql.column(parts))
    there, at = f"{raw}.there", f"{raw}.at"
    instant = sql.case(
        [
            (sql.present(sql.column(plain)), sql.column(plain)),
            (sql.present(sql.column(epoch)), epoch_time(sql.column(epoch))),
            (sql.present(sql.column(there)), sql.utc_of(sql.column(there), zone)),
        ],
        odd.zoned(),
    )
    return [
        {epoch: sql.unless(no_epoch, sql.try_cast(given, "DECIMAL(38, 18)"))},
        {parts: sql.unless(no_parts, sql.call("regexp_extract", whole, PATTERN, sql.array(PARTS)))},
        {there: sql.when(sql.present(sql.column(wall)), sql.column(wall), odd.wall())},
        {at: instant},
        {f"{raw}.read": odd.with_leap_second(sql.column(at))},
    ]


class _Odd:
    """The time that the parts of PATTERN mean; null where one of them cannot be."""

    def __init__(self, parts: sql.Tree) -> None:
        day, hour, minute, second, fraction, self.offset, self.name = (
            sql.call("struct_extract", parts, part) for part in PARTS
        )
        self.leaps = sql.equal(second, "60")
        self.clock = sql.call("concat", hour, minute)
        places = [sql.call("substr", day, *place) for place in ((1, 4), (5, 2), (7, 2))]
        basic = sql.call("concat_ws", "-", *places)
        seconds = sql.when(self.leaps, "59", _or_zero(second))
        self.local = sql.call(
            "concat",
            sql.when(_has_length(day, 8), basic, sql.call("replace", day, "/", "-")),
            " ",
            sql.call("concat_ws", ":", _or_zero(hour), _or_zero(minute), seconds),
            ".",
            _or_zero(fraction),
        )

    def wall(self) -> sql.Tree:
        """The local time, where no zone is named."""
        naive = sql.all_of(_is_empty(self.offset), _is_empty(self.name))
        return sql.when(naive, sql.try_cast(self.local, "TIMESTAMP"))

    def zoned(self) -> sql.Tree:
        """The instant, where one is."""
        branches: list[tuple[sql.Tree, sql.Value]] = [
            (sql.negated(_is_empty(self.offset)), sql.call("replace", self.offset, "−", "-")),
            (sql.one_of(sql.call("upper", self.name), UTC_NAMES), "+00"),
            (_is_zone(self.name), sql.call("concat", " ", self.name)),
        ]
        whole = sql.call("concat", self.local, sql.case(branches, " no zone"))
        return _from_micros(sql.call("epoch_us", sql.try_cast(whole, "TIMESTAMPTZ")))

    def with_leap_second(self, at: sql.Tree) -> sql.Tree:
        """The instant after a leap second that ends a day, in UTC or by the local clock."""
        may_leap = sql.one_of("2359", [self.clock, sql.call("strftime", at, "%H%M")])
        return sql.when(self.leaps, sql.when(may_leap, sql.plus(at, sql.call("to_seconds", 1))), at)


def _is_empty(part: sql.Tree) -> sql.Tree:
    return sql.equal(part, "")


def _or_zero(part: sql.Tree) -> sql.Tree:
    return sql.when(_is_empty(part), "00", part)


def _is_zone(name: sql.Tree) -> sql.Tree:
    """Whether a name is one of tzdata, as far as its beginning tells."""
    region = sql.call("split_part", name, "/", 1)
    return sql.any_of(
        sql.one_of(name, sql.SHORT_NAMES),
        sql.all_of(sql.unequal(region, name), sql.one_of(region, sql.REGIONS)),
    )


def _from_micros(micros: sql.Tree) -> sql.Tree:
    return sql.call("make_timestamp", micros)


def from_instant(instant: sql.Tree) -> sql.Tree:
    """The UTC timestamp of one with a zone."""
    return _from_micros(sql.call("epoch_us", instant))


def cut_nanoseconds(time: sql.Tree) -> sql.Tree:
    """The timestamp of a time in nanoseconds, which a cast would round."""
    return _from_micros(_cut(sql.call("epoch_ns", time)))


def _cut(nanos: sql.Tree) -> sql.Tree:
    """The microseconds that have begun in so many nanoseconds."""
    micros = sql.times(sql.cast(nanos, "DECIMAL(38, 0)"), sql.number("0.001"))
    return sql.cast(sql.call("floor", micros), "BIGINT")


def epoch_of_integer(count: sql.Tree) -> sql.Tree:
    """The UTC timestamp of an epoch that is a BIGINT, whose unit is told by its size."""
    return _of_micros(count, lambda factor: sql.times(count, sql.number(factor)), _cut(count))


def epoch_time(epoch: sql.Tree) -> sql.Tree:
    """The UTC timestamp of an epoch that is a decimal."""

    def micros(factor: str) -> sql.Tree:
        return sql.call("floor", sql.times(epoch, sql.number(factor)))

    return _of_micros(epoch, micros, micros("0.001"))


def _of_micros(epoch: sql.Tree, micros: Callable[[str], sql.Tree], of_nanos: sql.Tree) -> sql.Tree:
    branches = [
        (sql.all_of(sql.above(epoch, -limit), sql.below(epoch, limit)), micros(factor))
        for limit, factor in _EPOCH_SIZES
    ]
    whole = sql.try_cast(sql.case(branches, of_nanos), "BIGINT")
    return sql.when(sql.between(whole, _FIRST_INSTANT, _LAST_INSTANT), _from_micros(whole))
