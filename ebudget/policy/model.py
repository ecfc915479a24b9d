"""The policy as frozen, documented types; what `budgets.yaml` may say, key by key.

Every scalar arrives as the text that the file holds (`null` as None) and is typed here, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ebudget.columns import CANONICAL, Type
from ebudget.policy.alerts import ALERTS_SCHEMA, BurnRow, parse_alerts
from ebudget.policy.allow import ALLOW_SCHEMA, Allowance, parse_allowance, parse_slo, plain
from ebudget.policy.allowances import Form, Ratio
from ebudget.policy.changes import Gate
from ebudget.policy.mapping import Logs
from ebudget.policy.misfit import Misfit, text_of
from ebudget.policy.selectors import FOR_SCHEMA, Selector, parse_selectors
from ebudget.policy.spends import SPEND_SCHEMA, ClassLetter, Kind, Spend, parse_spend
from ebudget.policy.values import (
    DURATION,
    PERCENT,
    TEXT,
    Flag,
    Part,
    Share,
    Text,
    Texts,
    Typed,
    Usd,
    Zone,
    day_of,
    from_text,
    member_of,
)
from ebudget.policy.windows import PERIODS, Rolling, Window, parse_window
from ebudget.quantities import duration, share, whole

BAND_MEASURED = Fraction(95, 100)
"""The least share of measured runs where a baseline is a band: half of the costs missing looks like
a fall."""


def _respond(value: Any) -> tuple[tuple[Fraction, str], ...]:
    if not isinstance(value, dict) or not value:
        raise Misfit("write what happens at which share, such as {75%: freeze prompt changes}")
    lines: dict[Fraction, str] = {}
    problems: list[tuple[tuple[str | int, ...], str]] = []
    for key, item in value.items():
        try:
            line, text = share(key), text_of(item)
            if line <= 0:
                raise Misfit("a line lies above 0%")
            if line in lines:
                raise Misfit(f"the line {key} is there twice")
            lines[line] = text
        except (ValueError, Misfit) as error:
            problems.append(((key,), str(error)))
    if problems:
        raise Misfit.all(problems)
    return tuple(sorted(lines.items()))


def _version(text: str) -> Literal[1]:
    if text.strip() != "1":
        raise ValueError(f"version {text} is not known; this ebudget reads version 1")
    return 1


class Failure(Part):
    """A rule that says what a failure is."""

    class_: ClassLetter = Field(alias="class")
    """A (a blemish) to D (a breach of trust)."""
    when: Text
    """A SQL condition over the columns of a run."""
    instant: Flag = False
    """Whether one such run spends the whole allowance."""


class Workflow(Part):
    """A unit of work: who pays for its failures, and what a success is worth."""

    unit: Text = "run"
    """What one run handles, such as `ticket`."""
    owner: Text | None = None
    """Who pays for the clean-up."""
    risk_tier: Text | None = None
    """The tier of its runs that name none themselves."""
    value_usd: Usd | None = None
    """US dollars that one success saves."""
    review_usd_per_hour: Usd | None = None
    """US dollars that an hour of human review costs."""
    since: Annotated[
        date | None, Typed(from_text(day_of), {"type": "string", "format": "date"})
    ] = None
    """The day, in the policy's zone, before which nobody misses its runs."""


class Budget(Part):
    """How much of one kind of failure is acceptable."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["allow"]}, {"required": ["slo"]}]}
    )

    kind: Annotated[
        Kind | None, Typed(from_text(member_of(Kind)), {"enum": [member.value for member in Kind]})
    ] = None
    """The family; it sets defaults only. Left out, it follows from `spend`."""
    for_: Annotated[tuple[Selector, ...], Typed(parse_selectors, FOR_SCHEMA)] = Field(
        default=(), alias="for"
    )
    """Which runs the budget is about; all when left out."""
    each: Texts = ()
    """One account for each value of these columns."""
    of: Text | None = None
    """What earns: all, labelled, success, or a condition."""
    spend: Annotated[Spend, Typed(parse_spend, SPEND_SCHEMA)]
    """What spends the budget."""
    allow: Annotated[Allowance | None, Typed(parse_allowance, ALLOW_SCHEMA)] = None
    """How much is acceptable."""
    slo: Annotated[Ratio | None, Typed(parse_slo, PERCENT)] = None
    """The same as an objective, in place of `allow`: 99.9% allows 0.1%."""
    window: Annotated[
        Window, Typed(parse_window, {"anyOf": [DURATION, {"enum": list(PERIODS)}]})
    ] = Rolling(duration("30d"))
    """Over which time."""
    unit: Text | None = None
    """What the spend is counted in, such as `turn`, `call` or `usd`; left out, the workflow's unit,
    or that of the column that is summed."""
    by: Texts = ()
    """How the report breaks the spend down."""
    respond: Annotated[
        tuple[tuple[Fraction, str], ...],
        Typed(_respond, {"type": "object", "additionalProperties": TEXT}),
    ] = ()
    """What was agreed to happen when a share of the budget is spent."""
    gate: Gate = Gate()
    """Which changes it stops, and when."""
    min_runs: Annotated[int, Typed(from_text(whole), {"type": "integer", "minimum": 0})] = 0
    """Fewer runs that earn are no evidence, where the allowance depends on them."""
    min_judged: Share = Fraction(0)
    """Where a smaller share of the runs is judged, that is not evidence enough."""
    min_measured: Share | None = None
    """The same for the values that `sum` and `when` need; 95% where a baseline is a band, else 0%.
    """
    alerts: Annotated[tuple[BurnRow, ...] | None, Typed(parse_alerts, ALERTS_SCHEMA)] = None
    """Burn alerts in place of the default rows."""

    @model_validator(mode="after")
    def _one_allowance(self) -> Budget:
        if (self.allow is None) == (self.slo is None):
            place: tuple[str, ...] = ()
            message = "allow is missing"
            if self.slo is not None:
                place, message = ("slo",), "allow and slo say the same thing; write one of them"
            raise PydanticCustomError(
                "misfit", "{message}", {"message": message, "problems": [(place, message)]}
            )
        return self

    @property
    def allowance(self) -> Allowance:
        """What is allowed, be it written as `allow` or as `slo`."""
        if self.slo is not None:
            return plain(self.slo)
        assert self.allow is not None
        return self.allow

    @property
    def family(self) -> Kind:
        """The kind, or the one that `spend` suggests."""
        return self.spend.traits.family if self.kind is None else self.kind

    @property
    def earns(self) -> str:
        """What earns, with the default of the kind: all, labelled, success or a condition."""
        if self.of is not None:
            return self.of
        if self.family in (Kind.OUTCOME, Kind.TRUST):
            return "labelled"
        if self.family in (Kind.LATENCY, Kind.QUALITY) and self.spend.condition is not None:
            return f"({self.spend.condition}) is not null"
        return "all"

    @property
    def by_label(self) -> bool:
        """Whether what earns depends on how runs went."""
        return self.earns in ("labelled", "success")

    @property
    def earning_rule(self) -> str | None:
        """The condition of the runs that earn, where it is one."""
        return None if self.by_label or self.earns == "all" else self.earns

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The columns that part the budget into accounts."""
        column = self.allowance.column
        return self.each if column is None or column in self.each else (*self.each, column)

    @property
    def forms(self) -> tuple[Form, ...]:
        """The allowances: one, or one for each value of a column."""
        return self.allowance.forms

    def form_of(self, group: Mapping[str, str | None]) -> Form | None:
        """The allowance of a group; None where the policy has none for it."""
        return self.allowance.of(group)

    @property
    def needs_value(self) -> bool:
        """Whether the allowance depends on what successes are worth."""
        return any(form.traits.of_value for form in self.forms)

    @property
    def needs_outcomes(self) -> bool:
        """Whether nothing can be said where nobody has judged a run."""
        return self.spend.traits.by_class or self.by_label or self.needs_value

    def least_measured(self, form: Form | None) -> Fraction:
        """The share of the runs whose value must be known."""
        if self.min_measured is not None:
            return self.min_measured
        is_band = form is not None and form.traits.side is not None
        return BAND_MEASURED if is_band else Fraction(0)

    def selects(self, column: str, value: str | None) -> bool:
        """Whether `for` admits this value of a column."""
        return all(s.admits(value) for s in self.for_ if s.column == column)


class Policy(Part):
    """The whole policy of a `budgets.yaml`."""

    version: Annotated[Literal[1], Typed(from_text(_version), {"const": 1})]
    """The version of the policy's form."""
    timezone: Zone = ZoneInfo("UTC")
    """The zone of calendar windows and of `date_part` in rules."""
    logs: Logs = Logs()
    failures: dict[str, Failure] = Field(default_factory=dict)
    """What failure means, by name; the worst class that a run matches is its class."""
    unclassified: ClassLetter = "B"
    """The class of a failed run that no rule names."""
    workflows: dict[str, Workflow] = Field(default_factory=dict)
    budgets: dict[str, Budget]

    def without_breakdowns(self) -> Policy:
        """The same accounts; nothing is asked of where their spend went."""
        budgets = {n: b.model_copy(update={"by": ()}) for n, b in self.budgets.items()}
        return self.model_copy(update={"budgets": budgets})

    @property
    def gates(self) -> list[Gate]:
        """The gate of every budget."""
        return [budget.gate for budget in self.budgets.values()]

    @property
    def columns(self) -> dict[str, Type]:
        """Every column that rules may name, with its type: the canonical ones and one's own."""
        types = {column.name: column.type for column in CANONICAL}
        for name, field in self.logs.fields.items():
            types.setdefault(name, field.type or Type.TEXT)
        return types
