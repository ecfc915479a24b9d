"""The JSON Schema of a policy file."""

from __future__ import annotations

import ast
import inspect
import itertools
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from ebudget.policy.model import Policy
from ebudget.policy.values import (
    TEXTS,
)


class _Documented(GenerateJsonSchema):
    """Docstrings of fields become descriptions here, not where models are built: looking for them
    reads this file's source. Defaults are told in words; as values they would be fractions.
    """

    def default_schema(self, schema: Any) -> Any:
        return self.generate_inner(schema["schema"])

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        model = schema["cls"]
        made = super().model_schema(schema)
        for name, description in _docstrings(model).items():
            made["properties"][model.model_fields[name].alias or name]["description"] = description
        return made


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The text that stands below each field of a class; none in a program packed without source."""
    try:
        source = inspect.getsource(model)
    except OSError:
        return {}
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for above, below in itertools.pairwise(definition.body):
        match above, below:
            case ast.AnnAssign(ast.Name(name)), ast.Expr(ast.Constant(str(description))):
                found[name] = inspect.cleandoc(description)
    return found


@cache
def json_schema() -> dict[str, Any]:
    """The JSON Schema of a policy file, for editors."""
    schema = Policy.model_json_schema(by_alias=True, schema_generator=_Documented)
    fields = schema["$defs"]["Logs"]["properties"]["fields"]
    fields["additionalProperties"] = {"anyOf": [*TEXTS["anyOf"], fields["additionalProperties"]]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "ebudget policy, version 1",
    }
