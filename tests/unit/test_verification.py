from __future__ import annotations

from pathlib import Path

import pytest

from docker_push.errors import ConfigError, VerificationError
from docker_push.history import History, Relation
from docker_push.options import Flags
from docker_push.readback import Difference
from docker_push.references import Registry, Repository
from docker_push.run import opened
from docker_push.verification import Verified, table, verified_json, verify
from examples_of import COMMIT, DIGEST, OTHER
from recorded_world import RecordedWorld

API = "atomicloud/my-service/api"
PLACE = Repository(Registry("localhost", 5000), API)
NEWER = "f" * 40


@pytest.fixture
def world(tmp_path: Path) -> RecordedWorld:
    return RecordedWorld(tmp_path).write()


def verified(world: RecordedWorld, **flags: object) -> Verified:
    with opened(world.surroundings(), Flags(**flags)) as run:
        return verify(run)


def difference(what: str, wanted: str = str(DIGEST), found: str = str(OTHER)) -> Difference:
    return Difference(image="api", repository=PLACE, what=what, wanted=wanted, found=found)


def test_a_table_shows_digests_short_and_foreign_text_harmless():
    rows = table([difference("tag latest"), difference("label a", "b", "c\x1b[31m\n::error::d")])

    assert [row.split("  ")[0] for row in rows] == ["image", "api", "api"]
    assert rows[1].split() == ["api", "localhost:5000", "tag", "latest", f"sha256:{'a' * 12}", f"sha256:{'b' * 12}"]
    assert all(row.isprintable() for row in rows)


def test_what_was_never_published_differs_in_its_every_tag(world: RecordedWorld):
    found = verified(world)

    assert [one.what for one in found.differences] == [f"tag {COMMIT}-main", "tag main", "tag latest"]
    assert found.references == []
    with pytest.raises(VerificationError, match="and 2 more differences") as caught:
        found.check()
    assert "it puts the tags right" in caught.value.hint
    assert len(caught.value.details) == 4


def test_content_that_is_not_as_planned_is_built_again(world: RecordedWorld):
    world.memory.put_index(API, (), f"{COMMIT}-main", "main", "latest")

    with pytest.raises(VerificationError) as caught:
        verified(world).check()

    assert "--rebuild" in caught.value.hint


def test_a_tag_of_a_newer_commit_is_right(world: RecordedWorld, monkeypatch: pytest.MonkeyPatch):
    history = History(ref="refs/heads/main", relation=Relation.BEHIND, commit=COMMIT, newer=(NEWER,))
    monkeypatch.setattr("docker_push.verification.history.observe", lambda *_: history)
    world.memory.put_index(API, (), f"{COMMIT}-main", "main")
    world.memory.put_index(API, (), f"{NEWER}-main", "latest", note="newer")

    found = verified(world)

    assert not any(one.what.startswith("tag ") for one in found.differences)
    assert "latest stays: commit ffffffffffff has it under its commit tag" in world.text
    assert verified_json(found)["images"][0]["notes"] == [note for one in found.compared for note in one.notes]  # type: ignore[index]


def test_a_version_is_never_right_on_other_bytes(world: RecordedWorld):
    world.memory.put_index(API, (), f"{COMMIT}-main", "main", "latest")
    world.memory.put_index(API, (), "v1.2.3", note="another")

    found = verified(world, version="v1.2.3")

    assert "tag v1.2.3" in [one.what for one in found.differences]
    with pytest.raises(VerificationError) as caught:
        found.check()
    assert "see who overwrote localhost:5000" in caught.value.hint
    assert "v1.2.3; publish under a new version" in caught.value.hint
    assert "--rebuild" not in caught.value.hint


def test_content_beside_a_published_version_is_not_built_again(world: RecordedWorld):
    """What is built again has another digest, which the version must not get."""
    world.memory.put_index(API, (), f"{COMMIT}-main", "main", "latest", "v1.2.3")

    with pytest.raises(VerificationError) as caught:
        verified(world, version="v1.2.3").check()

    assert "under a new version" in caught.value.hint
    assert "v1.2.3 never moves" in caught.value.hint
    assert "--rebuild" not in caught.value.hint


def test_a_plan_that_publishes_nothing_has_nothing_to_verify(world: RecordedWorld):
    event = world.folder / "event.json"
    event.write_text(
        '{"pull_request": {"number": 1, "head": {"sha": "' + COMMIT + '", "repo": {"full_name": "a/fork"}},'
        ' "base": {"repo": {"full_name": "AtomiCloud/my-service"}}}}'
    )
    github = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(event)}
    world.environ |= {
        **github,
        "GITHUB_REPOSITORY": "AtomiCloud/my-service",
        "GITHUB_SHA": COMMIT,
        "GITHUB_HEAD_REF": "x",
    }

    with pytest.raises(ConfigError, match="there is nothing to verify"):
        verified(world)
