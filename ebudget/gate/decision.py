"""Statement -> exit code and reasons: whether a change may ship. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from ebudget.accounts.burn import Alert
from ebudget.accounts.certainty import Certainty
from ebudget.accounts.selection import Selection
from ebudget.accounts.statement import Account, Statement, Verdict
from ebudget.accounts.verdicts import failing_share, graded
from ebudget.figures import Lack
from ebudget.gate.baseline import Baseline, Key, Since, Then, key_of
from ebudget.logs import doubts
from ebudget.logs.intake import FEW_AHEAD, no_array
from ebudget.policy.alerts import Severity
from ebudget.policy.changes import OnInsufficient
from ebudget.policy.model import Budget, Policy
from ebudget.quantities import DAY, HOUR, LEEWAY, MINUTE, SECOND, Duration
from ebudget.text import count_of, quoted, visible

PASS, FAIL, UNKNOWN = 0, 1, 3
"""The exit codes of a gate; errors have others."""

SEVERITIES: tuple[Severity, ...] = ("ticket", "page")
"""Of alerts, the least bad first."""
LINES = (Verdict.WARNING, Verdict.FROZEN, Verdict.BREACHED)
"""The verdicts that a gate can be told to fail on."""
_FAIL = OnInsufficient.FAIL


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
    """Logs of whose records a larger share is rejected are no evidence; in place of what the policy
    says."""
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

    def is_crossed_by(self, account: Account) -> bool:
        """Whether an account's verdict is at or beyond the line."""
        return account.verdict.judged and account.verdict.severity >= self.line.severity

    def alerts_of(self, account: Account) -> tuple[Alert, ...]:
        """The firing alerts of an account that are severe enough to fail."""
        if self.fail_on_alert is None:
            return ()
        least = SEVERITIES.index(self.fail_on_alert)
        return tuple(a for a in account.firing if SEVERITIES.index(a.row.severity) >= least)


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
    excuse: Standing | None = None
    """Why being over the line does not count, if it does not."""
    alerts: tuple[Alert, ...] = ()
    """The firing alerts that fail here."""
    line: Fraction = Fraction(1)
    """The share of the allowance beyond which it fails."""
    certainty: Certainty | None = None
    """How certain it is that the line was crossed; None where that is no matter of chance."""
    warn: bool = False
    """Whether an account without a judgement is to be named."""
    passes_again: int | None = None
    """An instant at which it passes if runs go on as now and nothing more is spent, in
    microseconds since 1970; it may pass a little earlier."""
    since: Since | None = None
    """What became of it since the baseline."""

    @property
    def crosses(self) -> bool:
        """Whether its verdict fails here."""
        return self.over_line and self.excuse is None


@dataclass(frozen=True)
class Decision:
    """Whether the change may ship, and why."""

    demands: Demands
    statement: Statement
    """With the accounts that were asked for."""
    rulings: tuple[Ruling, ...]
    """One for each of these accounts, in their order."""
    shortfalls: tuple[str, ...]
    """Why the logs, or a budget without any account, are not evidence enough."""
    remarks: tuple[str, ...] = ()
    """The same where it does not count."""
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
        return UNKNOWN if self.shortfalls or self.of(Standing.NO_EVIDENCE) else PASS


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
    if demands.max_rejected is None:
        demands = replace(demands, max_rejected=policy.logs.max_rejected)
    concerned = {name for name, budget in policy.budgets.items() if _stops(budget, demands)}
    judged = {account.budget for account in chosen.accounts if account.verdict.judged}
    early = {account.budget for account in chosen.accounts} - {
        account.budget for account in chosen.accounts if not account.excused
    }  # of which nobody misses a single account yet
    silent = _silent(policy, statement, selection, concerned)
    counting = [name for name in silent if _setting(policy.budgets[name], demands) is _FAIL]
    shortfalls = [*_no_runs(statement)]
    if concerned:  # what stops nobody needs no fresh evidence
        shortfalls += [
            *_stale(statement, demands, now),
            *_ahead(statement),
            *_rejected(policy, statement, demands),
        ]
    shortfalls += [_no_account(name) for name in counting]
    rulings = tuple(
        _ruling(
            policy.budgets[account.budget],
            account,
            demands,
            baseline,
            lonely=account.budget not in judged | early,
        )
        for account in chosen.accounts
    )
    warnings = [
        _no_account(name)
        for name in silent
        if _setting(policy.budgets[name], demands) is OnInsufficient.WARN
    ]
    gone = _gone(statement, selection, baseline)
    return Decision(demands, chosen, rulings, tuple(shortfalls), tuple(warnings), baseline, gone)


def _stops(budget: Budget, demands: Demands) -> bool:
    return demands.change is None or budget.gate.stops(demands.change)


def _setting(budget: Budget, demands: Demands) -> OnInsufficient:
    return demands.on_insufficient or budget.gate.on_insufficient or _FAIL


def _silent(
    policy: Policy, statement: Statement, selection: Selection, concerned: set[str]
) -> list[str]:
    """The budgets that were asked for and have not a single account."""
    if selection.values:
        return []
    loud = {account.budget for account in statement.accounts}
    wanted = selection.budgets or policy.budgets
    return [name for name in policy.budgets if name in wanted and name in concerned - loud]


def _no_account(budget: str) -> str:
    return f"{budget}: no run in its window matches it, so it has no account"


def _no_runs(statement: Statement) -> Iterable[str]:
    intake = statement.intake
    if not intake.records:
        yield "the logs hold no record"
    elif not intake.runs:
        outside = f" and {intake.outside:,} outside" if intake.outside else ""
        yield (
            f"the logs hold no run: of {count_of(intake.records, 'record')}, "
            f"{intake.rejected_total:,} {_are(intake.rejected_total)} rejected{outside}"
        )
    elif not any(account.selected for account in statement.accounts):
        yield "no run lies in the window of any budget"


def _stale(statement: Statement, demands: Demands, now: int) -> Iterable[str]:
    last, most = statement.intake.last, demands.max_age
    if most is None or last is None:
        return
    if last - now > LEEWAY:
        yield f"the newest run is {_age(last - now)} ahead of the clock, so its age is not known"
    elif now - last > most.micros:
        yield f"the newest run is {_age(now - last)} old, and at most {most.text} is evidence"


_QUARTER = 15 * MINUTE


def _ahead(statement: Statement) -> Iterable[str]:
    """Whether runs are dated after the machine's clock as a wrong time zone would date them.

    They do not count, so a zone that is read wrong hides the newest runs; zones differ by whole
    quarters of an hour.
    """
    intake = statement.intake
    if not intake.clocked or not intake.leads:
        return
    zoned = [lead for lead in intake.leads if _from_a_quarter(lead) <= MINUTE]
    told = doubts.ahead(intake)
    if told is not None and (intake.future > FEW_AHEAD or zoned):
        yield told


def _from_a_quarter(lead: int) -> int:
    """How far a lead is from a whole number of quarters of an hour, at least one."""
    return min(abs(lead - max(lead // _QUARTER + step, 1) * _QUARTER) for step in (0, 1))


def _age(micros: int) -> str:
    """Rounded up, so that it never seems as young as a limit that it is older than."""
    for letter, size in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if micros >= 2 * size:
            return f"{-(-micros // size):,}{letter}"
    return f"{-(-micros // SECOND):,}s"


def _rejected(policy: Policy, statement: Statement, demands: Demands) -> Iterable[str]:
    intake, most = statement.intake, demands.max_rejected
    if most is None:
        return
    if intake.unreadable and most < 1:
        files = count_of(len(intake.unreadable), "file")
        yield f"{files} could not be read and left out: {visible(intake.unreadable[0][0])}"
        return
    path = policy.logs.records_at
    lacking = 0 if path is None else dict(intake.rejected).get(no_array(path), 0)
    if lacking and most < 1:
        lack = f"{count_of(lacking, 'record')} {'lacks' if lacking == 1 else 'lack'}"
        yield f"{lack} the array {quoted(str(path))}, which may hold any number of runs"
        return
    if intake.rejected_total > most * intake.records:
        yield (
            f"{intake.rejected_total:,} of {count_of(intake.records, 'record')} "
            f"{_are(intake.rejected_total)} rejected, more than {float(most * 100):g}%"
        )
        return
    bad = [f for f in intake.flawed if f.records >= SMALL_FILE and f.rejected > most * f.records]
    for file in bad[:1]:
        more = f" (and {len(bad) - 1:,} more files)" if len(bad) > 1 else ""
        yield (
            f"{visible(file.file)}: {file.rejected:,} of {count_of(file.records, 'record')} "
            f"{_are(file.rejected)} rejected, more than {float(most * 100):g}%{more}"
        )


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


SMALL_FILE = 20
"""Records below which a file is not held to the limit of rejected ones by itself."""


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
    budget: Budget,
    account: Account,
    demands: Demands,
    baseline: Baseline | None,
    *,
    lonely: bool,
) -> Ruling:
    """`lonely` tells that no account of the budget has a judgement."""
    since = None if baseline is None else baseline.since(account)
    if not _stops(budget, demands):
        exempt = demands.change in budget.gate.exempt
        standing = Standing.EXEMPT if exempt else Standing.OTHER_CHANGE
        over = demands.is_crossed_by(account)
        return Ruling(account, standing, over, standing if over else None, since=since)
    if not account.verdict.judged:
        setting = _setting(budget, demands)
        counts = setting is _FAIL and (lonely or _is_missed(budget, account))
        standing = Standing.NO_EVIDENCE if counts else Standing.UNJUDGED
        return Ruling(account, standing, warn=setting is not OnInsufficient.PASS, since=since)
    then = baseline.then(account) if demands.new_only and baseline is not None else None
    return _judged(budget, account, demands, then, since)


FEW_RUNS = 30
"""Runs below which nobody misses the judgement of a group that nobody declared."""


def _is_missed(budget: Budget, account: Account) -> bool:
    """Whether an account without a judgement is missing evidence, though others have some."""
    if account.terms.declared:
        return not account.excused
    if account.selected < (budget.min_runs or FEW_RUNS):
        return False
    return account.lack not in (Lack.TOO_FEW, Lack.NOTHING_EARNS, Lack.NO_BASELINE)


def _judged(
    budget: Budget, account: Account, demands: Demands, then: Then | None, since: Since | None
) -> Ruling:
    line = failing_share(account.terms, demands.line)
    over, firing = demands.is_crossed_by(account), demands.alerts_of(account)
    certainty = account.above(line) if over else None
    excuse = _excuse(account, demands, then, certainty) if over else None
    alerts = tuple(a for a in firing if then is None or a.row.severity not in then.firing)
    standing, again = excuse or (Standing.KNOWN if firing else Standing.PASSES), None
    if alerts or (over and excuse is None):
        standing = Standing.AGAINST
        crosses = over and excuse is None
        again = _passes_again(budget, account, demands, alerts, crosses=crosses)
    return Ruling(
        account,
        standing,
        over,
        excuse,
        alerts,
        line,
        certainty,
        passes_again=again,
        since=since,
    )


def _excuse(
    account: Account, demands: Demands, then: Then | None, certainty: Certainty | None
) -> Standing | None:
    """Why being over the line does not count."""
    if demands.confident and certainty not in (None, Certainty.CERTAIN):
        return Standing.WITHIN_NOISE
    if then is not None and not then.is_outdone_by(account):
        return Standing.KNOWN
    return None


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
    if account.allowed is None or account.too_few:
        return None
    for rest in account.rests:
        verdict = graded(account.terms, rest.spent, rest.instant, account.allowed)
        if verdict.severity < demands.line.severity:
            return rest.at if quiet is None else max(rest.at, quiet)
    return None
