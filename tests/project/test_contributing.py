"""What CONTRIBUTING.md names is there, so that nobody is sent to a place that has moved."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "ebudget"
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SPANS = sorted(set(re.findall(r"`([^`\n]+)`", PAGE)))
FILES = re.compile(r"[\w./-]+\.(py|md|toml|txt|yaml|yml)")

TABLE = PAGE.split("| room | owns |\n| --- | --- |\n")[1].split("\n\n")[0]
ROWS = [re.findall("`([^`]+)`", row) for row in TABLE.splitlines()]
ROOMS = [row[0].removesuffix("/") for row in ROWS]
MODULES = [
    f"{room}/{name.removesuffix('/')}"
    for room, (title, *named) in zip(ROOMS, ROWS, strict=True)
    for name in named
    if title.endswith("/") and re.fullmatch(r"[a-z_]+/?", name)
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
    assert {"policy", "logs", "text"} <= set(ROOMS)
    assert {"logs/warehouse", "ledger/plan", "cli/options"} <= set(MODULES)
    assert {"tests/oracle/oracle.py", "docs/figures.md", ".ci/run", "whatif/"} <= set(PATHS)
    assert {"policy.allowances.FORMS", "columns.CANONICAL", "cli.app.COMMANDS"} <= set(NAMES)
    assert {"setup", "test", "lint", "golden", "constraints"} <= set(TARGETS)


def test_every_room_is_on_the_map():
    there = {path.stem for path in PACKAGE.iterdir() if not path.name.startswith("_")}
    assert set(ROOMS) == there - {"py"}


@pytest.mark.parametrize("module", MODULES)
def test_the_modules_of_the_map_are_in_their_rooms(module):
    assert (PACKAGE / f"{module}.py").exists() or (PACKAGE / module).is_dir()


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
