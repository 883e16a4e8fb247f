"""The real parts, and what stands between them and the tool."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from fault_proxy import FaultProxy, fault_proxy
from proxied_scratch import ProxiedScratch, proxied
from real_parts import *  # noqa: F403
from token_registry import Account, TokenRegistry


@pytest.fixture
def proxy(registry: str) -> Iterator[FaultProxy]:
    """Give a proxy before an open registry."""
    with fault_proxy(registry) as proxy:
        yield proxy


@pytest.fixture
def case(engine: dict[str, str], registry: str, proxy: FaultProxy, tmp_path: Path) -> ProxiedScratch:  # noqa: ARG001
    """Give a repository with one image that is pushed through the proxy, and read at the registry behind it."""
    return proxied(tmp_path, registry, proxy, f"mark-{secrets.token_hex(8)}")


@pytest.fixture
def token_proxy(registry: str) -> Iterator[FaultProxy]:
    """Give a proxy that wants tokens; its one account has a password of this test's own and may push."""
    account = Account(username="pusher", password=f"mark-{secrets.token_hex(8)}", actions=frozenset({"pull", "push"}))
    with fault_proxy(registry, tokens=TokenRegistry(accounts=(account,))) as proxy:
        yield proxy


@pytest.fixture
def token_case(engine: dict[str, str], registry: str, token_proxy: FaultProxy, tmp_path: Path) -> ProxiedScratch:  # noqa: ARG001
    """Give the same where the proxy wants tokens."""
    assert token_proxy.tokens
    return proxied(tmp_path, registry, token_proxy, token_proxy.tokens.accounts[0].password)
