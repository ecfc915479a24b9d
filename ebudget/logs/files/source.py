"""One file to read, and the lines of its records."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ebudget.logs.files.packing import Compression, opened
from ebudget.logs.formats.format import Format, Kind
from ebudget.text.encoding import without_bom

STDIN = "<->"
"""What messages call standard input."""


@dataclass(frozen=True)
class Source:
    """One file to read."""

    path: str
    """Where it really is."""
    shown: str
    """What messages call it."""
    read_as: str
    """The name under which it is read: without characters that mean something in a glob."""
    format: Format
    kind: Kind
    """How DuckDB reads it."""
    compression: Compression
    counted: str = "line"
    """What its records are counted by: `line`, `item`, `record` or `row`."""
    places: str = ""
    """The file of the line number of each record, where they are not their own lines."""

    @property
    def is_stdin(self) -> bool:
        """Whether it came from standard input."""
        return self.shown == STDIN


def numbered(file: BinaryIO) -> Iterator[tuple[int, bytes, bool]]:
    """Each line of a file with its number (from 1), and whether it is a record: not blank."""
    for number, line in enumerate(file, 1):
        content = without_bom(line) if number == 1 else line
        yield number, line, bool(content.strip(b" \t\r\n"))


def lines_at(source: Source, records: Iterable[int]) -> dict[int, int]:
    """The line numbers (from 1) of records (from 0) of a file of lines, where blank lines are no
    records.
    """
    wanted = sorted(set(records))
    if source.places:
        return _noted_lines(source.places, wanted)
    found: dict[int, int] = {}
    if not wanted:
        return found
    record = -1
    position = 0
    with opened(source.read_as, source.compression) as file:
        for line, _, is_record in numbered(file):
            if not is_record:
                continue
            record += 1
            if record == wanted[position]:
                found[record] = line
                position += 1
                if position == len(wanted):
                    break
    return found


def note_lines(lines: array[int], target: Path) -> str:
    """Note the line number of each record beside a file that was written anew; where."""
    noted = f"{target}-places"
    Path(noted).write_bytes(lines.tobytes())
    return noted


def _noted_lines(places: str, records: Iterable[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    with open(places, "rb") as file:
        for record in records:
            file.seek(record * 8)
            number = file.read(8)
            if len(number) == 8:
                found[record] = int.from_bytes(number, sys.byteorder)
    return found
