"""Small logs and whole policies, drawn from menus that aim at the edges of the arithmetic."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from oracle import (
    DAY,
    LEAD,
    PERIODS,
    Log,
    Run,
    alert_rows,
    allow_of,
    duration,
    number_of,
    read_outcome,
    read_text,
    round9,
    to_instant,
    to_micros,
    to_moment,
    window_of,
)
from support import line_of, stamp

MORE = int(os.environ.get("EBUDGET_EXAMPLES", "1"))


def examples(count: int) -> settings:
    """So many examples, the same ones each time unless more are asked for."""
    return settings(
        max_examples=count * MORE,
        deadline=None,
        derandomize=MORE == 1,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


# Conditions and expressions: the text that the policy holds, beside what it means


def both(*parts: bool | None) -> bool | None:
    """SQL's `and`: false wins over null."""
    if any(part is False for part in parts):
        return False
    return None if None in parts else True


def either(*parts: bool | None) -> bool | None:
    """SQL's `or`: true wins over null."""
    if any(part is True for part in parts):
        return True
    return None if None in parts else False


@dataclass(frozen=True)
class Text:
    """What a text of the policy means for a run, and the columns that it names."""

    reads: tuple[str, ...]
    meaning: Callable[[Run], Any]

    def __call__(self, run: Run) -> Any:
        return self.meaning(run)


def compare(column: str, test: Callable[[Any], bool]) -> Text:
    """A comparison with a column, null where the column is."""
    return Text((column,), lambda run: None if run[column] is None else test(run[column]))


def filled(column: str, default: Any, test: Callable[[Any], bool]) -> Text:
    """A comparison with `coalesce(column, default)`, which is never null."""
    return Text((column,), lambda run: test(default if run[column] is None else run[column]))


def all_of(*parts: Text) -> Text:
    reads = tuple(dict.fromkeys(column for part in parts for column in part.reads))
    return Text(reads, lambda run: both(*(part(run) for part in parts)))


def any_of(*parts: Text) -> Text:
    reads = tuple(dict.fromkeys(column for part in parts for column in part.reads))
    return Text(reads, lambda run: either(*(part(run) for part in parts)))


def is_known(column: str) -> Text:
    return Text((column,), lambda run: run[column] is not None)


REASONS: dict[str, Text] = {
    "failure_reason = 'wrong_owner'": compare("failure_reason", lambda v: v == "wrong_owner"),
    "failure_reason in ('stale_fact', 'contradiction')": compare(
        "failure_reason", lambda v: v in ("stale_fact", "contradiction")
    ),
    "failure_reason like 'stale%'": compare("failure_reason", lambda v: v.startswith("stale")),
    "action_type = 'send_email' and approved is not true": all_of(
        compare("action_type", lambda v: v == "send_email"),
        Text(("approved",), lambda run: run["approved"] is not True),
    ),
    "risk_tier = 'high' and retries >= 1": all_of(
        compare("risk_tier", lambda v: v == "high"), compare("retries", lambda v: v >= 1)
    ),
    "cost_usd > 100": compare("cost_usd", lambda v: v > 100),
    "outcome = 'escalated'": compare("outcome", lambda v: v == "escalated"),
    "outcome is null": Text(("outcome",), lambda run: run["outcome"] is None),
    "outcome <> 'success'": compare("outcome", lambda v: v != "success"),
    "version = '2'": compare("version", lambda v: v == "2"),
    "score < 0.5 and outcome = 'failure'": all_of(
        compare("score", lambda v: v < Fraction(1, 2)),
        compare("outcome", lambda v: v == "failure"),
    ),
    "coalesce(retries, 0) > 2": filled("retries", 0, lambda v: v > 2),
}
MEASURES: dict[str, Text] = {
    "duration_ms > 800": compare("duration_ms", lambda v: v > 800),
    "cost_usd >= 1.25": compare("cost_usd", lambda v: v >= Fraction(5, 4)),
    "retries > 1 or failure_reason is not null": any_of(
        compare("retries", lambda v: v > 1), is_known("failure_reason")
    ),
    "outcome = 'failure' and cleanup_minutes > 5": all_of(
        compare("outcome", lambda v: v == "failure"), compare("cleanup_minutes", lambda v: v > 5)
    ),
    "outcome = 'infrastructure'": compare("outcome", lambda v: v == "infrastructure"),
    "not (segment = 'vip')": compare("segment", lambda v: v != "vip"),
    "cleanup_minutes between 5 and 30": compare("cleanup_minutes", lambda v: 5 <= v <= 30),
    "coalesce(retries, 0) > 0": filled("retries", 0, lambda v: v > 0),
    "coalesce(score, 1) < 0.6": filled("score", 1, lambda v: v < Fraction(3, 5)),
    "coalesce(duration_ms, 900) > 800 or segment = 'vip'": any_of(
        filled("duration_ms", 900, lambda v: v > 800), compare("segment", lambda v: v == "vip")
    ),
    "coalesce(workflow, '') = 'triage' or coalesce(environment, 'dev') = 'dev'": any_of(
        filled("workflow", "", lambda v: v == "triage"),
        filled("environment", "dev", lambda v: v == "dev"),
    ),
    "coalesce(outcome, 'none') in ('failure', 'none')": filled(
        "outcome", "none", lambda v: v in ("failure", "none")
    ),
    "coalesce(run_id, '') <> 'x' and coalesce(retries, 0) > 0": all_of(
        filled("run_id", "", lambda v: v != "x"), filled("retries", 0, lambda v: v > 0)
    ),
    "1 = 1": Text((), lambda run: True),
    "cost_usd / retries > 1": Text(
        ("cost_usd", "retries"),
        lambda run: (
            None
            if run["cost_usd"] is None or not run["retries"]
            else run["cost_usd"] / run["retries"] > 1
        ),
    ),
    "approved": Text(("approved",), lambda run: run["approved"]),
}
CONDITIONS: dict[str, Text] = REASONS | MEASURES
OUTCOME_CONDITIONS: dict[str, Text] = {
    "failure_reason is not null": is_known("failure_reason"),
    "failure_reason = 'contradiction'": compare("failure_reason", lambda v: v == "contradiction"),
    "duration_ms > 10000": compare("duration_ms", lambda v: v > 10_000),
    "retries >= 3": compare("retries", lambda v: v >= 3),
    "retries = 2": compare("retries", lambda v: v == 2),
    "approved": CONDITIONS["approved"],
    "action_type = 'search'": compare("action_type", lambda v: v == "search"),
    "risk_tier = 'high'": compare("risk_tier", lambda v: v == "high"),
    "score >= 0.7": compare("score", lambda v: v >= Fraction(7, 10)),
    "cost_usd > 100": CONDITIONS["cost_usd > 100"],
}
"""What may decide an outcome; none reads the column outcome."""


def column(name: str) -> Text:
    return Text((name,), lambda run: run[name])


def computed(*names: str, by: Callable[..., Any]) -> Text:
    """An expression that is null as soon as one of its columns is."""

    def amount(run: Run) -> Any:
        values = [run[name] for name in names]
        return None if None in values else by(*values)

    return Text(names, amount)


AMOUNTS: dict[str, Text] = {
    "cost_usd": column("cost_usd"),
    "cleanup_minutes": column("cleanup_minutes"),
    "retries": column("retries"),
    "review_minutes + cleanup_minutes": computed(
        "review_minutes", "cleanup_minutes", by=lambda a, b: a + b
    ),
    "coalesce(review_minutes, 0) + coalesce(cleanup_minutes, 0)": Text(
        ("review_minutes", "cleanup_minutes"),
        lambda run: (
            (run["review_minutes"] or Fraction(0)) + (run["cleanup_minutes"] or Fraction(0))
        ),
    ),
    "coalesce(cost_usd, 0)": Text(("cost_usd",), lambda run: run["cost_usd"] or Fraction(0)),
    "coalesce(score, 2)": Text(
        ("score",), lambda run: Fraction(2) if run["score"] is None else run["score"]
    ),
    "cost_usd * 1.5": computed("cost_usd", by=lambda a: a * Fraction(3, 2)),
    "cost_usd / 3": computed("cost_usd", by=lambda a: a / 3),
    "duration_ms / 1000": computed("duration_ms", by=lambda a: a / 1000),
    "case when outcome = 'failure' then cleanup_minutes else 0 end": Text(
        ("outcome", "cleanup_minutes"),
        lambda run: run["cleanup_minutes"] if run["outcome"] == "failure" else Fraction(0),
    ),
}


def bounded(amount: Text) -> Text:
    """What one run spends is below 10^18, or null."""

    def meaning(run: Run) -> Any:
        value = amount(run)
        return None if value is None or abs(round9(value)) >= 10**18 else value

    return Text(amount.reads, meaning)


RULES: dict[str, Text] = (
    CONDITIONS | OUTCOME_CONDITIONS | {text: bounded(one) for text, one in AMOUNTS.items()}
)


# Times: mostly at the edges of windows

ANCHORS = (
    ("UTC", "2026-11-20T12:00:00+00:00"),
    ("UTC", "2026-01-01T00:00:00+00:00"),
    ("UTC", "2028-02-29T23:59:59.999999+00:00"),
    ("Europe/Berlin", "2026-03-29T12:00:00+02:00"),
    ("Europe/Berlin", "2026-10-25T02:30:00+01:00"),
    ("Europe/Berlin", "2026-03-31T23:59:59.999999+02:00"),
    ("America/New_York", "2026-11-01T00:00:00-04:00"),
    ("America/New_York", "2026-03-08T12:00:00.123456-04:00"),
    ("Atlantic/Azores", "2026-10-25T06:00:00-01:00"),
    ("Atlantic/Azores", "2026-03-29T05:00:00+00:00"),
    ("Asia/Kathmandu", "2026-07-01T00:00:00.000001+05:45"),
    ("America/Havana", "2025-11-02T08:00:00-05:00"),
)
"""Zones, each with an instant on a day that is hard for it."""


def edges(policy: Mapping[str, Any], as_of: int) -> list[int]:
    """Instants at which a run is just inside a window of the policy, or just outside."""
    starts = [as_of]
    for budget in policy["budgets"].values():
        window = window_of(budget.get("window", "30d"), as_of, ZoneInfo(policy["timezone"]))
        starts.append(window.after)
        for row in alert_rows(budget, window.length):
            starts += [as_of - duration(row[0]), as_of - duration(row[1])]
        allow = allow_of(budget)
        for form in (allow, *_values(allow)):
            if isinstance(form, dict) and "over" in form:
                over = duration(form["over"])
                starts += [window.after - over, *[window.after - over // 2] * 6]
    return [start + jitter for start in starts for jitter in (0, 1)]


def _values(allow: Any) -> tuple[Any, ...]:
    return tuple(allow.values()) if isinstance(allow, dict) else ()


@dataclass(frozen=True)
class Case:
    """A policy, the logs it is held against, and what the machine's clock says."""

    policy: dict[str, Any]
    logs: tuple[Log, ...]
    clock: datetime
    as_of: datetime | None
    days_of: tuple[str, ...] = ()
    """The budgets whose burn-down is wanted."""


# Logs

TEXTS: dict[str, Sequence[Any]] = {
    "workflow": ("triage", "sales", "triage", "ops", None),
    "risk_tier": (None, "low", "high", "odd"),
    "segment": ("vip", "smb", None, "é", "Z"),
    "environment": ("prod", "prod-eu", "dev", None),
    "action_type": ("send_email", "search", None),
    "failure_reason": (None, None, None, "wrong_owner", "stale_fact", "stale", "contradiction"),
}
OUTCOMES = (
    "success",
    "success",
    "success",
    "failure",
    "ok",
    "failed",
    "escalated",
    "infrastructure",
    None,
    "shipped",
    "handed_over",
    "FAILURE",
    "timeout",
    "Cancelled",
)
ODD_OUTCOMES = (True, False, "shrug", "pending", 1, "", " aborted ", "TIMED_OUT", "limbo")
MEASURED: dict[str, Sequence[Any]] = {
    "cost_usd": (None, 0, 1, 3, 250, "0.1", "1.25", "2.000000001", "0.000000001"),
    "duration_ms": (None, 0, 800, 801, 12500.5),
    "retries": (None, 0, 1, 2, 3),
    "review_minutes": (None, 0, "12.5"),
    "cleanup_minutes": (None, 0, 5, 30, "7.25"),
}
ODD_NUMBERS = (
    *("n/a", "", True, "NaN", "1_000", "0x1F", "1,5", "$1", [], {"total": 5}, "1e400", "5-"),
    *(" 3 ", "+3", ".5", "5.", "3e2", "1E-3", "-0", -1, "-2.5", 1e-9, 1e-12, 0.30000000000000004),
    *(0.1, "0.1234567895", "-0.1234567895", 12.5, "0.4999999999999999999", 1.0, "2", 0.5),
    *(999999999999999999, "999999999999999999.9999999994", "999999999999999999.9999999995"),
    *(10**18, -(10**18), 2.5e27, "1" + "0" * 30, 1e300, "0." + "0" * 20 + "1"),
)
"""What a column of numbers may hold besides numbers as they should be."""
DIVIDED = ("cost_usd", "duration_ms")
"""What rules divide, which is worked out to about 15 digits."""
SMALLER = tuple(one for one in ODD_NUMBERS if abs(number_of(one) or 0) < 10**6)
RAW_RECORDS = ('{"start_time": }', "null", "[1]", '"text"', "17", '{"outcome": "success"}')
NAMES = (
    "b.jsonl",
    "a.jsonl",
    "C.jsonl",
    "é.jsonl",
    "z.jsonl.gz",
    "p.parquet",
    "p-9.jsonl",
    "p-09.jsonl",
    "p-10.jsonl",
    "y.jsonl.zst",
    "array.json",
    "array.json.gz",
    "pretty.json",
    "table.csv",
    "table-2.csv.zst",
)
VOICES = (*("all",) * 7, "silent", "failures", "failures")
SIZES = (6, 3, 12, 20, 30, 40, 50, 60)


def _times(draw: st.DrawFn, anchor: int, marks: Sequence[int]) -> list[int]:
    """A few instants that the runs of a log share."""
    near = st.integers(0, 6 * 3600 * 10**6).map(lambda before: anchor - before)
    mark = st.sampled_from(marks)
    return [anchor, *draw(st.lists(st.one_of(mark, mark, mark, near), min_size=1, max_size=12))]


def _template(draw: st.DrawFn, clean: bool) -> dict[str, Any]:
    """One kind of run."""
    record: dict[str, Any] = {key: draw(st.sampled_from(menu)) for key, menu in TEXTS.items()}
    record["outcome"] = draw(st.sampled_from(OUTCOMES if clean else (*OUTCOMES, *ODD_OUTCOMES)))
    for key, menu in MEASURED.items():
        is_odd = not clean and draw(st.integers(0, 3)) == 0
        odd = SMALLER if key in DIVIDED else ODD_NUMBERS
        record[key] = draw(st.sampled_from(odd if is_odd else menu))
    if draw(st.integers(0, 3)) == 0:
        record["end_time"] = draw(st.sampled_from((800_000, 800_001, 10**9)))
    if draw(st.integers(0, 3)) == 0:
        record["score"] = draw(st.sampled_from((None, "0.25", "0.7", "1")))
    record["meta"] = {"approved": draw(st.sampled_from((True, False, None)))}
    return record


def _voiced(outcome: Any, voice: str) -> Any:
    """What a log says of an outcome if it is silent, or names failures only."""
    if voice == "silent" or outcome is None:
        return None
    if voice == "failures":
        named = {"success": ["shipped"], "escalated": ["handed_over"]}
        meant = read_outcome(read_text(outcome), {"outcomes": named})[0]
        return None if meant in ("success", "escalated") else outcome
    return outcome


def _spelled(draw: st.DrawFn, micros: int, zone: ZoneInfo, unzoned: ZoneInfo) -> Any:
    """An instant in one of the ways in which logs write one."""
    way = draw(st.sampled_from(("utc", "utc", "zone", "zone", "number", "naive", "naive", "odd")))
    if way == "number":
        return draw(st.sampled_from(epochs(micros)))
    local = to_moment(micros).astimezone(unzoned)
    if way == "naive" and to_instant(local.replace(tzinfo=None), unzoned) == micros:
        return draw(st.sampled_from(written(local)))
    if way == "zone":
        there = to_moment(micros).astimezone(zone)
        return draw(st.sampled_from(with_offset(there)))
    if way == "odd":
        return draw(st.sampled_from(ODD_TIMES))
    return draw(st.sampled_from(with_offset(to_moment(micros))))


def epochs(micros: int) -> tuple[Any, ...]:
    """An instant as an epoch: numbers and texts, in every unit that holds it."""
    found: list[Any] = [micros, str(micros), micros * 1000 + 999]
    seconds, rest = divmod(micros, 10**6)
    found.append(f"{seconds}.{rest:06}789")
    if rest % 1000 == 0:
        found.append(micros // 1000)
    return tuple(found if rest else [*found, seconds, f"{seconds}.0"])


def written(moment: datetime) -> tuple[str, ...]:
    """A moment of a clock in the ways of ISO 8601 and its relatives, without a zone."""
    parts = moment.replace(tzinfo=None)
    long, basic = parts.isoformat(sep=" "), parts.strftime("%Y%m%dT%H%M%S")
    found = [long, long.replace(" ", "T"), long.replace(" ", "t"), long.replace(".", ",")]
    if parts.microsecond:
        return (*found, long + "999", f"{basic},{parts.microsecond:06}9")
    found += [basic, f"{long}.0", f"{parts:%Y/%m/%d %H:%M:%S}"]
    if not parts.second:
        found += [f"{parts:%Y-%m-%d %H:%M}", f"{parts:%Y%m%dT%H%M}"]
        if not parts.minute:
            found += [f"{parts:%Y-%m-%dT%H}"]
            if not parts.hour:
                before = parts - timedelta(days=1)
                found += [f"{parts:%Y-%m-%d}", f"{parts:%Y%m%d}", f"{before:%Y-%m-%dT24:00:00}"]
        if not parts.minute and not parts.hour:
            found.append(f"{parts - timedelta(seconds=1):%Y-%m-%d %H:%M}:60")
    return tuple(found)


def with_offset(moment: datetime) -> tuple[str, ...]:
    """An aware moment with its offset, in the ways in which one is written."""
    offset = moment.utcoffset() or timedelta()
    total = offset // timedelta(minutes=1)
    sign, (hours, minutes) = "-" if total < 0 else "+", divmod(abs(total), 60)
    ends = [f"{sign}{hours:02}:{minutes:02}", f"{sign}{hours:02}{minutes:02}"]
    ends += [" " + ends[0], f" {ends[1]} XYZ", f"{ends[0]}[Some/Where]"]
    ends += [f"{sign}{hours:02}"] if not minutes else []
    if not total:
        ends += ["Z", "Z", "z", " UTC", "UTC", " gmt", " Z", "Z[UTC]", " Etc/UTC"]
    clocks = [text for text in written(moment) if re.search("[tT ]", text)]
    return tuple(clock + end for clock in clocks for end in ends)


ODD_TIMES = (
    *(0, "0", -1, 20261120, 631152000, 631151999, "1990-01-01", "0001-01-01T00:00:00Z", 1e300),
    *("epoch", "infinity", "", "soon", "1_764_576_000", "2026", "2026-11", True, [1], {"at": 5}),
    *("2026-11-20T10:00:00+25:00", "2026-11-20 10:00:00 -0275", "2026-11-20T10:00:61Z"),
    *("2026-11-20T10:30:60Z", "2026-02-30", "20261301", "2026-11-20 10:00:00 Nowhere/Land"),
    *("2026-11-20T25:00", "2026-11-20T10:00.5", "99999-01-01", "9998-12-31T23:59:59-01:00"),
    *("2026-06-30T19:59:60.5-04:00", "2026-06-30 23:59:60 Europe/Paris", "2026-10-25 02:30:00 CET"),
    *("2026-07-01 10:00:00 BST", "2026-11-20 10:00:00 PST", "2026/1/2", "2026-11-20T10:00 UTC+2"),
)
"""Times before 1990, times that are none, and leap seconds."""


def _raw_records(name: str) -> Sequence[str]:
    """Records that are none, as a file of this name may hold them."""
    if name.startswith("array"):
        return tuple(record for record in RAW_RECORDS if record != '{"start_time": }')
    return () if name.startswith(("pretty", "table")) else RAW_RECORDS


def as_row(record: dict[str, Any]) -> dict[str, Any]:
    """A record as a table holds it: flat, and every value a text or nothing."""

    def cell(value: Any) -> str | None:
        plain = value is None or isinstance(value, str)
        return value if plain else json.dumps(value, ensure_ascii=False)

    flat = {key: value for key, value in record.items() if key != "meta"}
    flat |= {f"meta.{key}": value for key, value in record.get("meta", {}).items()}
    return {key: cell(value) for key, value in flat.items()}


@st.composite
def logs(
    draw: st.DrawFn,
    anchor: int,
    zone: ZoneInfo,
    marks: Sequence[int],
    unzoned: ZoneInfo,
    clean: bool = False,
    unique: bool = False,
) -> tuple[Log, ...]:
    """One to three files of runs at the marks, at the anchor, and shortly before it.

    `unzoned` is the zone of times without one. `clean`: nothing that Parquet could not hold;
    `unique`: no duplicates.
    """
    times = _times(draw, anchor, marks)
    if not clean and draw(st.integers(0, 5)) == 0:
        times += [anchor + 1, anchor + LEAD, anchor + LEAD + 1, anchor + 3 * LEAD]
        times += [anchor + draw(st.sampled_from((1, 90))) * DAY]
    if not unique and draw(st.integers(0, 3)) == 0:
        times += [anchor - DAY, anchor - DAY - 1]
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    found = []
    voice = draw(st.sampled_from(VOICES))
    serial = 0
    for name in names:
        flat = clean or name.endswith(".parquet")
        raw = () if flat else _raw_records(name)
        kinds = [_template(draw, flat) for _ in range(draw(st.integers(1, 5)))]
        records: list[dict[str, Any] | str] = []
        empty = draw(st.integers(0, 30)) == 30
        for _ in range(0 if empty else draw(st.sampled_from(SIZES)) // len(names)):
            serial += 1
            if raw and draw(st.integers(0, 20)) == 0:
                records.append(draw(st.sampled_from(raw)))
                continue
            record = dict(draw(st.sampled_from(kinds)))
            moment = draw(st.sampled_from(times))
            record["start_time"] = (
                stamp(to_moment(moment)) if flat else _spelled(draw, moment, zone, unzoned)
            )
            if "end_time" in record:
                end = moment + record["end_time"]
                plain = flat or draw(st.booleans())
                record["end_time"] = (
                    stamp(to_moment(end)) if plain else _spelled(draw, end, zone, unzoned)
                )
            ids = (None, f"r{serial}") if unique else (None, f"r{serial}", "r1", "r2", "r3")
            record["run_id"] = draw(st.sampled_from(ids))
            record["outcome"] = _voiced(record["outcome"], voice)
            records.append(as_row(record) if ".csv" in name and not clean else record)
        ends_in_run = bool(records) and isinstance(records[-1], dict) and name.endswith(".jsonl")
        if ends_in_run and not flat and draw(st.integers(0, 7)) == 0:
            line = line_of(records[-1])
            records[-1] = line[: draw(st.integers(1, len(line) - 1))].rstrip() or "{"
        if records or not name.endswith(".parquet"):
            found.append(Log(name, tuple(records)))
    return tuple(found)


@dataclass(frozen=True)
class Field:
    """Values of a log for one column, and how the policy maps it."""

    column: str
    values: tuple[Any, ...]
    mapped: dict[str, Any]
    zone: str


SCALES = (1, 10, 3600, "0.3", "0.001", "0.000000001", "0.277777778", "123456789.123456789", 10**17)
ZONES = ("UTC", "UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Atlantic/Azores")


def numbers() -> st.SearchStrategy[Any]:
    """Numbers and what is none, as JSON values: at the limits, at ties, in odd spellings."""
    digits = st.decimals(
        allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20
    )
    ties = st.builds(
        lambda units, places: f"{units}5e-{places}",
        st.integers(-(10**6), 10**6),
        st.integers(1, 19),
    )
    return st.one_of(
        st.sampled_from(ODD_NUMBERS),
        st.integers(-(10**30), 10**30),
        st.integers(-5, 5).map(lambda apart: 10**18 + apart),
        st.floats(allow_nan=False, allow_infinity=False),
        digits.map(str),
        ties,
    )


def times(zone: ZoneInfo) -> st.SearchStrategy[Any]:
    """Times of the years 1985 to 2037 in every spelling, and what is none."""
    of_log = st.builds(
        lambda micros, unit: micros // unit * unit,
        st.integers(473385600 * 10**6, 2145916800 * 10**6),
        st.sampled_from((1, 1000, 10**6, 60 * 10**6, 3600 * 10**6, DAY)),
    )
    spelled = of_log.flatmap(
        lambda micros: st.sampled_from(
            (
                *epochs(micros),
                *written(to_moment(micros).astimezone(zone)),
                *with_offset(to_moment(micros)),
                *with_offset(to_moment(micros).astimezone(ZoneInfo("America/St_Johns"))),
            )
        )
    )
    numbers_too = st.integers(-(10**19), 10**19)
    return st.one_of(spelled, spelled, spelled, st.sampled_from(ODD_TIMES), numbers_too)


@st.composite
def fields(draw: st.DrawFn) -> Field:
    """One column of one log."""
    zone = draw(st.sampled_from(ZONES))
    column = draw(st.sampled_from(("cost_usd", "retries", "start_time", "end_time", "due", "flag")))
    mapped: dict[str, Any] = {}
    if column in ("cost_usd", "retries"):
        values = numbers()
        mapped["scale"] = draw(st.sampled_from(SCALES))
    elif column == "flag":
        values = st.one_of(st.booleans(), st.sampled_from(("Yes", " f ", "on", 1, 0, 2, [], "")))
        mapped["type"] = "boolean"
    else:
        values = times(ZoneInfo(zone))
        mapped |= {"type": "time"} if column == "due" else {}
    found = draw(st.lists(values, min_size=1, max_size=60))
    if draw(st.booleans()):
        plain = [str(one) for one in found if isinstance(one, int | str) and one is not True]
        listed = st.sampled_from([*[one for one in plain if number_of(one) is not None], "0", "-1"])
        mapped["null_if"] = draw(st.lists(listed, min_size=1, max_size=3))
    return Field(column, tuple(found), mapped, zone)


# Policies

PERCENTS = ("0%", "0.5%", "1%", "10%", "12.5%", "50%", "100%")


LINES: dict[str, Sequence[str]] = {
    "segment": ("vip", "smb", "é"),
    "environment": ("prod", "dev"),
    "workflow": ("triage", "sales"),
    "risk_tier": ("high", "odd"),
    "approved": ("true", "false"),
    "outcome": ("success", "failure"),
}
"""Columns that a map of allowances may be by, and values that may have a line."""


def allowances(valued: bool) -> st.SearchStrategy[Any]:
    ratio = st.sampled_from(PERCENTS)
    count = st.sampled_from((0, 1, 2, 5, "2.5", 10))
    per = st.fixed_dictionaries(
        {"amount": st.sampled_from((0, 1, 5, "0.25", 90)), "per": st.sampled_from((1, 10, 100))}
    )
    value = st.fixed_dictionaries({"of_value": st.sampled_from(("0%", "5%", "60%", "120%"))})
    baseline = st.fixed_dictionaries(
        {
            "of_baseline": st.sampled_from(("0%", "50%", "100%", "115%")),
            "over": st.sampled_from(("12h", "7d", "14d")),
        }
    )
    band = st.builds(
        lambda form, share, over: {form: share, "over": over},
        st.sampled_from(("above_baseline", "around_baseline")),
        st.sampled_from(("0%", "15%", "50%", "100%")),
        st.sampled_from(("12h", "7d", "14d")),
    )
    values = [value] if valued else []
    plain = st.one_of(ratio, ratio, count, per, baseline, band, *values)
    tiers = st.dictionaries(
        st.sampled_from(("low", "high", "medium", "critical", "default")),
        plain,
        min_size=1,
        max_size=3,
    )
    lines = st.sampled_from(tuple(LINES)).flatmap(
        lambda column: st.builds(
            lambda lines: {"by": column, **lines},
            st.dictionaries(
                st.sampled_from((*LINES[column], "default")), plain, min_size=1, max_size=3
            ),
        )
    )
    return st.one_of(plain, plain, plain, plain, tiers, lines)


def spends(failures: Sequence[str]) -> st.SearchStrategy[dict[str, Any]]:
    classes = st.one_of(
        st.sampled_from(("A+", "B+", "C+", "D+", "B")),
        st.lists(st.sampled_from("ABCD"), min_size=1, max_size=3, unique=True),
        st.dictionaries(
            st.sampled_from("ABCD"),
            st.sampled_from((1, 3, "0.5", 10, "all", "all")),
            min_size=1,
            max_size=4,
        ),
    )
    forms = [
        st.fixed_dictionaries({"class": classes}),
        st.fixed_dictionaries({"class": classes}),
        st.fixed_dictionaries({"when": st.sampled_from(tuple(CONDITIONS))}),
        st.fixed_dictionaries({"sum": st.sampled_from(tuple(AMOUNTS))}),
    ]
    if failures:
        named = st.lists(st.sampled_from(failures), min_size=1, unique=True)
        forms.append(st.fixed_dictionaries({"failure": named}))
    return st.one_of(forms)


SELECTORS: dict[str, Sequence[Any]] = {
    "workflow": ("triage", "s*", ["ops", "sales"], ["triage", None], None, "*"),
    "environment": ("prod", "prod*", "*d*", ["dev", None], "nowhere"),
    "segment": ("vip", [None, "smb"], "?", "é"),
    "risk_tier": ("high", ["low", "medium"], None),
    "approved": ("true", [False, None]),
    "outcome": ("success", ["failure", None], ["success", "escalated"], None),
}
ALERTS = (
    [],
    [{"long": "2h", "short": "5m", "share": "1%", "severity": "page"}],
    [
        {"long": "1d", "short": "1h", "factor": "1.5", "severity": "ticket"},
        {"long": "6h", "short": "30m", "factor": 1, "severity": "page"},
    ],
)
EACH = ("workflow", "risk_tier", "segment", "environment", "approved", "outcome")
BREAKDOWNS = ("workflow", "segment", "action_type", "risk_tier", "approved", "outcome")
SHARES = ("0%", "50%", "80%", "95%", "100%")
WINDOWS = ("1h", "6h", "12h", "1d", "3d", "7d", "14d", "28d", "30d", *PERIODS)


RARE = {"for": 3, "of": 3, "min_runs": 3, "min_judged": 7, "min_measured": 3}
"""One in so many budgets more has the key; of the other keys, one in two."""


@st.composite
def budgets(draw: st.DrawFn, failures: Sequence[str], valued: bool) -> dict[str, Any]:
    """One budget with a spend and an allowance, and some of the other keys."""
    budget: dict[str, Any] = {"spend": draw(spends(failures))}
    if draw(st.integers(0, 9)) == 0:
        budget["slo"] = draw(st.sampled_from(("99%", "99.9%", "90%", "87.5%", "50%")))
    else:
        budget["allow"] = draw(allowances(valued))
    kinds = ("outcome", "cleanup", "trust", "cost", "latency", "availability", "quality")
    optional: dict[str, st.SearchStrategy[Any]] = {
        "kind": st.sampled_from(kinds),
        "for": st.fixed_dictionaries(
            {}, optional={name: st.sampled_from(menu) for name, menu in SELECTORS.items()}
        ),
        "each": st.one_of(
            st.just(["workflow"]),
            st.lists(
                st.sampled_from(EACH),
                min_size=1,
                max_size=2,
                unique=True,
            ),
        ),
        "of": st.sampled_from(("all", "labelled", "success", *CONDITIONS)),
        "window": st.sampled_from(WINDOWS),
        "by": st.lists(
            st.sampled_from(BREAKDOWNS),
            max_size=2,
            unique=True,
        ),
        "min_runs": st.sampled_from((0, 1, 2, 5, 20)),
        "respond": st.dictionaries(
            st.sampled_from(("10%", "50%", "75%", "100%", "250%")),
            st.sampled_from(("look", "stop")),
            min_size=1,
        ),
        "gate": st.sampled_from(
            [{"freeze_below": line} for line in ("0%", "25%", "50%", "100%")] + [{}]
        ),
        "alerts": st.sampled_from(ALERTS),
        "min_judged": st.sampled_from(SHARES),
    }
    if {"when", "sum"} & set(budget["spend"]):
        optional["min_measured"] = st.sampled_from(SHARES)
    for key, values in optional.items():
        if draw(st.integers(0, RARE.get(key, 1))) == 0:
            budget[key] = draw(values)
    return budget


def outcomes() -> st.SearchStrategy[dict[str, Any]]:
    """`logs.outcomes`: words of the log's own, and at times conditions."""
    words: dict[str, Any] = {"success": ["shipped"], "escalated": ["handed_over"]}
    condition = st.sampled_from(tuple(OUTCOME_CONDITIONS))
    forms = {
        "success": condition.map(lambda when: {"words": ["shipped"], "when": when}),
        "escalated": condition.map(lambda when: {"words": ["handed_over"], "when": when}),
        "failure": st.one_of(st.just(["limbo"]), condition.map(lambda when: {"when": when})),
        "infrastructure": condition.map(lambda when: {"when": when}),
        "unlabelled": st.one_of(
            st.just(["skipped", "failed"]),
            condition.map(lambda when: {"words": ["limbo"], "when": when}),
        ),
    }
    some = st.lists(st.sampled_from(tuple(forms)), min_size=1, max_size=3, unique=True)
    ruled = some.flatmap(lambda names: st.fixed_dictionaries({n: forms[n] for n in names}))
    plain = st.just(words)
    return st.one_of(plain, plain, plain, ruled.map(lambda own: _merged(words, own)))


def _merged(words: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """No word may stand for two outcomes."""
    told = {**words, **own}
    if told.get("failure") == ["limbo"] and isinstance(told.get("unlabelled"), dict):
        told["unlabelled"] = {"when": told["unlabelled"]["when"]}
    return told


KEYS_WITH_RUN_ID = (
    ["workflow", "run_id", "day"],
    ["run_id"],
    ["segment", "run_id"],
    ["run_id", "environment", "workflow"],
)
KEYS_WITHOUT = (["workflow", "segment", "day"], ["action_type", "segment", "start_time"])


@st.composite
def policies(draw: st.DrawFn, zone: str, unique: bool = False) -> dict[str, Any]:
    """A whole policy, of one to three budgets.

    `unique`: runs are told apart by their run_id, whatever else.
    """
    conditions = draw(st.lists(st.sampled_from(tuple(REASONS)), max_size=3, unique=True))
    failures = {
        f"f{index}": {
            "class": draw(st.sampled_from("ABCD")),
            "when": condition,
            **draw(st.sampled_from(({}, {}, {"instant": True}))),
        }
        for index, condition in enumerate(conditions)
    }
    workflows: dict[str, dict[str, Any]] = {}
    declared = (["triage", "sales", "ops"], ["triage", "sales"], ["triage", "idle"], [])
    for name in draw(st.sampled_from(declared)):
        workflow: dict[str, Any] = {}
        if draw(st.integers(0, 7)):
            workflow["value_usd"] = draw(st.sampled_from(("4.80", 1, 0, "0.333")))
        if draw(st.booleans()):
            workflow["risk_tier"] = draw(st.sampled_from(("low", "high", "medium")))
        workflows[name] = workflow
    valued = any("value_usd" in workflow for workflow in workflows.values())
    policy: dict[str, Any] = {
        "version": 1,
        "timezone": zone,
        "logs": {
            "fields": {
                "approved": {"path": "meta.approved", "type": "boolean", "optional": True},
            },
            "timezone": draw(st.sampled_from(("UTC", zone))),
            "outcomes": draw(outcomes()),
        },
        "failures": failures,
        "workflows": workflows,
    }
    if draw(st.integers(0, 3)) == 0:
        policy["logs"]["fields"]["cost_usd"] = {
            "path": "cost_usd",
            "scale": draw(st.sampled_from((1, 100, "0.001", "0.000000001", "0.3"))),
            "null_if": draw(st.sampled_from(([], [0], ["3", "-1"], ["1" + "0" * 30], ["2.5"]))),
            "optional": True,
        }
    if draw(st.integers(0, 3)) == 0:
        policy["logs"]["fields"]["retries"] = {
            "path": "retries",
            "scale": draw(st.sampled_from((1, 2, "0.5"))),
            "null_if": draw(st.sampled_from(([], [0], ["2"]))),
            "optional": True,
        }
    for name in ("start_time", "end_time"):
        if draw(st.integers(0, 5)) == 0:
            unwanted = draw(st.sampled_from(([0], ["0", "-1"], ["2026-02-30", 631152000])))
            policy["logs"]["fields"][name] = {"path": name, "null_if": unwanted, "optional": True}
    if draw(st.integers(0, 7)) == 0:
        policy["logs"]["fields"]["outcome"] = {
            "path": "outcome",
            "null_if": draw(st.sampled_from((["pending"], ["shrug", "success"]))),
            "optional": True,
        }
    if draw(st.integers(0, 3)) == 0:
        policy["logs"]["no_outcome"] = "success"
    if draw(st.integers(0, 3)) == 0:
        keys = KEYS_WITH_RUN_ID if unique else (*KEYS_WITH_RUN_ID, *KEYS_WITHOUT)
        policy["logs"]["key"] = draw(st.sampled_from(keys))
    if draw(st.integers(0, 3)) == 0:
        policy["logs"]["max_unknown"] = draw(st.sampled_from(("0%", "20%", "50%", "100%")))
    if draw(st.booleans()):
        policy["unclassified"] = draw(st.sampled_from("ABCD"))
    policy["budgets"] = {
        f"b{index}": draw(budgets(tuple(failures), valued))
        for index in range(draw(st.integers(1, 3)))
    }
    return policy


@st.composite
def cases(draw: st.DrawFn, clean: bool = False, unique: bool = False) -> Case:
    """A policy and logs whose newest runs lie on a hard day of the policy's zone."""
    name, text = draw(st.sampled_from(ANCHORS))
    zone, moment = ZoneInfo(name), datetime.fromisoformat(text)
    anchor = to_micros(moment)
    policy = draw(policies(name, unique))
    back = (None, None, 0, 1, 3600 * 10**6, 40 * DAY, -400 * DAY)
    before = draw(st.sampled_from(back))
    as_of = None if before is None else anchor - before
    marks = edges(policy, anchor if as_of is None else as_of)
    unzoned = ZoneInfo(policy["logs"]["timezone"])
    found = draw(logs(anchor, zone, marks, unzoned, clean, unique))
    days_of = draw(st.sampled_from(((), (), (), tuple(policy["budgets"])[:1])))
    return Case(
        policy,
        found,
        moment.astimezone(UTC),
        None if as_of is None else to_moment(as_of),
        days_of,
    )
