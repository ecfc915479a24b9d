"""The statement as Markdown, for pull requests and job summaries."""

from __future__ import annotations

from ebudget.accounts.statement import Account, Statement, Verdict
from ebudget.render import figures, intake
from ebudget.render.markdown import code, heading, notes, rendered, table
from ebudget.render.page import MARKS, Look
from ebudget.render.report.sections import BREAKDOWN_ROWS, has_breakdown, sections

_WORDS = {**figures.WORDS, Verdict.INSUFFICIENT: "not enough data"}


def _account_row(account: Account) -> list[str]:
    group = figures.group_text(account.group)
    burn = [figures.peak_burn(account) or "", *map(str.upper, figures.firing(account))]
    return [
        f"{MARKS[account.verdict][0]} {_WORDS[account.verdict]}",
        code(account.budget),
        code(group) if group else "all",
        account.terms.window,
        code(figures.spent_of_allowed(account)),
        figures.remaining(account),
        " ".join(filter(None, burn)) or "–",
        code(account.response) if account.response else "–",
        code(account.terms.owner) if account.terms.owner else "–",
    ]


_HEAD = (
    *("verdict", "budget", "group", "window", "spent of allowed"),
    *("left", "burn", "agreed", "owner"),
)


def _breakdown(account: Account) -> list[str]:
    lines: list[str] = []
    for column, slices in account.breakdown:
        shown = [part for part in slices if part.spent or part.instant][:BREAKDOWN_ROWS]
        if not shown:
            continue
        where = figures.group_text(account.group)
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


def render(statement: Statement, look: Look) -> str:
    """The report as Markdown."""
    noted = notes(intake.notes(statement))
    lines = [
        *heading("report", look.title),
        f"{figures.head(statement)}. **{figures.summary(statement.accounts)}**",
        "",
        f"{intake.read_line(statement)}  ",
        intake.judged_line(statement),
        "",
        *([*noted, ""] if noted else []),
    ]
    ordered = [account for section in sections(statement) for account in section.accounts]
    lines += table(_HEAD, [_account_row(account) for account in ordered])
    for account in ordered:
        if has_breakdown(account, every=look.every_breakdown):
            lines += _breakdown(account)
    qualified = [
        (account, [*figures.alarms(account), *figures.remarks(account)]) for account in ordered
    ]
    remarks = [
        f"- {code(f'{a.budget} {figures.group_text(a.group)}'.strip())}: {code('; '.join(found))}"
        for a, found in qualified
        if found
    ]
    if remarks:
        lines += ["Remarks", "", *remarks, ""]
    if look.show_rejects and statement.intake.rejects:
        rows = [[code(r.file), code(r.place), code(r.reason)] for r in statement.intake.rejects]
        lines += ["Rejected records (the first few)", "", *table(("file", "where", "why"), rows)]
    return rendered(lines)
