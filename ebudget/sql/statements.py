"""Statements: what is made of trees, from tables to their rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlglot import exp

from ebudget.sql.trees import Select, Tree, Value, call, identifier, part, parts


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
