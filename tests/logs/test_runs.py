"""Reading logs without lying: each trap of real logs, read right or rejected and counted."""

from __future__ import annotations

import gzip
import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

import ebudget
from ebudget.accounts.statement import Statement
from ebudget.errors import InputError
from ebudget.instants import timestamp
from ebudget.policy.file import parse_policy
from support import read as read_logs

CLOCK = datetime(2026, 11, 21, tzinfo=UTC)
COST = """
version: 1
logs: {FIELDS}
budgets:
  cost: {kind: cost, spend: {sum: cost_usd}, allow: 100, window: 30d}
"""
T = "2026-11-20T10:00:00Z"


def read(paths: list[str], text: str | None = None, fields: str = "", **options: Any) -> Statement:
    policy = parse_policy(text or COST.replace("FIELDS", fields), "p.yaml")
    ledger = read_logs(paths, policy, clock=CLOCK, show_rejects=True, **options)
    statement = ebudget.evaluate(policy, ledger)
    intake = statement.intake
    parts = intake.runs + intake.rejected_total + intake.duplicates + intake.outside
    assert intake.records == parts
    return statement


def write(folder: Path, *lines: str | bytes | dict[str, Any], name: str = "a.jsonl") -> str:
    data = b"".join(
        (
            line
            if isinstance(line, bytes)
            else (json.dumps(line) if isinstance(line, dict) else line).encode()
        )
        + b"\n"
        for line in lines
    )
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def spent(statement: Statement) -> str:
    return str(float(statement.accounts[0].spent))


def zstd(data: bytes, path: Path) -> str:
    """One raw block, as the format's description allows; no library is needed."""
    header = b"\x28\xb5\x2f\xfd" + bytes([0b10100000]) + len(data).to_bytes(4, "little")
    blocks = b""
    for start in range(0, len(data), 100_000):
        chunk = data[start : start + 100_000]
        last = int(start + 100_000 >= len(data))
        blocks += (len(chunk) << 3 | last).to_bytes(3, "little") + chunk
    path.write_bytes(header + (blocks or b"\x01\x00\x00"))
    return str(path)


def test_an_integer_looking_column_that_is_decimal_after_20_000_rows_keeps_its_decimals(tmp_path):
    rows = [{"ts": T, "cost": 0} for _ in range(20_500)] + [{"ts": T, "cost": 0.0033}]
    assert spent(read([write(tmp_path, *rows)])) == "0.0033"


def test_parquet_files_with_integer_and_then_decimal_costs_are_summed_exactly(tmp_path):
    for name, value in (("a", "1::BIGINT"), ("b", "0.25::DECIMAL(10, 4)"), ("c", "0.1::DOUBLE")):
        duckdb.sql(
            f"COPY (SELECT TIMESTAMP '2026-11-20' AS ts, {value} AS cost) "
            f"TO '{tmp_path}/{name}.parquet' (FORMAT parquet)"
        )
    assert spent(read([str(tmp_path)])) == "1.35"


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-11-20T10:00:00+02:00", "2026-11-20T08:00:00Z"),
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
        ("2026-11-20 10:00:00", "2026-11-20T10:00:00Z"),
        ("2026-11-20", "2026-11-20T00:00:00Z"),
        ("2026-11-20T10:00:00.123456789Z", "2026-11-20T10:00:00.123456Z"),
        (1763632800, "2025-11-20T10:00:00Z"),
        (1763632800.25, "2025-11-20T10:00:00.250000Z"),
        (1763632800000, "2025-11-20T10:00:00Z"),
        (1763632800000000, "2025-11-20T10:00:00Z"),
        (1763632800000000000, "2025-11-20T10:00:00Z"),
        ("1763632800", "2025-11-20T10:00:00Z"),
    ],
)
def test_times_are_read_as_the_instants_they_mean(tmp_path, written, instant):
    statement = read([write(tmp_path, {"ts": written, "cost": 1})])
    assert timestamp(statement.as_of) == instant


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-11-20T10:00:00", "2026-11-20T15:00:00Z"),
        ("2026-11-20", "2026-11-20T05:00:00Z"),
        ("2026-11-20T10:00:00+02:00", "2026-11-20T08:00:00Z"),
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
        (1763632800, "2025-11-20T10:00:00Z"),
    ],
)
def test_a_time_without_a_zone_is_in_the_zone_of_the_logs(tmp_path, written, instant):
    log = write(tmp_path, {"ts": written, "cost": 1})
    statement = read([log], fields="timezone: America/New_York")
    assert timestamp(statement.as_of) == instant


@pytest.mark.parametrize("written", ["epoch", "infinity", "-infinity", "soon", "", True, [1], {}])
def test_what_is_no_time_rejects_the_record(tmp_path, written):
    log = write(tmp_path, {"ts": T, "cost": 1}, {"ts": written, "cost": 1})
    statement = read([log])
    assert dict(statement.intake.rejected) == {"start_time is not a time": 1}
    assert statement.intake.rejects[0].place == "line 2"


def test_lines_that_are_no_objects_are_rejected_with_their_line_numbers(tmp_path):
    log = write(
        tmp_path,
        {"ts": T, "cost": 1},
        "{broken",
        "",
        "null",
        "[1]",
        '"text"',
        "   ",
        "{}",
        '{"cost": 5}',
        b'{"ts": "2026-11-20T10:00:00Z", "id": "\xff\xfe"}',
        {"ts": T, "cost": 2},
    )
    statement = read([log])
    assert statement.intake.records == 9
    assert dict(statement.intake.rejected) == {
        "malformed line": 1,
        "not UTF-8": 1,
        "not an object": 3,
        "no start_time": 2,
    }
    places = [(reject.place, reject.reason) for reject in statement.intake.rejects]
    assert places == [
        ("line 2", "malformed line"),
        ("line 4", "not an object"),
        ("line 5", "not an object"),
        ("line 6", "not an object"),
        ("line 8", "no start_time"),
        ("line 9", "no start_time"),
        ("line 10", "not UTF-8"),
    ]
    assert spent(statement) == "3.0"


def test_a_truncated_last_line_is_rejected_and_the_lines_before_it_count(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"ts": "2026-11-20T10:00:00Z", "cost": 1}\n{"ts": "2026-11-20T1')
    statement = read([str(path)])
    assert statement.intake.runs == 1
    assert dict(statement.intake.rejected) == {"malformed line": 1}


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\n\n", b"\r\n\r\n"])
def test_line_endings_and_blank_lines_make_no_records(tmp_path, ending):
    path = tmp_path / "a.jsonl"
    path.write_bytes(ending.join([b'{"ts": "2026-11-20T10:00:00Z", "cost": 1}'] * 3))
    assert read([str(path)]).intake.records == 3


@pytest.mark.parametrize("packed", [False, True])
def test_a_byte_order_mark_hides_no_record(tmp_path, packed):
    data = b'\xef\xbb\xbf{"ts": "2026-11-20T10:00:00Z", "cost": 1}\n'
    path = tmp_path / ("a.jsonl.gz" if packed else "a.jsonl")
    path.write_bytes(gzip.compress(data) if packed else data)
    assert spent(read([str(path)])) == "1.0"


def test_the_first_of_two_equal_keys_wins(tmp_path):
    log = write(tmp_path, '{"ts": "2026-11-20T10:00:00Z", "cost": 1, "cost": 9}')
    assert spent(read([log])) == "1.0"


def test_a_line_of_20_megabytes_is_read(tmp_path):
    log = write(tmp_path, {"ts": T, "cost": 1, "message": "x" * 20_000_000}, {"ts": T, "cost": 2})
    assert spent(read([log])) == "3.0"


def test_an_empty_file_holds_no_records(tmp_path):
    statement = read([write(tmp_path, name="empty.jsonl")])
    assert statement.intake.records == 0
    assert statement.accounts[0].verdict.value == "no_data"


def test_a_file_that_is_one_array_is_read_and_its_other_items_are_rejected(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"ts": T, "cost": 1}, 5, None, {"ts": T, "cost": 2}], indent=1))
    statement = read([str(path)])
    assert spent(statement) == "3.0"
    assert dict(statement.intake.rejected) == {"not an object": 2}
    assert [reject.place for reject in statement.intake.rejects] == ["item 2", "item 3"]


def test_packed_files_plain_files_and_parquet_are_read_in_one_call(tmp_path):
    line = b'{"ts": "2026-11-20T10:00:00Z", "cost": 1}\n'
    (tmp_path / "a.jsonl").write_bytes(line)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(line) + gzip.compress(line))
    zstd(line * 3, tmp_path / "c.jsonl.zst")
    (tmp_path / "d.ndjson").write_bytes(gzip.compress(line))
    duckdb.sql(
        f"COPY (SELECT TIMESTAMP '2026-11-20' AS start_time, 10 AS cost_usd) "
        f"TO '{tmp_path}/day=3/e.parquet' (FORMAT parquet)"
        if (tmp_path / "day=3").mkdir() is None
        else ""
    )
    statement = read([str(tmp_path)])
    assert statement.intake.files == 5
    assert spent(statement) == "17.0"


@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_a_truncated_gz_stops_the_run_and_names_the_file(tmp_path, keep):
    data = gzip.compress(b"".join(b'{"ts": %d, "cost": 1}\n' % n for n in range(9999)))
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(data[: int(len(data) * keep)])
    good = write(tmp_path, {"ts": T, "cost": 4})
    with pytest.raises(InputError, match=r"cut\.jsonl\.gz: .*half a log"):
        read([good, str(path)])
    statement = read([good, str(path)], skip_unreadable=True)
    assert spent(statement) == "4.0"
    assert [file for file, _ in statement.intake.unreadable] == [str(path)]


def test_a_flipped_byte_in_a_gz_with_a_malformed_line_is_found_by_its_checksum(tmp_path):
    line = b'{"ts": "2026-11-20T10:00:00Z", "cost": 1}\n'
    packed = bytearray(gzip.compress(line * 50, compresslevel=0))
    packed[packed.index(b'{"ts"', 500)] = ord("!")
    path = tmp_path / "flipped.jsonl.gz"
    path.write_bytes(bytes(packed))
    with pytest.raises(InputError, match=r"flipped\.jsonl\.gz: damaged: CRC"):
        read([str(path)])


def test_a_gz_with_a_malformed_line_and_a_right_checksum_is_read(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"ts": "2026-11-20T10:00:00Z"}\n{broken\n'))
    statement = read([str(path)])
    assert dict(statement.intake.rejected) == {"malformed line": 1}
    assert statement.intake.rejects[0].place == "line 2"


def test_a_corrupt_parquet_file_stops_the_run_and_names_the_file(tmp_path):
    path = tmp_path / "bad.parquet"
    duckdb.sql(
        f"COPY (SELECT TIMESTAMP '2026-11-20' AS ts, range AS cost FROM range(5000)) "
        f"TO '{path}' (FORMAT parquet)"
    )
    data = bytearray(path.read_bytes())
    data[100:2000] = os.urandom(1900)
    path.write_bytes(bytes(data))
    good = write(tmp_path, {"ts": T, "cost": 4})
    with pytest.raises(InputError, match=r"bad\.parquet"):
        read([str(path), good])
    statement = read([str(path), good], skip_unreadable=True)
    assert spent(statement) == "4.0"
    assert len(statement.intake.unreadable) == 1
    assert statement.intake.files == 1


def test_a_file_that_only_says_it_is_parquet_is_refused(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_text("{}")
    with pytest.raises(InputError, match="not a Parquet file"):
        read([str(path)])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("n/a", "not a number"),
        (True, "not a number"),
        ({"usd": 1}, "not a number"),
        ("NaN", "not a number"),
        ("inf", "not a number"),
        (1e18, "out of range"),
        (1e300, "out of range"),
    ],
)
def test_a_wrong_value_rejects_the_value_and_not_the_run(tmp_path, value, reason):
    log = write(tmp_path, {"ts": T, "cost": value}, {"ts": T, "cost": 2}, {"ts": T, "cost": None})
    statement = read([log])
    assert statement.intake.runs == 3
    assert dict(statement.rejected_values) == {f"cost_usd: {reason}": 1}
    assert spent(statement) == "2.0"
    assert statement.accounts[0].unmeasured == 2


def test_a_fraction_is_no_integer(tmp_path):
    policy = COST.replace("FIELDS", "").replace("cost_usd", "input_tokens")
    log = write(tmp_path, {"ts": T, "input_tokens": 0.5}, {"ts": T, "input_tokens": 4.0})
    statement = read([log], policy)
    assert dict(statement.rejected_values) == {"input_tokens: not a whole number": 1}
    assert spent(statement) == "4.0"


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("0.0000000005", "1E-9"),
        ("0.00000000049", "0"),
        ("-0.0000000005", "-1E-9"),
        ("1e-7", "1E-7"),
        ("0.1", "0.1"),
        ('"123456789.123456789"', "123456789.123456789"),
    ],
)
def test_money_is_rounded_half_away_from_zero_to_nine_places(tmp_path, text, exact):
    from decimal import Decimal
    from fractions import Fraction

    log = write(tmp_path, f'{{"ts": "{T}", "cost": {text}}}')
    assert read([log]).accounts[0].spent == Fraction(Decimal(exact))


def test_a_double_becomes_a_decimal_through_its_text(tmp_path):
    path = tmp_path / "a.parquet"
    duckdb.sql(
        f"COPY (SELECT TIMESTAMP '2026-11-20' AS ts, 0.0000000005::DOUBLE AS cost "
        f"FROM range(3)) TO '{path}' (FORMAT parquet)"
    )
    assert spent(read([str(path)])) == "3e-09"


def test_a_mapped_path_in_another_case_is_an_error_that_names_the_right_one(tmp_path):
    log = write(tmp_path, {"ts": T, "meta": {"Price": 1}})
    with pytest.raises(InputError, match=r"'meta\.price' never occurs.*'meta\.Price'"):
        read([log], fields="{fields: {cost_usd: meta.price}}".strip("{}") + "}")


def test_an_optional_path_may_be_absent(tmp_path):
    log = write(tmp_path, {"ts": T})
    fields = "{fields: {cost_usd: {path: price, optional: true}}}"
    policy = COST.replace("{FIELDS}", fields)
    assert read([log], policy).accounts[0].unmeasured == 1


def test_a_path_that_is_always_null_does_occur(tmp_path):
    policy = COST.replace("{FIELDS}", "{fields: {cost_usd: meta.price}}")
    log = write(tmp_path, *[{"ts": T}] * 600, {"ts": T, "meta": {"price": None}})
    assert read([log], policy).intake.runs == 601


def test_a_key_that_first_appears_in_the_fortieth_file_is_read(tmp_path):
    for number in range(39):
        write(tmp_path, {"ts": T}, name=f"{number:02}.jsonl")
    write(tmp_path, {"ts": T, "cost": 7}, name="39.jsonl")
    assert spent(read([str(tmp_path)])) == "7.0"


@pytest.mark.parametrize(
    "record",
    [
        {"gen_ai.workflow.name": "w"},
        {"gen_ai": {"workflow": {"name": "w"}}},
        {"a.b.c": "w"},
        {"a": {"b": {"c": "w"}}},
        {"a": {"b.c": "w"}},
        {"a.b": {"c": "w"}},
    ],
)
def test_dotted_keys_and_nested_paths_both_resolve(tmp_path, record):
    fields = "{}" if "gen_ai" in str(record) else "{fields: {workflow: a.b.c}}"
    policy = COST.replace("{FIELDS}", fields).replace("window", "each: [workflow], window")
    statement = read([write(tmp_path, {"ts": T, "cost": 1, **record})], policy)
    assert statement.accounts[0].group == (("workflow", "w"),)


def test_a_name_can_be_both_a_value_and_a_path(tmp_path):
    policy = COST.replace("{FIELDS}", "{}").replace("window", "each: [failure_reason], window")
    log = write(tmp_path, {"ts": T, "error": {"type": "timeout"}}, {"ts": T, "error": "refused"})
    groups = [account.group[0][1] for account in read([log], policy).accounts]
    assert groups == ["refused", "timeout"]


@pytest.mark.parametrize("key", ["*", 'a"b', "a/b", "~0", "$x", "[0]", "a b"])
def test_an_object_and_a_key_inside_it_can_both_be_mapped(tmp_path, key):
    fields = json.dumps({"fields": {"mine": {"path": f"o.{key}"}, "whole": {"path": "o"}}})
    policy = COST.replace("{FIELDS}", fields).replace("window", "each: [mine, whole], window")
    log = write(tmp_path, {"ts": T, "cost": 1, "o": {key: "v"}})
    group = dict(read([log], policy).accounts[0].group)
    assert group == {"mine": "v", "whole": json.dumps({key: "v"}, separators=(",", ":"))}


def test_a_parquet_column_with_a_name_that_duckdb_needs_is_one_clear_error(tmp_path):
    path = tmp_path / "a.parquet"
    duckdb.sql(
        "COPY (SELECT TIMESTAMP '2026-11-20' AS ts, 1 AS file_row_number, 'x' AS _file) "
        f"TO '{path}' (FORMAT parquet)"
    )
    with pytest.raises(InputError, match="file_row_number has a name that DuckDB needs"):
        read([str(path)])


def test_of_equal_duplicates_in_one_file_the_last_line_wins_however_it_is_read(tmp_path):
    rows = [{"run_id": str(n), "ts": T, "cost": 0, "pad": "x" * 400} for n in range(60_000)]
    rows[10] = {"run_id": "twice", "ts": T, "cost": 1}
    rows[59_000] = {"run_id": "twice", "ts": T, "cost": 2}
    assert spent(read([write(tmp_path, *rows)])) == "2.0"


def test_line_numbers_are_right_in_a_file_that_is_read_by_several_threads(tmp_path):
    good = json.dumps({"ts": T, "cost": 0, "pad": "x" * 900})
    lines = [good] * 60_000
    lines[41_000] = "{broken"
    statement = read([write(tmp_path, *lines)])
    (reject,) = statement.intake.rejects
    assert (reject.place, reject.reason) == ("line 41001", "malformed line")


def test_standard_input_named_twice_is_read_once():
    data = io.BytesIO(b'{"ts": "2026-11-20T10:00:00Z", "cost": 1}\n')
    assert spent(read(["-", "-"], stdin=data)) == "1.0"


def test_an_outcome_after_as_of_still_says_that_runs_are_judged(tmp_path):
    log = write(
        tmp_path, {"ts": T, "cost": 1}, {"ts": "2026-11-20T11:00:00Z", "outcome": "success"}
    )
    statement = read([log], as_of=datetime(2026, 11, 20, 10, tzinfo=UTC))
    assert (statement.intake.runs, statement.unlabelled) == (1, 1)


def test_nested_parquet_paths_resolve(tmp_path):
    path = tmp_path / "a.parquet"
    duckdb.sql(
        "COPY (SELECT TIMESTAMP '2026-11-20' AS ts, {'price': {'usd': 3.5}} AS meta) "
        f"TO '{path}' (FORMAT parquet)"
    )
    policy = COST.replace("{FIELDS}", "{fields: {cost_usd: meta.price.usd}}")
    assert spent(read([str(path)], policy)) == "3.5"


def test_hive_folders_never_override_a_column_of_the_file(tmp_path):
    policy = COST.replace("{FIELDS}", "{}").replace("window", "each: [model], window")
    write(tmp_path, {"ts": T, "model": "right", "cost": 1}, name="model=wrong/a.jsonl")
    folder = tmp_path / "model=false"
    folder.mkdir()
    duckdb.sql(
        "COPY (SELECT TIMESTAMP '2026-11-20' AS ts, 'right' AS model, 2 AS cost) "
        f"TO '{folder}/b.parquet' (FORMAT parquet)"
    )
    statement = read([str(tmp_path)], policy)
    assert [account.group for account in statement.accounts] == [(("model", "right"),)]


def test_a_record_from_2099_does_not_move_the_windows_and_is_named(tmp_path):
    log = write(tmp_path, {"ts": T, "cost": 1}, {"ts": "2099-01-01T00:00:00Z", "cost": 50})
    statement = read([log])
    assert timestamp(statement.as_of) == T
    assert (statement.intake.outside, statement.intake.future) == (1, 1)
    assert spent(statement) == "1.0"


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ({"ts": "2026-11-20T10:00:00Z"}, {"ts": "2026-11-20T11:00:00Z"}, 2),
        ({"ts": "2026-11-20T11:00:00Z"}, {"ts": "2026-11-20T10:00:00Z"}, 1),
        ({"ts": "2026-11-20T10:00:00Z"}, {"ts": "2026-11-20T10:00:00Z"}, 2),
    ],
)
def test_of_two_records_with_one_run_id_the_later_counts(tmp_path, first, second, kept):
    log = write(tmp_path, {"run_id": "r", "cost": 1, **first}, {"run_id": "r", "cost": 2, **second})
    statement = read([log])
    assert statement.intake.duplicates == 1
    assert spent(statement) == f"{kept}.0"


def test_between_equal_times_the_later_path_wins_also_under_a_name_that_looks_like_a_glob(tmp_path):
    write(tmp_path, {"run_id": "r", "ts": T, "cost": 1}, name="b.jsonl")
    write(tmp_path, {"run_id": "r", "ts": T, "cost": 2}, name="a[1]*.jsonl")
    assert spent(read([str(tmp_path)])) == "1.0"
    write(tmp_path, {"run_id": "r", "ts": T, "cost": 3}, name="c{1,2}?.jsonl")
    assert spent(read([str(tmp_path)])) == "3.0"


def test_a_duplicate_is_found_beside_runs_without_an_id(tmp_path):
    log = write(tmp_path, {"run_id": "a", "ts": T}, {"run_id": "a", "ts": T}, {"ts": T})
    assert read([log]).intake.duplicates == 1


def test_a_log_in_which_everything_waits_for_a_judgement_has_no_successes(tmp_path):
    log = write(tmp_path, {"ts": T, "outcome": "pending"}, {"ts": T, "outcome": ""})
    assert read([log]).unlabelled == 2


def test_runs_can_be_broken_down_by_outcome(tmp_path):
    policy = COST.replace("{FIELDS}", "{}").replace("window", "by: [outcome], window")
    log = write(tmp_path, {"ts": T, "outcome": "ok", "cost": 1}, {"ts": T, "cost": 2})
    ((_, slices),) = read([log], policy).accounts[0].breakdown
    assert [part.value for part in slices] == [None, "success"]


def test_runs_without_an_id_are_never_duplicates(tmp_path):
    log = write(tmp_path, {"ts": T, "cost": 1}, {"ts": T, "cost": 1}, {"ts": T, "id": None})
    assert read([log]).intake.runs == 3


def test_a_word_that_nobody_knows_leaves_the_run_unlabelled_and_is_shown(tmp_path):
    log = write(tmp_path, {"ts": T, "outcome": "Meh"}, {"ts": T, "outcome": " Resolved "})
    statement = read([log])
    assert statement.unlabelled == 1
    assert statement.intake.words == (("Meh", 1),)
    assert dict(statement.rejected_values) == {"outcome: a word nobody knows": 1}


def test_an_outcome_found_under_two_names_is_said(tmp_path):
    log = write(tmp_path, {"ts": T, "outcome": "success"}, {"ts": T, "status": "ok"})
    assert read([log]).intake.said_by == (("outcome", 1), ("status", 1))


@pytest.mark.parametrize("name", ["a b.jsonl", "q'uote.jsonl", "new\nline.jsonl", "ümlaut.jsonl"])
def test_hostile_file_names_are_read(tmp_path, name):
    assert spent(read([write(tmp_path, {"ts": T, "cost": 1}, name=name)])) == "1.0"


def test_standard_input_is_read(tmp_path):
    data = io.BytesIO(b'{"ts": "2026-11-20T10:00:00Z", "cost": 1}\n{broken\n')
    statement = read(["-"], stdin=data)
    assert spent(statement) == "1.0"
    assert statement.intake.rejects[0].file == "<->"


def test_the_same_file_named_twice_is_read_once(tmp_path):
    log = write(tmp_path, {"ts": T, "cost": 1})
    statement = read([log, str(tmp_path), str(tmp_path / "*.jsonl")])
    assert (statement.intake.files, spent(statement)) == (1, "1.0")


def test_files_that_are_no_logs_are_counted_as_ignored(tmp_path):
    write(tmp_path, {"ts": T, "cost": 1})
    (tmp_path / "README.md").write_text("no log")
    assert read([str(tmp_path)]).intake.ignored == 1


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.jsonl", "no such file or folder"),
        ("no*match.jsonl", "nothing matches"),
        (".", "no logs in this folder"),
    ],
)
def test_paths_that_lead_nowhere_are_errors(tmp_path, monkeypatch, path, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        read([path])


def test_too_many_accounts_are_refused_with_the_column_that_caused_it(tmp_path, monkeypatch):
    monkeypatch.setattr("ebudget.accounts.close.MOST_ACCOUNTS", 2)
    policy = COST.replace("{FIELDS}", "{}").replace("window", "each: [model, segment], window")
    log = write(tmp_path, *[{"ts": T, "model": str(n), "segment": "s"} for n in range(3)])
    with pytest.raises(InputError, match=r"budgets\.cost has 3 accounts.*'model' alone has 3"):
        read([log], policy)


def test_temporary_files_go_also_when_reading_fails(tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    read([write(tmp_path, {"ts": T, "cost": 1})])
    with pytest.raises(InputError):
        read(["nowhere"])
    assert list(scratch.iterdir()) == []
