"""Which files a command reads, and the format of each of them, by its first bytes."""

from __future__ import annotations

import errno
import glob
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ebudget.errors import InputError
from ebudget.logs.files.foreign import foreign
from ebudget.logs.files.packing import PACKED_SUFFIX, Compression, head_of, is_cut_head, packing_of
from ebudget.logs.files.source import STDIN, Source
from ebudget.logs.formats import ENDINGS, FORMATS, suffix_of
from ebudget.logs.formats.format import Format, Head
from ebudget.text import count_of, visible

_PLAIN_NAME = re.compile(r"[\w./ +=:@,~%-]+\Z")
_SNIFF = 1 << 16


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
        if path == "-":
            spooled = scratch / "stdin"
            with spooled.open("wb") as target:
                shutil.copyfileobj(stdin or sys.stdin.buffer, target)
            yield str(spooled), STDIN
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
    return not os.path.basename(name).startswith((".", "_")) and bool(suffix_of(name))


def _others(found: Sources, folders: Sequence[str]) -> str:
    """What folders hold in place of logs, and what logs are called."""
    tops = tuple(os.path.join(folder, "") for folder in folders)
    ignored = [file for file in found.ignored if file.startswith(tops)]
    others = f"; not read: {not_read(ignored)}" if ignored else ""
    return f"{others}; logs end in {ENDINGS}"


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
    format_ = _format_of(shown, head, text, compression)
    read_as = os.path.abspath(path)
    if not _PLAIN_NAME.match(read_as):
        read_as = _plain_name(read_as, scratch / f"link-{number}")
    return Source(path, shown, read_as, format_, format_.kind, compression, format_.counted)


_PACKED_NAME = re.compile(rf"{PACKED_SUFFIX}\Z", re.IGNORECASE)


def _format_of(shown: str, head: bytes, text: bytes, compression: Compression) -> Format:
    """The format of a file by its first bytes, packed and not, and its name. Raises _Refused."""
    is_packed = compression is not Compression.NONE
    if not is_packed and _PACKED_NAME.search(shown) and is_cut_head(head):
        raise _Refused("truncated")
    with_magic = [row for row in FORMATS if row.magic]
    for row in with_magic:
        if text.startswith(row.magic):
            return row
    form = foreign(text, packed=is_packed)
    if form:
        raise _Refused(form)
    found = Head(text, suffix_of(shown))
    for row in with_magic:
        if found.suffix in row.all_suffixes and (text or not is_packed):
            raise _Refused(f"not a {row.name} file")
    return next(row for row in reversed(FORMATS) if row.begins and row.begins(found))


def _plain_name(path: str, link: Path) -> str:
    try:
        link.symlink_to(path)
    except OSError:
        shutil.copyfile(path, link)
    return str(link)
