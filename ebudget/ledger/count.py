"""Canonical runs of a part into the ledger's rows, and what else its records tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from ebudget import sql
from ebudget.errors import InputError
from ebudget.ledger import statements
from ebudget.ledger.duplicates import APART, mark
from ebudget.ledger.ledger import Ledger, frame_of
from ebudget.ledger.plan import Plan
from ebudget.ledger.pool import Call, Desk
from ebudget.ledger.survey import Totals
from ebudget.logs.intake import Intake
from ebudget.logs.loading.loaded import Loaded
from ebudget.logs.paths import mapped_values
from ebudget.logs.rejects import first_rejects, rejected
from ebudget.logs.runs import SAID_BY, WORD
from ebudget.logs.warehouse import Warehouse

LEDGER = "ledger"
"""The table of the ledger's rows."""
MOST_ROWS = 5_000_000
"""Rows of a ledger."""


@dataclass(frozen=True)
class Count(Call):
    """How the runs of a part are counted."""

    as_of: int
    edges: tuple[int, ...]
    totals: Totals
    losers: pl.DataFrame | None
    """The records that later ones replace; None where there are none."""
    several_names: bool
    """Whether the whole log may tell the outcome by more than one name."""
    show_rejects: bool


@dataclass(frozen=True)
class Counted:
    """What a part amounts to."""

    ledger: Ledger
    values: Mapping[str, int]
    """In how many records each mapped column has a value."""
    printed: tuple[tuple[sql.Tree, ...], tuple[sql.Select, ...], tuple[str, ...]]
    """The tables and the selects of the view, as `--sql` prints them, and the files they read."""


def count(desk: Desk, call: Count) -> Counted:
    """Count a part. Raises InputError, StatementError."""
    loaded, plan = desk.loaded(call.part), desk.job.plan
    warehouse, twice = loaded.warehouse, call.losers is not None
    if call.losers is not None:
        mark(loaded, call, call.losers)
    warehouse.tick("grouping runs")
    asked = statements.ledger_statement(plan, call.edges, duplicates=twice)
    frame = frame_of(plan, _grouped(warehouse, asked, plan))
    intake = _intake(desk, loaded, call, frame)
    newest = desk.job.at.asked is None
    ledger = Ledger(plan, call.as_of, newest, call.edges, frame, intake)
    ledger = _with_outcome_names(warehouse, ledger, twice, several=call.several_names)
    files = tuple(source.read_as for source in loaded.files)
    printed = tuple(loaded.tables), tuple(loaded.printed), files
    return Counted(ledger, mapped_values(loaded), printed)


def _intake(desk: Desk, loaded: Loaded, call: Count, frame: pl.DataFrame) -> Intake:
    """What became of the records of a part."""
    rejects, flawed = rejected(loaded)
    totals, losers = call.totals, call.losers
    duplicates = 0 if losers is None else len(losers)
    return Intake(
        files=len(loaded.files),
        records=totals.readable + duplicates + sum(rejects.values()),
        runs=totals.readable - totals.outside,
        duplicates=duplicates,
        duplicates_apart=0 if losers is None else int(losers.get_column(APART).sum()),
        outside=totals.outside,
        future=totals.future,
        leads=totals.leads,
        clocked=desk.job.at.clocked,
        rejected=tuple(sorted(rejects.items())),
        flawed=flawed,
        first=totals.first,
        last=totals.last,
        rejects=first_rejects(loaded) if call.show_rejects and rejects else (),
        good=_says_good(loaded.warehouse, frame),
        said=frame.get_column("outcome").is_not_null().any(),
        key=desk.job.plan.policy.logs.key,
        unreadable=tuple(loaded.unreadable),
    )


def _grouped(warehouse: Warehouse, statement: sql.Select, plan: Plan) -> pl.DataFrame:
    """The ledger's rows. Raises InputError where there are too many."""
    warehouse.run(sql.written(sql.temporary("TABLE", LEDGER, statement)))
    ((rows,),) = warehouse.rows(sql.select(sql.count(), of=LEDGER))
    if rows > MOST_ROWS:
        counts = [sql.count_distinct(sql.column(name)) for name in plan.dimensions]
        (values,) = warehouse.rows(sql.select(*counts, of=LEDGER))
        raise _too_many(rows, dict(zip(plan.dimensions, values, strict=True)))
    return warehouse.frame(sql.written(sql.select(sql.star(), of=LEDGER)))


def check_rows(ledger: Ledger) -> None:
    """Raises InputError where the columns part the runs too finely to be held."""
    frame = ledger.frame
    if len(frame) > MOST_ROWS:
        names = ledger.plan.dimensions
        raise _too_many(len(frame), {n: frame.get_column(n).n_unique() for n in names})


def _too_many(rows: int, values: Mapping[str, int]) -> InputError:
    count, name = max((count, name) for name, count in values.items())
    return InputError(
        f"the policy's columns part the runs into {rows:,} groups (at most {MOST_ROWS:,}): "
        f"{name!r} alone has {count:,} values; leave it out of for, each and by"
    )


def _says_good(warehouse: Warehouse, frame: pl.DataFrame) -> bool:
    """Whether any record of the part does; mostly the ledger's rows tell."""
    if frame.get_column("outcome").is_in(["success", "escalated"]).any():
        return True
    return bool(warehouse.rows(statements.judged_statement()))


def _with_outcome_names(
    warehouse: Warehouse, ledger: Ledger, duplicates: bool, *, several: bool
) -> Ledger:
    """The ledger with the outcome words that nobody knows, and the names of the outcome."""

    def tally(name: str) -> tuple[tuple[str, int], ...]:
        statement = statements.tally_statement(name, ledger.edges[-1], duplicates=duplicates)
        return tuple(warehouse.rows(statement))

    unknown = any(name.startswith("outcome:") for name, _ in ledger.rejected_values())
    words = tally(WORD) if unknown else ()
    mapped = "outcome" in ledger.plan.policy.logs.fields
    names = tally(SAID_BY) if several and not mapped else ()
    intake = replace(ledger.intake, all_words=words, all_names=names)
    return replace(ledger, intake=intake)
