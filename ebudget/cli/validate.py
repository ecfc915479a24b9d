"""`ebudget validate`: what can be known of a policy before a report."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from ebudget.cli.options import AsOf, Debug, Logs, SkipUnreadable, reading
from ebudget.cli.output import not_obeyed, print_data


def validate(
    policy: Annotated[Path, typer.Argument(metavar="POLICY", help="The policy file.")],
    logs: Logs = None,
    as_of: AsOf = None,
    skip_unreadable: SkipUnreadable = False,
    debug: Debug = False,
) -> None:
    """Whether a policy is complete, and whether it can ever fire; with logs, against them."""
    from ebudget import api
    from ebudget.ledger.plan import make_plan
    from ebudget.render import review as as_review
    from ebudget.review.review import review

    loaded = api.load_policy(policy)
    ledger = None
    named = list(logs or ())
    if not named:
        own = [str(policy.parent / path) for path in loaded.logs.paths if path != "-"]
        named = own if own and all(os.path.exists(path) for path in own) else []
    if named:
        plan = make_plan(loaded, apart=("workflow",), unknowns=True)
        with reading(loaded, as_of, skip=skip_unreadable) as how:
            ledger = api.read_ledger(named, plan, how)
    width = shutil.get_terminal_size((100, 24)).columns
    text = as_review.render(review(loaded, ledger), policy.name, ledger, width)
    print_data(not_obeyed(text))
