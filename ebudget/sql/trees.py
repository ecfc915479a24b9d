"""SQL as syntax trees: the words that every statement is built of. Nothing is pasted together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from sqlglot import exp

from ebudget.instants import moment

DIALECT = "duckdb"


@cache
def _type(name: str) -> exp.DataType:
    return exp.DataType.build(name, dialect=DIALECT)


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A call of a DuckDB function by its very name."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def column(name: str) -> exp.Expr:
    """A column, always quoted."""
    return exp.column(name, quoted=True)


def text(value: str) -> exp.Expr:
    """A text literal."""
    return exp.Literal.string(value)


def number(value: int | str) -> exp.Expr:
    """A literal number, as it is written."""
    return exp.Literal.number(value)


def named(tree: exp.Expr, name: str) -> exp.Expr:
    """A value under a name, always quoted."""
    return exp.Alias(this=tree, alias=exp.to_identifier(name, quoted=True))


def written(tree: exp.Expr) -> str:
    """The text of a statement. Not copied first, for nothing in it is written in another way."""
    return tree.sql(DIALECT, copy=False)


def printed(trees: Sequence[exp.Expr]) -> tuple[str, ...]:
    """Statements for people, in a session whose times are UTC; takes long for large ones."""
    return ("SET TimeZone = 'UTC';", *(tree.sql(DIALECT, pretty=True) + ";" for tree in trees))


def cast(tree: exp.Expr, to: str) -> exp.Expr:
    """A cast that must not fail."""
    return exp.Cast(this=tree, to=_type(to).copy())


def try_cast(tree: exp.Expr, to: str) -> exp.Expr:
    """A cast that gives null where it fails."""
    return exp.TryCast(this=tree, to=_type(to).copy(), safe=True)


def timestamp_literal(micros: int) -> exp.Expr:
    """An instant as a literal; the microsecond count keeps it exact in any dialect."""
    shown = moment(micros).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return cast(text(shown), "TIMESTAMP")


def decimal(tree: exp.Expr) -> exp.Expr:
    """A decimal number with 9 places."""
    return cast(tree, "DECIMAL(38, 9)")


def present(value: exp.Expr) -> exp.Expr:
    """Whether a value is there."""
    return exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null()))


def missing(value: exp.Expr) -> exp.Expr:
    """Whether a value is not there."""
    return exp.Is(this=value.copy(), expression=exp.Null())


def when(condition: exp.Expr, value: exp.Expr, otherwise: exp.Expr | None = None) -> exp.Expr:
    """A value where a condition holds, else the other one or null."""
    return exp.Case(ifs=[exp.If(this=condition, true=value)], default=otherwise)


def unless(condition: exp.Expr, value: exp.Expr) -> exp.Expr:
    """A value, but null where a condition holds."""
    return when(condition, exp.Null(), value)
