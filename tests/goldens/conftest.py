"""What people see is the same, however the logs are cut."""

from __future__ import annotations

import pytest

from ebudget.logs.files import parts


@pytest.fixture(autouse=True, params=[parts.PART_BYTES, 0], ids=["whole", "smallest parts"])
def part_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest part, in bytes."""
    monkeypatch.setattr(parts, "PART_BYTES", request.param)
