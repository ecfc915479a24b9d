"""The statement as JSON, `ebudget.statement/1`."""

from __future__ import annotations

import json

from ebudget.accounts.statement import Statement
from ebudget.render.json.data import statement_dict
from ebudget.render.page import Look


def render(statement: Statement, _look: Look) -> str:
    """The JSON text; characters beyond ASCII are escaped, so that nothing in it can act."""
    return json.dumps(statement_dict(statement), indent=2, allow_nan=False) + "\n"
