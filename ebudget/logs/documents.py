"""JSON that is read bit by bit: its values, and the arrays of runs that lie in them.

Every value is given as it stands in the file, on one line; nothing but the value at hand is kept.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ebudget.logs.files.packing import TRUNCATED, Damaged
from ebudget.text.encoding import without_bom

_CHUNK = 1 << 20
_BLANK = re.compile(r"[ \t\r\n]*")
_BREAKS = str.maketrans("\r\n", "  ")
_WORDS = ("true", "false", "null", "NaN", "Infinity", "-Infinity")
_CUT = re.compile(r"[,:{\[]?[ \t\r\n]*\Z|[.eE][+-]?\Z")
_CUT_ESCAPE = re.compile(r"\\?u?[0-9a-fA-F]{0,4}\Z")

_DECODER = json.JSONDecoder(parse_float=str, parse_int=str)

DEEPEST_KEY = 8
"""How many objects around a key are looked into."""

Parts = tuple[str, ...]
"""The keys of a nested value; in a policy, the parts of a dotted path."""


def is_cut_short(error: json.JSONDecodeError, text: str) -> bool:
    """Whether a text is right as far as it goes, and would be JSON if it went on."""
    rest = text[error.pos : error.pos + 200]
    if error.msg.startswith("Unterminated string") or _CUT.match(rest):
        return True
    if error.msg.startswith("Invalid \\uXXXX"):
        return _CUT_ESCAPE.match(rest) is not None
    return any(word.startswith(rest) for word in _WORDS)


def is_cut(text: str) -> bool:
    """Whether a text is JSON that was cut short. Raises ValueError, RecursionError."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return is_cut_short(error, text)
    return False


def end_of_value(text: str) -> int | None:
    """Where the value ends that a text begins with; None where the text was cut before.

    Raises ValueError, RecursionError.
    """
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        if is_cut_short(error, text):
            return None
        raise
    return end


class Values:
    """JSON values in a text that is read bit by bit."""

    def __init__(self, read: Callable[[int], bytes], line: int = 1) -> None:
        """`line` is the number of the line in which the text begins."""
        self._read = read
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self._text = ""
        self._at = 0
        self._line = line
        self._ended = False

    def peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            match = _BLANK.match(self._text, self._at)
            assert match is not None
            self._at = match.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def skip(self) -> None:
        """Go past the next character."""
        self._at += 1

    def value(self) -> str:
        """The next value as it is written, without line breaks. Raises Damaged where none is."""
        self.peek()
        while True:
            try:
                _, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not is_cut_short(error, self._text):
                    raise self.misfit(error.msg, error.pos) from None
                if self._more():
                    continue
                raise Damaged(TRUNCATED) from None
            except RecursionError:
                raise self.misfit("nested too deeply", self._at) from None
            if end == len(self._text) and self._more():  # a number may go on
                continue
            found = self._text[self._at : end]
            self._at = end
            return found.translate(_BREAKS) if "\n" in found or "\r" in found else found

    def misfit(self, what: str, place: int | None = None) -> Damaged:
        """An error that says in which line the text is no JSON."""
        place = self._at if place is None else place
        line = self._line + self._text.count("\n", 0, place)
        return Damaged(f"damaged: no JSON in line {line} ({what[:1].lower()}{what[1:]})")

    def _more(self) -> bool:
        """Read on, so that long values are not looked through too often."""
        if self._ended:
            return False
        first = not self._text and self._line == 1
        self._line += self._text.count("\n", 0, self._at)
        rest = self._text[self._at :]
        block = self._read(max(_CHUNK, len(rest)))
        self._ended = not block
        text = self._decode(block, self._ended)
        self._text = rest + (without_bom(text) if first else text)
        self._at = 0
        return bool(text) or not self._ended


def _reader(data: bytes) -> Callable[[int], bytes]:
    """What reads a text that is there as a whole."""
    left = [data]
    return lambda _: left.pop() if left else b""


def items(values: Values) -> Iterator[str]:
    """The items of the array that comes next. Raises Damaged where it is none, or cut short."""
    values.skip()
    if values.peek() == "]":
        values.skip()
        return
    while True:
        yield values.value()
        separator = values.peek()
        if not separator:
            raise Damaged(TRUNCATED)
        values.skip()
        if separator == "]":
            return
        if separator != ",":
            raise values.misfit("neither a comma nor the end of the array after an item")


def _members(values: Values) -> Iterator[str]:
    """The keys of the object that comes next; whoever takes one must take its value."""
    values.skip()
    if values.peek() == "}":
        values.skip()
        return
    while True:
        if values.peek() != '"':
            raise values.misfit("a key is missing") if values.peek() else Damaged(TRUNCATED)
        key = json.loads(values.value(), strict=False)
        if values.peek() != ":":
            raise values.misfit("no colon after a key") if values.peek() else Damaged(TRUNCATED)
        values.skip()
        yield key
        separator = values.peek()
        if not separator:
            raise Damaged(TRUNCATED)
        values.skip()
        if separator == "}":
            return
        if separator != ",":
            raise values.misfit("neither a comma nor the end of the object after a value")


@dataclass
class Wrapping:
    """Where in each record an array of runs lies, and how many records have it."""

    path: Parts
    """The keys; each may be joined with the next by a dot."""
    entered: int = 0
    lacking: int = 0

    def items(self, values: Values) -> Iterator[str]:
        """The items of the first array at the path in the value that comes next, or a text that no
        log holds where there is none. Raises Damaged.
        """
        before = self.entered
        yield from self._enter(values, self.path, before)
        if self.entered == before:
            self.lacking += 1
            yield json.dumps(LACKING)

    def _enter(self, values: Values, path: Parts, before: int) -> Iterator[str]:
        if values.peek() != "{":
            values.value()
            return
        for key in _members(values):
            joined = next((n for n in range(1, len(path) + 1) if key == ".".join(path[:n])), 0)
            if self.entered > before or not joined:
                values.value()
            elif joined < len(path):
                yield from self._enter(values, path[joined:], before)
            elif values.peek() == "[":
                self.entered += 1
                yield from items(values)
            else:
                values.value()

    def items_of(self, record: str, line: int = 1) -> list[str]:
        """The same for a record that is there as a whole."""
        values = Values(_reader(record.encode("utf-8", "surrogateescape")), line)
        found = list(self.items(values))
        if values.peek():
            raise values.misfit("something follows")
        return found


LACKING = "\x01 no array there"
"""What stands for a record that lacks the array at `logs.records_at`."""
NOT_UTF8 = "\x01 not UTF-8"
"""What stands for a record with bytes that are no UTF-8."""


def walk(
    value: object, deepest: float = DEEPEST_KEY, before: Parts = ()
) -> Iterator[tuple[Parts, Any]]:
    """Whatever lies in an object, itself an object or not, with its keys from the top."""
    if isinstance(value, Mapping) and len(before) <= deepest:
        for key, inner in value.items():
            yield (keys := (*before, key)), inner
            yield from walk(inner, deepest, keys)


def arrays_of(value: object) -> Iterator[tuple[str, list[Any]]]:
    """The arrays in an object, with their paths."""
    return ((".".join(keys), found) for keys, found in walk(value) if isinstance(found, list))


def write_lines(lines: Iterable[str], target: Path) -> None:
    """Write one record a line."""
    with target.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        for line in lines:
            file.write(line + "\n")
