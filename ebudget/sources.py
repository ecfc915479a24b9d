"""Which files a command reads, and what kind each of them is, by its first bytes."""

from __future__ import annotations

import glob
import gzip
import json
import os
import re
import shutil
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from ebudget.errors import InputError, UsageError
from ebudget.text_safety import visible

STDIN = "-"
_SUFFIX = re.compile(r"\.(jsonl|ndjson|json|parquet|pq)(\.(gz|gzip|zst|zstd))?\Z", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[\w./ +=:@,~%-]+\Z")
_SNIFF = 1 << 16
_BOM = b"\xef\xbb\xbf"


class Kind(StrEnum):
    """How a file is read."""

    LINES = "lines"
    """JSON objects, one a line."""
    ARRAY = "array"
    """One JSON array of objects."""
    PARQUET = "parquet"


class Compression(StrEnum):
    """How a text file is packed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


@dataclass(frozen=True)
class Source:
    """One file to read."""

    path: str
    """Where it really is."""
    shown: str
    """What messages call it."""
    read_as: str
    """The name under which it is read: without characters that mean something in a glob."""
    kind: Kind
    compression: Compression


@dataclass
class Sources:
    """The files of one command, in the natural order of their paths, and what was passed over."""

    files: list[Source] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    """Files in searched folders that are no logs by their names."""


def find_sources(paths: Sequence[str], scratch: Path, stdin: BinaryIO | None = None) -> Sources:
    """Resolve files, folders, globs and `-`.

    `scratch` is a folder for standard input and for names that DuckDB would read as patterns.
    Raises InputError for a path that leads nowhere or a folder without logs.
    """
    found = Sources()
    seen: set[str] = set()
    for path, shown in _expand(paths, found, scratch, stdin):
        real = os.path.realpath(path)
        if real not in seen:
            seen.add(real)
            found.files.append(_source(path, shown, scratch, len(seen)))
    found.files.sort(key=lambda source: natural(os.path.abspath(source.path)))
    return found


_DIGITS = re.compile(rb"(\d+)")


def natural(path: str) -> tuple[list[bytes | int], bytes]:
    """A key that sorts paths as people do: groups of digits as numbers, ties by bytes."""
    name = os.fsencode(path)
    parts: list[bytes | int] = list(_DIGITS.split(name))
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return parts, name


def _expand(
    paths: Sequence[str], found: Sources, scratch: Path, stdin: BinaryIO | None
) -> Iterator[tuple[str, str]]:
    for path in dict.fromkeys(paths):
        if path == STDIN:
            spooled = scratch / "stdin"
            with spooled.open("wb") as target:
                shutil.copyfileobj(stdin or sys.stdin.buffer, target)
            yield str(spooled), f"<{STDIN}>"
        elif os.path.isdir(path):
            yield from ((file, file) for file in _folder(path, found))
        elif os.path.exists(path):
            if not os.path.isfile(path):
                raise InputError(f"{visible(path)}: not a regular file; pipe it in and name -")
            yield path, path
        else:
            yield from ((file, file) for file in _matches(path, found))


def _matches(pattern: str, found: Sources) -> Iterator[str]:
    matches = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else []
    if not matches:
        what = "nothing matches" if glob.has_magic(pattern) else "no such file or folder"
        raise InputError(f"{visible(pattern)}: {what}")
    files = [match for match in matches if os.path.isfile(match)]
    for match in matches:
        if os.path.isdir(match) and not any(file.startswith(match + os.sep) for file in files):
            files += _folder(match, found)
    yield from files


def is_log_name(name: str) -> bool:
    """Whether a file of a searched folder is taken for a log by its name."""
    return not os.path.basename(name).startswith((".", "_")) and bool(_SUFFIX.search(name))


def _folder(path: str, found: Sources) -> list[str]:
    files: list[str] = []
    visited: set[str] = set()

    def stop(error: OSError) -> None:
        raise InputError(f"{visible(str(error.filename))}: {error.strerror}")

    for folder, folders, names in os.walk(path, followlinks=True, onerror=stop):
        real = os.path.realpath(folder)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = os.path.join(folder, name)
            if not is_log_name(name):
                found.ignored.append(file)
            else:
                files.append(file)
    if not files:
        others = f" ({len(found.ignored)} other files)" if found.ignored else ""
        raise InputError(
            f"{visible(path)}: no logs in this folder{others}; "
            "logs end in .jsonl, .ndjson, .json or .parquet, packed as .gz or .zst or not"
        )
    return files


def _source(path: str, shown: str, scratch: Path, number: int) -> Source:
    try:
        with open(path, "rb") as file:
            head = file.read(_SNIFF)
    except OSError as error:
        raise InputError(f"{visible(shown)}: {error.strerror or 'cannot be read'}") from None
    compression = Compression.NONE
    text = head
    if head.startswith(b"\x1f\x8b"):
        compression = Compression.GZIP
        text = _unpacked_head(head)
    elif head.startswith(b"\x28\xb5\x2f\xfd"):
        compression = Compression.ZSTD
        text = b""
    kind = Kind.LINES
    if head.startswith(b"PAR1"):
        kind = Kind.PARQUET
    elif re.search(r"\.(parquet|pq)\Z", shown, re.IGNORECASE):
        raise InputError(f"{visible(shown)}: not a Parquet file")
    elif text.removeprefix(_BOM).lstrip(b" \t\r\n").startswith(b"["):
        kind = _array_or_lines(text.removeprefix(_BOM))
    read_as = os.path.abspath(path)
    if text.startswith(_BOM):
        read_as = _without_bom(path, compression, scratch / f"text-{number}")
        compression = Compression.NONE
    elif not _PLAIN_NAME.match(read_as):
        read_as = _plain_name(read_as, scratch / f"link-{number}")
    return Source(path, shown, read_as, kind, compression)


def _array_or_lines(text: bytes) -> Kind:
    """A first line that is a whole array of scalars, before other lines, is a bad record."""
    first, _, rest = text.lstrip(b" \t\r\n").partition(b"\n")
    if rest.strip():
        try:
            items = json.loads(first)
        except ValueError:
            return Kind.ARRAY
        if not any(isinstance(item, dict) for item in items):
            return Kind.LINES
    return Kind.ARRAY


def _unpacked_head(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(head, _SNIFF)
    except zlib.error:
        return b""


def _without_bom(path: str, compression: Compression, target: Path) -> str:
    with opened(path, compression) as source, target.open("wb") as copy:
        source.read(len(_BOM))
        shutil.copyfileobj(source, copy)
    return str(target)


def _plain_name(path: str, link: Path) -> str:
    try:
        link.symlink_to(path)
    except OSError:
        shutil.copyfile(path, link)
    return str(link)


def opened(path: str, compression: Compression) -> BinaryIO | gzip.GzipFile:
    """A file's bytes, unpacked. Raises UsageError for a packing that Python cannot open."""
    if compression is Compression.GZIP:
        return gzip.open(path, "rb")
    if compression is Compression.NONE:
        return open(path, "rb")
    raise UsageError(f"{visible(path)}: cannot be opened as text")


def gzip_is_damaged(path: str) -> str | None:
    """What is wrong with a .gz, found by unpacking it whole and checking its CRC; else None."""
    try:
        with gzip.open(path, "rb") as file:
            while file.read(1 << 20):
                pass
    except (OSError, EOFError, zlib.error) as error:
        return str(error)
    return None


def mended_lines(source: Source, records: Iterable[int], target: Path) -> bool:
    """Write a copy of a log in which records (from 0) that only Python's json can read are written
    in a way that every reader takes; gives whether there was any.

    Half a character that an escape left behind (a lone surrogate) becomes U+FFFD, a number that is
    none its text; of two equal keys the first counts, as everywhere.
    """
    wanted = set(records)
    found = False
    record = -1
    with opened(source.read_as, source.compression) as file, target.open("wb") as copy:
        for line in file:
            if line.strip(b" \t\r\n"):
                record += 1
                mended = _mended(line) if record in wanted else None
                found = found or mended is not None
                copy.write(line if mended is None else mended)
            else:
                copy.write(line)
    return found


_HALF = re.compile("[\ud800-\udfff]")


def _mended(line: bytes) -> bytes | None:
    def first_wins(pairs: list[tuple[str, object]]) -> dict[str, object]:
        return dict(reversed(pairs))

    try:
        text = line.decode("utf-8")
        value = json.loads(text, object_pairs_hook=first_wins, parse_constant=str)
        if not isinstance(value, dict):
            return None
        return _HALF.sub("\ufffd", json.dumps(value, ensure_ascii=False)).encode() + b"\n"
    except (ValueError, RecursionError):
        return None


def lines_at(path: str, compression: Compression, records: Iterable[int]) -> dict[int, int]:
    """The line numbers (from 1) of records (from 0), where blank lines are no records."""
    wanted = sorted(set(records))
    found: dict[int, int] = {}
    if not wanted or compression is Compression.ZSTD:
        return found
    record = -1
    position = 0
    with opened(path, compression) as file:
        for line, content in enumerate(file, 1):
            if not content.strip(b" \t\r\n"):
                continue
            record += 1
            if record == wanted[position]:
                found[record] = line
                position += 1
                if position == len(wanted):
                    break
    return found
