"""What a budget's spend is counted in. Pure."""

from __future__ import annotations

from sqlglot import exp

from ebudget.columns import BY_NAME
from ebudget.policy.model import Budget, Policy, Workflow
from ebudget.policy.rules.rule import Rule, compile_amount
from ebudget.policy.spends import Kind
from ebudget.quantities import Unit

DOLLARS = "USD"
UNKNOWN = "units"
_DOLLAR_WORDS = ("usd", "us$", "$", "dollar", "dollars")


def unit_of(policy: Policy, budget: Budget, workflow: Workflow | None) -> Unit:
    """The unit of a budget's spend; `workflow` is that of the account, where it has one."""
    if budget.unit is not None:
        is_money = budget.unit.strip().lower() in _DOLLAR_WORDS
        return Unit(DOLLARS if is_money else budget.unit)
    if budget.spend.amount is not None:
        return _of_sum(policy, budget, budget.spend.amount.strip())
    return Unit(workflow.unit if workflow else "run")


def _of_sum(policy: Policy, budget: Budget, expression: str) -> Unit:
    known = BY_NAME.get(expression)
    if budget.needs_value:
        return Unit(DOLLARS)  # held against dollars
    if budget.spend.unit is not None:
        return Unit(budget.spend.unit, noun=budget.spend.unit not in policy.columns)
    if known is not None:
        return Unit(known.unit or known.name, noun=False)
    if budget.kind is Kind.COST:
        return Unit(DOLLARS)
    if expression in policy.columns:
        return Unit(expression, noun=False)
    return Unit(_of_expression(compile_amount(expression, policy.columns, policy.timezone)))


def _of_expression(rule: Rule) -> str:
    """Dollars where dollars are part of what is added up; else the unit of all that is."""
    names = _summands(rule.tree)
    if names is None:
        return DOLLARS if "cost_usd" in _valued(rule.tree) else UNKNOWN
    units = {known.unit if (known := BY_NAME.get(name)) else None for name in names}
    if DOLLARS in units:
        return DOLLARS
    (unit,) = units if len(units) == 1 else (None,)
    return unit or UNKNOWN


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


def _valued(node: exp.Expr) -> set[str]:
    """The columns that have a part in an expression's value."""
    if isinstance(node, exp.Column):
        return {node.name}
    return set().union(*map(_valued, _inner(node)))


def _summands(node: exp.Expr) -> set[str] | None:
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
        names = _summands(inner)
        if names is None:
            return None
        found |= names
    return found
