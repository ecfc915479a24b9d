"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

import ebudget
from support import only_account, state


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
