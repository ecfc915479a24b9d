"""What a window allows, and where an account stands between the lines of its budget. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from ebudget.accounts.statement import Verdict, share_of
from ebudget.figures import Evidence, Figures, Lack
from ebudget.policy.allowances import Form, Grant
from ebudget.policy.model import Budget

WARNING_LINE = Fraction(1, 2)
"""The share spent from which an account without `respond` lines is a warning."""


@dataclass(frozen=True)
class Before:
    """The time before the window that a baseline looks at; nothing for other forms."""

    figures: Figures
    evidence: Evidence


NOTHING_BEFORE = Before(Figures(), Evidence())


def _runs(count: int) -> str:
    """A count as text; parts of runs, which only what-ifs know, to one decimal."""
    return f"{count:,}" if isinstance(count, int) else f"{float(count):,.1f}"


def is_too_few(budget: Budget, form: Form | None, figures: Figures) -> bool:
    """Whether the allowance depends on the runs that earn, and these are too few."""
    return form is not None and form.traits.grows and figures.eligible < budget.min_runs


def is_of_value(form: Form | None) -> bool:
    """Whether what is allowed depends on what successes are worth."""
    return form is not None and form.traits.of_value


def needs_outcomes(budget: Budget, form: Form | None) -> bool:
    """Whether nothing can be said of an account of which nobody has judged a run."""
    by_earning = budget.earns in ("labelled", "success") or is_of_value(form)
    return budget.spend.traits.by_class or by_earning


def needs_values(budget: Budget) -> bool:
    """Whether nothing can be said of an account of which no run is measured."""
    return not budget.spend.traits.by_class


@dataclass(frozen=True)
class Facts:
    """What an account has to know of the whole log, and of the policy beside its budget."""

    only_failures: bool = False
    """Whether no record says that it went well, and the policy does not say that silence does."""
    is_silent: bool = False
    """Whether no counted run says anything of how it went."""
    max_unknown: Fraction = Fraction(1)
    rules: tuple[str, ...] = ()
    """The failure rules that can spend the budget, where a failure that they miss spends less."""
    reads_outcome: bool = False
    """Whether what the budget counts, sums or earns by depends on what the log's outcome says."""


@dataclass(frozen=True)
class Case:
    """Everything that a verdict depends on."""

    budget: Budget
    form: Form | None
    figures: Figures
    evidence: Evidence
    before: Before
    grant: Grant
    spent: Fraction
    """With what is allowed for each instant event."""
    facts: Facts = field(default_factory=Facts)

    @property
    def is_blank(self) -> bool:
        """Whether nothing was judged, or nothing measured, that the account needs."""
        return any(lack in (Lack.NOT_JUDGED, Lack.NOT_MEASURED) for lack, _ in _nothing_known(self))


Judgement = tuple[Verdict, Lack | None, str | None]
"""A verdict, and where there is none what is lacking: for programs, and in words."""


def judge(at: Case) -> Judgement:
    """The verdict of an account, the first that applies."""
    figures, form, grant = at.figures, at.form, at.grant
    if figures.runs == 0:
        return Verdict.NO_DATA, Lack.NO_RUN, "no run in the window"
    over = grant.amount is not None and at.spent > grant.amount
    if figures.instant or (form is not None and form.traits.fixed and over):
        return Verdict.BREACHED, None, None
    if not _is_over_whatever_the_rest_says(at):
        for lack, reason in (*_nothing_known(at), *_too_little_known(at)):
            return Verdict.INSUFFICIENT, lack, reason
    if is_too_few(at.budget, form, figures):
        least = at.budget.min_runs
        reason = f"{_runs(figures.eligible)} of at least {least} run{'' if least == 1 else 's'}"
        return Verdict.INSUFFICIENT, Lack.TOO_FEW, reason
    if grant.amount is None:
        return Verdict.INSUFFICIENT, grant.lack, grant.reason
    nothing_earned = form is not None and form.traits.grows and figures.eligible == 0
    no_value = is_of_value(form) and figures.value == 0
    if (nothing_earned or no_value) and at.spent == 0:
        reason = "no run earns" if nothing_earned else "no success brought value"
        return Verdict.NO_DATA, Lack.NOTHING_EARNS, reason
    return graded(at.budget, at.spent, figures.instant, grant.amount), None, None


def _is_over_whatever_the_rest_says(at: Case) -> bool:
    """Whether more is spent than would be allowed if every run that nobody has judged went well."""
    if at.form is None or at.form.traits.side is not None or at.grant.amount is None:
        return False
    figures, evidence = at.figures, at.evidence
    hoped = figures._replace(
        eligible=figures.eligible + evidence.waiting,
        value=figures.value + evidence.hoped,
        unvalued=figures.unvalued + evidence.unhoped,
    )
    base, least = at.before.figures, at.budget.min_runs
    most = at.form.granted(hoped, base, Fraction(1), least).amount
    return most is not None and at.spent > most


def _nothing_known(at: Case) -> Iterator[tuple[Lack, str]]:
    """What is wholly unknown of an account that has runs."""
    runs, evidence = at.figures.runs, at.evidence
    if needs_outcomes(at.budget, at.form) and not evidence.judged:
        yield Lack.NOT_JUDGED, f"nothing was judged: {_none_of(runs)} says how it went"
    if needs_values(at.budget) and not evidence.measured:
        yield Lack.NOT_MEASURED, f"nothing was measured: {_none_of(runs)} has a value"


def _none_of(runs: int) -> str:
    """`none of 20 runs`, and what is good English for one."""
    return "not even the one run" if runs == 1 else f"none of {_all(runs)}"


def _all(runs: int) -> str:
    return f"{_runs(runs)} run{'' if runs == 1 else 's'}"


def _too_little_known(at: Case) -> Iterator[tuple[Lack, str]]:
    """What is known of too few runs, or only of those that went badly."""
    budget, facts, runs, evidence = at.budget, at.facts, at.figures.runs, at.evidence
    if facts.rules and evidence.failed and not evidence.sighted:
        names = ", ".join(facts.rules[:3]) + (", …" if len(facts.rules) > 3 else "")
        many = "is" if len(facts.rules) == 1 else "are"
        runs_failed = (
            "the failed run"
            if evidence.failed == 1
            else f"all {_runs(evidence.failed)} failed runs"
        )
        yield Lack.BLIND, f"no rule could see: {names} {many} unknown (null) on {runs_failed}"
    if budget.earns == "labelled" and facts.only_failures and at.figures.unlabelled:
        silent = f"{_runs(at.figures.unlabelled)} of {_all(runs)} not judged"
        what = "no run says how it went" if facts.is_silent else "only failures are named"
        yield Lack.ONLY_FAILURES, f"{what}: {silent}, and none said to be good"
    asked = runs - evidence.outages
    by_label = budget.earns in ("labelled", "success")  # for which no rule judges a good run
    count = evidence.labelled if by_label else evidence.judged
    if asked and Fraction(count) < budget.min_judged * asked:
        judged = f"{_runs(count)} of {_all(asked)} judged"
        yield Lack.MIN_JUDGED, f"{judged}, fewer than {_percent(budget.min_judged)}"
    yield from _too_little_measured(at)
    counts = _counts_by_outcome(at)
    if counts and Fraction(evidence.unknown) > facts.max_unknown * evidence.words:
        words = f"{_runs(evidence.words)} outcome word{'' if evidence.words == 1 else 's'}"
        verb = "is" if evidence.unknown == 1 else "are"
        unknown = f"{_runs(evidence.unknown)} of {words} {verb} unknown"
        most = _percent(facts.max_unknown)
        yield Lack.UNKNOWN_WORDS, f"{unknown}, more than the {most} of logs.max_unknown"


def _too_little_measured(at: Case) -> Iterator[tuple[Lack, str]]:
    if not needs_values(at.budget):
        return
    least = at.budget.least_measured(at.form)
    looked = [(Before(at.figures, at.evidence), "")]
    if at.form is not None and at.form.traits.side is not None and at.form.over is not None:
        looked.append((at.before, f" in the {at.form.over.text} before"))
    for found, when in looked:
        runs, measured = found.figures.runs, found.evidence.measured
        if Fraction(measured) < least * runs:
            told = f"{_runs(measured)} of {_all(runs)}{when} measured"
            yield Lack.MIN_MEASURED, f"{told}, fewer than {_percent(least)}"


def _counts_by_outcome(at: Case) -> bool:
    """Whether what an account comes to depends on the words of its runs' outcomes: not where rules
    alone have judged all of its runs.
    """
    budget, evidence = at.budget, at.evidence
    by_earning = budget.earns in ("labelled", "success") or is_of_value(at.form)
    if by_earning or at.facts.reads_outcome:
        return True
    rest = at.figures.runs - evidence.outages - evidence.judged
    return needs_outcomes(budget, at.form) and rest > 0


def _percent(value: Fraction) -> str:
    return f"{float(value * 100):g}%"


def graded(budget: Budget, spent: Fraction, instant: int, allowed: Fraction) -> Verdict:
    """The verdict where there is enough evidence, and it is known what is allowed."""
    if instant or spent > allowed:
        return Verdict.BREACHED
    consumed = share_of(spent, 0, allowed)
    if consumed is None:  # a credit, where nothing is allowed
        return Verdict.OK
    if 1 - consumed < budget.gate.freeze_below:
        return Verdict.FROZEN
    return Verdict.WARNING if consumed >= _warning_line(budget) else Verdict.OK


def _warning_line(budget: Budget) -> Fraction:
    return budget.respond[0][0] if budget.respond else WARNING_LINE


def failing_share(budget: Budget, verdict: Verdict) -> Fraction:
    """The share of the allowance beyond which an account has this verdict or a worse one."""
    shares = {
        Verdict.BREACHED: Fraction(1),
        Verdict.FROZEN: 1 - budget.gate.freeze_below,
        Verdict.WARNING: _warning_line(budget),
    }
    return min(share for worse, share in shares.items() if worse.severity >= verdict.severity)


def lines_of(budget: Budget) -> tuple[Fraction, ...]:
    """The shares of the allowance at which the verdict or the response changes."""
    lines = {line for line, _ in budget.respond} or {WARNING_LINE}
    return tuple(sorted({*lines, 1 - budget.gate.freeze_below, Fraction(1)}))
