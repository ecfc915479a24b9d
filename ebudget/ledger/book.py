"""The books of a ledger: which of its rows each budget selects, and what they amount to."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from datetime import timedelta
from fractions import Fraction
from functools import cached_property
from zoneinfo import ZoneInfo

import polars as pl

from ebudget.columns import NUMBERS
from ebudget.figures import MEASURES, NOT_MADE_FOR, Facts, Timeline, Totals, Values, by_value
from ebudget.instants import midnight, moment
from ebudget.ledger.ledger import Ledger
from ebudget.ledger.plan import BUCKET, COUNT, amount_of, number_of, reads_outcome
from ebudget.ledger.signatures import Signatures
from ebudget.policy.model import Budget, Policy, Workflow
from ebudget.policy.spends import can_be_missed
from ebudget.policy.units import unit_of
from ebudget.quantities import NANO, Unit

_TREATMENT, _VALUE = "_treatment", "_value"


class Book:
    """The runs of one budget, grouped into timelines on request."""

    def __init__(
        self,
        policy: Policy,
        name: str,
        ledger: Ledger,
        signatures: Signatures,
        *,
        valued: bool = False,
    ) -> None:
        """`valued` adds what successes are worth also where no allowance depends on it."""
        self._valued = valued or policy.budgets[name].needs_value
        self.policy = policy
        self.name = name
        self.budget = policy.budgets[name]
        self.ledger = ledger
        self._check_columns((*self.budget.dimensions, *(s.column for s in self.budget.for_)))
        self._rows = self._selected(signatures)
        self._timelines: dict[tuple[str, ...], dict[Values, Timeline]] = {}
        self._units: dict[str | None, Unit] = {}

    def serves(self, policy: Policy) -> bool:
        """Whether the budget counts the same runs in the same way under another policy."""
        mine, other = self.budget, policy.budgets[self.name]
        same_rules = all(
            getattr(self.policy, name) == getattr(policy, name)
            for name in ("failures", "workflows", "unclassified")
        )
        same_rules = same_rules and self.policy.logs.no_outcome == policy.logs.no_outcome
        return same_rules and all(
            getattr(mine, name) == getattr(other, name)
            for name in ("for_", "dimensions", "earns", "spend", "needs_value")
        )

    def under(self, policy: Policy) -> Book:
        """The same runs under a policy that the book serves."""
        other = copy(self)
        other.policy, other.budget = policy, policy.budgets[self.name]
        return other

    def _check_columns(self, names: Iterable[str]) -> None:
        """Raises ValueError for a column by which the ledger tells nothing apart."""
        known = {*self.ledger.plan.dimensions, "outcome"}
        for name in names:
            if name not in known:
                raise ValueError(f"{NOT_MADE_FOR} the column {name}")

    def _selected(self, signatures: Signatures) -> pl.DataFrame:
        """The rows that the budget selects, each with the number of how it treats their runs."""
        treated = pl.DataFrame(signatures.treated(self.budget))
        self._treatments = treated.unique().with_row_index(_TREATMENT)
        numbers = treated.join(
            self._treatments, on=treated.columns, how="left", maintain_order="left"
        ).get_column(_TREATMENT)
        frame = selected_rows(self.policy, self.budget, signatures.frame)
        at = frame.get_column(signatures.INDEX)
        return frame.select(pl.exclude(signatures.INDEX), numbers.gather(at))

    @cached_property
    def _sums(self) -> dict[str, pl.Expr]:
        """What the ledger has summed for the budget, by the figures that it gives."""
        amount = self.budget.spend.amount
        if amount is None:
            return {}
        names = self.ledger.plan.sum_of(amount_of(self.policy, self.budget, amount))
        found = {"spent": names.total, "negative": names.negative}
        found |= dict.fromkeys(("measured", "spenders"), names.measured)
        return {figure: pl.col(name).sum().alias(f"_{figure}") for figure, name in found.items()}

    @cached_property
    def _worth(self) -> pl.DataFrame:
        """The declared value of a success of each workflow, in 1e-9 US dollars."""
        worth = {
            n: w.value_usd for n, w in self.policy.workflows.items() if w.value_usd is not None
        }
        schema = {"workflow": pl.String, _VALUE: pl.Int128}
        return pl.DataFrame(
            {"workflow": [*worth], _VALUE: [_nano(v) for v in worth.values()]}, schema
        )

    def _figures(self, columns: Sequence[str]) -> pl.LazyFrame:
        """The figures of the runs that share values of these columns, and how they are treated."""
        key = dict.fromkeys((*columns, *(["workflow"] if self._valued else []), _TREATMENT))
        runs = pl.col(COUNT).sum()
        rows = self._rows.lazy().group_by(*key).agg(runs, *self._sums.values())
        rows = rows.join(self._treatments.lazy(), on=_TREATMENT)
        told = {name for name in self._treatments.columns if name in MEASURES} - {*self._sums}
        value = unvalued = hoped = unhoped = pl.lit(0, dtype=pl.Int128)
        if self._valued:
            rows = rows.join(self._worth.lazy(), on="workflow", how="left", nulls_equal=True)
            worth, nothing = pl.col(_VALUE).fill_null(0), pl.col(_VALUE).is_null()
            good, open_ = (pl.col(COUNT) * pl.col(name) for name in ("success", "unlabelled"))
            value, unvalued = good.cast(pl.Int128) * worth, good * nothing
            hoped, unhoped = open_.cast(pl.Int128) * worth, open_ * nothing
        figures = {
            "spent": pl.col(COUNT).cast(pl.Int128) * pl.col("weight"),
            "negative": pl.lit(0, dtype=pl.Int128),
            **{name: pl.col(f"_{name}") for name in self._sums},
            **{name: pl.col(COUNT) * pl.col(name) for name in told},
            "runs": pl.col(COUNT),
            "value": value,
            "unvalued": unvalued,
            "hoped": hoped,
            "unhoped": unhoped,
        }
        return rows.select(*columns, *(one.alias(name) for name, one in figures.items()))

    def timelines(self, columns: Sequence[str]) -> dict[Values, Timeline]:
        """The figures over time of every group of values of some columns."""
        wanted = tuple(columns)
        if wanted not in self._timelines:
            self._check_columns(wanted)
            self._timelines[wanted] = self._grouped(wanted)
        return self._timelines[wanted]

    def _grouped(self, columns: tuple[str, ...]) -> dict[Values, Timeline]:
        figures = self._figures((*columns, BUCKET))
        grouped = figures.group_by(*columns, BUCKET).agg(pl.col(MEASURES).sum()).sort(BUCKET)
        totals = pl.col(MEASURES).cum_sum()
        grouped = grouped.with_columns(totals.over(columns) if columns else totals)
        found: dict[Values, Timeline] = {}
        width = len(columns)
        for row in grouped.collect().iter_rows():
            timeline = found.get(row[:width])
            if timeline is None:
                timeline = Timeline(self.ledger.edges, self.ledger.scale)
                found[row[:width]] = timeline
            timeline.append(row[width], row[width + 1 :])
        return found

    @cached_property
    def facts(self) -> Facts:
        """What the budget's accounts have to know of the whole log."""
        policy, budget, intake = self.policy, self.budget, self.ledger.intake
        rules = budget.spend.rules(policy.failures)
        missed = can_be_missed(budget.spend, policy.failures, policy.unclassified)
        return Facts(
            only_failures=policy.logs.no_outcome is None and not intake.good,
            is_silent=not intake.said,
            max_unknown=policy.logs.max_unknown,
            has_rules=bool(rules),
            rules=rules if missed else (),
            reads_outcome=reads_outcome(policy, budget),
            first=intake.first,
            ends=_day_after(intake.last, policy.timezone),
        )

    def unit(self, workflow: Workflow | None) -> Unit:
        """What the budget spends, for the runs of a workflow."""
        name = workflow.unit if workflow else None
        if name not in self._units:
            self._units[name] = unit_of(self.policy, self.budget, workflow)
        return self._units[name]

    def valueless(self, values: Values, after: int, until: int) -> list[str | None]:
        """The workflows with successes without a declared value, in a group between two edges."""
        low, high = (bisect_left(self.ledger.edges, edge) for edge in (after, until))
        columns = dict.fromkeys((*self.budget.dimensions, "workflow", BUCKET))
        rows = self._figures(tuple(columns)).filter(
            pl.col(BUCKET) > low, pl.col(BUCKET) <= high, pl.col("unvalued") > 0
        )
        for column, value in zip(self.budget.dimensions, values, strict=True):
            rows = rows.filter(pl.col(column).eq_missing(pl.lit(value, dtype=pl.String)))
        names = rows.select(pl.col("workflow").unique()).collect().to_series().to_list()
        return sorted(names, key=lambda name: by_value([name]))


def _day_after(last: int | None, zone: ZoneInfo) -> int | None:
    """The first instant after the local day of an instant."""
    if last is None:
        return None
    return midnight(moment(last).astimezone(zone).date() + timedelta(days=1), zone)


class Books:
    """The books of every budget of a policy over one ledger, in its order."""

    def __init__(self, policy: Policy, ledger: Ledger) -> None:
        self.policy, self.wants = policy, ledger.plan.wants
        self.as_of, self.newest, self.intake = ledger.as_of, ledger.newest, ledger.intake
        if (other := ledger.plan.reads_otherwise(policy)) is not None:
            raise ValueError(f"{NOT_MADE_FOR} this {other}")
        self._ledger, self._signatures = ledger, Signatures(policy, ledger)
        self._books = [Book(policy, name, ledger, self._signatures) for name in policy.budgets]

    def __iter__(self) -> Iterator[Book]:
        return iter(self._books)

    @cached_property
    def totals(self) -> Totals:
        """What the counted runs are, whatever budgets make of them."""
        return Totals(
            unlabelled=self._signatures.counted("unlabelled"),
            infrastructure=self._signatures.counted("outage"),
            no_outcome=self._signatures.counted("assumed"),
            unselected=unselected(self.policy, self._signatures.frame),
            before=self._ledger.before_windows,
            rejected_values=self._ledger.rejected_values(),
        )


def selected_rows(policy: Policy, budget: Budget, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of a ledger's frame that a budget's `for` admits."""
    return frame.filter(is_selected(policy, budget, frame)) if budget.for_ else frame


def is_selected(policy: Policy, budget: Budget, frame: pl.DataFrame) -> pl.Expr:
    """Whether `for` admits a row; the frame tells which values there are."""
    found = pl.lit(value=True)
    for selector in budget.for_:
        values = frame.get_column(selector.column).unique().to_list()
        if policy.columns[selector.column] in NUMBERS:
            admitted = [v for v in values if selector.admits_number(number_of(v))]
        else:
            admitted = [value for value in values if selector.admits(value)]
        wanted = pl.Series(selector.column, admitted, dtype=pl.String)
        found = found & pl.col(selector.column).is_in(wanted.implode(), nulls_equal=True)
    return found


def unselected(policy: Policy, frame: pl.DataFrame) -> int:
    """How many runs of a ledger's frame no budget selects."""
    if not all(budget.for_ for budget in policy.budgets.values()):
        return 0
    covered = pl.any_horizontal([is_selected(policy, b, frame) for b in policy.budgets.values()])
    return int(frame.filter(~covered).get_column(COUNT).sum())


def _nano(value: Fraction) -> int:
    """Whole 1e-9; half away from zero."""
    scaled = abs(value) * NANO
    rounded = int(scaled + Fraction(1, 2))
    return rounded if value >= 0 else -rounded
