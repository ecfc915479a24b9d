"""Policy + ledger -> statement: every account with its figures at an instant. Pure.

Sums stay whole numbers and ratios stay fractions until a renderer rounds them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from ebudget.accounts.statement import (
    Account,
    Alert,
    Day,
    Group,
    Rest,
    Slice,
    Statement,
    Verdict,
    share_of,
)
from ebudget.accounts.verdicts import (
    NOTHING_BEFORE,
    Before,
    Case,
    Facts,
    is_too_few,
    judge,
    lines_of,
    needs_outcomes,
    needs_values,
)
from ebudget.errors import InputError
from ebudget.figures import Evidence, Figures, Lack, Timeline, by_value
from ebudget.instants import midnight
from ebudget.ledger.book import Book, Values, unselected
from ebudget.ledger.ledger import Ledger
from ebudget.ledger.plan import reads_outcome, spending_rules
from ebudget.ledger.signatures import Signatures
from ebudget.policy.alerts import BurnAlert, burn_alerts
from ebudget.policy.allowances import By, Form, Grant, deviation, granted, spent_by
from ebudget.policy.model import Budget, Policy, Workflow
from ebudget.policy.spends import can_be_missed
from ebudget.policy.units import Unit, unit_of
from ebudget.policy.windows import day_ends, marks, span
from ebudget.quantities import NANO

MOST_ACCOUNTS = 100_000
"""Accounts of one budget."""


def window_edges(
    policy: Policy, as_of: int, days_of: Collection[str] = (), *, rests: bool = False
) -> set[int]:
    """Every instant at which a window of any budget begins or ends, as "after this instant".

    `days_of` names the budgets whose burn-down is wanted, day by day; `rests` adds the marks at
    which it can be told how much of the spend has left its window.
    """
    edges = {as_of}
    for name, budget in policy.budgets.items():
        window = span(budget.window, as_of, policy.timezone)
        edges.add(window.after)
        for alert in burn_alerts(window, budget.alerts):
            edges.update((as_of - alert.long.micros, as_of - alert.short.micros))
        for form in budget.forms:
            if form.over is not None:
                edges.add(window.after - form.over.micros)
        if name in days_of:
            edges.update(day_ends(window, policy.timezone))
        if rests and not window.calendar:
            edges.update(marks(window, policy.timezone))
    return edges


def _response(
    budget: Budget, verdict: Verdict, consumed: Fraction | None, spent: Fraction
) -> str | None:
    is_credit = consumed is None and spent < 0  # which reaches no line
    if not verdict.judged or is_credit:
        return None
    reached = [text for line, text in budget.respond if consumed is None or consumed >= line]
    return reached[-1] if reached else None


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


PLAIN = Detail()
BRIEF = Detail(burn=False)
"""For many instants, of which only the verdicts and the alerts are told."""


class _Closing:
    """One budget's accounts at an instant."""

    def __init__(self, book: Book, as_of: int) -> None:
        self.book, self.policy, self.budget = book, book.policy, book.budget
        self.span = span(self.budget.window, as_of, self.policy.timezone)
        self.rows = burn_alerts(self.span, self.budget.alerts)
        self._paces: dict[Form | None, list[tuple[Fraction | None, Fraction | None]]] = {}
        self._units: dict[str | None, Unit] = {}

    def accounts(self, detail: Detail) -> list[Account]:
        """Every account of the budget, in order."""
        dimensions = self.budget.dimensions
        timelines = self.book.timelines(dimensions)
        window = self.span
        groups = {
            values
            for values, timeline in timelines.items()
            if timeline.between(window.after, window.until).runs
        }
        loud = {values[:1] for values in groups}
        groups |= {values for values in self._declared() if not values or values[:1] not in loud}
        self._refuse_too_many(groups)
        empty = Timeline(self.book.ledger.edges)
        slices = {column: self.book.timelines((*dimensions, column)) for column in detail.by}
        parts: dict[str, dict[Values, dict[str | None, Timeline]]] = {}
        for column, found in slices.items():
            nested = parts.setdefault(column, {})
            for values, timeline in found.items():
                nested.setdefault(values[:-1], {})[values[-1]] = timeline
        accounts = []
        for values in sorted(groups, key=by_value):
            timeline = timelines.get(values, empty)
            broken = {column: nested.get(values, {}) for column, nested in parts.items()}
            accounts.append(self._account(values, timeline, broken, detail))
        return accounts

    def paces(self, form: Form | None) -> list[tuple[Fraction | None, Fraction | None]]:
        """For each alert row, what its long and its short window may spend at its factor.

        For every run that earns, or in all where the amount is fixed; None where it takes more
        than that to know it.
        """
        if form not in self._paces:
            whole = self.span.length
            self._paces[form] = [
                (
                    _pace(form, row.factor, Fraction(row.long.micros, whole)),
                    _pace(form, row.factor, Fraction(row.short.micros, whole)),
                )
                for row in self.rows
            ]
        return self._paces[form]

    def _refuse_too_many(self, groups: set[Values]) -> None:
        if len(groups) <= MOST_ACCOUNTS:
            return
        names = self.budget.dimensions
        count, name = max((len({g[i] for g in groups}), names[i]) for i in range(len(names)))
        raise InputError(
            f"budgets.{self.book.name} has {len(groups):,} accounts (at most {MOST_ACCOUNTS:,}): "
            f"{name!r} alone has {count:,} values; leave it out of each, or narrow it with for"
        )

    def _declared(self) -> set[Values]:
        """The groups that the policy itself names."""
        budget = self.budget
        if not budget.dimensions:
            return {()}
        if not self._by_workflow:
            return set()
        return {
            tuple(
                {"workflow": name, "risk_tier": workflow.risk_tier}.get(column)
                for column in budget.dimensions
            )
            for name, workflow in self.policy.workflows.items()
            if budget.selects("workflow", name)
            and (workflow.risk_tier is None or budget.selects("risk_tier", workflow.risk_tier))
        }

    @property
    def _by_workflow(self) -> bool:
        """Whether the policy names the groups: workflows, parted by what is allowed at most."""
        return (self.budget.each or self.budget.dimensions) == ("workflow",)

    def _is_declared(self, values: Values) -> bool:
        if not self._by_workflow:
            return not self.budget.dimensions
        return values[0] in self.policy.workflows

    def _account(
        self,
        values: Values,
        timeline: Timeline,
        broken: dict[str, dict[str | None, Timeline]],
        detail: Detail,
    ) -> Account:
        budget, window = self.budget, self.span
        group: Group = tuple(zip(budget.dimensions, values, strict=True))
        form = self.budget.form_of(dict(group))
        figures = timeline.between(window.after, window.until)
        evidence = self._heard(timeline.evidence(window.after, window.until))
        before = NOTHING_BEFORE
        if form is not None and form.over is not None:
            start = window.after - form.over.micros
            before = Before(
                timeline.between(start, window.after), timeline.evidence(start, window.after)
            )
        grant = granted(form, figures, before.figures, Fraction(1), budget.min_runs)
        base = Figures() if grant.amount is None else before.figures  # too little is no mean
        spent = spent_by(form, figures, base) + (grant.amount or 0) * figures.instant
        case = Case(budget, form, figures, evidence, before, grant, spent, self._facts)
        verdict, lack, reason = judge(case)
        if lack is Lack.NO_VALUE:
            reason = f"{reason} {self._valueless(values)}"
        allow = budget.allowance
        if lack is Lack.NO_LINE and isinstance(allow, By):
            value = dict(group)[allow.column]
            told = f"{allow.column}={'(none)' if value is None else value}"
            reason = f"the policy allows nothing for {told}, and has no default"
        blank = case.is_blank
        consumed = None
        if grant.amount is not None:
            consumed = share_of(spent, figures.instant, grant.amount)
        burns = _Burns(self, timeline, form, base, grant)
        workflow = self._workflow(dict(group))
        unit = self._unit(workflow)
        asks_outcomes = needs_outcomes(budget, form) or budget.min_judged > 0
        asks_values = needs_values(budget)
        return Account(
            budget=self.book.name,
            kind=budget.family.value,
            group=group,
            window=str(budget.window),
            span=window,
            covered=self._covered,
            unit=unit.name,
            noun=unit.noun,
            per=workflow.unit if workflow else None,
            eligible=figures.eligible,
            selected=figures.runs,
            unlabelled=figures.unlabelled,
            judged=evidence.judged if asks_outcomes else None,
            measured=evidence.measured if asks_values else None,
            outages=evidence.outages,
            unmeasured=figures.runs - evidence.measured if asks_values else 0,
            negative=Fraction(evidence.negative, NANO),
            blank=blank,
            spent=spent,
            allowed=grant.amount,
            instant=figures.instant,
            burn=burns.rates() if detail.burn else (),
            alerts=burns.alerts() if verdict.judged else (),
            verdict=verdict,
            lack=lack,
            reason=reason,
            response=_response(budget, verdict, consumed, spent),
            owner=workflow.owner if workflow else None,
            risk_tier=workflow.risk_tier if workflow else None,
            too_few=is_too_few(budget, form, figures),
            declared=self._is_declared(values),
            rate=is_rate(budget, form),
            proportion=is_rate(budget, form) and figures.spent == figures.hits * NANO,
            band=is_band(form),
            slo=None if budget.slo is None else 1 - budget.slo.number,
            excused=lack is Lack.NO_RUN and self._is_early(workflow),
            lines=self._lines,
            breakdown=tuple(
                (column, self._slices(found, figures, spent, grant, form, base))
                for column, found in broken.items()
            ),
            days=self._days(timeline, grant, form, base) if detail.days else (),
            rests=self._rests(timeline, grant, form) if detail.rests and verdict.judged else (),
        )

    def _heard(self, evidence: Evidence) -> Evidence:
        """The evidence without what rules seem to tell of columns that have no value in any run."""
        if evidence.voiced or not self._has_rules:
            return evidence
        return evidence._replace(judged=evidence.labelled, sighted=0)

    @cached_property
    def _has_rules(self) -> bool:
        return bool(spending_rules(self.policy, self.budget))

    @cached_property
    def _facts(self) -> Facts:
        """What the verdicts have to know of the log."""
        policy, budget = self.policy, self.budget
        silent = policy.logs.no_outcome is None and not self.book.ledger.intake.good
        return Facts(
            only_failures=silent,
            is_silent=not self.book.ledger.intake.said,
            max_unknown=policy.logs.max_unknown,
            rules=tuple(spending_rules(policy, budget))
            if can_be_missed(budget.spend, policy.failures, policy.unclassified)
            else (),
            reads_outcome=reads_outcome(policy, budget),
        )

    def _is_early(self, workflow: Workflow | None) -> bool:
        """Whether nobody misses the workflow's runs yet."""
        if workflow is None or workflow.since is None:
            return False
        return self.span.until < midnight(workflow.since, self.policy.timezone)

    def _valueless(self, values: Values) -> str:
        """The workflows whose successes in a group's window have no declared value."""
        edges, window = self.book.ledger.edges, self.span
        low, high = bisect_left(edges, window.after), bisect_left(edges, window.until)
        names = self.book.valueless(values, low, high)
        return ", ".join("(none)" if name is None else name for name in names[:3])

    @cached_property
    def _covered(self) -> Fraction:
        first, window = self.book.ledger.intake.first, self.span
        if first is None or first > window.until:
            return Fraction(0)
        if first <= window.start:
            return Fraction(1)
        return Fraction(window.until - first, window.until - window.start)

    def _workflow(self, group: dict[str, str | None]) -> Workflow | None:
        name = group.get("workflow")
        if "workflow" not in group:
            named = [s.values for s in self.budget.for_ if s.column == "workflow"]
            name = named[0][0] if len(named) == 1 and len(named[0]) == 1 else None
        return self.policy.workflows.get(name) if name is not None else None

    def _unit(self, workflow: Workflow | None) -> Unit:
        name = workflow.unit if workflow else None
        if name not in self._units:
            self._units[name] = unit_of(self.policy, self.budget, workflow)
        return self._units[name]

    def _slices(
        self,
        found: dict[str | None, Timeline],
        whole: Figures,
        spent: Fraction,
        grant: Grant,
        form: Form | None,
        base: Figures,
    ) -> tuple[Slice, ...]:
        allowed = grant.amount or Fraction(0)
        window = self.span
        slices = []
        for value, timeline in found.items():
            part = timeline.between(window.after, window.until)
            if not part.runs:
                continue
            own = deviation(form, part, base) + allowed * part.instant
            share = own / spent if spent else None
            if not allowed and whole.instant:
                share = Fraction(part.instant, whole.instant)
            if is_band(form):  # what lies above the mean and below it are no shares
                share = None
            rate = _rate(part)
            rest = _rate(whole - part)
            against = rate / rest if rate is not None and rest else None
            slices.append(Slice(value, part.eligible, own, share, part.instant, rate, against))
        slices.sort(key=lambda s: (-_weight(s, form), -(s.rate or 0), by_value([s.value])))
        return tuple(slices)

    def _days(
        self, timeline: Timeline, grant: Grant, form: Form | None, base: Figures
    ) -> tuple[Day, ...]:
        window = self.span
        days = []
        before, allowed = window.after, grant.amount
        for end in self._day_ends:
            day = timeline.between(before, end)
            total = timeline.between(window.after, end)
            gone = spent_by(form, total, base) + (allowed or 0) * total.instant
            consumed = None if allowed is None else share_of(gone, total.instant, allowed)
            spent = deviation(form, day, base) + (allowed or 0) * day.instant
            left = None if consumed is None else 1 - consumed
            days.append(Day(end, day.eligible, spent, left, gone))
            before = end
        return tuple(days)

    @cached_property
    def _lines(self) -> tuple[Fraction, ...]:
        return lines_of(self.budget)

    @cached_property
    def _marks(self) -> list[int]:
        return marks(self.span, self.policy.timezone)

    @cached_property
    def _day_ends(self) -> list[int]:
        return day_ends(self.span, self.policy.timezone)

    def _rests(self, timeline: Timeline, grant: Grant, form: Form | None) -> tuple[Rest, ...]:
        """How the spend leaves the window; a calendar window is left as a whole.

        Of a band nothing can be told: the runs that come are spent against the mean too.
        """
        window = self.span
        if is_band(form):
            return ()
        end = Rest(window.after + window.length + 1, Fraction(0), 0)
        if window.calendar:
            return (end,)
        found = []
        for mark in self._marks:
            left = timeline.between(mark, window.until)
            spent = left.amount + (grant.amount or 0) * left.instant
            found.append(Rest(mark + window.length, spent, left.instant))
        return (*found, Rest(window.until + window.length, Fraction(0), 0))


def _weight(part: Slice, form: Form | None) -> Fraction:
    """What sorts slices."""
    return part.spent if is_band(form) else part.share or Fraction(0)


def _rate(figures: Figures) -> Fraction | None:
    return figures.amount / figures.eligible if figures.eligible else None


def is_band(form: Form | None) -> bool:
    """Whether only what lies beyond the mean of the time before is spent."""
    return form is not None and form.traits.side is not None


def is_rate(budget: Budget, form: Form | None) -> bool:
    """Whether runs that spend are held against a share of the runs that earn."""
    grows = form is not None and form.traits.grows
    return grows and budget.spend.traits.counted and not is_band(form)


def _pace(form: Form | None, factor: Fraction, part: Fraction) -> Fraction | None:
    if form is not None and form.traits.fixed:
        return factor * form.number * part
    pace = None if form is None else form.pace()
    return None if pace is None else factor * pace


class _Burns:
    """The burn rates of one account, each worked out when it is asked for."""

    def __init__(
        self, closing: _Closing, timeline: Timeline, form: Form | None, base: Figures, grant: Grant
    ) -> None:
        self.closing, self.timeline, self.form, self.base = closing, timeline, form, base
        self.allowance = grant.amount
        self._windows: dict[int, Figures] = {}
        self._rates: dict[int, tuple[Fraction | None, Fraction]] = {}

    def _window(self, length: int) -> Figures:
        if length not in self._windows:
            until = self.closing.span.until
            self._windows[length] = self.timeline.between(until - length, until)
        return self._windows[length]

    def _rate(self, length: int) -> tuple[Fraction | None, Fraction]:
        """The burn rate, or None where nothing would be allowed; and what was spent."""
        if length not in self._rates:
            self._rates[length] = self._rate_of(length)
        return self._rates[length]

    def _rate_of(self, length: int) -> tuple[Fraction | None, Fraction]:
        figures, whole = self._window(length), self.closing.span.length
        part = Fraction(length, whole)
        grant = granted(self.form, figures, self.base, part, self.closing.budget.min_runs)
        spent = spent_by(self.form, figures, self.base)
        spent += (self.allowance or 0) * figures.instant
        if grant.amount is None:
            return None, Fraction(0)
        return (spent / grant.amount if grant.amount else None), spent

    def rates(self) -> tuple[tuple[str, Fraction | None], ...]:
        """The burn of every window that the alert rows name."""
        rows = self.closing.rows
        lengths = {w.text: w.micros for row in rows for w in (row.long, row.short)}
        return tuple((text, self._rate(length)[0]) for text, length in lengths.items())

    def alerts(self) -> tuple[Alert, ...]:
        """The alert rows, each with whether it fires."""
        paces = self.closing.paces(self.form)
        return tuple(
            Alert(row, self._fires(row, pace))
            for row, pace in zip(self.closing.rows, paces, strict=True)
        )

    def _fires(self, row: BurnAlert, paces: tuple[Fraction | None, Fraction | None]) -> bool:
        short, long = self._window(row.short.micros), self._window(row.long.micros)
        if short.instant:
            return True
        lonely = long.spenders < 2 and not long.instant
        if lonely and is_rate(self.closing.budget, self.form):
            return False
        lengths = (row.long.micros, row.short.micros)
        return all(
            self._above(length, row.factor, pace)
            for length, pace in zip(lengths, paces, strict=True)
        )

    def _above(self, length: int, factor: Fraction, pace: Fraction | None) -> bool:
        figures = self._window(length)
        if pace is not None and not figures.instant:  # the same without a division
            runs = 1 if self.form is not None and self.form.traits.fixed else figures.eligible
            return figures.spent * pace.denominator > pace.numerator * runs * NANO
        rate, spent = self._rate(length)
        return spent > 0 if rate is None else rate > factor


def books_of(policy: Policy, ledger: Ledger, signatures: Signatures | None = None) -> list[Book]:
    """The runs of every budget of a policy, in its order."""
    known = signatures or Signatures(policy, ledger)
    return [Book(policy, name, ledger, known) for name in policy.budgets]


def is_inside_the_log(book: Book, account: Account) -> bool:
    """Whether all that an account is judged by lies inside the log.

    That is its window, the time before it where that is its baseline, and its end: a day after
    the one of the newest run is no day of the log.
    """
    first, end = book.ledger.intake.first, book.log_ends
    if first is None or end is None or account.span.after + 1 < first:
        return False
    form = book.budget.form_of(dict(account.group))
    if (
        form is not None
        and form.over is not None
        and account.span.after - form.over.micros + 1 < first
    ):
        return False
    return account.span.until < end


def accounts_of(book: Book, as_of: int, detail: Detail = PLAIN) -> list[Account]:
    """Every account of one budget at an instant whose window edges the ledger holds."""
    return _Closing(book, as_of).accounts(detail)


def evaluate(
    policy: Policy,
    ledger: Ledger,
    *,
    by: Sequence[str] = (),
    days_of: Collection[str] = (),
    rests: bool = False,
    books: Sequence[Book] | None = None,
) -> Statement:
    """The statement of a ledger: every account of the policy at the ledger's as_of.

    `by` adds breakdowns to the policy's own; `days_of` names the budgets whose burn-down is
    wanted, `rests` asks how the spend leaves the windows (the ledger must hold the edges).
    `books` are those of the policy over the ledger, where they are made already.
    """
    signatures = Signatures(policy, ledger)
    accounts: list[Account] = []
    for book in books_of(policy, ledger, signatures) if books is None else books:
        wanted = dict.fromkeys((*book.budget.by, *by))
        breakdowns = [column for column in wanted if column not in book.budget.dimensions]
        days = book.name in days_of
        accounts += accounts_of(book, ledger.as_of, Detail(tuple(breakdowns), days, rests))
    totals = signatures.totals()
    return Statement(
        as_of=ledger.as_of,
        newest=ledger.newest,
        before=ledger.before_windows,
        intake=ledger.intake,
        rejected_values=ledger.rejected_values(),
        unlabelled=totals.unlabelled,
        infrastructure=totals.infrastructure,
        assumes_success=policy.logs.no_outcome is not None,
        no_outcome=totals.no_outcome,
        unselected=unselected(policy, signatures.frame),
        accounts=tuple(accounts),
        trees=ledger.trees,
    )
