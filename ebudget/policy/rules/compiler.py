"""The allow-list of what an expression may hold, and how each part is built anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

from sqlglot import exp

from ebudget import sql
from ebudget.columns import Type
from ebudget.instants import read_time
from ebudget.policy.rules.functions import FUNCTIONS, arguments_of, function_name
from ebudget.policy.rules.terms import (
    NAMES,
    NUMBERS,
    RuleError,
    Term,
    UnknownColumn,
    kind_of,
    number_like,
    place_of,
    shown,
)
from ebudget.text import nearest

DEEPEST = 60
"""Levels of nesting of one expression; chains of `and` and `or` do not count."""


def _decimal_of_double(tree: exp.Expr) -> exp.Expr:
    return sql.try_cast(sql.cast(tree, "VARCHAR"), "DECIMAL(38, 9)")


class Compiler:
    """One pass over a parsed expression; every node type has a row in `_NODES`."""

    def __init__(self, source: str, types: Mapping[str, Type], zone: ZoneInfo) -> None:
        self.source = source
        self.types = types
        self.folded = {name.lower(): name for name in types}
        self.zone = zone
        self.columns: set[str] = set()
        self.overflows = False

    def compile(self, node: exp.Expr, depth: int = 0) -> Term:
        """A part, built anew. Raises RuleError."""
        if depth > DEEPEST:
            raise RuleError(f"nested more than {DEEPEST} levels deep", place_of(node))
        handler = _NODES.get(type(node))
        if handler is not None:
            unread = {k for k, v in node.args.items() if v} - _READ.get(type(node), _BINARY)
            if unread:
                raise RuleError(f"{shown(node)} is written in a way not allowed", place_of(node))
            if node.args.get("negate"):
                plain = node.copy()
                plain.set("negate", None)
                return self._not(exp.Not(this=plain), depth)
            return handler(self, node, depth + 1)
        if isinstance(node, exp.Func) and type(node) not in NAMES:
            return self._function(node, depth + 1)
        name = NAMES.get(type(node), type(node).__name__.lower())
        raise RuleError(f"{name} is not allowed in a rule", place_of(node))

    def condition(self, node: exp.Expr, depth: int) -> exp.Expr:
        """A part that must be a condition."""
        return self.of_type(node, depth, Type.BOOLEAN).tree

    def of_type(self, node: exp.Expr, depth: int, *wanted: Type) -> Term:
        """A part that must be of one of these types."""
        term = self.compile(node, depth)
        if term.type is not None and term.type not in wanted:
            names = " or ".join(dict.fromkeys(kind_of(one) for one in wanted))
            raise RuleError(f"{shown(node)} is {kind_of(term.type)}, not {names}", place_of(node))
        return term

    def number(self, node: exp.Expr, depth: int) -> exp.Expr:
        """A part that must be a number."""
        return self.of_type(node, depth, *NUMBERS).tree

    def together(self, nodes: Sequence[exp.Expr], depth: int) -> tuple[list[Term], Type | None]:
        """The terms with one common type; a text literal beside a time is read as a time."""
        terms = [self.compile(node, depth) for node in nodes]
        if any(term.type is Type.TIME for term in terms):
            terms = [
                self._as_time(term, node) if term.type is Type.TEXT else term
                for term, node in zip(terms, nodes, strict=True)
            ]
        common: Type | None = None
        for term, node in zip(terms, nodes, strict=True):
            kind = Type.NUMBER if term.type in NUMBERS else term.type
            if kind is None:
                continue
            if common is not None and kind is not common:
                beside = f"and what it stands beside is {kind_of(common)}"
                raise RuleError(f"{shown(node)} is {kind_of(kind)}, {beside}", place_of(node))
            common = kind
        return terms, common

    def _as_time(self, term: Term, node: exp.Expr) -> Term:
        if term.literal is None:
            raise RuleError("a time can be compared with a time or a literal only", place_of(node))
        try:
            read = read_time(term.literal, self.zone)
        except ValueError:
            raise RuleError(
                f"{term.literal!r} is not a time of the years 1 to 9999; "
                "write '2026-11-20' or '2026-11-20T08:00:00Z'",
                place_of(node),
            ) from None
        return Term(Type.TIME, sql.timestamp_literal(read))

    def _column(self, node: exp.Expr, depth: int) -> Term:
        assert isinstance(node, exp.Column)
        if node.args.get("table") is not None:
            raise RuleError(
                f"{shown(node)}: a column has no dots; map the path under logs.fields",
                place_of(node),
            )
        if not isinstance(node.this, exp.Identifier):
            raise RuleError("only plain names are columns", place_of(node))
        name = self.folded.get(node.name.lower())
        if name is None:
            if node.this.quoted:
                hint = f"a text is written in single quotes: '{node.name}'"
                raise UnknownColumn(node.name, self.types, place_of(node), hint)
            raise UnknownColumn(node.name, self.types, place_of(node))
        self.columns.add(name)
        return Term(self.types[name], sql.column(name))

    def _literal(self, node: exp.Expr, depth: int) -> Term:
        assert isinstance(node, exp.Literal)
        if node.is_string:
            return Term(Type.TEXT, sql.text(node.this), node.this)
        if not re.fullmatch(r"\d{1,18}(\.\d{0,9})?|\.\d{1,9}", node.this):
            raise RuleError(
                f"{node.this} is not a plain number with at most 18 digits and 9 decimals",
                place_of(node),
            )
        return Term(Type.NUMBER, sql.decimal(exp.Literal.number(node.this)), node.this)

    def _comparison(self, node: exp.Expr, depth: int) -> Term:
        assert isinstance(node, exp.Binary)
        terms, common = self.together([node.left, node.right], depth)
        if common is Type.LIST:
            raise RuleError("lists are searched with list_contains(list, value)", place_of(node))
        return Term(
            Type.BOOLEAN,
            exp.Paren(this=type(node)(this=terms[0].tree, expression=terms[1].tree)),
        )

    def _connector(self, node: exp.Expr, depth: int) -> Term:
        assert isinstance(node, exp.Connector)
        kind = type(node)
        parts: list[exp.Expr] = []
        rest: exp.Expr = node
        while isinstance(rest, kind):  # a chain leans to the left; walk it instead of recursing
            parts.append(rest.right)
            rest = rest.left
        parts.append(rest)
        trees = [self.condition(part, depth) for part in reversed(parts)]
        return Term(Type.BOOLEAN, exp.Paren(this=balanced(kind, trees)))

    def _not(self, node: exp.Expr, depth: int) -> Term:
        return Term(
            Type.BOOLEAN,
            exp.Paren(this=exp.Not(this=self.condition(node.this, depth))),
        )

    def _is(self, node: exp.Expr, depth: int) -> Term:
        wanted = node.args["expression"]
        if isinstance(wanted, exp.Null):
            tree = self.compile(node.this, depth).tree
            return Term(Type.BOOLEAN, exp.Paren(this=exp.Is(this=tree, expression=exp.Null())))
        if isinstance(wanted, exp.Boolean):
            tree = self.condition(node.this, depth)
            return Term(
                Type.BOOLEAN,
                exp.Paren(this=exp.NullSafeEQ(this=tree, expression=wanted.copy())),
            )
        raise RuleError("`is` stands before null, true or false only", place_of(node))

    def _in(self, node: exp.Expr, depth: int) -> Term:
        options = node.expressions
        if not options or node.args.get("query") or node.args.get("unnest"):
            raise RuleError("`in` takes a list of values, such as ('a', 'b')", place_of(node))
        terms, _ = self.together([node.this, *options], depth)
        tree = exp.In(this=terms[0].tree, expressions=[term.tree for term in terms[1:]])
        return Term(Type.BOOLEAN, exp.Paren(this=tree))

    def _between(self, node: exp.Expr, depth: int) -> Term:
        low, high = node.args["low"], node.args["high"]
        if node.args.get("symmetric"):
            raise RuleError("`between symmetric` is not allowed in a rule", place_of(node))
        terms, common = self.together([node.this, low, high], depth)
        if common in (Type.BOOLEAN, Type.LIST):
            raise RuleError("`between` compares numbers, times or texts", place_of(node))
        tree = exp.Between(this=terms[0].tree, low=terms[1].tree, high=terms[2].tree)
        return Term(Type.BOOLEAN, exp.Paren(this=tree))

    def _like(self, node: exp.Expr, depth: int) -> Term:
        subject = self.of_type(node.this, depth, Type.TEXT)
        pattern = self.compile(node.args["expression"], depth)
        if pattern.literal is None or pattern.type is not Type.TEXT:
            raise RuleError("a pattern is a constant text", place_of(node))
        return Term(
            Type.BOOLEAN,
            exp.Paren(this=type(node)(this=subject.tree, expression=pattern.tree)),
        )

    def _arithmetic(self, node: exp.Expr, depth: int) -> Term:
        assert isinstance(node, exp.Binary)
        self.overflows = True
        left = sql.decimal(self.number(node.left, depth))
        right = sql.decimal(self.number(node.right, depth))
        if isinstance(node, exp.Div):
            right = sql.call("nullif", right, sql.decimal(exp.Literal.number(0)))
            quotient = exp.Div(this=left, expression=right, typed=False, safe=False)
            return Term(Type.NUMBER, _decimal_of_double(exp.Paren(this=quotient)))
        if isinstance(node, exp.Mod):
            right = sql.call("nullif", right, sql.decimal(exp.Literal.number(0)))
        tree = type(node)(this=left, expression=right)
        return Term(Type.NUMBER, sql.decimal(exp.Paren(this=tree)))

    def _negative(self, node: exp.Expr, depth: int) -> Term:
        tree = sql.decimal(self.number(node.this, depth))
        return Term(Type.NUMBER, exp.Paren(this=exp.Neg(this=tree)))

    def _concatenation(self, node: exp.Expr, depth: int) -> Term:
        assert isinstance(node, exp.Binary)
        left = self.of_type(node.left, depth, Type.TEXT).tree
        right = self.of_type(node.right, depth, Type.TEXT).tree
        return Term(Type.TEXT, exp.Paren(this=exp.DPipe(this=left, expression=right, safe=True)))

    def _case(self, node: exp.Expr, depth: int) -> Term:
        subject = node.args.get("this")
        branches = node.args["ifs"]
        default = node.args.get("default")
        outcomes = [branch.args["true"] for branch in branches]
        terms, common = self.together([*outcomes, *([default] if default else [])], depth)
        ifs = []
        for branch, term in zip(branches, terms, strict=False):
            test = exp.EQ(this=subject, expression=branch.this) if subject else branch.this
            condition = self.condition(test, depth)
            ifs.append(exp.If(this=condition, true=number_like(term, common)))
        tree = exp.Case(ifs=ifs, default=number_like(terms[-1], common) if default else exp.Null())
        return Term(common, exp.Paren(this=tree))

    def _cast(self, node: exp.Expr, depth: int) -> Term:
        kind = node.args["to"].this
        aims = [(type_, target) for type_, names, target in _CAST_TARGETS if kind in names]
        if not aims:
            raise RuleError(
                "cast to text, decimal, bigint, boolean or timestamp only", place_of(node)
            )
        ((type_, target),) = aims
        if any(v for k, v in node.args["to"].args.items() if k != "this") and (
            kind is not exp.DType.DECIMAL
        ):
            raise RuleError(_NO_PARAMETERS, place_of(node))
        term = self.compile(node.this, depth)
        if type_ is Type.TIME:
            if term.type is Type.TIME and kind is exp.DType.DATE:
                raise RuleError("a time is not cut to its date; use date_part", place_of(node))
            if term.type is Type.TIME:
                return term
            return self._as_time(term, node)
        if type_ is Type.BOOLEAN and term.type is Type.BOOLEAN:
            return term
        source = term.tree
        if type_ in NUMBERS:
            source = sql.try_cast(sql.cast(source, "VARCHAR"), "DECIMAL(38, 9)")
        return Term(type_, source if type_ is Type.NUMBER else sql.try_cast(source, target))

    def _function(self, node: exp.Func, depth: int) -> Term:
        name = function_name(node)
        row = FUNCTIONS.get(name)
        if row is None and isinstance(node, exp.ArrayOverlaps):
            raise RuleError(
                "`&&` is about lists; two conditions are joined by `and`", place_of(node)
            )
        if row is None:
            raise RuleError(f"unknown function {name!r}{nearest(name, FUNCTIONS)}", place_of(node))
        if any(isinstance(value, str) for key, value in node.args.items() if key != "this"):
            raise RuleError(f"{name} is written {row.usage}", place_of(node))
        arguments = arguments_of(node)
        if not row.least <= len(arguments) <= row.most:
            raise RuleError(f"{name} is written {row.usage}", place_of(node))
        return row.build(self, node, name, arguments, depth)


_Handler = Callable[[Compiler, exp.Expr, int], Term]

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
    exp.Column: Compiler._column,
    exp.Literal: Compiler._literal,
    exp.Boolean: lambda c, node, depth: Term(Type.BOOLEAN, node.copy()),
    exp.Null: lambda c, node, depth: Term(None, exp.Null()),
    **dict.fromkeys(
        (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ),
        Compiler._comparison,
    ),
    **dict.fromkeys((exp.And, exp.Or), Compiler._connector),
    exp.Not: Compiler._not,
    exp.Is: Compiler._is,
    exp.In: Compiler._in,
    exp.Between: Compiler._between,
    **dict.fromkeys((exp.Like, exp.ILike), Compiler._like),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), Compiler._arithmetic),
    exp.Neg: Compiler._negative,
    exp.DPipe: Compiler._concatenation,
    exp.Case: Compiler._case,
    **dict.fromkeys((exp.Cast, exp.TryCast), Compiler._cast),
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


def balanced(kind: type[exp.Connector], trees: list[exp.Expr]) -> exp.Expr:
    """Many conditions joined as a balanced tree, so that a long chain nests little."""
    if len(trees) == 1:
        return trees[0]
    middle = len(trees) // 2
    return exp.Paren(
        this=kind(this=balanced(kind, trees[:middle]), expression=balanced(kind, trees[middle:]))
    )
