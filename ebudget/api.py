"""The Python interface: policy and logs in, statement out."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ebudget.accounts import close
from ebudget.accounts.statement import Statement
from ebudget.ledger import read
from ebudget.ledger.book import Books
from ebudget.ledger.ledger import Ledger
from ebudget.ledger.plan import Plan, make_plan
from ebudget.logs.reading import Reading
from ebudget.policy.file import load_policy
from ebudget.policy.model import Policy

__all__ = ["evaluate", "load_policy", "read_ledger"]


def read_ledger(
    paths: Sequence[str | os.PathLike[str]], plan: Policy | Plan, reading: Reading | None = None
) -> Ledger:
    """Read logs once and count what a policy's budgets, or a plan, ask of them.

    `paths` are files, folders, globs or `-` for standard input. A plan (`make_plan`) asks for more
    than the policy does, such as breakdowns; `reading` tells how to read. Raises InputError.
    """
    asked = plan if isinstance(plan, Plan) else make_plan(plan)
    return read.read_ledger(paths, asked, reading or Reading())


def evaluate(policy: Policy, ledger: Ledger) -> Statement:
    """Every account of the policy at the ledger's as_of, with what its plan wants. Pure: no files,
    no clock. Raises ValueError for a ledger that was made for other windows.
    """
    return close.evaluate(Books(policy, ledger))
