"""What leaves this repository, the wheel and the sdist, and the versions that a clone installs."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = {".ci", "benchmarks", "docs", "ebudget", "sample_logs", "tests"}


def files_below(folder: Path) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def files_of_the_project() -> set[str]:
    """What git tracks; without git, in an unpacked sdist, what lies there of its kinds."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        command = ["git", "-C", str(ROOT), "ls-files", "-z"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return {name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()}
    kinds = (".md", ".toml", ".txt", ".yaml", ".yml")
    pages = (path.name for path in ROOT.iterdir() if path.suffix in kinds)
    return {"LICENSE", "Makefile", *pages}.union(*(files_below(ROOT / name) for name in FOLDERS))


def built(builder, folder) -> str:
    (path,) = builder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    with zipfile.ZipFile(built(WheelBuilder, tmp_path_factory.mktemp("wheel"))) as file:
        yield file


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The names in the sdist, below its only folder."""
    with tarfile.open(built(SdistBuilder, tmp_path_factory.mktemp("sdist"))) as file:
        return {name.partition("/")[2] for name in file.getnames()}


def test_the_wheel_holds_the_package_whole_and_nothing_else(wheel):
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == files_below(ROOT / "ebudget")
    assert {"ebudget/__init__.py", "ebudget/policy/policy.schema.json"} <= held


def test_the_wheel_says_that_it_is_typed_and_is(wheel):
    (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    assert "Classifier: Typing :: Typed\n" in wheel.read(metadata).decode()
    assert "ebudget/py.typed" in wheel.namelist()


def test_the_sdist_holds_every_file_of_the_project(sdist):
    missing = files_of_the_project() - sdist
    assert not missing, "name them in [tool.hatch.build.targets.sdist]"


def test_the_sdist_holds_no_environment_and_no_caches(sdist):
    assert {Path(name).parts[0] for name in sdist if "/" in name} == FOLDERS
    leftovers = re.compile(r"(^|/)(__pycache__|\.venv[^/]*|\.[a-z_]+_cache|\.hypothesis)/|\.pyc$")
    assert not [name for name in sdist if leftovers.search(name)]


CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8")
PINS = {
    canonicalize_name(name): version
    for name, _, version in (
        line.partition("==") for line in CONSTRAINTS.splitlines() if not line.startswith("#")
    )
}
REQUIREMENTS = [
    *PROJECT["build-system"]["requires"],
    *PROJECT["project"]["dependencies"],
    *PROJECT["project"]["optional-dependencies"]["dev"],
]


@pytest.mark.parametrize("text", REQUIREMENTS)
def test_the_constraints_have_an_exact_version_of_everything_that_is_required(text):
    requirement = Requirement(text)
    version = PINS.get(canonicalize_name(requirement.name), "")
    assert version, "run: make constraints"
    assert requirement.specifier.contains(version), f"{version}; run: make constraints"


def test_the_constraints_are_made_for_the_oldest_python_that_is_supported():
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert f"Made for Python {oldest}," in CONSTRAINTS
    assert f"OLDEST ?= python{oldest}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_whoever_sets_a_clone_up_installs_and_builds_with_the_constraints():
    pinned = "PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = readme.split("```sh setup\n")[1].split("```")[0].splitlines()
    assert [f"&& {pinned} .venv/bin/pip install" in command for command in commands] == [True, True]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"PINNED = {pinned}\n" in makefile
    assert "\t$(PINNED) .venv/bin/python -m pip install" in makefile
