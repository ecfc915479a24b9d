"""From a policy to the statements that make a ledger of canonical runs.

The ledger's key holds everything that any budget asks of a run: its values of the columns that
budgets select or group by, its outcome, the conditions it meets, and the stretch of time it lies
in. So all budgets share one grouping, and its cost hardly depends on their number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlglot import exp

from ebudget.extraction import bit_words, flaws_of, wanted_column
from ebudget.policy import Budget, Policy, SpendSum, SpendWhen
from ebudget.reading import FILE, FLAW_BITS, REJECT, ROW, SAID_BY, Canonical
from ebudget.rules import (
    Rule,
    call,
    cast,
    column,
    compile_amount,
    compile_condition,
    decimal,
    named,
    text,
    timestamp_literal,
)
from ebudget.windows import instant

RUNS, LOSERS = "runs", "duplicate_runs"
BUCKET, COUNT = "_bucket", "_runs"
MOST_BRANCHES = 250
"""Edges beyond which a run's bucket is looked up in a table: a tree of cases becomes slower."""
BEFORE_ALL = instant(datetime(1677, 12, 31, tzinfo=UTC))
"""Before any time that a log may hold."""


@dataclass(frozen=True)
class Predicate:
    """One condition that the ledger remembers of every run."""

    source: str
    """The condition's text."""
    unknown: bool
    """Whether it is met where the condition is null, instead of where it is true."""


@dataclass(frozen=True)
class Plan:
    """What a ledger has to hold for these budgets."""

    policy: Policy
    dimensions: tuple[str, ...]
    """The columns whose values are part of the key."""
    predicates: tuple[Predicate, ...]
    sums: tuple[str, ...]
    """The expressions that are summed, as texts."""
    canonical: Canonical
    thorough: bool = False
    """Whether to look for optional fields that are absent."""

    def predicate(self, source: str, *, unknown: bool = False) -> int:
        """The place of a condition among the predicates."""
        return self.predicates.index(Predicate(source, unknown))

    @property
    def flag_columns(self) -> tuple[str, ...]:
        """The columns that hold which predicates are met, as bits."""
        count = max(1, -(-len(self.predicates) // FLAW_BITS))
        return tuple(f"_flags_{index}" for index in range(count))

    @property
    def sum_columns(self) -> tuple[tuple[str, str], ...]:
        """For each sum, the columns with its total and with the number of runs that have none."""
        return tuple((f"_sum_{i}", f"_missing_{i}") for i in range(len(self.sums)))

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that part the ledger's rows."""
        return (
            *self.dimensions,
            "outcome",
            *self.flag_columns,
            *self.canonical.flaw_columns,
            BUCKET,
        )


def conditions_of(budget: Budget) -> list[Predicate]:
    """The conditions, beside the failure rules, that a budget asks of a run."""
    found: list[Predicate] = []
    if budget.earns not in ("all", "labelled", "success"):
        found.append(Predicate(budget.earns, unknown=False))
    if isinstance(budget.spend, SpendWhen):
        condition = budget.spend.condition
        found += [Predicate(condition, unknown=False), Predicate(condition, unknown=True)]
    return found


def make_plan(
    policy: Policy,
    by: Sequence[str] = (),
    *,
    unknowns: bool = False,
    beside: Sequence[Policy] = (),
) -> Plan:
    """What has to be read and remembered; `by` are breakdowns beside the policy's own.

    With `unknowns`, also where the conditions of failure rules are null, and which optional
    fields are absent. `beside` are policies that read the log as the first one does, and that
    the same ledger has to serve.
    """
    dimensions: set[str] = set(by)
    failures = [f for one in (policy, *beside) for f in one.failures.values()]
    predicates = [Predicate(failure.when, unknown=False) for failure in failures]
    if unknowns:
        predicates += [Predicate(failure.when, unknown=True) for failure in failures]
    sums: list[str] = []
    for budget in (budget for one in (policy, *beside) for budget in one.budgets.values()):
        dimensions.update(budget.dimensions, budget.by, (s.column for s in budget.for_))
        if budget.needs_value:
            dimensions.add("workflow")
        predicates += conditions_of(budget)
        if isinstance(budget.spend, SpendSum):
            sums.append(budget.spend.expression)
    dimensions.discard("outcome")
    predicates = list(dict.fromkeys(predicates))
    sums = list(dict.fromkeys(sums))
    needed = {"run_id", "start_time", "outcome", *dimensions}
    needed.update(*(_rule(policy, predicate.source).columns for predicate in predicates))
    needed.update(*(_amount(policy, source).columns for source in sums))
    if "risk_tier" in needed and any(w.risk_tier for w in policy.workflows.values()):
        needed.add("workflow")
    if "duration_ms" in needed and "duration_ms" not in policy.logs.fields:
        needed.add("end_time")
    order = [name for name in policy.columns if name in needed]
    wanted = tuple(wanted_column(policy, name) for name in order)
    return Plan(
        policy,
        tuple(name for name in policy.columns if name in dimensions),
        tuple(predicates),
        tuple(sums),
        Canonical(policy, wanted, flaws_of(wanted)),
        thorough=unknowns,
    )


def _rule(policy: Policy, source: str) -> Rule:
    return compile_condition(source, policy.columns, policy.timezone)


def _amount(policy: Policy, source: str) -> Rule:
    return compile_amount(source, policy.columns, policy.timezone)


def survey_statement(until: int) -> exp.Select:
    """One look at all readable records, duplicates among them.

    The totals, then how many have a run_id and how many hashes these have: where the two differ,
    some may be duplicates.
    """
    hashes = exp.Filter(  # the hash of null is a value too
        this=exp.Count(this=exp.Distinct(expressions=[call("hash", column("run_id"))])),
        expression=exp.Where(this=_present(column("run_id"))),
    )
    return (
        exp.select(*_totals(until), exp.Count(this=column("run_id")), hashes)
        .from_(RUNS)
        .where(_is_readable())
    )


def labels_statement() -> exp.Select:
    """Whether any readable record has anything to say of how it went, be it that it waits."""
    said = exp.select(exp.true()).from_(RUNS).where(_is_readable())
    return said.where(_present(column(SAID_BY))).limit(1)


def _is_readable() -> exp.Expr:
    return exp.Not(this=exp.Is(this=column("start_time"), expression=exp.Null()))


def losers_statement(renamed: Mapping[str, str]) -> exp.Select:
    """The records whose run_id a later one has: start_time, then path, then place decide.

    Candidates are found by hash; the texts decide. `renamed` gives the real paths of files that
    are read under another name.
    """
    path = column(FILE)
    if renamed:
        ifs = [exp.If(this=text(name), true=text(real)) for name, real in renamed.items()]
        path = exp.Case(this=column(FILE), ifs=ifs, default=column(FILE))
    hashed = call("hash", column("run_id"))
    readable = exp.and_(
        _is_readable(), exp.Not(this=exp.Is(this=column("run_id"), expression=exp.Null()))
    )
    candidates = (
        exp.select(hashed.copy())
        .from_(RUNS)
        .where(readable)
        .group_by(hashed.copy())
        .having(exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1)))
    )
    rank = exp.Window(
        this=exp.RowNumber(),
        partition_by=[column("run_id")],
        order=exp.Order(
            expressions=[
                exp.Ordered(this=tree, desc=True, nulls_first=False)
                for tree in (column("start_time"), path, column(ROW))
            ]
        ),
    )
    ranked = (
        exp.select(
            named(column(FILE), FILE),
            named(column(ROW), ROW),
            named(rank, "_rank"),
        )
        .from_(RUNS)
        .where(exp.and_(readable.copy(), exp.In(this=hashed.copy(), query=candidates.subquery())))
    )
    return (
        exp.select(column(FILE), column(ROW))
        .from_(ranked.subquery("ranked"))
        .where(exp.GT(this=column("_rank"), expression=exp.Literal.number(1)))
    )


def ties_statement(canonical: Canonical) -> exp.Select:
    """How often records of one file share run_id and start_time and differ in what they say."""
    said = [column(name) for name in canonical.names if name not in (FILE, ROW)]
    differing = exp.Count(this=exp.Distinct(expressions=[call("hash", *said)]))
    tied = (
        exp.select(exp.Literal.number(1))
        .from_(RUNS)
        .where(_is_readable())
        .where(_present(column("run_id")))
        .group_by(column("run_id"), column("start_time"), column(FILE))
        .having(exp.GT(this=differing, expression=exp.Literal.number(1)))
    )
    return exp.select(exp.Count(this=exp.Star())).from_(tied.subquery("tied"))


def _counted(select: exp.Select, *, duplicates: bool) -> exp.Select:
    """Only records with a time, and without the duplicates where there are any."""
    statement = select.from_(RUNS, copy=False).where(_is_readable(), copy=False)
    if not duplicates:
        return statement
    same = exp.and_(
        *(
            exp.EQ(
                this=exp.column(name, table=LOSERS, quoted=True),
                expression=exp.column(name, table=RUNS, quoted=True),
            )
            for name in (FILE, ROW)
        )
    )
    loser = exp.select(exp.Literal.number(1)).from_(LOSERS).where(same)
    return statement.where(exp.Not(this=exp.Exists(this=loser)), copy=False)


def _totals(until: int) -> list[exp.Expr]:
    """How many records, how many of them after `until`, the first and the last before."""
    late = exp.GT(this=column("start_time"), expression=timestamp_literal(until))

    def kept(function: exp.Expr, *, when: exp.Expr) -> exp.Expr:
        return exp.Filter(this=function, expression=exp.Where(this=when))

    early = exp.Not(this=late.copy())
    return [
        exp.Count(this=exp.Star()),
        kept(exp.Count(this=exp.Star()), when=late.copy()),
        call("epoch_us", kept(exp.Min(this=column("start_time")), when=early)),
        call("epoch_us", kept(exp.Max(this=column("start_time")), when=early.copy())),
    ]


def totals_statement(until: int) -> exp.Select:
    """The totals of the readable records that no later one replaces."""
    return _counted(exp.select(*_totals(until)), duplicates=True)


def rejects_statement() -> exp.Select:
    """How many records are rejected, by file and reason."""
    return (
        exp.select(column(FILE), column(REJECT), exp.Count(this=exp.Star()))
        .from_(RUNS)
        .where(exp.Is(this=column("start_time"), expression=exp.Null()))
        .group_by(column(FILE), column(REJECT))
    )


def _present(tree: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=tree, expression=exp.Null()))


def tally_statement(name: str, until: int, *, duplicates: bool) -> exp.Select:
    """How many counted runs have each value of a column, the most frequent first."""
    many = exp.Ordered(this=exp.Count(this=exp.Star()), desc=True, nulls_first=False)
    return (
        _counted(exp.select(column(name), exp.Count(this=exp.Star())), duplicates=duplicates)
        .where(exp.LTE(this=column("start_time"), expression=timestamp_literal(until)))
        .where(exp.Not(this=exp.Is(this=column(name), expression=exp.Null())))
        .group_by(column(name))
        .order_by(many, exp.Ordered(this=column(name), nulls_first=False))
        .limit(5)
    )


def bucket_tree(edges: Sequence[int]) -> exp.Expr:
    """The number of edges before a run's start_time, found by halving.

    A run at an edge belongs to the stretch that the edge ends.
    """

    def search(low: int, high: int) -> exp.Expr:
        if low == high:
            return exp.Literal.number(low)
        middle = (low + high) // 2
        after = exp.GT(this=column("start_time"), expression=timestamp_literal(edges[middle]))
        return exp.Case(
            ifs=[exp.If(this=after, true=search(middle + 1, high))], default=search(low, middle)
        )

    return cast(search(0, len(edges)), "INTEGER")


def _edge_table(edges: Sequence[int]) -> exp.Expr:
    """Every edge with the number of the bucket after it, and one before all runs."""
    instants = [timestamp_literal(edge) for edge in (BEFORE_ALL, *edges)]
    rows = [
        exp.Tuple(expressions=[at, exp.Literal.number(number)])
        for number, at in enumerate(instants)
    ]
    names = [exp.to_identifier(name, quoted=True) for name in ("_edge", BUCKET)]
    alias = exp.TableAlias(this=exp.to_identifier("edges", quoted=True), columns=names)
    return exp.Values(expressions=rows, alias=alias)


def ledger_statement(plan: Plan, edges: Sequence[int], *, duplicates: bool) -> exp.Select:
    """Counts and sums of the runs up to the last edge, by the ledger's key."""
    policy = plan.policy
    conditions: list[exp.Expr | None] = []
    for predicate in plan.predicates:
        tree = _rule(policy, predicate.source).tree.copy()
        conditions.append(exp.Is(this=tree, expression=exp.Null()) if predicate.unknown else tree)
    words = bit_words(conditions, FLAW_BITS)
    amounts = [_summed(_amount(policy, source)) for source in plan.sums]
    looked_up = len(edges) > MOST_BRANCHES
    runs = _counted(
        exp.select(
            *(_dimension(name) for name in plan.dimensions),
            column("outcome"),
            *(named(word, name) for word, name in zip(words, plan.flag_columns, strict=True)),
            *(column(name) for name in plan.canonical.flaw_columns),
            column(BUCKET) if looked_up else named(bucket_tree(edges), BUCKET),
            *(
                named(amount, total)
                for amount, (total, _) in zip(amounts, plan.sum_columns, strict=True)
            ),
        ),
        duplicates=duplicates,
    ).where(exp.LTE(this=column("start_time"), expression=timestamp_literal(edges[-1])), copy=False)
    if looked_up:
        after = exp.GT(this=column("start_time"), expression=column("_edge"))
        runs = runs.join(_edge_table(edges), on=after, join_type="ASOF")
    measures = [named(exp.Count(this=exp.Star()), COUNT)]
    for total, missing in plan.sum_columns:
        summed = call("coalesce", exp.Sum(this=column(total)), exp.Literal.number(0))
        none = exp.Sub(this=exp.Count(this=exp.Star()), expression=exp.Count(this=column(total)))
        measures.append(named(decimal(summed), total))
        measures.append(named(none, missing))
    return (
        exp.select(*(column(name) for name in plan.key), *measures)
        .from_(runs.subquery("classified", copy=False), copy=False)
        .group_by(*(column(name) for name in plan.key), copy=False)
    )


def _dimension(name: str) -> exp.Expr:
    return named(cast(column(name), "VARCHAR"), name)


def _summed(rule: Rule) -> exp.Expr:
    """What one run spends: 9 decimals, or null where it is unknown or beyond all measure."""
    value = decimal(rule.tree.copy())
    limit = exp.Literal.number(10**18)
    low = exp.Neg(this=limit.copy())
    inside = exp.Between(this=value.copy(), low=low, high=limit)
    return exp.Case(ifs=[exp.If(this=inside, true=value)])
