"""Which accounts of a statement are wanted: by budget and by the values of their groups."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ebudget.accounts.statement import Account, Statement
from ebudget.errors import UsageError
from ebudget.policy.model import Policy
from ebudget.policy.selectors import Selector
from ebudget.text import nearest, quoted, visible

NO_VALUE = "(none)"
"""What stands for a missing value on the command line."""


@dataclass(frozen=True)
class Selection:
    """Accounts of some budgets, and with some values; their figures stay as they are."""

    budgets: Collection[str] = ()
    """All when empty."""
    values: Mapping[str, Collection[str | None]] = field(default_factory=dict)
    """The values that are wanted of a column; `*` in one stands for any characters."""

    def admits(self, budget: str, group: Mapping[str, str | None]) -> bool:
        """Whether an account of this budget and group is wanted."""
        return (not self.budgets or budget in self.budgets) and all(
            column in group and Selector(column, tuple(wanted)).admits(group[column])
            for column, wanted in self.values.items()
        )

    def of(self, statement: Statement) -> Statement:
        """The statement with the wanted accounts only."""
        kept = tuple(a for a in statement.accounts if self.admits(a.budget, dict(a.group)))
        return replace(statement, accounts=kept)


def check_budgets(policy: Policy, names: Sequence[str], option: str = "--budget") -> None:
    """Raises UsageError for a budget that the policy does not have."""
    for name in names:
        if name not in policy.budgets:
            near = visible(nearest(name, policy.budgets))
            raise UsageError(f"{option} {quoted(name)}: no such budget{near}")


def select(statement: Statement, budgets: Sequence[str], wanted: Sequence[str]) -> Selection:
    """The selection that `--budget` and `--for COLUMN=VALUE` ask for.

    Raises UsageError for a column that parts no account, and where no account is left.
    """
    values: dict[str, set[str | None]] = {}
    for item in wanted:
        column, equals, value = item.partition("=")
        if not equals:
            raise UsageError(f"--for {quoted(item)}: write COLUMN=VALUE, such as workflow=x")
        columns = {name for account in statement.accounts for name, _ in account.group}
        if column not in columns:
            raise UsageError(
                f"--for {quoted(item)}: no account is parted by {quoted(column)}"
                f"{nearest(column, columns)}"
            )
        values.setdefault(column, set()).add(None if value == NO_VALUE else value)
    selection = Selection(budgets, values)
    known = _known(statement.accounts, selection)
    for item in wanted:
        column, _, value = item.partition("=")
        only = Selection(budgets, {column: {None if value == NO_VALUE else value}})
        if not only.of(statement).accounts:
            raise UsageError(f"--for {visible(item)}: no account{visible(nearest(item, known))}")
    if values and not selection.of(statement).accounts:
        asked = " ".join(f"--for {item}" for item in wanted)
        raise UsageError(f"{visible(asked)}: no account has all of these")
    return selection


def _known(accounts: Sequence[Account], selection: Selection) -> set[str]:
    return {
        f"{name}={NO_VALUE if value is None else value}"
        for account in accounts
        if not selection.budgets or account.budget in selection.budgets
        for name, value in account.group
        if name in selection.values
    }
