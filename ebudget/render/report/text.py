"""The statement for a terminal: the worst first, every number with its unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from ebudget.accounts.parts import Slice
from ebudget.accounts.statement import Account, Statement
from ebudget.render import figures, intake
from ebudget.render.page import MARKS, NARROWEST, Look, Page, columns, fit
from ebudget.render.report.sections import BREAKDOWN_ROWS, Section, has_breakdown, sections
from ebudget.text import visible

NARROWEST_VALUE = 12
MOST_CHARTS = 8
MOST_DAYS = 31

_TABLE = " " * 8
"""What breakdowns are indented by."""


@dataclass(frozen=True)
class _Widths:
    name: int
    window: int
    amount: int
    bar: int
    left: int
    verdict: int
    inline: int
    """Columns for the burn on the same line; 0 puts it below."""
    cells: Mapping[int, tuple[str, str]]
    """What is spent and what is left, by the identity of the account."""


def render(statement: Statement, look: Look) -> str:
    """The report as text."""
    page = Page(look)
    _header(page, statement)
    widths = _widths(statement, look)
    for section in sections(statement):
        page.add()
        _section(page, section, widths)
    charted = [account for account in statement.accounts if account.days]
    for account in charted[:MOST_CHARTS]:
        page.add()
        _burn_down(page, account)
    if len(charted) > MOST_CHARTS:
        page.add(f"{len(charted) - MOST_CHARTS} more burn-downs; narrow them with --for")
    if look.show_rejects:
        page.add()
        _rejects(page, statement)
    return page.rendered()


def _header(page: Page, statement: Statement) -> None:
    page.title("report", figures.as_of(statement))
    page.wrapped(intake.read_line(statement))
    page.wrapped(intake.judged_line(statement))
    page.notes(intake.notes(statement))
    page.add()
    page.add((figures.summary(statement.accounts), "bold"))


def _name(account: Account) -> str:
    rest = [figures.value_of(value) for column, value in account.group if column != "workflow"]
    return " · ".join([visible(account.budget, 40), *rest])


def _widths(statement: Statement, look: Look) -> _Widths:
    accounts = statement.accounts
    room = max(look.width, NARROWEST)
    verdict = max((len(figures.WORDS[a.verdict]) for a in accounts), default=4)
    window = max((len(a.terms.window) for a in accounts), default=3)
    units = room >= 96
    cells = {id(a): (_spent(a, units=units), figures.remaining(a)) for a in accounts}
    amount = max((columns(spent) for spent, _ in cells.values()), default=8)
    left = max((columns(rest) for _, rest in cells.values()), default=4)
    name = max((columns(_name(a)) for a in accounts), default=8)
    bar = 10 if room >= 96 else 5
    fixed = 4 + 2 + window + 2 + 2 + (bar + 2) + 1 + left + 2 + verdict
    flexible = max(room - fixed, 20)
    name = min(name, max(flexible - amount, 8))
    inline = room - fixed - name - amount - 2
    return _Widths(name, window, amount, bar, left, verdict, inline if inline >= 14 else 0, cells)


def _section(page: Page, section: Section, widths: _Widths) -> None:
    mark, _, style = MARKS[section.worst]
    first = section.accounts[0]
    title = "across workflows" if section.across else figures.value_of(section.workflow)
    about = _about(section, first)
    page.add((f"{mark} {title}", f"{style} bold".strip()), f"   {about}" if about else "")
    for account in section.accounts:
        _account(page, account, widths, owner_known=bool(first.terms.owner))
    for account in section.accounts:
        if has_breakdown(account, every=page.look.every_breakdown):
            _breakdown(page, account)


def _spent(account: Account, *, units: bool) -> str:
    """Spent of allowed; where there is little room the section's heading tells the usual unit."""
    terms = account.terms
    return figures.spent_of_allowed(account, unit=units or terms.unit.name != (terms.per or "run"))


def _about(section: Section, account: Account) -> str:
    if section.across:
        return ""
    terms, units = account.terms, set()
    for t in (one.terms for one in section.accounts):
        if t.per or (t.unit.noun and t.unit.name != "USD"):
            units.add(t.per or t.unit.name)
    parts = [
        f"{visible(terms.risk_tier, 20)} risk" if terms.risk_tier else "",
        f"per {visible(min(units), 24)}" if len(units) == 1 else "",
        f"owner {visible(terms.owner, 40)}" if terms.owner else "",
    ]
    return ", ".join(part for part in parts if part)


def _account(page: Page, account: Account, widths: _Widths, *, owner_known: bool) -> None:
    ascii_only = page.look.ascii_only
    style = MARKS[account.verdict][2]
    has_bar = account.verdict.judged and account.allowed is not None
    bar = figures.bar(account, widths.bar, ascii_only=ascii_only) if has_bar else ""
    burn = figures.peak_burn(account)
    urgent = map(str.upper, figures.firing(account))
    tail = "  ".join(part for part in (burn or "", *urgent) if part)
    fits = bool(tail) and columns(tail) <= widths.inline
    spent, left = widths.cells[id(account)]
    page.add(
        "    " + fit(_name(account), widths.name) + "  ",
        fit(account.terms.window, widths.window) + "  ",
        fit(spent, widths.amount) + "  ",
        (fit(bar, widths.bar + 2), style),
        " " + left.rjust(widths.left) + "  ",
        (fit(figures.WORDS[account.verdict], widths.verdict), style),
        "  " + tail if fits else "",
    )
    below = len("    ") + 4
    if account.response:
        page.wrapped(f"agreed: {visible(account.response)}", indent=below, hang=8, style="bold")
    if account.terms.owner and not owner_known:
        page.wrapped(f"owner: {visible(account.terms.owner)}", indent=below, hang=7)
    for alarm in figures.alarms(account):
        page.wrapped(alarm, indent=below, hang=6, style="bold yellow")
    details = figures.remarks(account)
    if tail and not fits and not account.firing and burn:
        details.insert(0, burn)
    if details:
        page.wrapped(" · ".join(details), indent=below, style=page.dim)


def _breakdown(page: Page, account: Account) -> None:
    rows: list[tuple[str, Slice]] = []
    more: dict[str, int] = {}
    for column, slices in account.breakdown:
        spending = [part for part in slices if part.spent or part.instant]
        rows += [(column, part) for part in spending[:BREAKDOWN_ROWS]]
        more[column] = len(spending) - BREAKDOWN_ROWS
    if not rows:
        return
    cells = {
        "share": [figures.percent(p.share) if p.share is not None else "–" for _, p in rows],
        "spent": [figures.amount_of(account.terms.unit.name, p.spent) for _, p in rows],
        "rate": [_slice_rate(account, part) for _, part in rows],
        "× rest": [figures.rate(part.against_rest) for _, part in rows],
        "instant": [str(part.instant or "") for _, part in rows],
    }
    if not any(cells["instant"]):
        del cells["instant"]
    sizes = {head: max(len(head), *map(columns, column)) for head, column in cells.items()}
    first = max(len(column) for column, _ in rows)
    values = [figures.value_of(part.value) for _, part in rows]
    room = page.room - len(_TABLE) - first - 2
    for dropped in ("spent", "rate"):
        if room - sum(size + 2 for size in sizes.values()) < NARROWEST_VALUE:
            sizes.pop(dropped)
    room -= sum(size + 2 for size in sizes.values())
    value = min(max(map(columns, values)), max(room, NARROWEST_VALUE))
    heads = "".join("  " + head.rjust(size) for head, size in sizes.items())
    title, slot = f"where {_name(account)} went", first + 2 + value + 2
    if columns(title) > slot:
        page.add((_TABLE[2:] + title, page.dim))
        title = ""
    page.add((_TABLE[2:] + fit(title, slot) + heads, page.dim))
    labels = [column for column, _ in rows]
    for index, label in enumerate(labels):
        shown = label if index == 0 or labels[index - 1] != label else ""
        figures_of = "".join("  " + cells[head][index].rjust(size) for head, size in sizes.items())
        page.add(_TABLE + fit(shown, first) + "  " + fit(values[index], value) + figures_of)
    hidden = ", ".join(f"{count} more {column}" for column, count in more.items() if count > 0)
    if hidden:
        page.add(_TABLE + hidden)


def _slice_rate(account: Account, part: Slice) -> str:
    if part.rate is None:
        return "–"
    if account.terms.rate:
        return figures.percent(part.rate, digits=1)
    money = account.terms.unit.name == "USD"
    return figures.dollars(part.rate) if money else figures.rate(part.rate)


def _burn_down(page: Page, account: Account) -> None:
    page.add((f"burn-down of {figures.named(account.budget, account.group, 40)}", "bold"))
    days = list(account.days)
    step = -(-len(days) // MOST_DAYS)
    each = "day" if step == 1 else f"{step} days"
    page.wrapped(
        f"what was left of the allowance of this window ({account.terms.window}) after each "
        f"{each}, and what each {each} spent",
        indent=2,
    )
    kept = [days[i : i + step] for i in range(0, len(days), step)]
    width = max(min(page.look.width - 40, 50), 12)
    for chunk in kept:
        last = chunk[-1]
        spent = sum((day.spent for day in chunk), Fraction(0))
        left = last.remaining
        gone = Fraction(0) if account.allowed is None else last.gone
        shown = figures.percent(left) if left is not None else figures.without_end(gone)
        if account.allowed is None:
            shown = "–"
        bar = figures.left_bar(left, gone, width, ascii_only=page.look.ascii_only)
        amount = figures.amount_of(account.terms.unit.name, spent)
        page.add(
            f"  {figures.day_of(last.until, page.look.zone):<10} ",
            (bar, MARKS[account.verdict][2]),
            f" {shown:>8}",
            f"   {'+' if spent > 0 else ''}{amount}" if spent else "",
        )


def _rejects(page: Page, statement: Statement) -> None:
    intake = statement.intake
    page.add((f"rejected records: {intake.rejected_total:,}", "bold"))
    for reject in intake.rejects:
        page.wrapped(f"{visible(reject.file)}: {reject.place}: {visible(reject.reason)}", indent=2)
    others = intake.rejected_total - len(intake.rejects)
    if others > 0:
        page.add(f"  and {others:,} more")
