"""Exact numbers as people write them: shares, amounts, durations. Text in, fractions out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
LEEWAY = 5 * MINUTE
"""By how much a run's clock may be ahead of the machine's."""

NANO = 10**9
"""Sums are kept as whole numbers of 1e-9 of their unit."""

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_NUMBER = re.compile(r"[+-]?(\d{1,18}(\.\d{0,18})?|\.\d{1,18})\Z", re.ASCII)
_DURATION = re.compile(r"(\d{1,6})\s*([smhdw])\Z", re.ASCII)
_LONGEST = 100 * 366 * DAY
WRITTEN = r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*"
"""A decimal number in a log, with the regular expressions of Python and of DuckDB."""
_DECIMAL = re.compile(WRITTEN, re.ASCII)
_LONGEST_EXPONENT = 400


@dataclass(frozen=True, order=True)
class Duration:
    """A length of time that does not depend on a calendar; 1d is always 24 h."""

    micros: int
    """Microseconds."""
    text: str
    """As it was written, such as `7d`."""


@dataclass(frozen=True)
class Unit:
    """What is counted, and how it is spoken of."""

    name: str
    noun: bool = True
    """Whether it is a word for one of what is counted, and has a plural; else it is the name of a
    column."""


def number(text: str) -> Fraction:
    """The exact value of a plain decimal such as `4.80`. Raises ValueError."""
    cleaned = text.strip()
    if not _NUMBER.match(cleaned):
        raise ValueError(f"{text!r} is not a number; write it plainly, such as 90 or 4.80")
    return Fraction(cleaned)


def share(text: str) -> Fraction:
    """The exact value of a percentage: `2.5%` is 1/40. Raises ValueError."""
    cleaned = text.strip()
    if not cleaned.endswith("%"):
        raise ValueError(f"{text!r} is not a percentage; write it with a sign, such as 25%")
    try:
        return number(cleaned[:-1]) / 100
    except ValueError:
        raise ValueError(f"{text!r} is not a percentage; write it plainly, such as 2.5%") from None


def duration(text: str) -> Duration:
    """A duration such as `30m`, `12h`, `7d` or `4w`. Raises ValueError."""
    match = _DURATION.match(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a duration; write 30m, 12h, 7d or 4w")
    micros = int(match[1]) * _UNITS[match[2]]
    if not 0 < micros <= _LONGEST:
        raise ValueError(f"{text!r} is not between one second and a hundred years")
    return Duration(micros, text.strip())


def whole(text: str) -> int:
    """A count of at least 0. Raises ValueError."""
    value = number(text)
    if value.denominator != 1 or value < 0:
        raise ValueError(f"{text!r} is not a whole number of at least 0")
    return int(value)


def truth(text: str) -> bool:
    """`true` or `false`. Raises ValueError."""
    match text.strip().lower():
        case "true":
            return True
        case "false":
            return False
    raise ValueError(f"{text!r} is neither true nor false")


def plain_number(written: str) -> Fraction | None:
    """The exact value of a decimal number as a log may write it; None for anything else."""
    found = _DECIMAL.fullmatch(written)
    if found is None or abs(int((found[2] or "e0")[1:])) > _LONGEST_EXPONENT:
        return None
    return Fraction(written.strip())


def decimal_text(value: Fraction) -> str:
    """A number as it is written: exact, and as short as can be. Raises ValueError where no decimal
    number has the value.
    """
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
        if places > _LONGEST_EXPONENT:
            raise ValueError(f"{value} has no end as a decimal number")
    digits = str(abs(int(value * 10**places))).rjust(places + 1, "0")
    whole, rest = digits[: len(digits) - places], digits[len(digits) - places :]
    return ("-" if value < 0 else "") + whole + ("." + rest if rest else "")
