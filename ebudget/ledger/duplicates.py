"""Which records a later one of the same run replaces, across the parts of the logs.

Parts exchange hashes first, then the records whose hash stands twice; their text decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from ebudget import sql
from ebudget.ledger import statements
from ebudget.ledger.pool import Call, Desk, Piece
from ebudget.ledger.statements import HASH, LOSERS, PLACE, START
from ebudget.logs.formats.format import Kind
from ebudget.logs.loading.load import reload_in_order
from ebudget.logs.loading.loaded import Loaded
from ebudget.logs.runs import ROW
from ebudget.quantities import DAY

_BITS = 48
"""Of a hash."""
_PARTS = 1 << 16
"""Parts that can be told apart beside a hash in 64 bits."""
_PART = "part"
APART = "apart"


@dataclass(frozen=True)
class Twice(Call):
    """Which records of a part are wanted: those with one of these hashes."""

    hashes: pl.Series
    buckets: int = 1


def hashes_of(loaded: Loaded, buckets: int) -> list[Piece]:
    """The hashes of the records that may be duplicates, in order, each as what lies between it and
    the one before; by bucket.
    """
    loaded.warehouse.tick("looking for duplicates")
    asked = statements.hashes_statement(loaded.canonical.policy)
    hashes = loaded.warehouse.frame(sql.written(asked)).to_series().sort()
    return [
        one.select(pl.col(HASH) - pl.col(HASH).shift(1, fill_value=0))
        for one in _by_bucket(pl.DataFrame([hashes]), buckets)
    ]


def _by_bucket(frame: pl.DataFrame, buckets: int) -> list[pl.DataFrame]:
    """Rows in the order of their hashes by the range that these lie in."""
    width = -(-(1 << _BITS) // buckets)
    ends = (frame.get_column(HASH).search_sorted(width * n) for n in range(1, buckets))
    bounds = [0, *map(int, ends), len(frame)]
    return [frame.slice(low, high - low) for low, high in pairwise(bounds)]


def standing_twice(pieces: Sequence[tuple[int, Piece]]) -> Piece:
    """The hashes that stand twice, and in which parts."""
    marked = [
        piece.select(pl.col(HASH).cum_sum() * _PARTS + number).to_series()
        for number, piece in pieces
    ]
    both = (marked[0] if len(marked) == 1 else pl.concat(marked).sort()).to_frame()
    own = pl.col(HASH) // _PARTS
    same = own == own.shift(1)
    twice = both.filter(same.fill_null(False) | same.shift(-1).fill_null(False))
    return twice.select(own.alias(HASH), (pl.col(HASH) % _PARTS).alias(_PART)).unique(
        maintain_order=True
    )


def in_part(twice: pl.DataFrame, number: int) -> pl.Series:
    """The hashes that stand twice and occur in a part."""
    return twice.filter(pl.col(_PART) == number).get_column(HASH)


def candidates(desk: Desk, call: Twice) -> tuple[None, list[Piece]]:
    """The records of a part that may be duplicates, by bucket."""
    loaded = desk.loaded(call.part)
    hashes = str(loaded.warehouse.scratch / "twice.parquet")
    call.hashes.to_frame().write_parquet(hashes)
    policy = loaded.canonical.policy
    if any(source.kind is not Kind.PARQUET for source in loaded.files):
        ties = statements.ties_statement(policy, loaded.canonical, hashes)
        if loaded.warehouse.rows(ties) != [(0,)]:
            reload_in_order(loaded)
    asked = statements.candidates_statement(policy, hashes, *_places(loaded, call))
    found = loaded.warehouse.frame(sql.written(asked)).sort(HASH)
    return None, _by_bucket(found, call.buckets)


def _places(loaded: Loaded, call: Call) -> tuple[list[str], list[int]]:
    """The names under which the files of a part are read, and their places among all files."""
    place_of = {f.shown: p for f, p in zip(call.part.files, call.part.places, strict=True)}
    return [f.read_as for f in loaded.files], [place_of[f.shown] for f in loaded.files]


def losers_of(pieces: Sequence[tuple[int, Piece]]) -> Piece:
    """The records that a later one of the same key replaces: start_time, then the file's place,
    then the row decide. With each, whether it begins more than a day from that one, or says another
    outcome.
    """
    found = pl.concat([piece for _, piece in pieces])
    keys = [name for name in found.columns if name.startswith("_key_")]
    found = found.sort([START, PLACE, ROW], descending=True)
    first = found.select(
        PLACE,
        ROW,
        START,
        "outcome",
        pl.col(START).first().over(keys).alias("_start"),
        pl.col("outcome").first().over(keys).alias("_outcome"),
        pl.col(START).cum_count().over(keys).alias("_rank"),
    )
    late = pl.col("_start") - pl.col(START) > DAY
    other = pl.col("outcome").ne_missing(pl.col("_outcome"))
    return first.filter(pl.col("_rank") > 1).select(PLACE, ROW, (late | other).alias(APART))


def mark(loaded: Loaded, call: Call, losers: pl.DataFrame) -> None:
    """Make the table of the records of a part that others replace."""
    path = str(loaded.warehouse.scratch / "losers.parquet")
    losers.write_parquet(path)
    asked = statements.marked_statement(path, *_places(loaded, call))
    loaded.warehouse.run(sql.written(sql.temporary("TABLE", LOSERS, asked)))
