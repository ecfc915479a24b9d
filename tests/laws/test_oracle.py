"""The engine against a second implementation of the arithmetic, and the laws that figures obey.

Every comparison is exact. The examples are the same in every run; to look for more, raise
EBUDGET_EXAMPLES, which multiplies their number and draws new ones.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import ebudget
import oracle
from canonical import read_values
from ebudget.errors import InputError
from oracle import Log
from strategies import RULES, Case, Field, cases, examples, fields
from support import conserves, figures, ledger_of, statement_of, written


def statement(case: Case, logs: Sequence[Log] | None = None, **options: Any) -> ebudget.Statement:
    """The engine's statement of a case, or of the same policy over other logs."""
    with written(case.logs if logs is None else logs) as paths:
        return read(case, paths, **options)


def read(case: Case, paths: Sequence[str], **options: Any) -> ebudget.Statement:
    found = statement_of(
        case.policy, paths, **{"clock": case.clock, "as_of": case.as_of, "threads": 1, **options}
    )
    assert conserves(found)
    return found


def whatever_the_files(found: ebudget.Statement) -> dict[str, Any]:
    """The figures of a statement, without the number of files."""
    told = figures(found)
    del told["intake"]["files"]
    return told


def records_of(case: Case) -> list[Any]:
    return [record for log in case.logs for record in log.records]


@examples(24)
@given(cases())
def test_every_figure_is_that_of_the_oracle(case: Case) -> None:
    with written(case.logs) as paths:
        logs = [Log(path, log.records) for path, log in zip(paths, case.logs, strict=True)]
        wanted = oracle.evaluate(
            case.policy, logs, RULES, clock=case.clock, as_of=case.as_of, days_of=case.days_of
        )
        assert figures(read(case, paths, days_of=case.days_of)) == wanted


@examples(14)
@given(fields())
def test_every_single_value_is_read_as_the_oracle_reads_it(field: Field) -> None:
    with tempfile.TemporaryDirectory() as folder:
        read = read_values(Path(folder), field.column, field.values, field.mapped, field.zone)
    logs = {"timezone": field.zone, "fields": {field.column: {"path": "value", **field.mapped}}}
    for value, found in zip(field.values, read, strict=True):
        try:
            wanted = oracle.read_column({"value": value}, field.column, logs)
        except oracle.Unreadable:
            assert (found.value, found.why is None) == (None, False), value
        else:
            assert found.value == wanted, value
            assert found.why is None or wanted is None is found.value, value
            assert found.why in (None, "no start_time"), value


@examples(3)
@given(cases(), st.lists(st.integers(0, 60), max_size=4))
def test_a_log_gives_the_same_figures_however_it_is_split(case: Case, cuts: list[int]) -> None:
    """Names that sort like the parts keep which of two records of a run comes later."""
    records = records_of(case)
    bounds = [0, *sorted(min(cut, len(records)) for cut in cuts), len(records)]
    parts = [
        Log(f"part-{index}.jsonl", records[low:high])
        for index, (low, high) in enumerate(pairwise(bounds))
    ]
    together = statement(case, [Log("whole.jsonl", records)])
    assert whatever_the_files(statement(case, parts)) == whatever_the_files(together)


@examples(3)
@given(cases(unique=True), st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_nothing(case: Case, random: Any) -> None:
    shuffled = [Log(log.path, random.sample(log.records, len(log.records))) for log in case.logs]
    assert figures(statement(case, shuffled)) == figures(statement(case))


@examples(3)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_arguments_changes_nothing(case: Case, random: Any) -> None:
    with written(case.logs) as paths:
        shuffled = random.sample(paths, len(paths))
        assert figures(read(case, shuffled)) == figures(read(case, paths))


@examples(3)
@given(cases())
def test_a_folder_is_its_files(case: Case) -> None:
    with written(case.logs) as paths:
        folder = str(Path(paths[0]).parent) if paths else None
        if folder is not None:
            assert figures(read(case, [folder])) == figures(read(case, paths))


@examples(3)
@given(cases())
def test_the_number_of_threads_changes_nothing(case: Case) -> None:
    with written(case.logs) as paths:
        assert figures(read(case, paths, threads=2)) == figures(read(case, paths, threads=1))


@examples(3)
@given(cases(unique=True), st.integers(0, 60))
def test_ledgers_of_disjoint_logs_add_up(case: Case, cut: int) -> None:
    records = records_of(case)
    options = {"clock": case.clock, "as_of": case.as_of or case.clock, "threads": 1}
    with written(
        [
            Log("all.jsonl", records),
            Log("first.jsonl", records[:cut]),
            Log("second.jsonl", records[cut:]),
        ]
    ) as paths:
        policy, whole = ledger_of(case.policy, paths[:1], **options)
        parts = [ledger_of(case.policy, [path], **options)[1] for path in paths[1:]]
    added = parts[0] + parts[1]
    assert_frame_equal(added.frame, whole.frame.select(added.frame.columns), check_row_order=False)
    assert whatever_the_files(ebudget.evaluate(policy, added)) == whatever_the_files(
        ebudget.evaluate(policy, whole)
    )
    assert figures(ebudget.evaluate(policy, parts[1] + parts[0])) == figures(
        ebudget.evaluate(policy, added)
    )


@examples(3)
@given(cases(), st.data())
def test_a_file_that_is_cut_is_refused_or_counts_as_if_it_were_not_there(
    case: Case, data: st.DataObject
) -> None:
    """For files that are of one piece: packed ones, arrays and Parquet."""
    endings = (".gz", ".zst", ".parquet", "array.json")
    whole = [log for log in case.logs if log.path.endswith(endings) and log.records]
    assume(whole)
    gone = data.draw(st.sampled_from(whole))
    with written(case.logs) as paths:
        path = next(Path(path) for path in paths if path.endswith(gone.path))
        content = path.read_bytes()
        path.write_bytes(content[: data.draw(st.integers(1, len(content) - 1))])
        with pytest.raises(InputError, match=re.escape(gone.path)):
            read(case, paths)
        rest = whatever_the_files(read(case, paths, skip_unreadable=True))
    left = [log for log in case.logs if log is not gone]
    assert rest == whatever_the_files(statement(case, left))


@examples(3)
@given(cases(clean=True))
def test_parquet_and_jsonl_of_the_same_records_give_the_same_figures(case: Case) -> None:
    def named(ending: str) -> list[Log]:
        return [
            Log(f"{index}.{ending}", log.records)
            for index, log in enumerate(case.logs)
            if log.records
        ]

    parquet = statement(case, named("parquet"))
    for ending in ("jsonl", "jsonl.gz"):
        assert figures(statement(case, named(ending))) == figures(parquet)


@examples(3)
@given(cases(unique=True), st.integers(2, 3))
def test_the_same_log_several_times_over_counts_as_often(case: Case, times: int) -> None:
    """Runs without a run_id are never duplicates."""
    records = [
        {**record, "run_id": None} if isinstance(record, dict) else record
        for record in records_of(case)
    ]
    once, often = (statement(case, [Log("log.jsonl", records * count)]) for count in (1, times))
    assert often.as_of == once.as_of
    assert often.intake.records == once.intake.records * times
    assert often.unlabelled == once.unlabelled * times
    for one, many in zip(once.accounts, often.accounts, strict=True):
        assert one.group == many.group
        for figure in ("selected", "eligible", "unlabelled", "unmeasured", "instant"):
            assert getattr(many, figure) == getattr(one, figure) * times, figure
        if one.allowed is not None and not one.instant and many.allowed is not None:
            assert many.spent == one.spent * times
