"""The statements that a ledger is made with: duplicates, totals, tallies, and its rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

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
from ebudget.quantities import DAY, NANO, decimal_text
from ebudget.sql.statements import join, select, subquery, values_table
from ebudget.sql.trees import (
    Select,
    Tree,
    above,
    all_of,
    any_of,
    at_most,
    below,
    between,
    call,
    case,
    cast,
    column,
    count,
    count_distinct,
    count_where,
    decimal,
    descending,
    differs,
    equal,
    filtered,
    is_column,
    least,
    minus,
    missing,
    most,
    named,
    negated,
    number,
    one_of,
    over,
    part,
    present,
    timestamp_literal,
    total,
    when,
)
from ebudget.sql.zones import local_of

LOSERS = "duplicate_runs"

MOST_BRANCHES = 250
"""Edges beyond which a run's bucket is looked up in a table: a tree of cases becomes slower."""

BEFORE_ALL = instant(datetime(1677, 12, 31, tzinfo=UTC))
"""Before any time that a log may hold."""


def _key_trees(policy: Policy) -> list[Tree]:
    """What a run is known by: the values that records of one run share."""
    zone = policy.timezone.key

    def tree(name: str) -> Tree:
        if name != DAY_OF_RUN:
            return column(name)
        return cast(local_of(column("start_time"), zone), "DATE")

    return [tree(name) for name in policy.logs.key]


def _has_key(policy: Policy) -> Tree:
    """Whether a record may be a duplicate at all: one without an id never is."""
    names = [name for name in policy.logs.key if name not in ("workflow", DAY_OF_RUN)]
    if "run_id" in names:  # an empty one is none
        return all_of(present(column("run_id")), negated(equal(call("trim", column("run_id")), "")))
    keys = names or [name for name in policy.logs.key if name != DAY_OF_RUN]
    return any_of(*(present(column(name)) for name in keys))


def survey_statement(policy: Policy, until: int) -> Select:
    """One look at all readable records, duplicates among them.

    The totals, then how many have a key and how many hashes these have: where the two differ,
    some may be duplicates.
    """
    has_key = _has_key(policy)  # the hash of null is a value too
    hashes = count_distinct(call("hash", *_key_trees(policy)))
    keyed = (count_where(has_key), filtered(hashes, has_key))
    return select(*_totals(until), *keyed, of=RUNS, where=_is_readable())


def judged_statement() -> Select:
    """Whether any readable record says that it went well, or that a person took over."""
    good = one_of(column("outcome"), ["success", "escalated"])
    return select(True, of=RUNS, where=all_of(_is_readable(), good), limit=1)


def _is_readable() -> Tree:
    return present(column("start_time"))


FILES, _PLACE = "files", "_place"


def losers_statement(policy: Policy, paths: Sequence[str]) -> Select:
    """The records that a later one of the same key replaces: start_time, then path, then place
    decide. With each, whether it begins more than a day from that one, or says another outcome.

    Candidates are found by hash; the values decide. `paths` are the names under which the files
    are read, in the order of their real paths.
    """
    keys = _key_trees(policy)
    hashed, readable = call("hash", *keys), all_of(_is_readable(), _has_key(policy))
    candidates = select(hashed, of=RUNS, where=readable, by=[hashed], having=above(count(), 1))
    places = values_table(FILES, (FILE, _PLACE), ((path, at) for at, path in enumerate(paths)))
    found = select(
        *(named(key, f"_key_{index}") for index, key in enumerate(keys)),
        named(column(FILE, RUNS), FILE),
        *(column(name) for name in (_PLACE, ROW, "start_time", "outcome")),
        of=RUNS,
        joined=join(places, equal(column(FILE, RUNS), column(FILE, FILES))),
        where=all_of(readable, one_of(hashed, candidates)),
    )
    order = [descending(column(name)) for name in ("start_time", _PLACE, ROW)]

    def of_key(function: str, *arguments: Tree) -> Tree:
        alike = [column(f"_key_{index}") for index in range(len(keys))]
        return over(call(function, *arguments), alike, order)

    ranked = select(
        *(column(name) for name in (FILE, ROW, "start_time", "outcome")),
        named(of_key("row_number"), "_rank"),
        named(of_key("first_value", column("start_time")), "_start"),
        named(of_key("first_value", column("outcome")), "_outcome"),
        of=subquery(found, "found"),
    )
    days = minus(call("epoch_us", column("_start")), call("epoch_us", column("start_time")))
    apart = any_of(above(days, DAY), differs(column("_outcome"), column("outcome")))
    return select(
        *(column(FILE), column(ROW), named(apart, APART)),
        of=subquery(ranked, "ranked"),
        where=above(column("_rank"), 1),
    )


APART = "_apart"


def losers_count_statement() -> Select:
    """How many duplicates there are, and how many of them differ so much that they may be runs."""
    return select(count(), count_where(column(APART)), of=LOSERS)


def ties_statement(policy: Policy, canonical: Canonical) -> Select:
    """How often records of one file share their key and start_time and differ in what they say."""
    said = [column(name) for name in canonical.names if name not in (FILE, ROW)]
    tied = select(
        1,
        of=RUNS,
        where=all_of(_is_readable(), _has_key(policy)),
        by=[*_key_trees(policy), column("start_time"), column(FILE)],
        having=above(count_distinct(call("hash", *said)), 1),
    )
    return select(count(), of=subquery(tied, "tied"))


def leads_statement(clock: int, most_: int, *, duplicates: bool) -> Select:
    """The starts of the records after an instant, the latest first."""
    start = call("epoch_us", column("start_time"))
    late = above(column("start_time"), timestamp_literal(clock))
    return select(
        *(start,),
        of=RUNS,
        where=all_of(*_counts(duplicates=duplicates), late),
        order=[descending(start)],
        limit=most_,
    )


def _counts(*, duplicates: bool) -> list[Tree]:
    """What a record must be to count: it has a time, and no later one replaces it."""
    if not duplicates:
        return [_is_readable()]
    same = all_of(*(equal(column(name, LOSERS), column(name, RUNS)) for name in (FILE, ROW)))
    loser = select(1, of=LOSERS, where=same)
    return [_is_readable(), negated(call("EXISTS", loser))]


def _totals(until: int) -> list[Tree]:
    """How many records, how many of them after `until`, the first and the last before."""
    late = above(column("start_time"), timestamp_literal(until))
    return [
        count(),
        count_where(late),
        *(
            call("epoch_us", filtered(end(column("start_time")), negated(late)))
            for end in (least, most)
        ),
    ]


def totals_statement(until: int) -> Select:
    """The totals of the readable records that no later one replaces."""
    return select(*_totals(until), of=RUNS, where=all_of(*_counts(duplicates=True)))


def tally_statement(name: str, until: int, *, duplicates: bool) -> Select:
    """How many counted runs have each value of a column, the most frequent first."""
    early = at_most(column("start_time"), timestamp_literal(until))
    return select(
        *(column(name), count()),
        of=RUNS,
        where=all_of(*_counts(duplicates=duplicates), early, present(column(name))),
        by=[column(name)],
        order=[descending(count()), column(name)],
        limit=5,
    )


def bucket_tree(edges: Sequence[int]) -> Tree:
    """The number of edges before a run's start_time, found by halving.

    A run at an edge belongs to the stretch that the edge ends.
    """

    def search(low: int, high: int) -> Tree:
        if low == high:
            return number(low)
        middle = (low + high) // 2
        after = above(column("start_time"), timestamp_literal(edges[middle]))
        return when(after, search(middle + 1, high), search(low, middle))

    return cast(search(0, len(edges)), "INTEGER")


def _edge_table(edges: Sequence[int]) -> Tree:
    """Every edge with the number of the bucket after it, and one before all runs."""
    instants = [timestamp_literal(edge) for edge in (BEFORE_ALL, *edges)]
    return values_table("edges", ("_edge", BUCKET), ((at, n) for n, at in enumerate(instants)))


def ledger_statement(plan: Plan, edges: Sequence[int], *, duplicates: bool) -> Select:
    """Counts and sums of the runs up to the last edge, by the ledger's key."""
    words = bit_words([_asked(plan, predicate) for predicate in plan.predicates], FLAW_BITS)
    amounts = [_summed(plan, amount) for amount in plan.sums]
    after = above(column("start_time"), column("_edge"))
    looked_up = join(_edge_table(edges), after, "ASOF") if len(edges) > MOST_BRANCHES else None
    early = at_most(column("start_time"), timestamp_literal(edges[-1]))
    runs = select(
        *(_dimension(plan, name) for name in plan.dimensions),
        column("outcome"),
        *(named(word, name) for word, name in zip(words, plan.flag_columns, strict=True)),
        *(column(name) for name in plan.canonical.flaw_columns),
        named(bucket_tree(edges), BUCKET) if looked_up is None else column(BUCKET),
        *(
            named(tree, name)
            for trees, columns in zip(amounts, plan.sum_columns, strict=True)
            for tree, name in zip(trees, (columns.total, columns.measured), strict=True)
            if tree is not None
        ),
        of=RUNS,
        joined=looked_up,
        where=all_of(*_counts(duplicates=duplicates), early),
    )
    measures = [named(count(), COUNT)]
    for (sum_, measured, negative), (_, told) in zip(plan.sum_columns, amounts, strict=True):
        credit = filtered(total(column(sum_)), below(column(sum_), 0))
        for summed, name in ((total(column(sum_)), sum_), (credit, negative)):
            measures.append(named(decimal(call("coalesce", summed, 0)), name))
        measures.append(named(count(column(sum_ if told is None else measured)), measured))
    key = [column(name) for name in plan.key]
    return select(*key, *measures, of=subquery(runs, "classified"), by=key)


def _dimension(plan: Plan, name: str) -> Tree:
    if name not in plan.numbers:
        return named(cast(column(name), "VARCHAR"), name)
    branches = [
        (equal(decimal(column(name)), decimal(decimal_text(one))), str(one))
        for one in plan.numbers[name]
        if (one * NANO).denominator == 1  # no run has any other number
    ]
    return named(case([*branches, (present(column(name)), OTHER_NUMBER)]), name)


def _as_budgets_see_it(tree: Tree, plan: Plan, assuming: tuple[str, ...] | None) -> Tree:
    """A condition in which a run that says nothing, and that no failure rule matches, succeeded."""
    if assuming is None:
        return tree
    quiet = [missing(column("outcome")), column(SILENT)]
    if assuming:
        rules = any_of(*(rule_of(plan.policy, source).tree.copy() for source in assuming))
        quiet.append(negated(call("coalesce", rules, False)))
    seen = when(all_of(*quiet), "success", column("outcome"))
    return tree.transform(lambda node: seen.copy() if node == column("outcome") else node)


def _asked(plan: Plan, predicate: Predicate) -> Tree:
    """Whether a run is to be remembered for a predicate."""
    if predicate == SAYS_NOTHING:
        return column(SILENT)
    if predicate == UNKNOWN_OUTCOME:
        return present(column(WORD))
    if predicate.asks is Asks.VOICED:
        return (
            any_of(*(present(column(name)) for name in predicate.over))
            if predicate.over
            else part(True)
        )
    tree = rule_of(plan.policy, predicate.source).tree.copy()
    tree = _as_budgets_see_it(tree, plan, predicate.assuming)
    match predicate.asks:
        case Asks.HOLDS:
            return tree
        case Asks.UNKNOWN:
            return missing(tree)
        case Asks.MEASURED:
            return _is_measured(tree, plan, predicate.over, predicate.assuming)


def _is_measured(
    tree: Tree, plan: Plan, over_: Sequence[str], assuming: tuple[str, ...] | None
) -> Tree:
    known = present(tree)
    if not over_:
        return known
    has_value = [_as_budgets_see_it(present(column(name)), plan, assuming) for name in over_]
    return all_of(known, any_of(*has_value))


def _summed(plan: Plan, amount: Amount) -> tuple[Tree, Tree | None]:
    """What one run spends: 9 decimals, or null where it is unknown or beyond all measure; and
    something that is null where it is not measured, unless the amount itself tells.
    """
    tree = amount_rule(plan.policy, amount.source).tree.copy()
    value = decimal(_as_budgets_see_it(tree, plan, amount.assuming))
    spent = when(between(value, -(10**18), 10**18), value)
    if is_column(tree):
        return spent, None
    return spent, when(_is_measured(spent, plan, amount.over, amount.assuming), True)
