from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from docker_push import local_build
from docker_push.options import Flags
from docker_push.references import Reference
from docker_push.run import opened
from examples_of import COMMIT
from recorded_world import RecordedWorld

NAME = f"localhost:5000/atomicloud/my-service/api:{COMMIT}-main"


@pytest.fixture
def world(tmp_path: Path) -> RecordedWorld:
    return RecordedWorld(tmp_path).write()


def load(world: RecordedWorld, *, dry_run: bool = False) -> list[str]:
    with opened(world.surroundings(), Flags()) as run:
        return local_build.load(run, dry_run=dry_run)


def baked(world: RecordedWorld) -> dict:
    return next(json.loads(given or "") for argv, given in world.calls if "bake" in argv)["target"]["api"]


def test_a_store_for_indexes_gets_every_platform(world: RecordedWorld):
    assert load(world) == [NAME]
    assert baked(world)["platforms"] == ["linux/arm64", "linux/amd64"]
    assert world.memory.log == []


@pytest.mark.parametrize(
    ("driver", "labels"),
    [("docker", {}), ("docker-container", {"org.mobyproject.buildkit.worker.containerd.namespace": "x"})],
)
def test_another_store_gets_the_host_s_platform_and_that_is_said(
    world: RecordedWorld, driver: str, labels: dict[str, str]
):
    world.builder["Driver"] = driver
    world.builder["Nodes"][0]["Labels"] = labels

    load(world)

    assert baked(world)["platforms"] == ["linux/amd64"]
    assert "api: linux/amd64 alone" in world.text


def test_an_image_of_another_platform_alone_is_built_for_it(world: RecordedWorld):
    world.write('[images.api]\nplatforms = ["linux/arm64"]\n').builder["Driver"] = "docker-container"

    load(world)

    assert baked(world)["platforms"] == ["linux/arm64"]
    assert "alone" not in world.text


def test_a_dry_run_builds_nothing(world: RecordedWorld):
    assert load(world, dry_run=True) == []
    assert not any("bake" in argv for argv, _ in world.calls)


class RecordedEngine:
    put: list[tuple[str, list[str]]]

    def __init__(self, _environ: object) -> None:
        RecordedEngine.put = []

    def tag(self, source: Reference, names: Sequence[Reference]) -> list[str]:
        RecordedEngine.put.append((str(source), [str(name.tag) for name in names]))
        return []


def test_the_plan_s_tags_are_put_on_what_was_built(world: RecordedWorld, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(local_build, "Engine", RecordedEngine)

    with opened(world.surroundings(), Flags()) as run:
        names = local_build.tag(run, dry_run=False)

    assert RecordedEngine.put == [(NAME, ["main", "latest"])]
    assert [name.rsplit(":", 1)[1] for name in names] == ["main", "latest"]


def test_a_dry_run_puts_no_tag(world: RecordedWorld):
    with opened(world.surroundings(), Flags()) as run:
        assert len(local_build.tag(run, dry_run=True)) == 2

    assert "not put" in world.text
