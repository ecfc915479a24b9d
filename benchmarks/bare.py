"""The bare scan: what policies/12.yaml asks of the logs, written by hand for DuckDB.

    python benchmarks/bare.py bench-data/10000000/runs.parquet

This is the limit that `ebudget report` is held against. It reads the same columns, removes the
same duplicates, makes the same groups and sums the same exact decimals, and nothing else: no
policy, no check of values, no verdict. It prints a few of its figures as JSON, so that the
benchmark can see that both did the same work.
"""

import json
import os
import sys
import tempfile
from datetime import datetime, timedelta

import duckdb

TEXTS = (
    "run_id",
    "workflow",
    "action_type",
    "risk_tier",
    "segment",
    "environment",
    "outcome",
    "failure_reason",
)
MONEY = ("cost_usd", "cleanup_minutes")
NUMBERS = ("duration_ms", "score")

DECIMAL = "DECIMAL(38, 9)"

CONDITIONS = (
    "failure_reason = 'weak_phrasing'",
    "failure_reason = 'wrong_owner'",
    "failure_reason IN ('stale_fact', 'contradiction')",
    "failure_reason = 'private_data' AND environment = 'prod'",
    "duration_ms > 28000",
    "duration_ms IS NULL",
    "score < 0.2",
    "score IS NULL",
)

WINDOWS = (
    *(timedelta(minutes=m) for m in (5, 30)),
    *(timedelta(hours=h) for h in (1, 2, 6)),
    *(timedelta(days=d) for d in (1, 3, 7, 21, 28, 30)),
)


def before_month(as_of: datetime) -> datetime:
    """The last microsecond before the month of as_of."""
    return datetime(as_of.year, as_of.month, 1) - timedelta(microseconds=1)


def before_week(as_of: datetime) -> datetime:
    """The last microsecond before the Monday of as_of's week."""
    monday = as_of - timedelta(days=as_of.weekday())
    return datetime(monday.year, monday.month, monday.day) - timedelta(microseconds=1)


def window_edges(as_of: datetime) -> list[datetime]:
    """Every instant after which a window begins: rolling ones, this week and this month."""
    rolling = {as_of - window for window in WINDOWS}
    return sorted(rolling | {before_week(as_of), before_month(as_of)})


def bucket(edges: list[datetime], low: int, high: int) -> str:
    """How many edges lie before start_time, by halving."""
    if low == high:
        return str(low)
    middle = (low + high) // 2
    return (
        f"CASE WHEN start_time > TIMESTAMP '{edges[middle]}' "
        f"THEN {bucket(edges, middle + 1, high)} ELSE {bucket(edges, low, middle)} END"
    )


def loaded(connection: duckdb.DuckDBPyConnection, path: str, folder: str) -> str:
    """The logs as a table: Parquet where it is, JSON lines once into a Parquet file of its own."""
    if path.endswith(".parquet"):
        return f"read_parquet('{path}', filename = true, file_row_number = true)"
    names = ("start_time", *TEXTS, *MONEY, *NUMBERS)
    keys = ", ".join(f"{name}: 'VARCHAR'" for name in names)
    values = ", ".join(
        (
            "TRY_CAST(start_time AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS start_time",
            *TEXTS,
            *(f"TRY_CAST({name} AS {DECIMAL}) AS {name}" for name in MONEY),
            *(f"TRY_CAST({name} AS DOUBLE) AS {name}" for name in NUMBERS),
            "filename",
        )
    )
    target = os.path.join(folder, "runs.parquet")
    connection.execute(f"""
        COPY (
            SELECT {values}
            FROM read_json('{path}', format = 'newline_delimited', columns = {{{keys}}},
                           ignore_errors = true, filename = true)
        ) TO '{target}' (FORMAT parquet, COMPRESSION lz4_raw)
    """)
    return f"read_parquet('{target}', file_row_number = true)"


def drop_duplicates(connection: duckdb.DuckDBPyConnection, runs: str) -> int:
    """Make the table of the records that a later one of the same run_id replaces."""
    connection.execute(f"""
        CREATE TEMP TABLE losers AS
        SELECT filename, file_row_number FROM (
            SELECT filename, file_row_number, row_number() OVER (
                PARTITION BY workflow, run_id
                ORDER BY start_time DESC, filename DESC, file_row_number DESC) AS rank
            FROM {runs}
            WHERE start_time IS NOT NULL AND run_id IN (
                SELECT run_id FROM {runs} WHERE start_time IS NOT NULL
                GROUP BY workflow, run_id HAVING count(*) > 1)
        ) WHERE rank > 1
    """)
    return len(connection.execute("SELECT 1 FROM losers").fetchall())


def main(path: str) -> None:
    """Read, remove duplicates, group; print what came out."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        for setting in (
            "TimeZone = 'UTC'",
            "memory_limit = '1GB'",
            f"temp_directory = '{folder}/spill'",
            "enable_progress_bar = false",
        ):
            connection.execute(f"SET {setting}")
        runs = loaded(connection, path, folder)
        newest, present, distinct = connection.execute(f"""
            SELECT max(start_time), count(run_id), count(DISTINCT run_id)
            FROM {runs} WHERE start_time IS NOT NULL
        """).fetchall()[0]
        duplicates, unique = 0, ""
        if distinct < present:
            duplicates = drop_duplicates(connection, runs)
            unique = "ANTI JOIN losers USING (filename, file_row_number)"
        edges = window_edges(newest)
        flags = " + ".join(
            f"CASE WHEN {condition} THEN {1 << bit} ELSE 0 END"
            for bit, condition in enumerate(CONDITIONS)
        )
        sums = ", ".join(
            f"sum(TRY_CAST({name}::VARCHAR AS {DECIMAL})), count({name})"
            if path.endswith(".parquet")
            else f"sum({name}), count({name})"
            for name in MONEY
        )
        groups = connection.execute(f"""
            SELECT workflow, action_type, risk_tier, segment, environment, outcome,
                   {flags} AS flags, {bucket(edges, 0, len(edges))} AS bucket, count(*), {sums}
            FROM {runs} {unique}
            WHERE start_time IS NOT NULL
            GROUP BY ALL
        """).fetchall()
    month = edges.index(before_month(newest))
    cost: dict[str, float] = {}
    for workflow, _, _, _, environment, _, _, place, _, dollars, *_ in groups:
        if environment == "prod" and place > month and dollars is not None:
            cost[workflow] = cost.get(workflow, 0) + dollars
    print(
        json.dumps(
            {
                "runs": sum(group[8] for group in groups),
                "duplicates": duplicates,
                "groups": len(groups),
                "cost_of_month": {name: float(cost[name]) for name in sorted(cost)},
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
