"""Scenarios side by side, in words, as text, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ebudget.accounts.statement import Account
from ebudget.render import figures
from ebudget.render.json.data import account_dict
from ebudget.render.markdown import code, coded
from ebudget.render.markdown import table as markdown_table
from ebudget.render.page import MARKS, Page, fit
from ebudget.render.whatif import charts, words
from ebudget.text import count_of, visible
from ebudget.whatif.question import Outcome


@dataclass(frozen=True)
class Pair:
    """One account in two scenarios."""

    now: Account
    then: Account


@dataclass(frozen=True)
class Compared:
    """Two scenarios side by side."""

    differ: list[Pair]
    """Those with another verdict first, then the worst."""
    gone: list[Account]
    """Only as it stands."""
    new: list[Account]
    """Only in the other."""
    same: int


def compared(first: Outcome, other: Outcome) -> Compared:
    """The accounts of two scenarios, matched by budget and group.

    Tiers of risk come and go with `allow`, so what is left is matched without them.
    """
    pairs, gone, new = _matched(first.accounts, other.accounts, tiers=True)
    found, gone, new = _matched(gone, new, tiers=False)
    pairs += found
    differ = sorted((pair for pair in pairs if _seen(pair.now) != _seen(pair.then)), key=_place)
    same = len(pairs) - len(differ)
    return Compared(differ, figures.worst_first(gone), figures.worst_first(new), same)


def _matched(
    first: Sequence[Account], other: Sequence[Account], *, tiers: bool
) -> tuple[list[Pair], list[Account], list[Account]]:
    """The accounts of one key on both sides, and those that are left on either."""

    def by_key(accounts: Sequence[Account]) -> dict[object, list[Account]]:
        found: dict[object, list[Account]] = {}
        for a in accounts:
            group = frozenset(part for part in a.group if tiers or part[0] != "risk_tier")
            found.setdefault((a.budget, group), []).append(a)
        return found

    now, then = by_key(first), by_key(other)
    both = {key for key in now if len(now[key]) == 1 and len(then.get(key, ())) == 1}
    return (
        [Pair(now[key][0], then[key][0]) for key in now if key in both],
        [a for key, ones in now.items() if key not in both for a in ones],
        [a for key, ones in then.items() if key not in both for a in ones],
    )


def _seen(a: Account) -> object:
    """What a reader sees of an account."""
    shown = (a.verdict, a.spent, a.allowed, a.instant, a.response, a.reason)
    return (*shown, a.terms.window, a.terms.owner, _alerts(a))


def _place(pair: Pair) -> tuple[bool, int, int]:
    now, then = pair.now, pair.then
    return (now.verdict is then.verdict, -then.verdict.severity, -now.verdict.severity)


def _alerts(account: Account) -> str:
    return " and ".join(figures.firing(account)) or "none"


def comparison(found: Compared) -> str:
    """`4 accounts differ, 33 are the same`."""
    count = len(found.differ)
    parts = [
        f"{count_of(count, 'account')} differ{'s' if count == 1 else ''}",
        f"{found.same:,} {'is' if found.same == 1 else 'are'} the same",
    ]
    if found.gone:
        parts.append(f"{len(found.gone):,} only as it stands")
    if found.new:
        parts.append(f"{len(found.new):,} only in this scenario")
    return ", ".join(parts)


def _also(pair: Pair, arrow: str) -> list[str]:
    """What else differs between the two, and why there is no judgement."""
    now, then = pair.now, pair.then
    found = []
    for what, before, after in (
        ("group", figures.group_or_all(now.group), figures.group_or_all(then.group)),
        ("window", now.terms.window, then.terms.window),
        ("agreed", now.response or "nothing", then.response or "nothing"),
        ("owner", now.terms.owner or "none", then.terms.owner or "none"),
        ("alerts that fire", _alerts(now), _alerts(then)),
    ):
        if before != after:
            found.append(f"{what}: {visible(before)} {arrow} {visible(after)}")
    if now.reason != then.reason:
        sides = (("as it stands", now.reason), ("then", then.reason))
        found += [f"not judged {side}: {visible(reason)}" for side, reason in sides if reason]
    return found


def text(page: Page, outcomes: Sequence[Outcome]) -> None:
    """How many accounts have which verdict, then what differs in each scenario."""
    if len(outcomes) == 1:
        return
    page.heading("Scenarios")
    verdicts = [[account.verdict for account in one.accounts] for one in outcomes]
    known = words.occurring(verdicts)
    heads = ["accounts", *(words.head_of(verdict) for verdict in known)]
    longest = max(len(f"{len(found):,}") for found in verdicts)
    room = page.room - 2 - sum(max(len(head), longest) + 2 for head in heads[1:])
    names = [
        fit(f"{place or ' '} {visible(one.scenario.name)}", max(room, 20)).rstrip()
        for place, one in enumerate(outcomes)
    ]
    rows = [
        [name, *words.counts(found, known)] for name, found in zip(names, verdicts, strict=True)
    ]
    charts.table(page, heads, rows, right=True)
    for place, other in enumerate(outcomes[1:], 1):
        page.add()
        page.wrapped(f"{place} {visible(other.scenario.name)}", indent=2, hang=2, style="bold")
        for line in other.scenario.assumptions:
            page.wrapped(f"assumes: {visible(line)}", indent=4, hang=9)
        _compared_text(page, compared(outcomes[0], other))


def _compared_text(page: Page, found: Compared) -> None:
    page.wrapped(comparison(found), indent=4)
    shown = found.differ[: words.MOST_ACCOUNTS]
    if shown:
        _pairs(page, shown)
    charts.more(page, len(found.differ) - len(shown), indent=4)
    for title, accounts in (("only as it stands", found.gone), ("only here", found.new)):
        for account in accounts[: words.MOST_ACCOUNTS]:
            told = ", ".join(words.cells(account))
            name = figures.named(account.budget, account.group)
            page.wrapped(f"{title}: {name}: {told}", indent=4, hang=4)
        if len(accounts) > words.MOST_ACCOUNTS:
            page.wrapped(f"{title}: {words.more(len(accounts) - words.MOST_ACCOUNTS)}", indent=4)


def _pairs(page: Page, pairs: Sequence[Pair]) -> None:
    """Each account's two standings: side by side, or one below the other."""
    rows = [
        [
            figures.named(pair.then.budget, pair.then.group),
            *words.cells(pair.now),
            page.arrow,
            *words.cells(pair.then),
        ]
        for pair in pairs
    ]
    heads = ["", "as it stands", "", "", "", "then", "", ""]
    sizes = charts.sizes_of([heads, *rows])
    wide = 4 + sum(sizes) + 2 * (len(sizes) - 1) <= page.room
    if wide:
        page.add(("    " + charts.GAP.join(map(fit, heads, sizes)), page.dim))
    for pair, row in zip(pairs, rows, strict=True):
        now, then = MARKS[pair.now.verdict][2], MARKS[pair.then.verdict][2]
        if wide:
            fitted = [fit(cell, size) + charts.GAP for cell, size in zip(row, sizes, strict=True)]
            page.add("    ", *zip(fitted, ["", now, "", "", "", then, "", ""], strict=True))
        else:
            page.wrapped(row[0], indent=4, hang=4)
            both = [max(sizes[i], sizes[i + 4]) for i in (1, 2, 3)]
            for word, cells, style in (("now ", row[1:4], now), ("then", row[5:8], then)):
                told = charts.GAP.join(map(fit, cells, both))
                page.wrapped(f"{word}  {told}".rstrip(), indent=6, style=style)
        for line in _also(pair, page.arrow):
            page.wrapped(line, indent=8, hang=4)


def markdown(outcomes: Sequence[Outcome]) -> list[str]:
    """The same as Markdown."""
    if len(outcomes) == 1:
        return []
    verdicts = [[account.verdict for account in one.accounts] for one in outcomes]
    known = words.occurring(verdicts)
    rows = [
        [code(one.scenario.name), *words.counts(found, known)]
        for one, found in zip(outcomes, verdicts, strict=True)
    ]
    head = ("accounts", *(words.marked(verdict) for verdict in known))
    lines = ["### Scenarios", "", *markdown_table(head, rows)]
    for other in outcomes[1:]:
        found = compared(outcomes[0], other)
        lines += [f"#### {code(other.scenario.name)}", ""]
        lines += [f"- assumes: {code(line)}" for line in other.scenario.assumptions]
        lines += [f"- {comparison(found)}", "", *_compared_markdown(found)]
    return lines


def _compared_markdown(found: Compared) -> list[str]:
    def standing(account: Account) -> list[str]:
        verdict, *amounts = words.cells(account)
        return [verdict, code(", ".join(amounts))]

    def name(account: Account) -> str:
        return code(figures.named(account.budget, account.group))

    nothing = ["–", "–"]
    rows = [
        [name(then), *standing(now), *standing(then), coded(_also(pair, "→"))]
        for pair in found.differ
        for now, then in [(pair.now, pair.then)]
    ]
    rows += [[name(a), *standing(a), *nothing, "only as it stands"] for a in found.gone]
    rows += [[name(a), *nothing, *standing(a), "only here"] for a in found.new]
    head = ("account", "as it stands", "spent, left", "then", "spent, left", "also")
    return charts.limited(rows, head) if rows else []


def json(outcome: Outcome) -> dict[str, Any]:
    """A scenario as plain data."""
    return {
        "name": outcome.scenario.name,
        "assumptions": list(outcome.scenario.assumptions),
        "accounts": [account_dict(account) for account in outcome.accounts],
    }
