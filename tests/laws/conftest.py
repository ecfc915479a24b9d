"""Laws hold for logs in parts as for logs in one piece."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import pytest

from ebudget.ledger import read
from ebudget.logs.files.parts import Part, parts_of
from ebudget.logs.files.source import Source


@pytest.fixture(autouse=True, scope="module")
def every_other_log_in_the_smallest_parts() -> Iterator[None]:
    """What is cut depends on the log alone, so that an example can be tried again."""

    def cut(files: Sequence[Source]) -> list[Part]:
        size = sum(os.path.getsize(source.path) for source in files)
        return parts_of(files, 0 if size % 2 else None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read, "parts_of", cut)
        yield
