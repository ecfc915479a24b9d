"""Cells of runs that agree in every column, and slices of cells that share values. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from operator import itemgetter

Values = tuple[str | None, ...]
Slice = tuple[tuple[str, str | None], ...]
"""One or two columns with a value each."""


@dataclass(frozen=True)
class Cell:
    """Runs that agree in every column."""

    values: Values
    """One for each column, in the order of the columns."""
    gain: int
    """What their removal takes away from the overspend; negative where they carry allowance."""
    cost: int
    """Runs given up; at least 1."""
    must: bool = False
    """Whether nothing is enough while they are there, such as an instant event."""
    keep: int = 0
    """What has to be left in the end, such as runs that earn."""


def _order(values: Values) -> tuple[tuple[bool, str], ...]:
    """Values by code point, None first."""
    return tuple((value is not None, value or "") for value in values)


def merged(cells: Iterable[Cell], columns: int) -> list[Cell]:
    """One cell for all with the same values, in an order that does not depend on the input's."""
    found: dict[Values, Cell] = {}
    for cell in cells:
        if len(cell.values) != columns or cell.cost < 1:
            raise ValueError(f"a cell needs {columns} values and a cost of at least 1: {cell}")
        old = found.get(cell.values, Cell(cell.values, 0, 0))
        gain, cost, must = old.gain + cell.gain, old.cost + cell.cost, old.must or cell.must
        found[cell.values] = Cell(cell.values, gain, cost, must, old.keep + cell.keep)
    return sorted(found.values(), key=lambda cell: _order(cell.values))


@dataclass(frozen=True)
class Members:
    """A slice by its cells: their numbers, the same as bits, and what reads them from a list."""

    name: Slice
    numbers: tuple[int, ...]
    bits: int
    read: Callable[[Sequence[int]], tuple[int, ...]]


def slices_of(columns: Sequence[str], cells: Sequence[Cell]) -> list[Members]:
    """Every slice that can help; of equal ones that with fewer columns, then the first in order."""
    found: dict[tuple[int, ...], Slice] = {}
    singles: list[tuple[int, ...]] = [(i,) for i in range(len(columns))]
    for where in [*singles, *combinations(range(len(columns)), 2)]:
        members: dict[Values, list[int]] = {}
        for number, cell in enumerate(cells):
            members.setdefault(tuple(cell.values[i] for i in where), []).append(number)
        for values in sorted(members, key=_order):
            name = tuple((columns[i], value) for i, value in zip(where, values, strict=True))
            found.setdefault(tuple(members[values]), name)
    return [
        # A number more, that of a cell that weighs nothing: with one itemgetter gives no tuple.
        Members(name, numbers, sum(1 << i for i in numbers), itemgetter(*numbers, len(cells)))
        for numbers, name in found.items()
        if any(cells[i].gain > 0 or cells[i].must for i in numbers)
    ]
