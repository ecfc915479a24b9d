"""The canonical run: the names, types, units and aliases of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    """What a column of a run holds."""

    TEXT = "text"
    NUMBER = "number"
    """An exact decimal with 9 places."""
    INTEGER = "integer"
    """A number without a fraction."""
    BOOLEAN = "boolean"
    TIME = "time"
    """An instant, kept in UTC to the microsecond."""
    LIST = "list"
    """A list of texts."""


NUMBERS = (Type.NUMBER, Type.INTEGER)


@dataclass(frozen=True)
class Column:
    """One column of the canonical run."""

    name: str
    type: Type
    aliases: tuple[str, ...]
    """Where a log keeps it when the policy does not say; the first with a value wins."""
    meaning: str
    """What it holds, with its unit."""
    unit: str | None = None
    """The unit of a sum over this column, as a report prints it."""


def _column(name: str, type_: Type, meaning: str, *others: str, unit: str | None = None) -> Column:
    return Column(name, type_, (name, *others), meaning, unit)


FILE_COLUMN = "file"
"""The column that no key of a log feeds, unless the policy maps one."""

CANONICAL: tuple[Column, ...] = (
    _column("run_id", Type.TEXT, "identifies a run; a run without one is never a duplicate", "id"),
    _column(
        "start_time",
        Type.TIME,
        "when the run began (required)",
        "started_at",
        "timestamp",
        "ts",
        "time",
        "created_at",
    ),
    _column("end_time", Type.TIME, "when the run ended", "ended_at", "completed_at"),
    _column(
        "duration_ms",
        Type.NUMBER,
        "milliseconds; else end_time - start_time",
        "latency_ms",
        unit="ms",
    ),
    _column(
        "workflow",
        Type.TEXT,
        "the unit of work the run belongs to",
        "workflow_name",
        "agent_name",
        "gen_ai.workflow.name",
        "gen_ai.agent.name",
    ),
    _column(
        "action_type",
        Type.TEXT,
        "what the agent did",
        "action",
        "tool_name",
        "gen_ai.tool.name",
        "operation_name",
    ),
    _column("risk_tier", Type.TEXT, "low, medium, high; else the workflow's tier", "risk"),
    _column(
        "segment", Type.TEXT, "whom it was done for", "customer_segment", "tenant_id", "tenant"
    ),
    _column("environment", Type.TEXT, "where it ran", "env", "deployment.environment.name"),
    _column("model", Type.TEXT, "the model that was called"),
    _column("version", Type.TEXT, "the release of the agent or prompt"),
    _column("tool", Type.TEXT, "the tool that was called"),
    _column("route", Type.TEXT, "the path through a router"),
    _column(
        "outcome",
        Type.TEXT,
        "success, failure, escalated, infrastructure, or nothing (not judged yet)",
        "ok",
        "success",
        "status",
    ),
    _column(
        "failure_reason",
        Type.TEXT,
        "why it failed, in the log's words",
        "error_type",
        "error.type",
        "error",
    ),
    _column(
        "cost_usd",
        Type.NUMBER,
        "US dollars, exact",
        "total_cost",
        "cost",
        "spend",
        "llm.cost.total",
        unit="USD",
    ),
    _column(
        "input_tokens", Type.INTEGER, "tokens read", "gen_ai.usage.input_tokens", unit="tokens"
    ),
    _column(
        "output_tokens", Type.INTEGER, "tokens written", "gen_ai.usage.output_tokens", unit="tokens"
    ),
    _column("retries", Type.INTEGER, "how often it was tried again", "retry_count", unit="retries"),
    _column("review_minutes", Type.NUMBER, "minutes of human review", unit="min"),
    _column(
        "cleanup_minutes", Type.NUMBER, "minutes of human clean-up", "human_minutes", unit="min"
    ),
    _column("score", Type.NUMBER, "a judge's score", unit="points"),
    Column(FILE_COLUMN, Type.TEXT, (), "the file that the run was read from"),
)

BY_NAME: Mapping[str, Column] = {column.name: column for column in CANONICAL}

OUTCOMES = ("success", "failure", "escalated", "infrastructure")
"""The values of the column `outcome`; a run without one is unlabelled."""

JUDGED = ("success", "failure", "escalated")
"""The outcomes by which somebody has judged a run."""

CONDITIONS_FIRST = ("infrastructure", "failure", "escalated", "success", "unlabelled")
"""Of several conditions of `logs.outcomes` that hold, the first of these decides."""

TIERS = ("low", "medium", "high", "critical")
"""The risk tiers that need no declaration."""

OUTCOME_WORDS: Mapping[str, tuple[str, ...]] = {
    "success": (
        "success",
        "succeeded",
        "successful",
        "ok",
        "true",
        "1",
        "1.0",
        "yes",
        "completed",
        "complete",
        "resolved",
        "solved",
        "passed",
        "pass",
        "done",
    ),
    "failure": (
        "failure",
        "failed",
        "fail",
        "false",
        "0",
        "0.0",
        "no",
        "error",
        "errored",
        "unresolved",
        "timeout",
        "timed_out",
        "crashed",
        "exception",
    ),
    "escalated": ("escalated", "escalation", "escalate", "handed_over"),
    "infrastructure": (
        "infrastructure",
        "infrastructure_error",
        "infra",
        "outage",
        "provider_error",
        "provider_down",
    ),
    "unlabelled": (
        "unlabelled",
        "unlabeled",
        "pending",
        "unset",
        "cancelled",
        "canceled",
        "aborted",
        "interrupted",
        "skipped",
        "",
    ),
}
"""The words a log may use for each outcome, compared without regard to case."""
