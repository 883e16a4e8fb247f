"""R38: half a second for every request, and 50 kB a second: slow is not broken."""

from __future__ import annotations

import os

import pytest

from fault_rules import Exchange, delayed, dripped
from proxied_scratch import ProxiedScratch

pytestmark = pytest.mark.engine


def slow(latency: float, rate: float):
    """Return an action that holds every request back, and lets its answer come at so many bytes a second."""
    drip = delayed(latency, dripped(rate))

    def act(exchange: Exchange) -> None:
        drip(exchange)

    return act


def test_r38_a_slow_registry_is_waited_for(case: ProxiedScratch):
    case.proxy.fault(".*", "", slow(0.1, 50_000))

    done = case.push()

    assert done.code == 0, done.err
    state = case.state()
    assert state["commit"] == state["main"] == state["latest"]
    assert "trying again" not in done.err


@pytest.mark.soak
def test_r38_half_a_second_for_every_request_is_waited_for(case: ProxiedScratch):
    (case.root / "data").write_bytes(os.urandom(2 << 20))
    case.commit_all()
    case.proxy.fault(".*", "", slow(0.5, 50_000))

    done = case.push()

    assert done.code == 0, done.err
    state = case.state()
    assert state["commit"] == state["main"] == state["latest"]
    case.assert_heals()
