"""Where output goes: standard output, files that are whole or untouched, a job's summary."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ebudget.errors import InputError, UsageError
from ebudget.misfit import nearest
from ebudget.render.page import Look
from ebudget.text_safety import visible

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file of a job's summary on GitHub Actions."""


@dataclass(frozen=True)
class Output:
    """One `--output FORMAT=PATH`."""

    format: str
    path: Path


def check_format(name: str, known: Collection[str]) -> None:
    """Raises UsageError for a format that the command does not have."""
    if name not in known:
        *most, last = known
        raise UsageError(
            f"--format {visible(name)!r}: write {', '.join(most)} or {last}{nearest(name, known)}"
        )


def parse_outputs(items: Sequence[str], known: Collection[str]) -> list[Output]:
    """What `--output` asks for. Raises UsageError."""
    found: list[Output] = []
    for item in items:
        kind, equals, path = item.partition("=")
        if not equals or not path:
            raise UsageError(
                f"--output {visible(item)!r}: write FORMAT=PATH, such as json=report.json"
            )
        check_format(kind, known)
        if any(output.path == Path(path) for output in found):
            raise UsageError(f"--output {visible(path)!r}: named twice")
        found.append(Output(kind, Path(path)))
    return found


def summary_path() -> Path:
    """The file of this job's summary. Raises UsageError outside of GitHub Actions."""
    path = os.environ.get(SUMMARY)
    if not path:
        raise UsageError(
            f"--output github: {SUMMARY} is not set, so this is no job of GitHub Actions; "
            "write github=PATH for the annotations alone"
        )
    return Path(path)


def for_terminal(look: Look) -> Look:
    """The look that fits standard output."""
    terminal = sys.stdout.isatty()
    color = (terminal or bool(os.environ.get("FORCE_COLOR"))) and not os.environ.get("NO_COLOR")
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    return replace(
        look,
        width=shutil.get_terminal_size((100, 24)).columns,
        color=color and os.environ.get("TERM") != "dumb",
        ascii_only=encoding not in ("utf8", "utf16", "cp65001", "gb18030"),
    )


def print_data(text: str) -> None:
    """Write to standard output; a reader that has gone is no error. Raises InputError."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        if not isinstance(error, BrokenPipeError):
            raise InputError(f"standard output cannot be written: {error.strerror}") from None


def complain(text: str) -> None:
    """A line on standard error."""
    sys.stderr.write(f"{not_obeyed(text)}\n")


def not_obeyed(text: str) -> str:
    """Text for the log of a job: on GitHub Actions a line that begins with `::`, or has `##[`
    anywhere, is a command to the runner, and names of a log may look like one.
    """
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return text
    lines = text.replace("##[", "## [").split("\n")
    return "\n".join(f"· {line}" if line.lstrip().startswith("::") else line for line in lines)


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises InputError."""
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file() and not path.is_dir():
        path.write_text(text, encoding="utf-8")
        return
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "is a folder")
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode("utf-8", "surrogateescape"))
            mode = path.stat().st_mode if path.exists() else 0o666 & ~_umask()
            os.chmod(temporary, mode)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise InputError(f"{visible(str(path))}: cannot be written: {error.strerror}") from None


def append_whole(path: Path, text: str) -> None:
    """Add to the end of a file, whole or not at all. Raises InputError."""
    try:
        before = path.read_bytes().decode("utf-8", "surrogateescape") if path.exists() else ""
    except OSError as error:
        raise InputError(f"{visible(str(path))}: cannot be read: {error.strerror}") from None
    gap = "\n" if before and not before.endswith("\n") else ""
    write_whole(path, before + gap + text)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
