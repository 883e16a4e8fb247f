"""Every request of a push, each failing in every way: the promises hold wherever the fault strikes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweep import FAULTS, assert_held, swept

pytestmark = pytest.mark.engine


def test_every_request_fails_in_some_way(engine: dict[str, str], registry: str, tmp_path: Path):  # noqa: ARG001
    """Try each request once, with faults in turn; `nox -s soak` tries every request with every fault."""
    assert_held(swept(registry, tmp_path, lambda number, index: number % len(FAULTS) == index))


@pytest.mark.soak
def test_every_request_fails_in_every_way(engine: dict[str, str], registry: str, tmp_path: Path):  # noqa: ARG001
    assert_held(swept(registry, tmp_path, lambda _number, _index: True))
