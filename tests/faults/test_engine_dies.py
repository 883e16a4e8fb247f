"""R22: the engine is killed in the middle of a push, and is started again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fault_proxy import FaultProxy, fault_proxy
from fault_rules import after
from own_engine import OwnEngine, own_engine
from proxied_scratch import ProxiedScratch, proxied
from started_run import published, started

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEngine]:
    """Give an engine of this module's own."""
    with own_engine(tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@pytest.fixture
def proxied_registry(registry: str) -> Iterator[FaultProxy]:
    with fault_proxy(registry) as proxy:
        yield proxy


@pytest.fixture
def mortal_case(
    mortal: OwnEngine, registry: str, proxied_registry: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ProxiedScratch:
    """Give a repository that is pushed by the engine that may be killed."""
    for name in ("DOCKER_HOST", "DOCKER_CONFIG", "PATH"):
        monkeypatch.setenv(name, mortal.environ[name])
    return proxied(tmp_path, registry, proxied_registry, "mark-of-the-killed-engine")


def test_r22_an_engine_that_is_killed_in_the_middle_of_a_push_moves_no_tag(
    mortal_case: ProxiedScratch, mortal: OwnEngine
):
    old = published(mortal_case)
    mortal_case.proxy.fault("PUT|PATCH", "/blobs/uploads/", after(mortal.kill), count=1, who="engine")

    done = mortal_case.push()

    try:
        mortal_case.assert_fails(done, 7, "image api", "builder went away|engine", "docker buildx inspect|Start Docker")
        state = mortal_case.state()
        assert {tag: state.get(tag) for tag in ("main", "latest")} == {tag: old[tag] for tag in ("main", "latest")}
        assert "commit" not in state
        assert 1 <= done.err.count("Building api") <= 3
    finally:
        mortal.start()
    mortal_case.assert_heals(built=True)


def test_r22_an_engine_that_is_back_soon_is_used_again_by_the_same_run(mortal_case: ProxiedScratch, mortal: OwnEngine):
    published(mortal_case)
    killed = threading.Event()
    mortal_case.proxy.fault("PUT|PATCH", "/blobs/uploads/", after(lambda: (mortal.kill(), killed.set())), count=1)
    # waits that are longer than a start of the engine
    text = (mortal_case.root / "build.toml").read_text()
    for name, value in (("first-wait = 0.05", "first-wait = 20"), ("longest-wait = 0.2", "longest-wait = 20")):
        assert name in text
        text = text.replace(name, value)
    mortal_case.write({"build.toml": text.replace("total = 30", "total = 300")})
    mortal_case.commit_all()

    with started(mortal_case, "push") as run:
        run.held_at(killed, "the death of the engine")
        mortal.start()
        done = run.end()

    assert done.code == 0, done.err
    assert done.err.count("Building api") == 2
    state = mortal_case.state()
    assert state["commit"] == state["main"] == state["latest"]
