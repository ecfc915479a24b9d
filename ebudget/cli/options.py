"""What the commands share: their options, and what options mean."""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from ebudget.errors import UsageError
from ebudget.instants import moment, read_time
from ebudget.logs.reading import Reading
from ebudget.render.formats import FORMATS
from ebudget.text import quoted, visible
from ebudget.whatif.asking import Given, Option

if TYPE_CHECKING:
    from ebudget.policy.model import Policy

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


def budget_names(context: typer.Context, incomplete: str) -> list[str]:
    """What a word may become: names of the policy at hand that mean nothing to a shell."""
    from ebudget.policy.document import plain_keys

    path = Path(context.params.get("policy") or "budgets.yaml")
    try:
        names = plain_keys(path.read_text(encoding="utf-8-sig"), "budgets")
    except (OSError, ValueError):
        return []
    return [name for name in names if name.startswith(incomplete) and _PLAIN.fullmatch(name)]


_PLAIN = re.compile(r"[\w.@/+-]+")

Budgets = Annotated[
    list[str] | None,
    typer.Option(
        "--budget",
        metavar="NAME",
        help="Only accounts of this budget; repeatable.",
        autocompletion=budget_names,
    ),
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


Run = TypeVar("Run", bound=Callable[..., Any])


def format_option(product: str) -> Any:
    """The option that says in which of an answer's formats it is printed."""
    names = list(FORMATS[product])

    def matching(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return typer.Option(
        "--format", metavar="|".join(names), help="The format to print.", autocompletion=matching
    )


def with_options(rows: Sequence[Option], *, after: str) -> Callable[[Run], Run]:
    """Give a command the options of a table, in place of its `**asked`; see `asked_of`."""

    def extended(command: Run) -> Run:
        signature = inspect.signature(command, eval_str=True)
        own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        place = 1 + [one.name for one in own].index(after)
        found = [*own[:place], *map(_parameter, rows), *own[place:]]
        command.__signature__ = signature.replace(parameters=found)  # type: ignore[attr-defined]
        return command

    return extended


def _parameter(row: Option) -> inspect.Parameter:
    value: Any = Path if row.metavar == "FILE" else str
    kind: Any = list[value] if row.many else value
    if row.default is None:
        kind = kind | None
    names = budget_names if row.metavar == "BUDGET" else None
    option = typer.Option(row.name, metavar=row.metavar, help=row.help, autocompletion=names)
    return inspect.Parameter(
        _key(row),
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=row.default,
        annotation=Annotated[kind, option],
    )


def _key(row: Option) -> str:
    """The name of a parameter, which is no word of Python."""
    return f"{row.name.strip('-').replace('-', '_')}_"


def asked_of(rows: Sequence[Option], asked: Mapping[str, Any]) -> Given:
    """What was given to each option of a table, as texts."""
    found: dict[str, Sequence[str]] = {}
    for row in rows:
        value = asked[_key(row)]
        texts = () if value is None else value if row.many else [value]
        found[row.name] = [str(text) for text in texts]
    return found


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
def reading(policy: Policy, as_of: str | None, *, skip: bool) -> Iterator[Reading]:
    """How logs are read; tells meanwhile what is being done."""
    moment = as_of_moment(as_of, policy)
    with progress() as tick:
        yield Reading(as_of=moment, skip_unreadable=skip, tick=tick)


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
