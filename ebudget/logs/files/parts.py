"""Logs cut into parts: some files each, in the natural order of their paths."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ebudget.logs.files.source import Source

PART_BYTES = 256 << 20
"""Bytes of the files of one part; a larger file is a part of its own, for none is split."""


@dataclass(frozen=True)
class Part:
    """Some files of the logs, which are read in one go."""

    number: int
    files: tuple[Source, ...]
    places: tuple[int, ...]
    """The place of each file among all files of the logs, in the order of their paths."""

    def without(self, names: Iterable[str]) -> Part:
        """The same without files that cannot be read."""
        gone = set(names)
        kept = [(f, p) for f, p in zip(self.files, self.places, strict=True) if f.shown not in gone]
        return replace(self, files=tuple(f for f, _ in kept), places=tuple(p for _, p in kept))


def parts_of(files: Sequence[Source], most: int | None = None) -> list[Part]:
    """The files in parts of at most so many bytes each; one part without files where there are
    none.
    """
    return list(_cut(files, PART_BYTES if most is None else most)) or [Part(0, (), ())]


def size_of(parts: Iterable[Part]) -> int:
    """The bytes of all files of some parts, or 1 where there are none."""
    return max(1, sum(os.path.getsize(file.path) for part in parts for file in part.files))


def _cut(files: Sequence[Source], most: int) -> Iterator[Part]:
    number, begin, size = 0, 0, 0
    for place, source in enumerate(files):
        own = os.path.getsize(source.path)
        if place > begin and size + own > most:
            yield Part(number, tuple(files[begin:place]), tuple(range(begin, place)))
            number, begin, size = number + 1, place, 0
        size += own
    if begin < len(files):
        yield Part(number, tuple(files[begin:]), tuple(range(begin, len(files))))
