"""Text from logs and policies: its encoding, nearest names, and what makes it safe to print."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from typing import AnyStr

_LONGEST = 400
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def visible(text: str, longest: int = _LONGEST) -> str:
    """The text with control, format and unassigned characters escaped, cut to a length."""
    shown = "".join(
        character if unicodedata.category(character) not in _HIDDEN else _escape(character)
        for character in text
    )
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def quoted(text: str, longest: int = _LONGEST) -> str:
    """The same between quotation marks, as messages name what somebody wrote."""
    return f"'{visible(text, longest)}'"


def _escape(character: str) -> str:
    code = ord(character)
    named = {9: "\\t", 10: "\\n", 13: "\\r"}.get(code)
    if named:
        return named
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )


def count_of(number: int, noun: str, plural_noun: str | None = None) -> str:
    """`1 run`, `2,000 runs`."""
    return f"{number:,} {noun if number == 1 else plural_noun or noun + 's'}"


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` where a known name is close, else the known names."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, 1, 0.6)
    if not close:
        folded = {known_name.lower(): known_name for known_name in names}
        close = difflib.get_close_matches(name.lower(), folded, 1, 0.6)
        close = [folded[match] for match in close]
    if close:
        return f"; did you mean {close[0]!r}?"
    if not names:
        return ""
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"; known: {shown}"


def nearest_path(path: str, known: Iterable[str]) -> str:
    """`; the nearest path that does is 'x'` where a path that occurs is close, else nothing."""
    folded = {name.lower(): name for name in known}
    close = difflib.get_close_matches(path.lower(), folded, 1, 0.4)
    return f"; the nearest path that does is {quoted(folded[close[0]])}" if close else ""


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
