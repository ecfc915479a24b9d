"""What the commands share: their options, and what options mean."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from ebudget.errors import UsageError
from ebudget.instants import moment, read_time
from ebudget.policy.model import Policy
from ebudget.text import quoted, visible

Logs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[LOGS]...",
        show_default=False,
        help="Files, folders, globs, or - for standard input. None: the policy's logs.paths.",
    ),
]
PolicyOption = Annotated[
    Path, typer.Option("--policy", "-p", metavar="FILE", help="The policy file.")
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        help="The instant to report at: now, or ISO 8601 (without a zone: the policy's). "
        "Left out: the newest run.",
    ),
]
SkipUnreadable = Annotated[
    bool,
    typer.Option(
        "--skip-unreadable", help="Count files that cannot be read and go on without them."
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


Budgets = Annotated[
    list[str] | None,
    typer.Option("--budget", metavar="NAME", help="Only accounts of this budget; repeatable."),
]
For = Annotated[
    list[str] | None,
    typer.Option("--for", metavar="COLUMN=VALUE", help="Only accounts whose group has this value."),
]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--output", metavar="FORMAT=PATH", help="Also write a format to a file; repeatable."
    ),
]


def log_paths(logs: Sequence[str] | None, policy: Policy, file: Path) -> list[str]:
    """The logs to read. Raises UsageError where nothing names any."""
    if logs:
        return list(logs)
    if not policy.logs.paths:
        raise UsageError(f"name the logs, or list them under logs.paths in {visible(str(file))}")
    return [path if path == "-" else str(file.parent / path) for path in policy.logs.paths]


def as_of_moment(text: str | None, policy: Policy) -> datetime | Literal["now"] | None:
    """The instant that `--as-of` means. Raises UsageError."""
    if text is None:
        return None
    if text == "now":
        return "now"
    try:
        read = moment(read_time(text, policy.timezone))
    except ValueError:
        raise UsageError(f"--as-of {quoted(text)}: write now or 2026-10-31T23:54:00Z") from None
    if not 1678 < read.year < 9000:
        raise UsageError(f"--as-of {quoted(text)}: the year is out of range")
    return read


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Tells what is being done, on standard error and only on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _text: None
        return

    def tick(text: str) -> None:
        sys.stderr.write(f"\r\x1b[K{text} …")
        sys.stderr.flush()

    try:
        yield tick
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
