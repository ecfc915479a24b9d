"""`ebudget simulate`: what would have happened, and what would help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ebudget import api
from ebudget.accounts.selection import check_budgets, select
from ebudget.cli import options
from ebudget.cli.output import Delivery
from ebudget.policy.edits import Draft
from ebudget.policy.file import load_document
from ebudget.render.formats import FORMATS
from ebudget.render.page import Look
from ebudget.render.whatif.parts import PARTS
from ebudget.whatif import scenarios
from ebudget.whatif.question import Question
from ebudget.whatif.question import simulate as answer

_FIRST = ("--set", "--sweep")
"""What is asked most; the others follow in the order of their tables."""
OPTIONS = sorted(
    [*scenarios.OPTIONS, *(option for part in PARTS for option in part.asks.options)],
    key=lambda option: option.name not in _FIRST,
)


@options.with_options(OPTIONS, after="policy")
def simulate(
    logs: options.Logs = None,
    policy: options.PolicyOption = Path("budgets.yaml"),
    budget: options.Budgets = None,
    for_: options.For = None,
    as_of: options.AsOf = None,
    format_: Annotated[str, options.format_option("simulation")] = "text",
    output: options.Outputs = None,
    skip_unreadable: options.SkipUnreadable = False,
    debug: options.Debug = False,
    **asked: list[str] | str | None,
) -> None:
    """The same verdicts under other thresholds, other traffic, other history."""
    delivery = Delivery(FORMATS["simulation"], format_)
    loaded, document = load_document(policy)
    paths, given = options.log_paths(logs, loaded, policy), options.asked_of(OPTIONS, asked)
    files = [text for one in OPTIONS if one.metavar == "FILE" for text in given[one.name]]
    delivery = delivery.to(output, [*paths, policy, *files])
    check_budgets(loaded, budget or ())
    for one in OPTIONS:
        if one.metavar == "BUDGET":
            check_budgets(loaded, given[one.name], one.name)
    draft = Draft(loaded, document)
    others = scenarios.scenarios_of(draft, given)
    found = [part.asks.asked(draft, given) for part in PARTS]
    question = Question(loaded, others, tuple(one for one in found if one is not None))
    with options.reading(loaded, as_of, skip=skip_unreadable) as reading:
        ledger = api.read_ledger(paths, question.plan(), reading)
        reading.tick("trying scenarios")
        selection = None
        if budget or for_:
            statement = api.evaluate(loaded.without_breakdowns(), ledger)
            selection = select(statement, budget or (), for_ or ())
        simulation = answer(question, ledger, selection)
    delivery.publish(simulation, Look(title=policy.name, zone=loaded.timezone))
