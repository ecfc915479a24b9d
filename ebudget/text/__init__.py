"""Text from logs and policies: what makes it safe to print, and nearest names."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

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
