from __future__ import annotations

import json
from dataclasses import replace

import pytest

from docker_push import publish
from docker_push.config import TagsTable
from docker_push.context import Event
from docker_push.errors import OverwriteError, VerificationError
from docker_push.facts import Facts
from docker_push.history import History, Relation
from docker_push.options import Options, Setting, Source
from docker_push.plan import Plan, plan
from docker_push.publish import Ledger, Rules, State, TagOutcome
from docker_push.references import Digest, Platform, Registry
from docker_push.tagging import TagKind
from examples_of import AMD64, BOTH, COMMIT, CONTEXT, image, options, registry, setting
from memory_registry import INDEX, MANIFEST, MemoryRegistry, client

LOCAL = Registry.parse("localhost:5000")
API = "atomicloud/my-service/api"
WORKER = "atomicloud/my-service/worker"
TAG = f"{COMMIT}-main"


def asked(*images, **changes) -> Options:
    return options(*images, **{"registries": (registry("localhost:5000"),), **changes})


def version(text: str) -> Setting[str]:
    return Setting(text, Source.COMMAND_LINE, "--version")


class World:
    """A registry in memory, and a plan whose images are staged in it."""

    def __init__(self, *images, **changes) -> None:
        self.memory = MemoryRegistry()
        self.clients = {LOCAL: client(self.memory)}
        self.plan = plan(asked(*images, **changes), CONTEXT)
        self.digests = {
            one.name: self.memory.put_index(
                one.repositories[0].path, one.platforms, TAG, fingerprint=one.fingerprint, note=one.name
            )
            for one in self.plan.published
        }
        self.done: list[TagOutcome] = []
        self.history = History(ref="refs/heads/main", relation=Relation.TIP, commit=COMMIT)
        self.rules = Rules(history=lambda: self.history, commit_tag=self.plan.commit_tag_of)

    def verify(self) -> tuple[publish.Staged, ...]:
        return publish.verify(self.plan, self.digests, self.clients)

    def move(self, staged: tuple[publish.Staged, ...] | None = None) -> tuple[TagOutcome, ...]:
        settled = publish.settle(staged or self.verify(), self.clients)
        self.ledger = Ledger(settled, (), self.done.append)
        publish.move(settled, self.clients, self.rules, self.ledger)
        return self.ledger.outcomes

    def observed(self) -> Plan:
        """Return the plan again, by what the registry holds now."""
        return replace(self.plan, facts=Facts(repositories=publish.observe(self.plan, self.clients)))


def test_what_is_not_there_is_observed_as_nothing():
    world = World()
    world.memory.manifests.clear()

    (facts,) = publish.observe(world.plan, world.clients).values()

    assert (facts.tags, facts.commit) == ((), None)


def test_what_is_staged_is_observed_whole():
    world = World()

    (facts,) = publish.observe(world.plan, world.clients).values()

    assert facts.commit is not None
    assert (facts.commit.digest, facts.commit.complete) == (world.digests["api"], True)
    assert set(facts.commit.platforms) == set(BOTH)
    assert facts.commit.fingerprint == world.plan.images[0].fingerprint


def test_a_child_that_is_gone_is_observed_as_not_complete():
    world = World()
    child = next(
        tag for path, tag in world.memory.manifests if tag.startswith("sha256:") and tag != str(world.digests["api"])
    )
    del world.memory.manifests[API, child]

    (facts,) = publish.observe(world.plan, world.clients).values()

    assert facts.commit is not None
    assert not facts.commit.complete


def test_all_tags_are_listed_only_where_the_plan_needs_them():
    world = World(version=version("v1.2.3"), tags=TagsTable(latest="release"))

    (facts,) = publish.observe(world.plan, world.clients).values()

    assert facts.tags == (TAG,)


def test_what_was_staged_is_read_back_by_digest():
    (staged,) = World().verify()

    assert str(staged.reference).startswith(f"localhost:5000/{API}:{TAG}@sha256:")
    assert set(staged.platforms) == set(BOTH)
    assert all(content.size > 1000 for content in staged.platforms.values())


@pytest.mark.parametrize("held", [AMD64, (*BOTH, Platform("linux", "s390x"))])
def test_other_platforms_than_asked_for_end_the_run(held: tuple[Platform, ...]):
    world = World()
    world.digests["api"] = world.memory.put_index(API, held, TAG)

    with pytest.raises(VerificationError, match="were asked for"):
        world.verify()


def test_an_index_that_names_what_is_not_there_ends_the_run():
    world = World()
    child = next(
        tag for path, tag in world.memory.manifests if tag.startswith("sha256:") and tag != str(world.digests["api"])
    )
    del world.memory.manifests[API, child]

    with pytest.raises(VerificationError):
        world.verify()


@pytest.mark.parametrize(
    "content",
    [{"layers": None}, {"layers": [{"size": "x"}]}, {"layers": 7}, {"config": None}, {"config": {"size": 1e400}}],
)
def test_a_manifest_that_is_broken_inside_ends_the_run_by_its_name(content: dict):
    world = World()
    whole = json.loads(next(data for data in world.memory.manifests.values() if b'"layers"' in data))
    path = world.plan.images[0].repositories[0].path
    broken = world.memory.put(path, json.dumps(whole | content).encode())
    entries = [
        {
            "mediaType": MANIFEST,
            "digest": str(broken),
            "size": 1,
            "platform": {"os": one.os, "architecture": one.architecture},
        }
        for one in BOTH
    ]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    world.digests["api"] = world.memory.put(path, json.dumps(index).encode())

    with pytest.raises(VerificationError, match=f"{path}@{broken}"):
        world.verify()


def test_an_image_without_an_index_is_verified_by_its_config():
    one = image(platforms=setting(AMD64), attest=())
    world = World(one)
    world.digests["api"] = world.memory.put_image(API, AMD64[0], TAG)

    (staged,) = world.verify()

    assert set(staged.platforms) == set(AMD64)


def test_tags_are_put_in_order_and_latest_last():
    world = World(image("api"), image("worker"), version=version("v1.2.3"))

    world.move()

    puts = [line.rsplit("/", 1)[1] for line in world.memory.log if line.startswith("PUT")]
    assert puts == ["main", "main", "v1.2.3", "v1.2.3", "latest", "latest"]


def test_every_tag_has_the_digest_that_was_verified():
    world = World(version=version("v1.2.3"))

    world.move()

    assert world.memory.tags(API) == dict.fromkeys((TAG, "main", "v1.2.3", "latest"), str(world.digests["api"]))


def test_what_happened_to_each_tag_is_told_as_it_happens():
    world = World()
    world.memory.put_index(API, BOTH, "main", note="older")
    older = Digest.parse(world.memory.tags(API)["main"])

    outcomes = world.move()

    assert tuple(world.done) == outcomes
    assert [(str(one.reference.tag), one.state, one.before) for one in outcomes] == [
        ("main", State.MOVED, older),
        ("latest", State.CREATED, None),
    ]


def test_a_second_move_changes_nothing():
    world = World(version=version("v1.2.3"))
    world.move()
    world.memory.log.clear()

    outcomes = world.move()

    assert {one.state for one in outcomes} == {State.UNCHANGED}
    assert [line for line in world.memory.log if line.startswith("PUT")] == []


def test_a_version_that_names_other_bytes_is_refused_before_any_tag_moves():
    world = World(image("api"), image("worker"), version=version("v1.2.3"))
    world.memory.put_index(WORKER, BOTH, "v1.2.3", note="published before")

    with pytest.raises(OverwriteError, match=r"v1\.2\.3 was already published"):
        world.move()

    assert [line for line in world.memory.log if line.startswith("PUT")] == []


def test_a_tag_that_is_not_there_after_it_was_put_ends_the_run():
    world = World()
    world.memory.deaf = {"latest"}

    with pytest.raises(VerificationError, match="latest was put"):
        world.move()

    assert [str(one.reference.tag) for one in world.done] == ["main"]


def test_of_two_runs_of_one_commit_the_one_that_stands_there_wins():
    world = World()
    staged = world.verify()
    theirs = world.memory.put_index(API, BOTH, TAG, fingerprint=world.plan.images[0].fingerprint, note="theirs")

    world.move(staged)

    assert set(world.memory.tags(API).values()) == {str(theirs)}


@pytest.mark.parametrize("gone", [True, False])
def test_a_commit_tag_that_is_no_longer_ours_ends_the_run(gone: bool):
    world = World()
    staged = world.verify()
    if gone:
        del world.memory.manifests[API, TAG]
    else:
        world.memory.put_index(API, BOTH, TAG, fingerprint="another plan")

    with pytest.raises(VerificationError, match="removed" if gone else "replaced by another plan"):
        world.move(staged)

    assert "main" not in world.memory.tags(API)


def test_what_is_staged_is_found_by_its_commit():
    world = World(image("api"), image("worker"))

    assert publish.find_staged(world.plan, world.clients) == world.digests


def test_what_is_not_staged_is_named_with_the_next_step():
    world = World(image("api"), image("worker"))
    del world.memory.manifests[WORKER, TAG]

    with pytest.raises(VerificationError, match=r"worker.*does not exist.*docker\.stage"):
        publish.find_staged(world.plan, world.clients)


def test_registries_that_hold_different_bytes_have_nothing_to_publish():
    other = Registry.parse("localhost:6000")
    world = World(registries=(registry("localhost:5000"), registry("localhost:6000")))
    second = MemoryRegistry()
    second.put_index(API, BOTH, TAG, note="other")

    with pytest.raises(VerificationError, match="different bytes"):
        publish.find_staged(world.plan, {**world.clients, other: client(second, "localhost:6000")})


def test_staging_tells_whether_the_commit_tag_is_new():
    world = World()
    staged = world.verify()

    (created,) = publish.commit_tags(world.plan, staged)
    (unchanged,) = publish.commit_tags(world.observed(), staged)

    assert (created.kind, created.state, unchanged.state) == (TagKind.COMMIT, State.CREATED, State.UNCHANGED)


def test_a_fork_s_run_looks_at_nothing_it_may_not_push():
    fork = plan(asked(), replace(CONTEXT, event=Event.PULL_REQUEST, pull_request=12, trusted=False))

    assert publish.verify(fork, {}, {}) == ()


def test_what_is_reported_after_settling_is_what_stands_there():
    world = World()
    staged = world.verify()
    theirs = world.memory.put_index(API, BOTH, TAG, fingerprint=world.plan.images[0].fingerprint, note="theirs")

    (settled,) = publish.settle(staged, world.clients)

    assert settled.reference.digest == theirs


def test_what_another_plan_staged_is_not_published():
    world = World()
    world.memory.put_index(API, BOTH, TAG, fingerprint="another plan")

    with pytest.raises(VerificationError, match="staged by another plan"):
        publish.find_staged(world.plan, world.clients)


def test_an_alias_follows_its_version():
    world = World(version=version("v1.2.3"), tags=TagsTable(semver=("{major}",)))

    world.move()

    puts = [line.rsplit("/", 1)[1] for line in world.memory.log if line.startswith("PUT")]
    assert puts == ["main", "v1.2.3", "1", "latest"]
