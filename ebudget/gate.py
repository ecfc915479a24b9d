"""Statement -> exit code and reasons: whether a change may ship. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from ebudget.baseline import Baseline, Key, Since, key_of
from ebudget.errors import UsageError
from ebudget.misfit import nearest
from ebudget.noise import Certainty
from ebudget.policy import ALL, Budget, OnInsufficient, Policy
from ebudget.quantities import DAY, HOUR, MINUTE, SECOND, Duration
from ebudget.selection import Selection
from ebudget.statement import Account, Alert, Statement, Verdict
from ebudget.text_safety import visible
from ebudget.verdicts import failing_share, graded
from ebudget.windows import Severity

PASS, FAIL, NO_EVIDENCE = 0, 1, 3
"""The exit codes of a gate; errors have others."""

_ALERTS: tuple[Severity, ...] = ("ticket", "page")
"""Severities of alerts, the least bad first."""


@dataclass(frozen=True)
class Demands:
    """What a gate is asked."""

    change: str | None = None
    """The type of the change, in the policy's words."""
    fail_on: Verdict | None = None
    """The best verdict that fails; without it breached, and frozen for a change."""
    fail_on_alert: Severity | None = None
    """The least severe alert that fails when it fires."""
    on_insufficient: OnInsufficient | None = None
    """In place of what the budgets say themselves."""
    max_age: Duration | None = None
    """Logs whose newest run is older are no evidence."""
    max_rejected: Fraction | None = None
    """Logs of whose records a larger share is rejected are no evidence."""
    confident: bool = False
    """Whether a line only counts as crossed when that is certain."""
    new_only: bool = False
    """Whether only what is new since the baseline fails."""
    exit_zero: bool = False
    """Whether the answer is told and has no consequence."""

    @property
    def line(self) -> Verdict:
        """The best verdict that fails."""
        return self.fail_on or (Verdict.BREACHED if self.change is None else Verdict.FROZEN)


class Standing(StrEnum):
    """What an account means for the gate."""

    AGAINST = "against"
    """It stops the change."""
    NO_EVIDENCE = "no evidence"
    """It cannot be judged, and that is not good enough."""
    UNJUDGED = "unjudged"
    """It cannot be judged, and that does not count."""
    WITHIN_NOISE = "within noise"
    """It is over the line, and that may be chance."""
    KNOWN = "known"
    """It was as bad in the baseline."""
    EXEMPT = "exempt"
    """Its budget lets changes of this type pass."""
    OTHER_CHANGE = "other change"
    """Its budget does not stop changes of this type."""
    PASSES = "passes"


@dataclass(frozen=True)
class Ruling:
    """What the gate makes of one account."""

    account: Account
    standing: Standing
    over_line: bool = False
    """Whether its verdict is at or beyond the line."""
    alerts: tuple[Alert, ...] = ()
    """The firing alerts that fail here."""
    share: Fraction = Fraction(1)
    """The share of the allowance beyond which it fails."""
    certainty: Certainty | None = None
    """How certain it is that the line was crossed; None where that is no matter of chance."""
    warn: bool = False
    """Whether an account without a judgement is to be named."""
    passes_again: int | None = None
    """The first instant at which it would pass if nothing more were spent, what is allowed being
    what it is now; in microseconds since 1970."""
    since: Since | None = None
    """What became of it since the baseline."""


@dataclass(frozen=True)
class Decision:
    """Whether the change may ship, and why."""

    demands: Demands
    statement: Statement
    """With the accounts that were asked for."""
    rulings: tuple[Ruling, ...]
    """One for each of these accounts, in their order."""
    shortfalls: tuple[str, ...]
    """Why the logs as a whole are not evidence enough."""
    baseline: Baseline | None = None
    gone: tuple[Key, ...] = ()
    """What the baseline has as breached and is no account any more."""

    def of(self, *standings: Standing) -> list[Ruling]:
        """The rulings with one of these standings, the worst verdicts first."""
        found = [ruling for ruling in self.rulings if ruling.standing in standings]
        return sorted(found, key=lambda ruling: -ruling.account.verdict.severity)

    @property
    def exit_code(self) -> int:
        """What the process ends with."""
        return PASS if self.demands.exit_zero else self.answer

    @property
    def answer(self) -> int:
        """The exit code that the accounts give: 1 before 3 before 0."""
        if self.of(Standing.AGAINST):
            return FAIL
        return NO_EVIDENCE if self.shortfalls or self.of(Standing.NO_EVIDENCE) else PASS


def change_types(policy: Policy) -> set[str]:
    """The types of change that the policy names."""
    found: set[str] = set()
    for budget in policy.budgets.values():
        found |= set(budget.gate.exempt)
        if budget.gate.changes is not ALL:
            found |= set(budget.gate.changes)
    return found


def check_change(policy: Policy, change: str) -> None:
    """Raises UsageError for a type of change that the policy does not name.

    Where every budget stops all types and none is exempt, the policy names no type at all, and
    any word will do.
    """
    known = change_types(policy)
    everything = all(budget.gate.changes is ALL for budget in policy.budgets.values())
    if change not in known and (known or not everything):
        near = visible(nearest(change, known)) or "; known: none"
        raise UsageError(f"--change {visible(change)!r}: no gate of the policy names this{near}")


def decide(
    policy: Policy,
    statement: Statement,
    demands: Demands,
    *,
    now: int,
    baseline: Baseline | None = None,
    selection: Selection | None = None,
) -> Decision:
    """What the selected accounts of a statement mean for a change.

    `now` is what the age of the newest run is measured to, in microseconds since 1970.
    """
    selection = selection or Selection()
    chosen = selection.of(statement)
    concerned = [
        account
        for account in chosen.accounts
        if demands.change is None or policy.budgets[account.budget].gate.stops(demands.change)
    ]
    shortfalls = [
        *_no_runs(statement),
        *_stale(statement, demands, now),
        *_rejected(statement, demands),
    ]
    if not shortfalls and not concerned and not _any_judged(chosen.accounts):
        shortfalls = ["no account can be judged"]
    judged = _any_judged(concerned)
    rulings = tuple(
        _ruling(policy.budgets[account.budget], account, demands, baseline, judged=judged)
        for account in chosen.accounts
    )
    gone = _gone(statement, selection, baseline)
    return Decision(demands, chosen, rulings, tuple(shortfalls), baseline, gone)


def _any_judged(accounts: Iterable[Account]) -> bool:
    return any(account.verdict.judged for account in accounts)


def _no_runs(statement: Statement) -> Iterable[str]:
    intake = statement.intake
    if not intake.records:
        yield "the logs hold no record"
    elif not intake.runs:
        outside = f" and {intake.outside:,} outside" if intake.outside else ""
        yield (
            f"the logs hold no run: of {intake.records:,} records, {intake.rejected_total:,} are "
            f"rejected{outside}"
        )
    elif not any(account.selected for account in statement.accounts):
        yield "no run lies in the window of any budget"


def _stale(statement: Statement, demands: Demands, now: int) -> Iterable[str]:
    last, most = statement.intake.last, demands.max_age
    if most is not None and last is not None and now - last > most.micros:
        yield f"the newest run is {_age(now - last)} old, and at most {most.text} is evidence"


def _age(micros: int) -> str:
    """Rounded up, so that it never seems as young as a limit that it is older than."""
    for letter, size in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if micros >= 2 * size:
            return f"{-(-micros // size):,}{letter}"
    return f"{-(-micros // SECOND):,}s"


def _rejected(statement: Statement, demands: Demands) -> Iterable[str]:
    intake, most = statement.intake, demands.max_rejected
    if most is not None and intake.rejected_total > most * intake.records:
        yield (
            f"{intake.rejected_total:,} of {intake.records:,} records are rejected, more than "
            f"{float(most * 100):g}%"
        )


def _gone(statement: Statement, selection: Selection, baseline: Baseline | None) -> tuple[Key, ...]:
    here = {key_of(account) for account in statement.accounts}
    then = {} if baseline is None else baseline.accounts
    return tuple(
        key
        for key, account in then.items()
        if account.verdict is Verdict.BREACHED
        and key not in here
        and selection.admits(key[0], dict(key[1]))
    )


def _ruling(
    budget: Budget, account: Account, demands: Demands, baseline: Baseline | None, *, judged: bool
) -> Ruling:
    """`judged` tells whether any account that the change concerns has a judgement."""
    gate, since = budget.gate, None if baseline is None else baseline.since(account)
    if demands.change is not None and not gate.stops(demands.change):
        exempt = demands.change in gate.exempt
        standing = Standing.EXEMPT if exempt else Standing.OTHER_CHANGE
        return Ruling(account, standing, over_line=_is_over(account, demands), since=since)
    if not account.verdict.judged:
        setting = demands.on_insufficient or gate.on_insufficient or OnInsufficient.FAIL
        counts = setting is OnInsufficient.FAIL and (account.declared or not judged)
        standing = Standing.NO_EVIDENCE if counts else Standing.UNJUDGED
        return Ruling(account, standing, warn=setting is not OnInsufficient.PASS, since=since)
    return _judged(budget, account, demands, baseline, since)


def _is_over(account: Account, demands: Demands) -> bool:
    return account.verdict.judged and account.verdict.severity >= demands.line.severity


def _judged(
    budget: Budget,
    account: Account,
    demands: Demands,
    baseline: Baseline | None,
    since: Since | None,
) -> Ruling:
    over, firing = _is_over(account, demands), _failing_alerts(account, demands)
    share = failing_share(budget, demands.line)
    certainty = account.above(share) if over else None
    then = baseline.then(account) if demands.new_only and baseline is not None else None
    known = then is not None and not then.is_outdone_by(account)
    alerts = tuple(a for a in firing if then is None or a.row.severity not in then.firing)
    noise = demands.confident and certainty not in (None, Certainty.CERTAIN)
    crosses = over and not noise and not known
    again = None
    if crosses or alerts:
        standing = Standing.AGAINST
        again = _passes_again(budget, account, demands, alerts, crosses=crosses)
    elif over or firing:
        standing = Standing.WITHIN_NOISE if over and noise else Standing.KNOWN
    else:
        standing = Standing.PASSES
    return Ruling(
        account,
        standing,
        over_line=crosses if standing is Standing.AGAINST else over,
        alerts=alerts,
        share=share,
        certainty=certainty,
        passes_again=again,
        since=since,
    )


def _failing_alerts(account: Account, demands: Demands) -> tuple[Alert, ...]:
    if demands.fail_on_alert is None:
        return ()
    least = _ALERTS.index(demands.fail_on_alert)
    return tuple(a for a in account.firing if _ALERTS.index(a.row.severity) >= least)


def _passes_again(
    budget: Budget,
    account: Account,
    demands: Demands,
    alerts: tuple[Alert, ...],
    *,
    crosses: bool,
) -> int | None:
    """When enough of the window has passed; an alert ends with its short window at the latest."""
    quiet = max((account.span.until + alert.row.short.micros for alert in alerts), default=None)
    if not crosses:
        return quiet
    for rest in account.rests if account.allowed is not None else ():
        verdict = graded(budget, rest.spent, rest.instant, account.allowed or Fraction(0))
        if verdict.severity < demands.line.severity:
            return rest.at if quiet is None else max(rest.at, quiet)
    return None


__all__ = ["Decision", "Demands", "Ruling", "Standing", "check_change", "decide"]
