"""Lines of text for a terminal: marks, colours, widths, and what cannot show them."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, tzinfo

from rich.cells import cell_len, set_cell_size

from ebudget.accounts.statement import Verdict
from ebudget.text import visible

NARROWEST = 72
"""Lines are laid out for at least so many columns."""

MARKS = {
    Verdict.BREACHED: ("✗", "X", "bold red"),
    Verdict.FROZEN: ("■", "#", "bold magenta"),
    Verdict.WARNING: ("!", "!", "yellow"),
    Verdict.OK: ("✓", "v", "green"),
    Verdict.INSUFFICIENT: ("–", "-", "dim"),
    Verdict.NO_DATA: ("–", "-", "dim"),
}
"""Each verdict's mark, its mark in ASCII, and its colour; the word is always there too."""

_ASCII = str.maketrans(
    {"−": "-", "–": "-", "·": "|", "×": "x", "∞": "inf", "…": "~", "✗": "X", "✓": "v", "■": "#"}
)


@dataclass(frozen=True)
class Look:
    """How the text is laid out."""

    title: str = ""
    """The policy's name."""
    width: int = 100
    """Columns of the terminal."""
    color: bool = False
    ascii_only: bool = False
    """For terminals that cannot show the bars and marks."""
    show_rejects: bool = False
    every_breakdown: bool = False
    """Breakdowns of all accounts with spend, not only of the burning ones."""
    zone: tzinfo = UTC
    """The zone of the days in a burn-down."""
    again: str = ""
    """The command that gives the same answer again."""


Line = list[tuple[str, str]]
"""The parts of a line, each with its style."""


class Page:
    """Lines of text, each kept within the width."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.lines: list[Line] = []

    @property
    def room(self) -> int:
        """Columns that a line has."""
        return max(self.look.width, NARROWEST)

    @property
    def dim(self) -> str:
        """The style of what matters less."""
        return "dim" if self.look.color else ""

    @property
    def arrow(self) -> str:
        """What stands between before and after."""
        return "->" if self.look.ascii_only else "→"

    def add(self, *parts: tuple[str, str] | str) -> None:
        """One line, made of texts and of texts with a style."""
        self.lines.append([(part, "") if isinstance(part, str) else part for part in parts])

    def wrapped(self, text: str, *, indent: int = 0, style: str = "", hang: int = 0) -> None:
        """A text over as many lines as it needs; all but the first hang by so many columns."""
        first, rest = " " * indent, " " * (indent + hang)
        for line in textwrap.wrap(
            text, self.room, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
        ) or [""]:
            self.add((line, style))

    def title(self, command: str, as_of: str) -> None:
        """The first line: the command, whose policy it was about, and the instant."""
        name = f"   {visible(self.look.title, 60)}" if self.look.title else ""
        self.wrapped(f"ebudget {command}{name}   {as_of}", style="bold")

    def heading(self, title: str) -> None:
        """An empty line and a title."""
        self.add()
        self.wrapped(title, style="bold")

    def notes(self, notes: Iterable[str]) -> None:
        """What a reader should know before trusting a figure."""
        for note in notes:
            self.wrapped(f"note: {note}", hang=6, style="yellow")

    def rendered(self) -> str:
        """The lines as text."""
        if self.look.color and not self.look.ascii_only:
            return _colored(self.lines)
        texts = ("".join(content for content, _ in line).rstrip() for line in self.lines)
        text = "".join(f"{line}\n" for line in texts)
        if self.look.ascii_only:
            return text.translate(_ASCII).encode("ascii", "replace").decode()
        return text


def _colored(lines: Iterable[Line]) -> str:
    # Takes long to import, and is needed on a terminal only.
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    target = io.StringIO()
    console = Console(
        file=target,
        width=10_000,
        force_terminal=True,
        color_system="standard",
        no_color=False,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    for line in lines:
        text = Text.assemble(*line)
        text.rstrip()
        console.print(text, soft_wrap=True)
    return target.getvalue()


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return cell_len(text)


def fit(text: str, width: int) -> str:
    """The text in exactly so many columns, filled up or cut."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1).rstrip() + "…"
