"""Where an account stands between the lines of its budget, or what is lacking to say so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ebudget.accounts.parts import share_of
from ebudget.accounts.statement import Judgement, Verdict
from ebudget.accounts.terms import Terms
from ebudget.figures import Evidence, Facts, Figures, Lack
from ebudget.policy.allowances import Grant


@dataclass(frozen=True)
class Before:
    """The time before the window that a baseline looks at; nothing for other forms."""

    figures: Figures
    evidence: Evidence


NOTHING_BEFORE = Before(Figures(), Evidence())


def _runs(count: int) -> str:
    """A count as text; parts of runs, which only what-ifs know, to one decimal."""
    return f"{count:,}" if isinstance(count, int) else f"{float(count):,.1f}"


@dataclass(frozen=True)
class Case:
    """Everything that a verdict depends on."""

    terms: Terms
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


def judge(at: Case) -> Judgement:
    """The verdict of an account, the first that applies, and what was agreed to happen then."""
    found = _judged(at)
    allowed = at.grant.amount
    if allowed is None or not found.verdict.judged:
        return found
    consumed = share_of(at.spent, at.figures.instant, allowed)
    if consumed is None and at.spent < 0:  # a credit, which reaches no line
        return found
    return replace(found, response=at.terms.response(consumed))


def _judged(at: Case) -> Judgement:
    figures, terms, grant = at.figures, at.terms, at.grant
    if figures.runs == 0:
        return Judgement(Verdict.NO_DATA, Lack.NO_RUN, "no run in the window")
    over = grant.amount is not None and at.spent > grant.amount
    if figures.instant or (terms.is_fixed and over):
        return Judgement(Verdict.BREACHED)
    if not _is_over_whatever_the_rest_says(at):
        for lack, reason in (*_nothing_known(at), *_too_little_known(at)):
            return Judgement(Verdict.INSUFFICIENT, lack, reason)
    if terms.is_too_few(figures):
        least = terms.rule.min_runs
        reason = f"{_runs(figures.eligible)} of at least {least} run{'' if least == 1 else 's'}"
        return Judgement(Verdict.INSUFFICIENT, Lack.TOO_FEW, reason)
    if grant.amount is None:
        return Judgement(Verdict.INSUFFICIENT, grant.lack, grant.reason)
    nothing_earned = terms.grows and figures.eligible == 0
    no_value = terms.of_value and figures.value == 0
    if (nothing_earned or no_value) and at.spent == 0:
        reason = "no run earns" if nothing_earned else "no success brought value"
        return Judgement(Verdict.NO_DATA, Lack.NOTHING_EARNS, reason)
    return Judgement(graded(terms, at.spent, figures.instant, grant.amount))


def _is_over_whatever_the_rest_says(at: Case) -> bool:
    """Whether more is spent than would be allowed if every run that nobody has judged went well."""
    form = at.terms.form
    if form is None or at.terms.band or at.grant.amount is None:
        return False
    figures, evidence = at.figures, at.evidence
    hoped = figures._replace(
        eligible=figures.eligible + evidence.waiting,
        value=figures.value + evidence.hoped,
        unvalued=figures.unvalued + evidence.unhoped,
    )
    base, least = at.before.figures, at.terms.rule.min_runs
    most = form.granted(hoped, base, Fraction(1), least).amount
    return most is not None and at.spent > most


def _nothing_known(at: Case) -> Iterator[tuple[Lack, str]]:
    """What is wholly unknown of an account that has runs."""
    runs, evidence = at.figures.runs, at.evidence
    if at.terms.needs_outcomes and not evidence.judged:
        yield Lack.NOT_JUDGED, f"nothing was judged: {_none_of(runs)} says how it went"
    if at.terms.needs_values and not evidence.measured:
        yield Lack.NOT_MEASURED, f"nothing was measured: {_none_of(runs)} has a value"


def _none_of(runs: int) -> str:
    """`none of 20 runs`, and what is good English for one."""
    return "not even the one run" if runs == 1 else f"none of {_all(runs)}"


def _all(runs: int) -> str:
    return f"{_runs(runs)} run{'' if runs == 1 else 's'}"


def _too_little_known(at: Case) -> Iterator[tuple[Lack, str]]:
    """What is known of too few runs, or only of those that went badly."""
    budget, facts, runs, evidence = at.terms.rule, at.facts, at.figures.runs, at.evidence
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
    # where labels decide what earns, no rule judges a good run
    count = evidence.labelled if budget.by_label else evidence.judged
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
    if not at.terms.needs_values:
        return
    form = at.terms.form
    least = at.terms.rule.least_measured(form)
    looked = [(Before(at.figures, at.evidence), "")]
    if at.terms.band and form is not None and form.over is not None:
        looked.append((at.before, f" in the {form.over.text} before"))
    for found, when in looked:
        runs, measured = found.figures.runs, found.evidence.measured
        if Fraction(measured) < least * runs:
            told = f"{_runs(measured)} of {_all(runs)}{when} measured"
            yield Lack.MIN_MEASURED, f"{told}, fewer than {_percent(least)}"


def _counts_by_outcome(at: Case) -> bool:
    """Whether what an account comes to depends on the words of its runs' outcomes: not where rules
    alone have judged all of its runs.
    """
    if at.terms.by_earning or at.facts.reads_outcome:
        return True
    rest = at.figures.runs - at.evidence.outages - at.evidence.judged
    return at.terms.needs_outcomes and rest > 0


def _percent(value: Fraction) -> str:
    return f"{float(value * 100):g}%"


def graded(terms: Terms, spent: Fraction, instant: int, allowed: Fraction) -> Verdict:
    """The verdict where there is enough evidence, and it is known what is allowed."""
    if instant or spent > allowed:
        return Verdict.BREACHED
    consumed = share_of(spent, 0, allowed)
    if consumed is None:  # a credit, where nothing is allowed
        return Verdict.OK
    if 1 - consumed < terms.rule.gate.freeze_below:
        return Verdict.FROZEN
    return Verdict.WARNING if consumed >= terms.warning_line else Verdict.OK


def failing_share(terms: Terms, verdict: Verdict) -> Fraction:
    """The share of the allowance beyond which an account has this verdict or a worse one."""
    shares = {
        Verdict.BREACHED: Fraction(1),
        Verdict.FROZEN: 1 - terms.rule.gate.freeze_below,
        Verdict.WARNING: terms.warning_line,
    }
    return min(share for worse, share in shares.items() if worse.severity >= verdict.severity)
