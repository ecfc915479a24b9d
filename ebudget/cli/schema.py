"""`ebudget schema`: the policy's JSON Schema."""

from __future__ import annotations

from ebudget.cli.output import print_data


def schema() -> None:
    """Print the JSON Schema of a policy, for editors."""
    import json

    from ebudget.policy.schema import json_schema

    print_data(json.dumps(json_schema(), indent=2) + "\n")
