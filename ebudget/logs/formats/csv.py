"""CSV into JSON lines: every record becomes one line, at the number of its own first line.

As RFC 4180 has it, with any of four delimiters: quotes, line breaks inside them, everything text.
What is empty and not quoted is no value. A row that does not fit becomes a line that is no JSON,
and so does one without a line break, since nobody knows whether it was cut.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import chain
from json.encoder import encode_basestring
from typing import BinaryIO

from ebudget.columns import BY_NAME
from ebudget.logs.files.packing import Damaged
from ebudget.logs.formats.format import Format, Head
from ebudget.text import quoted
from ebudget.text.encoding import trimmed, without_bom

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
    """What parts the fields of a header, judged by it and the line after it: what parts the start
    of a run from other names, else what is there most.
    """
    counts = [[_QUOTED.sub("", line).count(d) for d in DELIMITERS] for line in (first, second)]
    scores = [
        (_names_start(first, d), a > 0 and a == b, a)
        for d, a, b in zip(DELIMITERS, *counts, strict=True)
    ]
    return DELIMITERS[max(range(len(DELIMITERS)), key=lambda n: (scores[n], -n))]


def begins_table(head: Head) -> bool:
    """Whether a text is a table by its name; where that tells nothing, by a header of several
    columns, one of them the start of a run.
    """
    if head.content.startswith(b"{") or re.match(rb"\[\s*\{", head.content):
        return False
    return _is_table(head.text) if not head.suffix else head.suffix in FORMAT.all_suffixes


def _is_table(text: bytes) -> bool:
    lines = without_bom(text.decode("utf-8", "replace")).splitlines()
    first, second = [*filter(_is_full, lines), "", ""][:2]
    return _names_start(first, delimiter_of(first, second))


def _names_start(header: str, delimiter: str) -> bool:
    """Whether a header has several columns, each with a name, one of them the start of a run."""
    row = _Row(delimiter)
    try:
        is_whole = row.take(header)
    except _Broken:
        return False
    names = [(field or "").strip() for field in row.fields]
    is_named = len(names) > 1 and all(names) and len(set(names)) == len(names)
    return is_whole and is_named and bool(set(names) & set(BY_NAME["start_time"].aliases))


class _Row:
    """The fields of a row, taken line by line, since a quote may go on in the next."""

    def __init__(self, delimiter: str) -> None:
        self.fields: list[Field] = []
        self._delimiter = delimiter
        self._open: list[str] = []

    def take(self, line: str) -> bool:
        """Take a line with its end; gives whether the row ends with it. Raises _Broken."""
        content = _ending(line)
        at = 0
        while True:
            if self._open or content[at : at + 1] == '"':
                start = at if self._open else at + 1
                end = content.find('"', start)
                while end >= 0 and content[end + 1 : end + 2] == '"':
                    end = content.find('"', end + 2)
                if end < 0:
                    self._open.append(line[start:])
                    return False
                self._open.append(content[start:end])
                self.fields.append("".join(self._open).replace('""', '"'))
                self._open.clear()
                at = end + 1
            else:
                end = content.find(self._delimiter, at)
                end = len(content) if end < 0 else end
                self.fields.append(content[at:end] or None)
                at = end
            if at >= len(content):
                return True
            if content[at] != self._delimiter:
                raise _Broken
            at += 1


def _ending(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")


def _is_full(line: str) -> bool:
    return bool(trimmed(line))


def _is_ended(line: str) -> bool:
    return line.endswith(("\n", "\r"))


def records(lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[Field] | None, bool]]:
    """Each record with the number of lines it takes, and whether the last of them ends in a line
    break; None for one that cannot be read, and no fields for a blank line. After a quote that
    goes wrong the next line is read as a new record.
    """
    for line in (again := _Again(lines)):
        content = without_bom(line)
        if '"' not in content:
            content = _ending(content)
            is_blank = not content.strip(" \t")
            fields = [] if is_blank else [field or None for field in content.split(delimiter)]
            yield 1, fields, _is_ended(line)
            continue
        taken = [line]
        size = 0
        row = _Row(delimiter)
        try:
            is_whole = row.take(content)
            while not is_whole and size < LONGEST and (more := next(again, None)) is not None:
                taken.append(more)
                size += len(more)
                is_whole = row.take(more)
        except _Broken:
            is_whole = False
        if not is_whole:
            again.push(taken[1:])
            taken = taken[:1]
        yield len(taken), row.fields if is_whole else None, _is_ended(taken[-1])


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
    lines = io.TextIOWrapper(file, "utf-8", "surrogateescape", newline="")
    try:
        yield from _rows(lines)
    finally:
        lines.detach()


def _rows(lines: Iterator[str]) -> Iterator[str]:
    begin: list[str] = []
    full: list[str] = []
    while len(full) < 2 and (line := next(lines, None)) is not None:
        begin.append(line := without_bom(line))
        if _is_full(line):
            full.append(line)
    delimiter = delimiter_of(*[*full, "", ""][:2])
    separator = _SEPARATOR.match(full[0]) if full else None
    if separator:
        delimiter = separator[1]
        begin[begin.index(full[0])] = "\n"
    found = records(chain(begin, lines), delimiter)
    for count, fields, _ in found:
        yield from [""] * count
        if fields != []:
            names = _header(fields)
            break
    else:
        return
    keys = ["{" + _json(names[0]), *("," + _json(name) for name in names[1:])]
    row = ":%s".join(key.replace("%", "%%") for key in keys) + ":%s}"
    for count, fields, is_ended in found:
        is_cut = bool(fields) and not is_ended
        if fields is None or is_cut or (fields and len(fields) != len(names)):
            yield MALFORMED_LINE
        else:
            yield row % tuple(map(_json, fields)) if fields else ""
        yield from [""] * (count - 1)


def _json(field: Field) -> str:
    return "null" if field is None else encode_basestring(field)


FORMAT = Format(
    name="CSV",
    suffixes=(".csv",),
    other_suffixes=(".tsv",),
    begins=begins_table,
    lines=lambda file, *_: table_lines(file),
    as_it_is=False,
    nested=False,
)
