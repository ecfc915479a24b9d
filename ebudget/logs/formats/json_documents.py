"""JSON objects over several lines, which are written anew as lines."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from typing import BinaryIO

from ebudget.logs.documents import Values, Wrapping, end_of_value, is_cut
from ebudget.logs.formats.format import Format, Head
from ebudget.text.encoding import trimmed


def begins_document(head: Head) -> bool:
    """Whether a text begins with a JSON object over several lines, rather than one a line."""
    text = trimmed(head.text.decode("utf-8", "ignore"))
    first, _, rest = text.partition("\n")
    if not text.startswith("{") or not rest.strip():
        return False
    try:
        json.loads(first)
    except RecursionError:
        return False
    except ValueError:
        return _spans_lines(text)
    return False


def _spans_lines(text: str) -> bool:
    """Whether the JSON value that a text begins with does not end in its first line."""
    try:
        end = end_of_value(text)
    except (ValueError, RecursionError):
        return False
    return end is None or "\n" in text[:end]


def goes_on(text: bytes) -> bool:
    """Whether the first line of a text is an object that does not end in it."""
    first = trimmed(text.decode("utf-8", "ignore")).partition("\n")[0].rstrip()
    try:
        return first.startswith("{") and is_cut(first)
    except (ValueError, RecursionError):
        return False


def document_lines(
    file: BinaryIO, wrapping: Wrapping | None = None, _: array[int] | None = None
) -> Iterator[str]:
    """The values of a file, each over several lines, one a line. Raises Damaged."""
    values = Values(file.read)
    while values.peek():
        if wrapping:
            yield from wrapping.items(values)
        else:
            yield values.value()


FORMAT = Format(
    name="",
    suffixes=(".json",),
    begins=begins_document,
    lines=document_lines,
    as_it_is=False,
    counted="record",
)
