"""YAML as plain values, with the place of each; every scalar stays a text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from ebudget.errors import Problem
from ebudget.text import visible

Key = str | int

Keys = tuple[Key, ...]

Place = tuple[int, int]

MOST_NODES = 50_000
"""Values of a policy, with every use of an alias counted."""

DEEPEST = 40

_NULLS = ("", "~", "null", "Null", "NULL")

_STANDARD = "tag:yaml.org,2002:"

_TAGS = {
    _STANDARD + name for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp")
}


@dataclass
class Document:
    """The plain values of a YAML document and where each of them stands."""

    file: str
    values: dict[Keys, Place] = field(default_factory=dict)
    keys: dict[Keys, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0

    def complain(self, path: Keys, message: str, place: Place | None = None) -> None:
        """Note a problem at a path; without a place, at the nearest known value."""
        at = path
        while place is None:
            place = self.values.get(at) or self.keys.get(at)
            if place is None and not at:
                place = (1, 1)
            at = at[:-1]
        dotted = ".".join(str(part) for part in path if not isinstance(part, int))
        self.problems.append(
            Problem(self.file, place[0], place[1], visible(dotted), visible(message))
        )

    def plain(self, node: yaml.Node, path: Keys) -> Any:
        """Texts, lists and mappings of a node; every scalar stays a text."""
        self.values[path] = _place(node)
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise _TooLarge(f"more than {MOST_NODES:,} values, aliases counted each time")
        if len(path) > DEEPEST:
            raise _TooLarge(f"nested more than {DEEPEST} levels deep")
        if node.tag not in _TAGS:
            name = "<<" if node.tag.endswith(":merge") else node.tag.replace(_STANDARD, "!!")
            self.complain(path, f"{name} is not supported; write plain values")
            return str(node.value) if isinstance(node, yaml.ScalarNode) else None
        if isinstance(node, yaml.ScalarNode):
            is_null = node.style in (None, "") and node.value in _NULLS
            return None if is_null else str(node.value)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, (*path, i)) for i, item in enumerate(node.value)]
        assert isinstance(node, yaml.MappingNode)
        return self._mapping(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Keys) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = _place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self.complain(path, "a key is a plain text", place)
                continue
            key = str(key_node.value)
            if key_node.tag.endswith(":merge"):
                self.complain(path, "merge keys (<<) are not supported; write the keys out", place)
                continue
            if key in found:
                line, column = self.keys[(*path, key)]
                message = f"the key {key!r} is there twice, first at line {line}, column {column}"
                self.complain((*path, key), message, place)
                continue
            self.keys[(*path, key)] = place
            found[key] = self.plain(value_node, (*path, key))
        return found


class _TooLarge(Exception):
    """A document that nobody would write by hand."""


def _place(node: yaml.Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1


def compose(text: str, document: Document) -> Any:
    """The plain values of a YAML text; its problems are noted in the document."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        node = yaml.compose(text, Loader=loader)
        if node is None:
            document.complain((), "the file is empty; begin with version: 1")
            return None
        return document.plain(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        document.complain((), f"not YAML: {error.problem or error.context}", place)
    except yaml.YAMLError as error:
        document.complain((), f"not YAML: {error}".splitlines()[0])
    except RecursionError:
        document.complain((), "nested too deeply")
    except _TooLarge as error:
        document.complain((), str(error))
    return None


def plain_keys(text: str, name: str) -> list[str]:
    """The keys of a mapping in a YAML text, whatever else is wrong with it."""
    found = compose(text, Document(""))
    below = found.get(name) if isinstance(found, dict) else None
    return list(below) if isinstance(below, dict) else []
