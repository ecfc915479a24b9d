"""`ebudget schema`: the policy's JSON Schema."""

from __future__ import annotations

import json

from ebudget.cli.output import print_data
from ebudget.policy.schema import json_schema


def schema() -> None:
    """Print the JSON Schema of a policy, for editors."""
    print_data(json.dumps(json_schema(), indent=2) + "\n")
