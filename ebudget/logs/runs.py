"""Canonical runs: their columns, and how they are made of what a log says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ebudget import sql
from ebudget.columns import Type
from ebudget.logs.values.columns import UNKNOWN_WORD, Flaw, Wanted, flaw_words
from ebudget.logs.values.numbers import NUMBER
from ebudget.logs.values.steps import Extracted
from ebudget.logs.values.times import NOT_A_TIME, TOO_EARLY
from ebudget.policy.model import Policy
from ebudget.policy.rules.rule import compile_condition

RUNS = "runs"
"""The view of canonical runs."""
FILE, ROW, REJECT = "_ebudget_file", "_ebudget_row", "_ebudget_reject"
"""The file a record came from, its place there (from 0), and why it is rejected."""

WORD, SAID_BY = "_ebudget_word", "_ebudget_said_by"
"""An outcome's word where nobody knows it, and the path that the outcome was found under."""
SILENT = "_ebudget_silent"
"""Whether a record says nothing at all of how it went: no word, and no condition that decides."""
DECIDED = "_ebudget_decided"
"""The outcome that a condition of the policy gives a record."""

MALFORMED = "malformed line"
NO_TIME = "no start_time"
BAD_TIME = f"start_time is {NOT_A_TIME}"
EARLY_TIME = f"start_time {TOO_EARLY}"

FLAG_BITS = 60
"""Flags in one column."""


def flag_columns(prefix: str, flags: int) -> tuple[str, ...]:
    """The names of the columns that hold so many flags, at least one."""
    return tuple(f"{prefix}{index}" for index in range(max(1, -(-flags // FLAG_BITS))))


def flag(columns: Sequence[str], place: int) -> tuple[str, int]:
    """The column that holds a flag, and its bit there."""
    word, bit = divmod(place, FLAG_BITS)
    return columns[word], 1 << bit


@dataclass(frozen=True)
class Canonical:
    """What canonical runs look like for one policy: the columns and the flaws they can have."""

    policy: Policy
    columns: tuple[Wanted, ...]
    flaws: tuple[Flaw, ...]

    @property
    def flaw_columns(self) -> tuple[str, ...]:
        """The names of the columns that hold flaws."""
        return flag_columns("_ebudget_flaws_", len(self.flaws))

    @property
    def names(self) -> tuple[str, ...]:
        """Every column of a canonical run, in order."""
        own = tuple(wanted.name for wanted in self.columns)
        return (*own, *self.flaw_columns, REJECT, WORD, SAID_BY, SILENT, FILE, ROW)


@dataclass(frozen=True)
class Raw:
    """Some of a record's values as the log has them."""

    outcome: sql.Tree
    said_by: sql.Tree
    any_value: sql.Tree
    """Null where the record has no value at all."""


def said_by(found: Sequence[tuple[str, sql.Tree]]) -> sql.Tree:
    """The first path that has a value, of these."""
    return sql.case((sql.present(tree), path) for path, tree in found) if found else sql.part(None)


def select_canonical(
    canonical: Canonical,
    extracted: Mapping[str, Extracted],
    raw: Raw,
    source: sql.Select,
    *,
    placed: bool = False,
) -> sql.Select:
    """Canonical runs of a select of raw values, worked out step by step; `placed` where the select
    knows the place of each record.
    """
    staged = source
    for level in range(max((len(found.steps) for found in extracted.values()), default=0)):
        made: dict[str, sql.Tree] = {}
        for found in extracted.values():
            if level < len(found.steps):
                made |= found.steps[level]
        steps = (sql.named(tree, name) for name, tree in made.items())
        staged = sql.select(sql.star(), *steps, of=sql.subquery(staged, f"step_{level}"))
    values = {name: found.value for name, found in extracted.items()}
    _duration_from_times(canonical, values)
    _tier_from_workflow(canonical.policy, values)
    words = flaw_words(canonical.flaws, extracted, FLAG_BITS)
    start = extracted["start_time"]
    reject = sql.case(
        [
            (sql.present(start.value), None),
            (start.flaws.get(TOO_EARLY, False), EARLY_TIME),
            (start.flaws.get(NOT_A_TIME, False), BAD_TIME),
            (sql.present(raw.any_value), NO_TIME),
        ],
        MALFORMED,
    )
    outcome = extracted["outcome"]
    word = sql.when(outcome.flaws.get(UNKNOWN_WORD, False), raw.outcome)
    silent = sql.call("coalesce", True if outcome.absent is None else outcome.absent, True)
    records = sql.select(
        *(sql.named(value, name) for name, value in values.items()),
        *(
            sql.named(flaws, name)
            for flaws, name in zip(words, canonical.flaw_columns, strict=True)
        ),
        sql.named(reject, REJECT),
        sql.named(sql.cast(word, "VARCHAR"), WORD),
        sql.named(sql.cast(raw.said_by, "VARCHAR"), SAID_BY),
        sql.named(silent, SILENT),
        sql.named(sql.column(FILE), FILE),
        *((sql.named(sql.column(ROW), ROW),) if placed else ()),
        of=sql.subquery(staged, "records"),
    )
    return _decided(canonical, records, placed) if canonical.policy.logs.conditions else records


def _decided(canonical: Canonical, records: sql.Select, placed: bool) -> sql.Select:
    """Records whose outcome is what the first condition that holds says, whatever their word is."""
    policy = canonical.policy
    decided = sql.case(
        (compile_condition(source, policy.columns, policy.timezone).tree.copy(), outcome)
        for outcome, source in policy.logs.conditions.items()
    )
    asked = sql.select(sql.star(), sql.named(decided, DECIDED), of=sql.subquery(records, "said"))
    is_open = sql.missing(sql.column(DECIDED))
    unknown = canonical.flaws.index(Flaw("outcome", UNKNOWN_WORD))
    name, bit = flag(canonical.flaw_columns, unknown)
    flaws = sql.column(name)
    own = sql.when(
        is_open, sql.column("outcome"), sql.call("nullif", sql.column(DECIDED), "unlabelled")
    )
    replaced = {
        "outcome": own,
        name: sql.when(is_open, flaws, sql.masked(flaws, ~bit)),
        WORD: sql.when(is_open, sql.column(WORD)),
        SILENT: sql.all_of(sql.column(SILENT), is_open),
    }
    kept = [name for name in canonical.names if placed or name != ROW]
    values = (sql.named(replaced.get(name, sql.column(name)), name) for name in kept)
    return sql.select(*values, of=sql.subquery(asked, "decided"))


def _duration_from_times(canonical: Canonical, values: dict[str, sql.Tree]) -> None:
    mapped = "duration_ms" in canonical.policy.logs.fields
    if mapped or "duration_ms" not in values or "end_time" not in values:
        return
    elapsed = sql.minus(
        *(sql.call("epoch_us", values[name]) for name in ("end_time", "start_time"))
    )
    millis = sql.times(sql.cast(elapsed, "DECIMAL(24, 6)"), sql.number("0.001"))
    values["duration_ms"] = sql.call("coalesce", values["duration_ms"], sql.cast(millis, NUMBER))


def _tier_from_workflow(policy: Policy, values: dict[str, sql.Tree]) -> None:
    tiers = {n: w.risk_tier for n, w in policy.workflows.items() if w.risk_tier is not None}
    if "risk_tier" not in values or "workflow" not in values or not tiers:
        return
    default = sql.case(tiers.items(), of=values["workflow"])
    values["risk_tier"] = sql.call("coalesce", values["risk_tier"], default)


_SQL_TYPES = {
    Type.TEXT: "VARCHAR",
    Type.NUMBER: NUMBER,
    Type.INTEGER: "BIGINT",
    Type.BOOLEAN: "BOOLEAN",
    Type.TIME: "TIMESTAMP",
    Type.LIST: "VARCHAR[]",
}


def sql_type(type_: Type) -> str:
    """The type of a canonical column in a statement."""
    return _SQL_TYPES[type_]
