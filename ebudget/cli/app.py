"""The commands of the command line: wires the stages, and knows everyone."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer
from typer.core import TyperGroup
from typer.main import get_command

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
COMMANDS = {
    "report": "What has been spent, where, and what was agreed to happen now.",
    "check": "May this change ship? Exit code 0 yes, 1 no, 3 not enough evidence, 2 an error.",
    "simulate": "The same verdicts under other thresholds, other traffic, other history.",
    "validate": "Whether a policy is complete, and whether it can ever fire; with logs, against "
    "them.",
    "schema": "Print the JSON Schema of a policy, for editors.",
}
"""What each command answers. It is a function in a module of its own name, which is imported when
somebody asks for the command; a list of them needs this table only.
"""
COMPLETE = "_EBUDGET_COMPLETE"
"""The variable by which a shell asks what a word may become."""


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


def _later() -> None:
    """Stands for a command that nobody asks for: it is in no command line that this one is in."""
    raise AssertionError("a command was not loaded")


def _app(arguments: Sequence[str]) -> TyperGroup:
    """All commands; of them only the ones among the arguments are more than a name."""
    app = typer.Typer(
        name="ebudget",
        help=HELP,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        epilog=EPILOG,
        callback=_main,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, text in COMMANDS.items():
        asked = name in arguments
        command = getattr(import_module(f"ebudget.cli.{name}"), name) if asked else _later
        app.command(name, help=text)(command)
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def _words(arguments: Sequence[str]) -> Sequence[str]:
    """The words of a command line: the arguments, or what a shell asks to complete."""
    if COMPLETE not in os.environ:
        return arguments
    asked = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
    return asked.split()[1:]


def _refuse_repeated(arguments: Sequence[str], app: TyperGroup) -> None:
    """Raises UsageError for an option that is given twice and would count once only."""
    known = [option for command in app.commands.values() for option in command.params]
    repeatable = {name for option in known if option.multiple for name in option.opts}
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    names = [word.partition("=")[0] for word in options if word.startswith("--")]
    names += ["--policy" for word in options if word[:2] == "-p"]
    for name in names:
        if names.count(name) > 1 and name not in repeatable:
            raise UsageError(f"{visible(name)} is given twice; only one of them would count")


def run(arguments: Sequence[str]) -> int:
    """Run one command; gives the exit code. Raises only SystemExit when it is terminated."""
    debug = "--debug" in arguments
    try:
        app = _app(_words(arguments))
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
