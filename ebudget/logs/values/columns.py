"""From a log's own fields to the canonical columns: the expressions, for text and for Parquet.

A value is read as text and then cast, never inferred: types come from the policy and the table of
canonical columns, so that what a file means does not depend on the files beside it. A value that
cannot be read is null and counted as a flaw, by column and reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ebudget import sql
from ebudget.columns import BY_NAME, OUTCOME_WORDS, OUTCOMES, Type
from ebudget.logs.values.numbers import number_of
from ebudget.logs.values.steps import Extracted
from ebudget.logs.values.times import NOT_A_TIME, TOO_EARLY, time
from ebudget.policy.mapping import FieldMap
from ebudget.policy.model import Policy

NOT_UTF_8 = "not UTF-8"

FLAWS: tuple[tuple[Type, str], ...] = (
    (Type.NUMBER, "not a number"),
    (Type.NUMBER, "out of range"),
    (Type.INTEGER, "not a number"),
    (Type.INTEGER, "out of range"),
    (Type.INTEGER, "not a whole number"),
    (Type.BOOLEAN, "not true or false"),
    (Type.TIME, NOT_A_TIME),
    (Type.TIME, TOO_EARLY),
    (Type.LIST, "not a list"),
    (Type.TEXT, NOT_UTF_8),
)
"""Why a value is rejected, by the type it should have."""

UNKNOWN_WORD = "a word nobody knows"


@dataclass(frozen=True)
class Wanted:
    """One canonical column that the statements need, and where the log keeps it."""

    name: str
    type: Type
    paths: tuple[str, ...]
    """Paths in the log; the first with a value wins."""
    field: FieldMap | None
    """The policy's mapping, where it has one."""

    def places(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Every path with each way to nest it; a policy's own path in all ways there are."""
        for path in self.paths:
            for spelling in spellings(path, mixed=self.field is not None):
                yield path, spelling


@dataclass(frozen=True)
class Flaw:
    """One reason for which a value is rejected; a bit of a run's flaw words."""

    column: str
    reason: str


def wanted_column(policy: Policy, name: str) -> Wanted:
    """Where a column comes from: the policy's path, else the canonical names."""
    mapped = policy.logs.fields.get(name)
    known = BY_NAME.get(name)
    if mapped is not None:
        return Wanted(name, policy.columns[name], mapped.paths, mapped)
    assert known is not None
    return Wanted(name, known.type, known.aliases, None)


def flaws_of(columns: Sequence[Wanted]) -> tuple[Flaw, ...]:
    """Every flaw that values of these columns can have, in the order of their bits."""
    found = [
        Flaw(wanted.name, reason)
        for wanted in columns
        for type_, reason in FLAWS
        if type_ is wanted.type and wanted.name != "start_time"
    ]
    found += [Flaw("outcome", UNKNOWN_WORD) for w in columns if w.name == "outcome"]
    return tuple(found)


def from_text(wanted: Wanted, raw: str, policy: Policy, *, json: bool = False) -> Extracted:
    """A canonical column of the text column `raw`, which is null where there is no value.

    `json`: a time is there as JSON has it, in quotes where it is a text.
    """
    null_if = wanted.field.null_if if wanted.field else ()
    match wanted.type:
        case Type.TEXT if wanted.name == "outcome":
            return _outcome(raw, null_if, policy)
        case Type.TEXT:
            return Extracted(_null_texts(sql.column(raw), null_if))
        case Type.NUMBER | Type.INTEGER:
            return number_of(wanted.type, wanted.field, raw)
        case Type.BOOLEAN:
            return _boolean(raw, null_if)
        case Type.TIME:
            zone = policy.logs.timezone.key
            return time(wanted.name, wanted.field, raw, zone, json=json)
        case Type.LIST:
            return _list(raw)


def _null_texts(raw: sql.Tree, values: Sequence[str]) -> sql.Tree:
    return sql.when(sql.one_of(raw, values), None, raw) if values else raw


_TRUE = ("true", "1", "yes", "t", "y")
_FALSE = ("false", "0", "no", "f", "n")


def _boolean(raw: str, null_if: Sequence[str]) -> Extracted:
    kept = _null_texts(sql.column(raw), null_if)
    word = sql.column(f"{raw}.word")
    value = sql.case([(sql.one_of(word, _TRUE), True), (sql.one_of(word, _FALSE), False)])
    flawed = sql.all_of(sql.present(word), sql.missing(value))
    steps = ({f"{raw}.word": sql.call("lower", sql.call("trim", kept))},)
    sound = sql.any_of(sql.missing(word), sql.present(value))
    return Extracted(value, {"not true or false": flawed}, steps, sound=sound)


def _list(raw: str) -> Extracted:
    document = sql.column(f"{raw}.json")
    value = sql.when(
        sql.equal(sql.call("json_type", document), "ARRAY"), sql.try_cast(document, "VARCHAR[]")
    )
    steps = ({f"{raw}.json": sql.try_cast(sql.column(raw), "JSON")},)
    flawed = sql.all_of(sql.present(sql.column(raw)), sql.missing(value))
    return Extracted(value, {"not a list": flawed}, steps, sound=sql.negated(flawed))


def outcome_words(policy: Policy) -> dict[str, str]:
    """Every known word, lower case, and its outcome; the policy's own words come first."""
    words: dict[str, str] = {}
    for outcome, own in policy.logs.outcomes:
        for word in own.words:
            words[word] = outcome
    for outcome, known in OUTCOME_WORDS.items():
        for word in known:
            words.setdefault(word, outcome)
    return words


def _outcome(raw: str, null_if: Sequence[str], policy: Policy) -> Extracted:
    words = outcome_words(policy)
    plain = [outcome for outcome in OUTCOMES if words[outcome] == outcome]
    kept = _null_texts(sql.column(raw), null_if)
    word, read = sql.column(f"{raw}.word"), sql.column(f"{raw}.read")
    folded = sql.when(sql.one_of(kept, plain), kept, sql.call("lower", sql.call("trim", kept)))
    branches: list[tuple[sql.Tree, sql.Value]] = [(sql.one_of(word, plain), word)]
    for outcome in OUTCOME_WORDS:
        own = [w for w, meaning in words.items() if meaning == outcome]
        branches.append((sql.one_of(word, own), outcome))
    steps = ({f"{raw}.word": folded}, {f"{raw}.read": sql.case(branches)})
    value = sql.call("nullif", read, "unlabelled")
    unknown = sql.all_of(sql.present(word), sql.missing(read))
    sound = sql.any_of(sql.missing(word), sql.present(read))
    return Extracted(value, {UNKNOWN_WORD: unknown}, steps, sql.missing(word), sound)


def spellings(path: str, *, mixed: bool = True) -> Iterator[tuple[str, ...]]:
    """The ways in which a dotted path can be nested: `a.b` is a key `a.b`, or `b` inside `a`.

    Without `mixed`, only all in one key and every part nested, which costs less to read.
    """
    parts = path.split(".")
    if len(parts) > 6 or not mixed:
        yield from dict.fromkeys(((path,), tuple(parts)))
        return
    for joins in range(2 ** (len(parts) - 1)):
        spelling = [parts[0]]
        for index, part in enumerate(parts[1:]):
            if joins >> index & 1:
                spelling.append(part)
            else:
                spelling[-1] += "." + part
        yield tuple(spelling)


def flaw_words(
    flaws: Sequence[Flaw], extracted: Mapping[str, Extracted], bits: int
) -> list[sql.Tree]:
    """The flaws of a run as whole numbers of so many bits."""
    conditions: list[sql.Tree | None] = []
    for flaw in flaws:
        source = extracted.get(flaw.column)
        conditions.append(source.flaws.get(flaw.reason) if source else None)
    checked = [found for found in extracted.values() if found.flaws]
    if not checked or any(found.sound is None for found in checked):
        return bit_words(conditions, bits)
    sound = sql.all_of(*(found.sound for found in checked))
    return [sql.when(sound, sql.cast(0, "BIGINT"), word) for word in bit_words(conditions, bits)]


def bit_words(conditions: Sequence[sql.Tree | None], bits: int) -> list[sql.Tree]:
    """Conditions as the bits of whole numbers; null counts as false."""
    words = []
    for start in range(0, max(len(conditions), 1), bits):
        terms: list[sql.Tree] = []
        for index, condition in enumerate(conditions[start : start + bits]):
            if condition is not None:
                terms.append(sql.cast(sql.when(condition, 1 << index, 0), "BIGINT"))
        words.append(_sum(terms) if terms else sql.cast(0, "BIGINT"))
    return words


def _sum(terms: list[sql.Tree]) -> sql.Tree:
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return sql.plus(_sum(terms[:middle]), _sum(terms[middle:]))
