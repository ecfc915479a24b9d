"""What does not fit in a policy, with its place below the value being read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ebudget.text import nearest

T = TypeVar("T")


class Misfit(Exception):
    """One or more values that do not fit, each with the keys that lead to it."""

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.problems: list[tuple[tuple[str | int, ...], str]] = [(path, message)]

    @classmethod
    def all(cls, problems: list[tuple[tuple[str | int, ...], str]]) -> Misfit:
        """One exception that holds several problems."""
        misfit = cls(problems[0][1])
        misfit.problems = problems
        return misfit


def unknown_column(name: str, known: Iterable[str]) -> str:
    """That no column has a name, and how a key of the log becomes one."""
    near = nearest(name, known)
    how = "" if near.endswith("?") else "; any key of a log is made a column in logs.fields"
    return f"unknown column {name!r}{near}{how}"


def only(value: dict[str, Any], known: Iterable[str]) -> None:
    """Refuse keys that nobody reads."""
    allowed = set(known)
    problems: list[tuple[tuple[str | int, ...], str]] = [
        ((key,), f"unknown key {key!r}{nearest(key, allowed)}")
        for key in value
        if key not in allowed
    ]
    if problems:
        raise Misfit.all(problems)


def text_of(value: Any, *path: str | int) -> str:
    """The text of a scalar. Raises Misfit for a list, a mapping or nothing."""
    if isinstance(value, str):
        return value
    found = {dict: "a mapping", list: "a list", type(None): "nothing"}.get(type(value), "this")
    raise Misfit(f"one value is expected here, not {found}", *path)


def texts_of(value: Any) -> tuple[str, ...]:
    """The texts of a list, or of a single scalar."""
    if not isinstance(value, list):
        return (text_of(value),)
    return tuple(fields_of(dict(enumerate(value)), text_of).values())


def fields_of(value: dict[Any, Any], read: Callable[[Any], T]) -> dict[Any, T]:
    """Read every value of a mapping; all misfits are raised together."""
    result: dict[Any, T] = {}
    problems: list[tuple[tuple[str | int, ...], str]] = []
    for key, item in value.items():
        try:
            result[key] = read(item)
        except Misfit as misfit:
            problems += [((key, *path), message) for path, message in misfit.problems]
    if problems:
        raise Misfit.all(problems)
    return result
