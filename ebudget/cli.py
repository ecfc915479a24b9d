"""The command line: wires the stages. The only place that prints, and that knows everyone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ebudget import __version__, api
from ebudget.columns import BREAKDOWNS
from ebudget.errors import EbudgetError, InputError, UsageError
from ebudget.ledger import Ledger
from ebudget.misfit import nearest
from ebudget.policy import Policy, json_schema
from ebudget.query import make_plan
from ebudget.reading import FLAW_BITS
from ebudget.render import as_json, as_review, as_text, markdown
from ebudget.render.as_text import Look
from ebudget.review import review
from ebudget.statement import Account, Statement
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


@app.command()
def report(
    logs: Logs = None,
    policy: PolicyOption = Path("budgets.yaml"),
    as_of: AsOf = None,
    budget: Annotated[
        list[str] | None,
        typer.Option("--budget", metavar="NAME", help="Only this budget; shows its burn-down."),
    ] = None,
    for_: Annotated[
        list[str] | None,
        typer.Option(
            "--for", metavar="COLUMN=VALUE", help="Only accounts whose group has this value."
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="COLUMNS",
            help="Break the spend down by these columns, such as action_type,segment.",
        ),
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="text|json|markdown", help="The format to print.")
    ] = "text",
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output", metavar="FORMAT=PATH", help="Also write a format to a file; repeatable."
        ),
    ] = None,
    show_rejects: Annotated[
        bool, typer.Option("--show-rejects", help="List the first few rejected records.")
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the SQL that makes the figures instead.")
    ] = False,
    skip_unreadable: SkipUnreadable = False,
    debug: Debug = False,
) -> None:
    """What has been spent, where, and what was agreed to happen now."""
    _check_format(format_)
    outputs = [_output(item) for item in output or ()]
    _refuse_twice([path for _, path in outputs])
    loaded = api.load_policy(policy)
    breakdowns = _breakdowns(by)
    _check_budgets(loaded, budget or ())
    days_of = set(budget or ())
    with _progress() as tick:
        ledger = api.read_ledger(
            _paths(logs, loaded, policy),
            loaded,
            as_of=_moment(as_of, loaded),
            by=breakdowns,
            days_of=days_of,
            skip_unreadable=skip_unreadable,
            show_rejects=show_rejects,
            tick=tick,
        )
        statement = api.evaluate(loaded, ledger, by=breakdowns, days_of=days_of)
    narrowed = _narrowed(statement, budget or (), for_ or ())
    look = Look(
        title=policy.name,
        show_rejects=show_rejects,
        every_breakdown=bool(breakdowns or budget),
        zone=loaded.timezone,
    )
    printed = _sql(ledger) if sql else _rendered(format_, narrowed, _for_terminal(look))
    written = [(path, _rendered(kind, narrowed, look)) for kind, path in outputs]
    for path, text in written:
        _write_whole(path, text)
    _print(printed)


@app.command()
def validate(
    policy: Annotated[Path, typer.Argument(metavar="POLICY", help="The policy file.")],
    logs: Logs = None,
    as_of: AsOf = None,
    skip_unreadable: SkipUnreadable = False,
    debug: Debug = False,
) -> None:
    """Whether a policy is complete, and whether it can ever fire; with logs, against them."""
    loaded = api.load_policy(policy)
    ledger = None
    named = list(logs or ())
    if not named:
        own = [str(policy.parent / path) for path in loaded.logs.paths if path != "-"]
        named = own if own and all(os.path.exists(path) for path in own) else []
    if named:
        plan = make_plan(loaded, ("workflow",), unknowns=True)
        with _progress() as tick:
            ledger = api.read_planned(
                named,
                plan,
                as_of=_moment(as_of, loaded),
                skip_unreadable=skip_unreadable,
                tick=tick,
            )
    width = shutil.get_terminal_size((100, 24)).columns
    _print(as_review.render(review(loaded, ledger), policy.name, ledger, width))


@app.command()
def schema() -> None:
    """Print the JSON Schema of a policy, for editors."""
    _print(json.dumps(json_schema(), indent=2) + "\n")


def _paths(logs: Sequence[str] | None, policy: Policy, file: Path) -> list[str]:
    if logs:
        return list(logs)
    if not policy.logs.paths:
        raise UsageError(f"name the logs, or list them under logs.paths in {visible(str(file))}")
    return [path if path == "-" else str(file.parent / path) for path in policy.logs.paths]


def _moment(text: str | None, policy: Policy) -> datetime | None:
    if text is None:
        return None
    if text == "now":
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--as-of {visible(text)!r}: write now or 2026-10-31T23:54:00Z") from None
    if not 1678 < moment.year < 9000:
        raise UsageError(f"--as-of {visible(text)!r}: the year is out of range")
    return moment if moment.tzinfo else moment.replace(tzinfo=policy.timezone)


def _breakdowns(by: str | None) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in (by or "").split(",") if name.strip()))
    for name in names:
        if name not in BREAKDOWNS:
            raise UsageError(f"--by {visible(name)!r}: no such column{nearest(name, BREAKDOWNS)}")
    return names


def _check_budgets(policy: Policy, names: Sequence[str]) -> None:
    for name in names:
        if name not in policy.budgets:
            near = visible(nearest(name, policy.budgets))
            raise UsageError(f"--budget {visible(name)!r}: no such budget{near}")


def _narrowed(statement: Statement, budgets: Sequence[str], wanted: Sequence[str]) -> Statement:
    """Only some accounts; their figures stay as they are."""
    groups: dict[str, set[str | None]] = {}
    for item in wanted:
        column, equals, value = item.partition("=")
        if not equals:
            raise UsageError(f"--for {visible(item)!r}: write COLUMN=VALUE, such as workflow=x")
        columns = {name for account in statement.accounts for name, _ in account.group}
        if column not in columns:
            raise UsageError(
                f"--for {visible(item)!r}: no account is parted by {visible(column)!r}"
                f"{nearest(column, columns)}"
            )
        groups.setdefault(column, set()).add(None if value == "(none)" else value)

    def kept(account: Account) -> bool:
        group = dict(account.group)
        return (not budgets or account.budget in budgets) and all(
            column in group and group[column] in values for column, values in groups.items()
        )

    accounts = tuple(account for account in statement.accounts if kept(account))
    if not accounts and statement.accounts and groups:
        known = {
            f"{name}={'(none)' if value is None else value}"
            for account in statement.accounts
            if not budgets or account.budget in budgets
            for name, value in account.group
            if name in groups
        }
        asked = " ".join(f"--for {item}" for item in wanted)
        raise UsageError(f"{visible(asked)}: no account{visible(nearest(wanted[0], known))}")
    return replace(statement, accounts=accounts)


def _sql(ledger: Ledger) -> str:
    lines = [
        "-- The statements that made the figures, for DuckDB 2. The last one gives the ledger:",
        "-- a budget's accounts are sums over its rows.",
    ]
    for index, predicate in enumerate(ledger.plan.predicates):
        word, bit = divmod(index, FLAW_BITS)
        asks = "is unknown" if predicate.unknown else "holds"
        lines.append(f"-- _flags_{word} & {1 << bit}: {visible(predicate.source)} {asks}")
    return "\n".join(lines) + "\n\n" + "\n\n".join(ledger.statements) + "\n"


_FORMATS: dict[str, Callable[[Statement, Look], str]] = {
    "text": as_text.render,
    "json": lambda statement, _look: as_json.render(statement),
    "markdown": lambda statement, look: markdown.render(
        statement,
        title=look.title,
        show_rejects=look.show_rejects,
        by=look.every_breakdown,
    ),
}


def _check_format(name: str) -> None:
    if name not in _FORMATS:
        raise UsageError(
            f"--format {visible(name)!r}: write text, json or markdown{nearest(name, _FORMATS)}"
        )


def _output(item: str) -> tuple[str, Path]:
    kind, equals, path = item.partition("=")
    if not equals or not path:
        raise UsageError(f"--output {visible(item)!r}: write FORMAT=PATH, such as json=report.json")
    _check_format(kind)
    return kind, Path(path)


def _refuse_twice(paths: Sequence[Path]) -> None:
    for index, path in enumerate(paths):
        if path in paths[:index]:
            raise UsageError(f"--output {visible(str(path))!r}: named twice")


def _rendered(format_: str, statement: Statement, look: Look) -> str:
    return _FORMATS[format_](statement, look)


def _for_terminal(look: Look) -> Look:
    terminal = sys.stdout.isatty()
    color = (terminal or bool(os.environ.get("FORCE_COLOR"))) and not os.environ.get("NO_COLOR")
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    return replace(
        look,
        width=shutil.get_terminal_size((100, 24)).columns,
        color=color and os.environ.get("TERM") != "dumb",
        ascii_only=encoding not in ("utf8", "utf16", "cp65001", "gb18030"),
    )


def _print(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        raise InputError(f"standard output cannot be written: {error.strerror}") from None


def _write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file() and not path.is_dir():
        path.write_text(text, encoding="utf-8")
        return
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "is a folder")
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            mode = path.stat().st_mode if path.exists() else 0o666 & ~_umask()
            os.chmod(temporary, mode)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise InputError(f"{visible(str(path))}: cannot be written: {error.strerror}") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def _progress() -> Any:
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


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")


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
        show(sys.stderr) if show else _complain(error.format_message())
        return FAILED_INPUT
    except EbudgetError as error:
        if debug:
            traceback.print_exc()
        _complain(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _complain("interrupted")
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
        _complain(
            f"a bug in ebudget: {type(error).__name__}: {reason}\n"
            "run again with --debug for the traceback, and please report it"
        )
        return BUG


def main() -> None:
    """The entry point of `ebudget`."""
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGTERM, _terminated)
    sys.exit(run(sys.argv[1:]))
