"""What Markdown is made of: text that is no markup, tables, headings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ebudget.text import visible


def code(text: str) -> str:
    """Text from a log or policy as a code span: no markup, no mention, no link."""
    shown = visible(text).replace("`", "ˋ").replace("|", "\\|")
    return f"`{shown}`" if shown.strip() else "` `"


def coded(texts: Iterable[str]) -> str:
    """Several texts as one code span, or a dash for none."""
    shown = "; ".join(texts)
    return code(shown) if shown else "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, and an empty one."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def heading(command: str, title: str) -> list[str]:
    """The command, and whose policy it was about."""
    return [f"## ebudget {command}{f' {code(title)}' if title else ''}", ""]


def notes(found: Iterable[str]) -> list[str]:
    """What a reader should know before trusting a figure."""
    return [f"- {code(note)}" for note in found]


def rendered(lines: Iterable[str]) -> str:
    """The lines as text."""
    return "\n".join(lines).rstrip() + "\n"
