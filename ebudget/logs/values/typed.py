"""Typed fields, as Parquet files have them, to canonical columns."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ebudget import sql
from ebudget.columns import Type
from ebudget.logs.values.columns import NOT_UTF_8, Wanted, from_text
from ebudget.logs.values.numbers import LIMIT, NUMBER, number_of
from ebudget.logs.values.steps import Extracted
from ebudget.logs.values.times import (
    NOT_A_TIME,
    cut_nanoseconds,
    epoch_of_integer,
    epoch_time,
    from_instant,
    instant_of,
    is_one_of,
    within_calendar,
)
from ebudget.policy.model import Policy


@dataclass(frozen=True)
class Field:
    """A field of a Parquet file that a canonical column may come from."""

    path: str
    raw: str
    """The name of its column in the first select."""
    tree: sql.Tree
    type: str

    @property
    def base(self) -> str:
        """The SQL type without its parameters."""
        return self.type.split("(")[0]


_INTEGERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
)
_SHORT_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER")
_FRACTIONS = ("DECIMAL", "DOUBLE", "FLOAT")
INT96 = "INT96"
"""Spark's timestamps: instants, which DuckDB takes for local times."""
_INSTANTS = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ", INT96)
_INSTANTS_NS = ("TIMESTAMPTZ_NS", "TIMESTAMP_NS WITH TIME ZONE")
_LOCAL_TIMES = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "DATE")
_LOCAL_TIMES_NS = ("TIMESTAMP_NS",)
_TIMES = (*_INSTANTS, *_INSTANTS_NS, *_LOCAL_TIMES, *_LOCAL_TIMES_NS)
_NESTED = re.compile(r"STRUCT\(|MAP\(|.*\]\Z", re.DOTALL)
_PLAIN_LIST = re.compile(r"[A-Z_]+(\(\d+,\d+\))?\[\]\Z")


def raw_value(wanted: Wanted, field: Field) -> sql.Tree:
    """A field as the first select has it: as it is, or as the text that a JSON log would have."""
    if _is_typed(wanted, field) or field.base in ("VARCHAR", "BLOB"):
        return field.tree
    if _NESTED.match(field.type):
        return sql.cast(sql.call("to_json", field.tree), "VARCHAR")
    return sql.cast(field.tree, "VARCHAR")


def _is_typed(wanted: Wanted, field: Field) -> bool:
    """Whether a field is read by its type, not by its text."""
    plain = wanted.field is None or (wanted.field.scale == 1 and not wanted.field.null_if)
    match wanted.type:
        case Type.TIME:
            return field.base in (*_TIMES, *_INTEGERS, *_FRACTIONS)
        case Type.NUMBER:
            return field.base == "DOUBLE" or (plain and field.base in _INTEGERS)
        case Type.INTEGER:
            return plain and field.base in _INTEGERS
        case Type.BOOLEAN:
            return plain and field.base == "BOOLEAN"
        case Type.LIST:
            return _PLAIN_LIST.match(field.type) is not None
        case _:
            return False


def typed_column(wanted: Wanted, field: Field, policy: Policy) -> Extracted | None:
    """A column of a field that is read by its type; None where it is read as text instead."""
    tree = sql.column(field.raw)
    if field.base == "BLOB":
        return _of_bytes(wanted, field, policy)
    if not _is_typed(wanted, field):
        return None
    match wanted.type:
        case Type.TIME:
            return _time(wanted, field, policy)
        case Type.NUMBER if field.base == "DOUBLE":
            return number_of(wanted.type, wanted.field, field.raw, double=True)
        case Type.NUMBER:
            read = sql.try_cast(tree, NUMBER)
            sound = sql.any_of(sql.missing(tree), sql.present(read))
            return Extracted(read, {"out of range": sql.negated(sound)}, sound=sound)
        case Type.INTEGER:
            return _integer(tree, field.base)
        case Type.LIST:
            return Extracted(sql.cast(tree, "VARCHAR[]"))
        case _:
            return Extracted(tree)


def _integer(tree: sql.Tree, base: str) -> Extracted:
    if base in _SHORT_INTEGERS:
        return Extracted(sql.cast(tree, "BIGINT"))
    inside = sql.between(tree, 1 - LIMIT, LIMIT - 1)
    sound = sql.any_of(sql.missing(tree), inside)
    value = sql.when(inside, sql.cast(tree, "BIGINT"))
    return Extracted(value, {"out of range": sql.negated(sound)}, sound=sound)


def _time(wanted: Wanted, field: Field, policy: Policy) -> Extracted:
    """A time of a typed field; `null_if` lists instants, or epochs where the field has those."""
    given, found = sql.column(field.raw), sql.column(f"{field.raw}.found")
    steps = [{f"{field.raw}.found": _read_time(field, policy.logs.timezone.key)}]
    null_if = wanted.field.null_if if wanted.field else ()
    if not null_if:
        return within_calendar(wanted.name, given, found, steps)
    if field.base in _TIMES:
        instants = (instant_of(entry, policy.logs.timezone) for entry in null_if)
        options = [sql.timestamp_literal(one) for one in instants if one is not None]
        unwanted = sql.one_of(found, options or [None])
    else:
        unwanted = is_one_of(sql.cast(given, "VARCHAR"), null_if)
    kept, read = f"{field.raw}.given", f"{field.raw}.read"
    steps.append({kept: sql.unless(unwanted, given), read: sql.unless(unwanted, found)})
    return within_calendar(wanted.name, sql.column(kept), sql.column(read), steps)


def _read_time(field: Field, zone: str) -> sql.Tree:
    tree = sql.column(field.raw)
    if field.base in _INSTANTS_NS:
        return cut_nanoseconds(tree)
    if field.base in _LOCAL_TIMES_NS:
        return sql.utc_of(cut_nanoseconds(tree), zone)
    if field.base == INT96:
        return tree
    if field.base in _INSTANTS:
        return from_instant(tree)
    if field.base in _LOCAL_TIMES:
        return sql.utc_of(sql.try_cast(tree, "TIMESTAMP"), zone)
    if field.base in _INTEGERS:
        return epoch_of_integer(sql.try_cast(tree, "BIGINT"))
    return epoch_time(sql.try_cast(sql.cast(tree, "VARCHAR"), "DECIMAL(38, 18)"))


def _of_bytes(wanted: Wanted, field: Field, policy: Policy) -> Extracted:
    """A column of binary strings, as old writers have them: texts, if they are UTF-8."""
    name = f"{field.raw}.text"
    found = from_text(wanted, name, policy)
    given = sql.column(field.raw)
    undecoded = sql.all_of(sql.present(given), sql.missing(sql.column(name)))
    reason = NOT_A_TIME if wanted.type is Type.TIME else next(iter(found.flaws), NOT_UTF_8)
    reason = NOT_UTF_8 if wanted.type is Type.TEXT else reason
    others = found.flaws.get(reason)
    sound = sql.negated(undecoded)
    return replace(
        found,
        flaws={
            **found.flaws,
            reason: undecoded if others is None else sql.any_of(undecoded, others),
        },
        steps=({name: sql.call("try", sql.call("decode", given))}, *found.steps),
        absent=found.absent and sql.missing(given),
        sound=sound if found.sound is None else sql.all_of(sound, found.sound),
    )
