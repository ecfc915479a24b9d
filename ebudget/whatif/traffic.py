"""Other traffic: a ledger without some runs, with more of some, or with failures that were mended.

Pure. Every change is exact; parts of runs are counted in whole fractions of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import polars as pl

from ebudget.accounts.selection import NO_VALUE
from ebudget.errors import UsageError
from ebudget.ledger.ledger import Ledger
from ebudget.ledger.plan import ALWAYS, COUNT
from ebudget.policy.model import Policy
from ebudget.text import nearest, quoted, visible

FINEST = 10**20
"""Parts of a run at most: sums of them still fit into 128 bits."""

Part = tuple[tuple[str, str | None], ...]
"""The runs that have all of these values."""


@dataclass(frozen=True)
class Without:
    """Runs with these values are taken off the agent."""

    part: Part


@dataclass(frozen=True)
class Only:
    """Only runs with these values stay with the agent."""

    part: Part


@dataclass(frozen=True)
class MoreRuns:
    """So many times the runs with these values, each like those that there are."""

    part: Part
    factor: Fraction


@dataclass(frozen=True)
class Mended:
    """Of the runs that match a failure rule, only this share still does."""

    failure: str
    left: Fraction
    """From 0 to 1."""


Change = Without | Only | MoreRuns | Mended


def shown_part(part: Part) -> str:
    """`action_type=send_email and segment=enterprise`."""
    values = (f"{column}={NO_VALUE if value is None else value}" for column, value in part)
    return visible(" and ".join(values), 200)


def assumption(change: Change) -> str:
    """What a change takes for granted, in one line."""
    match change:
        case Without(part):
            return f"runs with {shown_part(part)} are handled without the agent; others stay as is"
        case Only(part):
            return f"all runs but those with {shown_part(part)} are handled without the agent"
        case MoreRuns(part, factor):
            return (
                f"{float(factor):g} times the runs with {shown_part(part)}; the new ones cost, "
                "succeed and fail as those in the log"
            )
        case Mended(failure, left):
            return (
                f"{float(left):.4g} of the runs that match {visible(failure, 60)} still do; the "
                "others, if they failed, succeed unless another rule finds them, and cost the "
                "same; conditions on the outcome still read the log's"
            )


def columns_of(changes: Sequence[Change]) -> list[str]:
    """The columns that the ledger has to hold apart for these changes."""
    parts = [change.part for change in changes if not isinstance(change, Mended)]
    return list(dict.fromkeys(column for part in parts for column, _ in part))


def changed(ledger: Ledger, policy: Policy, changes: Sequence[Change]) -> Ledger:
    """The ledger as it would be. Raises UsageError for a value that no run has."""
    for change in changes:
        match change:
            case Without(part):
                ledger = replace(ledger, frame=ledger.frame.filter(~_has(ledger, part)))
            case Only(part):
                ledger = replace(ledger, frame=ledger.frame.filter(_has(ledger, part)))
            case MoreRuns(part, factor):
                ledger = _multiplied(ledger, _has(ledger, part), factor)
            case Mended():
                ledger = _mended(ledger, policy, change)
    return ledger


def check_values(ledger: Ledger, changes: Sequence[Change]) -> None:
    """Raises UsageError for a value that no run of the log has."""
    for change in changes:
        for column, value in () if isinstance(change, Mended) else change.part:
            known = ledger.frame.get_column(column).unique().to_list()
            if value not in known:
                names = [NO_VALUE if one is None else one for one in known]
                asked = NO_VALUE if value is None else value
                raise UsageError(
                    f"no run of the log has {column}={quoted(asked)}"
                    f"{visible(nearest(asked, names))}"
                )


def _has(ledger: Ledger, part: Part) -> pl.Expr:
    found = pl.lit(value=True)
    for column, value in part:
        found = found & pl.col(column).eq_missing(pl.lit(value, dtype=pl.String))
    return found


def _measures(ledger: Ledger) -> list[str]:
    return [COUNT, *(name for pair in ledger.plan.sum_columns for name in pair)]


def _times(ledger: Ledger, factor: pl.Expr) -> list[pl.Expr]:
    return [pl.col(name).cast(pl.Int128) * factor for name in _measures(ledger)]


def _whole(number: int) -> pl.Expr:
    return pl.lit(number, dtype=pl.Int128)


def _scale(ledger: Ledger, parts: int) -> int:
    """How many parts a run has now. Raises UsageError where sums might not hold them."""
    if ledger.scale * parts > FINEST:
        raise UsageError("these factors have too many decimals together; write them shorter")
    return ledger.scale * parts


def _multiplied(ledger: Ledger, rows: pl.Expr, factor: Fraction) -> Ledger:
    """Some rows times a factor; all are counted in parts of a run that make it whole."""
    times = pl.when(rows).then(_whole(factor.numerator)).otherwise(_whole(factor.denominator))
    scale = _scale(ledger, factor.denominator)
    return replace(ledger, frame=ledger.frame.with_columns(_times(ledger, times)), scale=scale)


def _mended(ledger: Ledger, policy: Policy, change: Mended) -> Ledger:
    plan, frame = ledger.plan, ledger.frame
    failure = policy.failures[change.failure]
    flags, bit = plan.flag(plan.rule(failure.when))
    matches = ledger.meets(plan.rule(failure.when))
    if not failure.instant:  # which no outage matches
        matches = matches & pl.col("outcome").ne_missing("infrastructure")
    kept, whole = change.left.numerator, change.left.denominator
    mended = frame.filter(matches).with_columns(_times(ledger, _whole(whole - kept)))
    mended = mended.with_columns(pl.col(flags) & ~bit)
    others = pl.lit(value=False)
    for one in policy.failures.values():
        others = others | ledger.meets(plan.rule(one.when))
    succeeds = (pl.col("outcome").is_null() | (pl.col("outcome") == "failure")) & ~others
    stays = frame.with_columns(
        _times(ledger, pl.when(matches).then(_whole(kept)).otherwise(_whole(whole)))
    )
    mended = mended.with_columns(
        pl.when(succeeds).then(pl.lit("success")).otherwise(pl.col("outcome")).alias("outcome"),
        *_saying_so(ledger, succeeds),
    )
    both = pl.concat([stays, mended])
    return replace(ledger, frame=both.filter(pl.col(COUNT) != 0), scale=_scale(ledger, whole))


def _saying_so(ledger: Ledger, rows: pl.Expr) -> list[pl.Expr]:
    """The flags of runs that say in a known word how they went."""
    plan = ledger.plan
    silent: dict[str, int] = {}
    for predicate in ALWAYS:
        flags, bit = plan.flag(plan.place(predicate))
        silent[flags] = silent.get(flags, 0) | bit
    return [
        pl.when(rows).then(pl.col(flags) & ~bits).otherwise(pl.col(flags)).alias(flags)
        for flags, bits in silent.items()
    ]
