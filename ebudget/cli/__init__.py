"""The command line: wires the stages. The only place that prints, and that knows everyone."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from ebudget import __version__
from ebudget.cli.check import check
from ebudget.cli.report import report
from ebudget.cli.validate import schema, validate
from ebudget.errors import EbudgetError
from ebudget.outputs import complain
from ebudget.text_safety import visible

OK, FAILED_INPUT, BUG, INTERRUPTED, TERMINATED = 0, 2, 70, 130, 143

app = typer.Typer(
    name="ebudget",
    help="How much failure can this workflow still afford? Error budgets for AI agents, "
    "from run logs and one policy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Exit codes: 0 done, 2 usage, policy or input error, 70 a bug in ebudget.",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"ebudget {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


for command in (report, check, validate, schema):
    app.command()(command)


_stopped: list[int] = []


def _terminated(number: int, _frame: object) -> None:
    _stopped.append(number)
    raise SystemExit(TERMINATED)


def run(arguments: Sequence[str]) -> int:
    """Run one command; gives the exit code and never raises."""
    debug = "--debug" in arguments
    try:
        result = app(list(arguments), standalone_mode=False)
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
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        return OK
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
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGTERM, _terminated)
    gc.disable()  # rows live in DuckDB and Polars; what one command leaves in Python is little
    _leave(run(sys.argv[1:]))


def _leave(code: int) -> NoReturn:
    """End the process without freeing every object of the libraries, which takes a tenth of the
    time of a small report; everything temporary is gone by now.
    """
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except (AttributeError, OSError, ValueError):
        sys.exit(code)  # the interpreter says what it could not write
    os._exit(code)
