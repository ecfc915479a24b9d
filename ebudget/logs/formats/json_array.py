"""One JSON array of objects, which DuckDB reads as it is."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator
from typing import BinaryIO

from ebudget.logs.documents import Values, Wrapping, end_of_value, items
from ebudget.logs.formats.format import Format, Head, Kind


def begins_array(head: Head) -> bool:
    """Whether a text is an array of records. A first line that is a whole array of scalars, before
    other lines, is a bad record; what only begins as an array does may be a line of text, such as
    `[INFO] ready`.
    """
    text = head.content
    if not text.startswith(b"["):
        return False
    if not re.match(rb'\[\s*[{\[\]"]|\[\s*\Z', text) and not _is_array(text):
        return False
    first, _, rest = text.partition(b"\n")
    if not rest.strip():
        return True
    try:
        return any(isinstance(item, dict) for item in json.loads(first))
    except (ValueError, RecursionError):
        return True


def _is_array(content: bytes) -> bool:
    """Whether a text begins with a JSON array, be it cut short."""
    text = content.decode("utf-8", "ignore")
    try:
        end = end_of_value(text)
    except json.JSONDecodeError:
        return False
    except (ValueError, RecursionError):
        return True
    return end is None or not text[end:].partition("\n")[0].strip()


def array_lines(file: BinaryIO, wrapping: Wrapping | None, _: array[int]) -> Iterator[str]:
    """The items of a file that is one array, one a line. Raises Damaged."""
    values = Values(file.read)
    if values.peek() != "[":
        raise values.misfit("no array")
    for item in items(values):
        if wrapping:
            yield from wrapping.items_of(item)
        else:
            yield item
    if values.peek():
        raise values.misfit("something follows the end of the array")


FORMAT = Format(
    name="a JSON array",
    suffixes=(".json",),
    begins=begins_array,
    kind=Kind.ARRAY,
    lines=array_lines,
    counted="item",
)
