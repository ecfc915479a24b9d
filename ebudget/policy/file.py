"""From `budgets.yaml` to a Policy: every problem at once, each with its file, line and column."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ebudget.errors import InputError, PolicyError, Problem, UsageError
from ebudget.policy.checks import check_policy
from ebudget.policy.document import Document, Key, Keys, compose
from ebudget.policy.model import Policy
from ebudget.policy.schema import json_schema
from ebudget.text import nearest, visible
from ebudget.text.encoding import encoding_of

LARGEST = 1_000_000
"""Bytes of a policy file."""


def _location(raw: Any, loc: Iterable[Key]) -> Keys:
    """The part of pydantic's location that exists in the file."""
    path: list[Key] = []
    for part in loc:
        if isinstance(raw, list):
            raw = dict(enumerate(raw))
        if not isinstance(raw, dict) or part not in raw:
            break
        raw = raw[part]
        path.append(part)
    return tuple(path)


def _keys_known_at(path: Keys) -> list[str]:
    """The keys that a mapping of the policy may have."""
    schema = json_schema()
    at: Any = schema
    for part in path:
        while "$ref" in at or "allOf" in at or "anyOf" in at:
            at = at.get("allOf", at.get("anyOf", [at]))[0]
            if "$ref" in at:
                at = schema["$defs"][at["$ref"].rsplit("/", 1)[1]]
        at = at.get("properties", {}).get(part) or at.get("additionalProperties") or {}
    if "$ref" in at:
        at = schema["$defs"][at["$ref"].rsplit("/", 1)[1]]
    return list(at.get("properties", {}))


_MESSAGES = {
    "dict_type": "a mapping is expected here",
    "model_type": "a mapping is expected here",
    "model_attributes_type": "a mapping is expected here",
    "string_type": "a text is expected here",
}


def _validate(raw: Any, document: Document) -> tuple[Policy | None, set[Keys]]:
    """The policy, and the paths of the values that the types refuse, whose problems are noted."""
    refused: set[Keys] = set()
    try:
        return Policy.model_validate(raw), refused
    except ValidationError as error:
        for item in error.errors(include_url=False):
            path, kind = _location(raw, item["loc"]), item["type"]
            if kind == "misfit":
                for below, message in item["ctx"]["problems"]:
                    full = (*path, *below)
                    of_key = "unknown key" in message or message.endswith("is missing")
                    place = document.keys.get(full) if of_key else None
                    document.complain(full, message, place)
                    lacks = message.endswith("is missing")
                    refused.add((*full, message.partition(" ")[0]) if lacks else full)
            elif kind == "missing":
                name = item["loc"][-1]
                document.complain(path, f"{name} is missing", document.keys.get(path))
                refused.add((*path, name))
            elif kind == "extra_forbidden":
                known = _keys_known_at(path[:-1])
                message = f"unknown key {str(path[-1])!r}{nearest(str(path[-1]), known)}"
                document.complain(path, message, document.keys.get(path))
                refused.add(path)
            else:
                document.complain(path, _MESSAGES.get(kind, item["msg"]))
                refused.add(path)
    return None, refused


_STANDS_FOR: dict[Keys, Any] = {
    ("budgets", "allow"): "1%",
    ("budgets", "spend"): {"class": "A+"},
    ("failures", "class"): "A",
    ("failures", "when"): "true",
}
"""What takes the place of a required value that is refused, so that the rest can be checked too."""


def _without(raw: dict[str, Any], refused: Iterable[Keys]) -> dict[str, Any]:
    """The document without the values that were refused."""
    kept = copy.deepcopy(raw)
    for path in refused:
        match path:
            case ("budgets" | "failures" as part, name, *below) if isinstance(
                _at(kept, (part, name)), dict
            ):
                entry = kept[part][name]
                key = below[0] if below else ""
                if key == "gate" and len(below) > 1 and isinstance(entry.get("gate"), dict):
                    entry["gate"].pop(below[1], None)
                elif (part, key) in _STANDS_FOR:
                    entry[key] = copy.deepcopy(_STANDS_FOR[part, key])
                else:
                    entry.pop(key, None)
            case ("logs", "fields", *_):
                _remove(kept, path[:3])
            case _:
                _remove(kept, path[: 3 if path[0] == "workflows" else 2])
    kept.setdefault("version", "1")
    kept.setdefault("budgets", {})
    return kept


def _at(raw: Any, path: Iterable[Key]) -> Any:
    for part in path:
        raw = raw.get(part) if isinstance(raw, dict) else None
    return raw


def _remove(raw: dict[str, Any], path: Keys) -> None:
    """Remove a value, or the nearest one above it that is in a mapping."""
    while path:
        above = _at(raw, path[:-1])
        if isinstance(above, dict) and path[-1] in above:
            del above[path[-1]]
            return
        path = path[:-1]


MOST_ROUNDS = 8
"""What is refused once may hide something else."""


def _sound(raw: dict[str, Any], document: Document) -> tuple[Policy | None, set[Keys]]:
    """What of a policy the types take, and the paths of what they do not."""
    refused: set[Keys] = set()
    for _ in range(MOST_ROUNDS):
        policy, more = _validate(raw, document)
        if policy is not None or more <= refused:
            return policy, refused
        refused |= more
        raw = _without(raw, more)
    return None, refused


def _follows(path: Keys, message: str, refused: Iterable[Keys]) -> bool:
    """Whether a problem of meaning comes of a value that was refused already."""
    for gone in refused:
        if path[: len(gone)] == gone or gone[: len(path)] == path:
            return True
        is_entry = len(gone) > 2 and gone[:2] == path[:2]
        if is_entry and (gone[0], gone[2]) in _STANDS_FOR and path[2:3] == gone[2:3]:
            return True
        match gone:
            case ("budgets", _, "spend", *_) if is_entry and path[2:3] == ("min_measured",):
                return True
            case ("logs", "fields", name, *_) if f"unknown column {name!r}" in message:
                return True
            case ("logs",) | ("logs", "fields") if "unknown column" in message:
                return True
            case ("workflows", *_) if "of_value needs" in message or "no risk tier" in message:
                return True
    return False


def plain_value(text: str, shown: str) -> Any:
    """Texts, lists and mappings of a YAML value; `shown` names it in messages.

    Raises UsageError.
    """
    document = Document(shown)
    value = compose(text, document) if text.strip() else text
    if document.problems:
        raise UsageError(f"{shown}: {document.problems[0].message}")
    return value


def parse_policy(text: str, file: str) -> Policy:
    """The policy that a YAML text describes; `file` is the name for messages.

    Raises PolicyError with every problem of the text.
    """
    return parse_document(text, file)[0]


def parse_document(text: str, file: str) -> tuple[Policy, dict[str, Any]]:
    """The policy that a YAML text describes, and the plain values that it was made of.

    Raises PolicyError with every problem of the text.
    """
    document = Document(file)
    raw = compose(text, document)
    if raw is not None and not isinstance(raw, dict):
        document.complain((), "a policy is a mapping; begin with version: 1")
        raw = None
    if raw is None:
        raise PolicyError(document.problems or [Problem(file, 1, 1, "", "the file is empty")])
    rest, refused = _sound(raw, document)
    if rest is None:
        raise PolicyError(document.problems)
    names = raw.get("failures")
    for path, message in check_policy(rest, names if isinstance(names, dict) else ()):
        if not _follows(path, message, refused):
            place = document.values.get(path) or document.values.get(path[:-1])
            document.complain(path, message, place)
    if document.problems:
        raise PolicyError(document.problems)
    return rest, raw


def load_policy(path: str | Path) -> Policy:
    """Read and check a policy file.

    Raises InputError where the file cannot be read, PolicyError with every problem of its text.
    """
    return load_document(path)[0]


def load_document(path: str | Path) -> tuple[Policy, dict[str, Any]]:
    """As `load_policy`, with the plain values that the policy was made of."""
    file = Path(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"{visible(str(path))}: cannot read the policy: {reason}") from None
    if len(data) > LARGEST:
        raise InputError(f"{visible(str(path))}: larger than {LARGEST:,} bytes; is it a policy?")
    encoding = encoding_of(data)
    if encoding is not None:
        reason = f"in {encoding}; save it as UTF-8 (iconv -f {encoding} -t UTF-8 converts it)"
        raise PolicyError([Problem(visible(str(path)), 1, 1, "", reason)])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        problem = Problem(visible(str(path)), line, column, "", "not UTF-8 text")
        raise PolicyError([problem]) from None
    return parse_document(text, visible(str(path)))
