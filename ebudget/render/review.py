"""A review of a policy, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from ebudget.accounts.selection import NO_VALUE
from ebudget.ledger.ledger import Ledger
from ebudget.logs.intake import Feed, Intake
from ebudget.render.page import fit
from ebudget.review.review import QUESTIONS, Answers, Review
from ebudget.text import count_of, visible

NARROWEST = 60
MOST_KEYS = 20
"""Keys that nothing reads, which are named."""
_SAYS: dict[str, str] = {
    "file": "the file's path",
    "duration_ms": "end_time − start_time, where there are both",
    "risk_tier": "the workflow's tier, where it has one",
}
"""What a column holds where no key feeds it."""


def render(review: Review, title: str, ledger: Ledger | None, width: int) -> str:
    """What a review found: remarks, the keys of the logs, then the four questions."""
    room = max(width, NARROWEST)
    lines = [f"{visible(title)} is valid."]
    if ledger is not None:
        intake = ledger.intake
        lines[0] += f" Read {count_of(intake.records, 'record')}, {count_of(intake.runs, 'run')}."
    warnings = sum(remark.level == "warning" for remark in review.remarks)
    lines += ["", count_of(warnings, "warning")]
    for remark in review.remarks:
        text = f"{remark.level}: {visible(remark.about)}: {visible(remark.message, 1_000)}"
        lines += _wrapped(text, room, hang=4)
    if ledger is not None and ledger.intake.keys.records:
        lines += ["", *_keys(ledger.intake, room)]
    if review.workflows:
        lines += ["", *_answers(review.workflows, room)]
    return "\n".join(lines) + "\n"


def _wrapped(text: str, room: int, *, hang: int = 0) -> list[str]:
    return textwrap.wrap(
        text,
        room,
        initial_indent="  ",
        subsequent_indent=" " * (2 + hang),
        break_on_hyphens=False,
    )


def _keys(intake: Intake, room: int) -> list[str]:
    """Which key of the logs feeds each column, and which keys nothing reads."""
    keys = intake.keys
    looked = count_of(keys.records, "record")
    if keys.records < intake.records:
        of = (
            f"{keys.files:,} of {intake.files:,}"
            if keys.files < intake.files
            else f"{keys.files:,}"
        )
        begin = f"{looked} from the beginnings of {of} files"
        first = "the first record" if keys.records == 1 else f"the first {looked}"
        looked = begin if intake.files > 1 else first
    title = f"Which keys of the logs feed the columns that the policy needs (of {looked}):"
    lines = [*textwrap.wrap(title, room), ""]
    names = [visible(feed.column, 40) for feed in keys.feeds]
    size = max(map(len, names), default=0)
    for name, feed in zip(names, keys.feeds, strict=True):
        told = _fed(feed, keys.records)
        lines += _wrapped(f"{fit(name, size)}  {told}", room, hang=size + 2)
    if keys.unread:
        shown = [f"{visible(key, 60)} ({count:,})" for key, count in keys.unread[:MOST_KEYS]]
        rest = len(keys.unread) - len(shown)
        more = f" and {rest:,} more" if rest > 0 else ""
        text = f"keys that nothing reads: {', '.join(shown)}{more}"
        lines += ["", *_wrapped(text, room, hang=4)]
    return lines


def _fed(feed: Feed, records: int) -> str:
    otherwise = _otherwise(feed)
    if not feed.keys:
        if not feed.values or feed.decided:
            return otherwise or "– no key found"
        elsewhere = f"found in {count_of(feed.values, 'other record')}"
        return f"{elsewhere}, else {otherwise}" if otherwise else elsewhere
    parts = [f"{visible(key, 60)} ({count:,})" for key, count in feed.keys]
    if feed.decided:
        return f"{otherwise}, else {', '.join(parts)}"
    missing = records - sum(count for _, count in feed.keys)
    return ", ".join(parts) + (f", else {otherwise}" if missing and otherwise else "")


def _otherwise(feed: Feed) -> str | None:
    """What a column holds where no key feeds it; nothing where the policy says where it is."""
    if feed.decided:
        return "what the conditions of logs.outcomes say"
    return None if feed.mapped and feed.column != "risk_tier" else _SAYS.get(feed.column)


def _answers(workflows: Sequence[Answers], room: int) -> list[str]:
    """The four questions, workflow by workflow."""
    lines = ["Does the policy answer the four questions?", ""]
    names = [NO_VALUE if a.workflow is None else visible(a.workflow, 40) for a in workflows]
    size = max(map(len, [*names, "workflow"]))
    lines.append("  " + "workflow".ljust(size) + "  fails  allowed  owner  respond")
    for name, answers in zip(names, workflows, strict=True):
        shown = ["yes" if answer else "NO" for answer in answers.answers]
        cells = f"{shown[0]:<5}  {shown[1]:<7}  {shown[2]:<5}  {shown[3]}"
        lines.append(f"  {name.ljust(size)}  {cells}")
    heads = zip(("fails", "allowed", "owner", "respond"), QUESTIONS, strict=True)
    text = ", ".join(f"{head}: {question}" for head, question in heads)
    return [*lines, "", *_wrapped(text, room)]
