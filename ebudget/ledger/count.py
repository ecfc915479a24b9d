"""Canonical runs into the ledger's rows, and what else the records tell."""

from __future__ import annotations

import os
from dataclasses import replace

import polars as pl

from ebudget import sql
from ebudget.errors import InputError
from ebudget.ledger import statements
from ebudget.ledger.ledger import Ledger, frame_of
from ebudget.ledger.plan import Plan
from ebudget.ledger.survey import Moment, Survey
from ebudget.logs.intake import SHOWN_IGNORED, Intake
from ebudget.logs.keys import keys_of
from ebudget.logs.loading.load import several_outcome_names
from ebudget.logs.loading.loaded import Loaded
from ebudget.logs.paths import absent_optional_paths, check_mapped_paths, maybe_outcomes
from ebudget.logs.rejects import first_rejects, rejected
from ebudget.logs.runs import SAID_BY, WORD
from ebudget.logs.warehouse import Warehouse

LEDGER = "ledger"
"""The table of the ledger's rows."""
MOST_ROWS = 5_000_000
"""Rows of a ledger."""


def count(
    loaded: Loaded, plan: Plan, found: Survey, at: Moment, *, show_rejects: bool = False
) -> Ledger:
    """The ledger of runs that were surveyed. Raises InputError, StatementError."""
    warehouse = loaded.warehouse
    as_of, twice = at.as_of(found.last), found.duplicates > 0
    edges = plan.edges_at(as_of, found.first)
    warehouse.tick("grouping runs")
    frame = _grouped(warehouse, statements.ledger_statement(plan, edges, duplicates=twice), plan)
    intake = _intake(loaded, plan, found, at, frame, show_rejects=show_rejects)
    trees = tuple(warehouse.statements)
    newest = at.asked is None
    ledger = Ledger(plan, as_of, newest, edges, frame_of(plan, frame), intake, trees)
    return _with_outcome_names(warehouse, ledger, twice, several=several_outcome_names(loaded))


def _intake(
    loaded: Loaded,
    plan: Plan,
    found: Survey,
    at: Moment,
    frame: pl.DataFrame,
    *,
    show_rejects: bool,
) -> Intake:
    """What became of the records."""
    rejects, flawed = rejected(loaded)
    intake = Intake(
        files=len(loaded.sources.files),
        records=found.readable + found.duplicates + sum(rejects.values()),
        runs=found.readable - found.outside,
        duplicates=found.duplicates,
        duplicates_apart=found.apart,
        outside=found.outside,
        future=found.future,
        leads=found.leads,
        clocked=at.clocked,
        rejected=tuple(sorted(rejects.items())),
        flawed=flawed,
        first=found.first,
        last=found.last,
        rejects=first_rejects(loaded) if show_rejects and rejects else (),
        good=_says_good(loaded.warehouse, frame),
        said=frame.get_column("outcome").is_not_null().any(),
        key=plan.policy.logs.key,
        unreadable=tuple(loaded.unreadable),
        ignored=len(loaded.sources.ignored),
        ignored_names=tuple(map(os.path.basename, loaded.sources.ignored[:SHOWN_IGNORED])),
    )
    check_mapped_paths(loaded)
    if not intake.good and intake.runs:
        intake = replace(intake, maybe_outcomes=maybe_outcomes(loaded))
    if plan.thorough:
        absent = tuple(absent_optional_paths(loaded))
        intake = replace(intake, absent=absent, keys=keys_of(loaded))
    return intake


def _grouped(warehouse: Warehouse, statement: sql.Select, plan: Plan) -> pl.DataFrame:
    """The ledger's rows; refused where the columns part the runs too finely to be held."""
    made = sql.temporary("TABLE", LEDGER, statement)
    warehouse.note(made)
    warehouse.run(sql.written(made))
    ((rows,),) = warehouse.rows(sql.select(sql.count(), of=LEDGER))
    if rows > MOST_ROWS:
        counts = [sql.count_distinct(sql.column(name)) for name in plan.dimensions]
        (values,) = warehouse.rows(sql.select(*counts, of=LEDGER))
        count, name = max(zip(values, plan.dimensions, strict=True))
        raise InputError(
            f"the policy's columns part the runs into {rows:,} groups (at most {MOST_ROWS:,}): "
            f"{name!r} alone has {count:,} values; leave it out of for, each and by"
        )
    return warehouse.frame(sql.written(sql.select(sql.star(), of=LEDGER)))


def _says_good(warehouse: Warehouse, frame: pl.DataFrame) -> bool:
    """Whether any record of the whole input does; mostly the ledger's rows tell."""
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
    intake = replace(ledger.intake, words=words, said_by=names)
    return replace(ledger, intake=intake)
