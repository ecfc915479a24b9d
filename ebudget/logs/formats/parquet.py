"""Parquet, which is read in place; how, is told in `parquet_records`."""

from __future__ import annotations

from ebudget.logs.formats.format import Format, Kind

FORMAT = Format(
    name="Parquet",
    suffixes=(".parquet",),
    other_suffixes=(".pq",),
    magic=b"PAR1",
    kind=Kind.PARQUET,
    nested=False,
    counted="row",
)
