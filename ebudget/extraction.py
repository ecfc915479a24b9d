"""From a log's own fields to the canonical columns: the expressions, for text and for Parquet.

A value is read as text and then cast, never inferred: types come from the policy and the table of
canonical columns, so that what a file means does not depend on the files beside it. A value that
cannot be read is null and counted as a flaw, by column and reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from sqlglot import exp

from ebudget.columns import BY_NAME, OUTCOME_WORDS, OUTCOMES, Type
from ebudget.policy import FieldMap, Policy
from ebudget.rules import call, cast, column, text, timestamp_literal, try_cast
from ebudget.windows import EPOCH, instant

FLAWS: tuple[tuple[Type, str], ...] = (
    (Type.NUMBER, "not a number"),
    (Type.NUMBER, "out of range"),
    (Type.INTEGER, "not a number"),
    (Type.INTEGER, "out of range"),
    (Type.INTEGER, "not a whole number"),
    (Type.BOOLEAN, "not true or false"),
    (Type.TIME, "not a time"),
    (Type.LIST, "not a list"),
)
"""Why a value is rejected, by the type it should have."""

UNKNOWN_WORD = "a word nobody knows"

NUMBER = "DECIMAL(27, 9)"
"""Numbers are rejected from 10^18 on, so that no sum of them can overflow 29 digits."""

_FIRST_INSTANT = instant(EPOCH.replace(year=1678))
_LAST_INSTANT = instant(EPOCH.replace(year=9999))
_EPOCH_SIZES = ((10**11, 1_000_000), (10**14, 1_000), (10**17, 1))
"""Below the first number an epoch counts units of so many microseconds; above all, nanoseconds."""


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
        return Wanted(name, policy.columns[name], (mapped.path,), mapped)
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


@dataclass(frozen=True)
class Extracted:
    """The expressions that make one canonical column of a value read as text."""

    value: exp.Expr
    flaws: Mapping[str, exp.Expr] = field(default_factory=dict)
    """The conditions under which the value is rejected, by reason."""
    steps: tuple[Mapping[str, exp.Expr], ...] = ()
    """Columns to make first, step by step, so that nothing is worked out twice."""
    absent: exp.Expr | None = None
    """Of the outcome, whether there is no value at all; not even one that nobody knows."""
    sound: exp.Expr | None = None
    """A quick sign that the value has no flaw; the flaws are looked into only without it."""


def from_text(wanted: Wanted, raw: str, policy: Policy) -> Extracted:
    """A canonical column of the text column `raw`, which is null where there is no value."""
    null_if = wanted.field.null_if if wanted.field else ()
    match wanted.type:
        case Type.TEXT if wanted.name == "outcome":
            return _outcome(raw, null_if, policy)
        case Type.TEXT:
            return Extracted(_null_texts(column(raw), null_if))
        case Type.NUMBER | Type.INTEGER:
            return _number(wanted, raw)
        case Type.BOOLEAN:
            return _boolean(raw, null_if)
        case Type.TIME:
            return _time(raw, policy.logs.timezone.key)
        case Type.LIST:
            return _list(raw)


def _null_texts(raw: exp.Expr, values: Sequence[str]) -> exp.Expr:
    if not values:
        return raw
    is_null = exp.In(this=raw.copy(), expressions=[text(value) for value in values])
    return exp.Case(ifs=[exp.If(this=is_null, true=exp.Null())], default=raw)


def present(value: exp.Expr) -> exp.Expr:
    """Whether a value is there."""
    return exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null()))


def missing(value: exp.Expr) -> exp.Expr:
    """Whether a value is not there."""
    return exp.Is(this=value.copy(), expression=exp.Null())


def _when(condition: exp.Expr, value: exp.Expr) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=condition, true=value)])


def _unread(raw: str, read: exp.Expr, otherwise: exp.Expr | None = None) -> exp.Expr:
    """Whether there is a text and it was not read; `otherwise` is asked of such texts only."""
    settled = exp.or_(missing(column(raw)), present(read))
    return exp.Case(ifs=[exp.If(this=settled, true=exp.false())], default=otherwise or exp.true())


def _number(wanted: Wanted, raw: str) -> Extracted:
    scale = wanted.field.scale if wanted.field else Fraction(1)
    null_if = wanted.field.null_if if wanted.field else ()
    read, value = column(f"{raw}.read"), column(f"{raw}.scaled")
    steps: list[dict[str, exp.Expr]] = [{f"{raw}.read": try_cast(column(raw), NUMBER)}]
    if scale == 1:
        value = read
    else:
        precise = try_cast(column(raw), "DECIMAL(38, 18)")
        product = exp.Mul(this=precise, expression=exp.Literal.number(_plain_decimal(scale)))
        steps.append({f"{raw}.scaled": call("try", cast(exp.Paren(this=product), NUMBER))})
    double = try_cast(column(raw), "DOUBLE")
    finite = call("coalesce", call("isfinite", double), exp.false())
    flaws = {
        "not a number": _unread(raw, read, exp.Not(this=finite)),
        "out of range": _unread(raw, value, finite.copy()),
    }
    sound = exp.or_(missing(column(raw)), present(value))
    keep: list[exp.Expr] = []
    if null_if:
        unwanted = [cast(text(entry), NUMBER) for entry in null_if]
        keep.append(exp.Not(this=exp.In(this=read.copy(), expressions=unwanted)))
    if wanted.type is Type.INTEGER:
        whole = exp.EQ(this=value.copy(), expression=call("floor", value.copy()))
        flaws["not a whole number"] = exp.and_(present(value), exp.Not(this=whole))
        sound = exp.or_(missing(column(raw)), whole.copy())
        keep.append(whole.copy())
    result = value.copy() if wanted.type is Type.NUMBER else cast(value.copy(), "BIGINT")
    if keep:
        result = _when(exp.and_(*keep), result)
    return Extracted(result, flaws, tuple(steps), sound=sound)


def double_read(raw: str, number: Extracted) -> Extracted:
    """A number of a DOUBLE column: the decimal of its shortest text, mostly without the text.

    A decimal of at most 15 digits that denotes the double is its shortest text, for no two such
    decimals denote the same double. Below a million, 9 decimal places are no more digits.
    """
    near, double = column(f"{raw}.near"), column(raw)
    million = exp.Literal.number(999_999)
    small = exp.Between(this=double, low=exp.Neg(this=million.copy()), high=million)
    same = exp.EQ(this=cast(near, "DOUBLE"), expression=double.copy())
    by_text = number.steps[0][f"{raw}.read"].copy()
    by_text.set("this", cast(double.copy(), "VARCHAR"))
    read = exp.Case(ifs=[exp.If(this=exp.and_(small, same), true=near.copy())], default=by_text)
    first = {f"{raw}.near": try_cast(double.copy(), NUMBER)}
    later = [dict(step) for step in number.steps[1:]]
    for step in later:
        for name, tree in step.items():
            step[name] = tree.transform(
                lambda node: cast(node, "VARCHAR") if node == double else node
            )
    return replace(number, steps=(first, {f"{raw}.read": read}, *later))


def _plain_decimal(value: Fraction) -> str:
    digits = str(int(value * 10**9)).rjust(10, "0")
    return (digits[:-9] + "." + digits[-9:]).rstrip("0").rstrip(".")


_TRUE = ("true", "1", "yes", "t", "y")
_FALSE = ("false", "0", "no", "f", "n")


def _boolean(raw: str, null_if: Sequence[str]) -> Extracted:
    kept = _null_texts(column(raw), null_if)
    word = column(f"{raw}.word")
    value = exp.Case(
        ifs=[
            exp.If(this=exp.In(this=word.copy(), expressions=[text(w) for w in words]), true=truth)
            for words, truth in ((_TRUE, exp.true()), (_FALSE, exp.false()))
        ]
    )
    flawed = exp.and_(present(word), missing(value))
    steps = ({f"{raw}.word": call("lower", call("trim", kept))},)
    sound = exp.or_(missing(word), present(value))
    return Extracted(value, {"not true or false": flawed}, steps, sound=sound)


def _list(raw: str) -> Extracted:
    document = column(f"{raw}.json")
    is_list = exp.EQ(this=call("json_type", document), expression=text("ARRAY"))
    value = _when(is_list, try_cast(document.copy(), "VARCHAR[]"))
    steps = ({f"{raw}.json": try_cast(column(raw), "JSON")},)
    flawed = exp.and_(present(column(raw)), missing(value))
    return Extracted(value, {"not a list": flawed}, steps, sound=exp.not_(flawed.copy()))


def _time(raw: str, zone: str) -> Extracted:
    """ISO 8601, or an epoch in s, ms, us or ns; a first digit keeps out `infinity` and `epoch`."""
    number = column(f"{raw}.epoch")
    fifth = call("substr", column(raw), exp.Literal.number(5), exp.Literal.number(1))
    dashed = exp.EQ(this=fifth, expression=text("-"))
    epoch = exp.Case(
        ifs=[exp.If(this=dashed.copy(), true=exp.Null())],
        default=try_cast(column(raw), "DECIMAL(38, 9)"),
    )
    first = call("substr", call("trim", column(raw)), exp.Literal.number(1), exp.Literal.number(1))
    begins = exp.Between(this=first, low=text("0"), high=text("9"))
    read = exp.Case(
        ifs=[
            exp.If(this=dashed, true=_written_time(raw, zone)),
            exp.If(this=present(number), true=epoch_time(number)),
            exp.If(this=begins, true=_written_time(raw, zone)),
        ]
    )
    value = within_years(column(f"{raw}.read"))
    steps = ({f"{raw}.epoch": epoch}, {f"{raw}.read": read})
    sound = exp.or_(missing(column(raw)), present(value))
    return Extracted(value, {"not a time": _unread(raw, value)}, steps, sound=sound)


def _written_time(raw: str, zone: str) -> exp.Expr:
    written = call("timezone", text("UTC"), try_cast(column(raw), "TIMESTAMPTZ"))
    if zone == "UTC":
        return written
    # Only a time that names no zone of its own can be cast with one appended.
    trimmed = call("trim", column(raw))
    date_only = exp.LTE(this=call("len", trimmed.copy()), expression=exp.Literal.number(10))
    midnight = exp.Case(ifs=[exp.If(this=date_only, true=text(" 00:00"))], default=text(""))
    naive = try_cast(call("concat", trimmed, midnight, text("+00")), "TIMESTAMPTZ")
    local = in_utc(try_cast(column(raw), "TIMESTAMP"), zone)
    return exp.Case(ifs=[exp.If(this=present(naive), true=local)], default=written)


def in_utc(naive: exp.Expr, zone: str) -> exp.Expr:
    """The UTC timestamp of a local one."""
    if zone == "UTC":
        return naive
    return call("timezone", text("UTC"), call("timezone", text(zone), naive))


def epoch_time(number: exp.Expr) -> exp.Expr:
    """The UTC timestamp of an epoch, whose unit is told by its size."""
    branches = [
        exp.If(
            this=exp.LT(this=number.copy(), expression=exp.Literal.number(limit)),
            true=exp.Mul(this=number.copy(), expression=exp.Literal.number(micros)),
        )
        for limit, micros in _EPOCH_SIZES
    ]
    nanos = exp.Mul(this=number.copy(), expression=exp.Literal.number("0.001"))
    whole = try_cast(call("floor", exp.Case(ifs=branches, default=nanos)), "BIGINT")
    last = exp.Literal.number(_LAST_INSTANT)
    inside = exp.Between(this=whole.copy(), low=exp.Literal.number(0), high=last)
    return _when(inside, call("make_timestamp", whole))


def within_years(value: exp.Expr) -> exp.Expr:
    """A timestamp of the years 1678 to 9998, else null."""
    inside = exp.Between(
        this=value.copy(),
        low=timestamp_literal(_FIRST_INSTANT),
        high=timestamp_literal(_LAST_INSTANT - 1),
    )
    return _when(inside, value.copy())


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
    plain = [text(outcome) for outcome in OUTCOMES if words[outcome] == outcome]
    kept = _null_texts(column(raw), null_if)
    word, read = column(f"{raw}.word"), column(f"{raw}.read")
    folded = exp.Case(
        ifs=[exp.If(this=exp.In(this=kept, expressions=plain), true=kept.copy())],
        default=call("lower", call("trim", kept.copy())),
    )
    ifs = [exp.If(this=exp.In(this=word, expressions=[w.copy() for w in plain]), true=word.copy())]
    for outcome in OUTCOME_WORDS:
        own = [text(w) for w, meaning in words.items() if meaning == outcome]
        ifs.append(exp.If(this=exp.In(this=word.copy(), expressions=own), true=text(outcome)))
    steps = ({f"{raw}.word": folded}, {f"{raw}.read": exp.Case(ifs=ifs)})
    value = call("nullif", read, text("unlabelled"))
    unknown = exp.and_(present(word), missing(read))
    sound = exp.or_(missing(word), present(read))
    return Extracted(value, {UNKNOWN_WORD: unknown}, steps, missing(word), sound)


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
) -> list[exp.Expr]:
    """The flaws of a run as whole numbers of so many bits."""
    conditions: list[exp.Expr | None] = []
    for flaw in flaws:
        source = extracted.get(flaw.column)
        conditions.append(source.flaws.get(flaw.reason) if source else None)
    checked = [found for found in extracted.values() if found.flaws]
    if not checked or any(found.sound is None for found in checked):
        return bit_words(conditions, bits)
    sound = exp.and_(*(found.sound.copy() for found in checked if found.sound is not None))
    return [
        exp.Case(
            ifs=[exp.If(this=sound.copy(), true=cast(exp.Literal.number(0), "BIGINT"))],
            default=word,
        )
        for word in bit_words(conditions, bits)
    ]


def bit_words(conditions: Sequence[exp.Expr | None], bits: int) -> list[exp.Expr]:
    """Conditions as the bits of whole numbers; null counts as false."""
    words = []
    for start in range(0, max(len(conditions), 1), bits):
        terms: list[exp.Expr] = []
        for index, condition in enumerate(conditions[start : start + bits]):
            if condition is not None:
                value = exp.Case(
                    ifs=[exp.If(this=condition.copy(), true=exp.Literal.number(1 << index))],
                    default=exp.Literal.number(0),
                )
                terms.append(cast(value, "BIGINT"))
        words.append(_sum(terms) if terms else cast(exp.Literal.number(0), "BIGINT"))
    return words


def _sum(terms: list[exp.Expr]) -> exp.Expr:
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return exp.Paren(this=exp.Add(this=_sum(terms[:middle]), expression=_sum(terms[middle:])))
