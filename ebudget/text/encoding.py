"""The encoding of a text: the mark before it (a byte order mark), and text that is not UTF-8."""

from __future__ import annotations

import re
from typing import AnyStr

_BOM = "\ufeff"
"""What some programs write before UTF-8."""

BLANKS = f"{_BOM} \t\r\n"
"""What stands around a text and says nothing."""


def without_bom(text: AnyStr) -> AnyStr:
    """A text without the mark of its encoding that some programs write before it."""
    return text.removeprefix(_BOM.encode() if isinstance(text, bytes) else _BOM)


def trimmed(text: AnyStr) -> AnyStr:
    """A text without the blanks, breaks and marks of its encoding around it."""
    return text.strip(BLANKS.encode() if isinstance(text, bytes) else BLANKS)


_BOMS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xfe\x00\x00", "UTF-32LE"),
    (b"\x00\x00\xfe\xff", "UTF-32BE"),
    (b"\xff\xfe", "UTF-16LE"),
    (b"\xfe\xff", "UTF-16BE"),
)

_WIDE: tuple[tuple[bytes, str], ...] = (
    (rb"(?:[\x01-\x7f]\x00\x00\x00){2}", "UTF-32LE"),
    (rb"(?:\x00\x00\x00[\x01-\x7f]){2}", "UTF-32BE"),
    (rb"(?:[\x01-\x7f]\x00){2}", "UTF-16LE"),
    (rb"(?:\x00[\x01-\x7f]){2}", "UTF-16BE"),
)


def encoding_of(head: bytes) -> str | None:
    """The name of an encoding that is not UTF-8, by its mark or by its first two characters."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    return next((name for pattern, name in _WIDE if re.match(pattern, head)), None)
