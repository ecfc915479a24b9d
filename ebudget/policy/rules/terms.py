"""The parts of an expression, with their types, and what messages call them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlglot import exp

from ebudget import sql
from ebudget.columns import Type
from ebudget.policy.misfit import unknown_column


class RuleError(Exception):
    """An expression that is refused; `at` is the character (from 0) where it goes wrong."""

    def __init__(self, message: str, at: int | None = None) -> None:
        super().__init__(message)
        self.at = at


class UnknownColumn(RuleError):
    """An expression that reads a column which nobody knows."""

    def __init__(
        self, name: str, known: Iterable[str], at: int | None, hint: str | None = None
    ) -> None:
        told = f"unknown column {name!r}; {hint}" if hint else unknown_column(name, known)
        super().__init__(told, at)
        self.name, self.hint = name, hint


@dataclass(frozen=True)
class Term:
    """A part of an expression, built anew."""

    type: Type | None
    """None for a bare null."""
    tree: exp.Expr
    literal: str | None = None
    """The text of a literal, for the places that take only constants."""


NUMBERS = (Type.NUMBER, Type.INTEGER)


class Compiling(Protocol):
    """What functions ask of whatever builds an expression anew."""

    zone: ZoneInfo

    def compile(self, node: exp.Expr, depth: int = 0) -> Term:
        """A part, built anew. Raises RuleError."""

    def of_type(self, node: exp.Expr, depth: int, *wanted: Type) -> Term:
        """A part that must be of one of these types."""

    def together(self, nodes: Sequence[exp.Expr], depth: int) -> tuple[list[Term], Type | None]:
        """Parts that must share a type, and that type."""


def number_like(term: Term, common: Type | None) -> exp.Expr:
    """A value as one of several that share a type: numbers as decimals."""
    return sql.decimal(term.tree) if common is Type.NUMBER and term.type else term.tree


def kind_of(type_: Type) -> str:
    """What messages call a value of this type, such as `a number`."""
    return {
        Type.TEXT: "a text",
        Type.NUMBER: "a number",
        Type.INTEGER: "a number",
        Type.BOOLEAN: "a condition",
        Type.TIME: "a time",
        Type.LIST: "a list",
    }[type_]


def place_of(node: exp.Expr) -> int | None:
    """The character (from 0) at which a part begins."""
    for inner in node.walk():
        start = inner.meta.get("start") if inner.meta else None
        if isinstance(start, int):
            return start
    return None


def shown(node: exp.Expr) -> str:
    """A part as messages show it."""
    text = node.sql(sql.DIALECT)
    return text if len(text) <= 40 else text[:39] + "…"


NAMES: Mapping[type[exp.Expr], str] = {
    exp.Select: "a query",
    exp.Subquery: "a query",
    exp.Exists: "a query",
    exp.Placeholder: "a parameter",
    exp.Parameter: "a parameter",
    exp.Collate: "COLLATE",
    exp.Star: "a star",
    exp.Columns: "a star",
    exp.Lambda: "a lambda",
    exp.JSONExtract: "an arrow",
    exp.Tuple: "a tuple",
    exp.Struct: "a struct",
    exp.Array: "a list",
    exp.Bracket: "a bracket",
    exp.Escape: "ESCAPE",
    exp.Interval: "an interval",
    exp.Alias: "an alias",
    exp.ByteString: "an escaped text",
}
"""What messages call the parts of SQL that rules may not hold."""
