"""Which files a command reads, and what kind each of them is, by its first bytes."""

from __future__ import annotations

import errno
import glob
import json
import os
import re
import shutil
import stat
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from ebudget.errors import InputError
from ebudget.logs.foreign import foreign, is_array, is_document
from ebudget.logs.formats.csv import is_table
from ebudget.logs.packing import Compression, head_of, opened, packing_of
from ebudget.text import BOM, count_of, visible

STDIN = "-"
_SUFFIX = re.compile(
    r"\.(jsonl|ndjson|json|csv|tsv|parquet|pq)(\.(gz|gzip|zst|zstd))?\Z", re.IGNORECASE
)
_PLAIN_NAME = re.compile(r"[\w./ +=:@,~%-]+\Z")
_SNIFF = 1 << 16


class Kind(StrEnum):
    """How a file is read."""

    LINES = "lines"
    """JSON objects, one a line."""
    ARRAY = "array"
    """One JSON array of objects."""
    PARQUET = "parquet"
    DOCUMENT = "document"
    """JSON objects over several lines; read as lines, once they are written so."""
    TABLE = "table"
    """CSV; read as lines, once it is written so."""


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
    counted: str = "line"
    """What its records are counted by: `line`, `item` or `record`."""
    places: str = ""
    """The file of the line number of each record, where they are not their own lines."""


@dataclass
class Sources:
    """The files of one command, in the natural order of their paths, and what was passed over."""

    files: list[Source] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    """What searched folders hold that is no log: by its name, or because it is no file, such as a
    pipe."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Files in a form that is not read: what messages call them, and why."""


def not_read(ignored: Sequence[str]) -> str:
    """What folders held and was not read: `3 files (c.log, notes.txt, …)`."""
    names = list(dict.fromkeys(visible(os.path.basename(path), 60) for path in ignored))
    named = ", ".join(names[:SHOWN_NAMES]) + (", …" if len(names) > SHOWN_NAMES else "")
    return f"{count_of(len(ignored), 'file')} ({named})"


SHOWN_NAMES = 3


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
            try:
                found.files.append(_source(path, shown, scratch, len(seen)))
            except _Refused as refused:
                found.refused.append((shown, str(refused)))
    found.files.sort(key=lambda source: natural(os.path.abspath(source.path)))
    return found


class _Refused(Exception):
    """A file in a form that is not read; its text is the reason."""


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
            files = _folder(path, found)
            if not files:
                others = _others(found, [path])
                raise InputError(f"{visible(path)}: no logs in this folder{others}")
            yield from ((file, file) for file in files)
        elif os.path.exists(path):
            if not os.path.isfile(path):
                raise InputError(f"{visible(path)}: not a regular file; pipe it in and name -")
            yield path, path
        else:
            _refuse_name(path)
            yield from ((file, file) for file in _matches(path, found))


def _refuse_name(path: str) -> None:
    """Raise InputError for a path that exists, or cannot, but leads to no file."""
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINVAL) or glob.has_magic(path):
            return
        raise InputError(f"{visible(path)}: {error.strerror}") from None
    except ValueError:
        raise InputError(f"{visible(path)}: no such file or folder") from None
    _is_log_file(path)  # a link that leads nowhere


def _is_log_file(path: str) -> bool:
    """Whether a path leads to a regular file; a pipe is never opened. Raises InputError for a link
    that leads nowhere.
    """
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        raise InputError(f"{visible(path)}: a link that leads nowhere") from None
    except OSError as error:
        raise InputError(f"{visible(path)}: {error.strerror}") from None


def _matches(pattern: str, found: Sources) -> Iterator[str]:
    matches = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else []
    if not matches:
        what = "nothing matches" if glob.has_magic(pattern) else "no such file or folder"
        raise InputError(f"{visible(pattern)}: {what}")
    folders = [match for match in matches if os.path.isdir(match)]
    files: list[str] = []
    for match in matches:
        if match in folders:
            continue
        if os.path.islink(match) and not os.path.exists(match) and not is_log_name(match):
            found.ignored.append(match)
        else:
            (files if _is_log_file(match) else found.ignored).append(match)
    for match in folders:
        if not any(file.startswith(match + os.sep) for file in files):
            files += _folder(match, found)
    if not files and folders:
        others = _others(found, folders)
        raise InputError(f"{visible(pattern)}: no logs in the folders that match{others}")
    if not files:
        raise InputError(f"{visible(pattern)}: nothing that matches is a file")
    yield from files


def is_log_name(name: str) -> bool:
    """Whether a file of a searched folder is taken for a log by its name."""
    return not os.path.basename(name).startswith((".", "_")) and bool(_SUFFIX.search(name))


def _others(found: Sources, folders: Sequence[str]) -> str:
    """What folders hold in place of logs, and what logs are called."""
    tops = tuple(os.path.join(folder, "") for folder in folders)
    ignored = [file for file in found.ignored if file.startswith(tops)]
    others = f"; not read: {not_read(ignored)}" if ignored else ""
    return (
        f"{others}; logs end in .jsonl, .ndjson, .json, .csv or .parquet, packed as .gz or .zst "
        "or not"
    )


def _folder(path: str, found: Sources) -> list[str]:
    """The logs in a folder; what else it holds is noted once."""
    known = set(found.ignored)
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
            if is_log_name(name) and _is_log_file(file):
                files.append(file)
            elif file not in known:
                found.ignored.append(file)
    return files


def _source(path: str, shown: str, scratch: Path, number: int) -> Source:
    try:
        with open(path, "rb") as file:
            head = file.read(_SNIFF)
        compression = packing_of(head)
        text = head if compression is Compression.NONE else head_of(path, compression, _SNIFF)
    except OSError as error:
        raise InputError(f"{visible(shown)}: {error.strerror or 'cannot be read'}") from None
    kind = _kind(shown, head, text, compression)
    read_as = os.path.abspath(path)
    if not _PLAIN_NAME.match(read_as):
        read_as = _plain_name(read_as, scratch / f"link-{number}")
    return Source(path, shown, read_as, kind, compression, _COUNTED.get(kind, "line"))


_COUNTED = {Kind.ARRAY: "item", Kind.DOCUMENT: "record"}
_PACKED_NAME = re.compile(r"\.(gz|gzip|zst|zstd)\Z", re.IGNORECASE)
_PARQUET_NAME = re.compile(r"\.(parquet|pq)(\.(gz|gzip|zst|zstd))?\Z", re.IGNORECASE)
_TABLE_NAME = re.compile(r"\.(csv|tsv)(\.(gz|gzip|zst|zstd))?\Z", re.IGNORECASE)


def _kind(shown: str, head: bytes, text: bytes, compression: Compression) -> Kind:
    """How a file is read, by its first bytes, packed and not, and by its name. Raises _Refused."""
    packed = compression is not Compression.NONE
    if not packed and _PACKED_NAME.search(shown) and _is_cut_head(head):
        raise _Refused("truncated")
    if text.startswith(b"PAR1"):
        return Kind.PARQUET
    form = foreign(text, packed=packed)
    if form:
        raise _Refused(form)
    if _PARQUET_NAME.search(shown) and (text or not packed):
        raise _Refused("not a Parquet file")
    content = text.removeprefix(BOM).lstrip(b" \t\r\n")
    if is_document(content):
        return Kind.DOCUMENT
    if content.startswith(b"{"):
        return Kind.LINES
    if re.match(rb"\[\s*\{", content):
        return _array_or_lines(content)
    if _TABLE_NAME.search(shown) or (not _SUFFIX.search(shown) and is_table(text)):
        return Kind.TABLE
    return _array_or_lines(content) if content.startswith(b"[") else Kind.LINES


def _is_cut_head(head: bytes) -> bool:
    """Whether the bytes are the beginning of what a packed file begins with, and nothing else."""
    return any(magic.startswith(head) for magic in (b"\x1f\x8b", b"\x28\xb5\x2f\xfd"))


def _array_or_lines(text: bytes) -> Kind:
    """A first line that is a whole array of scalars, before other lines, is a bad record; what
    only begins as an array does may be a line of text, such as `[INFO] ready`.
    """
    if not re.match(rb'\[\s*[{\[\]"]|\[\s*\Z', text) and not is_array(text):
        return Kind.LINES
    first, _, rest = text.partition(b"\n")
    if rest.strip():
        try:
            items = json.loads(first)
        except ValueError:
            return Kind.ARRAY
        if not any(isinstance(item, dict) for item in items):
            return Kind.LINES
    return Kind.ARRAY


def _plain_name(path: str, link: Path) -> str:
    try:
        link.symlink_to(path)
    except OSError:
        shutil.copyfile(path, link)
    return str(link)


def numbered(file: BinaryIO) -> Iterator[tuple[int, bytes, bool]]:
    """Each line of a file with its number (from 1), and whether it is a record: not blank."""
    for number, line in enumerate(file, 1):
        content = line.removeprefix(BOM) if number == 1 else line
        yield number, line, bool(content.strip(b" \t\r\n"))


def lines_at(source: Source, records: Iterable[int]) -> dict[int, int]:
    """The line numbers (from 1) of records (from 0) of a file of lines, where blank lines are no
    records.
    """
    wanted = sorted(set(records))
    if source.places:
        return _noted_lines(source.places, wanted)
    found: dict[int, int] = {}
    if not wanted:
        return found
    record = -1
    position = 0
    with opened(source.read_as, source.compression) as file:
        for line, _, is_record in numbered(file):
            if not is_record:
                continue
            record += 1
            if record == wanted[position]:
                found[record] = line
                position += 1
                if position == len(wanted):
                    break
    return found


def note_lines(lines: array[int], target: Path) -> str:
    """Note the line number of each record beside a file that was written anew; where."""
    noted = f"{target}-places"
    Path(noted).write_bytes(lines.tobytes())
    return noted


def _noted_lines(places: str, records: Iterable[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    with open(places, "rb") as file:
        for record in records:
            file.seek(record * 8)
            number = file.read(8)
            if len(number) == 8:
                found[record] = int.from_bytes(number, sys.byteorder)
    return found
