"""SQL as syntax trees: the words that every statement is built of. Nothing is pasted together.

Wherever a word takes a tree it also takes a plain value, which becomes a literal. A tree may be
used as often as one likes: what already is a part of another is copied. Parentheses come by
themselves, around whatever binds more loosely than what it becomes a part of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from zoneinfo import ZoneInfo

from sqlglot import exp

from ebudget.instants import instant, moment

DIALECT = "duckdb"

Tree = exp.Expr
"""A part of a statement, or all of it."""
Select = exp.Select
"""A statement that gives rows."""
Value = Tree | str | int | None
"""A tree, or what a literal is made of: a text, a whole number, true or false, None for null."""


def part(value: Value) -> Tree:
    """A tree that has no parent yet."""
    if isinstance(value, Tree):
        return value if value.parent is None else value.copy()
    if value is None:
        return exp.Null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    return text(value) if isinstance(value, str) else number(value)


def parts(values: Iterable[Value]) -> list[Tree]:
    """The same of several."""
    return [part(value) for value in values]


_LOOSE = (exp.Binary, exp.Not, exp.Between, exp.In)


def _operand(value: Value) -> Tree:
    """A part that binds as closely as it has to."""
    tree = part(value)
    return exp.Paren(this=tree) if isinstance(tree, _LOOSE) else tree


def _operator(kind: type[Tree]) -> Callable[[Value, Value], Tree]:
    def built(left: Value, right: Value) -> Tree:
        tree = kind(this=_operand(left))
        tree.set("expression", _operand(right))  # may be the same tree, which has a parent by now
        return tree

    return built


plus, minus, times = (_operator(kind) for kind in (exp.Add, exp.Sub, exp.Mul))
"""A sum, a difference and a product."""
masked = _operator(exp.BitwiseAnd)
"""The bits that two whole numbers share."""
equal, unequal = (_operator(kind) for kind in (exp.EQ, exp.NEQ))
"""Whether two values are the same, or not; null where one is missing."""
differs = _operator(exp.NullSafeNEQ)
"""Whether two values are not the same, where a missing one is a value like any other."""
below, at_most, above = (_operator(kind) for kind in (exp.LT, exp.LTE, exp.GT))
"""Whether the first of two values is less, not more, or more."""
_is = _operator(exp.Is)


def column(name: str, table: str | None = None) -> Tree:
    """A column, always quoted; of one table, where several are read."""
    return exp.column(name, table=table, quoted=True)


def is_column(tree: Tree) -> bool:
    """Whether a tree is nothing but a column."""
    return isinstance(tree, exp.Column)


def identifier(name: str) -> Tree:
    """The name of a table or of a key, always quoted."""
    return exp.to_identifier(name, quoted=True)


text, number = exp.Literal.string, exp.Literal.number
"""A text literal, and a literal number as it is written."""
star = exp.Star
"""All columns."""


def timestamp_literal(micros: int) -> Tree:
    """An instant as a literal; the microsecond count keeps it exact in any dialect."""
    shown = moment(micros).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return cast(shown, "TIMESTAMP")


def array(values: Iterable[Value]) -> Tree:
    """A list of values."""
    return exp.Array(expressions=parts(values))


def struct(fields: Mapping[str, Value]) -> Tree:
    """Values under the names of keys."""
    pairs = ((identifier(key), part(value)) for key, value in fields.items())
    return exp.Struct(expressions=[exp.PropertyEQ(this=k, expression=v) for k, v in pairs])


def named(value: Value, name: str) -> Tree:
    """A value under a name, always quoted."""
    return exp.Alias(this=part(value), alias=identifier(name))


def call(name: str, *arguments: Value) -> Tree:
    """A call of a DuckDB function by its very name."""
    return exp.Anonymous(this=name, expressions=parts(arguments))


@cache
def _type(name: str) -> exp.DataType:
    return exp.DataType.build(name, dialect=DIALECT)


def cast(value: Value, to: str) -> Tree:
    """A cast that must not fail."""
    return exp.Cast(this=part(value), to=_type(to).copy())


def try_cast(value: Value, to: str) -> Tree:
    """A cast that gives null where it fails."""
    return exp.TryCast(this=part(value), to=_type(to).copy(), safe=True)


decimal = partial(cast, to="DECIMAL(38, 9)")
"""A decimal number with 9 places."""


def present(value: Value) -> Tree:
    """Whether a value is there."""
    return negated(missing(value))


def missing(value: Value) -> Tree:
    """Whether a value is not there."""
    return _is(value, None)


def between(value: Value, low: Value, high: Value) -> Tree:
    """Whether a value lies between two others or is one of them."""
    return exp.Between(this=_operand(value), low=_operand(low), high=_operand(high))


def one_of(value: Value, options: Iterable[Value] | Select) -> Tree:
    """Whether a value is one of these, or of those that a statement gives."""
    if isinstance(options, Select):
        return exp.In(this=_operand(value), query=exp.Subquery(this=part(options)))
    return exp.In(this=_operand(value), expressions=parts(options))


def all_of(*conditions: Value) -> Tree:
    """Whether every condition holds."""
    return exp.and_(*parts(conditions), copy=False)


def any_of(*conditions: Value) -> Tree:
    """Whether one of the conditions holds."""
    return exp.or_(*parts(conditions), copy=False)


def negated(condition: Value) -> Tree:
    """Whether a condition does not hold."""
    return exp.not_(part(condition), copy=False)


def case(
    branches: Iterable[tuple[Value, Value]], otherwise: Value = None, *, of: Tree | None = None
) -> Tree:
    """The value of the first branch whose condition holds, or whose value is that `of` a tree."""
    ifs = [exp.If(this=part(on), true=part(value)) for on, value in branches]
    default = None if otherwise is None else part(otherwise)
    return exp.Case(this=None if of is None else part(of), ifs=ifs, default=default)


def when(condition: Value, value: Value, otherwise: Value = None) -> Tree:
    """A value where a condition holds, else the other one or null."""
    return case([(condition, value)], otherwise)


def unless(condition: Value, value: Value) -> Tree:
    """A value, but null where a condition holds."""
    return when(condition, None, value)


def shifted(value: Value, bits: int) -> Tree:
    """A whole number without its last bits."""
    return exp.BitwiseRightShift(this=_operand(value), expression=number(bits))


def count(value: Tree | None = None) -> Tree:
    """How many rows there are, or how many have this value."""
    return exp.Count(this=exp.Star() if value is None else part(value))


def count_distinct(value: Value) -> Tree:
    """How many different values there are."""
    return exp.Count(this=exp.Distinct(expressions=[part(value)]))


def count_where(condition: Value) -> Tree:
    """In how many rows a condition holds."""
    return filtered(count(), condition)


total, least, most = (partial(call, name) for name in ("SUM", "MIN", "MAX"))
"""The sum of a value over all rows, the least and the most."""


def filtered(aggregate: Tree, condition: Value) -> Tree:
    """A count or sum over only the rows in which a condition holds."""
    return exp.Filter(this=part(aggregate), expression=exp.Where(this=part(condition)))


def over(function: Tree, by: Iterable[Value], order: Sequence[Value]) -> Tree:
    """A function of the rows that share some values, in an order."""
    return exp.Window(
        this=part(function), partition_by=parts(by), order=exp.Order(expressions=parts(order))
    )


def descending(value: Value) -> Tree:
    """An order: the most first, what is missing at the end."""
    return exp.Ordered(this=part(value), desc=True, nulls_first=False)


def written(tree: Tree) -> str:
    """The text of a statement. Not copied first, for nothing in it is written in another way."""
    return tree.sql(DIALECT, copy=False)


def printed(trees: Sequence[Tree]) -> tuple[str, ...]:
    """Statements for people, in a session whose times are UTC; takes long for large ones."""
    return ("SET TimeZone = 'UTC';", *(tree.sql(DIALECT, pretty=True) + ";" for tree in trees))


def select(
    *values: Value,
    of: Tree | str | None = None,
    joined: Tree | None = None,
    where: Value = None,
    by: Iterable[Value] = (),
    having: Value = None,
    order: Iterable[Value] = (),
    limit: int | None = None,
) -> Select:
    """The rows `of` a table, which may be given by its name; of them only the first few."""
    made = exp.Select().select(*parts(values), copy=False)
    if of is not None:
        made.from_(of if isinstance(of, str) else part(of), copy=False)
    if joined is not None:
        made.append("joins", part(joined))
    if where is not None:
        made.where(part(where), copy=False)
    if keys := parts(by):
        made.group_by(*keys, copy=False)
    if having is not None:
        made.having(part(having), copy=False)
    if keys := parts(order):
        made.order_by(*keys, copy=False)
    return made if limit is None else made.limit(limit, copy=False)


def join(table: Tree, on: Value, method: str | None = None) -> Tree:
    """Another table beside the one that is read, such as by the method ASOF."""
    return exp.Join(this=part(table), on=part(on), method=method)


def subquery(statement: Tree, name: str) -> Tree:
    """The rows of a statement as a table."""
    return exp.Subquery(this=part(statement), alias=exp.TableAlias(this=exp.to_identifier(name)))


def union(statements: Sequence[Select]) -> Tree:
    """The rows of statements, one after the other."""
    made: Tree = part(statements[0])
    for statement in statements[1:]:
        made = exp.Union(this=made, expression=part(statement), distinct=False)
    return made


def table(function: str, *arguments: Value, **settings: Value) -> Tree:
    """The table that a function gives, such as one that reads files."""
    pairs = [exp.EQ(this=exp.column(key), expression=part(v)) for key, v in settings.items()]
    return exp.Table(this=call(function, *arguments, *pairs))


def values_table(name: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> Tree:
    """A table of values."""
    alias = exp.TableAlias(this=identifier(name), columns=[identifier(one) for one in columns])
    tuples = [exp.Tuple(expressions=parts(row)) for row in rows]
    return exp.Values(expressions=tuples, alias=alias)


def temporary(kind: str, name: str, statement: Tree) -> Tree:
    """A statement that makes a temporary VIEW or TABLE, in place of one of its name."""
    return exp.Create(
        this=identifier(name),
        kind=kind,
        expression=part(statement),
        replace=True,
        properties=exp.Properties(expressions=[exp.TemporaryProperty()]),
    )


FIRST_YEAR, LAST_YEAR = 2020, 2037
"""The years whose rules are read from tzdata."""
_FROM = instant(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
_UNTIL = instant(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC))
_STRIDE = 5 * 86_400_000_000
"""No zone changes its clocks twice in so many microseconds and is back where it was."""

Steps = Sequence[tuple[int, int]]
"""Instants from which on, and how many microseconds, local time is ahead of UTC; in order."""

SHORT_NAMES = (
    *("CET", "CST6CDT", "Cuba", "EET", "EST", "EST5EDT", "Egypt", "Eire", "GB", "GB-Eire"),
    *("GMT", "GMT+0", "GMT-0", "GMT0", "Greenwich", "HST", "Hongkong", "Iceland", "Iran"),
    *("Israel", "Jamaica", "Japan", "Kwajalein", "Libya", "MET", "MST", "MST7MDT", "NZ", "NZ-CHAT"),
    *("Navajo", "PRC", "PST8PDT", "Poland", "Portugal", "ROC", "ROK", "Singapore", "Turkey", "UCT"),
    *("UTC", "Universal", "W-SU", "WET", "Zulu"),
)
"""The names of tzdata without a place; whatever else is short means several zones (BST, IST)."""
REGIONS = (
    *("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Brazil"),
    *("Canada", "Chile", "Etc", "Europe", "Indian", "Mexico", "Pacific", "US"),
)
"""What the other names of tzdata begin with."""


def local_of(utc: Tree, zone: str) -> Tree:
    """The local time of a UTC timestamp, as a timestamp without a zone."""
    if zone == "UTC":
        return part(utc)
    theirs = call("timezone", zone, call("timezone", "UTC", utc))
    return _stepped(utc, steps_of(zone), 1, theirs)


def utc_of(local: Tree, zone: str) -> Tree:
    """The UTC timestamp of a local one: of the two that it may mean where clocks go back, the
    later; of one that clocks skip, by the clocks before.
    """
    if zone == "UTC":
        return part(local)
    theirs = call("make_timestamp", call("epoch_us", call("timezone", zone, local)))
    steps = [(start + offset, offset) for start, offset in steps_of(zone)]
    return _stepped(local, steps, -1, theirs)


@cache
def steps_of(zone: str) -> Steps:
    """The offsets of a zone from FIRST_YEAR to LAST_YEAR; the first from before on."""
    clock = ZoneInfo(zone)

    def offset(at: int) -> int:
        found = moment(at).astimezone(clock).utcoffset() or timedelta()
        return found // timedelta(microseconds=1)

    steps = [(_FROM, offset(_FROM))]
    for later in range(_FROM + _STRIDE, _UNTIL + _STRIDE, _STRIDE):
        before, now = steps[-1][1], offset(later)
        if now != before:
            low, high = later - _STRIDE, later
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == before else (low, middle)
            steps.append((high, now))
    return tuple(steps)


def _stepped(time: Tree, steps: Steps, sign: int, otherwise: Tree) -> Tree:
    """A time moved by the offset of its step, one way or the other; `otherwise` in other years."""
    micros = call("epoch_us", time)
    moved = call("make_timestamp", plus(micros, _tree(micros, steps, sign)))
    return when(between(micros, _FROM, _UNTIL - 1), moved, otherwise)


def _tree(micros: Tree, steps: Steps, sign: int) -> Tree:
    if len(steps) == 1:
        return number(sign * steps[0][1])
    middle = len(steps) // 2
    before = below(micros, steps[middle][0])
    return when(before, _tree(micros, steps[:middle], sign), _tree(micros, steps[middle:], sign))
