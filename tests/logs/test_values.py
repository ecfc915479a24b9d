"""Numbers, texts and typed Parquet columns: read right, or rejected and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pytest

import ebudget
from canonical import GOOD, Read, read_file, read_values
from ebudget.errors import InputError
from ebudget.policy.file import PolicyError, parse_policy
from ebudget.policy.rules.rule import compile_rule
from ebudget.policy.rules.terms import RuleError
from support import one_budget, policy_text, run, state, statement_of

NOT_A_NUMBER = "not a number"
OUT_OF_RANGE = "out of range"


def numbers(folder: Path, values: Sequence[Any], **field: Any) -> list[Any]:
    """What is read of these as costs: the value as text, or why it was rejected."""
    return [told(one) for one in read_values(folder, "cost_usd", values, field)]


def told(read: Read) -> Any:
    if read.why is not None or read.value is None:
        return read.why
    return f"{read.value.normalize():f}" if isinstance(read.value, Decimal) else read.value


def typed(
    folder: Path,
    name: str,
    values: Sequence[Any],
    type_: Any,
    field: Mapping[str, Any] | None = None,
) -> list[Any]:
    """The same of a Parquet column of a type."""
    path = folder / "runs.parquet"
    pl.DataFrame({"value": pl.Series(values, dtype=type_)}).with_columns(
        start_time=pl.lit("2026-11-20T10:00:00Z")
    ).write_parquet(path)
    logs = {"fields": {name: {"path": "value", **(field or {})}}}
    return [told(one) for one in read_file(str(path), name, logs)]


# Numbers as texts


@pytest.mark.parametrize(
    ("written", "means"),
    [
        *(("+3", "3"), (".5", "0.5"), ("5.", "5"), ("3e2", "300"), (" 3 ", "3"), ("1E-3", "0.001")),
        *(("-0", "0"), ("1e-400", "0"), (1e-9, "0.000000001"), ("0.0000000005", "0.000000001")),
        *((text, NOT_A_NUMBER) for text in ("1_000", "0x1F", "0b1", "1,5", "1 000", "$5", "5%")),
        *((text, NOT_A_NUMBER) for text in ("", ".", "e5", "--5", "NaN", "inf", "٣", "true")),
        *((value, NOT_A_NUMBER) for value in (True, [1], {"total": 5})),
        *((value, OUT_OF_RANGE) for value in ("1e400", 1e300, 10**18, -(10**18), "9" * 40)),
        (999999999999999999, "999999999999999999"),
        ("999999999999999999.9999999994", "999999999999999999.999999999"),
        ("999999999999999999.9999999995", OUT_OF_RANGE),
    ],
)
def test_a_decimal_number_is_read_and_all_else_is_counted(
    tmp_path: Path, written: Any, means: Any
) -> None:
    assert numbers(tmp_path, [written]) == [means]


@pytest.mark.parametrize(
    ("written", "means"),
    [
        *((3, 3), ("3.0", 3), (3.0, 3), ("3e0", 3), ("007", 7), ("+3", 3), (-2, -2)),
        *((0.5, "not a whole number"), ("2.5", "not a whole number")),
        *((10**18 - 1, 10**18 - 1), (10**18, OUT_OF_RANGE), (2**63, OUT_OF_RANGE)),
        *(("1_000", NOT_A_NUMBER), ("0x1F", NOT_A_NUMBER), ("n/a", NOT_A_NUMBER)),
    ],
)
def test_a_whole_number_has_no_fraction(tmp_path: Path, written: Any, means: Any) -> None:
    assert [told(one) for one in read_values(tmp_path, "retries", [written], {})] == [means]


# Scale


@pytest.mark.parametrize(
    ("written", "scale", "means"),
    [
        ("0.0000000004", 10, "0.000000004"),
        ("0.00000000045", 10, "0.000000005"),
        ("0.1234567891234", 1000, "123.456789123"),
        ("1.5", "0.000000001", "0.000000002"),
        ("0.4999999999999999999", "0.000000001", "0"),
        ("-0.5", "0.000000001", "-0.000000001"),
        ("2500000000000000000", "0.000000001", "2500000000"),
        (2.5e18, "0.000000001", "2500000000"),
        ("999999999999999999999999999", "0.000000001", "999999999999999999.999999999"),
        ("1000000000000000000000000000", "0.000000001", OUT_OF_RANGE),
        ("333333333333333333.3", 3, "999999999999999999.9"),
        ("333333333333333333.4", 3, OUT_OF_RANGE),
        ("5000000000", 3600, "18000000000000"),
        (999999999999999999, 1, "999999999999999999"),
        (10, 10**17, OUT_OF_RANGE),
        ("0.1", 10**17, "10000000000000000"),
        ("0.30000000000000004", "0.3", "0.09"),
        ("0.000000000000000000001", 10**17, "0.0001"),
        (1.2345678901234567e-15, 10**9, "0.000001235"),
        ("0.00000000049999999999999999999999999", 1000, "0.0000005"),
        ("0.0000000000004999999999999999999999", 1000, "0"),
        ("1_000", 1000, NOT_A_NUMBER),
        ("n/a", 1000, NOT_A_NUMBER),
    ],
)
def test_the_scale_is_applied_exactly_and_before_rounding(
    tmp_path: Path, written: Any, scale: Any, means: str
) -> None:
    assert numbers(tmp_path, [written], scale=scale) == [means]


# Values that mean that there is none


def test_null_if_knows_the_logs_number_by_its_value_before_the_scale(tmp_path: Path) -> None:
    values = [0, "0.00", -0.0, "1e-10", 10**18, "1" + "0" * 30, -1, "n/a", "1_000", 3]
    found = numbers(tmp_path, values, scale="0.000000001", null_if=[0, -1, "1" + "0" * 30])
    assert found == [
        None,
        None,
        None,
        "0",
        "1000000000",
        None,
        None,
        NOT_A_NUMBER,
        NOT_A_NUMBER,
        "0.000000003",
    ]


def test_a_number_that_null_if_does_not_list_never_vanishes(tmp_path: Path) -> None:
    fields = {"eth": {"path": "wei", "type": "number", "scale": "0.000000001", "null_if": 0}}
    policy = one_budget(spend={"sum": "eth"}, allow=10, logs={"fields": fields})
    records = [run(wei=wei) for wei in (5 * 10**17, 2 * 10**18, 0, 10**28)]
    found = state(tmp_path, policy, records)
    assert (found.accounts[0].spent, found.accounts[0].unmeasured) == (2_500_000_000, 2)
    assert found.rejected_values == (("eth: out of range", 1),)


def test_null_if_of_whole_numbers_is_by_value_too(tmp_path: Path) -> None:
    found = read_values(tmp_path, "retries", [-1, "-1.0", 2, 0.5], {"null_if": [-1, "0.5"]})
    assert [told(one) for one in found] == [None, None, 2, None]


def test_null_if_of_a_number_is_a_number() -> None:
    policy = one_budget(logs={"fields": {"cost_usd": {"path": "c", "null_if": ["1_000"]}}})
    with pytest.raises(PolicyError, match="'1_000' is not a number"):
        parse_policy(policy_text(policy), "budgets.yaml")


# Parquet


@pytest.mark.parametrize(
    ("values", "type_", "means"),
    [
        ([1, None], pl.Int8, ["1", None]),
        ([2**64 - 1, 5], pl.UInt64, [OUT_OF_RANGE, "5"]),
        ([10**18, -(10**18) + 1], pl.Int64, [OUT_OF_RANGE, "-999999999999999999"]),
        (
            [0.1, 1e300, float("nan"), float("inf")],
            pl.Float64,
            ["0.1", OUT_OF_RANGE, NOT_A_NUMBER, NOT_A_NUMBER],
        ),
        ([0.1], pl.Float32, ["0.1"]),
        (["0.1234567895", "-0.1234567895"], pl.Decimal(38, 20), ["0.12345679", "-0.12345679"]),
        (["99999999999999999999"], pl.Decimal(20, 0), [OUT_OF_RANGE]),
        ([True], pl.Boolean, [NOT_A_NUMBER]),
        (["2.5", "1_000"], pl.String, ["2.5", NOT_A_NUMBER]),
        (["2.5", "x"], pl.Categorical, ["2.5", NOT_A_NUMBER]),
        ([b"2.5", b"\xff", None], pl.Binary, ["2.5", NOT_A_NUMBER, None]),
        ([[1]], pl.List(pl.Int64), [NOT_A_NUMBER]),
        ([{"total": 5}], pl.Struct({"total": pl.Int64}), [NOT_A_NUMBER]),
        ([None], pl.Null, [None]),
    ],
)
def test_every_type_of_parquet_is_a_number_or_a_flaw(
    tmp_path: Path, values: Sequence[Any], type_: Any, means: Sequence[Any]
) -> None:
    assert typed(tmp_path, "cost_usd", values, type_) == means


def test_scale_and_null_if_work_for_typed_columns(tmp_path: Path) -> None:
    field = {"scale": "0.001", "null_if": [0, -1]}
    for type_ in (pl.Int64, pl.Float64, pl.Decimal(10, 2), pl.String):
        values: list[Any] = [0, 1500, -1]
        series = pl.Series(values).cast(type_)
        assert typed(tmp_path, "cost_usd", series, type_, field) == [None, "1.5", None]


def test_whole_numbers_of_any_type_are_whole(tmp_path: Path) -> None:
    assert typed(tmp_path, "retries", [3.0, 2.5], pl.Float64) == [3, "not a whole number"]
    assert typed(tmp_path, "retries", [10**18, 7], pl.Int64) == [OUT_OF_RANGE, 7]
    assert typed(tmp_path, "retries", [2**64 - 1, 7], pl.UInt64) == [OUT_OF_RANGE, 7]
    assert typed(tmp_path, "retries", [3], pl.UInt8, {"null_if": [3]}) == [None]


def test_binary_texts_are_utf_8_or_counted(tmp_path: Path) -> None:
    values = ["é".encode(), b"\xff", None, b""]
    assert typed(tmp_path, "segment", values, pl.Binary) == ["é", "not UTF-8", None, ""]
    assert typed(tmp_path, "outcome", [b"ok", b"\xff"], pl.Binary) == ["success", "not UTF-8"]


def test_nested_values_are_the_text_that_a_json_log_has(tmp_path: Path) -> None:
    lists = typed(tmp_path, "segment", [[1, 2]], pl.List(pl.Int64))
    assert lists == ["[1,2]"]
    assert typed(tmp_path, "segment", [{"a": 1}], pl.Struct({"a": pl.Int64})) == ['{"a":1}']


def test_lists_of_parquet_are_lists_of_texts(tmp_path: Path) -> None:
    found = typed(tmp_path, "tags", [["a", None], [], None], pl.List(pl.String), {"type": "list"})
    assert found == [["a", None], [], None]
    assert typed(tmp_path, "tags", [[1.5]], pl.List(pl.Float64), {"type": "list"}) == [["1.5"]]
    assert typed(tmp_path, "tags", ["x"], pl.String, {"type": "list"}) == ["not a list"]


def test_a_path_leads_into_a_map_of_parquet(tmp_path: Path) -> None:
    path = str(tmp_path / "runs.parquet")
    duckdb.sql(
        "COPY (SELECT MAP {'cost': 5, 'gen_ai.cost': 7} AS attributes, '2026-11-20' AS start_time) "
        f"TO '{path}' (FORMAT parquet)"
    )
    for at, value in (("attributes.cost", "5"), ("attributes.gen_ai.cost", "7")):
        read = read_file(path, "cost_usd", {"fields": {"cost_usd": at}})
        assert [told(one) for one in read] == [value]


def test_of_columns_that_differ_by_case_the_exact_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "runs.parquet"
    frame = pl.DataFrame({"Cost": [1], "cost": [2], "COST": [3], "cost_1": [4]})
    frame.with_columns(start_time=pl.lit("2026-11-20")).write_parquet(path)
    for name, value in (("Cost", "1"), ("cost", "2"), ("COST", "3"), ("cost_1", "4")):
        logs = {"fields": {"cost_usd": name}}
        assert [told(one) for one in read_file(str(path), "cost_usd", logs)] == [value]
    assert [told(one) for one in read_file(str(path), "cost_usd", {})] == ["2"]
    assert [told(one) for one in read_file(str(path), "score", {})] == [None]


def test_of_nested_fields_that_differ_by_case_the_exact_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "runs.parquet"
    frame = pl.DataFrame({"usage": [{"Cost": 1, "cost": 2}], "start_time": ["2026-11-20"]})
    frame.write_parquet(path)
    for name, value in (("usage.Cost", "1"), ("usage.cost", "2")):
        logs = {"fields": {"cost_usd": name}}
        assert [told(one) for one in read_file(str(path), "cost_usd", logs)] == [value]


# Casts in rules


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("cost_usd::decimal(10,2) = 0.03", 10),
        ("cast(cost_usd as decimal(18, 3)) = 1", 17),
        ("try_cast(cost_usd as numeric (18,3)) = 1", 21),
        ("segment::varchar(5) = 'a'", 9),
        ("cast(segment as char(3)) = 'a'", 16),
        ("segment::character varying(5) = 'a'", 0),
        ("retries::integer(5) = 1", 9),
        ("cost_usd::float(10) = 1", 10),
        ("start_time > '2026-01-01'::timestamp(3)", 27),
        ("start_time > timestamp(3) '2026-01-01'", None),
        ("decimal(10,2) '5' = 1", 0),
    ],
)
def test_a_type_with_parameters_is_refused_with_its_place(text: str, at: int | None) -> None:
    types = {name: column.type for name, column in ebudget.columns.BY_NAME.items()}
    with pytest.raises(RuleError, match="a type takes no parameters") as refused:
        compile_rule(text, types, ZoneInfo("UTC"))
    if at is not None:
        assert refused.value.at is not None
        assert refused.value.at >= at


@pytest.mark.parametrize(
    "text", ["cost_usd::decimal = 1 and (retries = 1)", "cast(cost_usd as numeric) + (1) = 2"]
)
def test_a_type_without_parameters_is_taken(text: str) -> None:
    types = {name: column.type for name, column in ebudget.columns.BY_NAME.items()}
    assert compile_rule(text, types, ZoneInfo("UTC")).columns


@pytest.mark.parametrize("text", ["load \x1b[31mRED\x07", "explain select 1", "call x()", "show a"])
def test_the_parser_logs_nothing(
    text: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuleError):
        compile_rule(text, {}, ZoneInfo("UTC"))
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["file_row_number", "File_Row_Number"])
def test_a_column_whose_name_duckdb_needs_is_named_with_its_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"start_time": [GOOD], name: [1]}).write_parquet(path)
    with pytest.raises(InputError, match=rf"a\.parquet: its column {name} has a name that DuckDB"):
        statement_of(one_budget(), [str(path)])
