"""The statements that a ledger is made with: duplicates, totals, tallies, and its rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ebudget import sql
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
    FLAG_BITS,
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

LOSERS = "duplicate_runs"

MOST_WORDS = 10_000
"""Words of one part that are counted one by one."""

MOST_BRANCHES = 250
"""Edges beyond which a run's bucket is looked up in a table: a tree of cases becomes slower."""

BEFORE_ALL = instant(datetime(1677, 12, 31, tzinfo=UTC))
"""Before any time that a log may hold."""


def _key_trees(policy: Policy) -> list[sql.Tree]:
    """What a run is known by: the values that records of one run share."""
    zone = policy.timezone.key

    def tree(name: str) -> sql.Tree:
        if name != DAY_OF_RUN:
            return sql.column(name)
        return sql.cast(sql.local_of(sql.column("start_time"), zone), "DATE")

    return [tree(name) for name in policy.logs.key]


def _ids(policy: Policy) -> list[str]:
    """The columns of which a record needs one to have an id."""
    names = [name for name in policy.logs.key if name not in ("workflow", DAY_OF_RUN)]
    if "run_id" in names:
        return ["run_id"]
    return names or [name for name in policy.logs.key if name != DAY_OF_RUN]


def _has_id(policy: Policy) -> sql.Tree:
    return sql.any_of(*(sql.present(sql.column(name)) for name in _ids(policy)))


def _has_key(policy: Policy) -> sql.Tree:
    """Whether a record may be a duplicate at all: one without an id never is."""
    if _ids(policy) != ["run_id"]:
        return _has_id(policy)
    blank = sql.equal(sql.call("trim", sql.column("run_id")), "")  # an empty one is none
    return sql.all_of(_has_id(policy), sql.negated(blank))


def survey_statement(policy: Policy, until: int) -> sql.Select:
    """One look at all readable records, duplicates among them.

    The totals, then how many have a key and how many hashes these have: where the two differ,
    some may be duplicates.
    """
    has_key = _has_key(policy)  # the hash of null is a value too
    hashes = sql.count_distinct(sql.call("hash", *_key_trees(policy)))
    keyed = (sql.count_where(has_key), sql.filtered(hashes, has_key))
    return sql.select(*_totals(until), *keyed, of=RUNS, where=_is_readable())


FILES = "files"
HASH, PLACE, START = "hash", "_place", "start"
_SPARE_BITS = 16
"""Bits of a hash that are left for the number of a part."""


def _hash(policy: Policy) -> sql.Tree:
    """48 bits of the hash of what a run is known by; the text decides where they agree."""
    return sql.shifted(sql.call("hash", *_key_trees(policy)), _SPARE_BITS)


def _may_have_twins(policy: Policy) -> sql.Tree:
    return sql.all_of(_is_readable(), _has_key(policy))


def hashes_statement(policy: Policy) -> sql.Select:
    """The hash of every record that may be a duplicate. Blank ids are left for later: they are
    looked for among the few whose hash stands twice.
    """
    where = sql.all_of(_is_readable(), _has_id(policy))
    return sql.select(sql.named(_hash(policy), HASH), of=RUNS, where=where)


def candidates_statement(
    policy: Policy, hashes: str, files: Sequence[str], places: Sequence[int]
) -> sql.Select:
    """The records whose hash is in a Parquet file of hashes: what they are known by, and what
    decides which of them counts. `files` are the names under which files are read, `places` theirs
    among all files.
    """
    keys = [sql.named(key, f"_key_{index}") for index, key in enumerate(_key_trees(policy))]
    twice = sql.select(sql.column(HASH), of=sql.table("read_parquet", hashes))
    same = sql.equal(sql.column(FILE, RUNS), sql.column(FILE, FILES))
    return sql.select(
        *(*keys, sql.named(_hash(policy), HASH)),
        *(sql.named(sql.column(PLACE, FILES), PLACE), sql.column(ROW)),
        sql.named(sql.call("epoch_us", sql.column("start_time")), START),
        sql.column("outcome"),
        of=RUNS,
        joined=_with_places(files, places, same),
        where=sql.all_of(_may_have_twins(policy), sql.one_of(_hash(policy), twice)),
    )


def _with_places(files: Sequence[str], places: Sequence[int], found: sql.Tree) -> sql.Tree:
    """A table of the files with their places, joined with what is `found` in both."""
    rows = [*zip(files, places, strict=True)] or [("", -1)]
    return sql.join(sql.values_table(FILES, (FILE, PLACE), rows), found)


def marked_statement(losers: str, files: Sequence[str], places: Sequence[int]) -> sql.Select:
    """The file and row of the duplicates whose places a Parquet file holds."""
    found = sql.named(sql.table("read_parquet", losers), "found")
    same = sql.equal(sql.column(PLACE, "found"), sql.column(PLACE, FILES))
    named = _with_places(files, places, same)
    return sql.select(sql.column(FILE), sql.column(ROW), of=found, joined=named)


def judged_statement() -> sql.Select:
    """Whether any readable record says that it went well, or that a person took over."""
    good = sql.one_of(sql.column("outcome"), ["success", "escalated"])
    return sql.select(True, of=RUNS, where=sql.all_of(_is_readable(), good), limit=1)


def _is_readable() -> sql.Tree:
    return sql.present(sql.column("start_time"))


def losers_statement(policy: Policy, paths: Sequence[str]) -> sql.Select:
    """The records that a later one of the same key replaces: start_time, then path, then place
    decide. With each, whether it begins more than a day from that one, or says another outcome.

    Candidates are found by hash; the values decide. `paths` are the names under which the files
    are read, in the order of their real paths.
    """
    keys = _key_trees(policy)
    hashed, readable = sql.call("hash", *keys), _may_have_twins(policy)
    candidates = sql.select(
        hashed, of=RUNS, where=readable, by=[hashed], having=sql.above(sql.count(), 1)
    )
    same = sql.equal(sql.column(FILE, RUNS), sql.column(FILE, FILES))
    found = sql.select(
        *(sql.named(key, f"_key_{index}") for index, key in enumerate(keys)),
        sql.named(sql.column(FILE, RUNS), FILE),
        *(sql.column(name) for name in (PLACE, ROW, "start_time", "outcome")),
        of=RUNS,
        joined=_with_places(paths, range(len(paths)), same),
        where=sql.all_of(readable, sql.one_of(hashed, candidates)),
    )
    order = [sql.descending(sql.column(name)) for name in ("start_time", PLACE, ROW)]

    def of_key(function: str, *arguments: sql.Tree) -> sql.Tree:
        alike = [sql.column(f"_key_{index}") for index in range(len(keys))]
        return sql.over(sql.call(function, *arguments), alike, order)

    ranked = sql.select(
        *(sql.column(name) for name in (FILE, ROW, "start_time", "outcome")),
        sql.named(of_key("row_number"), "_rank"),
        sql.named(of_key("first_value", sql.column("start_time")), "_start"),
        sql.named(of_key("first_value", sql.column("outcome")), "_outcome"),
        of=sql.subquery(found, "found"),
    )
    days = sql.minus(
        sql.call("epoch_us", sql.column("_start")), sql.call("epoch_us", sql.column("start_time"))
    )
    apart = sql.any_of(
        sql.above(days, DAY), sql.differs(sql.column("_outcome"), sql.column("outcome"))
    )
    return sql.select(
        *(sql.column(FILE), sql.column(ROW), sql.named(apart, APART)),
        of=sql.subquery(ranked, "ranked"),
        where=sql.above(sql.column("_rank"), 1),
    )


APART = "_apart"


def ties_statement(policy: Policy, canonical: Canonical, hashes: str) -> sql.Select:
    """How often records of one file share their key and start_time and differ in what they say,
    among those whose hash is in a Parquet file of hashes.
    """
    twice = sql.select(sql.column(HASH), of=sql.table("read_parquet", hashes))
    said = [sql.column(name) for name in canonical.names if name not in (FILE, ROW)]
    tied = sql.select(
        1,
        of=RUNS,
        where=sql.all_of(_may_have_twins(policy), sql.one_of(_hash(policy), twice)),
        by=[*_key_trees(policy), sql.column("start_time"), sql.column(FILE)],
        having=sql.above(sql.count_distinct(sql.call("hash", *said)), 1),
    )
    return sql.select(sql.count(), of=sql.subquery(tied, "tied"))


def leads_statement(clock: int, most_: int, *, duplicates: bool) -> sql.Select:
    """The starts of the records after an instant, the latest first."""
    start = sql.call("epoch_us", sql.column("start_time"))
    late = sql.above(sql.column("start_time"), sql.timestamp_literal(clock))
    return sql.select(
        *(start,),
        of=RUNS,
        where=sql.all_of(*_counts(duplicates=duplicates), late),
        order=[sql.descending(start)],
        limit=most_,
    )


def _counts(*, duplicates: bool) -> list[sql.Tree]:
    """What a record must be to count: it has a time, and no later one replaces it."""
    if not duplicates:
        return [_is_readable()]
    place = sql.call("row", sql.column(FILE), sql.column(ROW))
    losers = sql.select(place, of=LOSERS)
    return [_is_readable(), sql.negated(sql.one_of(place, losers))]


def _totals(until: int) -> list[sql.Tree]:
    """How many records, how many of them after `until`, the first and the last before."""
    late = sql.above(sql.column("start_time"), sql.timestamp_literal(until))
    return [
        sql.count(),
        sql.count_where(late),
        *(
            sql.call("epoch_us", sql.filtered(end(sql.column("start_time")), sql.negated(late)))
            for end in (sql.least, sql.most)
        ),
    ]


def totals_statement(until: int, *, duplicates: bool) -> sql.Select:
    """The totals of the readable records that no later one replaces."""
    where = sql.all_of(*_counts(duplicates=duplicates))
    return sql.select(*_totals(until), of=RUNS, where=where)


def tally_statement(name: str, until: int, *, duplicates: bool) -> sql.Select:
    """How many counted runs have each value of a column, the most frequent first."""
    early = sql.at_most(sql.column("start_time"), sql.timestamp_literal(until))
    return sql.select(
        *(sql.column(name), sql.count()),
        of=RUNS,
        where=sql.all_of(*_counts(duplicates=duplicates), early, sql.present(sql.column(name))),
        by=[sql.column(name)],
        order=[sql.descending(sql.count()), sql.column(name)],
        limit=MOST_WORDS,
    )


def bucket_tree(edges: Sequence[int]) -> sql.Tree:
    """The number of edges before a run's start_time, found by halving.

    A run at an edge belongs to the stretch that the edge ends.
    """

    def search(low: int, high: int) -> sql.Tree:
        if low == high:
            return sql.number(low)
        middle = (low + high) // 2
        after = sql.above(sql.column("start_time"), sql.timestamp_literal(edges[middle]))
        return sql.when(after, search(middle + 1, high), search(low, middle))

    return sql.cast(search(0, len(edges)), "INTEGER")


def _edge_table(edges: Sequence[int]) -> sql.Tree:
    """Every edge with the number of the bucket after it, and one before all runs."""
    instants = [sql.timestamp_literal(edge) for edge in (BEFORE_ALL, *edges)]
    return sql.values_table("edges", ("_edge", BUCKET), ((at, n) for n, at in enumerate(instants)))


def ledger_statement(plan: Plan, edges: Sequence[int], *, duplicates: bool) -> sql.Select:
    """Counts and sums of the runs up to the last edge, by the ledger's key."""
    words = bit_words([_asked(plan, predicate) for predicate in plan.predicates], FLAG_BITS)
    amounts = [_summed(plan, amount) for amount in plan.sums]
    after = sql.above(sql.column("start_time"), sql.column("_edge"))
    looked_up = sql.join(_edge_table(edges), after, "ASOF") if len(edges) > MOST_BRANCHES else None
    early = sql.at_most(sql.column("start_time"), sql.timestamp_literal(edges[-1]))
    runs = sql.select(
        *(_dimension(plan, name) for name in plan.dimensions),
        sql.column("outcome"),
        *(sql.named(word, name) for word, name in zip(words, plan.flag_columns, strict=True)),
        *(sql.column(name) for name in plan.canonical.flaw_columns),
        sql.named(bucket_tree(edges), BUCKET) if looked_up is None else sql.column(BUCKET),
        *(
            sql.named(tree, name)
            for trees, columns in zip(amounts, plan.sum_columns, strict=True)
            for tree, name in zip(trees, (columns.total, columns.measured), strict=True)
            if tree is not None
        ),
        of=RUNS,
        joined=looked_up,
        where=sql.all_of(*_counts(duplicates=duplicates), early),
    )
    measures = [sql.named(sql.count(), COUNT)]
    for (sum_, measured, negative), (_, told) in zip(plan.sum_columns, amounts, strict=True):
        credit = sql.filtered(sql.total(sql.column(sum_)), sql.below(sql.column(sum_), 0))
        for summed, name in ((sql.total(sql.column(sum_)), sum_), (credit, negative)):
            measures.append(sql.named(sql.decimal(sql.call("coalesce", summed, 0)), name))
        measures.append(
            sql.named(sql.count(sql.column(sum_ if told is None else measured)), measured)
        )
    key = [sql.column(name) for name in plan.key]
    return sql.select(*key, *measures, of=sql.subquery(runs, "classified"), by=key)


def _dimension(plan: Plan, name: str) -> sql.Tree:
    if name not in plan.numbers:
        return sql.named(sql.cast(sql.column(name), "VARCHAR"), name)
    branches = [
        (sql.equal(sql.decimal(sql.column(name)), sql.decimal(decimal_text(one))), str(one))
        for one in plan.numbers[name]
        if (one * NANO).denominator == 1  # no run has any other number
    ]
    return sql.named(sql.case([*branches, (sql.present(sql.column(name)), OTHER_NUMBER)]), name)


def _as_budgets_see_it(tree: sql.Tree, plan: Plan, assuming: tuple[str, ...] | None) -> sql.Tree:
    """A condition in which a run that says nothing, and that no failure rule matches, succeeded."""
    if assuming is None:
        return tree
    quiet = [sql.missing(sql.column("outcome")), sql.column(SILENT)]
    if assuming:
        rules = sql.any_of(*(rule_of(plan.policy, source).tree.copy() for source in assuming))
        quiet.append(sql.negated(sql.call("coalesce", rules, False)))
    seen = sql.when(sql.all_of(*quiet), "success", sql.column("outcome"))
    return tree.transform(lambda node: seen.copy() if node == sql.column("outcome") else node)


def _asked(plan: Plan, predicate: Predicate) -> sql.Tree:
    """Whether a run is to be remembered for a predicate."""
    if predicate == SAYS_NOTHING:
        return sql.column(SILENT)
    if predicate == UNKNOWN_OUTCOME:
        return sql.present(sql.column(WORD))
    if predicate.asks is Asks.VOICED:
        return (
            sql.any_of(*(sql.present(sql.column(name)) for name in predicate.over))
            if predicate.over
            else sql.part(True)
        )
    tree = rule_of(plan.policy, predicate.source).tree.copy()
    tree = _as_budgets_see_it(tree, plan, predicate.assuming)
    match predicate.asks:
        case Asks.HOLDS:
            return tree
        case Asks.UNKNOWN:
            return sql.missing(tree)
        case Asks.MEASURED:
            return _is_measured(tree, plan, predicate.over, predicate.assuming)


def _is_measured(
    tree: sql.Tree, plan: Plan, over_: Sequence[str], assuming: tuple[str, ...] | None
) -> sql.Tree:
    known = sql.present(tree)
    if not over_:
        return known
    has_value = [
        _as_budgets_see_it(sql.present(sql.column(name)), plan, assuming) for name in over_
    ]
    return sql.all_of(known, sql.any_of(*has_value))


def _summed(plan: Plan, amount: Amount) -> tuple[sql.Tree, sql.Tree | None]:
    """What one run spends: 9 decimals, or null where it is unknown or beyond all measure; and
    something that is null where it is not measured, unless the amount itself tells.
    """
    tree = amount_rule(plan.policy, amount.source).tree.copy()
    value = sql.decimal(_as_budgets_see_it(tree, plan, amount.assuming))
    spent = sql.when(sql.between(value, -(10**18), 10**18), value)
    if sql.is_column(tree):
        return spent, None
    return spent, sql.when(_is_measured(spent, plan, amount.over, amount.assuming), True)
