"""R26: an older commit that finishes last moves nothing back."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from fault_rules import after, errors, held, status
from proxied_scratch import ProxiedScratch
from started_run import Hold, started

pytestmark = pytest.mark.engine


def checkout(case: ProxiedScratch, name: str) -> Path:
    """Return a copy of the repository as it is now: another job's checkout."""
    folder = case.folder / name
    shutil.copytree(case.root, folder, symlinks=True)
    return folder


def commit_tag(commit: str) -> str:
    return f"{commit}-main"


@pytest.mark.parametrize(
    ("method", "path", "who"),
    [("POST", "/blobs/uploads/", "engine"), ("HEAD", "/manifests/main$", "ours")],
    ids=["while-it-builds", "before-it-looks"],
)
def test_r26_an_older_commit_that_is_late_leaves_the_tags_of_the_newer(
    case: ProxiedScratch, method: str, path: str, who: str
):
    older, folder = case.commit, checkout(case, "older")
    hold = Hold(case, method, path, who, count=1)
    with started(case, "push", folder=folder) as late:
        late.held_at(hold.came, "the request")
        newer = case.change()
        assert case.push().code == 0
        hold.go.set()
        done = late.end()

    assert done.code == 0, done.err
    assert case.digest("api", "main") == case.digest("api", "latest") == case.digest("api", commit_tag(newer))
    assert case.digest("api", commit_tag(older)) != case.digest("api", commit_tag(newer))
    for tag in ("main", "latest"):
        (line,) = [line for line in done.err.splitlines() if "skipped" in line and f":{tag}" in line]
        assert older[:12] in line
        assert newer[:12] in line
    case.assert_heals()


def test_r26_a_late_put_of_an_older_commit_is_put_right_by_the_newer(case: ProxiedScratch):
    older, folder = case.commit, checkout(case, "older")
    late_put = Hold(case, "PUT", "/manifests/main$", "ours", count=1)
    with started(case, "push", folder=folder) as late:
        late.held_at(late_put.came, "the put of main")
        newer = case.change()
        last = Hold(case, "PUT", "/manifests/latest$", "ours", count=1)
        with started(case, "push") as run:
            run.held_at(last.came, "the put of latest")
            late_put.go.set()
            done = late.end()
            last.go.set()
            newest = run.end()

    assert (done.code, newest.code) == (0, 0), done.err + newest.err
    assert case.digest("api", "main") == case.digest("api", "latest") == case.digest("api", commit_tag(newer))
    assert case.digest("api", commit_tag(older)) != case.digest("api", "main")
    assert "put again" in newest.err


@pytest.mark.parametrize("words", ["", "toomanyrequests: slow down"], ids=["503", "429"])
def test_r26_a_put_that_has_to_be_tried_again_is_not_put_on_what_a_newer_commit_moved_meanwhile(
    case: ProxiedScratch, words: str
):
    older, folder = case.commit, checkout(case, "older")
    came, go = threading.Event(), threading.Event()
    refused = status(429, errors("TOOMANYREQUESTS", words)) if words else status(503)
    case.proxy.fault("PUT", "/manifests/main$", after(came.set, held(go, action=refused)), count=1, who="ours")
    with started(case, "push", folder=folder) as late:
        late.held_at(came, "the put of main")
        newer = case.change()
        assert case.push().code == 0
        go.set()
        done = late.end()

    assert done.code == 0, done.err
    assert case.digest("api", "main") == case.digest("api", "latest") == case.digest("api", commit_tag(newer))
    assert case.digest("api", commit_tag(older)) != case.digest("api", "main")
    (line,) = [line for line in done.err.splitlines() if "skipped" in line and ":main" in line]
    assert newer[:12] in line


def test_r26_what_a_put_that_was_under_way_for_too_long_left_is_healed_by_the_newer_commit_s_next_run(
    case: ProxiedScratch,
):
    """No registry compares before it puts: this window is closed by the next run, and `latest` was never in it."""
    folder = checkout(case, "older")
    late_put = Hold(case, "PUT", "/manifests/main$", "ours", count=1)
    with started(case, "push", folder=folder) as late:
        late.held_at(late_put.came, "the put of main")
        newer = case.change()
        assert case.push().code == 0
        late_put.go.set()
        assert late.end().code == 0

    assert case.digest("api", "latest") == case.digest("api", commit_tag(newer))
    case.assert_heals()


def test_r26_a_revert_is_newer_than_what_it_reverts(case: ProxiedScratch):
    assert case.push().code == 0
    case.change()
    assert case.push().code == 0
    case.git("revert", "--no-edit", "HEAD")
    case.push_to_origin()

    case.assert_heals(built=True)


def test_r26_a_commit_that_a_force_push_took_away_moves_nothing(case: ProxiedScratch):
    case.git("commit", "--quiet", "--allow-empty", "--message", "to be dropped")
    dropped = checkout(case, "dropped")
    case.git("push", "--quiet", "origin", "HEAD:main")
    case.git("reset", "--quiet", "--hard", "HEAD~1")
    newer = case.change()
    assert case.push().code == 0

    with started(case, "push", folder=dropped) as run:
        done = run.end()

    assert done.code == 0, done.err
    assert case.digest("api", "main") == case.digest("api", "latest") == case.digest("api", commit_tag(newer))
    assert "is not on refs/heads/main" in done.err


def test_r26_a_clone_of_depth_1_knows_as_much(case: ProxiedScratch):
    older = case.commit
    case.change()
    newer = case.change()
    assert case.push().code == 0
    folder = case.folder / "shallow"
    folder.mkdir()
    for arguments in (
        ("init", "--quiet", "--initial-branch=main"),
        ("config", f"url.{case.origin.as_uri()}.insteadOf", case.git("remote", "get-url", "origin").strip()),
        ("remote", "add", "origin", f"https://github.com/{case.repository}.git"),
        ("config", f"url.{case.origin.as_uri()}.insteadOf", f"https://github.com/{case.repository}.git"),
        ("fetch", "--quiet", "--depth=1", "origin", older),
        ("checkout", "--quiet", "-B", "main", "FETCH_HEAD"),
    ):
        done = case.run("git", "-C", str(folder), *arguments)
        assert done.code == 0, done.err

    with started(case, "push", folder=folder) as run:
        done = run.end()

    assert done.code == 0, done.err
    assert case.digest("api", "main") == case.digest("api", "latest") == case.digest("api", commit_tag(newer))
    assert newer[:12] in done.err


def test_r26_allow_older_rolls_back_on_purpose(case: ProxiedScratch):
    assert case.push().code == 0
    older, folder = case.commit, checkout(case, "older")
    case.change()
    assert case.push().code == 0

    with started(case, "push", "--allow-older", folder=folder) as run:
        done = run.end()

    assert done.code == 0, done.err
    assert case.digest("api", "main") == case.digest("api", "latest") == case.digest("api", commit_tag(older))
    case.assert_heals()  # and the newer commit's run goes forward again
