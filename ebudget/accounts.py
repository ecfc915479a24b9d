"""Policy + ledger -> statement: the arithmetic of budgets, and the verdicts. Pure.

Sums stay whole numbers and ratios stay fractions until a renderer rounds them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from operator import add, sub

import polars as pl

from ebudget.allowance import (
    Allowance,
    ByTier,
    Count,
    OfBaseline,
    OfValue,
    PerRuns,
    Plain,
    Ratio,
    depends_on_runs,
)
from ebudget.classes import Signatures, Treatment
from ebudget.columns import BY_NAME
from ebudget.errors import InputError
from ebudget.ledger import NANO, Ledger
from ebudget.policy import Budget, Policy, SpendSum, Workflow
from ebudget.query import BUCKET, COUNT
from ebudget.statement import (
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
from ebudget.verdicts import graded, lines_of
from ebudget.windows import BurnAlert, burn_alerts, day_ends, marks, span

MOST_ACCOUNTS = 100_000
"""Accounts of one budget."""


@dataclass(frozen=True)
class Figures:
    """What a set of runs amounts to for one budget: whole numbers, so that sums stay exact."""

    runs: int = 0
    eligible: int = 0
    unlabelled: int = 0
    unmeasured: int = 0
    spenders: int = 0
    """Runs that spend."""
    hits: int = 0
    """Runs that earn and spend exactly 1."""
    instant: int = 0
    spent: int = 0
    """1e-9 of the unit, instant events aside."""
    value: int = 0
    """1e-9 US dollars that successes brought."""
    unvalued: int = 0
    """Successes whose workflow has no declared value."""

    def __add__(self, other: Figures) -> Figures:
        return Figures(*map(add, self.row, other.row))

    def __sub__(self, other: Figures) -> Figures:
        return Figures(*map(sub, self.row, other.row))

    @property
    def row(self) -> tuple[int, ...]:
        """The figures in the order of the fields."""
        return (
            self.runs,
            self.eligible,
            self.unlabelled,
            self.unmeasured,
            self.spenders,
            self.hits,
            self.instant,
            self.spent,
            self.value,
            self.unvalued,
        )

    @property
    def amount(self) -> Fraction:
        """What was spent, instant events aside, in the unit."""
        return Fraction(self.spent, NANO)


MEASURES = tuple(field.name for field in fields(Figures))


class Timeline:
    """The figures of one group over time; any window between two edges is one subtraction."""

    def __init__(self, edges: Sequence[int]) -> None:
        self._edges = edges
        self._buckets: list[int] = []
        self._totals: list[Figures] = [Figures()]

    def append(self, bucket: int, figures: Figures) -> None:
        """Add the figures of the next bucket that has any."""
        self._buckets.append(bucket)
        self._totals.append(self._totals[-1] + figures)

    def between(self, after: int, until: int) -> Figures:
        """The figures of the runs after one edge, up to and with another."""
        low = bisect_right(self._buckets, bisect_left(self._edges, after))
        high = bisect_right(self._buckets, bisect_left(self._edges, until))
        return self._totals[high] - self._totals[low]


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
        for form in _forms(budget.allow):
            if isinstance(form, OfBaseline):
                edges.add(window.after - form.over.micros)
        if name in days_of:
            edges.update(day_ends(window, policy.timezone))
        if rests and not window.calendar:
            edges.update(marks(window, policy.timezone))
    return edges


def _forms(allow: Allowance) -> list[Plain]:
    return [form for _, form in allow.tiers] if isinstance(allow, ByTier) else [allow]


NO_VALUE = "no value_usd is declared for"
"""Why an allowance of value is unknown; the workflows follow."""


@dataclass(frozen=True)
class Grant:
    """What an account is allowed, or why that cannot be known."""

    amount: Fraction | None
    reason: str | None = None


def granted(
    form: Plain | None, figures: Figures, base: Figures, part: Fraction, min_runs: int
) -> Grant:
    """What a window allows.

    `part` is the window's length as a share of the budget's window; only a fixed amount needs it.
    `base` are the figures of the baseline.
    """
    match form:
        case None:
            return Grant(None, "the policy allows nothing for this risk tier, and has no default")
        case Ratio(ratio):
            return Grant(ratio * figures.eligible)
        case Count(amount):
            return Grant(amount * part)
        case PerRuns(amount, per):
            return Grant(amount * figures.eligible / per)
        case OfValue(fraction):
            if figures.unvalued:
                return Grant(None, NO_VALUE)
            return Grant(fraction * Fraction(figures.value, NANO))
        case OfBaseline(fraction, over):
            if base.eligible < max(min_runs, 1):
                return Grant(None, f"only {base.eligible} runs earn in the {over.text} before")
            if base.spent <= 0:
                return Grant(None, f"nothing was spent in the {over.text} before")
            return Grant(fraction * base.amount / base.eligible * figures.eligible)


def is_too_few(budget: Budget, form: Plain | None, figures: Figures) -> bool:
    """Whether the allowance depends on the runs that earn, and these are too few."""
    return form is not None and depends_on_runs(form) and figures.eligible < budget.min_runs


def judge(
    budget: Budget, form: Plain | None, figures: Figures, grant: Grant, spent: Fraction
) -> tuple[Verdict, str | None]:
    """The verdict of an account, the first that applies, and the reason where there is none."""
    if figures.runs == 0:
        return Verdict.NO_DATA, "no run in the window"
    if figures.instant:
        return Verdict.BREACHED, None
    if is_too_few(budget, form, figures):
        return (
            Verdict.INSUFFICIENT,
            f"{figures.eligible} of at least {budget.min_runs} runs",
        )
    nothing_earned = isinstance(form, Ratio | PerRuns | OfBaseline) and figures.eligible == 0
    no_value = isinstance(form, OfValue) and figures.value == 0 and not figures.unvalued
    if (nothing_earned or no_value) and spent == 0:
        return Verdict.NO_DATA, "no run earns" if nothing_earned else "no success brought value"
    if grant.amount is None:
        return Verdict.INSUFFICIENT, grant.reason
    return graded(budget, spent, figures.instant, grant.amount), None


def _response(budget: Budget, verdict: Verdict, consumed: Fraction | None) -> str | None:
    if not verdict.judged:
        return None
    reached = [text for line, text in budget.respond if consumed is None or consumed >= line]
    return reached[-1] if reached else None


class _BudgetBook:
    """One budget's runs, grouped into timelines."""

    def __init__(self, policy: Policy, name: str, ledger: Ledger, signatures: Signatures) -> None:
        self.policy = policy
        self.name = name
        self.budget = policy.budgets[name]
        self.ledger = ledger
        self.span = span(self.budget.window, ledger.as_of, policy.timezone)
        self.rows = self._treated(signatures)

    def _treated(self, signatures: Signatures) -> pl.DataFrame:
        """The selected rows of the ledger with this budget's figures."""
        budget, plan = self.budget, self.ledger.plan
        frame = signatures.frame
        for selector in budget.for_:
            values = frame.get_column(selector.column).unique().to_list()
            admitted = [value for value in values if selector.admits(value)]
            wanted = pl.Series(selector.column, admitted, dtype=pl.String)
            frame = frame.filter(pl.col(selector.column).is_in(wanted.implode(), nulls_equal=True))
        treatments = signatures.treatments(budget)
        at = frame.get_column(signatures.INDEX)

        def each(name: str, dtype: pl.DataType | type[pl.DataType] = pl.Int64) -> pl.Series:
            values = [getattr(treatment, name) for treatment in treatments]
            return pl.Series(name, values, dtype=dtype).gather(at)

        count = frame.get_column(COUNT)
        wide = count.cast(pl.Int128)
        if isinstance(budget.spend, SpendSum):
            total, missing = plan.sum_columns[plan.sums.index(budget.spend.expression)]
            spent, unmeasured = frame.get_column(total), frame.get_column(missing)
            spenders = count - unmeasured
        else:
            spent = wide * each("weight", pl.Int128)
            unmeasured = count * each("unmeasured")
            spenders = count * each("spends")
        success = count * each("success")
        value, unvalued = self._values(frame, success)
        return frame.select(
            *(
                name
                for name in dict.fromkeys((*self._columns(), "workflow", "outcome"))
                if name in frame.columns
            ),
            BUCKET,
            count.alias("runs"),
            (count * each("earns")).alias("eligible"),
            (count * each("unlabelled")).alias("unlabelled"),
            unmeasured.alias("unmeasured"),
            spenders.alias("spenders"),
            (count * each("hits")).alias("hits"),
            (count * each("instant")).alias("instant"),
            spent.alias("spent"),
            value.alias("value"),
            unvalued.alias("unvalued"),
        )

    def _columns(self) -> tuple[str, ...]:
        extra = [n for n in self.ledger.plan.dimensions if n not in self.budget.dimensions]
        return (*self.budget.dimensions, *extra)

    def _values(self, frame: pl.DataFrame, success: pl.Series) -> tuple[pl.Series, pl.Series]:
        if not any(isinstance(form, OfValue) for form in _forms(self.budget.allow)):
            return (success * 0).cast(pl.Int128), success * 0
        worth: dict[str | None, int | None] = {
            name: None if w.value_usd is None else _nano(w.value_usd)
            for name, w in self.policy.workflows.items()
        }
        names = frame.get_column("workflow").to_list()
        values = pl.Series([worth.get(name) for name in names], dtype=pl.Int128)
        known = values.is_not_null()
        return (
            success.cast(pl.Int128) * values.fill_null(0),
            success * (~known).cast(pl.Int64),
        )

    def timelines(self, columns: Sequence[str]) -> dict[tuple[str | None, ...], Timeline]:
        """The figures over time of every group."""
        grouped = (
            self.rows.lazy()
            .group_by(*columns, BUCKET)
            .agg(pl.col(MEASURES).sum())
            .sort(BUCKET)
            .collect()
        )
        found: dict[tuple[str | None, ...], Timeline] = {}
        width = len(columns)
        for row in grouped.iter_rows():
            timeline = found.get(row[:width])
            if timeline is None:
                timeline = found[row[:width]] = Timeline(self.ledger.edges)
            timeline.append(row[width], Figures(*row[width + 1 :]))
        return found

    def accounts(self, by: Sequence[str], *, days: bool, rests: bool) -> list[Account]:
        """Every account of the budget, in order."""
        dimensions = self.budget.dimensions
        timelines = self.timelines(dimensions)
        window = self.span
        groups = {
            values
            for values, timeline in timelines.items()
            if timeline.between(window.after, window.until).runs
        }
        loud = {values[:1] for values in groups}
        groups |= {values for values in self._declared() if not values or values[:1] not in loud}
        self._refuse_too_many(groups)
        empty = Timeline(self.ledger.edges)
        slices = {column: self.timelines((*dimensions, column)) for column in dict.fromkeys(by)}
        parts: dict[str, dict[tuple[str | None, ...], dict[str | None, Timeline]]] = {}
        for column, found in slices.items():
            nested = parts.setdefault(column, {})
            for values, timeline in found.items():
                nested.setdefault(values[:-1], {})[values[-1]] = timeline
        accounts = []
        for values in sorted(groups, key=lambda v: [_order(one) for one in v]):
            timeline = timelines.get(values, empty)
            broken = {column: nested.get(values, {}) for column, nested in parts.items()}
            accounts.append(self._account(values, timeline, broken, days=days, rests=rests))
        return accounts

    def _refuse_too_many(self, groups: set[tuple[str | None, ...]]) -> None:
        if len(groups) <= MOST_ACCOUNTS:
            return
        names = self.budget.dimensions
        count, name = max((len({g[i] for g in groups}), names[i]) for i in range(len(names)))
        raise InputError(
            f"budgets.{self.name} has {len(groups):,} accounts (at most {MOST_ACCOUNTS:,}): "
            f"{name!r} alone has {count:,} values; leave it out of each, or narrow it with for"
        )

    def _declared(self) -> set[tuple[str | None, ...]]:
        """The groups that the policy itself names."""
        budget = self.budget
        if not budget.dimensions:
            return {()}
        if budget.each != ("workflow",):
            return set()
        return {
            (name, workflow.risk_tier)[: len(budget.dimensions)]
            for name, workflow in self.policy.workflows.items()
            if budget.selects("workflow", name)
            and (workflow.risk_tier is None or budget.selects("risk_tier", workflow.risk_tier))
        }

    def _is_declared(self, values: tuple[str | None, ...]) -> bool:
        if self.budget.each != ("workflow",):
            return not self.budget.dimensions
        return values[0] in self.policy.workflows

    def _account(
        self,
        values: tuple[str | None, ...],
        timeline: Timeline,
        broken: dict[str, dict[str | None, Timeline]],
        *,
        days: bool,
        rests: bool,
    ) -> Account:
        budget, window = self.budget, self.span
        group: Group = tuple(zip(budget.dimensions, values, strict=True))
        form = self._form(dict(group))
        figures = timeline.between(window.after, window.until)
        base = Figures()
        if isinstance(form, OfBaseline):
            base = timeline.between(window.after - form.over.micros, window.after)
        grant = self._granted(form, figures, base, Fraction(1))
        spent = figures.amount + (grant.amount or 0) * figures.instant
        verdict, reason = judge(budget, form, figures, grant, spent)
        if reason == NO_VALUE:
            reason = f"{NO_VALUE} {self._valueless(values)}"
        consumed = None if grant.amount is None else share_of(spent, figures.instant, grant.amount)
        rows = burn_alerts(window, budget.alerts)
        burns = _Burns(self, timeline, form, base, grant)
        workflow = self._workflow(dict(group))
        return Account(
            budget=self.name,
            kind=budget.family.value,
            group=group,
            window=str(budget.window),
            span=window,
            covered=self._covered(),
            unit=self._unit(workflow),
            eligible=figures.eligible,
            selected=figures.runs,
            unlabelled=figures.unlabelled,
            unmeasured=figures.unmeasured,
            spent=spent,
            allowed=grant.amount,
            instant=figures.instant,
            burn=burns.rates(rows),
            alerts=burns.alerts(rows) if verdict.judged else (),
            verdict=verdict,
            reason=reason,
            response=_response(budget, verdict, consumed),
            owner=workflow.owner if workflow else None,
            risk_tier=workflow.risk_tier if workflow else None,
            too_few=is_too_few(budget, form, figures),
            declared=self._is_declared(values),
            rate=is_rate(budget, form),
            proportion=is_rate(budget, form) and figures.spent == figures.hits * NANO,
            lines=lines_of(budget),
            breakdown=tuple(
                (column, self._slices(found, figures, spent, grant))
                for column, found in broken.items()
            ),
            days=self._days(timeline, grant) if days else (),
            rests=self._rests(timeline, grant) if rests and verdict.judged else (),
        )

    def _form(self, group: dict[str, str | None]) -> Plain | None:
        allow = self.budget.allow
        return allow.of(group.get("risk_tier")) if isinstance(allow, ByTier) else allow

    def _granted(
        self, form: Plain | None, figures: Figures, base: Figures, part: Fraction
    ) -> Grant:
        return granted(form, figures, base, part, self.budget.min_runs)

    def _valueless(self, values: tuple[str | None, ...]) -> str:
        """The workflows whose successes in a group's window have no declared value."""
        edges, window = self.ledger.edges, self.span
        low, high = bisect_left(edges, window.after), bisect_left(edges, window.until)
        rows = self.rows.filter(
            pl.col(BUCKET) > low, pl.col(BUCKET) <= high, pl.col("unvalued") > 0
        )
        for column, value in zip(self.budget.dimensions, values, strict=True):
            rows = rows.filter(pl.col(column).eq_missing(pl.lit(value, dtype=pl.String)))
        names = sorted(rows.get_column("workflow").unique().to_list(), key=_order)
        return ", ".join("(none)" if name is None else name for name in names[:3])

    def _covered(self) -> Fraction:
        first, window = self.ledger.intake.first, self.span
        whole = window.until - window.after
        if first is None or whole <= 0:
            return Fraction(0)
        return min(Fraction(1), max(Fraction(0), Fraction(window.until - first + 1, whole)))

    def _workflow(self, group: dict[str, str | None]) -> Workflow | None:
        name = group.get("workflow")
        if "workflow" not in group:
            named = [s.values for s in self.budget.for_ if s.column == "workflow"]
            name = named[0][0] if len(named) == 1 and len(named[0]) == 1 else None
        return self.policy.workflows.get(name) if name is not None else None

    def _unit(self, workflow: Workflow | None) -> str:
        if isinstance(self.budget.spend, SpendSum):
            expression = self.budget.spend.expression.strip()
            known = BY_NAME.get(expression)
            if known is not None:
                return known.unit or known.name
            return expression if len(expression) <= 24 else "units"
        return workflow.unit if workflow else "run"

    def _slices(
        self,
        found: dict[str | None, Timeline],
        whole: Figures,
        spent: Fraction,
        grant: Grant,
    ) -> tuple[Slice, ...]:
        allowed = grant.amount or Fraction(0)
        window = self.span
        slices = []
        for value, timeline in found.items():
            part = timeline.between(window.after, window.until)
            if not part.runs:
                continue
            own = part.amount + allowed * part.instant
            share = own / spent if spent else None
            if not allowed and whole.instant:
                share = Fraction(part.instant, whole.instant)
            rate = _rate(part)
            rest = _rate(whole - part)
            against = rate / rest if rate is not None and rest else None
            slices.append(Slice(value, part.eligible, own, share, part.instant, rate, against))
        slices.sort(key=lambda s: (-(s.share or 0), -(s.rate or 0), _order(s.value)))
        return tuple(slices)

    def _days(self, timeline: Timeline, grant: Grant) -> tuple[Day, ...]:
        window = self.span
        days = []
        before, allowed = window.after, grant.amount
        for end in day_ends(window, self.policy.timezone):
            day = timeline.between(before, end)
            total = timeline.between(window.after, end)
            gone = total.amount + (allowed or 0) * total.instant
            consumed = None if allowed is None else share_of(gone, total.instant, allowed)
            spent = day.amount + (allowed or 0) * day.instant
            days.append(Day(end, day.eligible, spent, None if consumed is None else 1 - consumed))
            before = end
        return tuple(days)

    def _rests(self, timeline: Timeline, grant: Grant) -> tuple[Rest, ...]:
        """How the spend leaves the window; a calendar window is left as a whole."""
        window = self.span
        end = Rest(window.after + window.length + 1, Fraction(0), 0)
        if window.calendar:
            return (end,)
        found = []
        for mark in marks(window, self.policy.timezone):
            left = timeline.between(mark, window.until)
            spent = left.amount + (grant.amount or 0) * left.instant
            found.append(Rest(mark + window.length, spent, left.instant))
        return (*found, Rest(window.until + window.length, Fraction(0), 0))


def _rate(figures: Figures) -> Fraction | None:
    return figures.amount / figures.eligible if figures.eligible else None


def is_rate(budget: Budget, form: Plain | None) -> bool:
    """Whether runs that spend are held against a share of the runs that earn."""
    return form is not None and depends_on_runs(form) and not isinstance(budget.spend, SpendSum)


def _order(value: str | None) -> tuple[bool, str]:
    return value is not None, value or ""


def _nano(value: Fraction) -> int:
    """Whole 1e-9; half away from zero."""
    scaled = abs(value) * NANO
    rounded = int(scaled + Fraction(1, 2))
    return rounded if value >= 0 else -rounded


class _Burns:
    """The burn rates of one account."""

    def __init__(
        self, book: _BudgetBook, timeline: Timeline, form: Plain | None, base: Figures, grant: Grant
    ) -> None:
        self.book, self.timeline, self.form, self.base = book, timeline, form, base
        self.allowance = grant.amount

    def _window(self, length: int) -> Figures:
        until = self.book.span.until
        return self.timeline.between(until - length, until)

    def _rate(self, length: int) -> tuple[Fraction | None, Fraction]:
        """The burn rate, or None where nothing would be allowed; and what was spent."""
        figures = self._window(length)
        part = Fraction(length, self.book.span.length)
        grant = self.book._granted(self.form, figures, self.base, part)
        spent = figures.amount + (self.allowance or 0) * figures.instant
        if grant.amount is None:
            return None, Fraction(0)
        return (spent / grant.amount if grant.amount else None), spent

    def rates(self, rows: Iterable[BurnAlert]) -> tuple[tuple[str, Fraction | None], ...]:
        """The burn of every window that the alert rows name."""
        found: dict[str, Fraction | None] = {}
        for row in rows:
            for window in (row.long, row.short):
                found[window.text] = self._rate(window.micros)[0]
        return tuple(found.items())

    def alerts(self, rows: Iterable[BurnAlert]) -> tuple[Alert, ...]:
        """The alert rows, each with whether it fires."""
        return tuple(Alert(row, self._fires(row)) for row in rows)

    def _fires(self, row: BurnAlert) -> bool:
        if self._window(row.short.micros).instant:
            return True
        long = self._window(row.long.micros)
        lonely = long.spenders < 2 and not long.instant
        if is_rate(self.book.budget, self.form) and lonely:
            return False
        return all(self._above(window.micros, row.factor) for window in (row.long, row.short))

    def _above(self, length: int, factor: Fraction) -> bool:
        rate, spent = self._rate(length)
        return spent > 0 if rate is None else rate > factor


def evaluate(
    policy: Policy,
    ledger: Ledger,
    *,
    by: Sequence[str] = (),
    days_of: Collection[str] = (),
    rests: bool = False,
) -> Statement:
    """The statement of a ledger: every account of the policy at the ledger's as_of.

    `by` adds breakdowns to the policy's own; `days_of` names the budgets whose burn-down is
    wanted, `rests` asks how the spend leaves the windows (the ledger must hold the edges).
    """
    signatures = Signatures(policy, ledger)
    accounts: list[Account] = []
    for name, budget in policy.budgets.items():
        book = _BudgetBook(policy, name, ledger, signatures)
        breakdowns = [
            column for column in dict.fromkeys((*budget.by, *by)) if column not in budget.dimensions
        ]
        accounts += book.accounts(breakdowns, days=name in days_of, rests=rests)
    unlabelled, infrastructure = signatures.totals()
    return Statement(
        as_of=ledger.as_of,
        newest=ledger.newest,
        before=ledger.before_windows,
        intake=ledger.intake,
        rejected_values=ledger.rejected_values(),
        unlabelled=unlabelled,
        infrastructure=infrastructure,
        accounts=tuple(accounts),
        trees=ledger.trees,
    )


__all__ = ["Figures", "Timeline", "Treatment", "evaluate", "granted", "judge", "window_edges"]
