"""What has to be done to files beside DuckDB's reading: some are written anew into the temporary
folder, and what is packed is looked at to its end.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ebudget.errors import InputError
from ebudget.logs.documents import Wrapping, arrays_of, write_lines
from ebudget.logs.files.packing import (
    TRUNCATED,
    Checked,
    Compression,
    Watch,
    content_of,
    last_byte,
    opened,
    unpacked,
)
from ebudget.logs.files.source import Source, note_lines
from ebudget.logs.formats.format import Kind
from ebudget.text import nearest_path, quoted, visible
from ebudget.text.encoding import without_bom

_SAMPLE = 1 << 26
"""Bytes of a file that are looked through for other arrays."""


def prepared(source: Source, target: Path, wrapping: Wrapping | None) -> Source:
    """What to read in place of a file; the file itself where it can be read as it is.

    Raises Damaged for a file that does not hold what it should, OSError.
    """
    if source.format.lines is None:
        return source if source.compression is Compression.NONE else unpacked_copy(source, target)
    if source.format.as_it_is and wrapping is None:
        return source
    return as_lines(source, target, wrapping)


def unpacked_copy(source: Source, target: Path) -> Source:
    """A packed file as one that is not. Raises Damaged."""
    with target.open("wb") as copy:
        for block in unpacked(source.read_as, source.compression):
            copy.write(block)
    return replace(source, read_as=str(target), compression=Compression.NONE)


def as_lines(source: Source, target: Path, wrapping: Wrapping | None = None) -> Source:
    """A file as JSON lines. Raises Damaged."""
    places = array("Q")
    assert source.format.lines is not None
    with opened(source.read_as, source.compression) as file:
        write_lines(source.format.lines(file, wrapping, places), target)
    counted = "item" if source.counted == "record" and wrapping else source.counted
    return replace(
        source,
        read_as=str(target),
        kind=Kind.LINES,
        compression=Compression.NONE,
        counted=counted,
        places=note_lines(places, target) if places else "",
    )


def watching(files: Sequence[Source], checked: Mapping[str, Checked]) -> Watch:
    """Looks at what is packed and was not looked at yet, beside the reading."""
    packed = [source for source in files if source.compression is not Compression.NONE]
    return Watch((s.read_as, s.compression) for s in packed if s.read_as not in checked)


def incomplete(source: Source, checked: Mapping[str, Checked], *, read: bool) -> str | None:
    """Why a file does not hold all that it should; else None.

    Where DuckDB `read` an array, it may still lack its end, if it was cut behind a comma.
    """
    found = checked.get(source.read_as)
    if found is not None and found.problem is not None:
        return found.problem
    if source.kind is Kind.ARRAY and read:
        last = last_byte(source.read_as) if found is None else found.last
        return None if last == b"]" else TRUNCATED
    return None


def never_wrapped(path: str, sources: Sequence[Source]) -> InputError:
    """That no record has an array at `logs.records_at`, and which arrays they do have."""
    known: dict[str, None] = {}
    for source in sources:
        text = without_bom(content_of(source.path, _SAMPLE).decode("utf-8", "replace"))
        for line in (text, *text.splitlines()[:20]):
            try:
                record, _ = json.JSONDecoder().raw_decode(line.lstrip())
            except (ValueError, RecursionError):
                continue
            known |= {found: None for found, _ in arrays_of(record)}
    near = nearest_path(path, known)
    if known and not near:
        near = f"; arrays that do: {', '.join(visible(name) for name in list(known)[:5])}"
    return InputError(
        f"logs.records_at: the path {quoted(path)} never occurs in the logs as an array{near}"
    )
