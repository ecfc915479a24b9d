"""A review of a policy, as text."""

from __future__ import annotations

import textwrap

from ebudget.ledger import Ledger
from ebudget.render.figures import MISSING, count_of
from ebudget.review import QUESTIONS, Review
from ebudget.text_safety import visible


def render(review: Review, title: str, ledger: Ledger | None, width: int) -> str:
    """What a review found: remarks, then the four questions for each workflow."""
    lines = [f"{visible(title)} is valid."]
    if ledger is not None:
        intake = ledger.intake
        lines[0] += f" Read {count_of(intake.records, 'record')}, {count_of(intake.runs, 'run')}."
    warnings = sum(remark.level == "warning" for remark in review.remarks)
    lines += ["", count_of(warnings, "warning")]
    for remark in review.remarks:
        lines += textwrap.wrap(
            f"{remark.level}: {visible(remark.about)}: {visible(remark.message)}",
            max(width, 60),
            initial_indent="  ",
            subsequent_indent="      ",
            break_on_hyphens=False,
        )
    if review.workflows:
        lines += ["", "Does the policy answer the four questions?", ""]
        names = [
            MISSING if a.workflow is None else visible(a.workflow, 40) for a in review.workflows
        ]
        size = max(map(len, [*names, "workflow"]))
        lines.append("  " + "workflow".ljust(size) + "  fails  allowed  owner  respond")
        for name, answers in zip(names, review.workflows, strict=True):
            shown = ["yes" if answer else "NO" for answer in answers.answers]
            cells = f"{shown[0]:<5}  {shown[1]:<7}  {shown[2]:<5}  {shown[3]}"
            lines.append(f"  {name.ljust(size)}  {cells}")
        lines += [
            "",
            "  "
            + ", ".join(
                f"{k}: {q}"
                for k, q in zip(("fails", "allowed", "owner", "respond"), QUESTIONS, strict=True)
            ),
        ]
    return "\n".join(lines) + "\n"
