"""The arithmetic a second time, in plain Python with exact fractions, to hold the engine to.

It shares no code with ebudget, reads every record into memory and walks over all of them again for
each figure: slow, and easy to check against the rules of the design by eye. A policy is the plain
mapping that its YAML holds. Conditions and expressions are not parsed: `rules` has, for the text of
each, a function of a canonical run that gives a truth value, a number, or None for null, and that
knows the columns which the text reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from math import floor, isfinite
from typing import Any, Protocol
from zoneinfo import ZoneInfo

Run = dict[str, Any]


class Rule(Protocol):
    """What the text of a condition or an expression means."""

    @property
    def reads(self) -> Collection[str]:
        """The columns that the text names."""

    def __call__(self, run: Run) -> Any: ...


Rules = Mapping[str, Rule]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)
UNITS = {"s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6, "w": 604800 * 10**6}
DAY = UNITS["d"]
LEAD = 5 * UNITS["m"]
"""How far ahead of the machine's clock a run may be dated."""
PERIODS = ("day", "week", "month", "quarter", "year")

ALIASES = {
    "run_id": ("run_id", "id"),
    "start_time": ("start_time", "started_at", "timestamp", "ts", "time", "created_at"),
    "end_time": ("end_time", "ended_at", "completed_at"),
    "duration_ms": ("duration_ms", "latency_ms"),
    "workflow": (
        "workflow",
        "workflow_name",
        "agent_name",
        "gen_ai.workflow.name",
        "gen_ai.agent.name",
    ),
    "action_type": ("action_type", "action", "tool_name", "gen_ai.tool.name", "operation_name"),
    "risk_tier": ("risk_tier", "risk"),
    "segment": ("segment", "customer_segment", "tenant_id", "tenant"),
    "environment": ("environment", "env", "deployment.environment.name"),
    "model": ("model",),
    "version": ("version",),
    "tool": ("tool",),
    "route": ("route",),
    "outcome": ("outcome", "ok", "success", "status"),
    "failure_reason": ("failure_reason", "error_type", "error.type", "error"),
    "cost_usd": ("cost_usd", "total_cost", "cost", "spend", "llm.cost.total"),
    "input_tokens": ("input_tokens", "gen_ai.usage.input_tokens"),
    "output_tokens": ("output_tokens", "gen_ai.usage.output_tokens"),
    "retries": ("retries", "retry_count"),
    "review_minutes": ("review_minutes",),
    "cleanup_minutes": ("cleanup_minutes", "human_minutes"),
    "score": ("score",),
}
NUMBERS = ("duration_ms", "cost_usd", "review_minutes", "cleanup_minutes", "score")
INTEGERS = ("input_tokens", "output_tokens", "retries")
TIMES = ("start_time", "end_time")
WORDS = {
    outcome: tuple(words.split())
    for outcome, words in {
        "success": "success succeeded successful ok true 1 1.0 yes completed complete resolved"
        " solved passed pass done",
        "failure": "failure failed fail false 0 0.0 no error errored unresolved timeout timed_out"
        " crashed exception",
        "escalated": "escalated escalation escalate handed_over",
        "infrastructure": "infrastructure infrastructure_error infra outage provider_error"
        " provider_down",
        "unlabelled": "unlabelled unlabeled pending unset cancelled canceled aborted interrupted"
        " skipped",
    }.items()
}
PRECEDENCE = ("infrastructure", "failure", "escalated", "success", "unlabelled")
"""Which of several true outcome conditions counts."""

LONG_TABLE = (
    ("1h", "5m", "2%", "page"),
    ("6h", "30m", "5%", "page"),
    ("1d", "2h", "10%", "ticket"),
    ("3d", "6h", "10%", "ticket"),
)
SHORT_TABLE = (
    ("1h", "5m", "8%", "page"),
    ("6h", "30m", "12.5%", "page"),
    ("1d", "2h", "20%", "ticket"),
    ("3d", "6h", "42%", "ticket"),
)


# Quantities


def fraction(value: Any) -> Fraction:
    """The number that a scalar denotes; a float is the shortest decimal text of it."""
    return Fraction(Decimal(repr(value) if isinstance(value, float) else str(value)))


def percent(text: str) -> Fraction:
    return fraction(text.strip().removesuffix("%")) / 100


def duration(text: str) -> int:
    return int(text[:-1]) * UNITS[text[-1]]


def to_micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICRO


def to_moment(micros: int) -> datetime:
    return EPOCH + micros * MICRO


def round9(value: Fraction) -> Fraction:
    """To 9 decimal places, half away from zero."""
    units = int(abs(value) * 10**9 + Fraction(1, 2))
    return Fraction(units if value >= 0 else -units, 10**9)


# From what a log says to canonical runs


@dataclass(frozen=True)
class Log:
    """One file: its path, and its lines as mappings, or as texts that are no record."""

    path: str
    records: Sequence[Mapping[str, Any] | str]


class Unreadable(Exception):
    """A value that is not of its column's type."""


def look_up(record: Mapping[str, Any], path: str) -> Any:
    """The value under a flat key, or under nested ones; None where there is none."""
    if record.get(path) is not None:
        return record[path]
    value: Any = record
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


EARLIEST_RUN = (datetime(1990, 1, 1, tzinfo=UTC) - EPOCH) // MICRO
FIRST_TIME = (datetime(1678, 1, 1, tzinfo=UTC) - EPOCH) // MICRO
END_OF_TIME = (datetime(9999, 1, 1, tzinfo=UTC) - EPOCH) // MICRO
WRITTEN_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)


def number_of(value: Any) -> Fraction | None:
    """The number that a log's value is, or is the decimal text of."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Fraction(value)
    if isinstance(value, float):
        return Fraction(repr(value)) if isfinite(value) else None
    if isinstance(value, str) and WRITTEN_NUMBER.fullmatch(value):
        return Fraction(value.strip())
    return None


def read_time(value: Any, zone: ZoneInfo) -> int:
    """An epoch, a datetime, or a text of ISO 8601 and its common relatives."""
    number = number_of(value)
    if isinstance(value, str):
        digits = value if len(value) == 8 and value.isdecimal() and value.isascii() else None
        try:
            micros = written_time(digits or value, zone) if digits or number is None else None
        except ValueError:
            micros = None
            if number is None:
                raise Unreadable from None
        if micros is not None:
            return in_calendar(micros)
    if number is not None:
        size = abs(number)
        for limit, factor in ((10**11, 10**6), (10**14, 10**3), (10**17, 1)):
            if size < limit:
                return in_calendar(floor(number * factor))
        return in_calendar(floor(number / 1000))
    if isinstance(value, datetime):
        return in_calendar(to_micros(value) if value.tzinfo else to_instant(value, zone))
    raise Unreadable


def in_calendar(micros: int) -> int:
    if not FIRST_TIME <= micros < END_OF_TIME:
        raise Unreadable
    return micros


def to_instant(local: datetime, zone: tzinfo) -> int:
    """Of the two instants of a local time the later; in a gap as the clocks before it have it."""
    both = [local.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
    real = [m for m in both if m.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local]
    return max(to_micros(moment) for moment in real or both[:1])


def written_time(text: str, zone: ZoneInfo) -> int:
    """Raises ValueError."""
    parts = re.fullmatch(
        r"\s*(\d{4}-\d\d-\d\d|\d{4}/\d\d/\d\d|\d{8})(?:(?:t|\s+)([\d:]+)(?:[.,](\d+))?\s*(.*?))?\s*",
        text,
        re.ASCII | re.IGNORECASE,
    )
    if parts is None:
        raise ValueError(text)
    day = datetime.strptime(re.sub("[-/]", "", parts[1]), "%Y%m%d")
    clock = parts[2] or "00"
    if not re.fullmatch(r"\d\d(:?\d\d(:?\d\d)?)?", clock):
        raise ValueError(text)
    hour, minute, second = (int((clock.replace(":", "") + "0000")[at : at + 2]) for at in (0, 2, 4))
    if parts[3] and len(clock.replace(":", "")) < 6:
        raise ValueError(text)
    micros = int((parts[3] or "").ljust(6, "0")[:6])
    own = zone_of(parts[4] or "")
    leaps = second == 60
    ends = (hour, minute, second, micros) == (24, 0, 0, 0)
    local = day.replace(
        hour=0 if ends else hour,
        minute=minute,
        second=59 if leaps else second,
        microsecond=micros,
    ) + timedelta(days=ends)
    instant = to_instant(local, own or zone)
    if leaps:
        there = to_moment(instant)
        if "23:59" not in (f"{local:%H:%M}", f"{there:%H:%M}"):
            raise ValueError(text)
        instant += UNITS["s"]
    return instant


def zone_of(text: str) -> tzinfo | None:
    """The zone that a time ends with. An offset goes before any name beside it."""
    if not text:
        return None
    offset = re.fullmatch(
        r"([+−-])(\d\d)(?::?(\d\d))?(\[[\w/+-]+\]|\s+[a-z]+)?", text, re.ASCII | re.IGNORECASE
    )
    if offset:
        hours, minutes = int(offset[2]), int(offset[3] or 0)
        if hours > 23 or minutes > 59:
            raise ValueError(text)
        length = timedelta(hours=hours, minutes=minutes)
        return timezone(length if offset[1] == "+" else -length)
    name = re.sub(r"\[[\w/+-]+\]$", "", text)
    if name.upper() in ("Z", "UTC", "GMT"):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, OSError):
        raise ValueError(text) from None


def read_number(value: Any) -> Fraction:
    number = number_of(value)
    if number is None:
        raise Unreadable
    return number


def in_range(number: Fraction) -> Fraction:
    """To 9 places, and then below 10^18."""
    rounded = round9(number)
    if abs(rounded) >= 10**18:
        raise Unreadable
    return rounded


def whole(number: Fraction) -> Fraction:
    if number.denominator != 1:
        raise Unreadable
    return number


def read_boolean(value: Any) -> bool:
    text = read_text(value).strip(" ").lower()
    if text in ("true", "1", "yes", "t", "y"):
        return True
    if text in ("false", "0", "no", "f", "n"):
        return False
    raise Unreadable


def read_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)


def kind_of(column: str, mapped: Mapping[str, Any]) -> str:
    if column in NUMBERS:
        return "number"
    if column in INTEGERS:
        return "integer"
    if column in TIMES:
        return "time"
    if column in ALIASES:
        return "text"
    return mapped.get("type", "text")


def is_null(value: Any, unwanted: Any, kind: str) -> bool:
    """Whether a log's value is one that `null_if` lists: numbers by value, others as written."""
    known, number = number_of(str(unwanted)), number_of(value)
    as_number = kind in ("number", "integer", "time") and known is not None and number == known
    return as_number or (kind not in ("number", "integer") and read_text(value) == str(unwanted))


def read_column(record: Mapping[str, Any], column: str, logs: Mapping[str, Any]) -> Any:
    """One column of a record; None where it has no value. Raises Unreadable."""
    mapped = (logs.get("fields") or {}).get(column)
    if isinstance(mapped, str):
        mapped = {"path": mapped}
    paths = (mapped["path"],) if mapped else ALIASES[column]
    mapped = mapped or {}
    kind = kind_of(column, mapped)
    value = next((v for v in (look_up(record, path) for path in paths) if v is not None), None)
    if value is None or any(is_null(value, one, kind) for one in mapped.get("null_if", ())):
        return None
    scale = fraction(mapped.get("scale", 1))
    match kind:
        case "number":
            return in_range(read_number(value) * scale)
        case "integer":
            return whole(in_range(read_number(value) * scale))
        case "time":
            micros = read_time(value, ZoneInfo(logs.get("timezone", "UTC")))
            if column in TIMES and micros < EARLIEST_RUN:
                raise Unreadable
            return micros
        case "boolean":
            return read_boolean(value)
        case _:
            return read_text(value)


def outcome_parts(spec: Any) -> tuple[Sequence[str], str | None]:
    """The words and the condition of one entry of `logs.outcomes`."""
    if isinstance(spec, Mapping):
        return listed(spec.get("words", ())), spec.get("when")
    return listed(spec), None


def listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else list(value)


def read_outcome(word: str | None, logs: Mapping[str, Any]) -> tuple[str | None, bool]:
    """What an outcome word means, and whether anybody knows it; no word is known."""
    if word is None:
        return None, True
    word = word.strip().lower()
    own = {name: outcome_parts(spec)[0] for name, spec in (logs.get("outcomes") or {}).items()}
    for meanings in (own, WORDS):
        for outcome, words in meanings.items():
            if word in words:
                return None if outcome == "unlabelled" else outcome, True
    return None, word == ""


def decided(run: Run, logs: Mapping[str, Any], rules: Rules) -> str | None:
    """The outcome that the policy's conditions give a run; None where none of them is true."""
    for outcome in PRECEDENCE:
        when = outcome_parts((logs.get("outcomes") or {}).get(outcome, ()))[1]
        if when is not None and rules[when](run) is True:
            return outcome
    return None


def canonical(
    record: Mapping[str, Any], policy: Mapping[str, Any], rules: Rules | None = None
) -> Run | None:
    """The run that a record describes; None for a record without a readable start_time.

    Without `rules`, outcomes are what their words say.
    """
    logs = policy.get("logs") or {}
    run: Run = {}
    rejected = set()
    for column in (*ALIASES, *(logs.get("fields") or {})):
        try:
            run[column] = read_column(record, column, logs)
        except Unreadable:
            run[column] = None
            rejected.add(column)
    if run["start_time"] is None:
        return None
    if run["duration_ms"] is None and run["end_time"] is not None:
        run["duration_ms"] = Fraction(run["end_time"] - run["start_time"], 1000)
    if run["risk_tier"] is None:
        declared = (policy.get("workflows") or {}).get(run["workflow"]) or {}
        run["risk_tier"] = declared.get("risk_tier")
    by_rule = None if rules is None else decided(run, logs, rules)
    run["silent"] = run["outcome"] is None and "outcome" not in rejected and by_rule is None
    run["outcome"], known = read_outcome(run["outcome"], logs)
    run["unknown"] = not known and by_rule is None
    if by_rule is not None:
        run["outcome"] = None if by_rule == "unlabelled" else by_rule
    return run


# What becomes of each record


@dataclass
class Intake:
    """records = runs + rejected + duplicates + outside."""

    files: int = 0
    records: int = 0
    rejected: int = 0
    duplicates: int = 0
    outside: int = 0
    future: int = 0
    lead: int | None = None
    """How far ahead of the clock the last of the runs of the future is."""
    duplicates_apart: int = 0
    names_good: bool = False
    """Whether any readable record, counted or not, says success or escalated."""
    runs: list[Run] = field(default_factory=list)


Rank = tuple[int, tuple[Any, ...], int]


def natural(path: str) -> tuple[Any, ...]:
    """Groups of digits are numbers; what is equal then is told apart by its bytes."""
    parts = re.split("([0-9]+)", path)
    return (
        [int(part) if place % 2 else part.encode() for place, part in enumerate(parts)],
        path.encode(),
    )


def key_of(run: Run, policy: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """What makes two records the same run; None for a run that is never a duplicate."""
    columns = listed((policy.get("logs") or {}).get("key", ("workflow", "run_id")))
    if "run_id" in columns:
        if run["run_id"] is None:
            return None
    elif all(run[column] is None for column in columns if column not in ("workflow", "day")):
        return None
    zone = ZoneInfo(policy.get("timezone", "UTC"))
    return tuple(
        to_moment(run["start_time"]).astimezone(zone).date() if column == "day" else run[column]
        for column in columns
    )


def without_duplicates(
    read: Sequence[tuple[Rank, Run]], policy: Mapping[str, Any], intake: Intake
) -> list[Run]:
    keys = [key_of(run, policy) for _, run in read]
    last: dict[tuple[Any, ...], tuple[Rank, Run]] = {}
    for key, (rank, run) in zip(keys, read, strict=True):
        if key is not None and (key not in last or last[key][0] < rank):
            last[key] = (rank, run)
    unique = []
    for key, (_, run) in zip(keys, read, strict=True):
        winner = run if key is None else last[key][1]
        if winner is run:
            unique.append(run)
            continue
        intake.duplicates += 1
        intake.duplicates_apart += (
            abs(winner["start_time"] - run["start_time"]) > DAY
            or winner["outcome"] != run["outcome"]
        )
    return unique


def take_in(
    policy: Mapping[str, Any],
    logs: Iterable[Log],
    clock: int,
    as_of: int | None,
    rules: Rules | None = None,
) -> tuple[Intake, int | None]:
    intake = Intake()
    read: list[tuple[Rank, Run]] = []
    for log in logs:
        intake.files += 1
        place = natural(log.path)
        for line, record in enumerate(log.records, 1):
            intake.records += 1
            run = None if isinstance(record, str) else canonical(record, policy, rules)
            if run is None:
                intake.rejected += 1
            else:
                read.append(((run["start_time"], place, line), run))
    intake.names_good = any(run["outcome"] in ("success", "escalated") for _, run in read)
    unique = without_duplicates(read, policy, intake)
    if as_of is None:
        present = (run["start_time"] for run in unique if run["start_time"] <= clock + LEAD)
        as_of = max(present, default=None)
    for run in unique:
        if as_of is not None and run["start_time"] <= as_of:
            intake.runs.append(run)
            continue
        intake.outside += 1
        if run["start_time"] > clock + LEAD:
            intake.future += 1
            intake.lead = max(run["start_time"] - clock, intake.lead or 0)
    return intake, as_of


# What a run is, and what it does to a budget


def classify(intake: Intake, policy: Mapping[str, Any], rules: Rules) -> None:
    """Add to each run the rules it matches, its class, and whether it is judged and a success.

    Rules see what the log says; from here on, the outcome is the one that budgets see.
    """
    failures = policy.get("failures") or {}
    quiet_is_good = (policy.get("logs") or {}).get("no_outcome") == "success"
    for run in intake.runs:
        run["said"] = run["outcome"]
        outage = run["outcome"] == "infrastructure"
        found = {name: rules[failure["when"]](run) for name, failure in failures.items()}
        matched = {
            name
            for name, value in found.items()
            if value is True and (not outage or failures[name].get("instant"))
        }
        run["matched"] = matched
        run["blind"] = {name for name, value in found.items() if value is None}
        run["class"] = max((failures[name]["class"] for name in matched), default=None)
        if not matched and run["outcome"] == "failure":
            run["class"] = policy.get("unclassified", "B")
        run["taken_as_success"] = quiet_is_good and run["silent"] and not matched
        if run["taken_as_success"]:
            run["outcome"] = "success"
        run["infrastructure"] = outage and not matched
        run["is_success"] = not matched and run["outcome"] == "success"
        run["labelled"] = bool(matched) or run["outcome"] in ("success", "failure", "escalated")
        run["unlabelled"] = not run["labelled"] and not run["infrastructure"]


def weights_of(spend_class: Any) -> dict[str, Any]:
    if isinstance(spend_class, Mapping):
        return dict(spend_class)
    if isinstance(spend_class, str) and spend_class.endswith("+"):
        return {letter: 1 for letter in "ABCD" if letter >= spend_class[0]}
    return dict.fromkeys([spend_class] if isinstance(spend_class, str) else spend_class, 1)


@dataclass(frozen=True)
class Spent:
    """What one run does to a budget: an amount, and an instant event or none."""

    amount: Fraction
    instant: bool = False


def spend_of(
    run: Run, spend: Mapping[str, Any], failures: Mapping[str, Any], rules: Rules
) -> Spent:
    if "class" in spend:
        weights = weights_of(spend["class"])
        weight = weights.get(run["class"], 0)
        instant = weight == "all" or any(
            failures[name].get("instant") and failures[name]["class"] in weights
            for name in run["matched"]
        )
        return Spent(Fraction(0) if weight == "all" else fraction(weight), instant)
    if "failure" in spend:
        counted = run["matched"] & set(listed(spend["failure"]))
        return Spent(
            Fraction(bool(counted)), any(failures[name].get("instant") for name in counted)
        )
    if "when" in spend:
        return Spent(Fraction(rules[spend["when"]](run) is True))
    amount = rules[spend["sum"]](run)
    return Spent(Fraction(0) if amount is None else round9(amount))


def expression_of(spend: Mapping[str, Any]) -> str | None:
    """The text of a condition or an amount that has to be measured."""
    return spend.get("when", spend.get("sum"))


def is_measured(run: Run, text: str, set_aside: Collection[str], rules: Rules) -> bool:
    """Whether a run has a value of an expression, and of a column that this reads.

    Columns that are set aside count only where it reads no others.
    """
    if rules[text](run) is None:
        return False
    reads = rules[text].reads
    counting = [column for column in reads if column not in set_aside] or reads
    return not counting or any(run[column] is not None for column in counting)


def spending_rules(spend: Mapping[str, Any], failures: Mapping[str, Any]) -> set[str]:
    """The failures that a budget spends on by name, or by their class."""
    if "failure" in spend:
        return set(listed(spend["failure"]))
    weights = weights_of(spend["class"]) if "class" in spend else {}
    return {name for name, failure in failures.items() if failure["class"] in weights}


def heard_columns(
    spend: Mapping[str, Any], failures: Mapping[str, Any], set_aside: set[str], rules: Rules
) -> set[str]:
    """The columns by which the rules that can spend tell anything."""
    names = spending_rules(spend, failures)
    reads = {column for name in names for column in rules[failures[name]["when"]].reads}
    return reads - set_aside or reads


def kind_of_budget(budget: Mapping[str, Any]) -> str:
    if "kind" in budget:
        return budget["kind"]
    if "sum" in budget["spend"]:
        return "cost"
    return "quality" if "when" in budget["spend"] else "outcome"


def earner_of(budget: Mapping[str, Any]) -> str | None:
    """What `of` says, or what the kind of a budget says for it; None: what its condition knows."""
    kind, spend = kind_of_budget(budget), budget["spend"]
    if budget.get("of") is not None:
        return budget["of"]
    if kind in ("outcome", "trust"):
        return "labelled"
    return None if kind in ("latency", "quality") and "when" in spend else "all"


def earns(run: Run, budget: Mapping[str, Any], rules: Rules) -> bool:
    of = earner_of(budget)
    if of is None:
        return rules[budget["spend"]["when"]](run) is not None
    named = {"all": True, "labelled": run["labelled"], "success": run["is_success"]}
    return named[of] if of in named else rules[of](run) is True


def reads_outcome(budget: Mapping[str, Any], failures: Mapping[str, Any], rules: Rules) -> bool:
    """Whether a condition, an amount or a rule that can spend a budget reads the column outcome."""
    texts = {expression_of(budget["spend"]), earner_of(budget)}
    texts |= {failures[name]["when"] for name in spending_rules(budget["spend"], failures)}
    return any("outcome" in rules[text].reads for text in texts if text in rules)


def label_of(run: Run, column: str) -> str | None:
    """The value of a column as groups, slices and selectors know it."""
    value = run[column]
    return value if value is None else read_text(value)


def glob(pattern: str, text: str) -> bool:
    head, star, rest = pattern.partition("*")
    if not star:
        return pattern == text
    if not text.startswith(head):
        return False
    return any(glob(rest, text[cut:]) for cut in range(len(head), len(text) + 1))


def admits(wanted: Any, value: str | None) -> bool:
    for one in wanted if isinstance(wanted, list) else [wanted]:
        if (one is None) is (value is None) and (one is None or glob(read_text(one), value)):
            return True
    return False


def admits_declared(wanted: Mapping[str, Any], workflow: str, declared: Mapping[str, Any]) -> bool:
    """Whether `for` admits a declared workflow, as far as its declaration tells."""
    tier = declared.get("risk_tier")
    return admits(wanted.get("workflow", "*"), workflow) and (
        tier is None or "risk_tier" not in wanted or admits(wanted["risk_tier"], tier)
    )


# Windows


def first_instant(day: date, zone: ZoneInfo) -> int:
    """The first instant of a local date, found by looking: clocks change on quarters of an hour."""
    probe = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=26)
    while probe.astimezone(zone).date() != day:
        probe += timedelta(minutes=15)
    return to_micros(probe)


def period_of(period: str, day: date) -> tuple[date, date]:
    """The first day of the period and of the next one."""
    match period:
        case "day":
            return day, day + timedelta(days=1)
        case "week":
            monday = day - timedelta(days=day.weekday())
            return monday, monday + timedelta(days=7)
        case "year":
            return date(day.year, 1, 1), date(day.year + 1, 1, 1)
    months = 1 if period == "month" else 3
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    after = first.month + months
    return first, date(first.year + (after > 12), (after - 1) % 12 + 1, 1)


@dataclass(frozen=True)
class Window:
    """After `after`, up to and with `until`; `length` is that of the whole period."""

    after: int
    until: int
    length: int


def window_of(text: str, as_of: int, zone: ZoneInfo) -> Window:
    if text not in PERIODS:
        return Window(as_of - duration(text), as_of, duration(text))
    first, following = period_of(text, to_moment(as_of).astimezone(zone).date())
    start, end = first_instant(first, zone), first_instant(following, zone)
    return Window(start - 1, as_of, end - start)


def local_days(window: Window, zone: ZoneInfo) -> list[int]:
    """The last microsecond of every local day that ends inside a window, then as_of."""
    day = to_moment(window.after + 1).astimezone(zone).date()
    ends = []
    while (end := first_instant(day + timedelta(days=1), zone) - 1) < window.until:
        ends.append(end)
        day += timedelta(days=1)
    return [*ends, window.until]


def alert_rows(budget: Mapping[str, Any], length: int) -> list[tuple[str, str, Fraction, str]]:
    """(long, short, factor, severity) of the rows that apply to a window of this length."""
    own = budget.get("alerts")
    if own is None:
        table = SHORT_TABLE if length < 14 * DAY else LONG_TABLE
        own = [
            {"long": long, "short": short, "share": share, "severity": severity}
            for long, short, share, severity in table
        ]
    rows = []
    for row in own:
        if "factor" in row:
            factor = fraction(row["factor"])
        else:
            factor = percent(row["share"]) * length / duration(row["long"])
        if duration(row["long"]) < length and factor >= Fraction(9, 10):
            rows.append((row["long"], row["short"], factor, row["severity"]))
    return rows


# Accounts


@dataclass(frozen=True)
class Entry:
    """One selected run beside what it does to the budget."""

    run: Run
    earns: bool
    spent: Spent
    measured: bool


@dataclass(frozen=True)
class Sums:
    """What a set of entries adds up to."""

    selected: int
    eligible: int
    amount: Fraction
    instant: int
    spending: int
    """Runs that spend an amount above 0."""


def add_up(entries: Iterable[Entry]) -> Sums:
    entries = list(entries)
    return Sums(
        len(entries),
        sum(entry.earns for entry in entries),
        sum((entry.spent.amount for entry in entries), Fraction(0)),
        sum(entry.spent.instant for entry in entries),
        sum(entry.spent.amount > 0 for entry in entries),
    )


def within(entries: Iterable[Entry], after: int, until: int) -> list[Entry]:
    return [entry for entry in entries if after < entry.run["start_time"] <= until]


def value_of(entries: Iterable[Entry], workflows: Mapping[str, Any]) -> tuple[Fraction, set[Any]]:
    """What the successes brought, and the workflows of successes without a declared value."""
    total, unknown = Fraction(0), set()
    for entry in entries:
        if entry.run["is_success"]:
            name = entry.run["workflow"]
            value = (workflows.get(name) or {}).get("value_usd")
            if value is None:
                unknown.add(name)
            else:
                total += fraction(value)
    return total, unknown


BANDS = ("above_baseline", "around_baseline")
FORMS = ("amount", "per", "of_value", "of_baseline", *BANDS, "over")
RUN_FORMS = ("ratio", "amount", "of_baseline", *BANDS)
"""The forms of allowances that grow with the runs that earn."""


def allow_of(budget: Mapping[str, Any]) -> Any:
    """The allowance; `slo: 99%` allows 1%."""
    if "slo" not in budget:
        return budget["allow"]
    return f"{Decimal(100) - Decimal(budget['slo'].strip().removesuffix('%'))}%"


def line_column(allow: Any) -> str | None:
    """The column whose values have lines of their own; None for an allowance without lines."""
    if not isinstance(allow, Mapping) or any(key in FORMS for key in allow):
        return None
    return allow.get("by", "risk_tier")


def line_of(allow: Any, group: Mapping[str, str | None]) -> Any:
    """The allowance of a group; None where its value has no line."""
    column = line_column(allow)
    if column is None:
        return allow
    lines = {key: line for key, line in allow.items() if key != "by"}
    return lines.get(group[column], lines.get("default"))


def form_of(allow: Any) -> str:
    if isinstance(allow, Mapping):
        return next(key for key in ("amount", "of_value", "of_baseline", *BANDS) if key in allow)
    return "ratio" if str(allow).strip().endswith("%") else "count"


@dataclass(frozen=True)
class Allowed:
    """What a window allows; None where it cannot be known, and then `unknown` says why."""

    amount: Fraction | None
    unknown: str | None = None


class Account:
    """One budget for one group: all its entries, whenever they were, and its figures."""

    def __init__(
        self,
        policy: Mapping[str, Any],
        budget: Mapping[str, Any],
        group: Mapping[str, str | None],
        entries: Sequence[Entry],
        window: Window,
        *,
        outcome_read: bool,
        heard: Collection[str],
        names_good: bool,
    ) -> None:
        self.policy, self.budget, self.group = policy, budget, group
        self.entries, self.window = entries, window
        self.outcome_read, self.heard, self.names_good = outcome_read, heard, names_good
        self.logs, self.spend = policy.get("logs") or {}, budget["spend"]
        self.workflows = policy.get("workflows") or {}
        self.min_runs = int(budget.get("min_runs", 0))
        self.of = earner_of(budget)
        self.allow = line_of(allow_of(budget), group)
        self.form = None if self.allow is None else form_of(self.allow)
        self.inside = within(entries, window.after, window.until)
        self.sums = add_up(self.inside)
        self.before: list[Entry] = []
        self.mean: Fraction | None = None
        if self.form in ("of_baseline", *BANDS):
            since = window.after - duration(self.allow["over"])
            self.before = within(entries, since, window.after)
            base = add_up(self.before)
            if base.eligible > 0 and base.amount > 0 and base.eligible >= self.min_runs:
                self.mean = base.amount / base.eligible

    @property
    def depends_on_runs(self) -> bool:
        return self.form in RUN_FORMS

    def line(self, eligible: int, value: Fraction, length: int) -> Fraction | None:
        """What a window of this length allows to so many runs that brought so much."""
        match self.form:
            case "ratio":
                return percent(str(self.allow)) * eligible
            case "count":
                return fraction(self.allow) * length / self.window.length
            case "amount":
                return fraction(self.allow["amount"]) * eligible / fraction(self.allow["per"])
            case "of_value":
                return percent(self.allow["of_value"]) * value
        if self.mean is None:
            return None
        return percent(self.allow[self.form]) * self.mean * eligible

    def allowed(self, entries: Sequence[Entry], length: int) -> Allowed:
        """What a window of this length with these runs allows."""
        if self.form is None:
            return Allowed(None, "no_line")
        value, undeclared = value_of(entries, self.workflows)
        if self.form == "of_value" and undeclared:
            return Allowed(None, "no_value")
        amount = self.line(sum(entry.earns for entry in entries), value, length)
        return Allowed(amount, "no_baseline" if amount is None else None)

    def at_best(self) -> Fraction | None:
        """What the window would allow if every unlabelled run earned as a success."""
        if self.form in (None, *BANDS):
            return None
        value, undeclared = value_of(self.inside, self.workflows)
        eligible = self.sums.eligible
        for entry in self.inside:
            if entry.run["unlabelled"]:
                eligible += not entry.earns
                worth = (self.workflows.get(entry.run["workflow"]) or {}).get("value_usd")
                if worth is None:
                    undeclared.add(entry.run["workflow"])
                else:
                    value += fraction(worth)
        if self.form == "of_value" and undeclared:
            return None
        return self.line(eligible, value, self.window.length)

    def distance(self, sums: Sums) -> Fraction:
        """Σ spend; for a band, Σ spend less what the baseline leads one to expect."""
        if self.form in BANDS and self.mean is not None:
            return sums.amount - self.mean * sums.eligible
        return sums.amount

    def spent(self, sums: Sums, amount: Fraction | None) -> Fraction:
        """S; `amount` is what the whole window allows, which each instant event spends."""
        away = self.distance(sums)
        if self.form == "above_baseline" and self.mean is not None:
            away = max(Fraction(0), away)
        elif self.form == "around_baseline" and self.mean is not None:
            away = abs(away)
        return away + (amount or 0) * sums.instant

    # What the evidence is

    @property
    def needs_judging(self) -> bool:
        return (
            "class" in self.spend
            or "failure" in self.spend
            or self.of in ("labelled", "success")
            or self.form == "of_value"
        )

    @property
    def rules_that_spend(self) -> set[str]:
        return spending_rules(self.spend, self.policy.get("failures") or {})

    @property
    def rules_are_mute(self) -> bool:
        """Whether no run of the window has a value that a rule which can spend reads."""
        runs = [{**entry.run, "outcome": entry.run["said"]} for entry in self.inside]
        said = any(run[column] is not None for run in runs for column in self.heard)
        return bool(self.rules_that_spend) and bool(self.heard) and not said

    @property
    def can_miss(self) -> bool:
        """Whether by some rule a failed run spends more than it does if none of them names it."""
        failures = self.policy.get("failures") or {}
        if not self.counts_unclassified:
            return bool(self.rules_that_spend)
        weights = {
            letter: 10**30 if weight == "all" else fraction(weight)
            for letter, weight in weights_of(self.spend["class"]).items()
        }
        unnamed = weights[self.policy.get("unclassified", "B")]
        return any(
            (10**30 if failures[name].get("instant") else weights[failures[name]["class"]])
            > unnamed
            for name in self.rules_that_spend
        )

    @property
    def counts_unclassified(self) -> bool:
        unclassified = self.policy.get("unclassified", "B")
        return "class" in self.spend and unclassified in weights_of(self.spend["class"])

    @property
    def min_judged(self) -> Fraction:
        return percent(self.budget.get("min_judged", "0%"))

    @property
    def min_measured(self) -> Fraction:
        return percent(self.budget.get("min_measured", "95%" if self.form in BANDS else "0%"))

    @property
    def judged(self) -> int | None:
        if not self.needs_judging and not self.min_judged:
            return None
        spending = self.rules_that_spend
        only_rules = bool(spending) and not self.counts_unclassified and not self.rules_are_mute
        return sum(
            run["labelled"]
            or (only_rules and not run["infrastructure"] and not run["blind"] & spending)
            for run in (entry.run for entry in self.inside)
        )

    @property
    def measured(self) -> int | None:
        if expression_of(self.spend) is None:
            return None
        return sum(entry.measured for entry in self.inside)

    def lack_of_evidence(self) -> str | None:
        """The first reason why the runs of the window do not allow a judgement."""
        runs = [entry.run for entry in self.inside]
        if self.needs_judging and self.judged == 0:
            return "not_judged"
        if self.measured == 0:
            return "not_measured"
        failed = [run for run in runs if run["class"] is not None]
        spending = self.rules_that_spend
        blind = self.rules_are_mute or all(spending <= run["blind"] for run in failed)
        if self.can_miss and failed and blind:
            return "blind"
        if (
            self.of == "labelled"
            and not self.names_good
            and self.logs.get("no_outcome") != "success"
            and any(run["unlabelled"] for run in runs)
        ):
            return "only_failures"
        judged = self.judged or 0
        if self.of in ("labelled", "success"):
            judged = sum(run["labelled"] for run in runs)
        if judged < self.min_judged * self.asked:
            return "min_judged"
        if self.measured is not None:
            parts = [self.inside, self.before if self.form in BANDS else []]
            for part in parts:
                known = sum(entry.measured for entry in part)
                if known < self.min_measured * len(part):
                    return "min_measured"
        words = sum(not run["silent"] for run in runs)
        unknown = sum(run["unknown"] for run in runs)
        most = percent(self.logs.get("max_unknown", "5%")) * words
        if self.needs_outcomes and unknown > most:
            return "unknown_words"
        return None

    @property
    def asked(self) -> int:
        """The runs that somebody, or a rule, has to judge."""
        return sum(not entry.run["infrastructure"] for entry in self.inside)

    @property
    def needs_outcomes(self) -> bool:
        return (
            self.counts_unclassified
            or self.of in ("labelled", "success")
            or self.form == "of_value"
            or self.outcome_read
            or (self.needs_judging and (self.judged or 0) < self.asked)
        )

    def figures(self) -> dict[str, Any]:
        allowed = self.allowed(self.inside, self.window.length)
        amount = allowed.amount
        spent = self.spent(self.sums, amount)
        consumed = None
        if amount is not None and amount > 0:
            consumed = spent / amount
        elif amount == 0 and spent == 0 and not self.sums.instant:
            consumed = Fraction(0)
        verdict, lack = self.verdict(allowed, spent, consumed)
        is_judged = lack is None
        burn, alerts = self.burn(amount)
        judged, measured = self.judged, self.measured
        says_nothing = (self.needs_judging and judged == 0) or measured == 0
        shown = None if says_nothing else consumed
        is_credit = amount == 0 and spent < 0
        return {
            "selected": self.sums.selected,
            "eligible": self.sums.eligible,
            "unlabelled": sum(entry.run["unlabelled"] for entry in self.inside),
            "unmeasured": 0 if measured is None else self.sums.selected - measured,
            "judged": judged,
            "measured": measured,
            "spent": spent,
            "allowed": amount,
            "consumed": shown,
            "remaining": None if shown is None else 1 - shown,
            "instant": self.sums.instant,
            "verdict": verdict,
            "lack": lack,
            "burn": burn,
            "alerts": alerts if is_judged else [],
            "response": self.response(consumed) if is_judged and not is_credit else None,
            "breakdown": {
                column: self.slices(column, amount, spent)
                for column in listed(self.budget.get("by", ()))
                if column not in self.group
            },
        }

    def verdict(
        self, allowed: Allowed, spent: Fraction, consumed: Fraction | None
    ) -> tuple[str, str | None]:
        """The verdict, and what it lacks where the account is not judged."""
        amount = allowed.amount
        if not self.sums.selected:
            return "no_data", "no_run"
        if self.sums.instant:
            return "breached", None
        if self.form == "count" and spent > amount:
            return "breached", None
        at_best = None if amount is None else self.at_best()
        if at_best is None or spent <= at_best:
            lack = self.lack_of_evidence()
            if lack is not None:
                return "insufficient", lack
        if self.depends_on_runs and self.sums.eligible < self.min_runs:
            return "insufficient", "too_few"
        if allowed.unknown is not None:
            return "insufficient", allowed.unknown
        no_run_earns = self.depends_on_runs and self.sums.eligible == 0
        if (no_run_earns or self.worthless()) and spent == 0:
            return "no_data", "nothing_earns"
        if spent > amount:
            return "breached", None
        if consumed is None:
            return "ok", None
        freeze_below = percent((self.budget.get("gate") or {}).get("freeze_below", "25%"))
        if 1 - consumed < freeze_below:
            return "frozen", None
        lines = [percent(line) for line in self.budget.get("respond") or {"50%": ""}]
        return "warning" if consumed >= min(lines) else "ok", None

    def worthless(self) -> bool:
        """Whether the allowance depends on value, and nothing brought any."""
        return self.form == "of_value" and value_of(self.inside, self.workflows)[0] == 0

    def response(self, consumed: Fraction | None) -> str | None:
        reached = {
            percent(line): text
            for line, text in (self.budget.get("respond") or {}).items()
            if consumed is None or consumed >= percent(line)
        }
        return reached[max(reached)] if reached else None

    def burn(
        self, amount: Fraction | None
    ) -> tuple[dict[str, Fraction | None], list[tuple[Any, ...]]]:
        rates: dict[str, Fraction | None] = {}
        alerts = []
        is_rate = "sum" not in self.spend and self.depends_on_runs and self.form not in BANDS

        def look_back(text: str) -> tuple[Sums, Fraction | None, Fraction | None]:
            length = duration(text)
            entries = within(self.entries, self.window.until - length, self.window.until)
            sums = add_up(entries)
            return sums, self.spent(sums, amount), self.allowed(entries, length).amount

        def above(spent: Fraction, allowed: Fraction | None, factor: Fraction) -> bool:
            if allowed is None:
                return False
            return spent > factor * allowed if allowed else spent > 0

        for long, short, factor, severity in alert_rows(self.budget, self.window.length):
            far, near = look_back(long), look_back(short)
            for text, (_, spent, allowed) in ((long, far), (short, near)):
                rates[text] = spent / allowed if allowed else None
            enough = not is_rate or far[0].spending >= 2 or far[0].instant > 0
            firing = near[0].instant > 0 or (
                enough and above(far[1], far[2], factor) and above(near[1], near[2], factor)
            )
            alerts.append((long, short, factor, severity, firing))
        return rates, alerts

    def days(self, zone: ZoneInfo) -> list[tuple[int, int, Fraction, Fraction | None]]:
        """(until, eligible, spent, remaining) of each day; what remains is of the whole window."""
        allowed = self.allowed(self.inside, self.window.length).amount
        found, before = [], self.window.after
        for end in local_days(self.window, zone):
            day = add_up(within(self.entries, before, end))
            so_far = add_up(within(self.entries, self.window.after, end))
            gone = self.spent(so_far, allowed)
            remaining = None
            if allowed:
                remaining = 1 - gone / allowed
            elif allowed == 0 and gone == 0 and not so_far.instant:
                remaining = Fraction(1)
            own = self.distance(day) + (allowed or 0) * day.instant
            found.append((end, day.eligible, own, remaining))
            before = end
        return found

    def slices(
        self, column: str, amount: Fraction | None, spent: Fraction
    ) -> dict[str | None, dict[str, Any]]:
        parts: dict[str | None, list[Entry]] = {}
        for entry in self.inside:
            parts.setdefault(label_of(entry.run, column), []).append(entry)
        found = {}
        for value, entries in parts.items():
            own = add_up(entries)
            total = self.distance(own) + (amount or 0) * own.instant
            if self.form in BANDS:
                share = None
            elif not amount and self.sums.instant:
                share = Fraction(own.instant, self.sums.instant)
            else:
                share = total / spent if spent else None
            rest = self.sums.eligible - own.eligible
            rate = own.amount / own.eligible if own.eligible else None
            others = (self.sums.amount - own.amount) / rest if rest else None
            found[value] = {
                "eligible": own.eligible,
                "spent": total,
                "share": share,
                "instant": own.instant,
                "rate": rate,
                "against_rest": rate / others if rate is not None and others else None,
            }
        return found


def selects(budget: Mapping[str, Any], run: Run) -> bool:
    """Whether `for` admits a run."""
    wanted = budget.get("for") or {}
    return all(admits(values, label_of(run, column)) for column, values in wanted.items())


def covered_of(window: Window, oldest: int, *, calendar: bool) -> Fraction:
    """(as_of - oldest) / length, at most 1; a calendar window has a first instant, from which its
    length up to as_of is measured.
    """
    begins = window.after + calendar
    if oldest > window.until:
        return Fraction(0)
    if oldest <= begins:
        return Fraction(1)
    return Fraction(window.until - oldest, window.until - begins)


def accounts_of(
    policy: Mapping[str, Any],
    name: str,
    intake: Intake,
    as_of: int,
    rules: Rules,
    with_days: bool,
) -> list[dict[str, Any]]:
    budget, runs = policy["budgets"][name], intake.runs
    failures = policy.get("failures") or {}
    zone = ZoneInfo(policy.get("timezone", "UTC"))
    window = window_of(budget.get("window", "30d"), as_of, zone)
    wanted, spend = budget.get("for") or {}, budget["spend"]
    columns = listed(budget.get("each", ()))
    added = line_column(allow_of(budget))
    by_workflow = columns == ["workflow"] or (not columns and added == "workflow")
    if added is not None and added not in columns:
        columns.append(added)
    set_aside = {"run_id", "start_time", *wanted, *columns}
    text = expression_of(spend)
    entries = [
        Entry(
            run,
            earns(run, budget, rules),
            spend_of(run, spend, failures, rules),
            text is None or is_measured(run, text, set_aside, rules),
        )
        for run in runs
        if selects(budget, run)
    ]

    def group_of(entry: Entry) -> tuple[str | None, ...]:
        return tuple(label_of(entry.run, column) for column in columns)

    groups = {group_of(entry) for entry in within(entries, window.after, window.until)}
    if not columns:
        groups.add(())
    if by_workflow:
        seen = {group[0] for group in groups}
        groups |= {
            (workflow, *(declared.get("risk_tier") if c == "risk_tier" else None for c in rest))
            for rest in (columns[1:],)
            for workflow, declared in (policy.get("workflows") or {}).items()
            if workflow not in seen and admits_declared(wanted, workflow, declared)
        }
    found = []
    for group in sorted(groups, key=lambda values: [(v is not None, v or "") for v in values]):
        own = [entry for entry in entries if group_of(entry) == group]
        named = dict(zip(columns, group, strict=True))
        first = min((run["start_time"] for run in runs), default=window.until + 1)
        account = Account(
            policy,
            budget,
            named,
            own,
            window,
            outcome_read=reads_outcome(budget, failures, rules),
            heard=heard_columns(spend, failures, set_aside, rules),
            names_good=intake.names_good,
        )
        found.append(
            {
                "budget": name,
                "group": named,
                "window": (window.after, window.until, window.length),
                "covered": covered_of(
                    window, first, calendar=budget.get("window", "30d") in PERIODS
                ),
                **account.figures(),
                "days": account.days(zone) if with_days else [],
            }
        )
    return found


def evaluate(
    policy: Mapping[str, Any],
    logs: Sequence[Log],
    rules: Rules,
    *,
    clock: datetime,
    as_of: datetime | None = None,
    days_of: Collection[str] = (),
) -> dict[str, Any]:
    """What a statement has to say of these logs; day by day for the budgets of `days_of`."""
    intake, moment = take_in(
        policy, logs, to_micros(clock), None if as_of is None else to_micros(as_of), rules
    )
    moment = to_micros(clock) if moment is None else moment
    classify(intake, policy, rules)
    times = [run["start_time"] for run in intake.runs]
    return {
        "as_of": moment,
        "intake": {
            "files": intake.files,
            "records": intake.records,
            "runs": len(intake.runs),
            "rejected": intake.rejected,
            "duplicates": intake.duplicates,
            "duplicates_apart": intake.duplicates_apart,
            "outside": intake.outside,
            "future": intake.future,
            "lead": intake.lead,
            "no_outcome": sum(run["taken_as_success"] for run in intake.runs),
            "first": min(times, default=None),
            "last": max(times, default=None),
        },
        "unlabelled": sum(run["unlabelled"] for run in intake.runs),
        "infrastructure": sum(run["infrastructure"] for run in intake.runs),
        "unselected": sum(
            not any(selects(budget, run) for budget in policy["budgets"].values())
            for run in intake.runs
        ),
        "accounts": [
            account
            for name in policy["budgets"]
            for account in accounts_of(policy, name, intake, moment, rules, name in days_of)
        ],
    }
