"""Instants: whole microseconds since 1970 in UTC, local midnights, and how a time is written.

One pattern holds for what logs say and for what people type: DuckDB reads the times of logs by it,
with the regular expressions of RE2; `read_time` reads those of rules and options.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from ebudget.quantities import SECOND

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(micros: int) -> datetime:
    """The UTC datetime of an instant."""
    return EPOCH + timedelta(microseconds=micros)


def timestamp(micros: int) -> str:
    """An instant as ISO 8601 with Z; a fraction only where there is one."""
    return moment(micros).isoformat().replace("+00:00", "Z")


def local_instant(local: datetime, zone: tzinfo) -> int:
    """The instant of a local time, which has no zone of its own.

    Of the two that it means where clocks go back, the later. A time that clocks skip is told by
    the clocks before the gap, which is later too. May lie beyond the years that a datetime has.
    """
    return max(instant(local.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))


def midnight(day: date, zone: ZoneInfo) -> int:
    """The first instant of a local date; where clocks skip midnight, the instant they do."""
    return instant(datetime(day.year, day.month, day.day, tzinfo=zone))


PARTS = ("day", "hour", "minute", "second", "fraction", "offset", "zone")
"""The groups of the pattern, in order."""

_OFFSET = r"[+\-−](?:[01]\d|2[0-3])(?::?[0-5]\d)?"
_NOTE = r"\[[A-Za-z0-9_/+\-]+\]"  # RFC 9557, as Java and JavaScript write it
_NAME = r"[A-Za-z][A-Za-z0-9_+:/\-]*"
PATTERN = (
    r"^\s*(\d{4}-\d\d-\d\d|\d{4}/\d\d/\d\d|\d{8})"
    r"(?:(?:[Tt]|\s+)(\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?"
    rf"\s*(?:({_OFFSET})(?:{_NOTE}|\s+[A-Za-z]+)?|({_NAME})(?:{_NOTE})?)?)?\s*$"
)
"""ISO 8601 with its basic form or slashes, and a zone as an offset, as `Z` or as a name."""

UTC_NAMES = ("Z", "UTC", "GMT")
"""Upper case."""

_READ = re.compile(PATTERN, re.ASCII)
_EARLIEST = instant(datetime.min.replace(tzinfo=UTC))
_LATEST = instant(datetime.max.replace(tzinfo=UTC))


def read_time(text: str, zone: ZoneInfo) -> int:
    """The instant that a text means; without a zone of its own it is in `zone`.

    Digits beyond microseconds are cut. Raises ValueError for what is no time, and for what lies
    beyond the years 1 to 9999 in UTC.
    """
    found = _READ.match(text)
    if found is None:
        raise ValueError("not a time")
    day, hour, minute, second, fraction, offset, name = (part or "" for part in found.groups())
    local = datetime.fromisoformat(day.replace("/", "-"))
    of_day = [int(part or 0) for part in (hour, minute, second)]
    micros = int(fraction[:6].ljust(6, "0"))
    own = _own_zone(offset, name)
    leaps = of_day[2] == 60
    if leaps:
        of_day[2] = 59
    ends_day = of_day == [24, 0, 0] and not micros and not leaps
    if ends_day:
        of_day[0] = 0
    local = local.replace(hour=of_day[0], minute=of_day[1], second=of_day[2], microsecond=micros)
    try:
        if ends_day:
            local += timedelta(days=1)
        read = local_instant(local, own or zone)
        if leaps and not _may_leap(local, read):
            raise ValueError("not a time")
        read += SECOND * leaps
    except OverflowError:
        raise ValueError("beyond the calendar") from None
    if not _EARLIEST <= read <= _LATEST:
        raise ValueError("beyond the calendar")
    return read


def _own_zone(offset: str, name: str) -> tzinfo | None:
    if offset:
        digits = offset[1:].replace(":", "").ljust(4, "0")
        length = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return timezone(length if offset[0] == "+" else -length)
    if not name:
        return None
    if name.upper() in UTC_NAMES:
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("not a time") from None


def _may_leap(local: datetime, read: int) -> bool:
    """A leap second ends a day in UTC; what smears its clock calls it so by local time too."""
    there = moment(read)
    return (23, 59) in ((local.hour, local.minute), (there.hour, there.minute))
