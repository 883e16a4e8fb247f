from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answers import refused, reply
from docker_push.config import RetryTable
from docker_push.errors import InterruptedRunError, PermissionDeniedError
from docker_push.references import Digest, Registry, Repository, Tag
from docker_push.registry import Client, Request, Response, Waiting
from docker_push.registry.lag import pauses
from docker_push.registry.manifests import OCI_INDEX

API = Repository(Registry("127.0.0.1", 5000), "acme/api")
NEW, OLD = Digest(f"sha256:{'a' * 64}"), Digest(f"sha256:{'b' * 64}")
NOTHING = refused(404, "MANIFEST_UNKNOWN")


def shown(digest: Digest) -> Response:
    return reply(200, b"", content_type=OCI_INDEX, docker_content_digest=str(digest), content_length="7")


@dataclass
class LaggingRegistry:
    """Answer ``before`` until ``lag`` seconds have gone by, then the new digest; each look takes ``slow`` seconds."""

    lag: float
    before: Response = NOTHING
    slow: float = 0.0
    now: float = 500.0
    looks: int = 0
    told: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        self.looks += 1
        self.now += self.slow
        return replace(self.before if self.now < 500.0 + self.lag else shown(NEW), url=request.url)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def client(self, *, waits: bool = True) -> Client:
        waiting = Waiting(policy=RetryTable(), sleep=self.sleep, tell=self.told.append) if waits else None
        return Client(API.registry, clock=lambda: self.now, send=self, waiting=waiting)


@pytest.mark.parametrize("before", [NOTHING, shown(OLD)])
@pytest.mark.parametrize("reference", [Tag("main"), NEW])
def test_what_is_not_there_yet_is_waited_for(before, reference):
    if reference == NEW and before is not NOTHING:
        return
    registry = LaggingRegistry(5, before)

    found = registry.client().wait_for(API, reference, NEW, 60)

    assert found is not None
    assert found.digest == NEW
    assert 505 <= registry.now < 510


def test_what_is_there_is_looked_at_once():
    registry = LaggingRegistry(0)

    assert registry.client().wait_for(API, Tag("main"), NEW, 60) is not None
    assert (registry.looks, registry.now, registry.told) == (1, 500, [])


@pytest.mark.parametrize(("before", "digest"), [(NOTHING, None), (shown(OLD), OLD)])
def test_in_the_end_it_is_what_was_seen_last(before, digest):
    registry = LaggingRegistry(10**6, before)

    found = registry.client().wait_for(API, Tag("main"), NEW, 60)

    assert (found.digest if found else None) == digest
    assert registry.now == 560


def test_looks_that_take_long_count_too():
    registry = LaggingRegistry(10**6, slow=25)

    registry.client().wait_for(API, Tag("main"), NEW, 60)

    assert registry.looks == 3


@pytest.mark.parametrize("lag", [0, 60])
def test_without_waiting_it_is_one_look(lag):
    registry = LaggingRegistry(5)

    assert registry.client(waits=lag == 0).wait_for(API, Tag("main"), NEW, lag) is None
    assert registry.looks == 1


def test_people_are_told_once_that_it_lags_and_for_how_long():
    registry = LaggingRegistry(20, shown(OLD))

    registry.client().wait_for(API, Tag("main"), NEW, 60)

    place = "127.0.0.1:5000/acme/api:main"
    assert registry.told == [
        f"{place} still shows {OLD}; waiting up to 60 s for {NEW}",
        f"{place} shows {NEW} after 23 s",
    ]


def test_a_refusal_ends_it():
    registry = LaggingRegistry(10**6, refused(403, "DENIED", "no"))

    with pytest.raises(PermissionDeniedError):
        registry.client().wait_for(API, Tag("main"), NEW, 60)


def test_a_signal_ends_it():
    registry = LaggingRegistry(10**6)

    def interrupted(_seconds: float) -> None:
        raise InterruptedRunError("interrupted", hint="")

    registry.sleep = interrupted  # type: ignore[method-assign]
    with pytest.raises(InterruptedRunError):
        registry.client().wait_for(API, Tag("main"), NEW, 60)


@given(st.floats(0, 3600))
def test_the_pauses_are_the_lag_in_all(lag):
    found = list(pauses(lag))

    assert sum(found) == pytest.approx(lag)
    assert all(0 < pause <= 5 for pause in found)
