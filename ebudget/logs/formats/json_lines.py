"""JSON lines: an object a line, which DuckDB reads as they are."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import BinaryIO

from ebudget.logs.documents import Wrapping
from ebudget.logs.formats.format import Format, Head
from ebudget.text.encoding import trimmed


def wrapped_lines(file: BinaryIO, wrapping: Wrapping | None, places: array[int]) -> Iterator[str]:
    """The items in each line of a file; adds the number of its line for each to `places`.

    Raises Damaged for a line that is no JSON: nobody knows how many runs it holds.
    """
    assert wrapping is not None  # else lines are read as they are
    for number, line in enumerate(file, 1):
        text = trimmed(line.decode("utf-8", "surrogateescape"))
        if not text:
            continue
        lines = wrapping.items_of(text, number)
        places.extend([number] * len(lines))
        yield from lines


def _begins(head: Head) -> bool:
    """Whatever is nothing else."""
    return True


FORMAT = Format(
    name="JSON lines",
    suffixes=(".jsonl", ".ndjson"),
    begins=_begins,
    lines=wrapped_lines,
)
