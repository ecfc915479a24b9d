"""A decision as JUnit XML: a test suite a budget, a test case an account."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from ebudget.gate.decision import Decision, Ruling, Standing
from ebudget.render import figures, intake
from ebudget.render.decision import words
from ebudget.render.page import Look
from ebudget.text import visible

NO_TIME = {"time": "0"}
"""Some readers ask for a duration, and nothing was run."""


def render(decision: Decision, look: Look) -> str:
    """The XML; what does not count, or cannot be judged, is a skipped case.

    Where there is not enough evidence, a suite of that name fails, so that no report is green.
    """
    root = ET.Element("testsuites", {"name": "ebudget check"})
    if decision.shortfalls or decision.of(Standing.NO_EVIDENCE):
        counts = {"tests": "1", "failures": "1", "errors": "0", "skipped": "0"}
        suite = ET.SubElement(root, "testsuite", {"name": "evidence", **counts, **NO_TIME})
        named = {"classname": "evidence", "name": "enough", **NO_TIME}
        case = ET.SubElement(suite, "testcase", named)
        reasons = words.missing(decision)
        failure = ET.SubElement(case, "failure", {"type": "no evidence", "message": reasons[0]})
        failure.text = "\n".join(reasons)
    told = [f"{title}: {line}" for title, lines in words.sections(decision) for line in lines]
    told += [intake.judged_line(decision.statement)]
    told += [f"note: {note}" for note in intake.notes(decision.statement)]
    budgets: dict[str, list[Ruling]] = {}
    for ruling in decision.rulings:
        budgets.setdefault(ruling.account.budget, []).append(ruling)
    for budget, rulings in budgets.items():
        suite = _suite(root, visible(budget), rulings)
        for ruling in rulings:
            _case(suite, ruling, look)
    if told and len(root):
        ET.SubElement(root[0], "system-out").text = "\n".join(told)
    ET.indent(root)
    declaration = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return declaration + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, name: str, rulings: Sequence[Ruling]) -> ET.Element:
    failures = sum(ruling.standing is Standing.AGAINST for ruling in rulings)
    passes = sum(ruling.standing is Standing.PASSES for ruling in rulings)
    counts = {
        "tests": len(rulings),
        "failures": failures,
        "errors": 0,
        "skipped": len(rulings) - failures - passes,
    }
    attributes = {key: str(count) for key, count in counts.items()}
    return ET.SubElement(root, "testsuite", {"name": name, **attributes, **NO_TIME})


def _case(suite: ET.Element, ruling: Ruling, look: Look) -> None:
    account = ruling.account
    name = figures.group_or_all(account.group)
    attributes = {"classname": visible(account.budget), "name": name, **NO_TIME}
    case = ET.SubElement(suite, "testcase", attributes)
    match ruling.standing:
        case Standing.PASSES:
            return
        case Standing.AGAINST:
            state, lines = words.state_of(ruling), words.lines_of(ruling, look.zone)
            message = f"{state}: {lines[0]}"
            failure = ET.SubElement(case, "failure", {"type": state, "message": message})
            failure.text = "\n".join(lines[1:])
        case Standing.NO_EVIDENCE | Standing.UNJUDGED:
            ET.SubElement(case, "skipped", {"message": words.reason_of(account)})
        case excused:
            why = f"{figures.WORDS[account.verdict]}; {words.EXCUSES[excused]}"
            ET.SubElement(case, "skipped", {"message": why})
