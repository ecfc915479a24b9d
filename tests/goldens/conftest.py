"""What people see is the same, however the logs are cut."""

from __future__ import annotations

import pytest

from ebudget.logs.files import parts

SMALLEST = {"report-80.txt", "by-rejects.txt", "validate.txt", "check.json", "simulate.md"}
"""One golden for each way of reading is made of parts of one file each; its other formats, which
tell the same ledger, of two parts."""
FEW = 1_100_000


@pytest.fixture(autouse=True, params=["whole", "in parts"])
def part_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest part, in bytes."""
    if request.param == "in parts":
        name = request.node.callspec.params.get("name")
        monkeypatch.setattr(parts, "PART_BYTES", 0 if name in SMALLEST else FEW)
