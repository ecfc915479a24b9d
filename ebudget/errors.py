"""The ways ebudget can fail, one exception for each exit code."""

from __future__ import annotations

from dataclasses import dataclass


class EbudgetError(Exception):
    """A failure that a person can mend; its text is the whole message."""

    exit_code = 2


class UsageError(EbudgetError):
    """The command line asks for something that does not exist or does not fit."""


class InputError(EbudgetError):
    """A log that cannot be read, or that does not hold what the policy names."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a policy file."""

    file: str
    line: int
    """1 is the first line."""
    column: int
    """1 is the first character of the line."""
    path: str
    """The dotted path inside the policy, such as `budgets.cost.allow`."""
    message: str
    """What is wrong, and what would be right."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: "
        return place + (f"{self.path}: " if self.path else "") + self.message


class PolicyError(EbudgetError):
    """A policy that cannot be used; holds every problem found, in the order of the file."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda p: (p.line, p.column, p.path))
        count = len(self.problems)
        lines = [str(problem) for problem in self.problems]
        lines.append(f"{count} problem{'' if count == 1 else 's'}. Nothing was read.")
        super().__init__("\n".join(lines))
