"""From a policy to the statements that make a ledger of canonical runs.

The ledger's key holds everything that any budget asks of a run: its values of the columns that
budgets select or group by, its outcome, the conditions it meets, and the stretch of time it lies
in. So all budgets share one grouping, and its cost hardly depends on their number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from sqlglot import exp

from ebudget.columns import NUMBERS
from ebudget.instants import instant
from ebudget.logs.runs import (
    FILE,
    FLAW_BITS,
    REJECT,
    ROW,
    RUNS,
    SILENT,
    WORD,
    Canonical,
)
from ebudget.logs.values.columns import bit_words, flaws_of, wanted_column
from ebudget.policy.checks import DAY_OF_RUN
from ebudget.policy.model import Budget, Policy
from ebudget.policy.rules import Rule, compile_amount, compile_condition
from ebudget.policy.spends import spends_unnamed
from ebudget.quantities import DAY, NANO
from ebudget.sql.trees import (
    call,
    cast,
    column,
    decimal,
    missing,
    named,
    present,
    text,
    timestamp_literal,
)
from ebudget.sql.zones import local_of

LOSERS = "duplicate_runs"
BUCKET, COUNT = "_bucket", "_runs"
MOST_BRANCHES = 250
"""Edges beyond which a run's bucket is looked up in a table: a tree of cases becomes slower."""
BEFORE_ALL = instant(datetime(1677, 12, 31, tzinfo=UTC))
"""Before any time that a log may hold."""


class Asks(Enum):
    """What the ledger remembers of a condition."""

    HOLDS = "holds"
    UNKNOWN = "is unknown"
    MEASURED = "is known, and a column that it reads has a value"
    VOICED = "one of these columns has a value"


@dataclass(frozen=True)
class Predicate:
    """One thing that the ledger remembers of every run."""

    source: str
    """The condition's text."""
    asks: Asks = Asks.HOLDS
    over: tuple[str, ...] = ()
    """For `MEASURED`, the columns of which one must have a value."""
    assuming: tuple[str, ...] | None = None
    """The failure rules of a policy by which a run without an outcome is a success if it matches
    none; None where the condition reads no outcome, or the policy assumes nothing."""


SAYS_NOTHING = Predicate("nothing says how it went")
UNKNOWN_OUTCOME = Predicate("its outcome is a word that nobody knows")
ALWAYS = (SAYS_NOTHING, UNKNOWN_OUTCOME)
"""What the ledger remembers of every run, whatever the policy asks."""


@dataclass(frozen=True)
class Amount:
    """One expression that is summed."""

    source: str
    over: tuple[str, ...]
    """The columns of which one must have a value for a run to be measured."""
    assuming: tuple[str, ...] | None = None


class SumColumns(NamedTuple):
    """The columns of a ledger that hold one sum."""

    total: str
    measured: str
    """How many runs are measured."""
    negative: str
    """The sum of the amounts below zero."""


@dataclass(frozen=True)
class Plan:
    """What a ledger has to hold for these budgets."""

    policy: Policy
    dimensions: tuple[str, ...]
    """The columns whose values are part of the key."""
    predicates: tuple[Predicate, ...]
    sums: tuple[Amount, ...]
    canonical: Canonical
    numbers: Mapping[str, tuple[Fraction, ...]] = field(default_factory=dict)
    """Of the dimensions that hold numbers, the ones that are told apart."""
    thorough: bool = False
    """Whether to look for optional fields that are absent."""

    @cached_property
    def _places(self) -> dict[Predicate, int]:
        return {predicate: place for place, predicate in enumerate(self.predicates)}

    def place(self, predicate: Predicate) -> int:
        """The place of a predicate among those that the ledger remembers."""
        return self._places[predicate]

    def rule(self, source: str, asks: Asks = Asks.HOLDS) -> int:
        """The place of a failure rule's condition."""
        return self._places[Predicate(source, asks)]

    def sum_of(self, amount: Amount) -> SumColumns:
        """The columns that hold a sum."""
        return self.sum_columns[self.sums.index(amount)]

    @property
    def flag_columns(self) -> tuple[str, ...]:
        """The columns that hold which predicates are met, as bits."""
        count = max(1, -(-len(self.predicates) // FLAW_BITS))
        return tuple(f"_flags_{index}" for index in range(count))

    @property
    def sum_columns(self) -> tuple[SumColumns, ...]:
        """For each sum, the columns that hold it."""
        return tuple(
            SumColumns(f"_sum_{i}", f"_measured_{i}", f"_negative_{i}")
            for i in range(len(self.sums))
        )

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


def assumed(policy: Policy, rule: Rule) -> tuple[str, ...] | None:
    """The failure rules that a condition of a budget depends on, because it reads the outcome and
    a run that says nothing is a success unless one of them matches.
    """
    if policy.logs.no_outcome is None or "outcome" not in rule.columns:
        return None
    return tuple(failure.when for failure in policy.failures.values())


def measured_over(budget: Budget, rule: Rule) -> tuple[str, ...]:
    """The columns of which one must have a value for a condition or a sum to be measured.

    A run is always known by its id, its time, and what the budget selects and groups by, so these
    count only where nothing else is read.
    """
    return _telling(budget, rule.columns)


def _telling(budget: Budget, columns: frozenset[str]) -> tuple[str, ...]:
    known = {"run_id", "start_time", *budget.dimensions, *(s.column for s in budget.for_)}
    return tuple(sorted(columns - known or columns))


def condition_of(policy: Policy, source: str) -> Predicate:
    """A condition as a budget asks it of a run."""
    return Predicate(source, assuming=assumed(policy, _rule(policy, source)))


def measured_of(policy: Policy, budget: Budget, source: str) -> Predicate:
    """Whether a run is measured for a budget that counts where a condition holds."""
    rule = _rule(policy, source)
    return Predicate(source, Asks.MEASURED, measured_over(budget, rule), assumed(policy, rule))


def voiced_of(policy: Policy, budget: Budget) -> Predicate:
    """Whether a run has anything to say to the failure rules that can spend a budget."""
    rules = [_rule(policy, when) for when in spending_rules(policy, budget).values()]
    columns = frozenset[str]().union(*(rule.columns for rule in rules))
    over = _telling(budget, columns)
    return Predicate(", ".join(over), Asks.VOICED, over)


def amount_of(policy: Policy, budget: Budget, source: str) -> Amount:
    """An expression as a budget sums it."""
    rule = _amount(policy, source)
    return Amount(source, measured_over(budget, rule), assumed(policy, rule))


def spending_rules(policy: Policy, budget: Budget) -> dict[str, str]:
    """The failure rules that can spend a budget: their names and conditions."""
    return {n: policy.failures[n].when for n in budget.spend.rules(policy.failures)}


def reads_outcome(policy: Policy, budget: Budget) -> bool:
    """Whether the outcome that a log says has a part in what a budget counts, sums or earns by."""
    spend = budget.spend
    if spends_unnamed(spend, policy.unclassified):
        return True
    rules = [_rule(policy, spend.condition)] if spend.condition is not None else []
    if spend.amount is not None:
        rules.append(_amount(policy, spend.amount))
    if budget.earns not in ("all", "labelled", "success"):
        rules.append(_rule(policy, budget.earns))
    rules += [_rule(policy, when) for when in spending_rules(policy, budget).values()]
    return any("outcome" in rule.columns for rule in rules)


def _predicates_of(policy: Policy, budget: Budget) -> list[Predicate]:
    """What a budget asks of a run, beside the failure rules."""
    found: list[Predicate] = []
    if budget.earns not in ("all", "labelled", "success"):
        found.append(condition_of(policy, budget.earns))
    condition = budget.spend.condition
    if condition is not None:
        found += [condition_of(policy, condition), measured_of(policy, budget, condition)]
    rules = spending_rules(policy, budget).values()
    found += [Predicate(when, Asks.UNKNOWN) for when in rules]
    if rules:
        found.append(voiced_of(policy, budget))
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
    failures = [f.when for one in (policy, *beside) for f in one.failures.values()]
    failures = list(dict.fromkeys(failures))
    predicates = [SAYS_NOTHING, UNKNOWN_OUTCOME, *(Predicate(when) for when in failures)]
    if unknowns:
        predicates += [Predicate(when, Asks.UNKNOWN) for when in failures]
    sums: list[Amount] = []
    for one in (policy, *beside):
        for budget in one.budgets.values():
            dimensions.update(budget.dimensions, budget.by, (s.column for s in budget.for_))
            if budget.needs_value:
                dimensions.add("workflow")
            predicates += _predicates_of(one, budget)
            if budget.spend.amount is not None:
                sums.append(amount_of(one, budget, budget.spend.amount))
    dimensions.discard("outcome")
    predicates = list(dict.fromkeys(predicates))
    sums = list(dict.fromkeys(sums))
    needed = {"run_id", "start_time", "outcome", *dimensions}
    needed.update(name for name in policy.logs.key if name in policy.columns)
    told = [p for p in predicates if p not in ALWAYS and p.asks is not Asks.VOICED]
    rules = [_rule(policy, predicate.source) for predicate in told]
    rules += [_rule(policy, when) for when in policy.logs.conditions.values()]
    rules += [_amount(policy, amount.source) for amount in sums]
    needed.update(*(rule.columns for rule in rules))
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
        _numbers(policy, (policy, *beside)),
        thorough=unknowns,
    )


def _numbers(policy: Policy, all_: Sequence[Policy]) -> dict[str, tuple[Fraction, ...]]:
    """The numbers that budgets select by, column by column."""
    found: dict[str, set[Fraction]] = {}
    for selector in (s for one in all_ for budget in one.budgets.values() for s in budget.for_):
        if policy.columns[selector.column] in NUMBERS:
            found.setdefault(selector.column, set()).update(selector.numbers)
    return {name: tuple(sorted(numbers)) for name, numbers in found.items()}


def _rule(policy: Policy, source: str) -> Rule:
    return compile_condition(source, policy.columns, policy.timezone)


def _amount(policy: Policy, source: str) -> Rule:
    return compile_amount(source, policy.columns, policy.timezone)


def _key_trees(policy: Policy) -> list[exp.Expr]:
    """What a run is known by: the values that records of one run share."""
    zone = policy.timezone.key

    def tree(name: str) -> exp.Expr:
        if name != DAY_OF_RUN:
            return column(name)
        return cast(local_of(column("start_time"), zone), "DATE")

    return [tree(name) for name in policy.logs.key]


def _has_key(policy: Policy) -> exp.Expr:
    """Whether a record may be a duplicate at all: one without an id never is."""
    names = [name for name in policy.logs.key if name not in ("workflow", DAY_OF_RUN)]
    if "run_id" in names:  # an empty one is none
        blank = exp.EQ(this=call("trim", column("run_id")), expression=text(""))
        return exp.and_(present(column("run_id")), exp.Not(this=blank))
    named_ = names or [name for name in policy.logs.key if name != DAY_OF_RUN]
    return exp.or_(*(present(column(name)) for name in named_))


def survey_statement(policy: Policy, until: int) -> exp.Select:
    """One look at all readable records, duplicates among them.

    The totals, then how many have a key and how many hashes these have: where the two differ,
    some may be duplicates.
    """

    def keyed(function: exp.Expr) -> exp.Expr:  # the hash of null is a value too
        return exp.Filter(this=function, expression=exp.Where(this=_has_key(policy)))

    hashes = exp.Count(this=exp.Distinct(expressions=[call("hash", *_key_trees(policy))]))
    return (
        exp.select(*_totals(until), keyed(exp.Count(this=exp.Star())), keyed(hashes))
        .from_(RUNS)
        .where(_is_readable())
    )


def judged_statement() -> exp.Select:
    """Whether any readable record says that it went well, or that a person took over."""
    good = exp.In(this=column("outcome"), expressions=[text("success"), text("escalated")])
    return exp.select(exp.true()).from_(RUNS).where(_is_readable()).where(good).limit(1)


def _is_readable() -> exp.Expr:
    return present(column("start_time"))


def files_statement(paths: Sequence[str]) -> exp.Expr:
    """The files by the names under which they are read, with their place in the order."""
    rows = [
        exp.Tuple(expressions=[text(path), exp.Literal.number(place)])
        for place, path in enumerate(paths)
    ]
    names = [exp.to_identifier(name, quoted=True) for name in (FILE, _PLACE)]
    alias = exp.TableAlias(this=exp.to_identifier(FILES, quoted=True), columns=names)
    return exp.Values(expressions=rows, alias=alias)


FILES, _PLACE = "files", "_place"


def losers_statement(policy: Policy, paths: Sequence[str]) -> exp.Select:
    """The records that a later one of the same key replaces: start_time, then path, then place
    decide. With each, whether it begins more than a day from that one, or says another outcome.

    Candidates are found by hash; the values decide. `paths` are the names under which the files
    are read, in the order of their real paths.
    """
    keys = _key_trees(policy)
    readable = exp.and_(_is_readable(), _has_key(policy))
    candidates = (
        exp.select(call("hash", *keys))
        .from_(RUNS)
        .where(readable)
        .group_by(call("hash", *(key.copy() for key in keys)))
        .having(exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1)))
    )
    order = exp.Order(
        expressions=[
            exp.Ordered(this=tree, desc=True, nulls_first=False)
            for tree in (column("start_time"), column(_PLACE), column(ROW))
        ]
    )

    def over(function: exp.Expr) -> exp.Expr:
        partition = [column(f"_key_{index}") for index in range(len(keys))]
        return exp.Window(this=function, partition_by=partition, order=order.copy())

    same = exp.EQ(
        this=exp.column(FILE, table=RUNS, quoted=True),
        expression=exp.column(FILE, table=FILES, quoted=True),
    )
    found = (
        exp.select(
            *(named(key.copy(), f"_key_{index}") for index, key in enumerate(keys)),
            named(exp.column(FILE, table=RUNS, quoted=True), FILE),
            *(column(name) for name in (_PLACE, ROW, "start_time", "outcome")),
        )
        .from_(RUNS)
        .join(files_statement(paths), on=same)
        .where(
            exp.and_(
                readable.copy(),
                exp.In(
                    this=call("hash", *(key.copy() for key in keys)), query=candidates.subquery()
                ),
            )
        )
    )
    ranked = exp.select(
        *(column(name) for name in (FILE, ROW, "start_time", "outcome")),
        named(over(exp.RowNumber()), "_rank"),
        named(over(exp.FirstValue(this=column("start_time"))), "_start"),
        named(over(exp.FirstValue(this=column("outcome"))), "_outcome"),
    ).from_(found.subquery("found"))
    days = exp.Sub(
        this=call("epoch_us", column("_start")), expression=call("epoch_us", column("start_time"))
    )
    apart = exp.or_(
        exp.GT(this=days, expression=exp.Literal.number(DAY)),
        exp.NullSafeNEQ(this=column("_outcome"), expression=column("outcome")),
    )
    return (
        exp.select(column(FILE), column(ROW), named(apart, APART))
        .from_(ranked.subquery("ranked"))
        .where(exp.GT(this=column("_rank"), expression=exp.Literal.number(1)))
    )


APART = "_apart"


def losers_count_statement() -> exp.Select:
    """How many duplicates there are, and how many of them differ so much that they may be runs."""
    apart = exp.Filter(this=exp.Count(this=exp.Star()), expression=exp.Where(this=column(APART)))
    return exp.select(exp.Count(this=exp.Star()), apart).from_(LOSERS)


def ties_statement(policy: Policy, canonical: Canonical) -> exp.Select:
    """How often records of one file share their key and start_time and differ in what they say."""
    said = [column(name) for name in canonical.names if name not in (FILE, ROW)]
    differing = exp.Count(this=exp.Distinct(expressions=[call("hash", *said)]))
    tied = (
        exp.select(exp.Literal.number(1))
        .from_(RUNS)
        .where(_is_readable())
        .where(_has_key(policy))
        .group_by(*_key_trees(policy), column("start_time"), column(FILE))
        .having(exp.GT(this=differing, expression=exp.Literal.number(1)))
    )
    return exp.select(exp.Count(this=exp.Star())).from_(tied.subquery("tied"))


def leads_statement(clock: int, most: int, *, duplicates: bool) -> exp.Select:
    """The starts of the records after an instant, the latest first."""
    late = exp.GT(this=column("start_time"), expression=timestamp_literal(clock))
    start = call("epoch_us", column("start_time"))
    return (
        _counted(exp.select(start), duplicates=duplicates)
        .where(late)
        .order_by(exp.Ordered(this=start.copy(), desc=True, nulls_first=False))
        .limit(most)
    )


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


def sizes_statement() -> exp.Select:
    """How many records each file holds."""
    counted = exp.select(column(FILE), exp.Count(this=exp.Star())).from_(RUNS)
    return counted.group_by(column(FILE))


def rejects_statement() -> exp.Select:
    """How many records are rejected, by file and reason."""
    return (
        exp.select(column(FILE), column(REJECT), exp.Count(this=exp.Star()))
        .from_(RUNS)
        .where(missing(column("start_time")))
        .group_by(column(FILE), column(REJECT))
    )


def tally_statement(name: str, until: int, *, duplicates: bool) -> exp.Select:
    """How many counted runs have each value of a column, the most frequent first."""
    many = exp.Ordered(this=exp.Count(this=exp.Star()), desc=True, nulls_first=False)
    return (
        _counted(exp.select(column(name), exp.Count(this=exp.Star())), duplicates=duplicates)
        .where(exp.LTE(this=column("start_time"), expression=timestamp_literal(until)))
        .where(present(column(name)))
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
    words = bit_words([_asked(plan, predicate) for predicate in plan.predicates], FLAW_BITS)
    amounts = [_summed(plan, amount) for amount in plan.sums]
    looked_up = len(edges) > MOST_BRANCHES
    runs = _counted(
        exp.select(
            *(_dimension(plan, name) for name in plan.dimensions),
            column("outcome"),
            *(named(word, name) for word, name in zip(words, plan.flag_columns, strict=True)),
            *(column(name) for name in plan.canonical.flaw_columns),
            column(BUCKET) if looked_up else named(bucket_tree(edges), BUCKET),
            *(
                named(tree, name)
                for trees, columns in zip(amounts, plan.sum_columns, strict=True)
                for tree, name in zip(trees, (columns.total, columns.measured), strict=True)
                if tree is not None
            ),
        ),
        duplicates=duplicates,
    ).where(exp.LTE(this=column("start_time"), expression=timestamp_literal(edges[-1])), copy=False)
    if looked_up:
        after = exp.GT(this=column("start_time"), expression=column("_edge"))
        runs = runs.join(_edge_table(edges), on=after, join_type="ASOF")
    measures = [named(exp.Count(this=exp.Star()), COUNT)]
    nothing = exp.Literal.number(0)
    for (total, measured, negative), (_, told) in zip(plan.sum_columns, amounts, strict=True):
        below = exp.Where(this=exp.LT(this=column(total), expression=nothing.copy()))
        credit = exp.Filter(this=exp.Sum(this=column(total)), expression=below)
        for summed, name in ((exp.Sum(this=column(total)), total), (credit, negative)):
            measures.append(named(decimal(call("coalesce", summed, nothing.copy())), name))
        known = column(total if told is None else measured)
        measures.append(named(exp.Count(this=known), measured))
    return (
        exp.select(*(column(name) for name in plan.key), *measures)
        .from_(runs.subquery("classified", copy=False), copy=False)
        .group_by(*(column(name) for name in plan.key), copy=False)
    )


def _dimension(plan: Plan, name: str) -> exp.Expr:
    if name not in plan.numbers:
        return named(cast(column(name), "VARCHAR"), name)
    value = decimal(column(name))
    ifs = [
        exp.If(this=exp.EQ(this=value.copy(), expression=_decimal_of(n)), true=text(str(n)))
        for n in plan.numbers[name]
        if (n * NANO).denominator == 1  # no run has any other number
    ]
    ifs.append(exp.If(this=present(column(name)), true=text(OTHER_NUMBER)))
    return named(exp.Case(ifs=ifs), name)


def _decimal_of(number: Fraction) -> exp.Expr:
    return cast(text(str(Decimal(int(number * NANO)).scaleb(-9))), "DECIMAL(38, 9)")


OTHER_NUMBER = "another number"
"""What a ledger holds of a number that no budget selects by; there may be as many as runs."""


def number_of(value: str | None) -> Fraction | None:
    """The number that a ledger's row holds apart; None also where it is none of them."""
    return None if value is None else Fraction(-(10**30) if value == OTHER_NUMBER else value)


def _any_rule(sources: Sequence[str], plan: Plan) -> exp.Expr:
    return exp.or_(*(_rule(plan.policy, source).tree.copy() for source in sources))


def _as_budgets_see_it(tree: exp.Expr, plan: Plan, assuming: tuple[str, ...] | None) -> exp.Expr:
    """A condition in which a run that says nothing, and that no failure rule matches, succeeded."""
    if assuming is None:
        return tree
    quiet: list[exp.Expr] = [missing(column("outcome")), column(SILENT)]
    if assuming:
        quiet.append(exp.Not(this=call("coalesce", _any_rule(assuming, plan), exp.false())))
    seen = exp.Case(
        ifs=[exp.If(this=exp.and_(*quiet), true=text("success"))], default=column("outcome")
    )
    return tree.transform(lambda node: seen.copy() if node == column("outcome") else node)


def _asked(plan: Plan, predicate: Predicate) -> exp.Expr:
    """Whether a run is to be remembered for a predicate."""
    if predicate == SAYS_NOTHING:
        return column(SILENT)
    if predicate == UNKNOWN_OUTCOME:
        return present(column(WORD))
    if predicate.asks is Asks.VOICED:
        has_value = [present(column(name)) for name in predicate.over]
        return exp.or_(*has_value) if has_value else exp.true()
    tree = _rule(plan.policy, predicate.source).tree.copy()
    tree = _as_budgets_see_it(tree, plan, predicate.assuming)
    is_null = missing(tree)
    match predicate.asks:
        case Asks.HOLDS:
            return tree
        case Asks.UNKNOWN:
            return is_null
        case Asks.MEASURED:
            return _is_measured(tree, plan, predicate.over, predicate.assuming)


def _is_measured(
    tree: exp.Expr, plan: Plan, over: Sequence[str], assuming: tuple[str, ...] | None
) -> exp.Expr:
    known = present(tree.copy())
    if not over:
        return known
    has_value = [_as_budgets_see_it(present(column(name)), plan, assuming) for name in over]
    return exp.and_(known, exp.or_(*has_value))


def _summed(plan: Plan, amount: Amount) -> tuple[exp.Expr, exp.Expr | None]:
    """What one run spends: 9 decimals, or null where it is unknown or beyond all measure; and
    something that is null where it is not measured, unless the amount itself tells.
    """
    tree = _amount(plan.policy, amount.source).tree.copy()
    value = decimal(_as_budgets_see_it(tree, plan, amount.assuming))
    limit = exp.Literal.number(10**18)
    low = exp.Neg(this=limit.copy())
    inside = exp.Between(this=value.copy(), low=low, high=limit)
    spent = exp.Case(ifs=[exp.If(this=inside, true=value)])
    if isinstance(tree, exp.Column):
        return spent, None
    measured = _is_measured(spent, plan, amount.over, amount.assuming)
    return spent, exp.Case(ifs=[exp.If(this=measured, true=exp.true())])
