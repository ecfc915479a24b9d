"""CSV into JSON lines: every record becomes one line, at the number of its own first line.

As RFC 4180 has it, with any of four delimiters: quotes, line breaks inside them, everything text.
What is empty and not quoted is no value. A row that does not fit becomes a line that is no JSON.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import chain, islice
from json.encoder import encode_basestring
from typing import BinaryIO

from ebudget.columns import BY_NAME
from ebudget.packing import Damaged
from ebudget.text_safety import quoted

DELIMITERS = ",;\t|"
MALFORMED_LINE = "{"
"""What is written for a row that cannot be read."""
LONGEST = 1 << 26
"""Characters after which a quote that has not ended is taken for a mistake in its first line."""

_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_SEPARATOR = re.compile(r"sep=(.)\r?\n?\Z", re.IGNORECASE)

Field = str | None


class _Broken(Exception):
    """Something follows a quote that has ended."""


def delimiter_of(first: str, second: str) -> str:
    """What parts the fields of a header, judged by it and the line after it."""
    counts = [[_QUOTED.sub("", line).count(d) for d in DELIMITERS] for line in (first, second)]
    scores = [(a > 0 and a == b, a) for a, b in zip(*counts, strict=True)]
    return DELIMITERS[max(range(len(DELIMITERS)), key=lambda n: (scores[n], -n))]


def is_table(head: bytes) -> bool:
    """Whether a text begins with a header of several columns, one of them the start of a run."""
    lines = head.decode("utf-8-sig", "replace").splitlines()
    if not lines:
        return False
    delimiter = delimiter_of(lines[0], lines[1] if len(lines) > 1 else "")
    try:
        fields = _fields(lines[0], delimiter)
    except _Broken:
        return False
    if fields is None or len(fields) < 2:
        return False
    names = [(field or "").strip() for field in fields]
    is_named = all(names) and len(set(names)) == len(names)
    return is_named and bool(set(names) & set(BY_NAME["start_time"].aliases))


def _fields(record: str, delimiter: str) -> list[Field] | None:
    """The fields of a record without its line end; None where a quote goes on. Raises _Broken."""
    found: list[Field] = []
    at = 0
    while True:
        if record[at : at + 1] == '"':
            end = record.find('"', at + 1)
            while end >= 0 and record[end + 1 : end + 2] == '"':
                end = record.find('"', end + 2)
            if end < 0:
                return None
            found.append(record[at + 1 : end].replace('""', '"'))
            at = end + 1
        else:
            end = record.find(delimiter, at)
            end = len(record) if end < 0 else end
            found.append(record[at:end] or None)
            at = end
        if at >= len(record):
            return found
        if record[at] != delimiter:
            raise _Broken
        at += 1


def _ending(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")


def records(lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[Field] | None]]:
    """Each record with the number of lines it takes; None for one that cannot be read, and no
    fields for a blank line. After a quote that goes wrong the next line is read as a new record.
    """
    for line in (again := _Again(lines)):
        content = _ending(line).removeprefix("\ufeff")
        if '"' not in content:
            is_blank = not content.strip(" \t")
            yield 1, [] if is_blank else [field or None for field in content.split(delimiter)]
            continue
        taken = [line]
        size = 0
        try:
            fields = _fields(content, delimiter)
            while fields is None and size < LONGEST and (more := next(again, None)) is not None:
                taken.append(more)
                size += len(more)
                if '"' in more:
                    fields = _fields(_ending("".join(taken)).removeprefix("\ufeff"), delimiter)
        except _Broken:
            fields = None
        if fields is None:
            again.push(taken[1:])
            taken = taken[:1]
        yield len(taken), fields


class _Again:
    """Lines, of which some can be given back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._lines)

    def push(self, lines: list[str]) -> None:
        """Give lines back, to be read again."""
        if lines:
            self._lines = chain(lines, self._lines)


def _header(fields: list[Field] | None) -> list[str]:
    """The names of the columns. Raises Damaged for names that say nothing or the same."""
    if fields is None:
        raise Damaged("its header cannot be read: a quote does not end")
    names = [(field or "").strip() for field in fields]
    for number, name in enumerate(names, 1):
        if not name:
            raise Damaged(f"column {number} of its header has no name")
        if names.index(name) != number - 1:
            raise Damaged(f"two columns of its header are named {quoted(name)}")
    return names


def table_lines(file: BinaryIO) -> Iterator[str]:
    """The rows of a CSV file as lines of JSON, each with blank lines for the others it takes.

    Raises Damaged for a header that cannot be used.
    """
    lines = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
    try:
        yield from _rows(lines)
    finally:
        lines.detach()


def _rows(lines: Iterator[str]) -> Iterator[str]:
    first = list(islice(lines, 2))
    delimiter = delimiter_of(*[*first, "", ""][:2])
    separator = _SEPARATOR.match(first[0]) if first else None
    if separator:
        delimiter = separator[1]
        yield ""
        first = first[1:]
    found = records(chain(first, lines), delimiter)
    for count, fields in found:
        yield from [""] * count
        if fields != []:
            names = _header(fields)
            break
    else:
        return
    keys = ["{" + _json(names[0]), *("," + _json(name) for name in names[1:])]
    row = ":%s".join(key.replace("%", "%%") for key in keys) + ":%s}"
    for count, fields in found:
        if fields is None or (fields and len(fields) != len(names)):
            yield MALFORMED_LINE
        else:
            yield row % tuple(map(_json, fields)) if fields else ""
        yield from [""] * (count - 1)


def _json(field: Field) -> str:
    return "null" if field is None else encode_basestring(field)
