"""The ledger: exact counts and sums of runs by what budgets ask of them. Mergeable, and pure.

Everything after reading is arithmetic over this one frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add

import polars as pl

from ebudget import sql
from ebudget.ledger.plan import BUCKET, COUNT, Plan
from ebudget.logs.intake import Intake
from ebudget.logs.runs import flag


@dataclass(frozen=True)
class Ledger:
    """Counts and sums of disjoint runs, by the plan's key."""

    plan: Plan
    as_of: int
    """The newest instant that counts, in microseconds since 1970."""
    newest: bool
    """Whether as_of is the newest run, not an instant that was asked for."""
    edges: tuple[int, ...]
    """Bucket k holds the runs after edge k-1, up to and with edge k."""
    frame: pl.DataFrame = field(repr=False)
    intake: Intake
    trees: tuple[sql.Tree, ...] = field(default=(), repr=False)
    """The statements that made the figures, as syntax trees."""
    scale: int = 1
    """Counts and sums are in parts of a run: so many make one. Above 1 in what-ifs only."""

    @property
    def statements(self) -> tuple[str, ...]:
        """The SQL that made the figures; written out only here, for that takes long."""
        return sql.printed(self.trees)

    def __add__(self, other: Ledger) -> Ledger:
        """The ledger of the runs of both. Raises ValueError for ledgers of different questions."""
        return added([self, other])

    @property
    def question(self) -> tuple[object, ...]:
        """What ledgers share that can be added."""
        plan = self.plan
        asked = (plan.key, plan.predicates, plan.sums, plan.numbers, plan.wants)
        return (*asked, plan.canonical.flaws, self.edges, self.as_of, self.scale)

    def count(self, rows: pl.Expr) -> int:
        """The runs of some rows."""
        return int(self.frame.filter(rows).get_column(COUNT).sum())

    def meets(self, place: int) -> pl.Expr:
        """Whether a row's runs meet the predicate that the plan has at a place."""
        column, bit = self.plan.flag(place)
        return pl.col(column) & bit != 0

    @property
    def before_windows(self) -> int:
        """Counted runs that are older than every window."""
        return self.count(pl.col(BUCKET) == 0)

    def rejected_values(self) -> tuple[tuple[str, int], ...]:
        """Values that could not be read, as `column: reason` with the number of counted runs."""
        found: Counter[str] = Counter()
        for place, flaw in enumerate(self.plan.canonical.flaws):
            column, bit = flag(self.plan.canonical.flaw_columns, place)
            if count := self.count(pl.col(column) & bit != 0):
                found[f"{flaw.column}: {flaw.reason}"] += count
        return tuple(sorted(found.items()))


def frame_of(plan: Plan, frame: pl.DataFrame) -> pl.DataFrame:
    """A frame as DuckDB hands it over, with the ledger's types: sums as whole nano-units."""
    totals = [name for columns in plan.sum_columns for name in (columns.total, columns.negative)]
    counts = [COUNT, *(columns.measured for columns in plan.sum_columns)]
    return frame.with_columns(
        *(pl.col(name).to_physical().cast(pl.Int128) for name in totals),
        *(pl.col(name).cast(pl.Int64) for name in counts),
        *(pl.col(name).cast(pl.String) for name in (*plan.dimensions, "outcome")),
    )


def added(ledgers: Sequence[Ledger]) -> Ledger:
    """The ledger of the runs of all. Raises ValueError for ledgers of different questions."""
    first, *others = ledgers
    if not others:
        return first
    if any(
        other.question != first.question or first.plan.reads_otherwise(other.plan.policy)
        for other in others
    ):
        raise ValueError("these ledgers answer different questions and cannot be added")
    sums = [name for columns in first.plan.sum_columns for name in columns]
    frame = (
        pl.concat([ledger.frame for ledger in ledgers])
        .group_by(first.plan.key)
        .agg(pl.col(name).sum() for name in (COUNT, *sums))
    )
    trees = dict.fromkeys(tree for ledger in ledgers for tree in ledger.trees)
    newest = all(ledger.newest for ledger in ledgers)
    intake = reduce(add, (ledger.intake for ledger in ledgers))
    return replace(first, frame=frame, newest=newest, intake=intake, trees=tuple(trees))
