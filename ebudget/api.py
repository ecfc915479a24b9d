"""The Python interface: policy and logs in, statement out."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import BinaryIO, Literal

from ebudget.accounts import close as accounts
from ebudget.accounts.statement import Statement
from ebudget.instants import instant, local_instant
from ebudget.ledger import count as intake
from ebudget.ledger.ledger import Ledger
from ebudget.ledger.plan import Plan, make_plan
from ebudget.policy.file import load_policy
from ebudget.policy.model import Policy

__all__ = ["evaluate", "load_policy", "read_ledger"]


def read_ledger(
    paths: Sequence[str | os.PathLike[str]],
    policy: Policy,
    *,
    as_of: datetime | Literal["now"] | None = None,
    by: Sequence[str] = (),
    days_of: Collection[str] = (),
    rests: bool = False,
    clock: datetime | None = None,
    skip_unreadable: bool = False,
    show_rejects: bool = False,
    stdin: BinaryIO | None = None,
    threads: int | None = None,
    tick: Callable[[str], None] = lambda _: None,
) -> Ledger:
    """Read logs once and count what the policy's budgets ask of them.

    `paths` are files, folders, globs or `-` for `stdin`. `as_of` is the newest run unless given
    (without a zone: the policy's). `by` adds breakdowns, `days_of` names budgets whose burn-down
    is wanted, `rests` prepares for how the spend leaves the windows. Runs dated more than 5 minutes
    after `clock` (default: the machine's) are outside, unless `as_of` is an instant.
    `show_rejects` finds the places of the first rejected records, which costs another look at their
    files. `tick` is told what is being done. Raises InputError.
    """
    return read_planned(
        paths,
        make_plan(policy, by),
        as_of=as_of,
        days_of=days_of,
        rests=rests,
        clock=clock,
        skip_unreadable=skip_unreadable,
        show_rejects=show_rejects,
        stdin=stdin,
        threads=threads,
        tick=tick,
    )


def read_planned(
    paths: Sequence[str | os.PathLike[str]],
    plan: Plan,
    *,
    as_of: datetime | Literal["now"] | None = None,
    days_of: Collection[str] = (),
    rests: bool = False,
    clock: datetime | None = None,
    skip_unreadable: bool = False,
    show_rejects: bool = False,
    stdin: BinaryIO | None = None,
    threads: int | None = None,
    tick: Callable[[str], None] = lambda _: None,
    edges_of: intake.EdgesOf | None = None,
) -> Ledger:
    """As `read_ledger`, for a plan that may ask for more than the policy's budgets do.

    `edges_of` gives the bucket edges in place of those of the policy's windows.
    """
    policy = plan.policy

    def window_edges(moment: int, _first: int | None) -> set[int]:
        return accounts.window_edges(policy, moment, days_of, rests=rests)

    return intake.read_ledger(
        [os.fspath(path) for path in paths],
        plan,
        edges_of or window_edges,
        as_of=_instant(as_of, policy) if isinstance(as_of, datetime) else as_of,
        clock=None if clock is None else _instant(clock, policy),
        skip_unreadable=skip_unreadable,
        show_rejects=show_rejects,
        stdin=stdin,
        threads=threads,
        tick=tick,
    )


def _instant(moment: datetime, policy: Policy) -> int:
    return instant(moment) if moment.tzinfo else local_instant(moment, policy.timezone)


def evaluate(
    policy: Policy,
    ledger: Ledger,
    *,
    by: Sequence[str] = (),
    days_of: Collection[str] = (),
    rests: bool = False,
) -> Statement:
    """Every account of the policy at the ledger's as_of. Pure: no files, no clock.

    `by`, `days_of` and `rests` must have been asked of the ledger too.
    """
    return accounts.evaluate(policy, ledger, by=by, days_of=days_of, rests=rests)
