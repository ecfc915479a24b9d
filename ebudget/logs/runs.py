"""The statements that turn files of one kind into canonical runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
from ebudget.sql.statements import select, subquery, table
from ebudget.sql.trees import (
    Select,
    Tree,
    Value,
    all_of,
    array,
    call,
    case,
    cast,
    column,
    identifier,
    masked,
    minus,
    missing,
    named,
    number,
    part,
    present,
    star,
    struct,
    times,
    when,
    written,
)
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
    fields = (
        f"{written(identifier(key))} {_json_type(child)}" for key, child in branch.children.items()
    )
    return f"STRUCT({', '.join(fields)})"


def json_way(keys: Sequence[str]) -> str:
    """The way to a nested value, in which no character of a key means anything.

    A JSON pointer (RFC 6901), which takes a number for a place in a list too; so where a key is a
    number, a path of quoted keys.
    """
    if any(key.isdigit() for key in keys):
        escaped = (key.replace("\\", "\\\\").replace('"', '\\"') for key in keys)
        return "$" + "".join(f'."{key}"' for key in escaped)
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def _json_access(root: _Branch, spelling: Sequence[str], json: bool) -> Tree:
    """A value of a record as text, or as JSON has it."""
    tree = column(spelling[0])
    branch = root.children[spelling[0]]
    for index, key in enumerate(spelling[1:], 1):
        if branch.leaf:
            return _inside(tree, json_way(spelling[index:]), json)
        tree = call("struct_extract", tree, key)
        branch = branch.children[key]
    if json:
        return cast(tree, "VARCHAR")
    if branch.json or branch.children:
        return call("json_extract_string", tree, "$")
    return tree


def _inside(tree: Tree, pointer: str, json: bool) -> Tree:
    if not json:
        return call("json_extract_string", tree, pointer)
    return call("nullif", cast(call("json_extract", tree, pointer), "VARCHAR"), "null")


def _text_files(
    function: str, files: Sequence[str], kind: Kind, compression: Compression, **more: Value
) -> Tree:
    return table(
        function,
        array(map(no_glob, files)),
        format="array" if kind is Kind.ARRAY else "newline_delimited",
        compression=compression.value,
        ignore_errors=True,
        hive_partitioning=False,
        **more,
    )


def read_json(files: Sequence[str], kind: Kind, compression: Compression, columns: Tree) -> Tree:
    """A table of the JSON records of files; a line that is no object gives a row of nulls."""
    return _text_files(
        "read_json",
        files,
        kind,
        compression,
        records=True,
        filename=FILE,
        columns=columns,
        maximum_sample_files=1,  # the columns are known
    )


def read_whole(*sources: Source) -> Tree:
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
) -> Select:
    """Canonical runs of JSON files, one row a record; without `_row`, which is the row's place."""
    root = _Branch()
    for wanted in canonical.columns:
        for _, spelling in wanted.places():
            _insert(root, spelling, wanted.type is Type.TIME)
    _refuse_case_twins(root)
    columns = struct({key: _json_type(branch) for key, branch in root.children.items()})
    raws: dict[str, Tree] = {}
    said_by = part(None)
    for wanted in canonical.columns:
        json = wanted.type is Type.TIME
        found = [(path, _json_access(root, spelling, json)) for path, spelling in wanted.places()]
        trees = [tree for _, tree in found]
        nothing = cast(None, "VARCHAR")  # of the column that no key feeds
        raws[wanted.name] = trees[0] if len(trees) == 1 else call("coalesce", *trees, nothing)
        if wanted.name == "outcome":
            said_by = _said_by(found)
    inner = select(
        *(named(raw, name) for name, raw in raws.items()),
        named(said_by, SAID_BY),
        named(column(FILE), FILE),
        of=read_json(files, kind, compression, columns),
    )
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

    outcome: Tree
    said_by: Tree
    any_value: Tree
    """Null where the record has no value at all."""


def _said_by(found: Sequence[tuple[str, Tree]]) -> Tree:
    return case((present(tree), path) for path, tree in found) if found else part(None)


def _select_canonical(
    canonical: Canonical,
    extracted: Mapping[str, Extracted],
    raw: _Raw,
    source: Select,
    *,
    placed: bool = False,
) -> Select:
    """Canonical runs of a select of raw values, worked out step by step; `placed` where the select
    knows the place of each record.
    """
    staged = source
    for level in range(max((len(found.steps) for found in extracted.values()), default=0)):
        made: dict[str, Tree] = {}
        for found in extracted.values():
            if level < len(found.steps):
                made |= found.steps[level]
        steps = (named(tree, name) for name, tree in made.items())
        staged = select(star(), *steps, of=subquery(staged, f"step_{level}"))
    values = {name: found.value for name, found in extracted.items()}
    _duration_from_times(canonical, values)
    _tier_from_workflow(canonical.policy, values)
    words = flaw_words(canonical.flaws, extracted, FLAW_BITS)
    start = extracted["start_time"]
    reject = case(
        [
            (present(start.value), None),
            (start.flaws.get(TOO_EARLY, False), EARLY_TIME),
            (start.flaws.get(NOT_A_TIME, False), BAD_TIME),
            (present(raw.any_value), NO_TIME),
        ],
        MALFORMED,
    )
    outcome = extracted["outcome"]
    word = when(outcome.flaws.get(UNKNOWN_WORD, False), raw.outcome)
    silent = call("coalesce", True if outcome.absent is None else outcome.absent, True)
    records = select(
        *(named(value, name) for name, value in values.items()),
        *(named(flaws, name) for flaws, name in zip(words, canonical.flaw_columns, strict=True)),
        named(reject, REJECT),
        named(cast(word, "VARCHAR"), WORD),
        named(cast(raw.said_by, "VARCHAR"), SAID_BY),
        named(silent, SILENT),
        named(column(FILE), FILE),
        *((named(column(ROW), ROW),) if placed else ()),
        of=subquery(staged, "records"),
    )
    return _decided(canonical, records, placed) if canonical.policy.logs.conditions else records


def _decided(canonical: Canonical, records: Select, placed: bool) -> Select:
    """Records whose outcome is what the first condition that holds says, whatever their word is."""
    policy = canonical.policy
    decided = case(
        (compile_condition(source, policy.columns, policy.timezone).tree.copy(), outcome)
        for outcome, source in policy.logs.conditions.items()
    )
    asked = select(star(), named(decided, DECIDED), of=subquery(records, "said"))
    is_open = missing(column(DECIDED))
    word, bit = divmod(canonical.flaws.index(Flaw("outcome", UNKNOWN_WORD)), FLAW_BITS)
    flaws = column(flaw_column(word))
    own = when(is_open, column("outcome"), call("nullif", column(DECIDED), "unlabelled"))
    replaced = {
        "outcome": own,
        flaw_column(word): when(is_open, flaws, masked(flaws, ~(1 << bit))),
        WORD: when(is_open, column(WORD)),
        SILENT: all_of(column(SILENT), is_open),
    }
    kept = [name for name in canonical.names if placed or name != ROW]
    values = (named(replaced.get(name, column(name)), name) for name in kept)
    return select(*values, of=subquery(asked, "decided"))


def _duration_from_times(canonical: Canonical, values: dict[str, Tree]) -> None:
    mapped = "duration_ms" in canonical.policy.logs.fields
    if mapped or "duration_ms" not in values or "end_time" not in values:
        return
    elapsed = minus(*(call("epoch_us", values[name]) for name in ("end_time", "start_time")))
    millis = times(cast(elapsed, "DECIMAL(24, 6)"), number("0.001"))
    values["duration_ms"] = call("coalesce", values["duration_ms"], cast(millis, NUMBER))


def _tier_from_workflow(policy: Policy, values: dict[str, Tree]) -> None:
    tiers = {n: w.risk_tier for n, w in policy.workflows.items() if w.risk_tier is not None}
    if "risk_tier" not in values or "workflow" not in values or not tiers:
        return
    default = case(tiers.items(), of=values["workflow"])
    values["risk_tier"] = call("coalesce", values["risk_tier"], default)


def read_parquet(files: Sequence[str], *, filename: bool = False) -> Tree:
    """A table of Parquet files that share a schema, with the places of their rows."""
    kept = {"filename": FILE} if filename else {}
    names = array(map(no_glob, files))
    return table("read_parquet", names, **kept, file_row_number=True, hive_partitioning=False)


def parquet_statement(canonical: Canonical, files: Sequence[str], schema: ParquetSchema) -> Select:
    """Canonical runs of Parquet files that share a schema, read in place."""
    extracted: dict[str, Extracted] = {}
    raws: list[Tree] = []
    found_of: dict[str, list[tuple[str, Tree]]] = {}
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
    first = select(
        *raws,
        named(column(FILE), FILE),
        named(column("file_row_number"), ROW),
        of=read_parquet(files, filename=True),
    )
    raw = _Raw(_first_text(found_of["outcome"]), _said_by(found_of["outcome"]), part(True))
    return _select_canonical(canonical, extracted, raw, first, placed=True)


def _parquet_fields(wanted: Wanted, schema: ParquetSchema) -> list[ParquetField]:
    found: list[ParquetField] = []
    for path, spelling in wanted.places():
        access = parquet_access(schema, spelling)
        if access is not None:
            found.append(ParquetField(path, f"{wanted.name}.{len(found)}", *access))
    return found


def _first_text(found: Sequence[tuple[str, Tree]]) -> Tree:
    trees = [cast(tree, "VARCHAR") for _, tree in found]
    return call("coalesce", *trees) if trees else part(None)


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


def _first_of(trees: Sequence[Tree], parts: Sequence[Extracted], wanted: Wanted) -> Extracted:
    """The first of several fields that has a value decides, also where it cannot be read."""
    if not parts:
        return Extracted(cast(None, sql_type(wanted.type)))
    if len(parts) == 1:
        return parts[0]

    def first(choices: Sequence[Value]) -> Tree:
        return case(zip(map(present, trees), choices, strict=True))

    reasons = sorted({reason for found in parts for reason in found.flaws})
    steps: list[dict[str, Tree]] = [{} for _ in range(max(len(p.steps) for p in parts))]
    for found in parts:
        for level, made in enumerate(found.steps):
            steps[level] |= made
    absent = [False if found.absent is None else found.absent for found in parts]
    return Extracted(
        first([found.value for found in parts]),
        {reason: first([p.flaws.get(reason, False) for p in parts]) for reason in reasons},
        tuple(steps),
        absent=first(absent) if wanted.name == "outcome" else None,
    )
