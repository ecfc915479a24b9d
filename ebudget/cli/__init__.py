"""The command line: from the first moment on, being interrupted or ended is no traceback.

Nothing else is imported before that is settled; importing takes as long as a small report.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # as type checkers know it
    from collections.abc import Callable, Sequence
    from typing import NoReturn

INTERRUPTED, TERMINATED, HUNG_UP = 130, 143, 129
"""Exit codes."""
CODES = {"SIGINT": INTERRUPTED, "SIGTERM": TERMINATED, "SIGHUP": HUNG_UP}
"""The signals that end a command, with the exit code; not every system has all of them."""

came: list[int] = []
"""The signals to end that came while a command ran."""

THREADS = "POLARS_MAX_THREADS"
"""The variable that says how many threads Polars uses; it panics where that is no such number."""
MOST_THREADS = 1_024


def ended() -> int:
    """The exit code after the signals that came."""
    return _code_of(came[-1]) if came else INTERRUPTED


def run(arguments: Sequence[str]) -> int:
    """Run one command; gives the exit code. Raises only SystemExit when it is terminated."""
    from ebudget.cli.app import run as run_command

    return run_command(arguments)


def main() -> None:
    """The entry point of `ebudget`."""
    _on_endings(_leave_at_once)
    _check_threads()
    from ebudget.cli.app import run as run_command
    from ebudget.cli.app import settle

    settle()
    code = INTERRUPTED
    try:
        _on_endings(_end)
        code = run_command(sys.argv[1:])
        _on_endings(_leave_at_once)
    except KeyboardInterrupt:  # between two commands of these lines
        _tell()
    _leave(code)


def _on_endings(handler: Callable[[int, object], None]) -> None:
    """Handle what ends a command, unless whoever started the process wants it ignored."""
    for name in CODES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _code_of(number: int) -> int:
    return CODES[signal.Signals(number).name]


def _leave_at_once(number: int, _frame: object) -> None:
    """While nothing is begun, or all is done."""
    if number == signal.SIGINT:
        _tell()
    os._exit(_code_of(number))


def _end(number: int, frame: object) -> None:
    """While a command runs: it cleans up. Whoever asks again does not want to wait for that; but a
    terminal that closes asks nobody, and both the system and the shell tell of it.
    """
    if came:
        if number == getattr(signal, "SIGHUP", None):
            return
        _leave_at_once(number, frame)
    came.append(number)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(_code_of(number))


def _tell() -> None:
    _write(b"interrupted\n")


def _check_threads() -> None:
    """End with an input error where Polars could not begin."""
    text = os.environ.get(THREADS)
    if text is None:
        return
    if not text.strip():
        del os.environ[THREADS]
        return
    digits = text.strip()
    if digits.isascii() and digits.isdecimal() and 0 < int(digits[:9]) <= MOST_THREADS:
        return
    _write(f"{THREADS}={text[:40]!a}: write a whole number from 1 to {MOST_THREADS:,}\n".encode())
    os._exit(2)


def _write(text: bytes) -> None:
    try:
        os.write(2, text)
    except OSError:  # nobody reads it; the exit code says enough
        return


def _leave(code: int) -> NoReturn:
    """End the process without freeing every object of the libraries, which takes a tenth of the
    time of a small report; everything temporary is gone by now.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # was told by whoever wrote it
            continue
    os._exit(code)
