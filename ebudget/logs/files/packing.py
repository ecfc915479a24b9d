"""Packed files, unpacked as they are read; every checksum and every end of a frame is checked.

DuckDB checks no checksum of a .gz and no end of a .zst, so each packed file that it reads is
unpacked once more in a thread beside it.
"""

from __future__ import annotations

import io
import os
import sys
import threading
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK = 1 << 18
"""Bytes that are read from a file at a time."""
_BLOCK = 1 << 20
"""Bytes that are unpacked at a time."""
_LONGEST_WINDOW = 31
"""The exponent of the largest window of a zstd frame: what `zstd --long=31` writes."""

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"
"""The last three bytes by which a zstd frame without data begins; the first is 0x50 to 0x5f."""


PACKED_SUFFIX = r"\.(?:gz|gzip|zst|zstd)"
"""What the name of a packed file ends in, as a pattern."""


class Compression(StrEnum):
    """How a file is packed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


class Damaged(Exception):
    """A file that does not hold what it should; its text is the reason, a part of a sentence."""


TRUNCATED = "truncated"


def packing_of(head: bytes) -> Compression:
    """How a file is packed that begins with these bytes."""
    if head.startswith(GZIP_MAGIC):
        return Compression.GZIP
    if head.startswith(ZSTD_MAGIC) or (head[1:4] == _SKIPPABLE and 0x50 <= head[0] <= 0x5F):
        return Compression.ZSTD
    return Compression.NONE


def is_cut_head(head: bytes) -> bool:
    """Whether the bytes are the beginning of what a packed file begins with, and nothing else."""
    return any(magic.startswith(head) for magic in (GZIP_MAGIC, ZSTD_MAGIC))


def unpacked(path: str, compression: Compression) -> Iterator[bytes]:
    """The content of a file, block by block. Raises OSError, and Damaged where it does not end as
    it should, a checksum does not fit, or something follows that is not packed.
    """
    with open(path, "rb") as file:
        match compression:
            case Compression.GZIP:
                yield from _ungzipped(file)
            case Compression.ZSTD:
                yield from _unzstded(file)
            case Compression.NONE:
                while block := file.read(_BLOCK):
                    yield block


def _ungzipped(file: BinaryIO) -> Iterator[bytes]:
    data = file.read(_CHUNK)
    first = True
    while data:
        if not first and not GZIP_MAGIC.startswith(data[:2]):
            raise Damaged("damaged: something that is not gzip follows its end")
        member = zlib.decompressobj(31)
        while not member.eof:
            if not data:
                raise Damaged(TRUNCATED)
            try:
                block = member.decompress(data, _BLOCK)
            except zlib.error as error:
                raise Damaged(f"damaged: {_said(error)}") from None
            if block:
                yield block
            data = member.unconsumed_tail or (b"" if member.eof else file.read(_CHUNK))
        first = False
        data = member.unused_data or file.read(_CHUNK)
        while data and not data.strip(b"\0"):  # padding, as on tapes
            data = file.read(_CHUNK)
        data = data.lstrip(b"\0")


def _said(error: Exception) -> str:
    """What zlib says, in the words of `gzip -t`."""
    text = str(error)
    for mark, words in (
        ("incorrect data check", "CRC check failed"),
        ("incorrect length check", "its length is not what it says"),
        ("incorrect header check", "no gzip header"),
    ):
        if mark in text:
            return words
    return text.rpartition(": ")[2]


def _unzstded(file: BinaryIO) -> Iterator[bytes]:
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415 (rarely needed)
    else:
        from backports import zstd  # noqa: PLC0415

    longest = {int(zstd.DecompressionParameter.window_log_max): _LONGEST_WINDOW}
    data = file.read(_CHUNK)
    while data:
        if len(data) < len(ZSTD_MAGIC):
            data += file.read(_CHUNK)
        if packing_of(data) is not Compression.ZSTD:
            if len(data) < len(ZSTD_MAGIC):
                raise Damaged(TRUNCATED)
            raise Damaged("damaged: something that is not zstd follows its end")
        frame = zstd.ZstdDecompressor(options=longest)
        while not frame.eof:
            if not data and frame.needs_input:
                raise Damaged(TRUNCATED)
            try:
                block = frame.decompress(data, _BLOCK)
            except zstd.ZstdError as error:
                raise Damaged(f"damaged: {str(error).rpartition(': ')[2]}") from None
            if block:
                yield block
            data = file.read(_CHUNK) if frame.needs_input and not frame.eof else b""
        data = frame.unused_data or file.read(_CHUNK)


class _Stream(io.RawIOBase):
    """Blocks of bytes as a file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")
        self._damage: Damaged | None = None

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """The next bytes. Raises Damaged."""
        target = memoryview(buffer).cast("B")
        if self._damage is not None:
            raise self._damage
        if not self._rest:
            try:
                self._rest = memoryview(next(self._blocks, b""))
            except Damaged as damage:
                self._damage = damage  # for whoever reads on
                raise
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        """Close the file behind the blocks."""
        close = getattr(self._blocks, "close", None)
        if close is not None:
            close()
        super().close()


def opened(path: str, compression: Compression) -> BinaryIO:
    """A file's content, unpacked. Raises OSError, and while it is read Damaged."""
    if compression is Compression.NONE:
        return open(path, "rb")
    return io.BufferedReader(_Stream(unpacked(path, compression)), _CHUNK)


def head_of(path: str, compression: Compression, size: int) -> bytes:
    """The first bytes of a file's content, as far as they can be unpacked."""
    head = b""
    try:
        for block in unpacked(path, compression):
            head += block
            if len(head) >= size:
                break
    except Damaged:
        pass
    return head[:size]


def content_of(path: str, size: int) -> bytes:
    """The first bytes of a file's content, however it is packed."""
    with open(path, "rb") as file:
        head = file.read(4)
    return head_of(path, packing_of(head), size)


@dataclass(frozen=True)
class Checked:
    """What a packed file is like, found by unpacking all of it."""

    problem: str | None
    """Why it is no whole file."""
    last: bytes
    """The last byte of its content that is no white space; empty where there is none."""


def check(path: str, compression: Compression, stop: threading.Event | None = None) -> Checked:
    """Unpack a whole file, unless stopped."""
    last = b""
    try:
        for block in unpacked(path, compression):
            last = block.rstrip(b" \t\r\n")[-1:] or last
            if stop is not None and stop.is_set():
                break
    except Damaged as damage:
        return Checked(str(damage), last)
    except OSError as error:
        return Checked(error.strerror or "cannot be read", last)
    return Checked(None, last)


def last_byte(path: str) -> bytes:
    """The last byte of a plain file that is no white space; empty where there is none."""
    with open(path, "rb") as file:
        place = file.seek(0, os.SEEK_END)
        while place:
            size = min(place, _CHUNK)
            place -= size
            file.seek(place)
            rest = file.read(size).rstrip(b" \t\r\n")
            if rest:
                return rest[-1:]
    return b""


class Watch:
    """Checks packed files in threads, beside whatever else is going on."""

    def __init__(self, files: Iterable[tuple[str, Compression]], threads: int = 2) -> None:
        self._waiting = list(files)[::-1]
        self._found: dict[str, Checked] = {}
        self._stop = threading.Event()
        count = min(threads, len(self._waiting))
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                path, compression = self._waiting.pop()
            except IndexError:
                return
            self._found[path] = check(path, compression, self._stop)

    def found(self) -> dict[str, Checked]:
        """What was found of each file, by its path; waits until all are checked."""
        for thread in self._threads:
            thread.join()
        return self._found

    def stop(self) -> None:
        """Check no more."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
