"""R08-R10: registries that say what is not so, or not yet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fault_rules import Answer, altered, changed, lagging, present, stale, wrong_digest
from proxied_scratch import ProxiedScratch, build_toml

pytestmark = pytest.mark.engine

NOWHERE = f"sha256:{'0' * 64}"
COMMIT = "/manifests/[0-9a-f]+-main$"


def test_r08_a_blob_that_the_registry_only_claims_stops_everything(case: ProxiedScratch):
    rule = case.proxy.fault("HEAD", "/blobs/sha256:", present(), who="engine")

    done = case.push()

    case.assert_fails(done, 6, "image api", "blob.unknown", "said it had|claims|lacks", "--rebuild|same command")
    assert rule.hits
    assert case.state() == {}
    case.assert_heals(built=True)


def test_r08_a_lie_that_ends_is_healed_by_itself(case: ProxiedScratch):
    rule = case.proxy.fault("HEAD", "/blobs/sha256:", present(), count=1, who="engine")

    done = case.push()

    assert done.code == 0, done.err
    assert rule.hits == 1
    case.assert_heals()


def test_r08_a_commit_s_tag_that_the_registry_only_claims_is_not_adopted(case: ProxiedScratch):
    claim = changed(lambda answer: replace(answer, status=200, length=7).with_header("Docker-Content-Digest", NOWHERE))
    case.proxy.fault("HEAD", COMMIT, claim, count=1, who="ours")

    done = case.push()

    assert done.code == 0 or (done.code in {6, 8} and case.state() == {}), done.err
    case.assert_heals(built=done.code != 0)


def test_r08_a_manifest_that_the_registry_lost_stops_the_run(case: ProxiedScratch):
    """The commit's tag is there and one of its platforms is not: nothing may be put on it."""
    gone = changed(lambda _: Answer(status=404, length=0))
    assert case.tool("stage").code == 0
    child = case.manifest("api", case.commit_tag)["manifests"][0]["digest"]
    case.proxy.fault("HEAD|GET", f"/manifests/{child}$", gone, who="ours")

    done = case.push()

    case.assert_fails(done, 8, child[:19], "run the same command|--rebuild")
    assert set(case.state()) == {"commit"}


@pytest.mark.parametrize("action", [wrong_digest(), altered(b"sha256:", b"sha256:0")], ids=["digest", "bytes"])
@pytest.mark.parametrize("first", [1, 2])
def test_r09_what_was_staged_and_reads_differently_moves_no_tag(case: ProxiedScratch, action, first: int):
    rule = case.proxy.fault("GET", "/manifests/sha256:", action, first=first, who="ours")

    done = case.push()

    case.assert_fails(done, 8, "sha256:", "registry|proxy")
    assert rule.hits
    assert set(case.state()) == {"commit"}
    assert case.proxy.requests("PUT", "/manifests/(main|latest)$") == []
    case.assert_heals()


def test_r09_a_registry_that_says_it_stored_other_bytes_is_believed(case: ProxiedScratch):
    case.proxy.fault("PUT", "/manifests/main$", wrong_digest(), who="ours")

    done = case.push()

    case.assert_fails(done, 8, "main", "sha256:")
    assert "latest" not in case.state()
    case.assert_heals()


def test_r09_a_tag_that_reads_back_as_another_stops_latest(case: ProxiedScratch):
    case.write({"build.toml": build_toml(lag=0.5)})
    case.commit_all()
    case.proxy.fault("HEAD|GET", "/manifests/main$", wrong_digest(), first=2, who="ours")

    done = case.push()

    case.assert_fails(done, 8, ":main", "sha256:", "same command again")
    assert "latest" not in case.state()
    case.assert_heals()


@pytest.mark.parametrize("path", [COMMIT, "/manifests/sha256:", "/manifests/(main|latest)$"])
def test_r10_what_is_not_seen_at_once_is_waited_for(case: ProxiedScratch, path: str):
    rule = case.proxy.fault("GET|HEAD", path, lagging(1.0), who="ours")

    done = case.push()

    assert done.code == 0, done.err
    assert any(seen.status == 404 for seen in case.proxy.requests("GET|HEAD", path, "ours"))
    assert rule.hits
    assert len(set(case.state().values())) == 1
    case.assert_heals()


def test_r10_a_wait_is_told(case: ProxiedScratch):
    case.proxy.fault("GET|HEAD", "/manifests/(main|latest)$", lagging(1.0), who="ours")

    done = case.push()

    assert done.code == 0, done.err
    assert any(":main" in line and "after" in line for line in done.err.splitlines()), done.err


def test_r10_a_tag_that_still_reads_as_before_is_waited_for(case: ProxiedScratch):
    assert case.push().code == 0
    case.change()
    case.proxy.clear()
    case.proxy.fault("GET|HEAD", "/manifests/(main|latest)$", stale(1.0), who="ours")

    done = case.push()

    assert done.code == 0, done.err
    assert len({case.state()[tag] for tag in ("commit", "main", "latest")}) == 1
    case.assert_heals()


def test_r10_a_tag_that_stays_away_is_told_as_such(case: ProxiedScratch):
    case.write({"build.toml": build_toml(lag=0.5)})
    case.commit_all()
    case.proxy.fault("GET|HEAD", "/manifests/main$", lagging(600), who="ours")

    done = case.push()

    case.assert_fails(done, 8, ":main", "does not exist|not seen|not there", "same command again")
    assert "latest" not in case.state()
    case.assert_heals()
