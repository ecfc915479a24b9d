"""The instants that decide which records of a reading count."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ebudget.instants import instant, local_instant
from ebudget.logs.reading import Reading
from ebudget.quantities import LEEWAY


@dataclass(frozen=True)
class Moment:
    """The instants that decide which records count, in microseconds since 1970."""

    now: int
    """The machine's clock."""
    asked: int | None
    """The as_of that was asked for."""
    clocked: bool
    """Whether the clock decides, not an instant that was asked for."""

    @property
    def until(self) -> int:
        """The last instant that can count."""
        return self.limit if self.asked is None or self.clocked else self.asked

    @property
    def limit(self) -> int:
        """What is dated after it is ahead of the clock."""
        return self.now + LEEWAY

    def as_of(self, last: int | None) -> int:
        """The newest instant that counts, where `last` is the newest run."""
        newest = self.now if last is None else last
        if self.asked is None:
            return newest
        return max(self.asked, newest) if self.clocked else self.asked  # hides no run


def moment_of(reading: Reading, zone: ZoneInfo) -> Moment:
    """The instants that a reading asks for; without a zone of their own they are in `zone`."""

    def micros(given: datetime) -> int:
        return instant(given) if given.tzinfo else local_instant(given, zone)

    now = time.time_ns() // 1000 if reading.clock is None else micros(reading.clock)
    if isinstance(reading.as_of, datetime):
        return Moment(now, micros(reading.as_of), clocked=False)
    return Moment(now, now if reading.as_of == "now" else None, clocked=True)
