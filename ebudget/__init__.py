"""How much failure can this workflow still afford? Error budgets for AI agents, from run logs.

The whole way in three calls::

    policy = ebudget.load_policy("budgets.yaml")
    ledger = ebudget.read_ledger(["logs/"], policy)
    statement = ebudget.evaluate(policy, ledger)
"""

from __future__ import annotations

from ebudget.api import evaluate, load_policy, read_ledger
from ebudget.errors import EbudgetError, InputError, PolicyError, Problem, UsageError
from ebudget.ledger import Ledger
from ebudget.policy import Policy
from ebudget.statement import Account, Slice, Statement, Verdict

__version__ = "0.1.0"

__all__ = [
    "Account",
    "EbudgetError",
    "InputError",
    "Ledger",
    "Policy",
    "PolicyError",
    "Problem",
    "Slice",
    "Statement",
    "UsageError",
    "Verdict",
    "__version__",
    "evaluate",
    "load_policy",
    "read_ledger",
]
