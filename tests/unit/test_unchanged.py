"""A whole run of what is unchanged, in a world of values: what is asked, what is put, what is built."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from docker_push import changes, pipeline
from docker_push.bases import Connect, EngineHosts
from docker_push.errors import BuildError, ConfigError, PermissionDeniedError, VerificationError
from docker_push.observation import builds_in_engine
from docker_push.options import Flags
from docker_push.process import Completed
from docker_push.record import RECORD
from docker_push.record import parse as read_record
from docker_push.registry import Client
from docker_push.report import RunReport
from docker_push.run import Run, opened
from examples_of import COMMIT
from memory_registry import MemoryRegistry
from recorded_programs import completed
from recorded_world import RecordedWorld

API = "atomicloud/my-service/api"
BASE = "docker.io/library/busybox:1.37"
NEXT = "fedcba9876543210fedcba9876543210fedcba98"
DIGEST = "sha256:" + "d" * 64


class Commits(RecordedWorld):
    """A world whose commit can be another one, and whose builds have a base image."""

    commit = COMMIT
    based = False

    def git(self, argv: Sequence[str], given: str | None, environ: Mapping[str, str]) -> Completed:
        done = super().git(argv, given, environ)
        return completed(done.stdout.replace(COMMIT, self.commit))

    def bake(self, argv: Sequence[str], definition: Mapping[str, Any]) -> Completed:
        done = super().bake(argv, definition)
        if self.broken:
            return done
        names = [f"[internal] load metadata for {BASE}", f"[1/2] FROM {BASE}@{DIGEST}"] if self.based else []
        events = [
            {"digest": f"sha256:{number}", "name": name, "completed": "2026-01-01T00:00:00Z"}
            for number, name in enumerate(names)
        ]
        return completed(stderr=json.dumps({"vertexes": events}) if self.based else done.stderr)


@pytest.fixture
def world(tmp_path: Path) -> Commits:
    made = Commits(tmp_path)
    made.write('[images.api]\ncontext = "ctx"\ndockerfile = "ctx/Dockerfile"\n')
    (tmp_path / "ctx").mkdir()
    (tmp_path / "ctx" / "Dockerfile").write_text("FROM scratch\n")
    return made


def push(world: Commits, **flags: Any) -> RunReport:
    with opened(world.surroundings(), Flags(**flags)) as run:
        done = pipeline.push(run)
    if done.error:
        raise done.error
    return done


def bakes(world: Commits) -> int:
    return sum("bake" in argv for argv, _ in world.calls)


def manifest(world: Commits, tag: str) -> dict[str, Any]:
    return json.loads(world.memory.manifests[API, tag])


def test_the_next_commit_gets_its_tags_and_builds_nothing(world: Commits):
    push(world)
    before = world.memory.tags(API)
    world.commit = NEXT
    world.calls.clear()
    world.memory.log.clear()

    push(world, version="v1.0.0")

    assert bakes(world) == 0
    assert world.memory.tags(API) == before | dict.fromkeys((f"{NEXT}-main", "v1.0.0"), before["main"])
    assert "api: adopt (unchanged since main)" in world.text
    assert not any(line.startswith("POST") for line in world.memory.log)
    assert not any("/blobs/" in line for line in world.memory.log)


def test_an_unchanged_image_costs_seven_requests_and_one_for_each_manifest(world: Commits):
    push(world)
    commits, children = world.memory.tags(API), manifest(world, "main")["manifests"]
    world.commit = NEXT
    world.memory.log.clear()

    push(world)

    asked = [line.replace(f"{API}/manifests/", "") for line in world.memory.log if API in line]
    assert asked == [
        f"HEAD {NEXT}-main",
        "GET main",
        *(f"GET {child['digest']}" for child in children),
        f"PUT {NEXT}-main",
        f"HEAD {NEXT}-main",
        "HEAD latest",
        "HEAD main",
        "HEAD latest",
    ]
    assert world.memory.tags(API) == commits | {f"{NEXT}-main": commits["main"]}


def another(world: Commits) -> None:
    """Publish an image, and have another one in the next commit."""
    push(world)
    last = '[images.api]\ncontext = "ctx"\ndockerfile = "ctx/Dockerfile"\n'
    world.write('[images.worker]\ncontext = "work"\ndockerfile = "ctx/Dockerfile"\n' + last)
    (world.folder / "work").mkdir()
    world.commit = NEXT
    world.memory.log.clear()


def test_what_is_unchanged_has_its_commit_tag_before_anything_is_built(world: Commits):
    another(world)
    before: list[str] = []
    bake = world.bake

    def noted(argv: Sequence[str], definition: Mapping[str, Any]) -> Completed:
        before.extend(line for line in world.memory.log if line.startswith(("PUT", "POST")))
        return bake(argv, definition)

    world.bake = noted  # type: ignore[method-assign]
    push(world)

    assert before == [f"POST {API.replace('api', 'worker')}/blobs/uploads/", f"PUT {API}/manifests/{NEXT}-main"]


def test_where_the_commit_tag_of_what_is_unchanged_is_refused_nothing_is_built(world: Commits):
    another(world)
    builds = bakes(world)
    world.memory.refused = {f"{NEXT}-main"}

    with pytest.raises(PermissionDeniedError):
        push(world)

    assert bakes(world) == builds
    assert world.memory.tags(API.replace("api", "worker")) == {}


def test_what_a_failed_build_leaves_is_said_and_reported(world: Commits):
    another(world)
    world.broken = "worker"

    with opened(world.surroundings(), Flags()) as run:
        done = pipeline.push(run)

    assert done.error is not None
    shown = "\n".join(done.error.details)
    assert "No moving tag was touched" in shown
    assert f"{API}:{NEXT}-main" in shown
    tags = {
        f"{tag.reference.repository.path}:{tag.reference.tag}": tag.state.value
        for image in done.images
        for tag in image.tags
    }
    assert tags == {f"{API}:{NEXT}-main": "created", f"{API}:main": "waiting", f"{API}:latest": "waiting"}


def test_after_a_failed_build_what_was_unchanged_is_not_looked_through_again(world: Commits):
    another(world)
    world.broken = "worker"
    with pytest.raises(BuildError):
        push(world)
    world.broken = ""
    world.memory.log.clear()

    push(world)

    assert not any(f"{API}/blobs/sha256" in line for line in world.memory.log)
    assert world.memory.tags(API)["latest"] == world.memory.tags(API)[f"{NEXT}-main"]


def test_a_commit_tag_that_one_registry_refused_is_put_by_the_next_run_which_builds_nothing(world: Commits):
    registries = '[[registry]]\ndomain = "localhost:5000"\n[[registry]]\ndomain = "localhost:6000"\n'
    world.environ.pop("DOMAIN")
    world.write(registries + '[images.api]\ncontext = "ctx"\ndockerfile = "ctx/Dockerfile"\n')
    second = MemoryRegistry()
    first = world.memory
    world.client = lambda registry, credentials=None, **given: Client(  # type: ignore[method-assign]
        registry, credentials, **given, send=second if registry.port == 6000 else first
    )
    bake = world.bake

    def both(argv: Sequence[str], definition: Mapping[str, Any]) -> Completed:
        done = bake(argv, definition)
        second.manifests.update(first.manifests)
        second.blobs.update(first.blobs)
        return done

    world.bake = both  # type: ignore[method-assign]
    push(world)
    world.commit = NEXT
    second.refused = {f"{NEXT}-main"}
    with pytest.raises(PermissionDeniedError):
        push(world)
    second.refused = set()

    push(world)

    assert bakes(world) == 1
    assert first.tags(API)[f"{NEXT}-main"] == second.tags(API)[f"{NEXT}-main"] == first.tags(API)["main"]


@pytest.mark.parametrize(("instances", "asked"), [(None, True), ([], True), (["ci"], False)])
def test_the_engine_s_mirrors_are_those_of_its_own_builder_alone(
    world: Commits, monkeypatch: pytest.MonkeyPatch, instances: list[str] | None, asked: bool
):
    world.based = True
    push(world)
    world.commit = NEXT
    world.engine["RegistryConfig"] = {"Mirrors": ["http://localhost:7000/"]}
    world.builder["Driver"] = "docker-container"
    folder = world.folder / "buildx"
    world.environ["BUILDX_CONFIG"] = str(folder)
    for name in instances or []:
        (folder / "instances" / name).mkdir(parents=True)
    if instances is not None:
        (folder / "instances").mkdir(parents=True, exist_ok=True)
    hosts: list[EngineHosts] = []

    def connector(_run: Run, found: EngineHosts) -> Connect:
        hosts.append(found)
        raise ConfigError("no registry here", hint="")

    monkeypatch.setattr("docker_push.observation.bases.connector", connector)
    with pytest.raises(ConfigError, match="no registry here"):
        push(world)

    assert [bool(found.mirrors) for found in hosts] == [asked]


def test_where_buildx_keeps_its_builders_is_looked_at_as_buildx_does(world: Commits):
    def kept_in(path: str, **environ: str) -> bool:
        world.environ |= environ
        (world.folder / path / "instances" / "ci").mkdir(parents=True)
        with opened(world.surroundings(), Flags()) as run:
            return not builds_in_engine(run)

    assert kept_in(".docker/buildx")
    assert kept_in("docker/buildx", DOCKER_CONFIG=str(world.folder / "docker"))
    assert kept_in("own", BUILDX_CONFIG=str(world.folder / "own"))
    assert not kept_in("nowhere", BUILDX_CONFIG=str(world.folder / "other"))


def test_the_record_says_what_the_builder_said(world: Commits):
    world.based = True
    push(world)

    record = read_record(manifest(world, "main")["annotations"][RECORD])

    assert record is not None
    assert {name: str(digest) for name, digest in record.bases.items()} == {BASE: DIGEST}


def test_a_base_that_cannot_be_asked_is_built_on(world: Commits):
    world.based = True
    push(world)
    world.commit = NEXT

    push(world)

    assert bakes(world) == 2
    assert f"it cannot be told whether {BASE} is still the same" in world.text


def test_a_changed_file_is_built(world: Commits):
    push(world)
    world.commit = NEXT
    (world.folder / "ctx" / "new").write_text("")

    push(world)

    assert bakes(world) == 2
    assert "its inputs are not those of main" in world.text


def test_an_epoch_counts_where_the_dockerfile_names_it(world: Commits):
    def pushed(commit: str, epoch: str, dockerfile: str) -> int:
        world.commit, world.environ["SOURCE_DATE_EPOCH"] = commit, epoch
        (world.folder / "ctx" / "Dockerfile").write_text(dockerfile)
        before = bakes(world)
        push(world)
        return bakes(world) - before

    assert pushed("a" * 40, "1", "FROM scratch\n") == 1
    assert pushed("b" * 40, "2", "FROM scratch\n") == 0
    assert pushed("c" * 40, "2", "FROM scratch\nARG SOURCE_DATE_EPOCH\n") == 1
    assert pushed("d" * 40, "2", "FROM scratch\nARG SOURCE_DATE_EPOCH\n") == 0
    assert pushed("e" * 40, "3", "FROM scratch\nARG SOURCE_DATE_EPOCH\n") == 1


def test_what_lost_a_manifest_since_moves_no_tag_and_the_error_says_how_to_go_on(world: Commits):
    push(world)
    child = manifest(world, "main")["manifests"][0]["digest"]
    del world.memory.manifests[API, child]
    before = world.memory.tags(API)
    world.commit = NEXT

    with pytest.raises(VerificationError, match=f"names {child}, which the registry does not have") as caught:
        push(world)

    assert "--rebuild" in caught.value.hint
    assert world.memory.tags(API) == before


def test_what_needs_an_image_that_is_not_whole_any_more_is_not_built_either(world: Commits):
    push(world)
    own = '[images.api]\ncontext = "ctx"\ndockerfile = "ctx/Dockerfile"\n'
    world.write(own + '[images.web]\ndockerfile = "ctx/Dockerfile"\ncontexts = { base = "target:api" }\n')
    del world.memory.manifests[API, manifest(world, "main")["manifests"][0]["digest"]]
    world.commit, before = NEXT, bakes(world)

    with pytest.raises(VerificationError) as caught:
        push(world, keep_going=True)

    assert bakes(world) == before
    assert any("image web needs api, which failed" in line for line in caught.value.details)


def test_the_highest_version_is_looked_at_where_no_branch_has_it(world: Commits):
    push(world, version="v1.0.0")
    world.commit = NEXT
    (world.folder / "ctx" / "new").write_text("")
    push(world)
    world.commit = "e" * 40
    (world.folder / "ctx" / "new").unlink()

    push(world)

    assert bakes(world) == 2
    assert "unchanged since v1.0.0" in world.text
    assert world.memory.tags(API)["main"] == world.memory.tags(API)["v1.0.0"]


def test_a_refused_commit_tag_ends_the_run_before_any_other_moves(world: Commits):
    push(world)
    before = world.memory.tags(API)
    world.commit = NEXT
    world.memory.refused = {f"{NEXT}-main"}

    with pytest.raises(PermissionDeniedError, match=f"{NEXT}-main"):
        push(world, version="v2.0.0")

    assert world.memory.tags(API) == before


def test_where_nothing_is_affected_the_run_says_so_and_asks_nobody(world: Commits, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(changes, "narrowed", lambda chosen, *_: replace(chosen, images=(), selected=()))

    done = push(world, changed_since="main")

    assert done.images == ()
    assert "Nothing to do" in world.text
    assert world.memory.log == []
