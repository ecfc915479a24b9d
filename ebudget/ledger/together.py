"""What is asked of all parts of the logs together, after they were counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

from ebudget.ledger.pool import Call, Desk
from ebudget.logs import paths
from ebudget.logs.files.parts import Part
from ebudget.logs.intake import Intake, Keys
from ebudget.logs.keys import keys_of
from ebudget.policy.model import Policy

Ask = Callable[[Callable[[Desk, "Sample"], Any], Sequence["Sample"]], list[Any]]
"""Has a step carried out for each of some calls."""


@dataclass(frozen=True)
class Sample(Call):
    """A look at a part for paths and keys."""

    files: int = 0
    """How many of its first files are sampled."""
    wanted: tuple[tuple[str, ...], ...] = ()
    """The paths that are looked for, from end to end."""


def paths_there(desk: Desk, call: Sample) -> set[str]:
    """The paths that the first records of a part have."""
    return paths.paths_there(desk.loaded(call.part))


def occurring_late(desk: Desk, call: Sample) -> list[bool]:
    """Whether any record of a part has one of the paths, for each wanted column."""
    loaded = desk.loaded(call.part)
    return [paths.occur_late(loaded, wanted) for wanted in call.wanted]


def values_told(desk: Desk, call: Sample) -> paths.Told:
    """The first few values of every key."""
    return paths.values_told(desk.loaded(call.part), call.files)


def keys(desk: Desk, call: Sample) -> Keys:
    """The keys that feed the columns of a plan, and those that nothing reads."""
    return keys_of(desk.loaded(call.part), call.files)


def check_mapped_paths(
    policy: Policy, values: Mapping[str, int], parts: Sequence[Part], ask: Ask
) -> None:
    """Raises InputError for a mapped column of whose paths none occurs, if it is not optional."""
    missing, occurring = _never(policy, values, parts, ask, optional=False)
    if missing and occurring:
        raise paths.never_occur(missing, occurring)


def completed(
    policy: Policy,
    intake: Intake,
    values: Mapping[str, int],
    parts: Sequence[Part],
    ask: Ask,
    *,
    thorough: bool,
) -> Intake:
    """What was read, with keys that may hold an outcome that is missed, and those of all columns
    where that is asked for.
    """
    looks = _first_files(parts)
    if not intake.good and intake.runs:
        told = ask(values_told, [look for look in looks if look.files])
        intake = replace(intake, maybe_outcomes=paths.maybe_outcomes(policy, told))
    if thorough:
        absent, _ = _never(policy, values, parts, ask, optional=True)
        intake = replace(intake, absent=tuple(absent), keys=reduce(add, ask(keys, looks)))
    return intake


def _never(
    policy: Policy, values: Mapping[str, int], parts: Sequence[Part], ask: Ask, *, optional: bool
) -> tuple[paths.Paths, set[str]]:
    """The mapped columns of whose paths none occurs, and the paths that do."""
    missing, occurring = paths.lacking(policy, values, optional=optional), set[str]()
    if missing:
        occurring = set[str]().union(*ask(paths_there, [Sample(part) for part in parts]))
        missing = paths.not_there(missing, occurring)
    if missing:
        wanted = tuple(missing.values())
        late = ask(occurring_late, [Sample(part, wanted=wanted) for part in parts])
        found = dict(zip(missing, map(any, zip(*late, strict=True)), strict=True))
        missing = {name: paths_ for name, paths_ in missing.items() if not found[name]}
    return missing, occurring


def _first_files(parts: Sequence[Part]) -> list[Sample]:
    """A look at every part, of which only the first few files are sampled."""
    left, found = paths.MOST_FILES, []
    for part in parts:
        found.append(Sample(part, files=min(left, len(part.files))))
        left -= found[-1].files
    return found
