"""Logs in parts give the statement of one reading to the byte, wherever the parts are read."""

from __future__ import annotations

import gzip
import json
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

import ebudget
from ebudget import Reading, Wants, make_plan
from ebudget.errors import InputError
from ebudget.ledger.moment import moment_of
from ebudget.ledger.pool import Call, Desk, Here, Job, Lost
from ebudget.ledger.read import read_parts
from ebudget.logs.files.parts import Part, parts_of
from ebudget.logs.files.sources import find_sources
from ebudget.logs.warehouse import opened_warehouse
from ebudget.policy.file import parse_policy
from ebudget.render.json.data import statement_dict
from support import CLOCK, NOW, policy_text, run, stamp, write_jsonl, write_parquet

POLICY = {
    "version": 1,
    "failures": {"wrong": {"class": "C", "when": "failure_reason = 'wrong'"}},
    "logs": {"fields": {"cost_usd": "usd", "score": {"path": "deep.score", "optional": True}}},
    "workflows": {"a": {"unit": "ticket", "value_usd": 2, "risk_tier": "low"}},
    "budgets": {
        "outcomes": {
            "each": ["workflow"],
            "spend": {"class": "B+"},
            "allow": "10%",
            "window": "7d",
        },
        "cost": {"kind": "cost", "spend": {"sum": "cost_usd"}, "allow": 9, "window": "month"},
        "value": {"spend": {"sum": "cost_usd"}, "allow": {"of_value": "50%"}, "window": "3d"},
        "scored": {"spend": {"when": "score < 0.5"}, "allow": "5%", "window": "30d"},
    },
}


def work(job: Job, step: Callable[[Desk, Any], Any], call: Call) -> Any:
    """One call, in a process that knows nothing of any other, by one thread."""
    with opened_warehouse(threads=1) as warehouse:
        return Desk(job, warehouse).answered(step, call)


class Processes:
    """A pool in which every call goes to some other process, twice."""

    def __init__(self, job: Job) -> None:
        self.job, self.calls = job, 0
        self._executor = ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))

    def map(self, step: Any, calls: Sequence[Any]) -> list[Any]:
        first = [self._executor.submit(work, self.job, step, call) for call in calls]
        again = [self._executor.submit(work, self.job, step, call) for call in calls]
        self.calls += len(first)
        for one, other in zip(first, again, strict=True):
            assert type(one.result()) is type(other.result())
        return [one.result() for one in again]

    def exchange(self, split: Any, calls: Sequence[Any], join: Any, buckets: int) -> Any:
        answers = self.map(split, calls)
        if any(isinstance(answer, Lost | InputError) for answer in answers):
            return [a if isinstance(a, Lost | InputError) else a[0] for a in answers], []
        pieces = [
            [(call.part.number, answer[1][b]) for call, answer in zip(calls, answers, strict=True)]
            for b in range(buckets)
        ]
        return [answer[0] for answer in answers], [join(one) for one in pieces]

    def close(self) -> None:
        self._executor.shutdown()


def cut_at_random(files: Sequence[Any], seed: int) -> list[Part]:
    """The files in parts, down to one file each."""
    found: list[Part] = []
    random, begin = Random(seed), 0
    while begin < len(files):
        end = begin + random.randint(1, 3)
        places = tuple(range(begin, min(end, len(files))))
        found.append(Part(len(found), tuple(files[begin:end]), places))
        begin = end
    return found


def figures(
    paths: Sequence[str], plan: Any, reading: Reading, cut: Any = parts_of, pool: Any = None
) -> tuple[str, Any]:
    """The statement as text, and the pool."""
    with opened_warehouse() as warehouse:
        sources = find_sources(paths, warehouse.scratch)
        parts = cut(sources.files)
        at = moment_of(reading, plan.policy.timezone)
        job = Job(replace(plan, edges=None), at, reading.skip_unreadable, len(parts) == 1)
        chosen = pool(job) if pool is not None else Here(job, warehouse)
        try:
            ledger = read_parts(plan, sources, parts, reading, job, chosen)
        finally:
            chosen.close()
    statement = ebudget.evaluate(plan.policy, ledger)
    told = json.dumps(statement_dict(statement), sort_keys=True)
    return told + repr(replace(statement.intake, unreadable=())), chosen


def records(random: Random, count: int, since: int) -> list[dict[str, Any]]:
    """Some runs; of some there are several records, far apart and with other outcomes."""
    found = []
    for _ in range(count):
        number = random.randint(0, 60)
        when = NOW - timedelta(hours=random.randint(since, since + 30), seconds=number % 3)
        record = run(
            random.choice(["success", "failure", "huh", None]),
            when=stamp(when),
            run_id=f"r{number}",
            workflow=random.choice(["a", "b"]),
            usd=number / 8,
            failure_reason=random.choice(["wrong", None]),
        )
        found.append(record)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = Random(12)
    for number in range(4):
        write_jsonl(tmp_path, records(random, 30, -20 * number), f"log-{number}.jsonl")
    packed = tmp_path / "log-4.jsonl.gz"
    lines = [json.dumps(one) for one in records(random, 20, 0)]
    packed.write_bytes(gzip.compress("\n".join([*lines[:9], "{broken", "", *lines[9:]]).encode()))
    (tmp_path / "log-5.jsonl").write_bytes(
        b"\xef\xbb\xbf" + "\n".join(json.dumps(one) for one in records(random, 20, 5)).encode()
    )
    rows = [{**one, "deep": {"score": 0.25}} for one in records(random, 20, 9)]
    write_parquet(tmp_path, rows, "log-6.parquet")
    write_parquet(tmp_path, records(random, 20, 30), "log-7.parquet")
    return tmp_path


@pytest.fixture
def plan() -> Any:
    policy = parse_policy(policy_text(POLICY), "p.yaml")
    return make_plan(policy, Wants(("segment",), frozenset({"cost"}), rests=True), unknowns=True)


READINGS = [
    Reading(clock=CLOCK, show_rejects=True),
    Reading(clock=CLOCK, as_of=NOW - timedelta(hours=12)),
    Reading(clock=NOW - timedelta(hours=30), as_of="now"),
]


@pytest.mark.parametrize("reading", READINGS, ids=["newest", "earlier", "now"])
def test_parts_cut_at_random_give_the_statement_of_one_reading(folder, plan, reading):
    whole, _ = figures([str(folder)], plan, reading)
    assert '"duplicates": 0' not in whole
    cut, _ = figures([str(folder)], plan, reading, partial(cut_at_random, seed=2))
    assert cut == whole


def test_the_smallest_parts_give_it_too(folder, plan):
    whole, _ = figures([str(folder)], plan, READINGS[0])
    smallest, _ = figures([str(folder)], plan, READINGS[0], lambda files: parts_of(files, 0))
    assert smallest == whole


def test_steps_in_processes_of_their_own_give_it_too_though_every_call_is_sent_twice(folder, plan):
    reading = READINGS[0]
    whole, _ = figures([str(folder)], plan, reading)
    cut, pool = figures([str(folder)], plan, reading, partial(cut_at_random, seed=3), Processes)
    assert cut == whole
    assert pool.calls > 8


def test_a_file_that_turns_out_unreadable_is_left_out_of_its_part(folder, plan):
    damaged = folder / "log-8.parquet"
    write_parquet(folder, records(Random(1), 3_000, 0), damaged.name)
    data = bytearray(damaged.read_bytes())
    middle = len(data) // 2
    data[4:middle] = b"\xff" * (middle - 4)
    damaged.write_bytes(data)
    reading = replace(READINGS[0], skip_unreadable=True)
    whole, _ = figures([str(folder)], plan, reading)
    assert '"files": 8' in whole
    cut, _ = figures([str(folder)], plan, reading, lambda files: parts_of(files, 0))
    apart, _ = figures([str(folder)], plan, reading, lambda f: parts_of(f, 0), Processes)
    assert whole == cut == apart
    with pytest.raises(InputError, match=r"log-8\.parquet"):
        figures([str(folder)], plan, READINGS[0], lambda files: parts_of(files, 0))


def test_a_path_that_never_occurs_is_told_of_all_parts(folder):
    policy = {**POLICY, "logs": {"fields": {"cost_usd": "usdd"}}}
    asked = make_plan(parse_policy(policy_text(policy), "p.yaml"))
    told = []
    for cut in (parts_of, lambda files: parts_of(files, 0)):
        with pytest.raises(InputError) as error:
            figures([str(folder)], asked, READINGS[0], cut)
        told.append(str(error.value))
    assert told[0] == told[1]
    assert "did you mean" in told[0] or "nearest" in told[0]


def test_files_go_into_parts_in_their_order_and_no_part_is_larger_than_asked(tmp_path):
    for number in range(9):
        (tmp_path / f"{number}.jsonl").write_text("{}\n" * (number + 1))
    files = find_sources([str(tmp_path)], tmp_path).files
    for most in (0, 10, 20, 10**9):
        found = parts_of(files, most)
        assert [file for part in found for file in part.files] == files
        assert [part.number for part in found] == list(range(len(found)))
        sizes = [sum(Path(f.path).stat().st_size for f in part.files) for part in found]
        assert all(size <= most or len(p.files) == 1 for p, size in zip(found, sizes, strict=True))
    assert len(parts_of(files)) == 1


def test_hashes_that_agree_by_chance_replace_nothing(tmp_path, plan, monkeypatch):
    """Where all hashes are the same, the text still decides."""
    from ebudget import sql
    from ebudget.ledger import statements

    monkeypatch.setattr(statements, "_hash", lambda policy: sql.cast(7, "UBIGINT"))
    for name in ("one", "two"):
        rows = [run(when=stamp(NOW), run_id=f"{name}-{i}", usd=1) for i in range(5)]
        write_jsonl(tmp_path, [*rows, rows[0]], f"{name}.jsonl")
    for cut in (parts_of, lambda files: parts_of(files, 0)):
        told, _ = figures([str(tmp_path)], plan, READINGS[0], cut)
        assert '"duplicates": 2' in told
        assert '"runs": 10' in told
