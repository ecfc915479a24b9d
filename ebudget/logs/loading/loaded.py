"""What one command reads: its files, and what becomes of those that cannot be read."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ebudget import sql
from ebudget.columns import FILE_COLUMN
from ebudget.errors import InputError
from ebudget.logs.files.packing import Checked, Damaged
from ebudget.logs.files.source import Source
from ebudget.logs.files.sources import Sources
from ebudget.logs.runs import FILE, Canonical
from ebudget.logs.warehouse import Warehouse
from ebudget.text import visible


@dataclass
class Loaded:
    """Logs whose canonical runs are the view `runs`."""

    warehouse: Warehouse
    canonical: Canonical
    sources: Sources
    skip_unreadable: bool = False
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    """Files that were skipped as a whole, each with the reason."""
    looked_at: set[str] = field(default_factory=set)
    """Files whose malformed lines Python's json has looked at."""
    slimmed: set[str] = field(default_factory=set)
    """Files of which lines were too long to be read as they are."""
    checked: dict[str, Checked] = field(default_factory=dict)
    """Packed files of which every checksum was looked at, by their paths."""
    written: int = 0
    """Files that were written anew, one way or another."""

    def named(self, read_as: str) -> Source:
        """The source that is read under a name."""
        return next(source for source in self.sources.files if source.read_as == read_as)

    def give_up(self, source: Source, reason: str) -> None:
        """Skip a file as a whole, or raise InputError where that was not asked for."""
        if not self.skip_unreadable:
            raise InputError(
                f"{visible(source.shown)}: {reason}; a budget over half a log is no budget "
                "(--skip-unreadable leaves such files out and says so)"
            )
        self.unreadable.append((source.shown, reason))
        self.sources.files.remove(source)

    def refuse(self, shown: str, form: str) -> None:
        """The same for a file in a form that is not read."""
        if not self.skip_unreadable:
            others = len(self.sources.files) + len(self.sources.refused) > 1
            how = "; --skip-unreadable leaves such files out and says so" if others else ""
            raise InputError(f"{visible(shown)}: {form}{how}")
        self.unreadable.append((shown, form))

    def rewrite(self, source: Source, write: Callable[[Source, Path], Source]) -> None:
        """Read in place of a file what is made of it, or give it up where it is damaged."""
        number = self.sources.files.index(source)
        self.written += 1
        target = self.warehouse.scratch / f"written-{self.written}"
        try:
            self.sources.files[number] = write(source, target)
        except Damaged as damage:
            target.unlink(missing_ok=True)
            self.give_up(source, str(damage))
        except OSError as error:
            self.give_up(source, error.strerror or "cannot be read")

    def column(self, name: str) -> sql.Tree:
        """A column of canonical runs; the one that holds a file's path from where it was read."""
        if name != FILE_COLUMN or FILE_COLUMN in self.canonical.policy.logs.fields:
            return sql.column(name)
        here = os.getcwd() + os.sep
        below = sql.call("starts_with", sql.column(FILE), here)
        path = sql.when(
            below, sql.call("substr", sql.column(FILE), len(here) + 1), sql.column(FILE)
        )
        others = {
            source.read_as: _below(source, here)
            for source in self.sources.files
            if source.read_as != os.path.abspath(source.path) or source.is_stdin
        }
        return sql.named(
            sql.case(others.items(), path, of=sql.column(FILE)) if others else path, name
        )


def _below(source: Source, here: str) -> str:
    """A file's path from the working directory, if it lies below it."""
    if source.is_stdin:
        return source.shown
    return _as_text(os.path.abspath(source.path).removeprefix(here))


def _as_text(path: str) -> str:
    r"""A path with its bytes that are no UTF-8 as `\xff`, so that different ones stay different."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
