"""Policy and timelines into accounts: every account of a budget at an instant, and the statement.

Sums stay whole numbers and ratios stay fractions until a renderer rounds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from ebudget.accounts.burn import Burns
from ebudget.accounts.parts import Whole, days_of, rests_of, slices_of
from ebudget.accounts.statement import Account, Group, Statement, Verdict
from ebudget.accounts.terms import Terms
from ebudget.accounts.verdicts import NOTHING_BEFORE, Before, Case, judge
from ebudget.errors import InputError
from ebudget.figures import (
    NOTHING,
    Evidence,
    Facts,
    Lack,
    Timeline,
    Totals,
    Values,
    by_value,
)
from ebudget.instants import midnight
from ebudget.logs.intake import Intake
from ebudget.policy.alerts import BurnAlert, burn_alerts
from ebudget.policy.allowances import Form, granted, spent_by
from ebudget.policy.model import Budget, Policy, Workflow
from ebudget.policy.wants import Wants
from ebudget.policy.windows import Span, span
from ebudget.quantities import Unit

MOST_ACCOUNTS = 100_000
"""Accounts of one budget."""


class Book(Protocol):
    """The runs of one budget, as figures over time."""

    @property
    def policy(self) -> Policy:
        """The policy that says what its runs mean."""

    @property
    def name(self) -> str:
        """The budget's."""

    @property
    def facts(self) -> Facts:
        """What its accounts have to know of the whole log."""

    def timelines(self, columns: Sequence[str]) -> Mapping[Values, Timeline]:
        """The figures over time of every group of values of some columns."""

    def valueless(self, values: Values, after: int, until: int) -> Sequence[str | None]:
        """The workflows with successes without a declared value, in a group between two edges."""

    def unit(self, workflow: Workflow | None) -> Unit:
        """What it spends, for the runs of a workflow."""


class Books(Protocol):
    """The books of a policy over one ledger, and what was read for them."""

    def __iter__(self) -> Iterator[Book]: ...

    @property
    def policy(self) -> Policy:
        """Whose budgets they are."""

    @property
    def wants(self) -> Wants:
        """What is asked beside the policy."""

    @property
    def as_of(self) -> int:
        """The newest instant that counts, in microseconds since 1970."""

    @property
    def newest(self) -> bool:
        """Whether that is the newest run, not an instant that was asked for."""

    @property
    def intake(self) -> Intake:
        """What was read and what became of it."""

    @property
    def totals(self) -> Totals:
        """What the counted runs are, whatever budgets make of them."""


@dataclass(frozen=True)
class Detail:
    """What accounts hold beside their figures."""

    by: tuple[str, ...] = ()
    """Breakdowns."""
    days: bool = False
    """The burn-down."""
    rests: bool = False
    """How the spend leaves the window."""
    burn: bool = True
    """The burn rates; alerts are judged without them too."""
    alerts: bool = True


PLAIN = Detail()
BRIEF = Detail(burn=False)
"""For many instants, of which only the verdicts and the alerts are told."""
VERDICTS = Detail(burn=False, alerts=False)
"""For many terms, of which only the verdicts are told."""

_Slices = Mapping[str, Mapping[str | None, Timeline]]
"""For each breakdown, the timeline of every value of its column."""


@dataclass(frozen=True)
class _Closing:
    """One budget at an instant: what all of its accounts share."""

    book: Book
    span: Span
    rows: tuple[BurnAlert, ...]
    covered: Fraction
    detail: Detail

    @property
    def policy(self) -> Policy:
        return self.book.policy

    @property
    def budget(self) -> Budget:
        return self.policy.budgets[self.book.name]


def accounts_of(book: Book, as_of: int, detail: Detail = PLAIN) -> list[Account]:
    """Every account of one budget, in order, at an instant whose window edges the book holds.

    Raises InputError for too many.
    """
    policy, budget = book.policy, book.policy.budgets[book.name]
    window = span(budget.window, as_of, policy.timezone)
    rows = burn_alerts(window, budget.alerts)
    at = _Closing(book, window, rows, _covered(book.facts.first, window), detail)
    timelines = book.timelines(budget.dimensions)
    groups = _groups(at, timelines)
    nested = {column: _nested(book, column) for column in detail.by}
    accounts = []
    for values in sorted(groups, key=by_value):
        slices = {column: found.get(values, {}) for column, found in nested.items()}
        timeline = timelines.get(values) or Timeline(())
        accounts.append(_account(at, _terms(at, values), values, timeline, slices))
    return accounts


def evaluate(books: Books) -> Statement:
    """The statement of books: every account of the policy at their as_of, with what is wanted."""
    accounts: list[Account] = []
    for book in books:
        budget = books.policy.budgets[book.name]
        columns = dict.fromkeys((*budget.by, *books.wants.by))
        by = tuple(column for column in columns if column not in budget.dimensions)
        detail = Detail(by, book.name in books.wants.days_of, books.wants.rests)
        accounts += accounts_of(book, books.as_of, detail)
    totals = books.totals
    return Statement(
        as_of=books.as_of,
        newest=books.newest,
        intake=books.intake,
        rejected_values=totals.rejected_values,
        unlabelled=totals.unlabelled,
        infrastructure=totals.infrastructure,
        no_outcome=totals.no_outcome,
        unselected=totals.unselected,
        before=totals.before,
        assumes_success=books.policy.logs.no_outcome is not None,
        accounts=tuple(accounts),
    )


def is_inside_the_log(book: Book, account: Account) -> bool:
    """Whether all that an account is judged by lies inside the log.

    That is its window, the time before it where that is its baseline, and its end: a day after
    the one of the newest run is no day of the log.
    """
    first, end, after = book.facts.first, book.facts.ends, account.span.after + 1
    if first is None or end is None:
        return False
    over = account.terms.form.over if account.terms.form is not None else None
    return first <= after - (over.micros if over else 0) and account.span.until < end


def _covered(first: int | None, window: Span) -> Fraction:
    """The share of a window that lies after the oldest counted run."""
    if first is None or first > window.until:
        return Fraction(0)
    if first <= window.start:
        return Fraction(1)
    return Fraction(window.until - first, window.until - window.start)


def _groups(at: _Closing, timelines: Mapping[Values, Timeline]) -> set[Values]:
    """The groups that have an account: those with a run in the window, and those that the policy
    itself names. Raises InputError for too many.
    """
    window = at.span
    groups = {
        values
        for values, timeline in timelines.items()
        if timeline.between(window.after, window.until).runs
    }
    loud = {values[:1] for values in groups}
    groups |= {values for values in _declared(at) if not values or values[:1] not in loud}
    if len(groups) > MOST_ACCOUNTS:
        names = at.budget.dimensions
        count, name = max((len({g[i] for g in groups}), names[i]) for i in range(len(names)))
        raise InputError(
            f"budgets.{at.book.name} has {len(groups):,} accounts (at most {MOST_ACCOUNTS:,}): "
            f"{name!r} alone has {count:,} values; leave it out of each, or narrow it with for"
        )
    return groups


def _is_by_workflow(budget: Budget) -> bool:
    """Whether the policy names the groups: workflows, parted by what is allowed at most."""
    return (budget.each or budget.dimensions) == ("workflow",)


def _declared(at: _Closing) -> set[Values]:
    """The groups that the policy itself names."""
    budget = at.budget
    if not budget.dimensions:
        return {()}
    if not _is_by_workflow(budget):
        return set()
    return {
        tuple(
            {"workflow": name, "risk_tier": workflow.risk_tier}.get(column)
            for column in budget.dimensions
        )
        for name, workflow in at.policy.workflows.items()
        if budget.selects("workflow", name)
        and (workflow.risk_tier is None or budget.selects("risk_tier", workflow.risk_tier))
    }


def _nested(book: Book, column: str) -> dict[Values, dict[str | None, Timeline]]:
    """The timelines of a breakdown: by group, then by value."""
    dimensions = book.policy.budgets[book.name].dimensions
    found: dict[Values, dict[str | None, Timeline]] = {}
    for values, timeline in book.timelines((*dimensions, column)).items():
        found.setdefault(values[:-1], {})[values[-1]] = timeline
    return found


def _terms(at: _Closing, values: Values) -> Terms:
    budget, policy = at.budget, at.policy
    group = dict(zip(budget.dimensions, values, strict=True))
    workflow = _workflow(at, group)
    since = workflow.since if workflow else None
    by_workflow = _is_by_workflow(budget)
    return Terms(
        at.book.name,
        budget,
        budget.form_of(group),
        at.book.unit(workflow),
        workflow,
        values[0] in policy.workflows if by_workflow else not budget.dimensions,
        None if since is None else midnight(since, policy.timezone),
    )


def _workflow(at: _Closing, group: Mapping[str, str | None]) -> Workflow | None:
    """What the policy declares of the workflow of a group, or of the only one that is selected."""
    name = group.get("workflow")
    if "workflow" not in group:
        named = [s.values for s in at.budget.for_ if s.column == "workflow"]
        name = named[0][0] if len(named) == 1 and len(named[0]) == 1 else None
    return at.policy.workflows.get(name) if name is not None else None


def _account(
    at: _Closing, terms: Terms, values: Values, timeline: Timeline, slices: _Slices
) -> Account:
    """The account of one group."""
    window, form, zone = at.span, terms.form, at.policy.timezone
    group: Group = tuple(zip(terms.rule.dimensions, values, strict=True))
    figures = timeline.between(window.after, window.until)
    evidence = _heard(at.book.facts, timeline.evidence(window.after, window.until))
    before = _before(form, timeline, window)
    grant = granted(form, figures, before.figures, Fraction(1), terms.rule.min_runs)
    base = NOTHING if grant.amount is None else before.figures  # too little is no mean
    event = grant.amount or Fraction(0)
    spent = spent_by(form, figures, base, event)
    case = Case(terms, figures, evidence, before, grant, spent, at.book.facts)
    judgement = judge(case)
    if judgement.lack in (Lack.NO_VALUE, Lack.NO_LINE):
        judgement = judgement.of(_lacking(at, judgement.lack, group, values))
    whole = Whole(terms, window, timeline, figures, base, spent, grant.amount)
    burns = Burns(terms, window, timeline, base, event)
    judged = judgement.verdict.judged
    over = judged and judgement.verdict is not Verdict.OK
    return Account(
        terms=terms,
        group=group,
        span=window,
        covered=at.covered,
        figures=figures,
        evidence=evidence,
        spent=spent,
        allowed=grant.amount,
        blank=case.is_blank,
        judgement=judgement,
        burn=burns.rates(at.rows) if at.detail.burn else (),
        alerts=burns.alerts(at.rows) if judged and at.detail.alerts else (),
        breakdown=tuple((column, slices_of(whole, found)) for column, found in slices.items()),
        days=days_of(whole, zone) if at.detail.days else (),
        rests=rests_of(whole, zone) if at.detail.rests and over else (),
    )


def _before(form: Form | None, timeline: Timeline, window: Span) -> Before:
    """The time before the window that a form looks at."""
    if form is None or form.over is None:
        return NOTHING_BEFORE
    start = window.after - form.over.micros
    return Before(timeline.between(start, window.after), timeline.evidence(start, window.after))


def _heard(facts: Facts, evidence: Evidence) -> Evidence:
    """The evidence without what rules seem to tell of columns that have no value in any run."""
    if evidence.voiced or not facts.has_rules:
        return evidence
    return evidence._replace(judged=evidence.labelled, sighted=0)


def _lacking(at: _Closing, lack: Lack, group: Group, values: Values) -> str:
    """The names of what has no value or no line."""
    if lack is Lack.NO_VALUE:
        names = at.book.valueless(values, at.span.after, at.span.until)[:3]
        return ", ".join("(none)" if name is None else name for name in names)
    column = at.budget.allowance.column
    assert column is not None
    value = dict(group)[column]
    return f"{column}={'(none)' if value is None else value}"
