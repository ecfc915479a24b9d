"""Tables and charts of what-ifs for a terminal, and tables of Markdown that are cut."""

from __future__ import annotations

from collections.abc import Sequence

from ebudget.accounts.statement import Verdict
from ebudget.render import figures, markdown
from ebudget.render.page import MARKS, Page, columns, fit
from ebudget.render.whatif import words

GAP = "  "
UNCOUNTED = "·"
"""The mark of an instant whose window reaches beyond the log."""

Mark = Verdict | str | None
"""A verdict, UNCOUNTED, or nothing where there is no account."""


def sizes_of(rows: Sequence[Sequence[str]]) -> list[int]:
    """The width of every column."""
    return [max(map(columns, column)) for column in zip(*rows, strict=True)]


def more(page: Page, hidden: int, *, indent: int = 2) -> None:
    """How many accounts are not shown, where some are not."""
    if hidden > 0:
        page.wrapped(words.more(hidden), indent=indent)


def limited(rows: Sequence[Sequence[str]], head: Sequence[str]) -> list[str]:
    """A table of Markdown with at most so many rows, and how many are left out."""
    lines = markdown.table(head, rows[: words.MOST_ACCOUNTS])
    hidden = len(rows) - words.MOST_ACCOUNTS
    return [*lines, words.more(hidden), ""] if hidden > 0 else lines


def table(
    page: Page,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    indent: int = 2,
    right: bool = False,
) -> None:
    """A table; where it is too wide, the first column stands on lines of its own.

    Where that is too wide as well, every cell is told with its head.
    """
    sizes = sizes_of([heads, *rows])
    margin, rest = " " * indent, sum(size + 2 for size in sizes[1:])
    own = indent + sizes[0] + rest > page.room
    if own and indent + 2 + rest > page.room:
        for first, *cells in rows:
            page.wrapped(first, indent=indent, hang=4)
            told = (f"{h}: {c}" for h, c in zip(heads[1:], cells, strict=True))
            page.wrapped(" · ".join(told), indent=indent + 4)
        return

    def line(cells: Sequence[str]) -> str:
        pairs = zip(cells, sizes[1:], strict=True)
        return "".join(GAP + (c.rjust(size) if right else fit(c, size)) for c, size in pairs)

    lead = margin + (fit(heads[0], sizes[0]) if not own else "")
    page.add((lead + line(heads[1:]), page.dim))
    for first, *cells in rows:
        if own:
            if first:
                page.wrapped(first, indent=indent, hang=4)
            page.add(margin + line(cells))
        else:
            page.add(margin + fit(first, sizes[0]) + line(cells))


def mark_of(page: Page, mark: Mark) -> tuple[str, str]:
    """One character of a chart, with its style."""
    if isinstance(mark, Verdict):
        return MARKS[mark][1 if page.look.ascii_only else 0], MARKS[mark][2]
    if mark == UNCOUNTED:
        return "." if page.look.ascii_only else mark, page.dim
    return " ", ""


def legend(page: Page, marks: set[Mark], *more: str) -> None:
    """What the marks of a chart mean."""
    named: dict[str, list[str]] = {}
    for verdict in figures.WORST_FIRST:
        if verdict in marks:
            named.setdefault(mark_of(page, verdict)[0], []).append(figures.WORDS[verdict])
    parts = [f"{mark} {' or '.join(names)}" for mark, names in named.items()]
    if UNCOUNTED in marks:
        dot = mark_of(page, UNCOUNTED)[0]
        parts.append(f"{dot} not counted: the window reaches beyond the log")
    if marks & {" ", None}:
        parts.append("blank: no such account")
    page.wrapped("   ".join([*parts, *more]), indent=2)


def label_width(page: Page, labels: Sequence[str], marks: int) -> int:
    """Columns for the names beside a chart; 0 where they are too long and stand above."""
    longest = max(map(columns, labels), default=0)
    return longest if longest <= max(page.room * 2 // 5, page.room - 4 - marks) else 0


def charted(
    page: Page, label: str, width: int, marks: Sequence[tuple[str, str]], told: str
) -> None:
    """A name, its marks, and what there is to say of them, on one line where there is room."""
    if width:
        lead = "  " + fit(label, width) + GAP
    else:
        page.wrapped(label, indent=2, hang=4)
        lead = "    "
    used = columns(lead) + sum(columns(text) for text, _ in marks) + 3
    fits = used + columns(told) <= page.room
    page.add(lead, *marks, f"   {told}" if fits else "")
    if not fits:
        page.wrapped(told, indent=6, hang=2)


def axis(first: str, last: str, length: int, room: int) -> str:
    """Two labels at the ends of a chart."""
    gap = max(length - columns(first) - columns(last), 2)
    text = first + " " * gap + last
    return text if columns(text) <= room else fit(text, room)
