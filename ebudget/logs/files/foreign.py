"""What a file that is no log looks like, by its first bytes, and what to do with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ebudget.logs.documents import arrays_of
from ebudget.logs.files.packing import GZIP_MAGIC, ZSTD_MAGIC
from ebudget.logs.formats import NAMES
from ebudget.text import visible
from ebudget.text.encoding import encoding_of, without_bom

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls); save the sheet as CSV"),
    (b"SQLite format 3\x00", "an SQLite database; export the table as CSV or JSON"),
    (b"Obj\x01", "an Avro file; convert it to Parquet or JSON lines"),
    (b"ARROW1\x00", "an Arrow or Feather file; convert it to Parquet"),
    (b"\xff\xff\xff\xff", "an Arrow stream; convert it to Parquet"),
    (b"%PDF-", "a PDF document"),
    (b"\xfd7zXZ\x00", "packed with xz; pack it as .gz or .zst (unxz unpacks it)"),
    (b"\x04\x22\x4d\x18", "packed with lz4; pack it as .gz or .zst (unlz4 unpacks it)"),
    (b"\xff\x06\x00\x00sNaPpY", "packed with snappy; pack it as .gz or .zst"),
    (b"\x1f\x9d", "packed with compress; pack it as .gz or .zst (uncompress unpacks it)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it"),
    (b"Rar!\x1a", "a RAR archive; unpack it"),
    (b"\x89HDF", "an HDF5 file; convert it to Parquet"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x7fELF", "a program"),
)
_BINARY = rb"[\s\S]{0,16}?[\x00-\x08\x0e-\x1f]"
"""What shows soon behind letters that are no text."""
_LETTERS: tuple[tuple[bytes, str], ...] = (
    (rb"ORC" + _BINARY, "an ORC file; convert it to Parquet"),
    (rb"FEA1" + _BINARY, "a Feather file; convert it to Parquet"),
    (rb"SEQ[\x00-\x08]", "a Hadoop sequence file; convert it to Parquet"),
    (
        rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)",
        "packed with bzip2; pack it as .gz or .zst (bunzip2 unpacks it)",
    ),
)
"""Beginnings that a header of CSV may share."""
_PACKED = {GZIP_MAGIC: "gzip", ZSTD_MAGIC: "zstd"}
_OTLP_KEY = "(resource|scope|instrumentationLibrary)_?(Spans|Logs|Metrics)"
_OTLP_HEAD = re.compile(rf'\s*\{{\s*"{_OTLP_KEY}"\s*:'.encode(), re.IGNORECASE)
_OTLP = re.compile(_OTLP_KEY, re.IGNORECASE)
OTLP = (
    "an OTLP export, which holds spans, not runs; write one JSON object a run "
    "(or enter it with logs.records_at)"
)


def foreign(head: bytes, *, packed: bool) -> str | None:
    """What a file is whose content begins so, where it is none that is read."""
    encoding = encoding_of(head)
    if encoding:
        back = f"iconv -f {encoding} -t UTF-8"
        return f"is in {encoding}; logs are UTF-8 ({back} converts it)"
    if head.startswith(b"PK\x03\x04"):
        if b"[Content_Types].xml" in head or b"xl/" in head:
            return "is an Excel workbook (.xlsx); save the sheet as CSV"
        if b"application/vnd.oasis.opendocument.spreadsheet" in head[:200]:
            return "is an OpenDocument spreadsheet (.ods); save the sheet as CSV"
        if b"Index/" in head and b".iwa" in head:
            return "is a spreadsheet (.numbers) or another iWork document; export the sheet as CSV"
        return "is a ZIP archive; unpack it"
    if head[257:262] == b"ustar":
        return "is a tar archive; unpack it"
    if head[8:12] == b"DUCK":
        return "is a DuckDB database; export the table as Parquet"
    if packed:
        for magic, name in _PACKED.items():
            if head.startswith(magic):
                return f"is packed twice; unpack it once ({name} inside)"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return _named(name)
    for pattern, name in _LETTERS:
        if re.match(pattern, head):
            return _named(name)
    return _markup(head)


def _named(form: str) -> str:
    return form if form.startswith("packed") else f"is {form}"


def _markup(head: bytes) -> str | None:
    start = without_bom(head).lstrip()[:400].lower()
    if re.match(rb"<(!doctype\s+html|html|head|body)\b", start):
        return "is an HTML page, such as what a server says instead of a file"
    if re.match(rb"<([?!]|[a-z][\w:.-]*[\s>/])", start):
        return f"is XML; logs are {NAMES}"
    return None


def is_otlp(head: bytes, records: Sequence[Any]) -> bool:
    """Whether a JSON text begins as what an OpenTelemetry exporter writes, or the first records of
    a file are such.
    """
    if _OTLP_HEAD.match(without_bom(head)):
        return True
    keys = {key for record in records if isinstance(record, dict) for key in record}
    return any(map(_OTLP.fullmatch, keys))


def no_json(head: bytes) -> str:
    """What a text is of which no record is JSON."""
    start = head.lstrip()[:4000]
    if b"\x00" in start:
        return "is binary: no record is JSON"
    first = visible(start.split(b"\n", 1)[0].decode("utf-8", "replace"), 60)
    logs = NAMES.replace("CSV", "CSV (with a name in .csv)")
    return f"is no log that can be read: no line is JSON (the first is {first!r}); logs are {logs}"


def wrapped_at(records: Sequence[Any], times: Sequence[Sequence[str]]) -> str | None:
    """The path of an array that holds the runs of every record; `times` are the keys of a start."""
    found: set[str] | None = None
    for record in records:
        if not isinstance(record, dict):
            return None
        paths = {path for path, items in arrays_of(record) if _holds_runs(items, times)}
        found = paths if found is None else found & paths
    if not found and len(records) == 1:
        arrays = [path for path, items in arrays_of(records[0]) if _is_record(items)]
        found = set(arrays) if len(arrays) == 1 else None
    return min(found, key=lambda path: (path.count("."), path)) if found else None


def _is_record(items: Sequence[Any]) -> bool:
    return bool(items) and isinstance(items[0], dict)


def _holds_runs(items: Sequence[Any], times: Sequence[Sequence[str]]) -> bool:
    return any(isinstance(item, dict) and _has(item, keys) for item in items[:5] for keys in times)


def _has(record: Any, keys: Sequence[str]) -> bool:
    for key in keys:
        if not isinstance(record, dict) or key not in record:
            return False
        record = record[key]
    return True
