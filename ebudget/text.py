"""Text from logs and policies, made safe to print: shown, never obeyed."""

from __future__ import annotations

import unicodedata

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
