"""The statement as Markdown, for pull requests and job summaries."""

from __future__ import annotations

from collections.abc import Sequence

from ebudget.accounts.statement import Account, Statement, Verdict
from ebudget.render import figures
from ebudget.render.report.sections import BREAKDOWN_ROWS, has_breakdown, sections
from ebudget.text import visible

_MARKS = {
    Verdict.BREACHED: "✗ breached",
    Verdict.FROZEN: "■ frozen",
    Verdict.WARNING: "! warning",
    Verdict.OK: "✓ ok",
    Verdict.INSUFFICIENT: "– not enough data",
    Verdict.NO_DATA: "– no data",
}


def code(text: str) -> str:
    """Text from a log or policy as a code span: no markup, no mention, no link."""
    shown = visible(text).replace("`", "ˋ").replace("|", "\\|")
    return f"`{shown}`" if shown.strip() else "` `"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, and an empty one."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def _account_row(account: Account) -> list[str]:
    group = ", ".join(f"{column}={figures.value_of(value)}" for column, value in account.group)
    burn = figures.peak_burn(account)
    alerts = " ".join(sorted({alert.row.severity.upper() for alert in account.firing}))
    return [
        _MARKS[account.verdict],
        code(account.budget),
        code(group) if group else "all",
        account.terms.window,
        code(figures.spent_of_allowed(account)),
        figures.remaining(account),
        " ".join(part for part in (burn, alerts) if part) or "–",
        code(account.response) if account.response else "–",
        code(account.terms.owner) if account.terms.owner else "–",
    ]


_HEAD = (
    "verdict",
    "budget",
    "group",
    "window",
    "spent of allowed",
    "left",
    "burn",
    "agreed",
    "owner",
)


def _breakdown(account: Account) -> list[str]:
    lines: list[str] = []
    for column, slices in account.breakdown:
        shown = [part for part in slices if part.spent or part.instant][:BREAKDOWN_ROWS]
        if not shown:
            continue
        where = figures.group_of(account)
        title = f"Where {code(account.budget)} went" + (f" for {code(where)}" if where else "")
        rows = [
            [
                code(figures.value_of(part.value)),
                figures.percent(part.share) if part.share is not None else "–",
                figures.amount_of(account.terms.unit.name, part.spent),
                f"{part.eligible:,}",
                figures.rate(part.against_rest) + " ×" if part.against_rest is not None else "–",
            ]
            for part in shown
        ]
        lines += [title, ""]
        lines += table((code(column), "share of spend", "spent", "runs", "against the rest"), rows)
    return lines


def render(
    statement: Statement, *, title: str = "", show_rejects: bool = False, by: bool = False
) -> str:
    """The report as Markdown; `by` shows every account's breakdown, not only the burning ones."""
    name = f" {code(title)}" if title else ""
    lines = [
        f"## ebudget report{name}",
        "",
        f"{figures.head(statement)}. **{figures.summary(statement.accounts)}**",
        "",
        f"{figures.read_line(statement)}  ",
        figures.judged_line(statement),
        "",
    ]
    lines += [f"- {code(note)}" for note in figures.notes(statement)]
    if lines[-1]:
        lines.append("")
    ordered = [account for section in sections(statement) for account in section.accounts]
    lines += table(_HEAD, [_account_row(account) for account in ordered])
    for account in ordered:
        if has_breakdown(account, every=by):
            lines += _breakdown(account)
    qualified = [
        (account, [*figures.alarms(account), *figures.remarks(account)]) for account in ordered
    ]
    remarks = [
        f"- {code(f'{a.budget} {figures.group_of(a)}'.strip())}: {code('; '.join(found))}"
        for a, found in qualified
        if found
    ]
    if remarks:
        lines += ["Remarks", "", *remarks, ""]
    if show_rejects and statement.intake.rejects:
        rows = [[code(r.file), code(r.place), code(r.reason)] for r in statement.intake.rejects]
        lines += ["Rejected records (the first few)", "", *table(("file", "where", "why"), rows)]
    return "\n".join(lines).rstrip() + "\n"
