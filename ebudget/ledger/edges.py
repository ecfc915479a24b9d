"""The instants between which a ledger has to tell runs apart."""

from __future__ import annotations

from ebudget.policy.alerts import burn_alerts
from ebudget.policy.model import Policy
from ebudget.policy.wants import Wants
from ebudget.policy.windows import day_ends, marks, span

NOTHING_MORE = Wants()


def window_edges(policy: Policy, as_of: int, wants: Wants = NOTHING_MORE) -> set[int]:
    """Every instant at which a window of any budget begins or ends, as "after this instant".

    Among them the ends of days and the marks at which the spend leaves the windows, where wanted.
    """
    edges = {as_of}
    for name, budget in policy.budgets.items():
        window = span(budget.window, as_of, policy.timezone)
        edges.add(window.after)
        for alert in burn_alerts(window, budget.alerts):
            edges.update((as_of - alert.long.micros, as_of - alert.short.micros))
        for form in budget.forms:
            if form.over is not None:
                edges.add(window.after - form.over.micros)
        if name in wants.days_of:
            edges.update(day_ends(window, policy.timezone))
        if wants.rests and not window.calendar:
            edges.update(marks(window, policy.timezone))
    return edges
