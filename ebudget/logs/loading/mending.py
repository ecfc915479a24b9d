"""Lines that DuckDB refuses, read by Python: values that only Python takes, and every record of a
line that holds several, as where a line break was lost.
"""

from __future__ import annotations

import json
import math
import re
from array import array
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from ebudget.logs.documents import NOT_UTF8, is_cut
from ebudget.logs.files.packing import Compression, opened
from ebudget.logs.files.source import Source, note_lines, numbered
from ebudget.text.encoding import BLANKS

LONG_LINE = 1 << 24
"""Bytes of a line from which on DuckDB may refuse a file."""
LONGEST_LINE = 1 << 28
"""Bytes of the longest line that is looked into."""
_NO_JSON = b"{\n"
_NO_TEXT = json.dumps(NOT_UTF8).encode() + b"\n"
_BLANK = re.compile(f"[{BLANKS}]*")
_HALF = re.compile("[\ud800-\udfff]")

Lines = Iterator[tuple[int, list[bytes]]]
"""The number of each line of a file, with what is written for it; nothing for a blank one."""


def mended(source: Source, records: Iterable[int], target: Path) -> Source | None:
    """A copy of a log in which records (from 0) that only Python's json can read are written in a
    way that every reader takes, and those that hold several on a line each; None where there is
    no such record.

    Half a character that an escape left behind (a lone surrogate) becomes U+FFFD, a number that is
    none its text; of two equal keys the first counts, as everywhere. What would be JSON if it
    were UTF-8 becomes NOT_UTF8.
    """
    wanted = set(records)
    before = _places(source)
    enters = source.counted != "item"
    found = False

    def lines() -> Lines:
        nonlocal found
        record = -1
        with opened(source.read_as, source.compression) as file:
            for number, line, is_record in numbered(file):
                record += is_record
                made = _mended(line, enters) if is_record and record in wanted else None
                found = found or made is not None
                place = before[record] if before else number
                yield place, ([line] if made is None else made) if is_record else []

    copy = _written_anew(source, target, lines())
    return copy if found else None


def _mended(line: bytes, enters: bool) -> list[bytes] | None:
    try:
        made = _records(line, enters)
    except (ValueError, RecursionError):
        return None
    is_bad = len(made) == 1 and (made[0] == _NO_JSON or made[0].startswith(b"["))
    return None if is_bad else made


def slimmed(source: Source, target: Path, keys: Collection[str]) -> Source:
    """A file of lines of which those that are too long for DuckDB hold nothing but these keys.

    A record that is too long even so, or that is no object, becomes one that is malformed.
    """

    def lines() -> Lines:
        number = 0
        before = _places(source)  # such a file has no blank lines
        with opened(source.read_as, source.compression) as file:
            while line := file.readline(LONGEST_LINE):
                number += 1
                place = before[number - 1] if before else number
                if len(line) < LONG_LINE:
                    yield place, [line] if line.strip(b" \t\r\n") else []
                    continue
                was_cut = len(line) == LONGEST_LINE and not line.endswith(b"\n")
                yield place, [_NO_JSON] if was_cut else _slim(line, keys)
                while was_cut and (rest := file.readline(LONGEST_LINE)):
                    was_cut = not rest.endswith(b"\n")

    return _written_anew(source, target, lines())


def _slim(line: bytes, keys: Collection[str]) -> list[bytes]:
    try:
        made = _records(line, True, keys)
    except (ValueError, RecursionError):
        return [_NO_JSON]
    return [slim if len(slim) < LONG_LINE else _NO_JSON for slim in made]


def _places(source: Source) -> array[int]:
    """The line of each record, where it is not where it stands."""
    places = array("Q")
    if source.places:
        places.frombytes(Path(source.places).read_bytes())
    return places


def _written_anew(source: Source, target: Path, lines: Lines) -> Source:
    """A copy of a file of lines; it knows the line of each record where a line holds several."""
    places = array("Q")
    several = False
    with target.open("wb") as copy:
        for place, made in lines:
            copy.writelines(made or [b"\n"])
            several = several or len(made) > 1
            places.extend([place] * len(made))
    noted = source.places
    if several:
        noted = note_lines(places, target)
    return replace(source, read_as=str(target), compression=Compression.NONE, places=noted)


def _first_wins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    return dict(reversed(pairs))


def _number(written: str) -> float | str:
    value = float(written)
    return value if math.isfinite(value) else written


_DECODER = json.JSONDecoder(object_pairs_hook=_first_wins, parse_constant=str, parse_float=_number)
"""Of two equal keys the first counts, as everywhere; a number that is none, or that no double
holds, is its text.
"""


def _records(line: bytes, enters: bool, keys: Collection[str] | None = None) -> list[bytes]:
    """The records of a line, a line each, also those of an array of objects where it is entered;
    what lies between them and is no JSON is one that is malformed. Of objects, these keys.

    Raises ValueError, RecursionError.
    """
    text = line.decode("utf-8", "surrogateescape")
    found: list[bytes] = []
    at = _after_blanks(text, 0)
    while at < len(text):
        try:
            if text[at] not in "{[":
                raise json.JSONDecodeError("no record", text, at)
            value, end = _DECODER.raw_decode(text, at)
            if _GOES_ON.match(text, end):
                raise json.JSONDecodeError("more than it should", text, end)
        except json.JSONDecodeError as error:
            found.append(_NO_JSON)
            if not found[:-1] and text[at] not in "{[":  # a line of text
                return found
            end = _next_object(text, at, error.pos)
        else:
            is_text = _HALF.search(text, at, end) is None  # a byte that is not UTF-8 is half
            is_entered = enters and isinstance(value, list) and any(map(_is_object, value))
            for record in value if is_entered else [value]:
                found.append(_line_of(record, keys) if is_text else _NO_TEXT)
        at = _after_blanks(text, end)
    return found


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _line_of(value: object, keys: Collection[str] | None) -> bytes:
    if keys is not None and isinstance(value, dict):
        value = {key: inner for key, inner in value.items() if key in keys}
    return _HALF.sub("\ufffd", json.dumps(value, ensure_ascii=False)).encode() + b"\n"


def _after_blanks(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    assert match is not None
    return match.end()


_OPENED = re.compile(r'\{[ \t]*"[ \t]*\Z')
"""The begin of an object behind a text that was cut, which ends it."""
_GOES_ON = re.compile(r'[ \t\r]*(?:[:\]}"]|,[ \t\r\n]*(?:[^ \t\r\n{\[]|\Z))')
"""What shows behind a value that it is a part of another."""
_ENDS = re.compile(r"[ \t\r\n]*(?:[{\[]|\Z)")
_CLOSED = re.compile(r"\}[ \t\r]*(?=\{)")


def _next_object(text: str, at: int, wrong: int) -> int:
    """Where the next object begins after what is no JSON from `at`, by what is `wrong` in it; the
    end of the text where an object may be a part of what is broken.
    """
    is_value = text[at] in "{["
    opened_at = _OPENED.search(text, at, wrong)
    starts = [opened_at.start()] if opened_at else []
    starts.append(text.find("{", wrong))
    for start in starts:
        is_own = not is_value or (start > at and is_cut(text[at:start]))
        if start > at and is_own and _stands_alone(text, start, is_value):
            return start
    closed = _CLOSED.finditer(text, wrong) if is_value else ()
    ends = (match.end() for match in closed)
    return next((end for end in ends if _stands_alone(text, end, is_value)), len(text))


def _stands_alone(text: str, start: int, is_inside: bool) -> bool:
    """Whether an object begins there that nothing around it goes on behind."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError:
        return False
    ends = _ENDS.match(text, end) if is_inside else not _GOES_ON.match(text, end)
    return isinstance(value, dict) and bool(ends)
