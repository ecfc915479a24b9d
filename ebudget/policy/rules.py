"""Conditions and expressions of a policy: text in, a checked and total syntax tree out.

A rule can reach nothing but the columns of one run. The tree is built anew from an allow-list of
node types, so that nothing of the text reaches a statement unread. Rules are total: a cast that
fails and a division by zero give null, arithmetic is DECIMAL(38, 9), an overflow gives null.
"""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from ebudget.columns import Type
from ebudget.instants import read_time
from ebudget.policy.misfit import unknown_column
from ebudget.sql.trees import (
    DIALECT,
    call,
    cast,
    column,
    decimal,
    text,
    timestamp_literal,
    try_cast,
)
from ebudget.sql.zones import local_of
from ebudget.text import nearest

LONGEST = 4_000
"""Characters of one expression."""
DEEPEST = 60
"""Levels of nesting of one expression; chains of `and` and `or` do not count."""


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
class Rule:
    """A checked expression over the columns of one run."""

    text: str
    type: Type
    tree: exp.Expr
    """Null where a value it needs is missing. Shared: a statement takes a copy."""
    columns: frozenset[str]
    """The columns it reads."""


@dataclass(frozen=True)
class _Term:
    type: Type | None
    """None for a bare null."""
    tree: exp.Expr
    literal: str | None = None
    """The text of a literal, for the places that take only constants."""


_NUMBERS = (Type.NUMBER, Type.INTEGER)


def _decimal_of_double(tree: exp.Expr) -> exp.Expr:
    return try_cast(cast(tree, "VARCHAR"), "DECIMAL(38, 9)")


class _Compiler:
    """One pass over a parsed expression; every node type has a row in `_NODES`."""

    def __init__(self, source: str, types: Mapping[str, Type], zone: ZoneInfo) -> None:
        self.source = source
        self.types = types
        self.folded = {name.lower(): name for name in types}
        self.zone = zone
        self.columns: set[str] = set()
        self.overflows = False

    def compile(self, node: exp.Expr, depth: int = 0) -> _Term:
        if depth > DEEPEST:
            raise RuleError(f"nested more than {DEEPEST} levels deep", _place(node))
        handler = _NODES.get(type(node))
        if handler is not None:
            unread = {k for k, v in node.args.items() if v} - _READ.get(type(node), _BINARY)
            if unread:
                raise RuleError(f"{_shown(node)} is written in a way not allowed", _place(node))
            if node.args.get("negate"):
                plain = node.copy()
                plain.set("negate", None)
                return self._not(exp.Not(this=plain), depth)
            return handler(self, node, depth + 1)
        if isinstance(node, exp.Func) and type(node) not in _NAMES:
            return self._function(node, depth + 1)
        name = _NAMES.get(type(node), type(node).__name__.lower())
        raise RuleError(f"{name} is not allowed in a rule", _place(node))

    def condition(self, node: exp.Expr, depth: int) -> exp.Expr:
        return self.of_type(node, depth, Type.BOOLEAN).tree

    def of_type(self, node: exp.Expr, depth: int, *wanted: Type) -> _Term:
        term = self.compile(node, depth)
        if term.type is not None and term.type not in wanted:
            names = " or ".join(dict.fromkeys(kind_of(one) for one in wanted))
            raise RuleError(f"{_shown(node)} is {kind_of(term.type)}, not {names}", _place(node))
        return term

    def number(self, node: exp.Expr, depth: int) -> exp.Expr:
        return self.of_type(node, depth, *_NUMBERS).tree

    def together(self, nodes: list[exp.Expr], depth: int) -> tuple[list[_Term], Type | None]:
        """The terms with one common type; a text literal beside a time is read as a time."""
        terms = [self.compile(node, depth) for node in nodes]
        if any(term.type is Type.TIME for term in terms):
            terms = [
                self._as_time(term, node) if term.type is Type.TEXT else term
                for term, node in zip(terms, nodes, strict=True)
            ]
        common: Type | None = None
        for term, node in zip(terms, nodes, strict=True):
            kind = Type.NUMBER if term.type in _NUMBERS else term.type
            if kind is None:
                continue
            if common is not None and kind is not common:
                beside = f"and what it stands beside is {kind_of(common)}"
                raise RuleError(f"{_shown(node)} is {kind_of(kind)}, {beside}", _place(node))
            common = kind
        return terms, common

    def _as_time(self, term: _Term, node: exp.Expr) -> _Term:
        if term.literal is None:
            raise RuleError("a time can be compared with a time or a literal only", _place(node))
        try:
            read = read_time(term.literal, self.zone)
        except ValueError:
            raise RuleError(
                f"{term.literal!r} is not a time of the years 1 to 9999; "
                "write '2026-11-20' or '2026-11-20T08:00:00Z'",
                _place(node),
            ) from None
        return _Term(Type.TIME, timestamp_literal(read))

    def _column(self, node: exp.Expr, depth: int) -> _Term:
        assert isinstance(node, exp.Column)
        if node.args.get("table") is not None:
            raise RuleError(
                f"{_shown(node)}: a column has no dots; map the path under logs.fields",
                _place(node),
            )
        if not isinstance(node.this, exp.Identifier):
            raise RuleError("only plain names are columns", _place(node))
        name = self.folded.get(node.name.lower())
        if name is None:
            if node.this.quoted:
                hint = f"a text is written in single quotes: '{node.name}'"
                raise UnknownColumn(node.name, self.types, _place(node), hint)
            raise UnknownColumn(node.name, self.types, _place(node))
        self.columns.add(name)
        return _Term(self.types[name], column(name))

    def _literal(self, node: exp.Expr, depth: int) -> _Term:
        assert isinstance(node, exp.Literal)
        if node.is_string:
            return _Term(Type.TEXT, text(node.this), node.this)
        if not re.fullmatch(r"\d{1,18}(\.\d{0,9})?|\.\d{1,9}", node.this):
            raise RuleError(
                f"{node.this} is not a plain number with at most 18 digits and 9 decimals",
                _place(node),
            )
        return _Term(Type.NUMBER, decimal(exp.Literal.number(node.this)), node.this)

    def _comparison(self, node: exp.Expr, depth: int) -> _Term:
        assert isinstance(node, exp.Binary)
        terms, common = self.together([node.left, node.right], depth)
        if common is Type.LIST:
            raise RuleError("lists are searched with list_contains(list, value)", _place(node))
        return _Term(
            Type.BOOLEAN,
            exp.Paren(this=type(node)(this=terms[0].tree, expression=terms[1].tree)),
        )

    def _connector(self, node: exp.Expr, depth: int) -> _Term:
        assert isinstance(node, exp.Connector)
        kind = type(node)
        parts: list[exp.Expr] = []
        rest: exp.Expr = node
        while isinstance(rest, kind):  # a chain leans to the left; walk it instead of recursing
            parts.append(rest.right)
            rest = rest.left
        parts.append(rest)
        trees = [self.condition(part, depth) for part in reversed(parts)]
        return _Term(Type.BOOLEAN, exp.Paren(this=balanced(kind, trees)))

    def _not(self, node: exp.Expr, depth: int) -> _Term:
        return _Term(
            Type.BOOLEAN,
            exp.Paren(this=exp.Not(this=self.condition(node.this, depth))),
        )

    def _is(self, node: exp.Expr, depth: int) -> _Term:
        wanted = node.args["expression"]
        if isinstance(wanted, exp.Null):
            tree = self.compile(node.this, depth).tree
            return _Term(Type.BOOLEAN, exp.Paren(this=exp.Is(this=tree, expression=exp.Null())))
        if isinstance(wanted, exp.Boolean):
            tree = self.condition(node.this, depth)
            return _Term(
                Type.BOOLEAN,
                exp.Paren(this=exp.NullSafeEQ(this=tree, expression=wanted.copy())),
            )
        raise RuleError("`is` stands before null, true or false only", _place(node))

    def _in(self, node: exp.Expr, depth: int) -> _Term:
        options = node.expressions
        if not options or node.args.get("query") or node.args.get("unnest"):
            raise RuleError("`in` takes a list of values, such as ('a', 'b')", _place(node))
        terms, _ = self.together([node.this, *options], depth)
        tree = exp.In(this=terms[0].tree, expressions=[term.tree for term in terms[1:]])
        return _Term(Type.BOOLEAN, exp.Paren(this=tree))

    def _between(self, node: exp.Expr, depth: int) -> _Term:
        low, high = node.args["low"], node.args["high"]
        if node.args.get("symmetric"):
            raise RuleError("`between symmetric` is not allowed in a rule", _place(node))
        terms, common = self.together([node.this, low, high], depth)
        if common in (Type.BOOLEAN, Type.LIST):
            raise RuleError("`between` compares numbers, times or texts", _place(node))
        tree = exp.Between(this=terms[0].tree, low=terms[1].tree, high=terms[2].tree)
        return _Term(Type.BOOLEAN, exp.Paren(this=tree))

    def _like(self, node: exp.Expr, depth: int) -> _Term:
        subject = self.of_type(node.this, depth, Type.TEXT)
        pattern = self.compile(node.args["expression"], depth)
        if pattern.literal is None or pattern.type is not Type.TEXT:
            raise RuleError("a pattern is a constant text", _place(node))
        return _Term(
            Type.BOOLEAN,
            exp.Paren(this=type(node)(this=subject.tree, expression=pattern.tree)),
        )

    def _arithmetic(self, node: exp.Expr, depth: int) -> _Term:
        assert isinstance(node, exp.Binary)
        self.overflows = True
        left = decimal(self.number(node.left, depth))
        right = decimal(self.number(node.right, depth))
        if isinstance(node, exp.Div):
            right = call("nullif", right, decimal(exp.Literal.number(0)))
            quotient = exp.Div(this=left, expression=right, typed=False, safe=False)
            return _Term(Type.NUMBER, _decimal_of_double(exp.Paren(this=quotient)))
        if isinstance(node, exp.Mod):
            right = call("nullif", right, decimal(exp.Literal.number(0)))
        tree = type(node)(this=left, expression=right)
        return _Term(Type.NUMBER, decimal(exp.Paren(this=tree)))

    def _negative(self, node: exp.Expr, depth: int) -> _Term:
        tree = decimal(self.number(node.this, depth))
        return _Term(Type.NUMBER, exp.Paren(this=exp.Neg(this=tree)))

    def _concatenation(self, node: exp.Expr, depth: int) -> _Term:
        assert isinstance(node, exp.Binary)
        left = self.of_type(node.left, depth, Type.TEXT).tree
        right = self.of_type(node.right, depth, Type.TEXT).tree
        return _Term(Type.TEXT, exp.Paren(this=exp.DPipe(this=left, expression=right, safe=True)))

    def _case(self, node: exp.Expr, depth: int) -> _Term:
        subject = node.args.get("this")
        branches = node.args["ifs"]
        default = node.args.get("default")
        outcomes = [branch.args["true"] for branch in branches]
        terms, common = self.together([*outcomes, *([default] if default else [])], depth)
        ifs = []
        for branch, term in zip(branches, terms, strict=False):
            test = exp.EQ(this=subject, expression=branch.this) if subject else branch.this
            condition = self.condition(test, depth)
            ifs.append(exp.If(this=condition, true=_number_like(term, common)))
        tree = exp.Case(ifs=ifs, default=_number_like(terms[-1], common) if default else exp.Null())
        return _Term(common, exp.Paren(this=tree))

    def _cast(self, node: exp.Expr, depth: int) -> _Term:
        kind = node.args["to"].this
        aims = [(type_, target) for type_, names, target in _CAST_TARGETS if kind in names]
        if not aims:
            raise RuleError(
                "cast to text, decimal, bigint, boolean or timestamp only", _place(node)
            )
        ((type_, target),) = aims
        if any(v for k, v in node.args["to"].args.items() if k != "this") and (
            kind is not exp.DType.DECIMAL
        ):
            raise RuleError(_NO_PARAMETERS, _place(node))
        term = self.compile(node.this, depth)
        if type_ is Type.TIME:
            if term.type is Type.TIME and kind is exp.DType.DATE:
                raise RuleError("a time is not cut to its date; use date_part", _place(node))
            if term.type is Type.TIME:
                return term
            return self._as_time(term, node)
        if type_ is Type.BOOLEAN and term.type is Type.BOOLEAN:
            return term
        source = term.tree
        if type_ in _NUMBERS:
            source = try_cast(cast(source, "VARCHAR"), "DECIMAL(38, 9)")
        return _Term(type_, source if type_ is Type.NUMBER else try_cast(source, target))

    def _function(self, node: exp.Func, depth: int) -> _Term:
        name = _function_name(node)
        row = FUNCTIONS.get(name)
        if row is None and isinstance(node, exp.ArrayOverlaps):
            raise RuleError("`&&` is about lists; two conditions are joined by `and`", _place(node))
        if row is None:
            raise RuleError(f"unknown function {name!r}{nearest(name, FUNCTIONS)}", _place(node))
        if any(isinstance(value, str) for key, value in node.args.items() if key != "this"):
            raise RuleError(f"{name} is written {row.usage}", _place(node))
        arguments = _arguments(node)
        if not row.least <= len(arguments) <= row.most:
            raise RuleError(f"{name} is written {row.usage}", _place(node))
        return row.build(self, node, name, arguments, depth)


_Handler = Callable[[_Compiler, exp.Expr, int], _Term]

_NO_PARAMETERS = "a type takes no parameters; cast to text, decimal, bigint, boolean or timestamp"

_CAST_TARGETS: tuple[tuple[Type, tuple[exp.DType, ...], str], ...] = (
    (
        Type.TEXT,
        (exp.DType.TEXT, exp.DType.VARCHAR, exp.DType.CHAR),
        "VARCHAR",
    ),
    (
        Type.NUMBER,
        (exp.DType.DECIMAL, exp.DType.DOUBLE, exp.DType.FLOAT),
        "DECIMAL(38, 9)",
    ),
    (
        Type.INTEGER,
        (
            exp.DType.INT,
            exp.DType.BIGINT,
            exp.DType.SMALLINT,
            exp.DType.TINYINT,
        ),
        "BIGINT",
    ),
    (Type.BOOLEAN, (exp.DType.BOOLEAN,), "BOOLEAN"),
    (
        Type.TIME,
        (
            exp.DType.TIMESTAMP,
            exp.DType.TIMESTAMPTZ,
            exp.DType.TIMESTAMPNTZ,
            exp.DType.DATE,
        ),
        "TIMESTAMP",
    ),
)
"""What a cast may aim at: our type, SQL's names for it, the target in the statement."""

_NODES: Mapping[type[exp.Expr], _Handler] = {
    exp.Paren: lambda c, node, depth: c.compile(node.this, depth),
    exp.Column: _Compiler._column,
    exp.Literal: _Compiler._literal,
    exp.Boolean: lambda c, node, depth: _Term(Type.BOOLEAN, node.copy()),
    exp.Null: lambda c, node, depth: _Term(None, exp.Null()),
    **dict.fromkeys(
        (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ),
        _Compiler._comparison,
    ),
    **dict.fromkeys((exp.And, exp.Or), _Compiler._connector),
    exp.Not: _Compiler._not,
    exp.Is: _Compiler._is,
    exp.In: _Compiler._in,
    exp.Between: _Compiler._between,
    **dict.fromkeys((exp.Like, exp.ILike), _Compiler._like),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), _Compiler._arithmetic),
    exp.Neg: _Compiler._negative,
    exp.DPipe: _Compiler._concatenation,
    exp.Case: _Compiler._case,
    **dict.fromkeys((exp.Cast, exp.TryCast), _Compiler._cast),
}
"""The allow-list: node types of the syntax tree that a rule may hold."""


_BINARY = frozenset({"this", "expression"})
_READ: Mapping[type[exp.Expr], frozenset[str]] = {
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Column: frozenset({"this", "table"}),
    exp.In: frozenset({"this", "expressions", "query", "unnest", "negate"}),
    exp.Between: frozenset({"this", "low", "high", "symmetric", "negate"}),
    exp.Like: _BINARY | {"negate"},
    exp.ILike: _BINARY | {"negate"},
    exp.Case: frozenset({"this", "ifs", "default"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.TryCast: frozenset({"this", "to", "safe"}),
    exp.Div: _BINARY | {"typed", "safe"},
    exp.DPipe: _BINARY | {"safe"},
}
"""The parts of each node that its handler reads; a node with any other part is refused."""


@dataclass(frozen=True)
class Function:
    """A function that rules may call."""

    usage: str
    least: int
    most: int
    build: Callable[[_Compiler, exp.Func, str, list[exp.Expr], int], _Term]


def _simple(usage: str, takes: tuple[Type, ...], gives: Type, least: int | None = None) -> Function:
    """A function whose arguments and result have fixed types."""

    def build(
        c: _Compiler, node: exp.Func, name: str, arguments: list[exp.Expr], depth: int
    ) -> _Term:
        trees = []
        for argument, type_ in zip(arguments, takes, strict=False):
            wanted = _NUMBERS if type_ is Type.NUMBER else (type_,)
            tree = c.of_type(argument, depth, *wanted).tree
            trees.append(decimal(tree) if type_ is Type.NUMBER else tree)
        tree = call(name, *trees)
        return _Term(gives, decimal(tree) if gives is Type.NUMBER else tree)

    return Function(usage, len(takes) if least is None else least, len(takes), build)


def _common(usage: str, least: int, most: int, *, numbers: bool = False) -> Function:
    """A function whose arguments share one type, which is also the result's."""

    def build(
        c: _Compiler, node: exp.Func, name: str, arguments: list[exp.Expr], depth: int
    ) -> _Term:
        terms, common = c.together(arguments, depth)
        if common is Type.LIST or (numbers and common not in (Type.NUMBER, None)):
            raise RuleError(f"{name} is written {usage}", _place(node))
        return _Term(common, call(name, *(_number_like(term, common) for term in terms)))

    return Function(usage, least, most, build)


def _length(
    c: _Compiler, node: exp.Func, name: str, arguments: list[exp.Expr], depth: int
) -> _Term:
    tree = c.of_type(arguments[0], depth, Type.TEXT, Type.LIST).tree
    return _Term(Type.NUMBER, decimal(call("len", tree)))


def _regexp(
    c: _Compiler, node: exp.Func, name: str, arguments: list[exp.Expr], depth: int
) -> _Term:
    subject = c.of_type(arguments[0], depth, Type.TEXT).tree
    pattern = c.compile(arguments[1], depth)
    if pattern.literal is None or pattern.type is not Type.TEXT:
        raise RuleError("a pattern is a constant text", _place(arguments[1]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern.literal)
    except (re.error, RecursionError, OverflowError) as error:
        raise RuleError(f"not a regular expression: {error}", _place(arguments[1])) from None
    if re.search(r"\(\?(<?[=!]|P=|\()|\\[1-9]", pattern.literal):
        raise RuleError(
            "look-around and back-references are not supported (RE2 syntax)", _place(arguments[1])
        )
    return _Term(Type.BOOLEAN, call(name, subject, pattern.tree))


DATE_PARTS = ("year", "quarter", "month", "week", "day", "dow", "isodow", "doy", "hour", "minute")
"""What `date_part` can ask for."""


def _date_part(
    c: _Compiler, node: exp.Func, name: str, arguments: list[exp.Expr], depth: int
) -> _Term:
    part = c.compile(arguments[0], depth).literal
    if part is None or part.lower() not in DATE_PARTS:
        raise RuleError(f"date_part takes one of {', '.join(DATE_PARTS)}", _place(arguments[0]))
    time = c.of_type(arguments[1], depth, Type.TIME).tree
    local = local_of(time, c.zone.key)
    return _Term(Type.NUMBER, decimal(call("date_part", text(part.lower()), local)))


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


def _function_name(node: exp.Func) -> str:
    name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
    return _ALIASES.get(name.lower(), name.lower())


def _arguments(node: exp.Func) -> list[exp.Expr]:
    if isinstance(node, exp.Extract):
        return [text(node.name.lower()), node.args["expression"]]
    found: list[object] = []
    for key in node.arg_types:
        value = node.args.get(key)
        found += value if isinstance(value, list) else [value]
    return [item for item in found if isinstance(item, exp.Expr)]


def _number_like(term: _Term, common: Type | None) -> exp.Expr:
    return decimal(term.tree) if common is Type.NUMBER and term.type else term.tree


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


def _place(node: exp.Expr) -> int | None:
    for inner in node.walk():
        start = inner.meta.get("start") if inner.meta else None
        if isinstance(start, int):
            return start
    return None


def _shown(node: exp.Expr) -> str:
    shown = node.sql(DIALECT)
    return shown if len(shown) <= 40 else shown[:39] + "…"


_NAMES: Mapping[type[exp.Expr], str] = {
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


def balanced(kind: type[exp.Connector], trees: list[exp.Expr]) -> exp.Expr:
    """Many conditions joined as a balanced tree, so that a long chain nests little."""
    if len(trees) == 1:
        return trees[0]
    middle = len(trees) // 2
    return exp.Paren(
        this=kind(this=balanced(kind, trees[:middle]), expression=balanced(kind, trees[middle:]))
    )


def compile_rule(source: str, types: Mapping[str, Type], zone: ZoneInfo) -> Rule:
    """Check one expression and build its tree; `zone` is the policy's. Raises RuleError."""
    return _compiled(source, tuple(types.items()), zone)


@lru_cache(maxsize=1_000)
def _compiled(source: str, types: tuple[tuple[str, Type], ...], zone: ZoneInfo) -> Rule:
    # A policy's check, its plan and the ledger's statement ask for the same rules.
    if len(source) > LONGEST:
        raise RuleError(f"longer than {LONGEST:,} characters")
    if not source.strip():
        raise RuleError("an expression is missing")
    try:
        tokens = sqlglot.tokenize(source, read=DIALECT)
        if any(token.comments for token in tokens):
            raise RuleError("comments are not allowed in a rule")
        for token in tokens:
            if token.token_type is TokenType.SEMICOLON:
                raise RuleError("one expression is expected, without a semicolon", token.start)
        _check_cast_types(tokens)
        with _quiet_parser():
            parsed = sqlglot.parse(source, read=DIALECT)
        if len(parsed) != 1 or parsed[0] is None:
            raise RuleError("an expression is missing")
        compiler = _Compiler(source, dict(types), zone)
        term = compiler.compile(parsed[0])
    except ParseError as error:
        raise RuleError(*_parse_failure(error, source)) from None
    except TokenError:
        raise RuleError("not a SQL expression; is a quote missing?") from None
    except RecursionError:
        raise RuleError("nested too deeply") from None
    tree = call("try", term.tree) if compiler.overflows else term.tree
    return Rule(source, term.type or Type.BOOLEAN, tree, frozenset(compiler.columns))


_CAST_SIGNS = (TokenType.ALIAS, TokenType.DCOLON)
"""What stands before a type."""


def _check_cast_types(tokens: Sequence[Token]) -> None:
    """Refuse a type with parameters. The tree cannot tell `decimal` from `decimal(18, 3)`."""
    for before, type_, after in zip([None, *tokens], tokens, tokens[1:], strict=False):
        is_type = before is not None and before.token_type in _CAST_SIGNS
        is_type |= type_.token_type is TokenType.DECIMAL
        if is_type and after.token_type is TokenType.L_PAREN:
            raise RuleError(_NO_PARAMETERS, type_.start)


@contextlib.contextmanager
def _quiet_parser() -> Iterator[None]:
    """What the parser would log of a rule is said by RuleError, and escaped where it is shown."""
    logger = logging.getLogger("sqlglot")
    was_disabled, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = was_disabled


def _parse_failure(error: ParseError, source: str) -> tuple[str, int | None]:
    details = error.errors[0] if error.errors else {}
    at = len(details["start_context"]) if details.get("start_context") is not None else None
    description = str(details.get("description") or "not a SQL expression")
    known = next((plain for word, plain in _PLAINLY.items() if word in description), None)
    return f"not a SQL expression{known or ''}", at


_PLAINLY = {
    "Required keyword": ": it is not complete",
    "Expecting )": ": a closing bracket is missing",
    "Expected AND": ": `between` needs `and`",
    "Expected END": ": `case` needs `end`",
}
"""What the parser complains of, and how it is told. Its other words are about its own insides."""


def with_column(source: str, column: str, text: str) -> str:
    """An expression with another text in place of a column."""
    tokens = sqlglot.tokenize(source, read=DIALECT)
    result, end = [], 0
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        is_name = token.token_type in (TokenType.VAR, TokenType.IDENTIFIER)
        is_call = following is not None and following.token_type is TokenType.L_PAREN
        if is_name and not is_call and token.text.lower() == column.lower():
            result += [source[end : token.start], text]
            end = token.end + 1
    return "".join([*result, source[end:]])


def compile_condition(source: str, types: Mapping[str, Type], zone: ZoneInfo) -> Rule:
    """Check a condition. Raises RuleError also where it is no condition."""
    rule = compile_rule(source, types, zone)
    if rule.type is not Type.BOOLEAN:
        raise RuleError(
            f"this is {kind_of(rule.type)}, not a condition such as outcome = 'failure'"
        )
    return rule


def compile_amount(source: str, types: Mapping[str, Type], zone: ZoneInfo) -> Rule:
    """Check a numeric expression. Raises RuleError also where it is no number."""
    rule = compile_rule(source, types, zone)
    if rule.type not in _NUMBERS:
        raise RuleError(f"this is {kind_of(rule.type)}, not a number such as cost_usd")
    return rule
