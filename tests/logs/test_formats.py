"""Files of every form: read whole, or refused by what they are; never less than all in silence."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import os
import random
import socket
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

import ebudget
from ebudget.accounts.statement import Statement
from ebudget.errors import InputError, PolicyError
from ebudget.gate.decision import Demands, decide
from ebudget.instants import instant
from ebudget.logs.files.packing import Compression, check
from ebudget.policy.file import parse_policy
from support import read as read_logs

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MORE = int(os.environ.get("EBUDGET_EXAMPLES", "0"))
"""Whether to cut at every byte of everything; else at some bytes of the packed files."""
CLOCK = datetime(2026, 11, 21, tzinfo=UTC)
T = "2026-11-20T10:00:00Z"
POLICY = """
version: 1
logs: LOGS
budgets:
  cost: {kind: cost, spend: {sum: cost_usd}, allow: 100, window: 30d, by: [workflow]}
"""


def read(*paths: str | Path, logs: str = "{}", **options: Any) -> Statement:
    policy = parse_policy(POLICY.replace("LOGS", logs), "p.yaml")
    options = {"show_rejects": True, "clock": CLOCK, **options}
    ledger = read_logs([str(path) for path in paths], policy, **options)
    statement = ebudget.evaluate(policy, ledger)
    intake = statement.intake
    parts = intake.runs + intake.rejected_total + intake.duplicates + intake.outside
    assert intake.records == parts
    return statement


def refused(*paths: str | Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(*paths, **options)
    return str(caught.value)


def spent(statement: Statement) -> float:
    return float(statement.accounts[0].spent or 0)


def places(statement: Statement) -> list[tuple[str, str]]:
    return [(reject.place, reject.reason) for reject in statement.intake.rejects]


def write(path: Path, data: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def record(cost: float = 1, **more: Any) -> dict[str, Any]:
    return {"ts": T, "cost": cost, **more}


def lines(*records: Any) -> bytes:
    return b"".join(json.dumps(found).encode() + b"\n" for found in records)


def summed(data: bytes) -> bytes:
    """A zstd frame with a checksum."""
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


def gz(data: bytes) -> bytes:
    """The same bytes at any time."""
    return gzip.compress(data, mtime=0)


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gz,
    ".zst": zstd.compress,
}
SKIPPABLE = b"\x5e\x2a\x4d\x18\x04\x00\x00\x00skip"


# Packed files


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jsonl.gz", gz(lines(record(1))) + gz(lines(record(2)))),
        ("a.jsonl.gz", gz(b"") + gz(lines(record(1), record(2)))),
        ("a.jsonl.gz", gz(lines(record(1), record(2))) + bytes(512)),
        ("a.jsonl.zst", zstd.compress(lines(record(1))) + summed(lines(record(2)))),
        ("a.jsonl.zst", SKIPPABLE + zstd.compress(lines(record(1), record(2)))),
        ("a.jsonl.zst", summed(lines(record(1))) + SKIPPABLE + summed(lines(record(2)))),
        ("a.json.zst", SKIPPABLE + zstd.compress(b"[" + json.dumps(record(3)).encode() + b"]")),
        ("a.csv.zst", SKIPPABLE + zstd.compress(b"ts,cost\n2026-11-20,3\n") + SKIPPABLE),
        ("a.jsonl.zst", zstd.compress(b"\xef\xbb\xbf" + lines(record(3)))),
        ("a.json.zst", zstd.compress(b"\xef\xbb\xbf[" + json.dumps(record(3)).encode() + b"]")),
        ("a.csv.gz", gz(b"\xef\xbb\xbfts,cost\n2026-11-20,3\n")),
    ],
)  # fmt: skip
def test_members_frames_and_marks_inside_packed_files_are_read(tmp_path, name, data):
    statement = read(write(tmp_path / name, data))
    assert (spent(statement), statement.intake.rejected_total) == (3.0, 0)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.jsonl.gz", gz(lines(record()))[:-1], "truncated"),
        ("a.jsonl.gz", gz(lines(record())) + b"\x1f", "truncated"),
        ("a.jsonl.gz", gz(lines(record())) + b"more", "damaged: something"),
        ("a.jsonl.gz", gz(lines(record()))[:-8] + bytes(8), "damaged: CRC"),
        ("a.jsonl.gz", gz(lines(record()))[:-4] + bytes(4), "damaged: its length"),
        ("a.jsonl.gz", b"", "truncated"),
        ("a.jsonl.gz", b"\x1f", "truncated"),
        ("a.jsonl.zst", zstd.compress(lines(record()))[:-1], "truncated"),
        ("a.jsonl.zst", zstd.compress(lines(record())) + SKIPPABLE[:9], "truncated"),
        ("a.jsonl.zst", zstd.compress(lines(record())) + b"(", "truncated"),
        ("a.jsonl.zst", zstd.compress(lines(record())) + b"more", "damaged: something"),
        ("a.jsonl.zst", summed(lines(record()))[:-4] + bytes(4), "damaged: Restored data"),
        ("a.jsonl.zst", b"\x28\xb5", "truncated"),
    ],
)
def test_packed_files_that_do_not_end_well_stop_the_run(tmp_path, name, data, reason):
    path = write(tmp_path / name, data)
    good = write(tmp_path / "good.jsonl", lines(record(4)))
    assert f"{name}: {reason}" in refused(path, good)
    statement = read(path, good, skip_unreadable=True)
    assert spent(statement) == 4.0
    ((file, why),) = statement.intake.unreadable
    assert (file, why.startswith(reason)) == (str(path), True)


def test_every_flipped_bit_of_a_gz_is_found_or_changes_nothing(tmp_path):
    content = lines(*[record(n) for n in range(20)])
    packed = gz(content)
    generator = random.Random(1)
    for place in generator.sample(range(len(packed)), 60):
        flipped = bytearray(packed)
        flipped[place] ^= 1 << generator.randrange(8)
        path = write(tmp_path / "a.jsonl.gz", bytes(flipped))
        found = check(str(path), Compression.GZIP)
        if found.problem is None:
            assert gzip.decompress(bytes(flipped)) == content


def test_a_large_packed_file_is_checked_to_its_end(tmp_path):
    content = lines(*[record(0, pad=os.urandom(40).hex()) for _ in range(40_000)])
    for name, pack in (("a.jsonl.gz", gz), ("a.jsonl.zst", summed)):
        packed = bytearray(pack(content))
        assert read(write(tmp_path / name, bytes(packed))).intake.runs == 40_000
        packed[-2] ^= 1
        assert f"{name}: damaged" in refused(write(tmp_path / name, bytes(packed)))


def test_lines_of_zst_files_get_the_second_look_and_have_numbers(tmp_path):
    data = b'\n{"ts": "2026-11-20T10:00:00Z", "cost": 2, "text": "\\ud83d"}\n\n{broken\n'
    statement = read(write(tmp_path / "a.jsonl.zst", zstd.compress(data)))
    assert spent(statement) == 2.0
    assert places(statement) == [("line 4", "malformed line")]


def test_parquet_that_is_cut_is_called_so(tmp_path):
    path = write(tmp_path / "a.parquet", as_parquet(3, tmp_path)[:-10])
    assert refused(path).startswith(f"{path}: truncated; ")


def test_packed_parquet_is_read(tmp_path):
    plain = tmp_path / "plain.parquet"
    duckdb.sql(f"COPY (SELECT TIMESTAMP '{T[:-1]}' AS ts, 3 AS cost) TO '{plain}'")
    data = plain.read_bytes()
    plain.unlink()
    for name, pack in (("a.parquet.gz", gz), ("b.parquet.zst", zstd.compress)):
        write(tmp_path / name, pack(data))
    assert spent(read(tmp_path)) == 6.0
    assert "c.parquet.gz: truncated" in refused(write(tmp_path / "c.parquet.gz", gz(data)[:-9]))


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.json", "a.jsonl.json"])
def test_lines_and_items_of_any_length_are_read(tmp_path, name):
    """DuckDB takes 16 to 32 MB, by where in its buffer a line begins."""
    small, text = record(1, pad="y" * 7_000_000), "x" * 34_000_000
    rows = [small, {"text": text, **record(2)}, record(4, workflow="w", text=text, other=1e300)]
    data = json.dumps(rows).encode() if name == "a.json" else lines(*rows)
    path = write(tmp_path / name, PACKINGS.get(Path(name).suffix, bytes)(data))
    statement = read(path)
    assert (spent(statement), statement.intake.rejected_total) == (7.0, 0)


def test_a_line_that_is_too_long_even_without_what_nobody_needs_is_rejected(tmp_path):
    long = record(2, workflow="x" * 34_000_000)
    data = lines(record(1), long) + b"{" + b"x" * 34_000_000 + b"\n\n" + lines(5, record(4))
    statement = read(write(tmp_path / "a.jsonl", data))
    assert spent(statement) == 5.0
    assert places(statement) == [
        ("line 2", "malformed line"),
        ("line 3", "malformed line"),
        ("line 5", "not an object"),
    ]


# Cut anywhere


def rows_of(count: int) -> list[dict[str, Any]]:
    return [record(n, note=f'a "quoted", é\n{n}', tags=["x", {"y": None}]) for n in range(count)]


def as_csv(count: int) -> bytes:
    target = io.StringIO(newline="")
    table = csv.writer(target, lineterminator="\r\n")
    table.writerow(["ts", "note", "more", "cost"])
    table.writerows([T, f'a "quoted", é\n{n}', "", n + 950.25] for n in range(count))
    return target.getvalue().encode()


def as_parquet(count: int, folder: Path) -> bytes:
    path = folder / "source.parquet"
    duckdb.sql(
        f"COPY (SELECT TIMESTAMP '{T[:-1]}' ts, range AS cost FROM range({count})) TO '{path}'"
    )
    data = path.read_bytes()
    path.unlink()
    return data


def contents(count: int, folder: Path) -> dict[str, bytes]:
    rows = rows_of(count)
    return {
        "jsonl": lines(*rows),
        "json": json.dumps(rows, ensure_ascii=False).encode(),
        "array.json": json.dumps(rows, indent=1).encode(),
        "pretty.json": b"\n".join(json.dumps(row, indent=2).encode() for row in rows[:3]) + b"\n",
        "csv": as_csv(count),
        "parquet": as_parquet(count, folder),
    }


def whole_records(form: str, data: bytes) -> int:
    """How many records of a cut file are whole."""
    text = data.decode("utf-8", "surrogateescape")
    if form == "csv":
        rows = [len(row) == 4 for row in csv.reader(io.StringIO(text, newline=""))]
        is_cut = not text.endswith(("\r", "\n")) and rows[1:] and rows[-1]
        return sum(rows) - 1 - bool(is_cut)
    count = 0
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            json.loads(line)
            count += 1
    return count


def counts(folder: Path) -> dict[str, tuple[int, int] | None]:
    """The runs and the rejects of each file in a folder; None for what cannot be read."""
    policy = parse_policy(
        POLICY.replace("LOGS", "{}").replace("by: [w", "each: [file], by: [w"), "p"
    )
    ledger = read_logs([str(folder)], policy, skip_unreadable=True, clock=CLOCK)
    statement = ebudget.evaluate(policy, ledger)
    found: dict[str, tuple[int, int] | None] = {
        Path(account.group[0][1] or "").name: (account.eligible, 0)
        for account in statement.accounts
        if account.group
    }
    for flawed in statement.intake.flawed:
        runs, _ = found.get(Path(flawed.file).name) or (0, 0)
        found[Path(flawed.file).name] = (runs, flawed.rejected)
    return found | dict.fromkeys(Path(file).name for file, _ in statement.intake.unreadable)


FORMS = ["jsonl", "json", "array.json", "pretty.json", "csv", "parquet"]


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("form", FORMS)
def test_a_file_cut_anywhere_gives_its_whole_records_and_a_reject_or_is_refused(
    tmp_path, form, packing
):
    data = PACKINGS[packing](contents(6, tmp_path)[form])
    folder = tmp_path / "cuts"
    cuts = range(len(data) + 1)
    if not MORE:
        cuts = sorted({*random.Random(2).sample(cuts, min(len(cuts), 60)), *cuts[:6], *cuts[-6:]})
    for cut in cuts:
        write(folder / f"{cut}.{form}{packing}", data[:cut])
    write(folder / "good.jsonl", lines(record()))
    found = counts(folder)
    assert found["good.jsonl"] == (1, 0)
    for cut in cuts:
        agree(form, packing, data, cut, found.get(f"{cut}.{form}{packing}", (0, 0)))


def agree(form: str, packing: str, data: bytes, cut: int, found: tuple[int, int] | None) -> None:
    """Whether what was found of a file that is cut is right."""
    rest = data[:cut]
    if packing or form == "parquet":
        assert (found is None) == (cut < len(data)), (cut, found)
    elif form == "pretty.json":
        whole = rest.count(b"\n}")
        partial = rest[rest.rfind(b"\n}") + 2 if whole else 0 :].strip()
        # what is no more than `{` may be a line that was cut
        assert found == (None if partial else (whole, 0)) or (found, rest.strip()) == ((0, 1), b"{")
    elif form in ("json", "array.json"):
        assert (found is None) == (cut > 0 and bool(data[cut:].strip())), (cut, found)
    elif form == "csv" and b"\n" not in rest:  # a header that is cut
        assert found in (None, (0, 0))
    else:
        whole_ones = max(whole_records(form, rest), 0)
        assert found is not None
        assert found[0] == whole_ones, (cut, found, whole_ones, rest[-80:])
        ended = rest.endswith((b"\n", b"\r")) or not rest or cut == len(data)
        assert form != "csv" or found[1] > 0 or ended
        assert found[1] <= (2 if form == "csv" else 1)
        if form == "jsonl" and not ended:
            assert sum(found) == rest.count(b"\n") + 1
    if cut == len(data):
        assert found == (3 if form == "pretty.json" else 6, 0)


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("form", FORMS)
def test_a_large_file_cut_at_random_places_gives_its_whole_records_or_is_refused(
    tmp_path, form, packing
):
    count = 10_000 if MORE else 3_000
    content = contents(count, tmp_path)[form]
    if form == "pretty.json":
        rows = [dict(row, pad="x" * 500) for row in rows_of(count)]
        content = json.dumps({"ts": T, "cost": 3, "all": rows}, indent=1).encode()
    data = PACKINGS[packing](content)
    generator = random.Random(3)
    for number in range(200 if MORE else 8):
        cut = generator.randrange(1, len(data))
        path = write(tmp_path / f"{number}.{form}{packing}", data[:cut])
        try:
            intake = read(path, show_rejects=False).intake
        except InputError:
            continue
        assert form in ("jsonl", "csv")
        assert not packing
        assert intake.runs == whole_records(form, data[:cut])
        assert intake.rejected_total in ((0, 1, 2) if form == "csv" else (0, 1))


# JSON documents


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[{"ts": "%s", "cost": 1},', "truncated"),
        ('[{"ts": "%s", "cost": 1}', "truncated"),
        ('[{"ts": "%s", "cost": 1}] and more', "something follows the end of the array"),
        ('[{"ts": "%s", "cost": 1}][{}]', "something follows the end of the array"),
        ('[{"ts": "%s", "cost": 1}]\n[{}]\n', "something follows the end of the array"),
        ('[\n{"ts": "%s", "cost": 1}\n{"cost": 2}]', "no JSON in line 3"),
        ('[{"ts": "%s", "cost": 1},\n{"cost":}]', "no JSON in line 2"),
        ('[{"ts": "%s", "cost": 1},]', "no JSON in line 1"),
        ('{\n"ts": "%s",\n"cost": 1', "truncated"),
        ('{\n"ts": "%s",\n"cost": 1}\n{', "truncated"),
        ('{\n"ts": "%s",\n"cost": 1}\n}\n{"cost": 2}', "no JSON in line 4"),
    ],
)
@pytest.mark.parametrize("packing", PACKINGS)
def test_documents_that_are_cut_or_broken_are_refused(tmp_path, text, reason, packing):
    path = write(tmp_path / f"a.json{packing}", PACKINGS[packing]((text % T).encode()))
    assert reason in refused(path)
    good = write(tmp_path / "b.json", lines(record(4)))
    assert spent(read(path, good, skip_unreadable=True)) == 4.0


def test_every_beginning_of_a_document_is_known_to_be_cut():
    from ebudget.logs.documents import is_cut_short

    text = '{"a": [1, -2.5e-7, true, {}, []], "b\\u00e9\\ud83d\\ude00": {"c": "x\\n"}, "d": false }'
    for indent in (None, 1):
        whole = text if indent is None else json.dumps(json.loads(text), indent=indent)
        for end in range(1, len(whole)):
            with pytest.raises(json.JSONDecodeError) as caught:
                json.loads(whole[:end])
            assert is_cut_short(caught.value, whole[:end]), whole[:end]
    for broken in ("[1,]", "[1 2]", '{"a":}', "[tru]", '{"a" 1}', '["\\u12"]', "[1.]", "{]", "[1}"):
        with pytest.raises(json.JSONDecodeError) as caught:
            json.loads(broken)
        assert not is_cut_short(caught.value, broken), broken


def test_an_array_with_an_item_that_duckdb_refuses_is_read_item_by_item(tmp_path):
    text = f'[{{"ts": "{T}", "cost": 1, "text": "\\ud83d"}}, 5, {{"ts": "{T}",\n"cost": 2}}]'
    for packing, pack in PACKINGS.items():
        statement = read(write(tmp_path / f"a.json{packing}", pack(text.encode())))
        assert spent(statement) == 3.0
        assert places(statement) == [("item 2", "not an object")]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.log", "a.json.gz", "a.json.zst"])
def test_one_object_over_several_lines_is_one_record(tmp_path, name):
    packing = Path(name).suffix if Path(name).suffix in PACKINGS else ""
    data = b"\xef\xbb\xbf" + json.dumps(record(3), indent=2).encode() + b"\n"
    statement = read(write(tmp_path / name, PACKINGS[packing](data)))
    assert (statement.intake.records, spent(statement)) == (1, 3.0)


def test_several_objects_over_several_lines_are_a_record_each(tmp_path):
    rows = [record(1), {"cost": 9}, record(2, deep={"a": [1, {"b": "x\ny"}]})]
    data = "\n".join(json.dumps(row, indent=2) for row in rows).replace("\n", "\r\n")
    statement = read(write(tmp_path / "a.json", data))
    assert spent(statement) == 3.0
    assert places(statement) == [("record 2", "no start_time")]


def test_a_broken_first_line_does_not_make_a_log_a_document(tmp_path):
    for first in (b'{"ts": "2026-11-20T1', b'{"ts":', b"{broken", b"{", b"[broken", b"[INFO] up"):
        statement = read(write(tmp_path / "a.jsonl", first + b"\n" + lines(*[record()] * 3)))
        assert (statement.intake.runs, places(statement)) == (3, [("line 1", "malformed line")])


# Several runs in a line

R1, R2, R4 = (json.dumps(record(n)).encode() for n in (1, 2, 4))


@pytest.mark.parametrize(
    ("line", "cost", "bad"),
    [
        (R1 + R2 + R4, 7, 0),
        (R1 + b" \t" + R2, 3, 0),
        (R1 + b"\r" + R2 + b"\r" + R4 + b"\r", 7, 0),
        (b"[" + R1 + b", " + R2 + b"]", 3, 0),
        (b"[" + R1 + b"]" + R2 + b"[" + R4 + b", 5]", 7, 1),
        (R1 + b"junk" + R2 + b" more junk " + R4, 7, 2),
        (R1 + b"{broken}" + R2 + b"{broken}" + R4, 7, 2),
        (R1 + b"," + R2, 3, 1),
        (R1 + b"\xff" + R2, 3, 1),
        (R1 + b'{"x": "\xff"}' + R2, 3, 1),
        (R1 + b'{"ts": "' + T.encode() + b'", "cost": 2, "half": "\\ud83d"}' + R4, 7, 0),
    ],
)
@pytest.mark.parametrize("packing", PACKINGS)
def test_each_of_several_runs_in_a_line_is_a_record(tmp_path, line, cost, bad, packing):
    data = lines(record(8)) + b"\n" + line + b"\n" + b"5\n"
    statement = read(write(tmp_path / f"a.jsonl{packing}", PACKINGS[packing](data)))
    assert spent(statement) == cost + 8
    assert [place for place, _ in places(statement)] == ["line 3"] * bad + ["line 4"]


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_run_behind_one_that_is_cut_is_a_record(tmp_path, cut):
    whole = json.dumps({"a": True, "ts": T, "x": {"y": -1.5, "z": "a {b"}, "cost": 16}).encode()
    assert len(whole) > 60
    if whole[:cut].rstrip().endswith(b":"):
        return  # nobody can tell the next run from a value then
    statement = read(write(tmp_path / "a.jsonl", whole[:cut] + R1 + b"\n" + R2 + R4 + b"\n"))
    assert (spent(statement), places(statement)) == (7.0, [("line 1", "malformed line")])


@pytest.mark.parametrize(
    "line",
    [
        b'{"a": tru, "x": %s}',
        b'{"a": 1 "x": %s}',
        b'{"a" %s}',
        b'{"a": tru, "x": [%s%s]}',
        b'{"a": "say %s", "x": 1}',
        b'{"a": tru, "x": %s',
        b'{"a": 1, "x": %s',
        b'%s, "x": 1}',
        b"%s}",
        b"%s,",
        b"INFO %s",
        b"[INFO] %s",
    ],
)
def test_a_part_of_a_broken_record_is_no_run(tmp_path, line):
    data = lines(record(8)) + line.replace(b"%s", R1) + b"\n"
    statement = read(write(tmp_path / "a.jsonl", data))
    assert (spent(statement), places(statement)) == (8.0, [("line 2", "malformed line")])


@pytest.mark.parametrize("line", [b"[]", b"[1, 2]", b"[[]]", b'["{}"]'])
def test_an_array_of_other_things_is_one_record_that_is_no_object(tmp_path, line):
    statement = read(write(tmp_path / "a.jsonl", lines(record(8)) + line + b"\n" + R1 + R2))
    assert (spent(statement), places(statement)) == (11.0, [("line 2", "not an object")])


def test_a_line_too_long_for_duckdb_may_hold_several_runs(tmp_path):
    run = json.dumps(record(1, pad="x" * 1_000_000)).encode()
    data = lines(record(8)) + (run + b"\r") * 40 + b"\n\n5\n"
    statement = read(write(tmp_path / "a.jsonl", data))
    assert (spent(statement), places(statement)) == (48.0, [("line 4", "not an object")])


def test_a_mark_alone_in_the_first_line_moves_no_record(tmp_path):
    data = b"\xef\xbb\xbf\n" + R1 + b"\n" + R2 + R4 + b"\n{broken\n"
    statement = read(write(tmp_path / "a.jsonl", data))
    assert (spent(statement), places(statement)) == (7.0, [("line 4", "malformed line")])


# Wrapped arrays

AT = "{records_at: results.items}"


@pytest.mark.parametrize(
    "wrapped",
    [
        {"results": {"items": [record(1), record(2)]}},
        {"results.items": [record(1), record(2)]},
        {"meta": {"items": [record(9)]}, "results": {"n": 2, "items": [record(1), record(2)]}},
        {"results": 5, "results.items": [record(1), record(2)], "later": [record(9)]},
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("packing", PACKINGS)
def test_a_wrapped_array_is_entered(tmp_path, wrapped, indent, packing):
    data = json.dumps(wrapped, indent=indent).encode()
    path = write(tmp_path / f"a.json{packing}", PACKINGS[packing](data))
    statement = read(path, logs=AT)
    assert (spent(statement), statement.intake.records) == (3.0, 2)


def test_every_line_is_entered_and_one_without_the_array_is_rejected(tmp_path):
    wrapped = [
        {"results": {"items": [record(1), 5]}},
        {"results": {"items": []}},
        {"results": {"items": record(9)}},
        {"other": 1},
        7,
    ]
    data = b"\xef\xbb\xbf\n" + lines(*wrapped, {"results.items": [record(2), {}]})
    statement = read(write(tmp_path / "a.jsonl", data), logs=AT)
    assert spent(statement) == 3.0
    assert places(statement) == [
        ("line 2", "not an object"),
        ("line 4", "no results.items"),
        ("line 5", "no results.items"),
        ("line 6", "no results.items"),
        ("line 7", "no start_time"),
    ]
    assert dict(statement.intake.rejected)["no results.items"] == 3


@pytest.mark.parametrize(
    ("cut", "reason"),
    [
        (b'{"results": {"items": [{"cost": 1}, {"co', "truncated"),
        (b'{"results": {"items": [{"cost": 1}]}', "truncated"),
        (b"{broken", "damaged: no JSON in line 2 (a key is missing"),
        (b'{"results": {"items": []}}}', "damaged: no JSON in line 2 (something follows"),
    ],
)
def test_a_wrapped_log_with_a_line_that_is_no_json_is_refused(tmp_path, cut, reason):
    whole = lines({"results": {"items": [record(1)]}})
    good = write(tmp_path / "good.jsonl", whole)
    for packing, pack in PACKINGS.items():
        for data in (whole + cut, whole + cut + b"\n" + whole):
            path = write(tmp_path / f"a.jsonl{packing}", pack(data))
            assert f"a.jsonl{packing}: {reason}" in refused(path, good, logs=AT)
            statement = read(path, good, logs=AT, skip_unreadable=True)
            assert (spent(statement), len(statement.intake.unreadable)) == (1.0, 1)
    assert "truncated" in refused(write(tmp_path / "b.json", whole[:-9]), logs=AT)


def test_a_record_without_its_wrapped_array_is_no_evidence_for_a_gate(tmp_path):
    whole = {"results": {"items": [record(0.1)] * 100}}
    for wrapped, share, code in (
        ([whole, {"error": "out of memory"}], "5%", 3),
        ([whole, {"error": "out of memory"}], "100%", 0),
        ([whole], "5%", 0),
    ):
        logs = AT.replace("}", f", max_rejected: {share}}}")
        policy = parse_policy(POLICY.replace("LOGS", logs), "p.yaml")
        statement = read(write(tmp_path / "a.jsonl", lines(*wrapped)), logs=logs)
        decision = decide(policy, statement, Demands(), now=instant(CLOCK))
        assert decision.exit_code == code
        lacks = "1 record lacks the array 'results.items'"
        assert any(lacks in why for why in decision.shortfalls) == (code == 3)


def test_items_of_a_wrapped_document_are_counted_as_items(tmp_path):
    data = json.dumps({"results": {"items": [record(1), {}, record(2)]}}, indent=2)
    statement = read(write(tmp_path / "a.json", data), logs=AT)
    assert (spent(statement), places(statement)) == (3.0, [("item 2", "no start_time")])


@pytest.mark.parametrize("indent", [None, 2])
def test_a_wrapped_array_that_never_occurs_is_an_error_that_names_the_nearest(tmp_path, indent):
    data = json.dumps({"result": {"Items": [record()]}, "other": []}, indent=indent)
    path = write(tmp_path / "a.json", data)
    assert "'results.items' never occurs" in refused(path, logs=AT)
    assert "nearest path that does is 'result.Items'" in refused(path, logs=AT)


def test_csv_and_parquet_are_not_entered(tmp_path):
    write(tmp_path / "a.csv", "ts,cost\n2026-11-20,1\n")
    write(tmp_path / "b.parquet", as_parquet(3, tmp_path))
    assert spent(read(tmp_path, logs=AT)) == 4.0
    write(tmp_path / "c.json", lines({"results": {"items": [record(5)]}}))
    assert spent(read(tmp_path, logs=AT)) == 9.0


@pytest.mark.parametrize("path", ["''", "a..b", ".a", "[a, b]"])
def test_a_path_with_an_empty_part_is_a_mistake_of_the_policy(path):
    with pytest.raises(PolicyError, match=r"logs\.records_at"):
        parse_policy(POLICY.replace("LOGS", f"{{records_at: {path}}}"), "p.yaml")


# CSV


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.CSV.gz", "a.csv.zst", "a.txt", "a"])
def test_csv_is_read_with_any_delimiter_and_line_end(tmp_path, delimiter, ending, name):
    rows = [
        ["ts", "cost", "workflow"],
        [T, "1.25", f'"a{delimiter}b ""c"""'],
        [T, '"2.50"', f'"two{ending}lines"'],
        [T, "", ""],
    ]
    text = "".join(delimiter.join(row) + ending for row in rows)
    packing = Path(name).suffix if Path(name).suffix in PACKINGS else ""
    statement = read(write(tmp_path / name, PACKINGS[packing](text.encode())))
    assert (statement.intake.runs, spent(statement)) == (3, 3.75)
    ((_, slices),) = statement.accounts[0].breakdown
    named = {part.value for part in slices}
    assert named == {f'a{delimiter}b "c"', f"two{ending}lines", None}
    assert statement.accounts[0].unmeasured == 1


def test_rows_of_another_length_and_cut_quotes_are_rejected_at_their_lines(tmp_path):
    text = (
        "ts,cost,workflow\n"
        f"{T},1,a\n"
        f"{T},1\n"
        f'{T},2,"over\ntwo, lines"\n'
        f"{T},1,a,b\n"
        "\n"
        f'{T},1,"shut"x\n'
        f'{T},4,"an odd ""quote""\n'
        f"{T},8,a\n"
        ",,\n"
        f'{T},1,"cut'
    )
    statement = read(write(tmp_path / "a.csv", text))
    assert spent(statement) == 11.0
    assert places(statement) == [
        ("line 3", "malformed line"),
        ("line 6", "malformed line"),
        ("line 8", "malformed line"),
        ("line 9", "malformed line"),
        ("line 11", "no start_time"),
        ("line 12", "malformed line"),
    ]


def test_a_last_row_without_a_line_break_may_be_cut_and_is_rejected(tmp_path):
    whole = f"ts,workflow,cost\n{T},a,1\n"
    for last in (f"{T},b,9", f"{T},b,", f'{T},b,"9"'):
        statement = read(write(tmp_path / "a.csv", whole + last))
        assert (spent(statement), places(statement)) == (1.0, [("line 3", "malformed line")])
        for ending in ("\r\n", "\n", "\r", "\n\n  "):
            intake = read(write(tmp_path / "a.csv", whole + last + ending)).intake
            assert (intake.runs, intake.rejected_total) == (2, 0)


def test_a_stray_quote_before_many_rows_with_quotes_is_read_in_one_go(tmp_path):
    rows = 20_000
    text = f'ts,workflow,cost\n{T},"stray,1\n' + f'{T},a "" b,1\n' * rows
    begun = time.perf_counter()
    statement = read(write(tmp_path / "a.csv", text))
    assert time.perf_counter() - begun < 5
    assert (spent(statement), places(statement)) == (rows, [("line 2", "malformed line")])


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        (f"run_id;start_time;cost;tags(a,b,c,d)\na;{T};3;1,2,3\n", 3),
        (f"\n \t\nrun;id;ts;cost,in,euro,net\na;b;{T};3,1,2,3\n", 0),
        (f"\n\nid,note;a,ts,cost\n1,x;y;z;u,{T},3\n", 3),
        (f"note, a|ts|cost, b|cost\n1, 2, 3|{T}|4|3\n", 3),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_a_delimiter_that_parts_the_start_from_other_names_is_the_one(tmp_path, text, cost, name):
    statement = read(write(tmp_path / name, text))
    assert (statement.intake.runs, spent(statement)) == (1, cost)


@pytest.mark.parametrize("delimiter", [";", "^"])
def test_a_line_may_name_the_delimiter_before_the_header(tmp_path, delimiter):
    text = "\nSEP=;\r\nwhen;cost;a,b,c,d\n2026-11-20;3;1,2,3,4\n2026-11-20\n"
    path = write(tmp_path / "a.csv", text.replace(";", delimiter))
    statement = read(path, logs="{fields: {start_time: when}}")
    assert (spent(statement), places(statement)) == (3.0, [("line 5", "malformed line")])


@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_is_read_under_any_name(tmp_path, indent):
    data = "\ufeff\n" + json.dumps([record(1), record(2)], indent=indent)
    assert spent(read(write(tmp_path / "a.csv", data))) == 3.0


def test_what_is_quoted_and_empty_is_an_empty_text_and_what_is_not_is_no_value(tmp_path):
    text = f'ts,cost,workflow\n{T},1,""\n{T},2,\n'
    ((_, slices),) = read(write(tmp_path / "a.csv", text)).accounts[0].breakdown
    assert {part.value for part in slices} == {"", None}


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("ts,cost,cost", "two columns of its header are named 'cost'"),
        (",ts,cost", "column 1 of its header has no name"),
        ('ts,"",cost', "column 2 of its header has no name"),
        ('ts,"cost', "its header cannot be read"),
    ],
)
def test_a_header_that_says_too_little_is_refused(tmp_path, header, reason):
    assert reason in refused(write(tmp_path / "a.csv", f"{header}\n{T},1,2\n"))


def test_a_table_needs_its_name_unless_its_header_leaves_no_doubt(tmp_path):
    assert spent(read("-", stdin=io.BytesIO(f"ts,cost\n{T},3\n".encode()))) == 3.0
    assert "no line is JSON" in refused(write(tmp_path / "a.txt", "when,cost\n2026-11-20,3\n"))
    assert "no line is JSON" in refused(write(tmp_path / "a.jsonl", "ts,cost\n2026-11-20,3\n"))
    assert spent(read(write(tmp_path / "b.csv", lines(record(4))))) == 4.0


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", "ts,cost,workflow\n2026-11-20,1,é\n2026-11-20,2,e\n"),
        ("a.jsonl", f'\n{{"ts": "{T}", "a": "é"}}\n{{"ts": "{T}", "cost": 2}}\n'),
    ],
)
@pytest.mark.parametrize("packing", PACKINGS)
def test_a_record_that_is_no_utf8_is_rejected_for_that(tmp_path, name, data, packing):
    path = write(tmp_path / f"{name}{packing}", PACKINGS[packing](data.encode("latin-1")))
    statement = read(path)
    assert (spent(statement), places(statement)) == (2.0, [("line 2", "not UTF-8")])
    assert statement.intake.rejected == (("not UTF-8", 1),)


def test_a_header_alone_and_an_empty_table_hold_no_records(tmp_path):
    for text in ("ts,cost\n", "ts,cost", "", "\n\n"):
        assert read(write(tmp_path / "a.csv", text)).intake.records == 0


def test_a_mapped_column_of_a_table_has_to_occur(tmp_path):
    path = write(tmp_path / "a.csv", f"ts,meta.Price\n{T},3\n")
    message = refused(path, logs="{fields: {cost_usd: meta.price}}")
    assert "'meta.price' never occurs" in message
    assert "'meta.Price'" in message
    assert spent(read(path, logs="{fields: {cost_usd: meta.Price}}")) == 3.0


# Encodings


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_wide_encodings_are_refused_by_name(tmp_path, name, encoding):
    data = lines(record()).decode().encode(encoding)
    data = gz(data) if name.endswith(".gz") else data
    message = refused(write(tmp_path / name, data))
    assert f"is in {encoding[:6].upper()}" in message
    assert "iconv -f" in message


def test_byte_order_marks_at_later_lines_hide_no_record(tmp_path):
    mark = b"\xef\xbb\xbf"
    data = mark + lines(record(1)) + mark + lines(record(2)) + mark + b"\n" + lines(record(4), 5)
    for packing, pack in PACKINGS.items():
        statement = read(write(tmp_path / f"a.jsonl{packing}", pack(data)))
        assert (spent(statement), statement.intake.records) == (7.0, 4)
        assert places(statement) == [("line 5", "not an object")]
    table = mark + b"ts,cost\n2026-11-20,1\n" + mark + b"2026-11-20,2\n"
    assert spent(read(write(tmp_path / "a.csv", table))) == 3.0


# Folders, globs and names


def test_pipes_sockets_and_devices_in_folders_are_passed_over_and_counted(tmp_path, monkeypatch):
    write(tmp_path / "a.jsonl", lines(record(3)))
    os.mkfifo(tmp_path / "b.jsonl")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # a socket has no long name
        server.bind("c.jsonl")
        for path in (str(tmp_path), str(tmp_path / "*.jsonl")):
            statement = read(path)
            assert (spent(statement), statement.intake.ignored) == (3.0, 2)
    assert "nothing that matches is a file" in refused(tmp_path / "b*.jsonl")
    assert "not a regular file" in refused(tmp_path / "b.jsonl")


def test_a_link_that_leads_nowhere_is_an_error_if_it_has_the_name_of_a_log(tmp_path):
    write(tmp_path / "a.jsonl", lines(record(3)))
    (tmp_path / "notes").symlink_to(tmp_path / "gone")
    assert spent(read(tmp_path)) == 3.0
    (tmp_path / "b.jsonl").symlink_to(tmp_path / "gone")
    for path in (tmp_path, tmp_path / "*.jsonl", tmp_path / "b.jsonl"):
        assert "b.jsonl: a link that leads nowhere" in refused(path)


def test_what_a_folder_holds_and_is_not_read_is_named(tmp_path):
    from ebudget.logs.files.sources import find_sources, not_read

    for name in ("b.txt", "a.log", "c.md", "d\n.log", "x.jsonl"):
        write(tmp_path / name, lines(record()))
    found = find_sources([str(tmp_path)], tmp_path)
    assert not_read(found.ignored) == "4 files (a.log, b.txt, c.md, …)"
    assert not_read(found.ignored[:1]) == "1 file (a.log)"


def test_a_folder_without_logs_is_blamed_for_its_own_files(tmp_path):
    write(tmp_path / "a/one.jsonl", lines(record(3)))
    write(tmp_path / "a/of-a.txt", "")
    write(tmp_path / "b/of-b.txt", "")
    message = refused(tmp_path / "a", tmp_path / "b")
    assert "b: no logs in this folder; not read: 1 file (of-b.txt); logs end in" in message


def test_folders_without_logs_are_passed_over_where_others_match_too(tmp_path):
    write(tmp_path / "g/a/notes.txt", "")
    write(tmp_path / "g/b/one.jsonl", lines(record(3)))
    (tmp_path / "g/c").mkdir()
    statement = read(tmp_path / "g/*")
    assert (spent(statement), statement.intake.ignored_names) == (3.0, ("notes.txt",))
    (tmp_path / "g/b/one.jsonl").unlink()
    message = refused(tmp_path / "g/*")
    assert "g/*: no logs in the folders that match; not read: 1 file (notes.txt); logs" in message


@pytest.mark.parametrize(
    "name", ["x" * 300 + ".jsonl", "new\nline.jsonl", "nul\x00.jsonl", os.fsdecode(b"\xff.jsonl")]
)
def test_names_that_cannot_be_are_clean_errors(tmp_path, name):
    assert refused(tmp_path / name).isprintable()


@pytest.mark.parametrize(
    "name", [os.fsdecode(b"\xff.jsonl"), os.fsdecode(b"\xff.csv"), "a\n.json", "a\n.csv"]
)
def test_strange_names_are_read(tmp_path, name):
    data = b"ts,cost\n2026-11-20,3\n{\n" if name.endswith("csv") else lines(record(3)) + b"{\n"
    statement = read(write(tmp_path / name, data))
    assert spent(statement) == 3.0
    assert len(statement.intake.rejects) == 1


# Forms that are not read

ODS = b"\x14\x00mimetypeapplication/vnd.oasis.opendocument.spreadsheet"


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("a.csv", b"PK\x03\x04\x14\x00xxxx[Content_Types].xml", "an Excel workbook (.xlsx)"),
        ("a.jsonl", b"PK\x03\x04\x14\x00xxxxlog.jsonl", "a ZIP archive"),
        ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
        ("a.json", b"SQLite format 3\x00\x10", "an SQLite database"),
        ("a.log", b"Obj\x01\x04", "an Avro file"),
        ("a.log", b"ORC\x08\x03", "an ORC file"),
        ("a.log", b"ARROW1\x00\x00", "an Arrow or Feather file"),
        ("a.log", b"%PDF-1.7\n", "a PDF document"),
        ("a.log", b"ORC\n\x06\x08\x01", "an ORC file"),
        ("a.log", b"SEQ\x06\x19org", "a Hadoop sequence file"),
        ("a.log", b"FEA1\x00\x00\x00\x00", "a Feather file"),
        ("a.jsonl", b"BZh91AY&SY", "packed with bzip2"),
        ("a.ods", b"PK\x03\x04" + ODS, "an OpenDocument spreadsheet (.ods)"),
        ("a.csv", b"PK\x03\x04\x14\x00xxxxIndex/Document.iwa", "a spreadsheet (.numbers)"),
        ("a.jsonl", b"\xfd7zXZ\x00", "packed with xz"),
        ("a.jsonl", b"\x04\x22\x4d\x18d", "packed with lz4"),
        ("a.jsonl", b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        ("a.jsonl.gz", gz(gz(b"{}")), "packed twice"),
        ("a.tar.gz", gz(b"\x00" * 257 + b"ustar" + bytes(250)), "a tar archive"),
        ("a.json", b"<!DOCTYPE html><html>", "an HTML page"),
        ("a.json", b'\n<?xml version="1.0"?>', "XML"),
        ("a.xml", b"<runs><run/></runs>", "XML"),
        ("a.json", b'{"resourceSpans": [{"resource": {}, "scopeSpans": []}]}\n', "an OTLP export"),
        ("a.json", b'{\n "resourceLogs": [\n {"scopeLogs": []}\n ]\n}\n', "an OTLP export"),
        ("a.json", b'{"scopeSpans": []}\n{"scopeSpans": []}\n', "an OTLP export"),
        (
            "a.json",
            b'{"schemaUrl": "x", "resourceSpans": [{"scopeSpans": []}]}\n',
            "an OTLP export",
        ),
        ("a.json", b'[{"resourceSpans": [{"scopeSpans": []}]}]', "an OTLP export"),
        ("a.json", b'{\n"ts": "2026-11-20",\n"ok": tru,\n"cost": 1\n}\n', "no JSON in line 3"),
        ("a.json", b'{\n"a": tru,\n"b": [\n{"cost": 1},\n2]\n}', "no JSON in line 2"),
        ("a.json.gz", gz(b'{\n"ok": tru,\n"cost": 1\n}\n'), "no JSON in line 2"),
        ("a.log", b"2026-11-20 INFO started\n2026-11-20 INFO done\n", "no line is JSON"),
        ("a.log", b"[2026-11-20 10:00:00] INFO started\n", "no line is JSON"),
        ("a.log", b"<134>Nov 20 host app: x\n", "no line is JSON"),
        ("a.parquet", b"{}", "not a Parquet file"),
    ],
)
def test_a_file_in_a_form_that_is_not_read_is_called_what_it_looks_like(tmp_path, name, data, what):
    path = write(tmp_path / name, data)
    message = refused(path)
    assert message.startswith(f"{path}: ")
    assert what in message
    good = write(tmp_path / "good.jsonl", lines(record(4)))
    statement = read(path, good, skip_unreadable=True)
    assert (spent(statement), len(statement.intake.unreadable)) == (4.0, 1)


@pytest.mark.parametrize(
    "name", ["SEQ", "ORC", "ORCID", "BZh9", "BZh91AY", "FEA1", "ARROW1", "Rar!", "%PDF", "Obj"]
)
def test_a_table_may_begin_with_the_letters_of_another_form(tmp_path, name):
    text = f"{name},start_time,cost\nx,{T},3\n"
    assert spent(read(write(tmp_path / "a.csv", text))) == 3.0


@pytest.mark.parametrize("indent", [None, 1])
def test_an_object_with_one_array_of_records_is_refused_with_what_to_write(tmp_path, indent):
    for wrapped, at in (
        ({"data": {"runs": [record()], "tags": ["a"]}, "total": 1}, "data.runs"),
        ({"Records": [{"eventTime": T}]}, "Records"),
    ):
        path = write(tmp_path / "a.json", json.dumps(wrapped, indent=indent))
        assert f"write logs: {{records_at: {at}}}" in refused(path)


def test_a_run_that_holds_arrays_is_a_run(tmp_path):
    data = lines(record(3, steps=[{"ts": T}]), {"steps": [{"a": 1}]})
    statement = read(write(tmp_path / "a.jsonl", data))
    assert (spent(statement), statement.intake.rejected_total) == (3.0, 1)


def test_a_log_with_a_banner_is_read(tmp_path):
    statement = read(write(tmp_path / "a.log", b"Starting up\n" + lines(record(3))))
    assert (spent(statement), places(statement)) == (3.0, [("line 1", "malformed line")])
