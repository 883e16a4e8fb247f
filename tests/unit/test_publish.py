from __future__ import annotations

import json
from dataclasses import replace

import pytest

from docker_push import publish, tagging
from docker_push.config import TagsTable
from docker_push.context import Event
from docker_push.errors import (
    ConfigError,
    InterruptedRunError,
    OverwriteError,
    PermissionDeniedError,
    VerificationError,
)
from docker_push.facts import Facts
from docker_push.history import History, Relation
from docker_push.options import Options, Setting, Source
from docker_push.plan import Plan, plan
from docker_push.publish import Clients, Ledger, Rules, State, TagOutcome
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
        self.rules = Rules(
            history=lambda _fresh: self.history,
            tags=changes.get("tags", TagsTable()),
            release=self.plan.version,
            commit_tag=self.plan.commit_tag_of,
        )

    def verify(self) -> tuple[publish.Staged, ...]:
        return publish.verify(self.plan, self.digests, self.clients)

    def move(self, staged: tuple[publish.Staged, ...] | None = None) -> tuple[TagOutcome, ...]:
        settled = publish.settle(self.plan, staged or self.verify(), self.clients)
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


def found_staged(plan: Plan, clients: Clients) -> dict[str, Digest]:
    """Find what is staged for every image, by what is observed."""
    facts = replace(plan.facts, repositories=publish.observe(plan, clients, children=False))
    return {one.name: publish.find_staged(one, facts, clients) for one in plan.published}


def test_what_is_staged_is_found_by_its_commit():
    world = World(image("api"), image("worker"))

    assert found_staged(world.plan, world.clients) == world.digests


def test_what_is_not_staged_is_named_with_the_next_step():
    world = World(image("api"), image("worker"))
    del world.memory.manifests[WORKER, TAG]

    with pytest.raises(VerificationError, match=r"worker.*does not exist.*docker\.stage"):
        found_staged(world.plan, world.clients)


def test_registries_that_hold_different_bytes_have_nothing_to_publish():
    other = Registry.parse("localhost:6000")
    world = World(registries=(registry("localhost:5000"), registry("localhost:6000")))
    second = MemoryRegistry()
    second.put_index(API, BOTH, TAG, note="other")

    with pytest.raises(VerificationError, match="different bytes"):
        found_staged(world.plan, {**world.clients, other: client(second, "localhost:6000")})


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

    (settled,) = publish.settle(world.plan, staged, world.clients)

    assert settled.reference.digest == theirs


def test_what_another_plan_staged_is_not_published():
    world = World()
    world.memory.put_index(API, BOTH, TAG, fingerprint="another plan")

    with pytest.raises(VerificationError, match="staged by another plan"):
        found_staged(world.plan, world.clients)


@pytest.mark.parametrize(("known", "looks"), [(True, 1), (False, 2)])
def test_a_tag_is_looked_at_again_only_where_judging_it_took_a_while(known: bool, looks: int):
    world = World()
    world.memory.put_index(API, BOTH, "main", note="older")
    world.history = replace(world.history, known=known)
    staged = world.verify()
    world.memory.log.clear()

    world.move(staged)

    asked = [line.replace(f"{API}/manifests/", "") for line in world.memory.log]
    before, after = asked[: asked.index("PUT main")], asked[asked.index("PUT main") :]
    assert before.count("HEAD main") == looks
    assert after.count("HEAD main") == 2  # read back, and when all tags are done


def test_what_an_index_names_is_left_to_who_verifies_it():
    world = World()
    publish.observe(world.plan, world.clients, children=False)

    assert [line.split()[0] for line in world.memory.log] == ["HEAD", "GET"]


def test_an_alias_follows_its_version():
    world = World(version=version("v1.2.3"), tags=TagsTable(semver=("{major}",)))

    world.move()

    puts = [line.rsplit("/", 1)[1] for line in world.memory.log if line.startswith("PUT")]
    assert puts == ["main", "v1.2.3", "1", "latest"]


UNKNOWN = History(ref="refs/heads/main", relation=Relation.UNKNOWN, commit=COMMIT, why="the remote is gone")
BEHIND = History(ref="refs/heads/main", relation=Relation.BEHIND, commit=COMMIT, tip="f" * 40, newer=("f" * 40,))


def test_latest_is_not_moved_blindly_and_no_other_tag_is_moved_before_that_is_known():
    world = World()
    world.memory.put_index(API, BOTH, "latest", note="somebody's")
    world.history = UNKNOWN

    with pytest.raises(ConfigError, match=r"latest may not move: who is newer cannot be told, the remote is gone"):
        world.move()

    assert "main" not in world.memory.tags(API)


def test_latest_moves_blindly_where_going_back_is_meant():
    world = World()
    world.memory.put_index(API, BOTH, "latest", note="somebody's")
    world.history = UNKNOWN
    world.rules = replace(world.rules, allow_older=True)

    assert {one.state for one in world.move()} == {State.CREATED, State.MOVED}


def test_what_a_newer_commit_published_stays_and_both_commits_are_named():
    world = World()
    world.memory.put_index(API, BOTH, f"{'f' * 40}-main", "main", "latest", note="newer")
    world.history = BEHIND

    outcomes = world.move()

    assert {one.state for one in outcomes} == {State.SKIPPED}
    assert all("ffffffffffff" in one.why and COMMIT[:12] in one.why for one in outcomes)


@pytest.mark.parametrize("rules", [TagsTable(semver=("{major}.{minor}",)), TagsTable(latest="release")])
def test_a_higher_release_that_came_in_meanwhile_keeps_what_follows_versions(rules: TagsTable):
    world = World(version=version("v1.2.3"), tags=rules)
    name = "1.2" if rules.semver else "latest"
    world.memory.put_index(API, BOTH, "v1.2.4", name, note="the higher one")
    higher = world.memory.tags(API)[name]

    outcomes = {str(one.reference.tag): one for one in world.move()}

    assert (outcomes[name].state, world.memory.tags(API)[name]) == (State.SKIPPED, higher)
    assert "v1.2.4 is published and higher than v1.2.3" in outcomes[name].why


def test_a_higher_release_right_after_our_put_is_not_put_back():
    world = World(version=version("v1.2.3"), tags=TagsTable(semver=("{major}.{minor}",)))

    def higher(outcome: TagOutcome) -> None:
        if str(outcome.reference.tag) == "latest":
            world.memory.put_index(API, BOTH, "v1.2.4", "1.2", note="the higher one")

    settled = publish.settle(world.plan, world.verify(), world.clients)
    ledger = Ledger(settled, (), higher)
    publish.move(settled, world.clients, world.rules, ledger)

    assert world.memory.tags(API)["1.2"] == world.memory.tags(API)["v1.2.4"]
    (alias,) = [one for one in ledger.outcomes if str(one.reference.tag) == "1.2"]
    assert (alias.state, str(alias.after)) == (State.SKIPPED, world.memory.tags(API)["v1.2.4"])


def test_a_further_tag_of_a_release_goes_by_versions():
    context = replace(CONTEXT, event=Event.TAG, tag="v1.0.0", branch=None)
    made = plan(asked(extra_tags=("stable",)), context)
    (stable,) = [tag for tag in made.images[0].tags if str(tag.tag) == "stable"]
    rules = Rules(history=lambda _fresh: UNKNOWN, commit_tag=made.commit_tag_of, release=made.version)

    assert rules.by_versions(stable)
    assert tagging.superseded(stable, TagsTable(), "v1.0.0", ("v1.5.0", "v2.0.0-rc.1")) == (
        "stable stays: v1.5.0 is published and higher than v1.0.0"
    )


def test_a_tag_that_is_refused_is_told_as_it_stands():
    world = World()
    world.memory.refused = {"latest"}

    with pytest.raises(PermissionDeniedError):
        world.move()

    states = {str(one.reference.tag): (one.state, one.after) for one in world.ledger.outcomes}
    assert states["latest"] == (State.REFUSED, None)
    assert states["main"][0] is State.CREATED


def test_no_tag_is_put_after_the_table_was_taken():
    world = World()
    settled = publish.settle(world.plan, world.verify(), world.clients)
    ledger = Ledger(settled, (), world.done.append)
    ledger.close()

    with pytest.raises(InterruptedRunError):
        publish.move(settled, world.clients, world.rules, ledger)

    assert {str(one.state.value) for one in ledger.outcomes} == {"waiting"}
    assert "main" not in world.memory.tags(API)


def test_registries_that_two_runs_of_one_commit_left_apart_move_no_tag():
    world = World(registries=(registry("localhost:5000"), registry("localhost:6000")))
    second = MemoryRegistry(manifests=dict(world.memory.manifests), blobs=dict(world.memory.blobs))
    clients = {**world.clients, Registry.parse("localhost:6000"): client(second, "localhost:6000")}
    staged = publish.verify(world.plan, world.digests, clients)
    second.put_index(API, BOTH, TAG, fingerprint=world.plan.images[0].fingerprint, note="theirs")

    with pytest.raises(VerificationError, match="its registries hold different bytes"):
        publish.settle(world.plan, staged, clients)


def test_a_commit_tag_that_still_names_what_was_there_before_is_not_taken_for_another_run():
    world = World()
    old = world.memory.put_index(API, BOTH, TAG, fingerprint=world.plan.images[0].fingerprint, note="before")
    observed = world.observed()
    new = world.memory.put_index(API, BOTH, TAG, fingerprint=world.plan.images[0].fingerprint, note="ours")
    staged = publish.verify(world.plan, {"api": new}, world.clients)
    world.memory.manifests[API, TAG] = world.memory.manifests[API, str(old)]  # as a registry that lags answers

    with pytest.raises(VerificationError):
        publish.settle(observed, staged, world.clients)


def test_a_commit_tag_that_cannot_be_read_whole_is_observed_as_incomplete():
    world = World(image(platforms=setting(AMD64), attest=()))
    digest = world.memory.put_image(API, AMD64[0], TAG)
    world.memory.blobs.clear()

    (facts,) = publish.observe(world.plan, world.clients).values()

    assert facts.commit is not None
    assert (facts.commit.digest, facts.commit.complete) == (digest, False)


def test_a_layer_that_the_registry_lost_is_named():
    world = World()
    world.memory.lost = {f"sha256:{'1' * 64}"}

    with pytest.raises(VerificationError, match=r"image api: .* names sha256:1{64}, which the registry does not have"):
        world.verify()
