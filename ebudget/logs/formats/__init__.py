"""The formats that logs come in: a module each, and one row each in FORMATS."""

from __future__ import annotations

import re

from ebudget.logs.files.packing import PACKED_SUFFIX
from ebudget.logs.formats import csv, json_array, json_documents, json_lines, parquet
from ebudget.logs.formats.format import Format

FORMATS: tuple[Format, ...] = (
    json_lines.FORMAT,
    json_array.FORMAT,
    csv.FORMAT,
    json_documents.FORMAT,
    parquet.FORMAT,
)
"""From the most general one on: a file is of the last that it begins like."""

_KNOWN = "|".join(re.escape(suffix) for row in FORMATS for suffix in row.all_suffixes)
_SUFFIX = re.compile(rf"({_KNOWN})({PACKED_SUFFIX})?\Z", re.IGNORECASE)


def suffix_of(name: str) -> str:
    """The suffix of a log that a name ends in, maybe before that of a packing; empty for none."""
    found = _SUFFIX.search(name)
    return found[1].lower() if found else ""


def either(words: list[str]) -> str:
    """`a, b or c`."""
    *others, last = dict.fromkeys(words)
    return f"{', '.join(others)} or {last}"


_SUFFIXES = either([suffix for row in FORMATS for suffix in row.suffixes])
ENDINGS = f"{_SUFFIXES}, packed as .gz or .zst or not"
"""What the names of logs end in, for people."""
NAMES = either([row.name for row in FORMATS if row.name])
"""What logs are, for people."""
