"""Who carries out the steps of a reading: a step works on one part of the logs, and what it gives
back is added up. Here is the one pool of this project; other engines can carry the same calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import polars as pl

from ebudget.errors import InputError
from ebudget.ledger.moment import Moment
from ebudget.ledger.plan import Plan
from ebudget.logs.files.parts import Part
from ebudget.logs.loading.load import give_up_culprits, load
from ebudget.logs.loading.loaded import Loaded
from ebudget.logs.warehouse import StatementError, Warehouse

C = TypeVar("C", bound="Call")
R = TypeVar("R")


@dataclass(frozen=True)
class Job:
    """What all steps of one reading are told."""

    plan: Plan
    at: Moment
    skip_unreadable: bool = False
    whole: bool = True
    """Whether all files of the command are in one part."""


@dataclass(frozen=True)
class Call:
    """What one step is asked; a step may be called twice, and gives the same answer."""

    part: Part


@dataclass(frozen=True)
class Lost:
    """What a step gives back that met files which cannot be read, and are to be left out."""

    part: int
    unreadable: tuple[tuple[str, str], ...]
    """What messages call them, each with the reason."""


Failure = Lost | InputError
"""Errors are values here, so that no engine tries a step again because of them."""


class Desk:
    """Where steps work: parts that were loaded into one warehouse."""

    def __init__(self, job: Job, warehouse: Warehouse) -> None:
        self.job = job
        self._warehouse = warehouse
        self._loaded: dict[Part, Loaded] = {}

    def loaded(self, part: Part) -> Loaded:
        """The part, loaded once. Raises InputError."""
        if part not in self._loaded:
            job, warehouse = self.job, self._warehouse
            if not job.whole:
                warehouse = warehouse.beside(f"part-{part.number}-{len(part.files)}")
            self._loaded[part] = load(
                warehouse,
                job.plan.canonical,
                part.files,
                skip_unreadable=job.skip_unreadable,
                whole=job.whole,
                suffix="" if job.whole else f"_{part.number}",
            )
        return self._loaded[part]

    def answered(self, step: Callable[[Desk, C], R], call: C) -> R | Failure:
        """What a step gives back, be it an error."""
        try:
            return step(self, call)
        except InputError as error:
            return error
        except StatementError as error:
            return self._without_culprits(call.part, error)

    def _without_culprits(self, part: Part, error: StatementError) -> Lost | InputError:
        loaded = self._loaded.pop(part)
        before = len(loaded.unreadable)
        try:
            give_up_culprits(loaded, error)
        except InputError as refused:
            return refused
        return Lost(part.number, tuple(loaded.unreadable[before:]))


Piece = pl.DataFrame
"""What a part gives to one bucket."""
Split = Callable[[Desk, C], tuple[R, Sequence[Piece]]]
"""A step that also gives a piece for each bucket."""
Join = Callable[[Sequence[tuple[int, Piece]]], Piece]
"""What becomes of the pieces of one bucket, each with the number of its part."""


class Pool(Protocol):
    """What carries out steps; every answer stands where its call does."""

    def map(self, step: Callable[[Desk, C], R], calls: Sequence[C]) -> list[R | Failure]:
        """The answers of a step to some calls; nothing has to come after one that is an error."""

    def exchange(
        self, split: Split[C, R], calls: Sequence[C], join: Join, buckets: int
    ) -> tuple[list[R | Failure], list[Piece]]:
        """The answers of a step that splits what it finds into buckets, and what becomes of each
        bucket; of none where an answer is an error.
        """

    def close(self) -> None:
        """Give back what it holds."""


class Here:
    """The pool that carries out every step in this process, one after the other."""

    def __init__(self, job: Job, warehouse: Warehouse) -> None:
        self._desk, self._scratch = Desk(job, warehouse), warehouse.scratch

    def map(self, step: Callable[[Desk, C], R], calls: Sequence[C]) -> list[R | Failure]:
        """See Pool."""
        found: list[R | Failure] = []
        for call in calls:
            found.append(self._desk.answered(step, call))
            if isinstance(found[-1], Failure):
                break
        return found

    def exchange(
        self, split: Split[C, R], calls: Sequence[C], join: Join, buckets: int
    ) -> tuple[list[R | Failure], list[Piece]]:
        """See Pool. Pieces wait on disk where there are several parts."""
        found: list[R | Failure] = []
        pieces: list[list[tuple[int, Piece | Path]]] = [[] for _ in range(buckets)]
        for call in calls:
            answer = self._desk.answered(split, call)
            if isinstance(answer, Failure):
                return [*found, answer], []
            found.append(answer[0])
            for bucket, piece in enumerate(answer[1]):
                kept = piece if len(calls) == 1 else self._spooled(bucket, call.part, piece)
                pieces[bucket].append((call.part.number, kept))
        return found, [join([(number, _read(kept)) for number, kept in one]) for one in pieces]

    def _spooled(self, bucket: int, part: Part, piece: Piece) -> Path:
        path = self._scratch / f"piece-{bucket}-{part.number}"
        piece.write_ipc(path, compression="zstd")
        return path

    def close(self) -> None:
        """See Pool: the warehouse belongs to whoever opened it."""


def _read(kept: Piece | Path) -> Piece:
    """A piece again; on disk it is needed no longer."""
    if not isinstance(kept, Path):
        return kept
    piece = pl.read_ipc(kept)
    kept.unlink()
    return piece
