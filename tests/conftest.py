"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

import ebudget
from ebudget.logs.files import parts
from support import only_account, state

if size := os.environ.get("EBUDGET_PART_BYTES"):  # the whole suite with parts of that size
    parts.PART_BYTES = int(size)


@pytest.fixture
def statement(tmp_path: Path) -> Callable[..., ebudget.Statement]:
    """`statement(policy, records, **options)`: write, read and evaluate."""

    def make(
        policy: Mapping[str, Any] | str, records: Iterable[Mapping[str, Any] | str], **options: Any
    ) -> ebudget.Statement:
        return state(tmp_path, policy, records, **options)

    return make


@pytest.fixture
def account(statement: Callable[..., ebudget.Statement]) -> Callable[..., ebudget.Account]:
    """The same for a policy with a single account: that account."""
    return lambda *args, **options: only_account(statement(*args, **options))
