"""Which instants of the past are told again, as `--replay`, `--from` and `--to` ask. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ebudget.errors import UsageError
from ebudget.instants import midnight, moment
from ebudget.ledger.plan import window_edges
from ebudget.policy.model import Policy
from ebudget.quantities import DAY, Duration, duration
from ebudget.text import quoted, visible
from ebudget.whatif.asking import Given

MOST_STEPS = 5_000
"""Instants of a history."""
DAILY = duration("1d")


@dataclass(frozen=True)
class History:
    """Instants of the past: the last microseconds of local days, or steps back from as_of."""

    every: Duration
    since: date | None = None
    """The first day; the log's first when left out."""
    until: date | None = None

    def instants(self, policy: Policy, first: int | None, as_of: int) -> Sequence[int]:
        """The instants, for a log that begins at `first`. Only days that are over are among them.

        Raises UsageError for a step that gives too many.
        """
        if first is None:
            return []
        if self.every.micros % DAY:
            return self._steps(policy, first, as_of)
        day = self.since or moment(first).astimezone(policy.timezone).date()
        last = moment(as_of).astimezone(policy.timezone).date()
        last = min(self.until or last, last)
        days = self.every.micros // DAY
        self._check((last - day).days // days + 1)
        found = []
        while day <= last:
            end = midnight(_next(day), policy.timezone) - 1
            if end > as_of:
                break
            found.append(end)
            day += timedelta(days=days)
        return found

    def edges(self, policy: Policy, as_of: int, first: int | None) -> set[int]:
        """The edges of every window at every instant. Raises UsageError."""
        moments = self.instants(policy, first, as_of)
        return {edge for at in moments for edge in window_edges(policy, at)}

    def _steps(self, policy: Policy, first: int, as_of: int) -> Sequence[int]:
        low = first if self.since is None else midnight(self.since, policy.timezone)
        high = as_of
        if self.until is not None:
            high = min(as_of, midnight(_next(self.until), policy.timezone) - 1)
        count = max(0, (high - low) // self.every.micros + 1)
        self._check(count)
        return [high - self.every.micros * back for back in range(count - 1, -1, -1)]

    def _check(self, count: int) -> None:
        if count > MOST_STEPS:
            raise UsageError(
                f"--replay {self.every.text}: {count:,} steps, at most {MOST_STEPS:,}; take a "
                "longer step, or narrow the time with --from and --to"
            )


def noun_of(every: Duration) -> str:
    """What one step is called: a day, or a step."""
    return "day" if every.micros == DAY else "step"


def _next(day: date) -> date:
    return day + timedelta(days=1)


def history_of(given: Given) -> History | None:
    """The history that is asked for; None where nothing needs any. Raises UsageError."""
    if not given["--replay"] and not given["--suggest"]:
        if any(given["--from"]) or any(given["--to"]):
            raise UsageError("--from and --to belong to --replay and --suggest")
        return None
    every = DAILY
    for text in given["--replay"]:
        try:
            every = duration(text)
        except ValueError as error:
            raise UsageError(f"--replay: {visible(str(error))}") from None
    first, last = _day("--from", given), _day("--to", given)
    if first and last and last < first:
        raise UsageError("--to is before --from")
    return History(every, first, last)


def _day(option: str, given: Given) -> date | None:
    for text in given[option]:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise UsageError(f"{option} {quoted(text)}: write a date such as 2026-10-31") from None
        if not 1678 < day.year < 9000:
            raise UsageError(f"{option} {quoted(text)}: the year is out of range")
        return day
    return None
