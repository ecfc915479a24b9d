"""Draws docs/report.svg: the report on the sample logs, as a terminal of 100 columns shows it."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

import ebudget
from ebudget.render.report.text import Look, render

ROOT = Path(__file__).parents[1]
LINES = 44


def main() -> None:
    """Write the picture."""
    policy = ebudget.load_policy(ROOT / "budgets.example.yaml")
    ledger = ebudget.read_ledger([ROOT / "sample_logs"], policy)
    look = Look(title="budgets.example.yaml", width=100, color=True, zone=policy.timezone)
    lines = render(ebudget.evaluate(policy, ledger), look).splitlines()
    console = Console(record=True, width=102, file=io.StringIO(), force_terminal=True)
    for line in [*lines[:LINES], "…"]:
        console.print(Text.from_ansi(line), soft_wrap=True)
    svg = console.export_svg(title="ebudget report")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # no fonts from elsewhere
    svg = re.sub(r"<!-- Generated.*?-->", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, ", "").replace("<svg ", '<svg xml:space="preserve" ', 1)
    (ROOT / "docs" / "report.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
