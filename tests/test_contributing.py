"""What CONTRIBUTING.md names is there, so that nobody is sent to a place that has moved."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ebudget"
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SPANS = sorted(set(re.findall(r"`([^`\n]+)`", PAGE)))
FILES = re.compile(r"[\w./-]+\.(py|md|toml|txt|yaml|yml)")

TABLE = PAGE.split("| module | owns |\n")[1].split("\n\n")[0]
MODULES = [
    name for row in TABLE.splitlines() for name in re.findall("`([^`]+)`", row.split("|")[1])
]
PATHS = [span for span in SPANS if FILES.fullmatch(span) or "/" in span]
NAMES = [
    span for span in SPANS if re.fullmatch(r"[a-z_]+(\.\w+)+", span) and not FILES.fullmatch(span)
]
COMMANDS = {
    *re.findall(r"^    make (.+?)(?:  .*)?$", PAGE, re.MULTILINE),
    *(span.removeprefix("make ") for span in SPANS if span.startswith("make ")),
}
TARGETS = sorted({target for command in COMMANDS for target in command.split()})


def resolve(name: str) -> object:
    """What a dotted name below the package stands for."""
    found: object = importlib.import_module("ebudget")
    dotted = "ebudget"
    for part in name.split("."):
        dotted += f".{part}"
        try:
            found = importlib.import_module(dotted)
        except ModuleNotFoundError:
            found = getattr(found, part)
    return found


def test_the_page_names_what_these_tests_follow():
    assert {"policy", "warehouse", "render/*"} <= set(MODULES)
    assert {"tests/oracle.py", "docs/figures.md", ".ci/run", "allowance.py"} <= set(PATHS)
    assert {"verdicts.judge", "columns.CANONICAL", "render.formats.FORMATS"} <= set(NAMES)
    assert {"setup", "test", "lint", "golden", "constraints"} <= set(TARGETS)


@pytest.mark.parametrize("module", MODULES)
def test_the_modules_of_the_table_are_modules_of_the_package(module):
    assert any(PACKAGE.glob(f"{module}.py"))


@pytest.mark.parametrize("name", NAMES)
def test_the_names_in_the_page_are_where_it_says(name):
    resolve(name)


@pytest.mark.parametrize("path", PATHS)
def test_the_paths_in_the_page_lead_somewhere(path):
    path = path.removesuffix("*")
    assert any((folder / path).exists() for folder in (ROOT, PACKAGE)), path


@pytest.mark.parametrize("target", TARGETS)
def test_the_make_targets_of_the_page_exist(target):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE)
