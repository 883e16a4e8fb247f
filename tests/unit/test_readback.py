from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from docker_push.forward import Verdict
from docker_push.metadata import FINGERPRINT, REVISION
from docker_push.plan import Plan, plan
from docker_push.readback import Comparison, Difference, Judge, compare, read
from docker_push.references import Digest, Platform, Registry
from examples_of import AMD64, BOTH, COMMIT, CONTEXT, DIGEST, image, options, registry, setting
from memory_registry import INDEX, LAYER, MANIFEST, MemoryRegistry, client, digest_of

API = "atomicloud/my-service/api"
TAG = f"{COMMIT}-main"
ONE, TWO = Registry("localhost", 5000), Registry("localhost", 6000)


def always(_one: object, _planned: object, _head: object) -> Verdict:
    return Verdict(moves=True)


def never(_one: object, _planned: object, _head: object) -> Verdict:
    return Verdict(moves=False, why="commit abc published it and is newer")


class World:
    """Two registries in memory, and a plan whose images are published in both, with every tag."""

    def __init__(self, *images, **changes) -> None:
        self.memories = {ONE: MemoryRegistry(), TWO: MemoryRegistry()}
        entries = (registry("localhost:5000"), registry("localhost:6000"))
        self.plan: Plan = plan(options(*images, **{"registries": entries, **changes}), CONTEXT)
        for memory in self.memories.values():
            for one in self.plan.published:
                put = memory.put_index if one.has_index else self._put_lone(memory)
                names = [str(planned.tag) for planned in one.tags]
                path, more = one.repositories[0].path, {"labels": one.labels, "annotations": one.annotations}
                put(path, one.platforms, *names, fingerprint=one.fingerprint, **more)

    @staticmethod
    def _put_lone(memory: MemoryRegistry) -> Callable[..., Digest]:
        return lambda path, platforms, *names, **more: memory.put_image(path, platforms[0], *names, **more)

    @property
    def memory(self) -> MemoryRegistry:
        return self.memories[ONE]

    def compared(self, judge: Judge = always) -> tuple[Comparison, ...]:
        clients = {one: client(memory, str(one)) for one, memory in self.memories.items()}
        return compare(read(self.plan, clients), judge)

    def differences(self, judge: Judge = always) -> list[Difference]:
        return [found for one in self.compared(judge) for found in one.differences]

    def rows(self) -> list[tuple[str, str, str]]:
        """Return what differs in the first registry; the second one is as it should be but for the commit's digest."""
        return [(one.what, one.wanted, one.found) for one in self.differences() if one.repository.registry == ONE]

    def content(self, reference: str) -> dict:
        return json.loads(self.memory.manifests[API, reference])

    def child(self, platform: Platform) -> str:
        """Return the digest of a platform's manifest in the index."""
        wanted = {"os": platform.os, "architecture": platform.architecture}
        return next(one["digest"] for one in self.content(TAG)["manifests"] if one["platform"] == wanted)

    def retag(self, content: dict) -> str:
        """Put a document under every tag of the image; return its digest."""
        names = [str(planned.tag) for planned in self.plan.images[0].tags]
        return str(self.memory.put(API, json.dumps(content).encode(), *names))


@pytest.mark.parametrize("platforms", [BOTH, AMD64])
@pytest.mark.parametrize("attest", [(), ("type=provenance,mode=min",)])
def test_what_was_published_by_the_plan_is_as_the_plan_says(platforms, attest):
    world = World(image(platforms=setting(platforms), attest=attest, labels={"a": "b"}, annotations={"c": "d"}))

    assert world.differences() == []
    assert len(world.compared()) == 2


def test_nothing_is_written():
    world = World()
    world.compared()

    assert {line.split()[0] for line in world.memory.log} <= {"GET", "HEAD"}


def test_a_tag_that_is_gone_is_named():
    world = World()
    del world.memory.manifests[API, "latest"]

    assert world.rows() == [("tag latest", digest_of(world.memory.manifests[API, TAG]), "no such tag")]


def test_a_commit_tag_that_is_gone_is_named_and_the_other_tags_have_nothing_to_be_compared_with():
    world = World()
    del world.memory.manifests[API, TAG]

    assert world.rows() == [(f"tag {TAG}", "exists", "no such tag")]


def test_a_tag_that_names_something_else_is_named_with_what_is_to_be_said_of_it():
    world = World()
    ours = digest_of(world.memory.manifests[API, TAG])
    theirs = world.memory.put_index(API, BOTH, "latest", note="another")

    assert world.rows() == [("tag latest", ours, str(theirs))]
    (found,) = world.differences(lambda *_: Verdict(moves=True, why="nobody knows"))
    assert found.found == f"{theirs} (nobody knows)"


def test_a_tag_that_a_newer_commit_has_is_right_and_said_to_be():
    world = World()
    theirs = world.memory.put_index(API, BOTH, "latest", note="newer")

    compared = world.compared(never)

    assert [one.differences for one in compared] == [(), ()]
    assert compared[0].notes == (
        f"localhost:5000/{API}:latest names {theirs}, and commit abc published it and is newer",
    )


@pytest.mark.parametrize(
    ("held", "listed"),
    [(AMD64, "linux/amd64"), ((*BOTH, BOTH[0]), "linux/amd64, linux/arm64, linux/arm64"), ((), "none")],
)
def test_other_platforms_than_asked_for_are_named(held, listed):
    world = World()
    index = world.content(TAG)
    entries = {entry["platform"]["architecture"]: entry for entry in index["manifests"]}
    index["manifests"] = [entries[one.architecture] for one in held]
    world.retag(index)

    assert ("platforms", "linux/amd64, linux/arm64", listed) in world.rows()


@pytest.mark.parametrize("platform", BOTH)
def test_a_platform_s_manifest_that_is_gone_is_named(platform):
    world = World()
    digest = world.child(platform)
    del world.memory.manifests[API, digest]

    assert world.rows() == [(f"{platform} manifest", digest, "not in the registry")]


def test_an_attestation_that_is_gone_is_named():
    world = World()
    digest = next(one["digest"] for one in world.content(TAG)["manifests"] if "annotations" in one)
    del world.memory.manifests[API, digest]

    assert world.rows() == [("attestation manifest", digest, "not in the registry")]


def test_a_layer_that_is_gone_is_named_for_everything_that_is_made_of_it():
    world = World()
    del world.memory.blobs[LAYER]

    assert {what for what, wanted, found in world.rows() if (wanted, found) == (LAYER, "not in the registry")} == {
        "linux/amd64 layer 1",
        "linux/arm64 layer 1",
        "attestation layer 1",
    }
    assert sum(LAYER in line for line in world.memory.log) == 1


def test_a_layer_that_is_kept_elsewhere_is_not_looked_for():
    world = World()
    for platform in BOTH:
        content = world.content(world.child(platform))
        content["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
        content["layers"][0]["digest"] = str(DIGEST)
        index = world.content(TAG)
        entry = next(one for one in index["manifests"] if one["platform"]["architecture"] == platform.architecture)
        entry["digest"] = str(world.memory.put(API, json.dumps(content).encode()))
        world.retag(index)

    assert [what for what, _, _ in world.rows() if "layer" in what] == []


def test_a_configuration_that_is_gone_is_named():
    world = World()
    digest = world.content(world.child(BOTH[0]))["config"]["digest"]
    del world.memory.blobs[digest]

    assert world.rows() == [(f"{BOTH[0]} config", digest, "not in the registry")]


def test_bytes_that_are_not_of_their_digest_are_named():
    world = World()
    digest = world.child(BOTH[0])
    world.memory.manifests[API, digest] += b" "

    ((what, wanted, found),) = world.rows()

    assert (what, wanted) == (f"{BOTH[0]} manifest", digest)
    assert "the registry answers for" in found or "its bytes are" in found


@pytest.mark.parametrize("content", [{"mediaType": INDEX}, {"mediaType": INDEX, "manifests": [7]}])
def test_a_document_that_is_no_index_is_named(content):
    world = World()
    digest = world.retag(content)

    assert [(what, wanted) for what, wanted, _ in world.rows()] == [("what the commit tag names", digest)]


@pytest.mark.parametrize("content", [{"layers": None}, {"config": 7}])
def test_a_platform_s_manifest_that_cannot_be_read_is_named(content):
    world = World()
    index = world.content(TAG)
    broken = world.memory.put(API, json.dumps({**world.content(world.child(BOTH[1])), **content}).encode())
    next(one for one in index["manifests"] if one["platform"]["architecture"] == "amd64")["digest"] = str(broken)
    world.retag(index)

    assert ("linux/amd64 manifest", str(broken)) in [(what, wanted) for what, wanted, _ in world.rows()]


def test_labels_and_annotations_that_are_not_the_plan_s_are_named_and_further_ones_are_not():
    world = World(image(labels={"a": "b"}, annotations={"c": "d"}))
    one = world.plan.images[0]
    other = replace(one, labels={**one.labels, REVISION: "f" * 40, "base": "x"}, annotations={"base": "x"})
    names = [str(planned.tag) for planned in one.tags]
    world.memory.put_index(
        API, BOTH, *names, fingerprint=one.fingerprint, labels=other.labels, annotations=other.annotations
    )

    rows = world.rows()

    assert ("linux/arm64 label org.opencontainers.image.revision", COMMIT, "f" * 40) in rows
    assert ("linux/amd64 annotation c", "d", "none") in rows
    assert ("index annotation c", "d", "none") in rows
    assert not any("base" in what or what.endswith("label a") for what, _, _ in rows)


def test_another_plan_s_image_is_named_by_its_fingerprint():
    world = World()
    index = world.content(TAG)
    index["annotations"][FINGERPRINT] = "another"
    world.retag(index)

    assert ("fingerprint of the plan", world.plan.images[0].fingerprint, "another") in world.rows()


def test_registries_that_hold_different_bytes_are_told_apart():
    world = World()
    index = world.content(TAG)
    changed = world.retag({**index, "annotations": {**index["annotations"], "more": "x"}})

    (found,) = world.differences()

    assert (found.repository.registry, found.wanted) == (TWO, changed)
    assert found.what == "commit tag, as in the first registry"


def test_a_lone_image_says_its_platform_in_its_configuration():
    world = World(image(platforms=setting(AMD64), attest=()))
    manifest = world.content(TAG)
    config = json.dumps({"os": "linux", "architecture": "riscv64"}).encode()
    world.memory.blobs[digest_of(config)] = config
    manifest["config"] = {"mediaType": "c", "digest": digest_of(config), "size": len(config)}
    world.retag(manifest)

    assert manifest["mediaType"] == MANIFEST
    assert ("platforms", "linux/amd64", "linux/riscv64") in world.rows()
