"""The terms of an account: what its budget says for a group."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ebudget.figures import Figures
from ebudget.policy.allowances import Form
from ebudget.policy.model import Budget, Workflow
from ebudget.quantities import Unit

WARNING_LINE = Fraction(1, 2)
"""The share spent from which an account without `respond` lines is a warning."""


@dataclass(frozen=True)
class Terms:
    """One budget as it holds for one group."""

    budget: str
    """Its name."""
    rule: Budget
    form: Form | None
    """What is allowed; None where the policy has no line for the group."""
    unit: Unit
    """What is spent."""
    workflow: Workflow | None = None
    """What the policy declares of the group's workflow."""
    declared: bool = False
    """Whether the policy itself names the group."""
    since: int | None = None
    """The instant before which nobody misses its runs, in microseconds since 1970."""

    @property
    def kind(self) -> str:
        """The family of the budget."""
        return self.rule.family.value

    @property
    def window(self) -> str:
        """As the policy writes it."""
        return str(self.rule.window)

    @property
    def per(self) -> str | None:
        """What one run of the workflow handles, where the policy declares it."""
        return self.workflow.unit if self.workflow else None

    @property
    def owner(self) -> str | None:
        """Who pays the clean-up."""
        return self.workflow.owner if self.workflow else None

    @property
    def risk_tier(self) -> str | None:
        """The declared tier of the group's workflow."""
        return self.workflow.risk_tier if self.workflow else None

    @property
    def band(self) -> bool:
        """Whether only what lies above or around the mean of the time before is spent."""
        return self.form is not None and self.form.traits.side is not None

    @property
    def grows(self) -> bool:
        """Whether what is allowed grows with the runs that earn."""
        return self.form is not None and self.form.traits.grows

    @property
    def is_fixed(self) -> bool:
        """Whether what is allowed is known before any run."""
        return self.form is not None and self.form.traits.fixed

    @property
    def rate(self) -> bool:
        """Whether the spend is a count of runs held against a share of runs."""
        return self.grows and self.rule.spend.traits.counted and not self.band

    @property
    def of_value(self) -> bool:
        """Whether what is allowed depends on what successes are worth."""
        return self.form is not None and self.form.traits.of_value

    @property
    def by_earning(self) -> bool:
        """Whether what is allowed depends on how runs went."""
        return self.rule.by_label or self.of_value

    @property
    def needs_outcomes(self) -> bool:
        """Whether nothing can be said where nobody has judged a run."""
        return self.rule.spend.traits.by_class or self.by_earning

    @property
    def needs_values(self) -> bool:
        """Whether nothing can be said where no run is measured."""
        return not self.rule.spend.traits.by_class

    def is_too_few(self, figures: Figures) -> bool:
        """Whether the allowance depends on the runs that earn, and these are too few."""
        return self.grows and figures.eligible < self.rule.min_runs

    @property
    def slo(self) -> Fraction | None:
        """The share of the runs that earn which must not spend, where the policy gives it so."""
        return None if self.rule.slo is None else 1 - self.rule.slo.number

    @property
    def warning_line(self) -> Fraction:
        """The share of the allowance from which an account is a warning."""
        return self.rule.respond[0][0] if self.rule.respond else WARNING_LINE

    @property
    def lines(self) -> tuple[Fraction, ...]:
        """The shares of the allowance at which the verdict or the response changes."""
        lines = {line for line, _ in self.rule.respond} or {WARNING_LINE}
        return tuple(sorted({*lines, 1 - self.rule.gate.freeze_below, Fraction(1)}))

    def response(self, consumed: Fraction | None) -> str | None:
        """What was agreed to happen when this share is spent; None is all of it and more."""
        reached = [t for line, t in self.rule.respond if consumed is None or consumed >= line]
        return reached[-1] if reached else None
