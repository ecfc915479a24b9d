"""Where output goes: standard output, files that are whole or untouched, a job's summary."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ebudget.errors import InputError, UsageError
from ebudget.logs.files.sources import is_log_name
from ebudget.render.formats import TAMED, Format
from ebudget.text import nearest, quoted, visible

if TYPE_CHECKING:
    from ebudget.render.page import Look

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file of a job's summary on GitHub Actions."""


JOB_SUMMARY = "github"
"""The `--output` without a path: annotations and the job's summary."""


@dataclass(frozen=True)
class Output:
    """One `--output FORMAT=PATH`."""

    format: str
    path: Path


@dataclass(frozen=True)
class Delivery:
    """Where an answer goes: one format is printed, others are written to files."""

    formats: Mapping[str, Format]
    printed: str
    outputs: Sequence[Output] = ()
    summary: Path | None = None
    """The file of the job's summary, where that is asked for."""

    def __post_init__(self) -> None:
        check_format(self.printed, self.formats)

    @property
    def shown(self) -> list[Format]:
        """The formats that are asked for."""
        return [self.formats[name] for name in (self.printed, *(o.format for o in self.outputs))]

    def to(self, items: Sequence[str] | None, inputs: Iterable[str | Path]) -> Delivery:
        """The same with what `--output` asks for. Raises UsageError."""
        return replace(self, outputs=parse_outputs(items or (), self.formats, inputs))

    def publish(self, answer: Any, look: Look, instead: str | None = None) -> None:
        """Write the files, add to the job's summary, and print; `instead` of the answer."""
        printed = self.formats[self.printed]
        text = printed.render(answer, for_terminal(look)) if instead is None else instead
        files = [(one.path, self.formats[one.format].render(answer, look)) for one in self.outputs]
        if self.summary is None:
            write_all(files)
        else:
            write_all(files, added=(self.summary, self.formats["markdown"].render(answer, look)))
            complain(self.formats[JOB_SUMMARY].render(answer, look).rstrip(), commands=True)
        print_data(not_obeyed(text, printed.tamed))


def check_format(name: str, known: Collection[str]) -> None:
    """Raises UsageError for a format that the command does not have."""
    if name not in known:
        *most, last = known
        raise UsageError(
            f"--format {quoted(name)}: write {', '.join(most)} or {last}{nearest(name, known)}"
        )


def parse_outputs(
    items: Sequence[str], known: Collection[str], inputs: Iterable[str | os.PathLike[str]]
) -> list[Output]:
    """What `--output` asks for. Raises UsageError, also for a path that is one of the inputs."""
    found: list[Output] = []
    taken = {os.path.realpath(path) for one in inputs for path in _matching(os.fspath(one))}
    for item in items:
        kind, equals, name = item.partition("=")
        if not equals or not name:
            raise UsageError(
                f"--output {quoted(item)}: write FORMAT=PATH, such as json=report.json"
            )
        check_format(kind, known)
        path, shown = Path(name), visible(name)
        if any(os.path.realpath(output.path) == os.path.realpath(path) for output in found):
            raise UsageError(f"--output {shown!r}: named twice")
        if any(_is_read(path, other) for other in taken):
            raise UsageError(f"--output {shown!r}: lies where logs or the policy are read")
        if (why := _why_not(path)) is not None:
            raise InputError(f"{shown}: cannot be written: {why}")
        found.append(Output(kind, path))
    return found


def _why_not(path: Path) -> str | None:
    """Why no file of this name can be written, as far as can be told before."""
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            return "is a folder"
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        return error.strerror or type(error).__name__
    return None if os.path.isdir(path.parent) else "its folder does not exist"


def _matching(name: str) -> list[str]:
    return [name] if os.path.exists(name) else glob.glob(name, recursive=True)


def _is_read(path: Path, other: str) -> bool:
    """Whether a path is an input, or would be one as a log in a folder that is searched."""
    real = os.path.realpath(path)
    inside = os.path.isdir(other) and real.startswith(other.rstrip(os.sep) + os.sep)
    return real == other or (inside and is_log_name(real))


def summary_path() -> Path:
    """The file of this job's summary. Raises UsageError outside of GitHub Actions."""
    name = os.environ.get(SUMMARY)
    if not name:
        raise UsageError(
            f"--output github: {SUMMARY} is not set, so this is no job of GitHub Actions; "
            "write github=PATH for the annotations alone"
        )
    path = Path(name)
    if _why_not(path) is not None or (os.path.exists(path) and not os.path.isfile(path)):
        raise UsageError(f"--output github: {SUMMARY} names no file: {visible(name)}")
    return path


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


def mend_streams() -> None:
    """Give the process streams where it was started without, and characters that always fit."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
        elif mode == "w" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def print_data(text: str) -> None:
    """Write to standard output; a reader that has gone is no error. Raises InputError."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        if not isinstance(error, BrokenPipeError):
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(f"standard output cannot be written: {reason}") from None


def complain(text: str, *, commands: bool = False) -> None:
    """Lines on standard error; where nobody reads them, the exit code says enough.

    `commands` are meant to be obeyed by the runner of a job.
    """
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{text if commands else not_obeyed(text)}\n")
        sys.stderr.flush()


def not_obeyed(text: str, tamed: str | None = TAMED) -> str:
    """Text for the log of a job: on GitHub Actions a line that begins with `::`, or has `##[`
    anywhere, is a command to the runner, and names of a log may look like one. `tamed` stands for
    the latter; None where commands are meant.
    """
    if os.environ.get("GITHUB_ACTIONS") != "true" or tamed is None:
        return text
    lines = text.replace("##[", tamed).split("\n")
    return "\n".join(f"· {line}" if line.lstrip().startswith("::") else line for line in lines)


def write_all(files: Sequence[tuple[Path, str]], added: tuple[Path, str] | None = None) -> None:
    """Write files, each whole or not at all, and as far as the file system allows all or none.

    All are written beside their places first, and put in place one right after the other, which
    neither Ctrl-C nor an end that is asked for comes between. `added` is put at the end of its
    file. Raises InputError.
    """
    staged: list[_Staged] = []
    current = Path()
    try:
        try:
            for path, text in files:
                current = path
                if not _is_special(path):
                    staged.append(_stage(path, text))
            for path, text in files:
                current = path
                if _is_special(path):
                    path.write_text(text, encoding="utf-8")
            with _undisturbed():
                _put_in_place(staged, added)
        finally:
            for one in staged:
                one.discard()
    except BrokenPipeError:
        return
    except _NotPlaced as error:
        raise InputError(str(error)) from None
    except OSError as error:
        raise InputError(_refusal(current, error)) from None


def _refusal(path: Path, error: OSError) -> str:
    reason = error.strerror or type(error).__name__
    return f"{visible(str(path))}: cannot be written: {reason}"


class _NotPlaced(Exception):
    """A file that is written and cannot be put in its place."""


@dataclass(frozen=True)
class _Staged:
    """A file that is written beside its place."""

    path: Path
    temporary: str
    real: str
    """The place, without symbolic links."""
    replaces: bool
    """Whether there is a file already."""

    @property
    def before(self) -> str:
        """Where the file that it replaces is kept until all are in place."""
        return self.temporary + ".before"

    def keep(self) -> None:
        """Keep what is there now under another name, where the file system can."""
        with contextlib.suppress(OSError, NotImplementedError):
            os.link(self.real, self.before)

    def undo(self) -> None:
        """Put back what was there; nothing where nothing was."""
        with contextlib.suppress(OSError):
            if os.path.exists(self.before):
                os.replace(self.before, self.real)
            elif not self.replaces:
                os.unlink(self.real)

    def discard(self) -> None:
        """Remove what is left of the writing."""
        for name in (self.temporary, self.before):
            with contextlib.suppress(OSError):
                os.unlink(name)


def _put_in_place(staged: Sequence[_Staged], added: tuple[Path, str] | None) -> None:
    """Rename one right after the other; where one step cannot be taken, put back those before."""
    if len(staged) > 1 or added is not None:
        for one in staged:
            one.keep()
    placed: list[_Staged] = []
    path = Path()
    try:
        for one in staged:
            path = one.path
            os.replace(one.temporary, one.real)
            placed.append(one)
        if added is not None:
            path = added[0]
            _append(*added)
    except OSError as error:
        for one in placed:
            one.undo()
        raise _NotPlaced(_refusal(path, error)) from None


_ENDINGS = ("SIGINT", "SIGTERM", "SIGHUP")
"""Signals that end a command, and can wait a moment."""


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals that come meanwhile count afterwards."""
    came: list[int] = []
    before: dict[int, Any] = {}
    try:
        for name in _ENDINGS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not None:
                before[number] = signal.signal(number, lambda one, _frame: came.append(one))
    except ValueError:  # not in the main thread, which no signal interrupts
        pass
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)


def _is_special(path: Path) -> bool:
    """Whether it is a pipe or a device, which cannot be put in place whole."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _stage(path: Path, text: str) -> _Staged:
    """A file beside the one to write, with its text and its rights."""
    real = os.path.realpath(path)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(real), prefix=".ebudget-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        replaces = os.path.exists(real)
        os.chmod(temporary, os.stat(real).st_mode if replaces else 0o666 & ~_umask())
    except BaseException:
        os.unlink(temporary)
        raise
    return _Staged(path, temporary, real, replaces)


def _append(path: Path, text: str) -> None:
    """Add to a file that others may hold open, all of it or nothing."""
    with open(path, "ab", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        data = f"\n{text}".encode() if size else text.encode()
        try:
            if file.write(data) < len(data):
                raise OSError(28, "no space left")
        except OSError:
            os.ftruncate(file.fileno(), size)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
