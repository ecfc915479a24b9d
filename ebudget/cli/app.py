"""The commands of the command line: wires the stages, and knows everyone."""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer
from typer.core import TyperGroup
from typer.main import get_group

from ebudget import __version__
from ebudget.cli import HUNG_UP, INTERRUPTED, TERMINATED, came, ended
from ebudget.cli.output import complain, mend_streams
from ebudget.errors import EbudgetError, UsageError
from ebudget.text import visible

OK, FAILED_INPUT, BUG = 0, 2, 70

HELP = (
    "How much failure can this workflow still afford? Error budgets for AI agents, "
    "from run logs and one policy."
)
EPILOG = (
    "Exit codes: 0 done, or the change may ship; 1 the gate says no; 3 not enough evidence; "
    "2 usage, policy or input error; 70 a bug in ebudget."
)
COMMANDS = ("report", "check", "simulate", "validate", "schema")
"""Each is a function in a module of its own name; only the one that is asked for is imported."""


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
    """The commands: the one that is named first, none for the version, or else all of them."""
    first = arguments[0] if arguments else ""
    asked = [first] if first in COMMANDS else [] if first == "--version" else COMMANDS
    app = typer.Typer(
        name="ebudget",
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        epilog=EPILOG,
        callback=_main,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name in asked:
        app.command()(getattr(import_module(f"ebudget.cli.{name}"), name))
    return app


def _refuse_repeated(arguments: Sequence[str], app: TyperGroup) -> None:
    """Raises UsageError for an option that is given twice and would count once only."""
    known = [option for command in app.commands.values() for option in command.params]
    repeatable = {name for option in known if option.multiple for name in option.opts}
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    names = [word.partition("=")[0] for word in options if word.startswith("--")]
    names += ["--policy" for word in options if word == "-p"]
    for name in names:
        if names.count(name) > 1 and name not in repeatable:
            raise UsageError(f"{visible(name)} is given twice; only one of them would count")


def run(arguments: Sequence[str]) -> int:
    """Run one command; gives the exit code. Raises only SystemExit when it is terminated."""
    debug = "--debug" in arguments
    try:
        app = get_group(_app(arguments))
        _refuse_repeated(arguments, app)
        result = app.main(list(arguments), standalone_mode=False)
        if result == INTERRUPTED:  # what Typer makes of Ctrl-C
            return _ended()
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
        return _ended()
    except SystemExit as stop:
        if stop.code in (TERMINATED, HUNG_UP):
            raise
        return OK  # the reader of a help text has gone; commands see to their own output
    except Exception as error:
        if came:  # a library may turn the end into an error of its own
            return _ended()
        if isinstance(error, OSError) and _asks_for_help(arguments):
            complain(f"standard output cannot be written: {error.strerror}")
            return FAILED_INPUT
        if debug:
            traceback.print_exc()
        reason = visible(" ".join(str(error).split()), 200)
        complain(
            f"a bug in ebudget: {type(error).__name__}: {reason}\n"
            "run again with --debug for the traceback, and please report it"
        )
        return BUG


def _ended() -> int:
    """The exit code of a command that was ended, whatever the libraries made of the signal: DuckDB
    takes every one for Ctrl-C.
    """
    code = ended()
    if code == INTERRUPTED:
        complain("interrupted")
    return code


def _asks_for_help(arguments: Sequence[str]) -> bool:
    """Whether a text is asked for that no command writes."""
    return not arguments or bool({"-h", "--help", "--version"} & set(arguments))


def settle() -> None:
    """Prepare the process for one command."""
    mend_streams()
    gc.disable()  # rows live in DuckDB and Polars; what one command leaves in Python is little
