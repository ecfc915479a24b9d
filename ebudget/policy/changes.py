"""Types of change: the team's own words, which gates of the policy name."""

from __future__ import annotations

from ebudget.errors import UsageError
from ebudget.policy.model import ALL, Policy
from ebudget.text import nearest, quoted, visible


def change_types(policy: Policy) -> set[str]:
    """The types of change that the policy names."""
    found: set[str] = set()
    for budget in policy.budgets.values():
        found |= set(budget.gate.exempt)
        if budget.gate.changes is not ALL:
            found |= set(budget.gate.changes)
    return found


def check_change(policy: Policy, change: str) -> None:
    """Raises UsageError for a type of change that the policy does not name.

    Where every budget stops all types and none is exempt, the policy names no type at all, and
    any word will do.
    """
    known = change_types(policy)
    everything = all(budget.gate.changes is ALL for budget in policy.budgets.values())
    if change in known or (change.strip() and everything and not known):
        return
    close = nearest(change, known)
    hint = close if close.startswith("; did you mean") else ""
    names = ", ".join(sorted(known)) or "none"
    raise UsageError(
        f"--change {quoted(change)}: no gate of the policy names this{visible(hint)}; "
        f"known: {visible(names)}"
    )
