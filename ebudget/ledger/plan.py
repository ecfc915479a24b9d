"""From a policy to the statements that make a ledger of canonical runs.

The ledger's key holds everything that any budget asks of a run: its values of the columns that
budgets select or group by, its outcome, the conditions it meets, and the stretch of time it lies
in. So all budgets share one grouping, and its cost hardly depends on their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from ebudget.columns import NUMBERS
from ebudget.errors import UsageError
from ebudget.figures import NOT_MADE_FOR
from ebudget.logs.runs import Canonical, flag, flag_columns
from ebudget.logs.values.columns import flaws_of, wanted_column
from ebudget.policy.alerts import burn_alerts
from ebudget.policy.model import Budget, Policy
from ebudget.policy.rules.rule import Rule, compile_amount, compile_condition
from ebudget.policy.spends import spends_unnamed
from ebudget.policy.wants import NOTHING_MORE, Wants
from ebudget.policy.windows import day_ends, marks, span
from ebudget.text import nearest, quoted

BUCKET, COUNT = "_bucket", "_runs"


EdgesOf = Callable[[int, int | None], Iterable[int]]
"""Bucket edges for an as_of and the oldest run."""


class Asks(Enum):
    """What the ledger remembers of a condition."""

    HOLDS = "holds"
    UNKNOWN = "is unknown"
    MEASURED = "is known, and a column that it reads has a value"
    VOICED = "one of these columns has a value"


@dataclass(frozen=True)
class Predicate:
    """One thing that the ledger remembers of every run."""

    source: str
    """The condition's text."""
    asks: Asks = Asks.HOLDS
    over: tuple[str, ...] = ()
    """For `MEASURED`, the columns of which one must have a value."""
    assuming: tuple[str, ...] | None = None
    """The failure rules of a policy by which a run without an outcome is a success if it matches
    none; None where the condition reads no outcome, or the policy assumes nothing."""


SAYS_NOTHING = Predicate("nothing says how it went")
UNKNOWN_OUTCOME = Predicate("its outcome is a word that nobody knows")
ALWAYS = (SAYS_NOTHING, UNKNOWN_OUTCOME)
"""What the ledger remembers of every run, whatever the policy asks."""


@dataclass(frozen=True)
class Amount:
    """One expression that is summed."""

    source: str
    over: tuple[str, ...]
    """The columns of which one must have a value for a run to be measured."""
    assuming: tuple[str, ...] | None = None


class SumColumns(NamedTuple):
    """The columns of a ledger that hold one sum."""

    total: str
    measured: str
    """How many runs are measured."""
    negative: str
    """The sum of the amounts below zero."""


@dataclass(frozen=True)
class Plan:
    """What a ledger has to hold for these budgets."""

    policy: Policy
    dimensions: tuple[str, ...]
    """The columns whose values are part of the key."""
    predicates: tuple[Predicate, ...]
    sums: tuple[Amount, ...]
    canonical: Canonical
    numbers: Mapping[str, tuple[Fraction, ...]] = field(default_factory=dict)
    """Of the dimensions that hold numbers, the ones that are told apart."""
    thorough: bool = False
    """Whether to look for optional fields that are absent."""
    wants: Wants = NOTHING_MORE
    """What is asked of accounts beside what the policy itself asks."""
    edges: EdgesOf | None = None
    """What gives bucket edges for an as_of and the oldest run, beside those of the policy's
    windows."""

    def edges_at(self, as_of: int, first: int | None) -> tuple[int, ...]:
        """The instants between which runs are told apart, up to as_of, in order."""
        edges = window_edges(self.policy, as_of, self.wants)
        if self.edges is not None:
            edges.update(self.edges(as_of, first))
        return tuple(sorted({edge for edge in edges if edge <= as_of} | {as_of}))

    def reads_otherwise(self, policy: Policy) -> str | None:
        """What a policy says of how the logs are read that the plan's own says otherwise."""
        mine, theirs = self.policy, policy
        for name in ("outcomes", "key", "timezone", "records_at"):
            if getattr(mine.logs, name) != getattr(theirs.logs, name):
                return f"logs.{name}"
        if mine.timezone != theirs.timezone:
            return "timezone"
        for name, field_ in theirs.logs.fields.items():
            if mine.logs.fields.get(name) != field_:
                return f"logs.fields.{name}"
        return None

    @cached_property
    def _places(self) -> dict[Predicate, int]:
        return {predicate: place for place, predicate in enumerate(self.predicates)}

    def place(self, predicate: Predicate) -> int:
        """The place of a predicate among those that the ledger remembers. Raises ValueError."""
        if predicate not in self._places:
            raise ValueError(f"{NOT_MADE_FOR} the condition {predicate.source!r}")
        return self._places[predicate]

    def rule(self, source: str, asks: Asks = Asks.HOLDS) -> int:
        """The place of a failure rule's condition."""
        return self.place(Predicate(source, asks))

    def sum_of(self, amount: Amount) -> SumColumns:
        """The columns that hold a sum. Raises ValueError."""
        if amount not in self.sums:
            raise ValueError(f"{NOT_MADE_FOR} the sum {amount.source!r}")
        return self.sum_columns[self.sums.index(amount)]

    @property
    def flag_columns(self) -> tuple[str, ...]:
        """The columns that hold which predicates are met, as bits."""
        return flag_columns("_flags_", len(self.predicates))

    def flag(self, place: int) -> tuple[str, int]:
        """The column that holds whether the predicate at a place is met, and the bit there."""
        return flag(self.flag_columns, place)

    @property
    def sum_columns(self) -> tuple[SumColumns, ...]:
        """For each sum, the columns that hold it."""
        return tuple(
            SumColumns(f"_sum_{i}", f"_measured_{i}", f"_negative_{i}")
            for i in range(len(self.sums))
        )

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that part the ledger's rows."""
        return (
            *self.dimensions,
            "outcome",
            *self.flag_columns,
            *self.canonical.flaw_columns,
            BUCKET,
        )


def assumed(policy: Policy, rule: Rule) -> tuple[str, ...] | None:
    """The failure rules that a condition of a budget depends on, because it reads the outcome and
    a run that says nothing is a success unless one of them matches.
    """
    if policy.logs.no_outcome is None or "outcome" not in rule.columns:
        return None
    return tuple(failure.when for failure in policy.failures.values())


def measured_over(budget: Budget, rule: Rule) -> tuple[str, ...]:
    """The columns of which one must have a value for a condition or a sum to be measured.

    A run is always known by its id, its time, and what the budget selects and groups by, so these
    count only where nothing else is read.
    """
    return _telling(budget, rule.columns)


def _telling(budget: Budget, columns: frozenset[str]) -> tuple[str, ...]:
    known = {"run_id", "start_time", *budget.dimensions, *(s.column for s in budget.for_)}
    return tuple(sorted(columns - known or columns))


def condition_of(policy: Policy, source: str) -> Predicate:
    """A condition as a budget asks it of a run."""
    return Predicate(source, assuming=assumed(policy, rule_of(policy, source)))


def measured_of(policy: Policy, budget: Budget, source: str) -> Predicate:
    """Whether a run is measured for a budget that counts where a condition holds."""
    rule = rule_of(policy, source)
    return Predicate(source, Asks.MEASURED, measured_over(budget, rule), assumed(policy, rule))


def voiced_of(policy: Policy, budget: Budget) -> Predicate:
    """Whether a run has anything to say to the failure rules that can spend a budget."""
    rules = [rule_of(policy, when) for when in spending_rules(policy, budget).values()]
    columns = frozenset[str]().union(*(rule.columns for rule in rules))
    over = _telling(budget, columns)
    return Predicate(", ".join(over), Asks.VOICED, over)


def amount_of(policy: Policy, budget: Budget, source: str) -> Amount:
    """An expression as a budget sums it."""
    rule = amount_rule(policy, source)
    return Amount(source, measured_over(budget, rule), assumed(policy, rule))


def spending_rules(policy: Policy, budget: Budget) -> dict[str, str]:
    """The failure rules that can spend a budget: their names and conditions."""
    return {n: policy.failures[n].when for n in budget.spend.rules(policy.failures)}


def reads_outcome(policy: Policy, budget: Budget) -> bool:
    """Whether the outcome that a log says has a part in what a budget counts, sums or earns by."""
    spend = budget.spend
    if spends_unnamed(spend, policy.unclassified):
        return True
    rules = [rule_of(policy, spend.condition)] if spend.condition is not None else []
    if spend.amount is not None:
        rules.append(amount_rule(policy, spend.amount))
    if budget.earning_rule is not None:
        rules.append(rule_of(policy, budget.earning_rule))
    rules += [rule_of(policy, when) for when in spending_rules(policy, budget).values()]
    return any("outcome" in rule.columns for rule in rules)


def _predicates_of(policy: Policy, budget: Budget) -> list[Predicate]:
    """What a budget asks of a run, beside the failure rules."""
    found: list[Predicate] = []
    if budget.earning_rule is not None:
        found.append(condition_of(policy, budget.earning_rule))
    condition = budget.spend.condition
    if condition is not None:
        found += [condition_of(policy, condition), measured_of(policy, budget, condition)]
    rules = spending_rules(policy, budget).values()
    found += [Predicate(when, Asks.UNKNOWN) for when in rules]
    if rules:
        found.append(voiced_of(policy, budget))
    return found


def make_plan(
    policy: Policy,
    wants: Wants = NOTHING_MORE,
    *,
    apart: Sequence[str] = (),
    unknowns: bool = False,
    beside: Sequence[Policy] = (),
    edges: EdgesOf | None = None,
) -> Plan:
    """What has to be read and remembered.

    `apart` are columns to hold apart that the spend is not broken down by. With `unknowns`, also
    where the conditions of failure rules are null, and which optional fields are absent. `beside`
    are policies that read the log as the first one does, and that the same ledger has to serve.
    Raises UsageError where a column or a budget is wanted that the policy does not know.
    """
    _check_names(policy, wants, apart)
    dimensions: set[str] = {*wants.by, *apart}
    failures = [f.when for one in (policy, *beside) for f in one.failures.values()]
    failures = list(dict.fromkeys(failures))
    predicates = [SAYS_NOTHING, UNKNOWN_OUTCOME, *(Predicate(when) for when in failures)]
    if unknowns:
        predicates += [Predicate(when, Asks.UNKNOWN) for when in failures]
    sums: list[Amount] = []
    for one in (policy, *beside):
        for budget in one.budgets.values():
            dimensions.update(budget.dimensions, budget.by, (s.column for s in budget.for_))
            if budget.needs_value:
                dimensions.add("workflow")
            predicates += _predicates_of(one, budget)
            if budget.spend.amount is not None:
                sums.append(amount_of(one, budget, budget.spend.amount))
    dimensions.discard("outcome")
    predicates = list(dict.fromkeys(predicates))
    sums = list(dict.fromkeys(sums))
    needed = {"run_id", "start_time", "outcome", *dimensions}
    needed.update(name for name in policy.logs.key if name in policy.columns)
    told = [p for p in predicates if p not in ALWAYS and p.asks is not Asks.VOICED]
    rules = [rule_of(policy, predicate.source) for predicate in told]
    rules += [rule_of(policy, when) for when in policy.logs.conditions.values()]
    rules += [amount_rule(policy, amount.source) for amount in sums]
    needed.update(*(rule.columns for rule in rules))
    if "risk_tier" in needed and any(w.risk_tier for w in policy.workflows.values()):
        needed.add("workflow")
    if "duration_ms" in needed and "duration_ms" not in policy.logs.fields:
        needed.add("end_time")
    order = [name for name in policy.columns if name in needed]
    wanted = tuple(wanted_column(policy, name) for name in order)
    return Plan(
        policy,
        tuple(name for name in policy.columns if name in dimensions),
        tuple(predicates),
        tuple(sums),
        Canonical(policy, wanted, flaws_of(wanted)),
        _numbers(policy, (policy, *beside)),
        thorough=unknowns,
        wants=wants,
        edges=edges,
    )


def _check_names(policy: Policy, wants: Wants, apart: Sequence[str]) -> None:
    for what, names, known in (
        ("column", (*wants.by, *apart), policy.columns),
        ("budget", wants.days_of, policy.budgets),
    ):
        for name in names:
            if name not in known:
                raise UsageError(f"no {what} is named {quoted(name)}{nearest(name, known)}")


def _numbers(policy: Policy, all_: Sequence[Policy]) -> dict[str, tuple[Fraction, ...]]:
    """The numbers that budgets select by, column by column."""
    found: dict[str, set[Fraction]] = {}
    for selector in (s for one in all_ for budget in one.budgets.values() for s in budget.for_):
        if policy.columns[selector.column] in NUMBERS:
            found.setdefault(selector.column, set()).update(selector.numbers)
    return {name: tuple(sorted(numbers)) for name, numbers in found.items()}


def rule_of(policy: Policy, source: str) -> Rule:
    """A condition of the policy, compiled."""
    return compile_condition(source, policy.columns, policy.timezone)


def amount_rule(policy: Policy, source: str) -> Rule:
    """An expression of the policy that is summed, compiled."""
    return compile_amount(source, policy.columns, policy.timezone)


OTHER_NUMBER = "another number"
"""What a ledger holds of a number that no budget selects by; there may be as many as runs."""


def number_of(value: str | None) -> Fraction | None:
    """The number that a ledger's row holds apart; None also where it is none of them."""
    return None if value is None else Fraction(-(10**30) if value == OTHER_NUMBER else value)


def window_edges(policy: Policy, as_of: int, wants: Wants = NOTHING_MORE) -> set[int]:
    """Every instant at which a window of any budget begins or ends, as "after this instant".

    Among them the ends of days and the marks at which the spend leaves the windows, where wanted.
    """
    edges = {as_of}
    for name, budget in policy.budgets.items():
        window = span(budget.window, as_of, policy.timezone)
        edges.add(window.after)
        for alert in burn_alerts(window, budget.alerts):
            edges.update((as_of - alert.long.micros, as_of - alert.short.micros))
        for form in budget.forms:
            if form.over is not None:
                edges.add(window.after - form.over.micros)
        if name in wants.days_of:
            edges.update(day_ends(window, policy.timezone))
        if wants.rests and not window.calendar:
            edges.update(marks(window, policy.timezone))
    return edges
