"""Write 48.yaml: the twelve budgets of 12.yaml, and nine more for each of the four workflows.

    python benchmarks/policies/generate.py

It is what a company has when each team sets its own thresholds, windows and groups: the same
columns and the same failure rules, and other conditions.
"""

from pathlib import Path

TEAMS = (
    ("support-triage", "7d", "week", 20_000, 0.25, 0.12, "segment"),
    ("sales-assist", "14d", "month", 25_000, 0.30, 0.15, "action_type"),
    ("report-gen", "30d", "quarter", 29_000, 0.15, 0.19, "segment"),
    ("invoice-review", "28d", "month", 15_000, 0.40, 0.10, "action_type"),
)
"""Workflow, rolling window, calendar window, slow from (ms), poor under, dear from (USD), group."""

NINE = """\
  {workflow}-wrong:
    kind: outcome
    for: {{workflow: {workflow}, environment: prod}}
    each: [{group}]
    spend: {{class: B+}}
    allow: 6%
    window: {rolling}
    respond: {{50%: look, 100%: stop}}
    min_runs: 30
  {workflow}-blemishes:
    kind: outcome
    for: {{workflow: {workflow}}}
    spend: {{class: [A]}}
    allow: 2%
    window: {calendar}
    by: [{group}]
  {workflow}-weighted:
    kind: outcome
    for: {{workflow: {workflow}, environment: prod}}
    each: [segment, action_type]
    spend: {{class: {{B: 1, C: 3, D: all}}}}
    allow: {{amount: 10, per: 100}}
    window: {rolling}
  {workflow}-rework:
    kind: cleanup
    for: {{workflow: {workflow}}}
    spend: {{sum: cleanup_minutes}}
    allow: {{amount: 170, per: 100}}
    window: {calendar}
    by: [action_type, segment]
  {workflow}-cost-per-success:
    kind: cost
    for: {{workflow: {workflow}, environment: [prod, canary*]}}
    each: [{group}]
    of: success
    spend: {{sum: cost_usd}}
    allow: {{amount: 0.12, per: 1}}
    window: {rolling}
  {workflow}-dear-runs:
    kind: cost
    for: {{workflow: {workflow}}}
    spend: {{when: "cost_usd > {dear}"}}
    allow: 30%
    window: {calendar}
  {workflow}-slow:
    kind: latency
    for: {{workflow: {workflow}, environment: prod}}
    each: [{group}]
    spend: {{when: "duration_ms > {slow}"}}
    allow: 40%
    window: {rolling}
  {workflow}-poor-answers:
    kind: quality
    for: {{workflow: {workflow}}}
    spend: {{when: "score < {poor}"}}
    allow: 35%
    window: {calendar}
    by: [action_type]
    min_runs: 100
  {workflow}-outages:
    kind: availability
    for: {{workflow: {workflow}}}
    spend: {{when: "outcome = 'infrastructure'"}}
    allow: 50
    window: {rolling}
"""


def main() -> None:
    """Write 48.yaml beside 12.yaml."""
    here = Path(__file__).resolve().parent
    twelve = (here / "12.yaml").read_text(encoding="utf-8").split("\n", 1)[1]
    parts = ["# Made by generate.py: the budgets of 12.yaml, and nine for each workflow.\n", twelve]
    for workflow, rolling, calendar, slow, poor, dear, group in TEAMS:
        parts.append(
            NINE.format(
                workflow=workflow,
                rolling=rolling,
                calendar=calendar,
                slow=slow,
                poor=poor,
                dear=dear,
                group=group,
            )
        )
    (here / "48.yaml").write_text("".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
