"""JSON records: the statements that read them, whole or as canonical runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ebudget import sql
from ebudget.columns import Type
from ebudget.errors import InputError
from ebudget.logs.files.source import Source
from ebudget.logs.formats.format import Kind
from ebudget.logs.runs import FILE, SAID_BY, Canonical, Raw, said_by, select_canonical
from ebudget.logs.values.columns import from_text
from ebudget.logs.warehouse import no_glob
from ebudget.text import quoted


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
        f"{sql.written(sql.identifier(key))} {_json_type(child)}"
        for key, child in branch.children.items()
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


def _json_access(root: _Branch, spelling: Sequence[str], json: bool) -> sql.Tree:
    """A value of a record as text, or as JSON has it."""
    tree = sql.column(spelling[0])
    branch = root.children[spelling[0]]
    for index, key in enumerate(spelling[1:], 1):
        if branch.leaf:
            return _inside(tree, json_way(spelling[index:]), json)
        tree = sql.call("struct_extract", tree, key)
        branch = branch.children[key]
    if json:
        return sql.cast(tree, "VARCHAR")
    if branch.json or branch.children:
        return sql.call("json_extract_string", tree, "$")
    return tree


def _inside(tree: sql.Tree, pointer: str, json: bool) -> sql.Tree:
    if not json:
        return sql.call("json_extract_string", tree, pointer)
    return sql.call("nullif", sql.cast(sql.call("json_extract", tree, pointer), "VARCHAR"), "null")


def _records(function: str, sources: Sequence[Source], **more: sql.Value) -> sql.Tree:
    return sql.table(
        function,
        sql.array(no_glob(source.read_as) for source in sources),
        format="array" if sources[0].kind is Kind.ARRAY else "newline_delimited",
        compression=sources[0].compression.value,
        ignore_errors=True,
        hive_partitioning=False,
        **more,
    )


def _read_json(sources: Sequence[Source], columns: sql.Tree) -> sql.Tree:
    """A table of records by their keys; one that is no object gives a row of nulls."""
    return _records(
        "read_json",
        sources,
        records=True,
        filename=FILE,
        columns=columns,
        maximum_sample_files=1,  # the columns are known
    )


def read_whole(*sources: Source) -> sql.Tree:
    """A table of the records of text logs of one kind and packing, each whole in the column
    `json`; null where malformed.
    """
    return _records("read_json_objects", sources)


def json_statement(canonical: Canonical, sources: Sequence[Source]) -> sql.Select:
    """Canonical runs of text logs of one kind and packing, one row a record; without `_row`, which
    is the row's place.
    """
    root = _Branch()
    for wanted in canonical.columns:
        for _, spelling in wanted.places():
            _insert(root, spelling, wanted.type is Type.TIME)
    _refuse_case_twins(root)
    columns = sql.struct({key: _json_type(branch) for key, branch in root.children.items()})
    raws: dict[str, sql.Tree] = {}
    found_by = sql.part(None)
    for wanted in canonical.columns:
        json = wanted.type is Type.TIME
        found = [(path, _json_access(root, spelling, json)) for path, spelling in wanted.places()]
        trees = [tree for _, tree in found]
        nothing = sql.cast(None, "VARCHAR")  # of the column that no key feeds
        raws[wanted.name] = trees[0] if len(trees) == 1 else sql.call("coalesce", *trees, nothing)
        if wanted.name == "outcome":
            found_by = said_by(found)
    inner = sql.select(
        *(sql.named(raw, name) for name, raw in raws.items()),
        sql.named(found_by, SAID_BY),
        sql.named(sql.column(FILE), FILE),
        of=_read_json(sources, columns),
    )
    extracted = {
        wanted.name: from_text(wanted, wanted.name, canonical.policy, json=True)
        for wanted in canonical.columns
    }
    any_value = sql.call("coalesce", *(sql.column(name) for name in raws))
    raw = Raw(sql.column("outcome"), sql.column(SAID_BY), any_value)
    return select_canonical(canonical, extracted, raw, inner)
