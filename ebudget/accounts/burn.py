"""Burn rates, and which alerts fire: one formula for both."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ebudget.accounts.terms import Terms
from ebudget.figures import Figures, Timeline
from ebudget.policy.alerts import BurnAlert
from ebudget.policy.allowances import granted, spent_by
from ebudget.policy.windows import Span


@dataclass(frozen=True)
class Burn:
    """What a window up to as_of spends of what it would be allowed."""

    spent: Fraction
    allowed: Fraction | None
    """None where that cannot be known."""

    @property
    def rate(self) -> Fraction | None:
        """Spent / allowed, where 1 spends exactly everything; None where nothing would be."""
        return self.spent / self.allowed if self.allowed else None

    def exceeds(self, factor: Fraction) -> bool:
        """Whether the rate is above a factor; anything spent is, where nothing is allowed."""
        return self.allowed is not None and self.spent > factor * self.allowed


@dataclass(frozen=True)
class Alert:
    """A burn alert of an account."""

    row: BurnAlert
    firing: bool
    by_event: bool = False
    """Whether only an instant event makes it fire, not the burn of both windows."""


class Burns:
    """The burn windows of one account, each worked out when it is asked for."""

    def __init__(
        self, terms: Terms, span: Span, timeline: Timeline, base: Figures, event: Fraction
    ) -> None:
        """`base` are the figures of the time before; `event` is what an instant event spends."""
        self._terms, self._span, self._timeline = terms, span, timeline
        self._base, self._event = base, event
        self._figures: dict[int, Figures] = {}
        self._burns: dict[int, Burn] = {}

    def burn(self, length: int) -> Burn:
        """The burn of the last so many microseconds."""
        if length not in self._burns:
            figures, form = self._window(length), self._terms.form
            part = Fraction(length, self._span.length)
            least = self._terms.rule.min_runs
            allowed = granted(form, figures, self._base, part, least).amount
            spent = spent_by(form, figures, self._base, self._event)
            self._burns[length] = Burn(spent, allowed)
        return self._burns[length]

    def _window(self, length: int) -> Figures:
        if length not in self._figures:
            until = self._span.until
            self._figures[length] = self._timeline.between(until - length, until)
        return self._figures[length]

    def rates(self, rows: tuple[BurnAlert, ...]) -> tuple[tuple[str, Fraction | None], ...]:
        """The burn rate of every window that alert rows name."""
        lengths = {w.text: w.micros for row in rows for w in (row.long, row.short)}
        return tuple((text, self.burn(length).rate) for text, length in lengths.items())

    def alerts(self, rows: tuple[BurnAlert, ...]) -> tuple[Alert, ...]:
        """Alert rows, each with whether it fires: both windows burn above its factor, or the short
        one holds an instant event.

        Of a rate a single run that spends says too little.
        """
        return tuple(map(self._alert, rows))

    def _alert(self, row: BurnAlert) -> Alert:
        short = self._window(row.short.micros)
        if short.spent <= 0 and not short.instant and not self._terms.band:
            return Alert(row, firing=False)  # as nearly always, so that little has to be looked at
        long, lengths = self._window(row.long.micros), (row.long.micros, row.short.micros)
        burns = all(self.burn(length).exceeds(row.factor) for length in lengths)
        if long.instant == 0 and self._terms.rate and long.spenders < 2:
            burns = False
        event = short.instant > 0
        return Alert(row, burns or event, event and not burns)
