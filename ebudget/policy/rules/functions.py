"""The functions that rules may call."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlglot import exp

from ebudget import sql
from ebudget.columns import Type
from ebudget.policy.rules.terms import (
    NUMBERS,
    Compiling,
    RuleError,
    Term,
    number_like,
    place_of,
)


@dataclass(frozen=True)
class Function:
    """A function that rules may call."""

    usage: str
    least: int
    most: int
    build: Callable[[Compiling, exp.Func, str, list[exp.Expr], int], Term]


def _simple(usage: str, takes: tuple[Type, ...], gives: Type, least: int | None = None) -> Function:
    """A function whose arguments and result have fixed types."""

    def build(
        c: Compiling, node: exp.Func, name: str, arguments: list[exp.Expr], depth: int
    ) -> Term:
        trees = []
        for argument, type_ in zip(arguments, takes, strict=False):
            wanted = NUMBERS if type_ is Type.NUMBER else (type_,)
            tree = c.of_type(argument, depth, *wanted).tree
            trees.append(sql.decimal(tree) if type_ is Type.NUMBER else tree)
        tree = sql.call(name, *trees)
        return Term(gives, sql.decimal(tree) if gives is Type.NUMBER else tree)

    return Function(usage, len(takes) if least is None else least, len(takes), build)


def _common(usage: str, least: int, most: int, *, numbers: bool = False) -> Function:
    """A function whose arguments share one type, which is also the result's."""

    def build(
        c: Compiling, node: exp.Func, name: str, arguments: list[exp.Expr], depth: int
    ) -> Term:
        terms, common = c.together(arguments, depth)
        if common is Type.LIST or (numbers and common not in (Type.NUMBER, None)):
            raise RuleError(f"{name} is written {usage}", place_of(node))
        return Term(common, sql.call(name, *(number_like(term, common) for term in terms)))

    return Function(usage, least, most, build)


def _length(c: Compiling, node: exp.Func, name: str, arguments: list[exp.Expr], depth: int) -> Term:
    tree = c.of_type(arguments[0], depth, Type.TEXT, Type.LIST).tree
    return Term(Type.NUMBER, sql.decimal(sql.call("len", tree)))


def _regexp(c: Compiling, node: exp.Func, name: str, arguments: list[exp.Expr], depth: int) -> Term:
    subject = c.of_type(arguments[0], depth, Type.TEXT).tree
    pattern = c.compile(arguments[1], depth)
    if pattern.literal is None or pattern.type is not Type.TEXT:
        raise RuleError("a pattern is a constant text", place_of(arguments[1]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern.literal)
    except (re.error, RecursionError, OverflowError) as error:
        raise RuleError(f"not a regular expression: {error}", place_of(arguments[1])) from None
    if re.search(r"\(\?(<?[=!]|P=|\()|\\[1-9]", pattern.literal):
        raise RuleError(
            "look-around and back-references are not supported (RE2 syntax)", place_of(arguments[1])
        )
    return Term(Type.BOOLEAN, sql.call(name, subject, pattern.tree))


DATE_PARTS = ("year", "quarter", "month", "week", "day", "dow", "isodow", "doy", "hour", "minute")
"""What `date_part` can ask for."""


def _date_part(
    c: Compiling, node: exp.Func, name: str, arguments: list[exp.Expr], depth: int
) -> Term:
    part = c.compile(arguments[0], depth).literal
    if part is None or part.lower() not in DATE_PARTS:
        raise RuleError(f"date_part takes one of {', '.join(DATE_PARTS)}", place_of(arguments[0]))
    time = c.of_type(arguments[1], depth, Type.TIME).tree
    local = sql.local_of(time, c.zone.key)
    return Term(Type.NUMBER, sql.decimal(sql.call("date_part", sql.text(part.lower()), local)))


_TEXT, _NUMBER, _LIST, _BOOLEAN = Type.TEXT, Type.NUMBER, Type.LIST, Type.BOOLEAN

FUNCTIONS: Mapping[str, Function] = {
    "lower": _simple("lower(text)", (_TEXT,), _TEXT),
    "upper": _simple("upper(text)", (_TEXT,), _TEXT),
    "trim": _simple("trim(text)", (_TEXT,), _TEXT),
    "length": Function("length(text or list)", 1, 1, _length),
    "contains": _simple("contains(text, part)", (_TEXT, _TEXT), _BOOLEAN),
    "starts_with": _simple("starts_with(text, start)", (_TEXT, _TEXT), _BOOLEAN),
    "ends_with": _simple("ends_with(text, end)", (_TEXT, _TEXT), _BOOLEAN),
    "regexp_matches": Function("regexp_matches(text, 'pattern')", 2, 2, _regexp),
    "list_contains": _simple("list_contains(list, value)", (_LIST, _TEXT), _BOOLEAN),
    "abs": _simple("abs(number)", (_NUMBER,), _NUMBER),
    "floor": _simple("floor(number)", (_NUMBER,), _NUMBER),
    "ceil": _simple("ceil(number)", (_NUMBER,), _NUMBER),
    "coalesce": _common("coalesce(value, value, …)", 1, 20),
    "nullif": _common("nullif(value, value)", 2, 2),
    "least": _common("least(number, number, …)", 1, 20, numbers=True),
    "greatest": _common("greatest(number, number, …)", 1, 20, numbers=True),
    "date_part": Function("date_part('hour', time)", 2, 2, _date_part),
}
"""Every function that a rule may call."""

_ALIASES = {
    "len": "length",
    "array_length": "length",
    "array_size": "length",
    "regexp_like": "regexp_matches",
    "array_contains": "list_contains",
    "list_has": "list_contains",
    "endswith": "ends_with",
    "suffix": "ends_with",
    "startswith": "starts_with",
    "ceiling": "ceil",
    "extract": "date_part",
}


def function_name(node: exp.Func) -> str:
    """The name by which FUNCTIONS has a function."""
    name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
    return _ALIASES.get(name.lower(), name.lower())


def arguments_of(node: exp.Func) -> list[exp.Expr]:
    """What a function is called with."""
    if isinstance(node, exp.Extract):
        return [sql.text(node.name.lower()), node.args["expression"]]
    found: list[object] = []
    for key in node.arg_types:
        value = node.args.get(key)
        found += value if isinstance(value, list) else [value]
    return [item for item in found if isinstance(item, exp.Expr)]
