"""Types of change: the team's own words, which gates of the policy name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any

from ebudget.errors import UsageError
from ebudget.policy.misfit import Misfit, texts_of
from ebudget.policy.values import (
    ALL,
    PERCENT,
    TEXTS,
    All,
    Part,
    Typed,
    from_text,
    member_of,
    part_of_budget,
)
from ebudget.text import nearest, quoted, visible


def change_types(gates: Iterable[Gate]) -> set[str]:
    """The types of change that gates name."""
    found: set[str] = set()
    for gate in gates:
        found |= set(gate.exempt)
        if gate.changes is not ALL:
            found |= set(gate.changes)
    return found


def check_change(gates: Sequence[Gate], change: str) -> None:
    """Raises UsageError for a type of change that the gates of a policy do not name.

    Where every gate stops all types and none is exempt, the policy names no type at all, and
    any word will do.
    """
    known = change_types(gates)
    everything = all(gate.changes is ALL for gate in gates)
    if change in known or (change.strip() and everything and not known):
        return
    close = nearest(change, known)
    hint = close if close.startswith("; did you mean") else ""
    names = ", ".join(sorted(known)) or "none"
    raise UsageError(
        f"--change {quoted(change)}: no gate of the policy names this{visible(hint)}; "
        f"known: {visible(names)}"
    )


def types_of_change(value: Any) -> tuple[str, ...]:
    """Words for types of change. Raises Misfit."""
    names = texts_of(value)
    for name in names:
        if not name.strip() or name.strip().lower() in ("all", "*"):
            raise Misfit(f"{name!r} is no type of change; write words such as prompt or model")
    return names


def parse_changes(value: Any) -> tuple[str, ...] | All:
    """What a policy's `gate.changes` stops: all types, or some. Raises Misfit."""
    return ALL if value in ("all", ["all"]) else types_of_change(value)


class OnInsufficient(StrEnum):
    """What a gate does about an account that cannot be judged."""

    FAIL = "fail"
    """It is not enough evidence: exit code 3."""
    WARN = "warn"
    """It is named as a warning and does not count."""
    PASS = "pass"  # noqa: S105
    """It does not count."""


class Gate(Part):
    """Which changes a burning budget stops."""

    changes: Annotated[tuple[str, ...] | All, Typed(parse_changes, TEXTS)] = ALL
    """The team's own words for types of change; all when left out."""
    freeze_below: Annotated[Fraction, Typed(part_of_budget, PERCENT)] = Fraction(1, 4)
    """The account is frozen when less than this share remains."""
    exempt: Annotated[tuple[str, ...], Typed(types_of_change, TEXTS)] = ()
    """Types of change that pass whatever the verdict, such as the one that repairs the budget."""
    on_insufficient: Annotated[
        OnInsufficient | None,
        Typed(
            from_text(member_of(OnInsufficient)),
            {"enum": [member.value for member in OnInsufficient]},
        ),
    ] = None
    """What the gate does about accounts without enough evidence; fail when left out."""

    def stops(self, change: str) -> bool:
        """Whether changes of this type wait for the budget."""
        return change not in self.exempt and (self.changes is ALL or change in self.changes)
