"""How logs are read, whatever is asked of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Literal


@dataclass(frozen=True)
class Reading:
    """One reading of some logs."""

    as_of: datetime | Literal["now"] | None = None
    """The newest instant that counts (without a zone: in the policy's); the newest run when left
    out."""
    clock: datetime | None = None
    """What stands for the machine's clock: runs dated more than 5 minutes after it are outside,
    unless `as_of` is an instant."""
    skip_unreadable: bool = False
    """Whether files that cannot be read are counted, and left out."""
    show_rejects: bool = False
    """Whether the places of the first rejected records are looked for: another look at their
    files."""
    stdin: BinaryIO | None = None
    """What `-` stands for; the process's standard input when left out."""
    threads: int | None = None
    """DuckDB's; as many as there are processors when left out."""
    tick: Callable[[str], None] = lambda _: None
    """Is told what is being done."""

    def __post_init__(self) -> None:
        if not (self.as_of in (None, "now") or isinstance(self.as_of, datetime)):
            raise TypeError(f"as_of is a datetime, 'now' or None, not {self.as_of!r}")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads is at least 1, not {self.threads}")
