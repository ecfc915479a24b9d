"""How much failure can this workflow still afford? Error budgets for AI agents, from run logs.

The whole way in three calls::

    policy = ebudget.load_policy("budgets.yaml")
    ledger = ebudget.read_ledger(["logs/"], policy)
    statement = ebudget.evaluate(policy, ledger)
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:  # as type checkers know it; importing `typing` takes longer than all of this
    from typing import Any

    from ebudget.accounts.parts import Slice
    from ebudget.accounts.statement import Account, Statement, Verdict
    from ebudget.api import evaluate, load_policy, read_ledger
    from ebudget.errors import EbudgetError, InputError, PolicyError, Problem, UsageError
    from ebudget.ledger.ledger import Ledger
    from ebudget.ledger.plan import make_plan
    from ebudget.logs.reading import Reading
    from ebudget.policy.model import Policy
    from ebudget.policy.wants import Wants

__version__ = "0.1.0"

__all__ = [
    "Account",
    "EbudgetError",
    "InputError",
    "Ledger",
    "Policy",
    "PolicyError",
    "Problem",
    "Reading",
    "Slice",
    "Statement",
    "UsageError",
    "Verdict",
    "Wants",
    "__version__",
    "evaluate",
    "load_policy",
    "make_plan",
    "read_ledger",
]

_HOMES = {
    **dict.fromkeys(("evaluate", "load_policy", "read_ledger"), "api"),
    **dict.fromkeys(
        ("EbudgetError", "InputError", "PolicyError", "Problem", "UsageError"), "errors"
    ),
    **dict.fromkeys(("Account", "Statement", "Verdict"), "accounts.statement"),
    "Ledger": "ledger.ledger",
    "Slice": "accounts.parts",
    "Policy": "policy.model",
    "Reading": "logs.reading",
    "Wants": "policy.wants",
    "make_plan": "ledger.plan",
}
"""Where each name is defined. Imported when it is asked for: the command line has to be ready for
Ctrl-C before that, for it takes a while."""


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'ebudget' has no attribute {name!r}")
    value = getattr(import_module(f"ebudget.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
