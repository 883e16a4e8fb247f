"""A run split by platform without the world: parts staged by recorded programs, put together in a registry in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from docker_push import pipeline, report, splitting
from docker_push.errors import (
    BuildError,
    ConfigError,
    OverwriteError,
    PermissionDeniedError,
    RegistryError,
    VerificationError,
)
from docker_push.metadata import FINGERPRINT
from docker_push.options import Flags
from docker_push.record import RECORD
from docker_push.registry.transport import Request, Response
from docker_push.report import RunReport
from docker_push.run import opened
from examples_of import BOTH, COMMIT
from memory_registry import MemoryRegistry, digest_of
from recorded_world import RecordedWorld

API = "atomicloud/my-service/api"
WORKER = "atomicloud/my-service/worker"
TWO = '[images.api]\n[images.worker]\nplatforms = ["linux/amd64"]\n'
TAG = f"{COMMIT}-main"


@pytest.fixture
def world(tmp_path: Path) -> RecordedWorld:
    (tmp_path / ".dockerignore").write_text("parts\n")
    return RecordedWorld(tmp_path).write()


def ended(done: RunReport) -> RunReport:
    if done.error is not None:
        raise done.error
    return done


def stage(world: RecordedWorld, platform: str, **flags: Any) -> RunReport:
    with opened(world.surroundings(), Flags(part=platform, **flags)) as run:
        return ended(splitting.stage_part(run, world.folder / "parts"))


def stage_both(world: RecordedWorld, **flags: Any) -> None:
    for platform in BOTH:
        stage(world, str(platform), **flags)


def merge(world: RecordedWorld, **flags: Any) -> RunReport:
    with opened(world.surroundings(), Flags(**flags)) as run:
        return ended(splitting.merge(run, [world.folder / "parts"]))


def contents(world: RecordedWorld) -> list[Path]:
    return sorted((world.folder / "parts").iterdir())


def remote(world: RecordedWorld) -> RecordedWorld:
    """Have a builder that can push by digest."""
    world.builder["Driver"] = "docker-container"
    return world


def index(world: RecordedWorld, tag: str = "main") -> dict[str, Any]:
    return json.loads(world.memory.manifests[API, tag])


def test_two_parts_become_one_image_with_every_tag(world: RecordedWorld):
    stage_both(remote(world))
    assert world.memory.tags(API) == {}

    done = merge(world, version="v1.2.3")

    assert set(world.memory.tags(API)) == {TAG, "main", "v1.2.3", "latest"}
    assert len(set(world.memory.tags(API).values())) == 1
    found = index(world)["manifests"]
    assert [entry["platform"]["architecture"] for entry in found] == ["arm64", "amd64", "unknown", "unknown"]
    assert report.references(done) == [f"localhost:5000/{API}:{TAG}@{world.memory.tags(API)['main']}"]


def test_docker_s_own_driver_leaves_a_tag_for_each_platform(world: RecordedWorld):
    stage_both(world)

    assert set(world.memory.tags(API)) == {f"{TAG}.linux-arm64", f"{TAG}.linux-amd64"}


def test_a_part_says_what_it_is_on_standard_output_and_in_its_file(world: RecordedWorld):
    stage(remote(world), "linux/arm64")

    (file,) = contents(world)
    content = json.loads(file.read_text())
    assert content["images"]["api"]["adopted"] is False
    assert world.emitted == [f"localhost:5000/{API}@{content['images']['api']['digest']}"]
    assert (content["schema"], content["commit"], content["platform"]) == (1, COMMIT, "linux/arm64")


def test_the_bytes_of_the_index_follow_from_plan_and_parts(world: RecordedWorld):
    stage_both(world)
    merge(world)
    first = world.memory.tags(API)["main"]
    for tag in (TAG, "main", "latest"):
        del world.memory.manifests[API, tag]
    del world.memory.manifests[API, first]

    merge(world)

    assert world.memory.tags(API)["main"] == first


def test_the_index_bears_the_plan_and_not_the_parts_annotations(world: RecordedWorld):
    world.write('[images.api]\nannotations = { note = "ä" }\n')
    stage_both(world)
    done = merge(world)

    annotations = index(world)["annotations"]
    assert annotations["note"] == "ä"
    assert annotations[FINGERPRINT] == done.plan.images[0].fingerprint
    assert "org.opencontainers.image.revision" in annotations


def test_a_missing_part_moves_nothing_and_heals(world: RecordedWorld):
    stage(remote(world), "linux/arm64")
    with pytest.raises(VerificationError, match="api: nothing was staged for linux/amd64"):
        merge(world)
    assert world.memory.tags(API) == {}

    stage(world, "linux/amd64")
    merge(world)

    assert set(world.memory.tags(API)) == {TAG, "main", "latest"}


def test_an_image_of_one_platform_is_no_work_of_the_other_part(world: RecordedWorld):
    remote(world).write(TWO)
    stage_both(world)

    parts = {
        json.loads(file.read_text())["platform"]: json.loads(file.read_text())["images"] for file in contents(world)
    }
    assert {platform: [*images] for platform, images in parts.items()} == {
        "linux/arm64": ["api"],
        "linux/amd64": ["api", "worker"],
    }
    merge(world)
    assert set(world.memory.tags(WORKER)) == {TAG, "main", "latest"}


def test_a_platform_that_no_image_is_for_is_refused(world: RecordedWorld):
    with pytest.raises(ConfigError) as caught:
        stage(world, "linux/s390x")

    assert "no image of this run is built for linux/s390x" in caught.value.details[0]


def test_a_part_that_fails_writes_no_file(world: RecordedWorld):
    world.broken = "api"
    with pytest.raises(BuildError):
        stage(world, "linux/arm64")

    assert contents(world) == []


def test_a_part_that_keeps_going_leaves_out_what_failed(world: RecordedWorld):
    world.write(TWO + "[images.api.contexts]\n").broken = ""
    remote(world)
    world.memory.lost = set()

    def bake(argv: Any, definition: Mapping[str, Any]) -> Any:
        world.broken = "worker" if "worker" in definition["target"] else ""
        return RecordedWorld.bake(world, argv, definition)

    world.bake = bake  # type: ignore[method-assign]
    with pytest.raises(BuildError, match="worker"):
        stage(world, "linux/amd64", keep_going=True)

    (file,) = contents(world)
    assert [*json.loads(file.read_text())["images"]] == ["api"]


def test_a_merge_that_keeps_going_publishes_what_is_whole(world: RecordedWorld):
    remote(world).write(TWO)
    stage(world, "linux/amd64")

    with pytest.raises(VerificationError, match="api: nothing was staged for linux/arm64"):
        merge(world, keep_going=True)

    assert world.memory.tags(API) == {}
    assert set(world.memory.tags(WORKER)) == {TAG, "main", "latest"}


def test_what_the_registry_lost_since_ends_the_merge_before_any_tag(world: RecordedWorld):
    stage_both(remote(world))
    content = json.loads(contents(world)[0].read_text())
    del world.memory.manifests[API, content["images"]["api"]["digest"]]

    with pytest.raises(VerificationError, match="does not have"):
        merge(world)

    assert world.memory.tags(API) == {}


def test_a_file_that_names_something_else_is_found_out(world: RecordedWorld):
    """Whoever may write artifacts may not publish by them what the plan did not push."""
    stage_both(remote(world))
    planted = world.memory.put_index(API, BOTH[:1], fingerprint="another")
    file = next(file for file in contents(world) if "arm64" in file.name)
    content = json.loads(file.read_text())
    content["images"]["api"]["digest"] = str(planted)
    file.write_text(json.dumps(content))

    with pytest.raises(VerificationError, match="pushed by another plan"):
        merge(world)

    assert world.memory.tags(API) == {}


@pytest.mark.parametrize("platforms", [BOTH, BOTH[1:], BOTH[:1] * 2], ids=["two", "another", "the same twice"])
def test_a_part_of_other_platforms_is_found_out(world: RecordedWorld, platforms: Any):
    stage_both(remote(world))
    file = next(file for file in contents(world) if "arm64" in file.name)
    content = json.loads(file.read_text())
    planted = world.memory.put_index(API, platforms, fingerprint=content["images"]["api"]["plan"])
    content["images"]["api"]["digest"] = str(planted)
    file.write_text(json.dumps(content))

    with pytest.raises(VerificationError, match=r"asked for|more than the one"):
        merge(world)

    assert world.memory.tags(API) == {}


def test_an_index_that_its_registry_keeps_from_being_named_moves_nothing(world: RecordedWorld):
    stage_both(remote(world))
    world.memory.refused = {TAG}

    with pytest.raises(PermissionDeniedError):
        merge(world)

    assert world.memory.tags(API) == {}


def test_a_version_that_is_taken_is_refused_before_anything_is_put(world: RecordedWorld):
    stage_both(remote(world))
    world.memory.put_index(API, (), "v1.2.3")

    with pytest.raises(OverwriteError):
        merge(world, version="v1.2.3")

    assert set(world.memory.tags(API)) == {"v1.2.3"}


def test_the_same_merge_again_needs_no_part(world: RecordedWorld):
    stage_both(remote(world))
    merge(world)
    for file in contents(world):
        file.unlink()

    merge(world)

    assert "is already staged with this plan" in world.text


def test_what_is_staged_is_not_built_as_a_part_and_noted(world: RecordedWorld):
    stage_both(remote(world))
    merge(world)
    world.calls.clear()

    stage_both(world)

    assert not any("bake" in argv for argv, _ in world.calls)
    assert all(json.loads(file.read_text())["images"]["api"]["adopted"] for file in contents(world))
    merge(world)


def noted(world: RecordedWorld, fingerprint: str | None = None) -> str:
    """Stage and merge, and have the parts say that the image is adopted; then have the registry forget the commit tag."""
    stage_both(remote(world))
    done = merge(world)
    stage_both(world)
    digest = world.memory.tags(API)["main"]
    for tag in (TAG, "main", "latest"):
        del world.memory.manifests[API, tag]
    if fingerprint is not None:
        digest = str(world.memory.put_index(API, BOTH, fingerprint=fingerprint))
        for file in contents(world):
            content = json.loads(file.read_text())
            content["images"]["api"]["digest"] = digest
            file.write_text(json.dumps(content))
    assert done.plan.images[0].fingerprint
    return digest


def test_what_runners_found_unchanged_is_adopted_although_this_run_does_not(world: RecordedWorld):
    digest = noted(world)

    merge(world)

    assert world.memory.tags(API) == dict.fromkeys((TAG, "main", "latest"), digest)
    assert "api: adopted, as a runner of this run found it unchanged" in world.text


def test_what_a_runner_adopted_has_to_be_of_these_inputs(world: RecordedWorld):
    noted(world, fingerprint="another")

    with pytest.raises(VerificationError, match="is not made from its inputs"):
        merge(world)

    assert world.memory.tags(API) == {}


def test_what_a_runner_adopted_and_is_gone_is_an_error(world: RecordedWorld):
    digest = noted(world)
    del world.memory.manifests[API, digest]

    with pytest.raises(RegistryError):
        merge(world)


def test_a_stranger_s_run_builds_its_part_and_its_merge_puts_nothing(world: RecordedWorld):
    world.of_a_fork()
    stage(world, "linux/arm64")

    (file,) = contents(world)
    assert json.loads(file.read_text())["images"] == {}
    merge(world)
    assert world.memory.manifests == {}
    assert "Nothing was put together" in world.text


def test_tests_run_in_the_part_and_not_again_in_the_merge(world: RecordedWorld):
    world.write('[images.api]\ntest = [["true"]]\n')
    world.answers = lambda command: (
        "0\n" if command.startswith("docker wait") else RecordedWorld.answers(world, command)
    )  # type: ignore[method-assign]
    stage_both(remote(world))
    assert "Testing api on linux/arm64" in world.text
    world.said.clear()

    merge(world)
    assert "Testing" not in world.text

    merge(world)  # adopted from its commit tag, of which nothing says that its tests passed
    assert "Testing api on linux/amd64" in world.text


def test_a_part_that_fails_its_test_writes_no_file(world: RecordedWorld):
    world.write('[images.api]\ntest = [["true"]]\n')

    with pytest.raises(VerificationError, match="the test true failed"):
        stage(world, "linux/amd64")

    assert contents(world) == []


def test_a_lone_platform_without_attestations_is_put_as_it_is(world: RecordedWorld):
    world.write('[images.api]\nplatforms = ["linux/amd64"]\nattest = []\n')
    made: list[str] = []

    def bake(argv: Any, definition: Mapping[str, Any]) -> Any:
        done = RecordedWorld.bake(world, argv, definition)
        target = definition["target"]["api"]
        said = dict(text.partition(":")[2].split("=", 1) for text in target["annotations"])
        digest = world.memory.put_image(API, BOTH[1], labels=target["labels"], annotations=said)
        made.append(str(digest))
        file = Path(argv[argv.index("--metadata-file") + 1])
        file.write_text(json.dumps({"api": {"containerimage.digest": str(digest)}}))
        return done

    world.bake = bake  # type: ignore[method-assign]
    stage(remote(world), "linux/amd64")
    merge(world)

    assert "layers" in index(world)
    assert {**index(world)["annotations"], RECORD: ""} == {
        **json.loads(world.memory.manifests[API, made[0]])["annotations"],
        RECORD: "",
    }


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_built(world: RecordedWorld):
    (world.folder / "parts").write_text("a file")

    with pytest.raises(ConfigError, match="--part"):
        stage(world, "linux/amd64")

    assert not any("bake" in argv for argv, _ in world.calls)


def test_the_plan_of_a_merge_says_what_is_missing(world: RecordedWorld):
    stage(remote(world), "linux/arm64")

    with opened(world.surroundings(), Flags()) as run, pytest.raises(VerificationError, match="nothing was staged"):
        splitting.planned_merge(run, [world.folder / "parts"])
    stage(world, "linux/amd64")
    with opened(world.surroundings(), Flags()) as run:
        assert splitting.planned_merge(run, [world.folder / "parts"]).images[0].platforms == BOTH
    assert world.memory.tags(API) == {}


def test_a_merge_asks_no_docker(world: RecordedWorld):
    stage_both(remote(world))
    world.calls.clear()

    merge(world)

    assert not [argv for argv, _ in world.calls if argv[0] == "docker"]


def test_a_whole_push_after_the_parts_adopts_the_merged_image(world: RecordedWorld):
    stage_both(remote(world))
    merge(world)
    before = world.memory.tags(API)

    with opened(world.surroundings(), Flags()) as run:
        ended(pipeline.push(run))

    assert world.memory.tags(API) == before
    assert digest_of(world.memory.manifests[API, "main"]) == before["main"]


@pytest.mark.parametrize(
    ("toml", "ignored", "words"),
    [
        ("[images.api]\n", "", "(context .). Add parts/ to its .dockerignore"),
        ("[images.api]\n", "*.json\n", "(context .)"),
        ('[images.api]\ncontext = "parts"\n', "parts\n", "(context parts). Give a folder outside"),
        ('[images.api]\ncontext = "other"\ncontexts = { a = "." }\n', "", "(context .)"),
    ],
)
def test_parts_in_a_context_are_refused(world: RecordedWorld, toml: str, ignored: str, words: str):
    """A part would change the inputs of the image that it is of."""
    for folder in ("parts", "other"):
        (world.folder / folder).mkdir()
    world.write(toml)
    (world.folder / ".dockerignore").write_text(ignored)

    for work in (lambda: stage(world, "linux/amd64"), lambda: merge(world)):
        with pytest.raises(ConfigError) as caught:
            work()
        assert words in str(caught.value)


def test_parts_outside_of_every_context_are_taken(world: RecordedWorld):
    (world.folder / "other").mkdir()
    world.write('[images.api]\ncontext = "other"\n')
    (world.folder / ".dockerignore").unlink()
    stage_both(remote(world))

    merge(world)

    assert "main" in world.memory.tags(API)


def test_a_folder_of_parts_that_makes_the_work_tree_dirty_is_named(world: RecordedWorld):
    stage(remote(world), "linux/arm64")
    world.dirty = True

    with pytest.raises(VerificationError) as caught:
        merge(world)

    assert "where that is the folder of the parts" in caught.value.hint


def test_parts_that_are_not_used_are_named(world: RecordedWorld):
    stage_both(remote(world))
    merge(world)
    before = world.memory.tags(API)
    stage_both(world, rebuild=True)

    merge(world)

    assert "api: its parts are not used" in world.text
    assert world.memory.tags(API) == before


def test_a_thousand_images_are_put_together_by_requests_that_grow_with_them_alone(world: RecordedWorld):
    def requests(number: int) -> int:
        world.write("".join(f"[images.image-{place}]\n" for place in range(number)))
        for file in (world.folder / "parts").glob("*"):
            file.unlink()
        stage_both(remote(world))
        world.memory.log.clear()
        merge(world, allow_older=True, rebuild=True)
        return len(world.memory.log)

    few, many = requests(5), requests(50)

    assert many <= few * 10


def test_a_secret_that_a_part_shows_is_refused_and_no_file_written(world: RecordedWorld):
    def bake(argv: Any, definition: Mapping[str, Any]) -> Any:
        definition["target"]["api"]["labels"]["made"] = "s3cret-value"
        return RecordedWorld.bake(world, argv, definition)

    world.bake = bake  # type: ignore[method-assign]
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value"}

    with pytest.raises(VerificationError, match="a secret of this run can be read"):
        stage(remote(world), "linux/arm64")

    assert contents(world) == []


def test_a_secret_that_only_the_merge_knows_is_refused_before_any_tag(world: RecordedWorld):
    world.write('[images.api]\nannotations = { note = "s3cret-value" }\n')
    stage_both(remote(world))
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value"}

    with pytest.raises(VerificationError, match="a secret of this run can be read"):
        merge(world)

    assert world.memory.tags(API) == {}


def test_a_merge_that_fails_lists_the_commit_tags_that_it_has_put(world: RecordedWorld):
    """With one connection the images come one after the other: the second one's commit tag is refused."""
    world.write('[registry]\nconnections = 1\n[images.api]\n[images.worker]\nregistry-path = "{repository}/{image}"\n')
    stage_both(world)
    world.memory = Second(**vars(world.memory))

    with opened(world.surroundings(), Flags()) as run:
        done = splitting.merge(run, [world.folder / "parts"])

    assert isinstance(done.error, PermissionDeniedError)
    table = {line.split()[0]: line for line in done.error.details if f":{TAG} " in line}
    assert table[f"localhost:5000/{API}:{TAG}"].endswith("created")
    assert table[f"localhost:5000/{WORKER}:{TAG}"].endswith("asked for, not answered")
    api, worker = report.run_json(done)["images"]  # type: ignore[misc]
    assert [tag["state"] for tag in api["tags"]] == ["created", "waiting", "waiting"]
    assert [tag["state"] for tag in worker["tags"]] == ["unknown"]
    assert report.references(done) == []
    assert report.result(done).images == {}


class Second(MemoryRegistry):
    """A registry that takes the commit tag of the first image alone."""

    def __call__(self, request: Request) -> Response:
        self.refused = {TAG} if f"/{WORKER}/" in request.url else set()
        return super().__call__(request)


def test_the_plan_of_a_merge_says_what_it_joins_and_builds_nothing(world: RecordedWorld):
    world.write('[images.api]\ncontexts = { base = "target:base" }\n[images.base]\n')
    stage_both(world, images=("api",))
    world.said.clear()

    with opened(world.surroundings(), Flags(images=("api",))) as run:
        text = report.plan_text(splitting.planned_merge(run, [world.folder / "parts"]))
        assert ended(splitting.merge(run, [world.folder / "parts"])).plan.images[1].action.value == "join"

    for said in (text, world.text):
        assert "api: join (" in said
        assert "base: none (what needs it is put together of parts)" in said
        assert ": build" not in said


def test_a_push_that_fails_before_its_tags_move_has_published_nothing(world: RecordedWorld):
    world.write("[images.api]\n[images.worker]\n")
    with opened(world.surroundings(), Flags(images=("api",))) as run:
        ended(pipeline.stage_only(run))
    world.broken = "worker"

    with opened(world.surroundings(), Flags()) as run:
        done = pipeline.push(run)

    assert isinstance(done.error, BuildError)
    assert f"localhost:5000/{API}:{TAG}" in "".join(done.error.details)
    assert (report.references(done), report.result(done).images) == ([], {})
