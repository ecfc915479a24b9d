"""What docs/ci.md and action.yml offer for copying is run, so that it works where it is pasted."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from ebudget import cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```([^\n]*)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
INSTALL, CHECK = ACTION["runs"]["steps"][1:]
JOBS = [name for name, _ in BLOCKS if name.startswith("yaml ")]
EXPRESSION = re.compile(r"\$\{\{ (.*?) \}\}")

RECORDER = """#!/bin/sh
{ printf '%s\\0' "${0##*/}" "$#"; printf '%s\\0' "$@"; } >> "$RECORD"
exit "${STUB_CODE:-0}"
"""
"""A program that notes how it is called, and ends as it is told."""

PYTHON = """#!/bin/sh
{ printf '%s\\0' python "$#"; printf '%s\\0' "$@"; } >> "$RECORD"
if [ "$2" = venv ]; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; fi
"""

HOSTILE = "x\"y'z;touch pwned;$(touch pwned)`touch pwned`\\ ${HOME} *\n--exit-zero\n>pwned &\n\n"


def block(name: str) -> str:
    (body,) = [body for info, body in BLOCKS if info == name]
    return body


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@dataclass
class World:
    """A checkout with a policy, and a machine with stubs for what jobs call."""

    checkout: Path
    machine: Path

    def logs(self, good: int, bad: int = 0, hours: int = 1) -> None:
        instant = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
        lines = [
            json.dumps({"ts": instant, "workflow": "triage", "ok": number >= bad}) + "\n"
            for number in range(good + bad)
        ]
        (self.checkout / "logs").mkdir(exist_ok=True)
        (self.checkout / "logs" / "runs.jsonl").write_text("".join(lines))

    def run(
        self, script: str, *arguments: str, shell: str = "bash", **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a script as a job would, with nothing but stubs and the system's own tools."""
        command = {"bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"], "sh": ["sh"]}
        file = program(self.machine / "script", script)
        return subprocess.run(
            [*command[shell], str(file), *arguments],
            cwd=self.checkout,
            env={
                "PATH": f"{self.machine / 'bin'}:/usr/bin:/bin",
                "RECORD": str(self.record),
                "RUNNER_TEMP": str(self.machine),
                "GITHUB_OUTPUT": str(self.machine / "output"),
                "GITHUB_STEP_SUMMARY": str(self.machine / "summary"),
                "GITHUB_ACTIONS": "true",
                **env,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def record(self) -> Path:
        return self.machine / "record"

    def calls(self, name: str = "ebudget") -> list[list[str]]:
        """The arguments of every call of a stub so far."""
        words = self.record.read_text().split("\0")[:-1] if self.record.exists() else []
        found: list[list[str]] = []
        while words:
            called, count = words.pop(0), int(words.pop(0))
            # printf prints one empty text where there is none
            arguments, words = words[: max(count, 1)], words[max(count, 1) :]
            found += [arguments] * (called == name)
        return found

    def outputs(self) -> list[str]:
        return (self.machine / "output").read_text().splitlines()

    def files(self) -> set[str]:
        return {str(path.relative_to(self.checkout)) for path in self.checkout.rglob("*")}


@pytest.fixture
def world(tmp_path, monkeypatch):
    made = World(tmp_path / "a checkout", tmp_path / "a machine")
    made.checkout.mkdir()
    (made.checkout / "budgets.yaml").write_text(block("yaml"))
    made.logs(good=100)
    program(made.checkout / "fetch-logs", "#!/bin/sh\nexec test -d logs\n")
    program(made.machine / "bin" / "ebudget", RECORDER)
    program(made.machine / "bin" / "pip", RECORDER)
    program(made.machine / "ebudget" / "bin" / "ebudget", RECORDER)
    monkeypatch.chdir(made.checkout)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(made.machine / "summary"))
    return made


# The shell hook

SITUATIONS = {
    "healthy": (lambda world: None, "prompt", 0, "ship"),
    "failing": (lambda world: world.logs(100, 10), "prompt", 1, "the budget says no"),
    "exempt": (lambda world: world.logs(100, 10), "rollback", 0, "ship"),
    "mistyped": (lambda world: None, "promt", 2, "the check did not work (exit code 2)"),
    "stale": (lambda world: world.logs(100, hours=30), "prompt", 3, "not enough evidence"),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_hook_says_what_the_gate_answers_and_ends_with_its_exit_code(world, name):
    prepare, change, code, says = SITUATIONS[name]
    prepare(world)
    done = world.run(block("sh hook"), change, shell="sh", STUB_CODE=str(code))
    assert (done.returncode, says in done.stdout + done.stderr) == (code, True)
    assert bool(done.stdout) == (code == 0)
    (arguments,) = world.calls()
    assert cli.run(arguments) == code


@pytest.mark.parametrize("code", [70, 130, 143, 1 + 3])
def test_the_hook_lets_nothing_pass_that_it_does_not_know(world, code):
    done = world.run(block("sh hook"), "prompt", shell="sh", STUB_CODE=str(code))
    assert (done.returncode, done.stdout) == (code, "")
    assert f"the check did not work (exit code {code})" in done.stderr


def test_the_hook_lets_nothing_pass_without_ebudget_or_without_a_type_of_change(world):
    (world.machine / "bin" / "ebudget").unlink()
    done = world.run(block("sh hook"), "prompt", shell="sh")
    assert (done.returncode, "(exit code 127)" in done.stderr) == (127, True)
    assert world.run(block("sh hook"), shell="sh").returncode == 2
    assert world.run(block("sh hook"), "", "", shell="sh").returncode == 2


def test_the_hook_takes_the_type_of_the_change_as_one_word(world):
    world.run(block("sh hook"), HOSTILE, shell="sh")
    (arguments,) = world.calls()
    assert HOSTILE in arguments


# The composite action


def environment(step: Mapping[str, Any], inputs: Mapping[str, str]) -> dict[str, str]:
    """The variables of a step, as the runner fills them in."""
    known = {name: str(item.get("default", "")) for name, item in ACTION["inputs"].items()}
    assert set(inputs) <= set(known)
    known.update(inputs)
    found = {}
    for name, text in step["env"].items():
        source = EXPRESSION.fullmatch(text)[1]
        found[name] = known[source.removeprefix("inputs.")]
    return found


def act(world: World, code: int = 0, **inputs: str) -> subprocess.CompletedProcess[str]:
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    return world.run(CHECK["run"], STUB_CODE=str(code), **environment(CHECK, given))


def test_the_action_leaves_out_what_is_not_given(world):
    assert act(world).returncode == 0
    assert world.calls() == [["check", "--output=github", "--"]]
    assert world.outputs() == ["exit-code=0"]


def test_the_action_hands_every_input_over(world):
    done = act(
        world,
        code=1,
        logs="logs/\n\n  more logs/*.jsonl\n",
        policy="budgets.yaml",
        change="prompt",
        fail_on="warning",
        fail_on_alert="page",
        on_insufficient="warn",
        max_age="24h",
        max_rejected="1%",
        confident="true",
        baseline="base.json",
        new_only="true",
        budget="trust\nwrong-outcomes",
        **{"for": "workflow=a b"},
        as_of="now",
        exit_zero="true",
        junit="junit.xml",
        json="a statement.json",
    )
    assert world.calls() == [
        [
            *("check", "--output=github", "--policy=budgets.yaml", "--change=prompt"),
            *("--fail-on=warning", "--fail-on-alert=page", "--on-insufficient=warn"),
            *("--max-age=24h", "--max-rejected=1%", "--confident", "--baseline=base.json"),
            *("--new-only", "--budget=trust", "--budget=wrong-outcomes", "--for=workflow=a b"),
            *("--as-of=now", "--exit-zero", "--output=junit=junit.xml"),
            *("--output=json=a statement.json", "--", "logs/", "more logs/*.jsonl"),
        ]
    ]
    assert done.returncode == 1
    assert world.outputs() == ["statement=a statement.json", "exit-code=1"]
    unused = {name for name in ACTION["inputs"] if f"inputs.{name} " not in str(CHECK["env"])}
    assert unused == {"python-version"}


@pytest.mark.parametrize("code", [0, 1, 2, 3, 70, 143])
def test_the_action_ends_with_the_exit_code_and_names_a_statement_only_after_an_answer(world, code):
    assert act(world, code=code, json="s.json").returncode == code
    answered = ["statement=s.json"] if code in (0, 1, 3) else []
    assert world.outputs() == [*answered, f"exit-code={code}"]


@pytest.mark.parametrize("name", ["confident", "new_only", "exit_zero"])
def test_a_switch_of_the_action_that_is_neither_true_nor_false_stops_it(world, name):
    done = act(world, **{name: "True$(touch pwned)"})
    assert (done.returncode, world.calls(), world.outputs()) == (2, [], ["exit-code=2"])
    assert f"the input {name.replace('_', '-')} is neither true nor false" in done.stdout
    assert "pwned" not in done.stdout
    act(world, **{name: "false"})
    assert world.calls() == [["check", "--output=github", "--"]]


def test_hostile_inputs_of_the_action_stay_single_words_and_do_nothing(world):
    before = world.files()
    switches = {"confident", "new-only", "exit-zero", "python-version"}
    names = [name for name in ACTION["inputs"] if name not in switches]
    done = act(world, **{name.replace("-", "_"): HOSTILE for name in names})
    (arguments,) = world.calls()
    lines = [line.strip() for line in HOSTILE.splitlines() if line.strip()]
    end = arguments.index("--")
    assert arguments[end + 1 :] == lines
    assert [word for word in arguments[:end] if word.startswith("--budget=")] == [
        f"--budget={line}" for line in lines
    ]
    assert f"--change={HOSTILE}" in arguments
    assert f"--output=json={HOSTILE}" in arguments
    assert "--exit-zero" not in arguments[:end]
    assert world.files() == before
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert world.outputs() == ["exit-code=0"]
    assert cli.run(arguments) == 2
    assert world.files() == before


def test_a_log_that_looks_like_an_option_is_a_path(world):
    act(world, logs="--exit-zero")
    (arguments,) = world.calls()
    assert cli.run([word for word in arguments if word != "--output=github"]) == 2


def test_the_action_adds_to_the_summary_annotates_and_writes_what_is_asked_for(world):
    world.logs(100, 10)
    program(
        world.machine / "ebudget" / "bin" / "ebudget",
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ebudget "$@"\n',
    )
    done = world.run(
        CHECK["run"],
        PYTHONPATH=str(ROOT),
        **environment(CHECK, {"logs": "logs/", "change": "prompt", "json": "s.json"}),
    )
    assert done.returncode == 1
    assert done.stdout.startswith("FAIL  prompt change: wrong-outcomes for workflow=triage")
    assert done.stderr.startswith("::error title=ebudget check::FAIL")
    assert (world.machine / "summary").read_text().startswith("## ebudget check: FAIL")
    assert world.outputs() == ["statement=s.json", "exit-code=1"]
    assert json.loads((world.checkout / "s.json").read_text())["gate"]["exit_code"] == 1


@pytest.mark.parametrize("given", [True, False])
def test_the_action_installs_itself_into_an_environment_of_its_own(world, given):
    python = program(world.machine / ("a python" if given else "bin/python3"), PYTHON)
    done = world.run(
        INSTALL["run"],
        EBUDGET_PYTHON=str(python) if given else "",
        GITHUB_ACTION_PATH="/an action",
    )
    place = str(world.machine / "ebudget")
    assert (done.returncode, done.stderr) == (0, "")
    assert world.calls("python") == [
        ["-m", "venv", place],
        ["-m", "pip", "install", "--quiet", "/an action"],
    ]
    assert f"{place}/bin/ebudget" in CHECK["run"].replace("$RUNNER_TEMP", str(world.machine))


def test_no_script_of_the_action_or_the_jobs_holds_an_expression():
    scripts = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    for name in JOBS:
        scripts += [step["run"] for step in steps_of(name) if "run" in step]
    assert len(scripts) > 10
    assert not [script for script in scripts if "${{" in script]


def test_the_inputs_of_the_action_are_the_options_of_check(capsys):
    known = options("check", capsys)
    other = {"logs", "python-version", "junit", "json"}
    assert {f"--{name}" for name in ACTION["inputs"] if name not in other} <= known
    assert set(re.findall(r"--[a-z][a-z-]+", CHECK["run"])) <= known
    assert all(item["description"] for item in [*ACTION["inputs"].values(), ACTION])


# The jobs


def steps_of(name: str) -> list[dict[str, Any]]:
    """The steps of a block, with the variables of the job in each; GitLab's as one step each."""
    data = yaml.safe_load(block(name))
    if name == "yaml gitlab":
        (job,) = data.values()
        return [{"run": line, "env": job["variables"]} for line in job["script"]]
    jobs = [data] if "steps" in data else list(data["jobs"].values())
    return [
        {**step, "env": {**job.get("env", {}), **step.get("env", {})}}
        for job in jobs
        for step in job["steps"]
    ]


def perform(world: World, steps: Sequence[Mapping[str, Any]]) -> str:
    """Run every script of a job; what they print."""
    said = ""
    for step in steps:
        if "run" in step:
            env = {name: EXPRESSION.sub("3", text) for name, text in step["env"].items()}
            done = world.run(step["run"], **env)
            assert done.returncode == 0, done.stderr
            said += done.stdout
    return said


def test_every_job_of_the_page_is_there():
    names = ["github plain", "github action", "gitlab", "github baseline", "github compare"]
    assert [f"yaml {name}" for name in names] == JOBS


@pytest.mark.parametrize("name", ["yaml github plain", "yaml gitlab"])
def test_the_jobs_install_ebudget_fetch_the_logs_and_ask_the_gate(world, name, capsys):
    steps = steps_of(name)
    perform(world, steps)
    (installed,) = world.calls("pip")
    assert re.fullmatch(
        r"install\|ebudget @ git\+https://\S+/OWNER/REPO@COMMIT", "|".join(installed)
    )
    (arguments,) = world.calls()
    assert cli.run(arguments) == 0
    world.logs(100, 10)
    assert cli.run(arguments) == 1
    world.logs(100, hours=30)
    assert cli.run(arguments) == 3
    written = {word.partition("=")[2] for word in arguments if "=" in word}
    assert all((world.checkout / path).is_file() for path in written)
    assert "not enough evidence" in capsys.readouterr().out


def test_the_files_that_the_gitlab_job_keeps_are_those_that_it_writes(world):
    (job,) = yaml.safe_load(block("yaml gitlab")).values()
    assert job["artifacts"]["when"] == "always"
    kept = [job["artifacts"]["reports"]["junit"], *job["artifacts"]["paths"]]
    perform(world, steps_of("yaml gitlab"))
    (arguments,) = world.calls()
    assert kept == [word.partition("=")[2] for word in arguments if "=" in word]


def test_the_job_with_the_action_gives_it_inputs_that_it_has_and_reads_outputs_that_it_has(world):
    steps = steps_of("yaml github action")
    (step,) = [step for step in steps if step.get("id") == "budget"]
    assert act(world, **{k.replace("-", "_"): v for k, v in step["with"].items()}).returncode == 0
    (arguments,) = world.calls()
    assert cli.run(arguments) == 0
    named = re.findall(r"steps\.budget\.outputs\.([a-z-]+)", block("yaml github action"))
    assert set(named) <= set(ACTION["outputs"])
    assert "not enough evidence" in perform(world, steps)


def test_a_baseline_of_the_target_branch_lets_known_breaches_pass_and_no_new_ones(world, capsys):
    compare = steps_of("yaml github compare")
    perform(world, steps_of("yaml github baseline"))
    perform(world, compare)
    (report, alone) = world.calls()
    assert "--baseline" not in alone
    world.logs(100, 10)
    assert cli.run(report) == 0
    perform(world, compare)
    against_it = world.calls()[-1]
    assert (cli.run(alone), cli.run(against_it)) == (1, 0)
    world.logs(100)
    assert cli.run(report) == 0
    world.logs(100, 10)
    assert cli.run(against_it) == 1
    assert "newly breached: wrong-outcomes for workflow=triage" in capsys.readouterr().out


def test_the_same_with_two_plain_commands(world):
    world.run(block("sh baseline"))
    report, check = world.calls()
    world.logs(100, 10)
    assert (cli.run(report), cli.run(check)) == (0, 0)


def test_the_command_that_installs_hands_one_requirement_over(world):
    world.run(block("sh install"), EBUDGET_URL="https://git.example/O/R", EBUDGET_REF="v1")
    assert world.calls("pip") == [["install", "ebudget @ git+https://git.example/O/R@v1"]]


@pytest.mark.parametrize("name", [name for name, _ in BLOCKS if name.startswith(("sh", "yaml "))])
def test_every_script_of_the_page_is_sound(name, world):
    shell = "bash" if "github" in name else "sh"
    is_job = name in JOBS
    scripts = [s["run"] for s in steps_of(name) if "run" in s] if is_job else [block(name)]
    for number, script in enumerate(scripts):
        file = program(world.machine / str(number), script)
        done = subprocess.run([shell, "-n", str(file)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


# The words


def options(command: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    assert cli.run([command, "--help"]) == 0
    return set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out))


def test_the_options_that_the_page_names_exist(capsys):
    known = options("check", capsys)
    assert set(re.findall(r"--[a-z][a-z-]+", PAGE)) <= known
    for line in re.findall(r"ebudget report [^\n]*", PAGE):
        assert set(re.findall(r"--[a-z][a-z-]+", line)) <= options("report", capsys)


def test_the_page_names_every_option_of_the_gate(capsys):
    shared = {"--help", "--debug", "--skip-unreadable", "--policy"}
    missing = {option for option in options("check", capsys) if option not in PAGE} - shared
    assert not missing


def test_the_answer_that_the_page_shows_is_what_the_tool_prints(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")
    for variable in ("FORCE_COLOR", "GITHUB_ACTIONS"):
        monkeypatch.delenv(variable, raising=False)
    _, *arguments = shlex.split(block("sh shown"))
    assert cli.run(arguments) == 1
    out = capsys.readouterr().out
    if os.environ.get("EBUDGET_GOLDEN"):
        (ROOT / "docs" / "ci.md").write_text(
            PAGE.replace(block("text shown"), out), encoding="utf-8"
        )
        return
    assert block("text shown") == out, "`make golden` rewrites it"
