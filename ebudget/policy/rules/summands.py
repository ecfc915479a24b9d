"""What an expression adds up: the columns that have a part in its value."""

from __future__ import annotations

from sqlglot import exp


def _inner(node: exp.Expr) -> list[exp.Expr]:
    """The parts of an expression whose values become its own; conditions and divisors do not."""
    match node:
        case exp.Case():
            results = [branch.args["true"] for branch in node.args["ifs"]]
            return [*results, *([node.args["default"]] if node.args.get("default") else [])]
        case exp.Div() | exp.Cast() | exp.TryCast() | exp.Paren() | exp.Neg():
            return [node.this]
        case exp.Anonymous():
            return list(node.expressions)
        case exp.Predicate():
            return []
        case _:
            return list(node.iter_expressions())


def valued_of(node: exp.Expr) -> set[str]:
    """The columns that have a part in an expression's value."""
    if isinstance(node, exp.Column):
        return {node.name}
    return set().union(*map(valued_of, _inner(node)))


def summands_of(node: exp.Expr) -> set[str] | None:
    """The columns of a sum of nothing else; None where anything else is done with them."""
    if isinstance(node, exp.Column):
        return {node.name}
    if isinstance(node, exp.Literal):
        return set()
    is_plain = isinstance(node, exp.Add | exp.Sub | exp.Cast | exp.Paren | exp.Neg)
    is_call = isinstance(node, exp.Anonymous) and node.name.lower() in ("try", "coalesce")
    if not (is_plain or is_call):
        return None
    found: set[str] = set()
    for inner in _inner(node):
        names = summands_of(inner)
        if names is None:
            return None
        found |= names
    return found
