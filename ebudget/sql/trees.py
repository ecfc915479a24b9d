"""SQL as syntax trees: the words that every statement is built of. Nothing is pasted together.

Wherever a word takes a tree it also takes a plain value, which becomes a literal. A tree may be
used as often as one likes: what already is a part of another is copied. Parentheses come by
themselves, around whatever binds more loosely than what it becomes a part of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial

from sqlglot import exp

from ebudget.instants import moment

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
