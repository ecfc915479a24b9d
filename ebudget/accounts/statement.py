"""A statement: every account with its figures and its verdict, and what was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction

from sqlglot import exp

from ebudget.accounts.certainty import Certainty, above, wilson
from ebudget.figures import Lack
from ebudget.logs.intake import Intake
from ebudget.policy.alerts import BurnAlert
from ebudget.policy.windows import Span
from ebudget.sql.trees import printed

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
class Alert:
    """A burn alert of an account."""

    row: BurnAlert
    firing: bool


@dataclass(frozen=True)
class Slice:
    """The part of an account's runs that has one value of a column."""

    value: str | None
    eligible: int
    """Runs that earn."""
    spent: Fraction
    """In the budget's unit, with A for each instant event of its own."""
    share: Fraction | None
    """Of all that was spent; None where nothing was."""
    instant: int
    rate: Fraction | None
    """Spent for each run that earns, instant events aside; None without such a run."""
    against_rest: Fraction | None
    """The rate as a multiple of the rate of all other runs; None where that is 0 or unknown."""


@dataclass(frozen=True)
class Day:
    """One day of an account's window."""

    until: int
    """The last instant of the day, in microseconds since 1970."""
    eligible: int
    spent: Fraction
    """On this day, instant events included."""
    remaining: Fraction | None
    """The share of the whole window's allowance that was left at its end; None where it is
    infinite or unknown."""
    gone: Fraction = Fraction(0)
    """What was spent of that allowance from the window's begin to the end of this day."""


@dataclass(frozen=True)
class Rest:
    """What of an account's spend its window would still hold later, if nothing more were spent."""

    at: int
    """The first instant at which it is no more than this, in microseconds since 1970."""
    spent: Fraction
    """With A for each instant event, as in the account."""
    instant: int


@dataclass(frozen=True)
class Account:
    """One budget for one group, with its figures."""

    budget: str
    kind: str
    group: Group
    window: str
    """As the policy writes it."""
    span: Span
    covered: Fraction
    """The share of the window after the oldest counted run."""
    unit: str
    """What is spent: `ticket`, `USD`, `min`."""
    noun: bool
    """Whether the unit is a word that has a plural, not the name of a column."""
    per: str | None
    """What one run of the workflow handles, where the policy declares it."""
    eligible: int
    """Runs that earn."""
    selected: int
    """Runs that `for` admits, whether they earn or not."""
    unlabelled: int
    """Selected runs that nobody has judged yet."""
    judged: int | None
    """Selected runs of which it is known whether they went well; None where the budget does not
    ask."""
    measured: int | None
    """Selected runs of which the value is known that is counted or summed; None where the budget
    does not ask."""
    outages: int
    """Selected runs that an outage of the provider ended: nobody has to judge them."""
    unmeasured: int
    """Selected runs whose spend is unknown; they earn as `of` says."""
    negative: Fraction
    """What the amounts below zero come to, which lower what is spent."""
    blank: bool
    """Whether nothing was judged or nothing measured: then nothing is known to be consumed."""
    spent: Fraction
    allowed: Fraction | None
    """None where it cannot be known."""
    instant: int
    """Events that each spend the whole allowance."""
    burn: tuple[tuple[str, Fraction | None], ...]
    """Burn rate by window; None where nothing would be allowed in it."""
    alerts: tuple[Alert, ...]
    verdict: Verdict
    lack: Lack | None
    """What is lacking for a judgement."""
    reason: str | None
    """Why there is no judgement."""
    response: str | None
    """What was agreed to happen now."""
    owner: str | None
    """Who pays the clean-up."""
    risk_tier: str | None
    """The declared tier of the group's workflow."""
    too_few: bool
    """Whether fewer runs earn than the budget asks for; an instant event is judged all the same."""
    declared: bool
    """Whether the policy itself names the group."""
    rate: bool
    """Whether the spend is a count of runs held against a share of runs."""
    proportion: bool
    """Whether, besides, every run that spends earns and spends 1, so that chance can be told."""
    band: bool = False
    """Whether only what lies above or around the mean of the time before is spent."""
    slo: Fraction | None = None
    """The share of the runs that earn which must not spend, where the policy gives it so."""
    excused: bool = False
    """Whether nobody misses its runs yet."""
    lines: tuple[Fraction, ...] = ()
    """The shares of the allowance at which the verdict or the response changes."""
    breakdown: tuple[tuple[str, tuple[Slice, ...]], ...] = ()
    days: tuple[Day, ...] = ()
    """The burn-down, where it was asked for."""
    rests: tuple[Rest, ...] = ()
    """How the spend leaves the window, the earliest first; where it was asked for."""

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


def share_of(spent: Fraction, instant: int, allowed: Fraction) -> Fraction | None:
    """What is consumed: S / A; with A = 0, 0 where nothing was spent, else infinite (None)."""
    if allowed == 0:
        return Fraction(0) if spent == 0 and instant == 0 else None
    return spent / allowed


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
    trees: tuple[exp.Expr, ...] = field(default=(), repr=False)
    """The statements that made the figures, as syntax trees."""

    @property
    def statements(self) -> tuple[str, ...]:
        """The SQL that made the figures; written out only here, for that takes long."""
        return printed(self.trees)
