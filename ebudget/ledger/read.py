"""Logs into a ledger: load, survey, count."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ebudget.ledger.count import count
from ebudget.ledger.ledger import Ledger
from ebudget.ledger.plan import Plan
from ebudget.ledger.survey import moment_of, survey
from ebudget.logs.files.sources import find_sources
from ebudget.logs.loading.load import load, reload_without_culprits
from ebudget.logs.reading import Reading
from ebudget.logs.warehouse import StatementError, opened_warehouse


def read_ledger(paths: Sequence[str | os.PathLike[str]], plan: Plan, reading: Reading) -> Ledger:
    """Read logs once and count what a plan asks of them.

    Raises InputError for logs that cannot be read or do not hold what the policy names.
    """
    at = moment_of(reading, plan.policy.timezone)
    with opened_warehouse(threads=reading.threads, tick=reading.tick) as warehouse:
        given = [paths] if isinstance(paths, str | os.PathLike) else paths  # one alone
        names = [os.fspath(path) for path in given]
        sources = find_sources(names, warehouse.scratch, reading.stdin)
        skips = reading.skip_unreadable
        loaded = load(warehouse, plan.canonical, sources, skip_unreadable=skips)
        while True:
            try:
                found = survey(loaded, plan, at)
                return count(loaded, plan, found, at, show_rejects=reading.show_rejects)
            except StatementError as error:
                reload_without_culprits(loaded, error)
