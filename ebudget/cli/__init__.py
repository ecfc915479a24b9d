"""The command line: wires the stages. The only place that prints, and that knows everyone."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, NoReturn

import typer

from ebudget import __version__
from ebudget.errors import EbudgetError, UsageError
from ebudget.outputs import complain, mend_streams
from ebudget.text_safety import visible

OK, FAILED_INPUT, BUG, INTERRUPTED, TERMINATED = 0, 2, 70, 130, 143

HELP = (
    "How much failure can this workflow still afford? Error budgets for AI agents, "
    "from run logs and one policy."
)
EPILOG = (
    "Exit codes: 0 done, or the change may ship; 1 the gate says no; 3 not enough evidence; "
    "2 usage, policy or input error; 70 a bug in ebudget."
)
COMMANDS = {
    "report": "ebudget.cli.report",
    "check": "ebudget.cli.check",
    "simulate": "ebudget.cli.simulate",
    "validate": "ebudget.cli.validate",
    "schema": "ebudget.cli.validate",
}
"""Where each command lives; only the one that is asked for is imported."""


def _version(value: bool) -> None:
    if value:
        typer.echo(f"ebudget {__version__}")
        raise typer.Exit


def _main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def _app(arguments: Sequence[str]) -> typer.Typer:
    """The commands: the one that is named first, or all of them where none is."""
    asked = [name for name in COMMANDS if arguments and arguments[0] == name]
    app = typer.Typer(
        name="ebudget",
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        epilog=EPILOG,
        callback=_main,
    )
    for name in asked or COMMANDS:
        app.command()(getattr(import_module(COMMANDS[name]), name))
    return app


_stopped: list[int] = []


def _terminated(number: int, _frame: object) -> None:
    _stopped.append(number)
    raise SystemExit(TERMINATED)


REPEATABLE = (
    *("--budget", "--for", "--output", "--set", "--sweep", "--against"),
    *("--without", "--only", "--scale", "--suggest", "--cut"),
)


def _refuse_repeated(arguments: Sequence[str]) -> None:
    """Raises UsageError for an option that is given twice and would count once only."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    names = [word.partition("=")[0] for word in options if word.startswith("--")]
    names += ["--policy" for word in options if word == "-p"]
    for name in names:
        if names.count(name) > 1 and name not in REPEATABLE:
            raise UsageError(f"{visible(name)} is given twice; only one of them would count")


def run(arguments: Sequence[str]) -> int:
    """Run one command; gives the exit code. Raises only SystemExit when it is terminated."""
    debug = "--debug" in arguments
    try:
        _refuse_repeated(arguments)
        result = _app(arguments)(list(arguments), standalone_mode=False)
        return result if isinstance(result, int) else OK
    except typer.TyperException as error:
        show = getattr(error, "show", None)
        show(sys.stderr) if show else complain(error.format_message())
        return FAILED_INPUT
    except EbudgetError as error:
        if debug:
            traceback.print_exc()
        complain(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        return INTERRUPTED
    except SystemExit as stop:
        if stop.code == TERMINATED:
            raise
        return OK  # the reader of a help text has gone; commands see to their own output
    except Exception as error:
        if _stopped:  # a library may turn the exit into an error of its own
            return TERMINATED
        if debug:
            traceback.print_exc()
        reason = visible(" ".join(str(error).split()), 200)
        complain(
            f"a bug in ebudget: {type(error).__name__}: {reason}\n"
            "run again with --debug for the traceback, and please report it"
        )
        return BUG


def main() -> None:
    """The entry point of `ebudget`."""
    mend_streams()
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGTERM, _terminated)
    gc.disable()  # rows live in DuckDB and Polars; what one command leaves in Python is little
    _leave(run(sys.argv[1:]))


def _leave(code: int) -> NoReturn:
    """End the process without freeing every object of the libraries, which takes a tenth of the
    time of a small report; everything temporary is gone by now.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()  # what could not be written was told by whoever wrote it
    os._exit(code)
