"""What a budget's spend is counted in. Pure."""

from __future__ import annotations

from ebudget.columns import BY_NAME
from ebudget.policy.model import Budget, Policy, Workflow
from ebudget.policy.rules.rule import Rule, compile_amount
from ebudget.policy.rules.summands import summands_of, valued_of
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
    names = summands_of(rule.tree)
    if names is None:
        return DOLLARS if "cost_usd" in valued_of(rule.tree) else UNKNOWN
    units = {known.unit if (known := BY_NAME.get(name)) else None for name in names}
    if DOLLARS in units:
        return DOLLARS
    (unit,) = units if len(units) == 1 else (None,)
    return unit or UNKNOWN
