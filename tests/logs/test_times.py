"""Times of logs, rules and options: one text means one instant, or is refused."""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import polars as pl
import pytest

import ebudget
from canonical import GOOD, Read, read_file, read_values
from ebudget import sql
from ebudget.cli.options import as_of_moment
from ebudget.errors import UsageError
from ebudget.instants import instant, local_instant, moment, read_time, timestamp
from ebudget.policy.file import parse_policy
from ebudget.policy.rules.rule import compile_condition
from ebudget.policy.rules.terms import RuleError
from support import CLOCK, one_budget, policy_text, run, state, write_jsonl

EARLY = "start_time before 1990"
NO_TIME = "start_time is not a time"


def instants(read: Sequence[Read]) -> list[str | None]:
    """What was read as text in UTC, or why it was not."""
    return [
        timestamp(one.value) if one.why is None and one.value is not None else one.why
        for one in read
    ]


def starts(
    folder: Path, values: Sequence[Any], zone: str = "UTC", **field: Any
) -> list[str | None]:
    return instants(read_values(folder, "start_time", values, field, zone))


def parquet(folder: Path, values: Sequence[Any], type_: Any, name: str = "start_time") -> str:
    """A Parquet file of one column of times, and of a start_time where it is another column."""
    path = folder / "runs.parquet"
    columns: dict[str, Any] = {name: pl.Series(values, dtype=type_)}
    if name != "start_time":
        columns["start_time"] = pl.Series([datetime(2026, 11, 20, tzinfo=UTC)] * len(values))
    pl.DataFrame(columns).write_parquet(path)
    return str(path)


def of_parquet(
    folder: Path, values: Sequence[Any], type_: Any, zone: str = "UTC", null_if: Sequence[Any] = ()
) -> list[str | None]:
    fields = {"start_time": {"path": "start_time", "null_if": list(null_if), "optional": True}}
    logs = {"timezone": zone, "fields": fields}
    return instants(read_file(parquet(folder, values, type_), "start_time", logs))


# Spellings


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("20261120T100000Z", "2026-11-20T10:00:00Z"),
        ("20261120T100000", "2026-11-20T09:00:00Z"),
        ("20261120T10", "2026-11-20T09:00:00Z"),
        ("2026-11-20T10Z", "2026-11-20T10:00:00Z"),
        ("20261120", "2026-11-19T23:00:00Z"),
        ("2026-11-20", "2026-11-19T23:00:00Z"),
        ("2026-11-20 10:00:00,123", "2026-11-20T09:00:00.123000Z"),
        ("2026-11-20T10:00:00,5z", "2026-11-20T10:00:00.500000Z"),
        ("2026-11-20t10:00:00z", "2026-11-20T10:00:00Z"),
        ("2026-11-20 10:00:00 UTC", "2026-11-20T10:00:00Z"),
        ("2026-11-20 10:00:00.5 gmt", "2026-11-20T10:00:00.500000Z"),
        ("2026-11-20 10:00:00UTC", "2026-11-20T10:00:00Z"),
        ("2026-11-20 10:00:00 Z", "2026-11-20T10:00:00Z"),
        ("2026-11-20 10:00:00 +0200", "2026-11-20T08:00:00Z"),
        ("2026-11-20 10:00:00 +02", "2026-11-20T08:00:00Z"),
        ("2026-11-20T10:00:00−02:00", "2026-11-20T12:00:00Z"),
        ("2026-11-20 10:00:00 +0000 UTC", "2026-11-20T10:00:00Z"),
        ("2026-11-20T10:00:00+02:00[Europe/Helsinki]", "2026-11-20T08:00:00Z"),
        ("2026-11-20T10:00Z[UTC]", "2026-11-20T10:00:00Z"),
        ("2026-11-20 10:00:00 CET", "2026-11-20T09:00:00Z"),
        ("2026-11-20 10:00:00 Asia/Tokyo", "2026-11-20T01:00:00Z"),
        ("2026/11/20 10:00:00", "2026-11-20T09:00:00Z"),
        ("2026-11-20T24:00:00Z", "2026-11-21T00:00:00Z"),
        ("\t2026-11-20 10:00:00\n", "2026-11-20T09:00:00Z"),
    ],
)
def test_a_time_is_the_same_instant_in_a_log_a_rule_and_an_option(
    tmp_path: Path, written: str, means: str
) -> None:
    zone = ZoneInfo("Europe/Berlin")
    assert starts(tmp_path, [written], zone.key) == [means]
    rule = compile_condition(
        f"start_time = '{written}'", {"start_time": ebudget.columns.Type.TIME}, zone
    )
    assert means[:19].replace("T", " ") in rule.tree.sql("duckdb")
    policy = parse_policy(policy_text(one_budget(timezone=zone.key)), "budgets.yaml")
    moment = as_of_moment(written, policy)
    assert isinstance(moment, datetime)
    assert timestamp(instant(moment)) == means


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("2026-12-31T23:59:60Z", "2027-01-01T00:00:00Z"),
        ("2026-12-31T23:59:60.25", "2027-01-01T00:00:00.250000Z"),
        ("2026-12-31 18:59:60,5 -0500", "2027-01-01T00:00:00.500000Z"),
        ("20261231T235960+0100", "2026-12-31T23:00:00Z"),
        ("2027-01-01 05:44:60 Asia/Kathmandu", "2027-01-01T00:00:00Z"),
        ("2026-12-31T23:58:60Z", NO_TIME),
        ("2026-12-31T23:59:61Z", NO_TIME),
    ],
)
def test_a_leap_second_is_the_next_second(tmp_path: Path, written: str, means: str) -> None:
    assert starts(tmp_path, [written]) == [means]


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-20T10:00:00+25:00",
        "2026-11-20T10:00:00+02:75",
        "2026-11-20 10:00:00 -2400",
        "2026-11-20T10:00:00 Nowhere/Land",
        "2026-11-20 10:00:00 PM",
        "2026-02-30",
        "20260230T10",
        "2026-11-20T25:00",
        "2026-11-20T24:00:01Z",
        "2026-11-20T10:00.5",
        "2026-11-20Z",
        "2026-11-20T",
        "2026-11",
        "99999-01-01",
        "9999-01-01",
        "1_764_576_000",
        "epoch",
        "infinity",
        "2026-11-20|10|00|00||+25:00",
        "2026/1/2",
        "2026-1-2T03:04",
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_what_is_no_time_is_refused(tmp_path: Path, written: str, zone: str) -> None:
    assert starts(tmp_path, [written], zone) == [NO_TIME]


@pytest.mark.parametrize(
    "zone",
    [
        *("BST", "AST", "PST", "CST", "IST", "SST", "JST", "EDT", "MSK", "UT", "UTC+2"),
        *("UTC+02:00", "GMT-5", "europe/berlin", "zulu", "SystemV/AST4ADT"),
    ],
)
@pytest.mark.parametrize("own", ["UTC", "Europe/London"])
def test_a_zone_that_means_several_or_none_is_refused_everywhere(
    tmp_path: Path, zone: str, own: str
) -> None:
    """DuckDB knows some of them by the names of old Java: it takes BST for Bangladesh."""
    written = f"2026-07-01T10:00:00 {zone}"
    assert starts(tmp_path, [written], own) == [NO_TIME]
    with pytest.raises(ValueError, match="not a time"):
        read_time(written, ZoneInfo(own))


def test_the_zones_without_a_place_are_those_of_tzdata() -> None:
    known = available_timezones() - {"localtime", "Factory", "posixrules"}
    assert {name for name in known if "/" not in name} == set(sql.SHORT_NAMES)
    assert {name.split("/")[0] for name in known if "/" in name} == set(sql.REGIONS)


CHANGED = ("America/Havana", "America/Vancouver", "Africa/Casablanca", "Europe/Chisinau")
"""Zones of which other collections of rules say something else for some year from 2020 on."""


@pytest.mark.parametrize("zone", [*CHANGED, "Europe/Dublin", "Asia/Kolkata", "Pacific/Apia"])
def test_local_times_are_read_by_the_rules_that_tell_windows(tmp_path: Path, zone: str) -> None:
    generator = random.Random(zone)
    first, last = datetime(2019, 12, 1), datetime(2038, 1, 1)
    hours = [generator.randrange((last - first) // timedelta(hours=1)) for _ in range(300)]
    steps = [moment(at).replace(tzinfo=None) for at, _ in sql.steps_of(zone)]
    near = [step + timedelta(minutes=30 * n) for step in steps for n in range(-30, 30)]
    locals_ = [*(first + timedelta(hours=hour) for hour in hours), *near]
    found = starts(tmp_path, [local.isoformat() for local in locals_], zone)
    there = ZoneInfo(zone)
    assert found == [timestamp(local_instant(local, there)) for local in locals_]


@pytest.mark.parametrize("zone", CHANGED)
def test_parts_of_dates_and_days_of_keys_are_told_by_the_same_rules(
    tmp_path: Path, zone: str
) -> None:
    there = ZoneInfo(zone)
    moments = [moment(at + 1800 * 10**6 * n) for at, _ in sql.steps_of(zone) for n in range(-4, 5)]
    records = [run(when=at.isoformat(), run_id="1") for at in moments]
    for hour in (0, 3, 23):
        policy = one_budget(timezone=zone, allow=1, spend={"when": f"{AT_HOUR} = {hour}"})
        policy["budgets"]["b"]["window"] = "36500d"
        policy["logs"] = {"key": ["run_id", "start_time"]}
        found = state(tmp_path, policy, records, clock=datetime(2038, 1, 1, tzinfo=UTC))
        wanted = sum(at.astimezone(there).hour == hour for at in moments)
        assert found.accounts[0].spent == wanted
    policy["logs"] = {"key": ["run_id", "day"]}
    days = {at.astimezone(there).date() for at in moments}
    found = state(tmp_path, policy, records, clock=datetime(2038, 1, 1, tzinfo=UTC))
    assert found.intake.runs == len(days)


AT_HOUR = "date_part('hour', start_time)"


def test_a_time_with_escapes_is_read_like_any_other(tmp_path: Path) -> None:
    line = '{"start_time": "2026-11-20T10:00:00\\u0020UTC"}'
    logs = {"timezone": "Europe/Berlin"}
    read = read_file(write_jsonl(tmp_path, [line]), "start_time", logs)
    assert instants(read) == ["2026-11-20T10:00:00Z"]


# Before 1990


@pytest.mark.parametrize(
    ("value", "means"),
    [
        (20261120, EARLY),
        (0, EARLY),
        ("0", EARLY),
        (-1, EARLY),
        (631151999, EARLY),
        (631152000, "1990-01-01T00:00:00Z"),
        ("1989-12-31T23:59:59.999999Z", EARLY),
        ("1990-01-01", "1990-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00Z", EARLY),
        (None, "no start_time"),
        ("soon", NO_TIME),
    ],
)
def test_no_run_began_before_1990(tmp_path: Path, value: Any, means: str) -> None:
    assert starts(tmp_path, [value, 1]) == [means, EARLY]


def test_a_number_that_looks_like_a_date_is_none_and_a_text_is_one(tmp_path: Path) -> None:
    assert starts(tmp_path, [20261120, "20261120"]) == [EARLY, "2026-11-20T00:00:00Z"]


def test_a_path_that_holds_both_a_time_and_an_object_is_read_as_a_time(tmp_path: Path) -> None:
    logs = {"fields": {"flow": "time.flow"}}
    lines = [
        {"time": GOOD},
        {"time": {"flow": "x"}},
        {"time": None, "created_at": "20261120"},
        {"time": 20261120},
    ]
    read = read_file(write_jsonl(tmp_path, lines), "start_time", logs)
    assert instants(read) == [GOOD, NO_TIME, "2026-11-20T00:00:00Z", EARLY]


def test_an_end_before_1990_is_a_rejected_value(tmp_path: Path) -> None:
    read = read_values(tmp_path, "end_time", [0, "0001-01-01T00:00:00Z", "soon", GOOD], {})
    assert [one.why for one in read] == ["before 1990", "before 1990", "not a time", None]


def test_times_of_ones_own_may_be_older(tmp_path: Path) -> None:
    read = read_values(tmp_path, "born", ["1969-12-31T23:59:59.9999999Z", -1, 0], {"type": "time"})
    assert [one.value for one in read] == [-1, -1_000_000, 0]


@pytest.mark.parametrize(
    ("value", "means"),
    [
        (9_007_199_254_740_993, "2255-06-05T23:47:34.740993Z"),
        (-(2**63), NO_TIME),
        (2**63 - 1, "2262-04-11T23:47:16.854775Z"),
        (99_999_999_999, "5138-11-16T09:46:39Z"),
        (100_000_000_000, EARLY),
        (10**19, "2286-11-20T17:46:40Z"),
        (10**25, NO_TIME),
    ],
)
def test_an_epoch_of_any_size_is_exact(tmp_path: Path, value: int, means: str) -> None:
    assert starts(tmp_path, [value, f"{value}.0"]) == [means, means]
    if abs(value) < 2**63:
        assert of_parquet(tmp_path, [value], pl.Int64) == [means]


# Values that mean that there is none


def test_null_if_takes_numbers_by_value_and_texts_as_written(tmp_path: Path) -> None:
    values = [0, "0", 0.0, "0.00", "n/a", " n/a", "2026-02-30", 1]
    found = starts(tmp_path, values, null_if=[0, "n/a", "2026-02-30"])
    assert found == [*["no start_time"] * 5, NO_TIME, "no start_time", EARLY]


def test_an_end_that_null_if_lists_is_missing_without_a_flaw(tmp_path: Path) -> None:
    assert read_values(tmp_path, "end_time", [0, 1], {"null_if": 0}) == [
        Read(None),
        Read(None, "before 1990"),
    ]


def test_null_if_of_typed_times_lists_instants_or_epochs(tmp_path: Path) -> None:
    zero = datetime(1, 1, 1, tzinfo=UTC)
    times = pl.Datetime("us", "UTC")
    assert of_parquet(tmp_path, [zero], times, null_if=["0001-01-01T00:00:00Z"]) == [
        "no start_time"
    ]
    assert of_parquet(tmp_path, [datetime(1970, 1, 1)], pl.Datetime("us"), null_if=[0]) == [
        "no start_time"
    ]
    assert of_parquet(tmp_path, [0, 20261120], pl.Int64, null_if=[0]) == ["no start_time", EARLY]


# Nanoseconds


NANOS = 1_795_000_000_123_456_999
CUT = "2026-11-18T11:06:40.123456Z"


@pytest.mark.parametrize(
    "written",
    [NANOS, "2026-11-18T11:06:40.123456999Z", "1795000000.123456999", "1795000000123.456999"],
)
def test_nanoseconds_of_texts_and_numbers_are_cut(tmp_path: Path, written: Any) -> None:
    assert starts(tmp_path, [written]) == [CUT]


@pytest.mark.parametrize("type_", [pl.Datetime("ns", "UTC"), pl.Datetime("ns"), pl.Int64])
def test_nanoseconds_of_parquet_are_cut(tmp_path: Path, type_: Any) -> None:
    series = pl.Series([NANOS], dtype=pl.Int64).cast(type_)
    assert of_parquet(tmp_path, series.to_list() if type_ == pl.Int64 else series, type_) == [CUT]


def test_nanoseconds_before_1970_are_cut_too(tmp_path: Path) -> None:
    path = tmp_path / "runs.parquet"
    born = pl.Series([-1, -1_000, -1_001]).cast(pl.Datetime("ns", "UTC"))
    start = pl.Series([datetime(2026, 11, 20, tzinfo=UTC)] * 3)
    pl.DataFrame({"born": born, "start_time": start}).write_parquet(path)
    logs = {"fields": {"born": {"path": "born", "type": "time"}}}
    assert [one.value for one in read_file(str(path), "born", logs)] == [-1, -1, -2]


# The hour that is there twice


def test_the_repeated_hour_is_the_later_one_everywhere(tmp_path: Path) -> None:
    zone, text, means = "Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T01:30:00Z"
    naive = datetime.fromisoformat(text)
    assert starts(tmp_path, [text, text + ",0", text + " Europe/Berlin"], zone) == [means] * 3
    for unit in ("ms", "us", "ns"):
        assert of_parquet(tmp_path, [naive], pl.Datetime(unit), zone) == [means]  # type: ignore[arg-type]
    assert timestamp(local_instant(naive, ZoneInfo(zone))) == means
    policy = one_budget(
        timezone=zone,
        logs={"timezone": zone},
        spend={"when": f"start_time >= '{text}'"},
        allow=1,
        window="day",
    )
    for as_of in (naive, datetime.fromisoformat(means)):
        found = state(tmp_path, policy, [run(when=text)], as_of=as_of, clock=CLOCK)
        assert (found.intake.runs, found.accounts[0].spent) == (1, 1)


def test_a_time_that_clocks_skip_is_told_by_the_clocks_before(tmp_path: Path) -> None:
    zone, text, means = "America/New_York", "2026-03-08T02:30:00", "2026-03-08T07:30:00Z"
    assert starts(tmp_path, [text], zone) == [means]
    assert timestamp(local_instant(datetime.fromisoformat(text), ZoneInfo(zone))) == means


# Parquet


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("own", ["UTC", "Asia/Tokyo", None])
def test_a_zone_in_parquet_makes_an_instant_and_none_a_local_time(
    tmp_path: Path, unit: Any, own: str | None
) -> None:
    moment = datetime(2026, 7, 1, 23, 0, tzinfo=UTC if own else None)
    found = of_parquet(tmp_path, [moment, None], pl.Datetime(unit, own), "America/New_York")
    assert found == ["2026-07-01T23:00:00Z" if own else "2026-07-02T03:00:00Z", "no start_time"]


@pytest.mark.parametrize(
    ("value", "type_", "means"),
    [
        (date(2026, 7, 1), pl.Date, "2026-07-01T04:00:00Z"),
        (1_795_000_000, pl.Int32, "2026-11-18T11:06:40Z"),
        (1_795_000_000, pl.UInt64, "2026-11-18T11:06:40Z"),
        (1_795_000_000.5, pl.Float64, "2026-11-18T11:06:40.500000Z"),
        ("1795000000.5", pl.Decimal(20, 6), "2026-11-18T11:06:40.500000Z"),
        ("20261120", pl.Decimal(8, 0), EARLY),
        ("20261120", pl.String, "2026-11-20T05:00:00Z"),
        (b"2026-11-20T10:00:00Z", pl.Binary, "2026-11-20T10:00:00Z"),
        (b"\xff", pl.Binary, NO_TIME),
        (datetime(2026, 1, 1, 10).time(), pl.Time, NO_TIME),
        (True, pl.Boolean, NO_TIME),
        ([1], pl.List(pl.Int64), NO_TIME),
        ({"at": 1}, pl.Struct({"at": pl.Int64}), NO_TIME),
    ],
)
def test_every_type_of_parquet_is_a_time_or_a_flaw(
    tmp_path: Path, value: Any, type_: Any, means: str
) -> None:
    assert of_parquet(tmp_path, [value], type_, "America/New_York") == [means]


SPARK = (
    "P(e~L6#x|^6(lSb0u=xi1{DSz00002000020q0F7L182S0JDxI02KroEHwZa26JO*Wo=;<0ss{TB?1@<b97;HbYFC7ZD"
    "jx!0vQ|`93}u96$Tk41^^it3UhQ}a&%vGX>DZ{02TrkN)}2c2uU0j02Kfg0suTI1{o#*0ssI27D^TZCI}Wv04N}EVRCVG"
    "WppiLaBwYQa&m8XAa-SPb7^mGATl;CFfK6}92@`u0E_?t08l|vF#"
)
"""A Parquet file whose one start_time is NANOS as INT96, which only other programs can write."""


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_the_timestamps_of_spark_are_instants(tmp_path: Path, zone: str) -> None:
    path = tmp_path / "spark.parquet"
    path.write_bytes(base64.b85decode(SPARK))
    assert instants(read_file(str(path), "start_time", {"timezone": zone})) == [CUT]


# Rules and options


@pytest.mark.parametrize(
    "literal", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-02-30", "soon"]
)
def test_a_literal_that_is_no_time_of_the_calendar_is_refused_with_its_place(literal: str) -> None:
    types = {"start_time": ebudget.columns.Type.TIME}
    with pytest.raises(RuleError, match="is not a time of the years 1 to 9999") as refused:
        compile_condition(f"start_time > '{literal}'", types, ZoneInfo("UTC"))
    assert refused.value.at == 13


@pytest.mark.parametrize("text", ["soon", "2026-02-30", "9999-12-31T23:59:59-23:59", "0001-01-01"])
def test_an_as_of_that_is_no_time_is_refused(text: str) -> None:
    policy = parse_policy(policy_text(one_budget()), "budgets.yaml")
    with pytest.raises(UsageError, match="--as-of"):
        as_of_moment(text, policy)
