"""The statements that turn files of one kind into canonical runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from ebudget.columns import Type
from ebudget.errors import InputError
from ebudget.logs.formats.parquet import (
    ParquetField,
    ParquetSchema,
    parquet_access,
    read_as,
    typed_column,
)
from ebudget.logs.packing import Compression
from ebudget.logs.sources import Kind, Source
from ebudget.logs.values.columns import UNKNOWN_WORD, Flaw, Wanted, flaw_words, from_text
from ebudget.logs.values.numbers import NUMBER
from ebudget.logs.values.steps import Extracted
from ebudget.logs.values.times import NOT_A_TIME, TOO_EARLY
from ebudget.policy.model import Policy
from ebudget.policy.rules import compile_condition
from ebudget.sql.trees import call, cast, column, missing, named, present, text, written
from ebudget.text import quoted

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

FLAW_BITS = 60


def flaw_column(index: int) -> str:
    """The name of the column that holds a word of flaws."""
    return f"_ebudget_flaws_{index}"


@dataclass(frozen=True)
class Canonical:
    """What canonical runs look like for one policy: the columns and the flaws they can have."""

    policy: Policy
    columns: tuple[Wanted, ...]
    flaws: tuple[Flaw, ...]

    @property
    def flaw_columns(self) -> tuple[str, ...]:
        """The names of the columns that hold flaws."""
        count = max(1, -(-len(self.flaws) // FLAW_BITS))
        return tuple(flaw_column(index) for index in range(count))

    @property
    def names(self) -> tuple[str, ...]:
        """Every column of a canonical run, in order."""
        own = tuple(wanted.name for wanted in self.columns)
        return (*own, *self.flaw_columns, REJECT, WORD, SAID_BY, SILENT, FILE, ROW)


@dataclass
class _Branch:
    """A key of a JSON object: read whole, read into, or both."""

    leaf: bool = False
    json: bool = False
    """Whether it is read as JSON, since a text and a number do not mean the same."""
    children: dict[str, _Branch] = field(default_factory=dict)


def _insert(root: _Branch, spelling: Sequence[str], json: bool) -> None:
    branch = root
    for key in spelling:
        branch = branch.children.setdefault(key, _Branch())
    branch.leaf = True
    branch.json |= json


def _refuse_case_twins(branch: _Branch) -> None:
    seen: dict[str, str] = {}
    for key, child in branch.children.items():
        other = seen.setdefault(key.lower(), key)
        if other != key:
            raise InputError(
                f"the log's keys {quoted(other)} and {quoted(key)} differ by case only and "
                "cannot both be read; map one of them under logs.fields to another path"
            )
        _refuse_case_twins(child)


def _json_type(branch: _Branch) -> str:
    if branch.leaf:
        return "JSON" if branch.json or branch.children else "VARCHAR"
    parts = (f"{_quoted(key)} {_json_type(child)}" for key, child in branch.children.items())
    return f"STRUCT({', '.join(parts)})"


def _quoted(name: str) -> str:
    return written(exp.to_identifier(name, quoted=True))


def json_way(keys: Sequence[str]) -> str:
    """The way to a nested value, in which no character of a key means anything.

    A JSON pointer (RFC 6901), which takes a number for a place in a list too; so where a key is a
    number, a path of quoted keys.
    """
    if any(key.isdigit() for key in keys):
        escaped = (key.replace("\\", "\\\\").replace('"', '\\"') for key in keys)
        return "$" + "".join(f'."{key}"' for key in escaped)
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def _json_access(root: _Branch, spelling: Sequence[str], json: bool) -> exp.Expr:
    """A value of a record as text, or as JSON has it."""
    tree = column(spelling[0])
    branch = root.children[spelling[0]]
    for index, key in enumerate(spelling[1:], 1):
        if branch.leaf:
            return _inside(tree, json_way(spelling[index:]), json)
        tree = call("struct_extract", tree, text(key))
        branch = branch.children[key]
    if json:
        return cast(tree, "VARCHAR")
    if branch.json or branch.children:
        return call("json_extract_string", tree, text("$"))
    return tree


def _inside(tree: exp.Expr, pointer: str, json: bool) -> exp.Expr:
    if not json:
        return call("json_extract_string", tree, text(pointer))
    found = cast(call("json_extract", tree, text(pointer)), "VARCHAR")
    return call("nullif", found, text("null"))


def _named(name: str, value: exp.Expr) -> exp.Expr:
    return exp.EQ(this=exp.column(name), expression=value)


def _text_files(
    function: str, files: Sequence[str], kind: Kind, compression: Compression, *more: exp.Expr
) -> exp.Expr:
    form = "array" if kind is Kind.ARRAY else "newline_delimited"
    return exp.Table(
        this=call(
            function,
            exp.Array(expressions=[text(no_glob(file)) for file in files]),
            _named("format", text(form)),
            _named("compression", text(compression.value)),
            _named("ignore_errors", exp.true()),
            _named("hive_partitioning", exp.false()),
            *more,
        )
    )


def read_json(
    files: Sequence[str], kind: Kind, compression: Compression, columns: exp.Expr
) -> exp.Expr:
    """A table of the JSON records of files; a line that is no object gives a row of nulls."""
    return _text_files(
        "read_json",
        files,
        kind,
        compression,
        _named("records", exp.true()),
        _named("filename", text(FILE)),
        _named("columns", columns),
        _named("maximum_sample_files", exp.Literal.number(1)),  # the columns are known
    )


def read_whole(*sources: Source) -> exp.Expr:
    """A table of the records of text logs of one kind and packing, each whole in the column
    `json`; null where malformed.
    """
    names, first = [source.read_as for source in sources], sources[0]
    return _text_files("read_json_objects", names, first.kind, first.compression)


def no_glob(path: str) -> str:
    """Brackets around the characters that mean something in a glob."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in path)


def json_statement(
    canonical: Canonical, files: Sequence[str], kind: Kind, compression: Compression
) -> exp.Select:
    """Canonical runs of JSON files, one row a record; without `_row`, which is the row's place."""
    root = _Branch()
    for wanted in canonical.columns:
        for _, spelling in wanted.places():
            _insert(root, spelling, wanted.type is Type.TIME)
    _refuse_case_twins(root)
    columns = exp.Struct(
        expressions=[
            exp.PropertyEQ(
                this=exp.to_identifier(key, quoted=True), expression=text(_json_type(branch))
            )
            for key, branch in root.children.items()
        ]
    )
    raws: dict[str, exp.Expr] = {}
    said_by: exp.Expr = exp.Null()
    for wanted in canonical.columns:
        json = wanted.type is Type.TIME
        found = [(path, _json_access(root, spelling, json)) for path, spelling in wanted.places()]
        trees = [tree for _, tree in found]
        nothing = cast(exp.Null(), "VARCHAR")  # of the column that no key feeds
        raws[wanted.name] = trees[0] if len(trees) == 1 else call("coalesce", *trees, nothing)
        if wanted.name == "outcome":
            said_by = _said_by(found)
    inner = exp.select(
        *(named(raw, name) for name, raw in raws.items()),
        named(said_by, SAID_BY),
        named(column(FILE), FILE),
    ).from_(read_json(files, kind, compression, columns), copy=False)
    extracted = {
        wanted.name: from_text(wanted, wanted.name, canonical.policy, json=True)
        for wanted in canonical.columns
    }
    any_value = call("coalesce", *(column(name) for name in raws))
    raw = _Raw(column("outcome"), column(SAID_BY), any_value)
    return _select_canonical(canonical, extracted, raw, inner)


@dataclass(frozen=True)
class _Raw:
    """Some of a record's values as the log has them."""

    outcome: exp.Expr
    said_by: exp.Expr
    any_value: exp.Expr
    """Null where the record has no value at all."""


def _said_by(found: Sequence[tuple[str, exp.Expr]]) -> exp.Expr:
    ifs = [exp.If(this=present(tree), true=text(path)) for path, tree in found]
    return exp.Case(ifs=ifs) if ifs else exp.Null()


def _select_canonical(
    canonical: Canonical,
    extracted: Mapping[str, Extracted],
    raw: _Raw,
    source: exp.Select,
    *,
    placed: bool = False,
) -> exp.Select:
    """Canonical runs of a select of raw values, worked out step by step; `placed` where the select
    knows the place of each record.
    """
    staged = source
    for level in range(max((len(found.steps) for found in extracted.values()), default=0)):
        made: dict[str, exp.Expr] = {}
        for found in extracted.values():
            if level < len(found.steps):
                made |= found.steps[level]
        staged = exp.select(exp.Star(), *(named(tree, name) for name, tree in made.items())).from_(
            staged.subquery(f"step_{level}", copy=False), copy=False
        )
    values = {name: found.value for name, found in extracted.items()}
    _duration_from_times(canonical, values)
    _tier_from_workflow(canonical.policy, values)
    words = flaw_words(canonical.flaws, extracted, FLAW_BITS)
    start = extracted["start_time"]
    early, bad = (start.flaws.get(reason, exp.false()) for reason in (TOO_EARLY, NOT_A_TIME))
    reject = exp.Case(
        ifs=[
            exp.If(this=present(start.value), true=exp.Null()),
            exp.If(this=early.copy(), true=text(EARLY_TIME)),
            exp.If(this=bad.copy(), true=text(BAD_TIME)),
            exp.If(this=present(raw.any_value), true=text(NO_TIME)),
        ],
        default=text(MALFORMED),
    )
    unknown = extracted["outcome"].flaws.get(UNKNOWN_WORD, exp.false())
    word = exp.Case(ifs=[exp.If(this=unknown.copy(), true=raw.outcome)])
    silent = call("coalesce", extracted["outcome"].absent or exp.true(), exp.true())
    select = exp.select(
        *(named(value.copy(), name) for name, value in values.items()),
        *(named(flaws, name) for flaws, name in zip(words, canonical.flaw_columns, strict=True)),
        named(reject, REJECT),
        named(cast(word, "VARCHAR"), WORD),
        named(cast(raw.said_by, "VARCHAR"), SAID_BY),
        named(silent, SILENT),
        named(column(FILE), FILE),
        *((named(column(ROW), ROW),) if placed else ()),
    ).from_(staged.subquery("records", copy=False), copy=False)
    return _decided(canonical, select, placed) if canonical.policy.logs.conditions else select


def _decided(canonical: Canonical, select: exp.Select, placed: bool) -> exp.Select:
    """Records whose outcome is what the first condition that holds says, whatever their word is."""
    policy = canonical.policy
    ifs = [
        exp.If(
            this=compile_condition(when, policy.columns, policy.timezone).tree.copy(),
            true=text(outcome),
        )
        for outcome, when in policy.logs.conditions.items()
    ]
    decided = named(exp.Case(ifs=ifs), DECIDED)
    asked = exp.select(exp.Star(), decided).from_(select.subquery("said", copy=False), copy=False)
    is_open = missing(column(DECIDED))
    word, bit = divmod(canonical.flaws.index(Flaw("outcome", UNKNOWN_WORD)), FLAW_BITS)
    flaws = column(flaw_column(word))
    known = exp.BitwiseAnd(this=flaws.copy(), expression=exp.Literal.number(~(1 << bit)))
    own = exp.Case(ifs=[exp.If(this=is_open.copy(), true=column("outcome"))])
    own.set("default", call("nullif", column(DECIDED), text("unlabelled")))
    replaced: dict[str, exp.Expr] = {
        "outcome": own,
        flaw_column(word): exp.Case(
            ifs=[exp.If(this=is_open.copy(), true=flaws)], default=exp.Paren(this=known)
        ),
        WORD: exp.Case(ifs=[exp.If(this=is_open.copy(), true=column(WORD))]),
        SILENT: exp.and_(column(SILENT), is_open.copy()),
    }
    kept = [name for name in canonical.names if placed or name != ROW]
    return exp.select(*(named(replaced.get(name, column(name)), name) for name in kept)).from_(
        asked.subquery("decided", copy=False), copy=False
    )


def _duration_from_times(canonical: Canonical, values: dict[str, exp.Expr]) -> None:
    mapped = "duration_ms" in canonical.policy.logs.fields
    if mapped or "duration_ms" not in values or "end_time" not in values:
        return
    micros = [call("epoch_us", values[name].copy()) for name in ("end_time", "start_time")]
    elapsed = exp.Paren(this=exp.Sub(this=micros[0], expression=micros[1]))
    exact = cast(elapsed, "DECIMAL(24, 6)")
    millis = exp.Mul(this=exact, expression=exp.Literal.number("0.001"))
    values["duration_ms"] = call(
        "coalesce", values["duration_ms"], cast(exp.Paren(this=millis), NUMBER)
    )


def _tier_from_workflow(policy: Policy, values: dict[str, exp.Expr]) -> None:
    tiers = {n: w.risk_tier for n, w in policy.workflows.items() if w.risk_tier is not None}
    if "risk_tier" not in values or "workflow" not in values or not tiers:
        return
    default = exp.Case(
        this=values["workflow"].copy(),
        ifs=[exp.If(this=text(name), true=text(tier)) for name, tier in tiers.items()],
    )
    values["risk_tier"] = call("coalesce", values["risk_tier"], default)


def read_parquet(files: Sequence[str], *, filename: bool = False) -> exp.Expr:
    """A table of Parquet files that share a schema, with the places of their rows."""
    named = [_named("filename", text(FILE))] if filename else []
    return exp.Table(
        this=call(
            "read_parquet",
            exp.Array(expressions=[text(no_glob(file)) for file in files]),
            *named,
            _named("file_row_number", exp.true()),
            _named("hive_partitioning", exp.false()),
        )
    )


def parquet_statement(
    canonical: Canonical, files: Sequence[str], schema: ParquetSchema
) -> exp.Select:
    """Canonical runs of Parquet files that share a schema, read in place."""
    extracted: dict[str, Extracted] = {}
    raws: list[exp.Expr] = []
    found_of: dict[str, list[tuple[str, exp.Expr]]] = {}
    for wanted in canonical.columns:
        parts: list[Extracted] = []
        fields = _parquet_fields(wanted, schema)
        for field_ in fields:
            raws.append(named(read_as(wanted, field_), field_.raw))
            parts.append(
                typed_column(wanted, field_, canonical.policy)
                or from_text(wanted, field_.raw, canonical.policy)
            )
        trees = [column(field_.raw) for field_ in fields]
        extracted[wanted.name] = _first_of(trees, parts, wanted)
        found_of[wanted.name] = [(field_.path, column(field_.raw)) for field_ in fields]
    first = exp.select(
        *raws,
        named(column(FILE), FILE),
        named(column("file_row_number"), ROW),
    ).from_(read_parquet(files, filename=True), copy=False)
    raw = _Raw(
        _first_text(found_of["outcome"]),
        _said_by(found_of["outcome"]),
        exp.true(),
    )
    return _select_canonical(canonical, extracted, raw, first, placed=True)


def _parquet_fields(wanted: Wanted, schema: ParquetSchema) -> list[ParquetField]:
    found: list[ParquetField] = []
    for path, spelling in wanted.places():
        access = parquet_access(schema, spelling)
        if access is not None:
            found.append(ParquetField(path, f"{wanted.name}.{len(found)}", *access))
    return found


def _first_text(found: Sequence[tuple[str, exp.Expr]]) -> exp.Expr:
    trees = [cast(tree, "VARCHAR") for _, tree in found]
    return call("coalesce", *trees) if trees else exp.Null()


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


def _first_of(trees: Sequence[exp.Expr], parts: Sequence[Extracted], wanted: Wanted) -> Extracted:
    """The first of several fields that has a value decides, also where it cannot be read."""
    if not parts:
        return Extracted(cast(exp.Null(), sql_type(wanted.type)))
    if len(parts) == 1:
        return parts[0]

    def first(choices: Sequence[exp.Expr]) -> exp.Expr:
        pairs = zip(trees, choices, strict=True)
        return exp.Case(ifs=[exp.If(this=present(tree), true=c.copy()) for tree, c in pairs])

    reasons = sorted({reason for part in parts for reason in part.flaws})
    steps: list[dict[str, exp.Expr]] = [{} for _ in range(max(len(p.steps) for p in parts))]
    for part in parts:
        for level, made in enumerate(part.steps):
            steps[level] |= made
    absent = [part.absent or exp.false() for part in parts] if wanted.name == "outcome" else None
    return Extracted(
        first([part.value for part in parts]),
        {reason: first([p.flaws.get(reason, exp.false()) for p in parts]) for reason in reasons},
        tuple(steps),
        absent=None if absent is None else first(absent),
    )
