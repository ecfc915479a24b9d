"""The statements that a ledger is made with: duplicates, totals, tallies, and its rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from sqlglot import exp

from ebudget.instants import instant
from ebudget.ledger.plan import (
    BUCKET,
    COUNT,
    OTHER_NUMBER,
    SAYS_NOTHING,
    UNKNOWN_OUTCOME,
    Amount,
    Asks,
    Plan,
    Predicate,
    amount_rule,
    rule_of,
)
from ebudget.logs.runs import (
    FILE,
    FLAW_BITS,
    ROW,
    RUNS,
    SILENT,
    WORD,
    Canonical,
)
from ebudget.logs.values.columns import bit_words
from ebudget.policy.checks import DAY_OF_RUN
from ebudget.policy.model import Policy
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

MOST_BRANCHES = 250
"""Edges beyond which a run's bucket is looked up in a table: a tree of cases becomes slower."""

BEFORE_ALL = instant(datetime(1677, 12, 31, tzinfo=UTC))
"""Before any time that a log may hold."""


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


def _any_rule(sources: Sequence[str], plan: Plan) -> exp.Expr:
    return exp.or_(*(rule_of(plan.policy, source).tree.copy() for source in sources))


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
    tree = rule_of(plan.policy, predicate.source).tree.copy()
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
    tree = amount_rule(plan.policy, amount.source).tree.copy()
    value = decimal(_as_budgets_see_it(tree, plan, amount.assuming))
    limit = exp.Literal.number(10**18)
    low = exp.Neg(this=limit.copy())
    inside = exp.Between(this=value.copy(), low=low, high=limit)
    spent = exp.Case(ifs=[exp.If(this=inside, true=value)])
    if isinstance(tree, exp.Column):
        return spent, None
    measured = _is_measured(spent, plan, amount.over, amount.assuming)
    return spent, exp.Case(ifs=[exp.If(this=measured, true=exp.true())])
