"""The made-up company of the sample: its workflows on an ordinary day, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

FIRST_DAY, LAST_DAY = date(2026, 10, 2), date(2026, 10, 31)
NEWEST = datetime(2026, 10, 31, 23, 54, tzinfo=UTC)
"""The start of the newest run."""

WEEKEND = 0.45
"""Runs on a Saturday or Sunday, as a share of those on another day."""
HOURS = (1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 10, 10, 9, 10, 10, 9, 7, 4, 3, 2)
"""How busy each hour of a day (UTC) is, against the others."""


@dataclass(frozen=True)
class Action:
    """Something that an agent does."""

    name: str
    tool: str
    share: float
    """Of the workflow's runs."""
    external: bool = False
    """Whether it leaves the company, for which a person has to approve it."""


@dataclass(frozen=True)
class Flow:
    """One workflow, and how well it goes on an ordinary day."""

    name: str
    prefix: str
    risk_tier: str
    daily: float
    """Runs on a working day."""
    actions: tuple[Action, ...]
    segments: Mapping[str, float]
    releases: tuple[tuple[date, str], ...]
    """Versions of the agent, each with its first day."""
    failing: float
    """The share of runs that fail."""
    escalated: float
    """The share of runs that are handed over to a person."""
    reasons: Mapping[str, float]
    """Why runs fail."""
    cost: float
    """Median US dollars of a run."""
    seconds: float
    """Median length of a run."""
    quality: float
    """The mean score that a judge gives to a good run."""
    staging: float = 0.0
    """The share of runs outside production, which fail four times as often."""
    model: str = "north-large"
    first_day: date = FIRST_DAY


FLOWS = (
    Flow(
        name="support-triage",
        prefix="st",
        risk_tier="medium",
        daily=86,
        actions=(
            Action("classify_ticket", "helpdesk", 0.32),
            Action("draft_reply", "wiki", 0.22),
            Action("send_email", "mail", 0.28, external=True),
            Action("route_ticket", "helpdesk", 0.18),
        ),
        segments={"enterprise": 0.30, "midmarket": 0.30, "self-serve": 0.40},
        releases=((FIRST_DAY, "3.8.0"), (date(2026, 10, 13), "3.9.0")),
        failing=0.009,
        escalated=0.05,
        reasons={
            "wrong_owner": 0.4,
            "weak_phrasing": 0.3,
            "contradiction": 0.25,
            "private_data": 0.05,
        },
        cost=0.31,
        seconds=4.6,
        quality=0.84,
        staging=0.07,
    ),
    Flow(
        name="sales-assist",
        prefix="sa",
        risk_tier="medium",
        daily=44,
        actions=(
            Action("research_account", "crm", 0.45),
            Action("update_crm", "crm", 0.30),
            Action("send_quote", "mail", 0.25, external=True),
        ),
        segments={"enterprise": 0.35, "midmarket": 0.65},
        releases=((FIRST_DAY, "2.3.1"), (date(2026, 10, 27), "2.4.0")),
        failing=0.012,
        escalated=0.05,
        reasons={
            "stale_fact": 0.3,
            "weak_phrasing": 0.3,
            "wrong_price": 0.35,
            "private_data": 0.05,
        },
        cost=0.55,
        seconds=5.3,
        quality=0.82,
        staging=0.08,
    ),
    Flow(
        name="report-gen",
        prefix="rg",
        risk_tier="low",
        daily=38,
        actions=(
            Action("query_warehouse", "warehouse", 0.5),
            Action("write_summary", "editor", 0.3),
            Action("share_report", "mail", 0.2, external=True),
        ),
        segments={"internal": 1.0},
        releases=((FIRST_DAY, "1.12.0"),),
        failing=0.015,
        escalated=0.01,
        reasons={"stale_fact": 0.5, "missing_source": 0.5},
        cost=0.17,
        seconds=11.0,
        quality=0.86,
        model="south-base",
    ),
    Flow(
        name="invoice-review",
        prefix="ir",
        risk_tier="high",
        daily=68,
        actions=(
            Action("match_order", "ledger", 0.55),
            Action("flag_invoice", "ledger", 0.25),
            Action("approve_payment", "ledger", 0.20, external=True),
        ),
        segments={"domestic": 0.75, "foreign": 0.25},
        releases=((FIRST_DAY, "5.0.2"), (date(2026, 10, 8), "5.0.3")),
        failing=0.008,
        escalated=0.06,
        reasons={"wrong_amount": 0.7, "wrong_supplier": 0.3},
        cost=0.42,
        seconds=4.2,
        quality=0.88,
    ),
    Flow(
        name="access-requests",
        prefix="ar",
        risk_tier="high",
        daily=12,
        actions=(Action("grant_access", "directory", 1.0, external=True),),
        segments={"internal": 1.0},
        releases=((date(2026, 10, 28), "0.1.0"),),
        failing=0.02,
        escalated=0.10,
        reasons={"wrong_group": 1.0},
        cost=0.28,
        seconds=3.0,
        quality=0.80,
        first_day=date(2026, 10, 28),
    ),
)
EXPORTED = "report-gen"
"""The workflow whose runs come as Parquet."""

# Story: since a change of its knowledge base, one action for one segment quotes old contracts.
STALE_FROM = datetime(2026, 10, 26, 6, tzinfo=UTC)
STALE_SLICE = ("support-triage", "send_email", "enterprise")
STALE_RATE = 0.24
STALE_REASONS = {"stale_fact": 0.75, "wrong_owner": 0.25}
STALE_TODAY = tuple(NEWEST - timedelta(minutes=m) for m in (171, 74, 23, 11))
"""Four of its runs that failed on the last evening."""

# Story: one quote left the company without approval. Its outcome says success.
UNAPPROVED = ("sales-assist", "send_quote", datetime(2026, 10, 14, 15, 20, tzinfo=UTC))

# Story: a release makes every run dearer, and a little more so each day.
DEARER = "2.4.0"
DEARER_AT_ONCE, DEARER_A_DAY = 1.36, 0.06

# Story: one provider is down for an afternoon; the rest goes through the fallback route.
OUTAGE = (datetime(2026, 10, 21, 13, tzinfo=UTC), datetime(2026, 10, 21, 16, 30, tzinfo=UTC))
OUTAGE_MODEL, OUTAGE_SHARE = "north-large", 0.75
FALLBACK_MODEL, FALLBACK_SHARE, FALLBACK_COST = "south-base", 0.03, 1.3

# Story: nobody has judged all of the last days yet.
NOT_JUDGED = ((1, 0.55), (2, 0.22), (3, 0.07))
"""Runs younger than so many days lack an outcome with this probability."""
NEVER_JUDGED = 0.004
FAILURES_NOTICED = 0.25
"""A failure is overlooked less often than a success, by this factor."""

SCORED = 0.2
"""The share of judged runs that a judge has scored."""

# Story: what a log shipper does to a log.
DUPLICATE_EVERY, DUPLICATE_FIRST = 157, 60
"""Every so many records one is written twice; every fourth of these a day later."""
BROKEN_EVERY, BROKEN_FIRST = 391, 150
WRONG_COST_EVERY, WRONG_COST_FIRST = 977, 300
BROKEN = ("cut", "cut", "timeless", "trace")
"""The kinds of broken line, in turn."""
