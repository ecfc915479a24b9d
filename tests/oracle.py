"""The arithmetic a second time, in plain Python with exact fractions, to hold the engine to.

It shares no code with ebudget, reads every record into memory and walks over all of them again for
each figure: slow, and easy to check against the rules of the design by eye. A policy is the plain
mapping that its YAML holds. Conditions and expressions are not parsed: `rules` has, for the text of
each, a function of a canonical run that gives a truth value, a number, or None for null.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

Run = dict[str, Any]
Rules = Mapping[str, Callable[[Run], Any]]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)
UNITS = {"s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6, "w": 604800 * 10**6}
DAY = UNITS["d"]
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
    "outcome": ("outcome", "ok", "success", "status", "result"),
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
    "success": ("true", "1", "ok", "success", "completed", "resolved"),
    "failure": ("false", "0", "error", "failed", "failure"),
    "escalated": ("escalated",),
    "infrastructure": ("infrastructure",),
    None: ("pending", ""),
}

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


def read_time(value: Any, zone: ZoneInfo) -> int:
    if isinstance(value, bool):
        raise Unreadable
    if isinstance(value, int):
        for limit, factor in ((10**11, 10**6), (10**14, 10**3), (10**17, 1)):
            if value < limit:
                return value * factor
        return value // 1000
    if isinstance(value, datetime):
        moment = value
    else:
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise Unreadable from None
    return to_micros(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def read_number(value: Any) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise Unreadable
    try:
        return fraction(value)
    except (InvalidOperation, ValueError, OverflowError):
        raise Unreadable from None


def whole(number: Fraction) -> Fraction:
    if number.denominator != 1:
        raise Unreadable
    return number


def read_boolean(value: Any) -> bool:
    text = str(value).strip().lower()
    if text in ("true", "1"):
        return True
    if text in ("false", "0"):
        return False
    raise Unreadable


def read_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
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


def same_value(value: Any, wanted: Any) -> bool:
    """Whether a log's value is one that `null_if` lists."""
    try:
        return fraction(value) == fraction(wanted)
    except (InvalidOperation, ValueError):
        return str(value) == str(wanted)


def read_column(record: Mapping[str, Any], column: str, logs: Mapping[str, Any]) -> Any:
    """One column of a record; None where it has no value. Raises Unreadable."""
    mapped = (logs.get("fields") or {}).get(column)
    if isinstance(mapped, str):
        mapped = {"path": mapped}
    paths = (mapped["path"],) if mapped else ALIASES[column]
    mapped = mapped or {}
    value = next((v for v in (look_up(record, path) for path in paths) if v is not None), None)
    if value is None or any(same_value(value, wanted) for wanted in mapped.get("null_if", ())):
        return None
    scale = fraction(mapped.get("scale", 1))
    match kind_of(column, mapped):
        case "number":
            return round9(read_number(value) * scale)
        case "integer":
            return whole(read_number(value) * scale)
        case "time":
            return read_time(value, ZoneInfo(logs.get("timezone", "UTC")))
        case "boolean":
            return read_boolean(value)
        case _:
            return read_text(value)


def read_outcome(word: str | None, logs: Mapping[str, Any]) -> tuple[str | None, bool]:
    """What an outcome word means, and whether the log said anything about how the run went."""
    if word is None:
        return None, False
    word = word.strip().lower()
    for outcome, own in (logs.get("outcomes") or {}).items():
        if word in own:
            return outcome, True
    for known, words in WORDS.items():
        if word in words:
            return known, True
    return None, True


def canonical(record: Mapping[str, Any], policy: Mapping[str, Any]) -> Run | None:
    """The run that a record describes; None for a record without a readable start_time."""
    logs = policy.get("logs") or {}
    run: Run = {}
    for column in (*ALIASES, *(logs.get("fields") or {})):
        try:
            run[column] = read_column(record, column, logs)
        except Unreadable:
            run[column] = None
    if run["start_time"] is None:
        return None
    if run["duration_ms"] is None and run["end_time"] is not None:
        run["duration_ms"] = Fraction(run["end_time"] - run["start_time"], 1000)
    if run["risk_tier"] is None:
        declared = (policy.get("workflows") or {}).get(run["workflow"]) or {}
        run["risk_tier"] = declared.get("risk_tier")
    run["outcome"], run["says"] = read_outcome(run["outcome"], logs)
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
    anybody_says: bool = False
    """Whether any readable record, counted or not, says anything of how its run went."""
    runs: list[Run] = field(default_factory=list)


def take_in(
    policy: Mapping[str, Any], logs: Iterable[Log], clock: int, as_of: int | None
) -> tuple[Intake, int | None]:
    intake = Intake()
    read: list[tuple[tuple[int, bytes, int], Run]] = []
    for log in logs:
        intake.files += 1
        for line, record in enumerate(log.records, 1):
            intake.records += 1
            run = None if isinstance(record, str) else canonical(record, policy)
            if run is None:
                intake.rejected += 1
            else:
                read.append(((run["start_time"], log.path.encode(), line), run))
    intake.anybody_says = any(run["says"] for _, run in read)
    last: dict[str, tuple[int, bytes, int]] = {}
    for rank, run in read:
        if run["run_id"] is not None:
            last[run["run_id"]] = max(rank, last.get(run["run_id"], rank))
    unique = [run for rank, run in read if run["run_id"] is None or last[run["run_id"]] == rank]
    intake.duplicates = len(read) - len(unique)
    present = [run for run in unique if run["start_time"] <= clock + DAY]
    intake.future = len(unique) - len(present)
    if as_of is None:
        as_of = max((run["start_time"] for run in present), default=None)
    intake.runs = [run for run in present if as_of is not None and run["start_time"] <= as_of]
    intake.outside = len(unique) - len(intake.runs)
    return intake, as_of


# What a run is, and what it does to a budget


def classify(intake: Intake, policy: Mapping[str, Any], rules: Rules) -> None:
    """Add to each run the rules it matches, its class, and whether it is judged and a success."""
    failures = policy.get("failures") or {}
    for run in intake.runs:
        infrastructure = run["outcome"] == "infrastructure"
        matched = {
            name
            for name, failure in failures.items()
            if not infrastructure and rules[failure["when"]](run) is True
        }
        run["matched"] = matched
        run["class"] = max((failures[name]["class"] for name in matched), default=None)
        if not matched and run["outcome"] == "failure":
            run["class"] = policy.get("unclassified", "B")
        run["labelled"] = not infrastructure and bool(
            matched or run["outcome"] is not None or not intake.anybody_says
        )
        run["is_success"] = not matched and (run["outcome"] == "success" or not intake.anybody_says)
        run["unlabelled"] = not infrastructure and not run["labelled"]


def weights_of(spend_class: Any) -> dict[str, Any]:
    if isinstance(spend_class, Mapping):
        return dict(spend_class)
    if isinstance(spend_class, str) and spend_class.endswith("+"):
        return {letter: 1 for letter in "ABCD" if letter >= spend_class[0]}
    return dict.fromkeys([spend_class] if isinstance(spend_class, str) else spend_class, 1)


@dataclass(frozen=True)
class Spent:
    """What one run does to a budget: an amount, an instant event or none, measured or not."""

    amount: Fraction
    instant: bool = False
    measured: bool = True


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
        named = spend["failure"]
        counted = run["matched"] & set([named] if isinstance(named, str) else named)
        return Spent(
            Fraction(bool(counted)), any(failures[name].get("instant") for name in counted)
        )
    if "when" in spend:
        met = rules[spend["when"]](run)
        return Spent(Fraction(met is True), measured=met is not None)
    amount = rules[spend["sum"]](run)
    return Spent(Fraction(0), measured=False) if amount is None else Spent(round9(amount))


def kind_of_budget(budget: Mapping[str, Any]) -> str:
    if "kind" in budget:
        return budget["kind"]
    if "sum" in budget["spend"]:
        return "cost"
    return "quality" if "when" in budget["spend"] else "outcome"


def earns(run: Run, budget: Mapping[str, Any], rules: Rules) -> bool:
    kind, spend = kind_of_budget(budget), budget["spend"]
    of = budget.get("of")
    if of is None:
        if kind in ("outcome", "trust"):
            of = "labelled"
        elif kind in ("latency", "quality") and "when" in spend:
            return rules[spend["when"]](run) is not None
        else:
            of = "all"
    named = {"all": True, "labelled": run["labelled"], "success": run["is_success"]}
    return named[of] if of in named else rules[of](run) is True


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


FORMS = ("amount", "per", "of_value", "of_baseline", "over")


def is_by_tier(allow: Any) -> bool:
    return isinstance(allow, Mapping) and not any(key in FORMS for key in allow)


def form_of(allow: Any) -> str:
    if isinstance(allow, Mapping):
        return next(key for key in ("amount", "of_value", "of_baseline") if key in allow)
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
    ) -> None:
        self.budget, self.group, self.entries, self.window = budget, group, entries, window
        self.workflows = policy.get("workflows") or {}
        self.min_runs = int(budget.get("min_runs", 0))
        self.allow = budget["allow"]
        if is_by_tier(self.allow):
            tier = group["risk_tier"]
            self.allow = self.allow.get(tier, self.allow.get("default"))
        self.inside = within(entries, window.after, window.until)
        self.sums = add_up(self.inside)
        self.mean = self.unknown = None
        if self.allow is not None and form_of(self.allow) == "of_baseline":
            before = window.after - duration(self.allow["over"])
            base = add_up(within(entries, before, window.after))
            if base.eligible == 0 or base.amount <= 0 or base.eligible < self.min_runs:
                self.unknown = "baseline"
            else:
                self.mean = base.amount / base.eligible

    @property
    def depends_on_runs(self) -> bool:
        return self.allow is not None and form_of(self.allow) in ("ratio", "amount", "of_baseline")

    def allowed(self, entries: Sequence[Entry], length: int) -> Allowed:
        """What a window of this length with these runs allows."""
        if self.allow is None:
            return Allowed(None, "tier")
        eligible = sum(entry.earns for entry in entries)
        match form_of(self.allow):
            case "ratio":
                return Allowed(percent(str(self.allow)) * eligible)
            case "count":
                return Allowed(fraction(self.allow) * length / self.window.length)
            case "amount":
                return Allowed(
                    fraction(self.allow["amount"]) * eligible / fraction(self.allow["per"])
                )
            case "of_value":
                value, unknown = value_of(entries, self.workflows)
                if unknown:
                    return Allowed(None, "value")
                return Allowed(percent(self.allow["of_value"]) * value)
            case _:
                if self.mean is None:
                    return Allowed(None, self.unknown)
                return Allowed(percent(self.allow["of_baseline"]) * self.mean * eligible)

    def figures(self) -> dict[str, Any]:
        allowed = self.allowed(self.inside, self.window.length)
        amount = allowed.amount
        spent = self.sums.amount + (amount or 0) * self.sums.instant
        consumed = None
        if amount is not None and amount > 0:
            consumed = spent / amount
        elif amount == 0 and spent == 0 and not self.sums.instant:
            consumed = Fraction(0)
        verdict = self.verdict(allowed, spent, consumed)
        judged = verdict not in ("insufficient", "no_data")
        burn, alerts = self.burn(amount)
        return {
            "selected": self.sums.selected,
            "eligible": self.sums.eligible,
            "unlabelled": sum(entry.run["unlabelled"] for entry in self.inside),
            "unmeasured": sum(not entry.spent.measured for entry in self.inside),
            "spent": spent,
            "allowed": amount,
            "consumed": consumed,
            "remaining": None if consumed is None else 1 - consumed,
            "instant": self.sums.instant,
            "verdict": verdict,
            "burn": burn,
            "alerts": alerts if judged else [],
            "response": self.response(consumed) if judged else None,
            "breakdown": {
                column: self.slices(column, amount, spent)
                for column in listed(self.budget.get("by", ()))
                if column not in self.group
            },
        }

    def verdict(self, allowed: Allowed, spent: Fraction, consumed: Fraction | None) -> str:
        if not self.sums.selected:
            return "no_data"
        if self.sums.instant:
            return "breached"
        if self.depends_on_runs and self.sums.eligible < self.min_runs:
            return "insufficient"
        no_run_earns = self.depends_on_runs and self.sums.eligible == 0
        if (no_run_earns or self.worthless(allowed)) and spent == 0:
            return "no_data"
        if allowed.amount is None:
            return "insufficient"
        if spent > allowed.amount:
            return "breached"
        freeze_below = percent((self.budget.get("gate") or {}).get("freeze_below", "25%"))
        if 1 - consumed < freeze_below:
            return "frozen"
        lines = [percent(line) for line in self.budget.get("respond") or {"50%": ""}]
        return "warning" if consumed >= min(lines) else "ok"

    def worthless(self, allowed: Allowed) -> bool:
        """Whether the allowance depends on value, and nothing brought any."""
        if self.allow is None or form_of(self.allow) != "of_value" or allowed.amount is None:
            return False
        return value_of(self.inside, self.workflows)[0] == 0

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
        is_rate = "sum" not in self.budget["spend"] and self.depends_on_runs

        def look_back(text: str) -> tuple[Sums, Fraction | None, Fraction | None]:
            length = duration(text)
            entries = within(self.entries, self.window.until - length, self.window.until)
            sums = add_up(entries)
            spent = sums.amount + (amount or 0) * sums.instant
            return sums, spent, self.allowed(entries, length).amount

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
            gone = so_far.amount + (allowed or 0) * so_far.instant
            remaining = None
            if allowed:
                remaining = 1 - gone / allowed
            elif allowed == 0 and gone == 0 and not so_far.instant:
                remaining = Fraction(1)
            found.append((end, day.eligible, day.amount + (allowed or 0) * day.instant, remaining))
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
            total = own.amount + (amount or 0) * own.instant
            if not amount and self.sums.instant:
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


def listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else list(value)


def accounts_of(
    policy: Mapping[str, Any],
    name: str,
    runs: Sequence[Run],
    as_of: int,
    rules: Rules,
    with_days: bool,
) -> list[dict[str, Any]]:
    budget = policy["budgets"][name]
    failures = policy.get("failures") or {}
    zone = ZoneInfo(policy.get("timezone", "UTC"))
    window = window_of(budget.get("window", "30d"), as_of, zone)
    wanted = budget.get("for") or {}
    entries = [
        Entry(run, earns(run, budget, rules), spend_of(run, budget["spend"], failures, rules))
        for run in runs
        if all(admits(values, label_of(run, column)) for column, values in wanted.items())
    ]
    each = listed(budget.get("each", ()))
    columns = list(each)
    if is_by_tier(budget["allow"]) and "risk_tier" not in columns:
        columns.append("risk_tier")

    def group_of(entry: Entry) -> tuple[str | None, ...]:
        return tuple(label_of(entry.run, column) for column in columns)

    groups = {group_of(entry) for entry in within(entries, window.after, window.until)}
    if not columns:
        groups.add(())
    if each == ["workflow"]:
        seen = {group[0] for group in groups}
        groups |= {
            (workflow, declared.get("risk_tier"))[: len(columns)]
            for workflow, declared in (policy.get("workflows") or {}).items()
            if workflow not in seen and admits_declared(wanted, workflow, declared)
        }
    found = []
    for group in sorted(groups, key=lambda values: [(v is not None, v or "") for v in values]):
        own = [entry for entry in entries if group_of(entry) == group]
        named = dict(zip(columns, group, strict=True))
        first = min((run["start_time"] for run in runs), default=window.until + 1)
        account = Account(policy, budget, named, own, window)
        found.append(
            {
                "budget": name,
                "group": named,
                "window": (window.after, window.until, window.length),
                "covered": Fraction(
                    window.until - max(first - 1, window.after), window.until - window.after
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
        policy, logs, to_micros(clock), None if as_of is None else to_micros(as_of)
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
            "outside": intake.outside,
            "future": intake.future,
            "first": min(times, default=None),
            "last": max(times, default=None),
        },
        "unlabelled": sum(run["unlabelled"] for run in intake.runs),
        "infrastructure": sum(run["outcome"] == "infrastructure" for run in intake.runs),
        "accounts": [
            account
            for name in policy["budgets"]
            for account in accounts_of(policy, name, intake.runs, moment, rules, name in days_of)
        ],
    }
