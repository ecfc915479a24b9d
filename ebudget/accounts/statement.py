"""A statement: every account with its figures and its verdict, and what was read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction

from ebudget.accounts.burn import Alert
from ebudget.accounts.certainty import Certainty, above, wilson
from ebudget.accounts.parts import Day, Rest, Slice, share_of
from ebudget.accounts.terms import Terms
from ebudget.figures import Evidence, Figures, Lack
from ebudget.logs.intake import Intake
from ebudget.policy.windows import Span
from ebudget.quantities import NANO

SCHEMA = "ebudget.statement/1"
"""The name and version of a statement as JSON."""


Group = tuple[tuple[str, str | None], ...]
"""The values that an account's runs share, column by column."""


class Verdict(Enum):
    """Where an account stands. ok < warning < frozen < breached; the other two stand apart."""

    OK = "ok"
    WARNING = "warning"
    FROZEN = "frozen"
    BREACHED = "breached"
    INSUFFICIENT = "insufficient"
    """Too little evidence to judge."""
    NO_DATA = "no_data"
    """No run to judge."""

    @property
    def judged(self) -> bool:
        """Whether there was enough evidence."""
        return self not in (Verdict.INSUFFICIENT, Verdict.NO_DATA)

    @property
    def severity(self) -> int:
        """How bad it is, from 0; accounts without a judgement come between ok and warning."""
        return _SEVERITY[self]


_SEVERITY = {
    Verdict.NO_DATA: 0,
    Verdict.OK: 1,
    Verdict.INSUFFICIENT: 2,
    Verdict.WARNING: 3,
    Verdict.FROZEN: 4,
    Verdict.BREACHED: 5,
}


@dataclass(frozen=True)
class Judgement:
    """Where an account stands, and why."""

    verdict: Verdict
    lack: Lack | None = None
    """What is lacking for a judgement."""
    reason: str | None = None
    """The same in words."""
    response: str | None = None
    """What was agreed to happen now."""

    def of(self, names: str) -> Judgement:
        """The same for a reason that still has to say of what."""
        return replace(self, reason=(self.reason or "{}").format(names))


@dataclass(frozen=True)
class Account:
    """One budget for one group, with its figures."""

    terms: Terms
    group: Group
    span: Span
    covered: Fraction
    """The share of the window after the oldest counted run."""
    figures: Figures
    """What the runs of the window amount to."""
    evidence: Evidence
    """What that rests on."""
    spent: Fraction
    """With what is allowed for each instant event."""
    allowed: Fraction | None
    """None where it cannot be known."""
    blank: bool
    """Whether nothing was judged or nothing measured: then nothing is known to be consumed."""
    judgement: Judgement
    burn: tuple[tuple[str, Fraction | None], ...] = ()
    """Burn rate by window; None where nothing would be allowed in it."""
    alerts: tuple[Alert, ...] = ()
    breakdown: tuple[tuple[str, tuple[Slice, ...]], ...] = ()
    days: tuple[Day, ...] = ()
    """The burn-down, where it was asked for."""
    rests: tuple[Rest, ...] = ()
    """How the spend leaves the window, the earliest first; where it was asked for, and for accounts
    that are over a line."""

    @property
    def budget(self) -> str:
        """The budget's name."""
        return self.terms.budget

    @property
    def verdict(self) -> Verdict:
        """Where it stands."""
        return self.judgement.verdict

    @property
    def lack(self) -> Lack | None:
        """What is lacking for a judgement."""
        return self.judgement.lack

    @property
    def reason(self) -> str | None:
        """Why there is no judgement."""
        return self.judgement.reason

    @property
    def response(self) -> str | None:
        """What was agreed to happen now."""
        return self.judgement.response

    @property
    def eligible(self) -> int:
        """Runs that earn."""
        return self.figures.eligible

    @property
    def plainly_spent(self) -> Fraction:
        """What is spent, instant events aside."""
        return self.spent - (self.allowed or Fraction(0)) * self.instant

    @property
    def selected(self) -> int:
        """Runs that `for` admits, whether they earn or not."""
        return self.figures.runs

    @property
    def unlabelled(self) -> int:
        """Selected runs that nobody has judged yet."""
        return self.figures.unlabelled

    @property
    def instant(self) -> int:
        """Events that each spend the whole allowance."""
        return self.figures.instant

    @property
    def judged(self) -> int | None:
        """Selected runs of which it is known whether they went well; None where the budget does not
        ask.
        """
        asks = self.terms.needs_outcomes or self.terms.rule.min_judged > 0
        return self.evidence.judged if asks else None

    @property
    def measured(self) -> int | None:
        """Selected runs of which the value is known that is counted or summed; None where the
        budget does not ask.
        """
        return self.evidence.measured if self.terms.needs_values else None

    @property
    def unmeasured(self) -> int:
        """Selected runs whose spend is unknown; they earn as `of` says."""
        return self.selected - self.evidence.measured if self.terms.needs_values else 0

    @property
    def outages(self) -> int:
        """Selected runs that an outage of the provider ended: nobody has to judge them."""
        return self.evidence.outages

    @property
    def negative(self) -> Fraction:
        """What the amounts below zero come to, which lower what is spent."""
        return Fraction(self.evidence.negative, NANO)

    @property
    def too_few(self) -> bool:
        """Whether fewer runs earn than the budget asks for; an instant event is judged all the
        same.
        """
        return self.terms.is_too_few(self.figures)

    @property
    def excused(self) -> bool:
        """Whether nobody misses its runs yet."""
        since = self.terms.since
        return self.lack is Lack.NO_RUN and since is not None and self.span.until < since

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95% interval of the rate of runs that spend; None where chance cannot be told."""
        hits = self._hits()
        return None if hits is None else wilson(hits, self.eligible)

    def above(self, share: Fraction) -> Certainty | None:
        """How certain it is that the rate is above a share of what is allowed.

        None where certainty is no matter of chance: instant events, fixed amounts, zero
        tolerances, sums, and spends that are no plain count of the runs that earn.
        """
        hits = self._hits()
        if hits is None or not self.allowed:
            return None
        return above(hits, self.eligible, share * self.allowed / self.eligible)

    @property
    def certainty(self) -> Certainty | None:
        """How certain a breach is; None without one, or where it is no matter of chance."""
        return self.above(Fraction(1)) if self.verdict is Verdict.BREACHED else None

    @property
    def proportion(self) -> bool:
        """Whether the spend is a rate of which every run that spends earns and spends 1, so that
        chance can be told.
        """
        return self.terms.rate and self.figures.spent == self.figures.hits * NANO

    def _hits(self) -> int | None:
        plain = self.proportion and self.eligible and not self.instant
        return int(self.spent) if plain else None

    @property
    def consumed(self) -> Fraction | None:
        """The share of the allowance that is spent; None where it is infinite or unknown."""
        if self.allowed is None or self.blank:
            return None
        return share_of(self.spent, self.instant, self.allowed)

    @property
    def remaining(self) -> Fraction | None:
        """1 - consumed, never clamped; None where consumed is."""
        consumed = self.consumed
        return None if consumed is None else 1 - consumed

    @property
    def firing(self) -> tuple[Alert, ...]:
        """The alerts that fire."""
        return tuple(alert for alert in self.alerts if alert.firing)


@dataclass(frozen=True)
class Statement:
    """All accounts of a policy at one instant, and what was read to make them."""

    as_of: int
    """Microseconds since 1970."""
    newest: bool
    """Whether as_of is the newest run, not an instant that was asked for."""
    intake: Intake
    rejected_values: tuple[tuple[str, int], ...]
    unlabelled: int
    """Counted runs that nobody has judged yet."""
    assumes_success: bool
    """Whether the policy says that a run without an outcome went well."""
    no_outcome: int
    """Counted runs that are successes for want of an outcome, because the policy says so."""
    unselected: int
    """Counted runs that no budget selects."""
    before: int
    """Counted runs that are older than every window."""
    infrastructure: int
    """Counted runs that an outage ended; not the agent's doing."""
    accounts: tuple[Account, ...]
    """In the order of the policy; in a budget none first, then by code point."""
