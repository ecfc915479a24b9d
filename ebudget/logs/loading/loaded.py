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
from ebudget.logs.runs import FILE, Canonical
from ebudget.logs.warehouse import Warehouse
from ebudget.text import visible


@dataclass
class Loaded:
    """Logs whose canonical runs are the view `runs`."""

    warehouse: Warehouse
    canonical: Canonical
    files: list[Source]
    skip_unreadable: bool = False
    whole: bool = True
    """Whether these are all files of the command."""
    suffix: str = ""
    """What names of printed tables end in."""
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    """Files that were skipped as a whole, each with the reason."""
    looked_at: set[str] = field(default_factory=set)
    """Files whose malformed lines Python's json has looked at."""
    slimmed: set[str] = field(default_factory=set)
    """Files of which lines were too long to be read as they are."""
    checked: dict[str, Checked] = field(default_factory=dict)
    """Packed files of which every checksum was looked at, by their paths."""
    has_arrays: bool = False
    """Whether any record has the array at `logs.records_at`."""
    lacks_arrays: bool = False
    """Whether there are records, and none has it."""
    tables: list[sql.Tree] = field(default_factory=list)
    """The tables that `--sql` prints before the view."""
    printed: list[sql.Select] = field(default_factory=list)
    """What `--sql` prints in place of the selects that make the view."""
    written: int = 0
    """Files that were written anew, one way or another."""

    def named(self, read_as: str) -> Source:
        """The source that is read under a name."""
        return next(source for source in self.files if source.read_as == read_as)

    def give_up(self, source: Source, reason: str) -> None:
        """Skip a file as a whole, or raise InputError where that was not asked for."""
        if not self.skip_unreadable:
            raise InputError(
                f"{visible(source.shown)}: {reason}; a budget over half a log is no budget "
                "(--skip-unreadable leaves such files out and says so)"
            )
        self.unreadable.append((source.shown, reason))
        self.files.remove(source)

    def refuse(self, source: Source, form: str) -> None:
        """The same for a file in a form that is not read."""
        if not self.skip_unreadable:
            raise refused(source.shown, form, others=len(self.files) > 1 or not self.whole)
        self.unreadable.append((source.shown, form))
        self.files.remove(source)

    def rewrite(self, source: Source, write: Callable[[Source, Path], Source]) -> None:
        """Read in place of a file what is made of it, or give it up where it is damaged."""
        number = self.files.index(source)
        self.written += 1
        target = self.warehouse.scratch / f"written-{self.written}"
        try:
            self.files[number] = write(source, target)
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
            for source in self.files
            if source.read_as != os.path.abspath(source.path) or source.is_stdin
        }
        return sql.named(
            sql.case(others.items(), path, of=sql.column(FILE)) if others else path, name
        )


def refused(shown: str, form: str, *, others: bool) -> InputError:
    """That a file has a form that is not read; where there are others, how to go on with them."""
    how = "; --skip-unreadable leaves such files out and says so" if others else ""
    return InputError(f"{visible(shown)}: {form}{how}")


def _below(source: Source, here: str) -> str:
    """A file's path from the working directory, if it lies below it."""
    if source.is_stdin:
        return source.shown
    return _as_text(os.path.abspath(source.path).removeprefix(here))


def _as_text(path: str) -> str:
    r"""A path with its bytes that are no UTF-8 as `\xff`, so that different ones stay different."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
