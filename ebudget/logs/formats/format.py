"""What a format of logs is: how it is told, and how it becomes what DuckDB reads."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from ebudget.logs.documents import Wrapping
from ebudget.text.encoding import without_bom


class Kind(StrEnum):
    """How DuckDB reads a file."""

    LINES = "lines"
    """JSON objects, one a line."""
    ARRAY = "array"
    """One JSON array of objects."""
    PARQUET = "parquet"


@dataclass(frozen=True)
class Head:
    """What tells the format of a file: its first bytes, and what its name ends in."""

    text: bytes
    """Unpacked."""
    suffix: str
    """That of a log, such as `.csv`, without that of a packing; empty where it has none."""

    @property
    def content(self) -> bytes:
        """The text from the first character on that is not blank."""
        return without_bom(self.text).lstrip(b" \t\r\n")


Lines = Callable[[BinaryIO, Wrapping | None, "array[int]"], Iterator[str]]
"""The records of a file as JSON, one a line: those of the arrays that a wrapping enters, if any.

It may note the number of each record's line where that is another. Raises Damaged.
"""


@dataclass(frozen=True)
class Format:
    """A format of logs: one row of FORMATS."""

    name: str
    """What messages call it where they list what can be read; empty where they do not."""
    suffixes: tuple[str, ...]
    """What the names of its files end in, as messages say it."""
    other_suffixes: tuple[str, ...] = ()
    """What they may end in too."""
    magic: bytes = b""
    """What every file of it begins with, so that one without it is refused."""
    begins: Callable[[Head], bool] | None = None
    """Whether a file without any magic is one of this format."""
    kind: Kind = Kind.LINES
    """How DuckDB reads its files as they are, or what is written of them."""
    lines: Lines | None = None
    """How it is written anew as lines; not at all where it is always read in place."""
    as_it_is: bool = True
    """Whether DuckDB reads its files as they are, unless runs are wrapped in their records."""
    nested: bool = True
    """Whether its records may wrap arrays of runs."""
    counted: str = "line"
    """What its records are counted by: `line`, `item`, `record` (an `item` where it wraps several)
    or `row`."""

    @property
    def all_suffixes(self) -> tuple[str, ...]:
        """Whatever the name of one of its files may end in."""
        return (*self.suffixes, *self.other_suffixes)
