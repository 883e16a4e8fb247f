"""Older never beats newer: late runs as a user starts them, with real registry, engine and git."""

from __future__ import annotations

from pathlib import Path

import pytest

from scratch import SMALL, Scratch

pytestmark = pytest.mark.engine


@pytest.fixture
def published(scratch: Scratch) -> Scratch:
    """Give a repository whose second commit is published; its first one comes late."""
    scratch.environ["DOMAIN"] = scratch.registry
    scratch.environ["CI_DOCKER_PLATFORM"] = "linux/amd64"
    scratch.write(SMALL)
    scratch.commit_all()
    scratch.write({"data": "two\n"})
    scratch.commit_all()
    done = scratch.tool("push")
    assert done.code == 0, done.err
    return scratch


def checkout(scratch: Scratch, commit: str, folder: Path) -> Scratch:
    """Give a checkout of one commit alone, as CI has it."""
    late = Scratch(folder, scratch.registry, scratch.repository)
    late.environ = scratch.environ
    late.git("config", "include.path", str(scratch.origin / "instead"))
    late.git("fetch", "--quiet", "--depth=1", "origin", commit)
    late.git("checkout", "--quiet", "-B", "main", "FETCH_HEAD")
    return late


def test_a_late_run_of_an_older_commit_leaves_what_the_newer_one_published(published: Scratch, tmp_path: Path):
    newer, older = published.commit, published.git("rev-parse", "HEAD~").strip()
    late = checkout(published, older, tmp_path / "late")

    done = late.tool("push")

    assert done.code == 0, done.err
    assert late.digest("api", "main") == late.digest("api", "latest") == late.digest("api", f"{newer}-main")
    assert late.digest("api", f"{older}-main") != late.digest("api", "main")
    assert (
        f"commit {newer[:12]} has it under its commit tag and is newer on refs/heads/main than {older[:12]}" in done.err
    )


def test_a_commit_that_a_force_push_took_off_the_branch_moves_nothing(published: Scratch, tmp_path: Path):
    off = published.commit
    late = checkout(published, off, tmp_path / "late")
    published.git("reset", "--quiet", "--hard", "HEAD~")
    published.write({"data": "three\n"})
    published.commit_all()
    assert published.tool("push").code == 0
    before = {tag: published.digest("api", tag) for tag in ("main", "latest")}

    done = late.tool("push")

    assert done.code == 0, done.err
    assert {tag: published.digest("api", tag) for tag in before} == before
    assert f"commit {off[:12]} is not on refs/heads/main" in done.err


def test_a_newer_commit_moves_the_tags_on(published: Scratch):
    before = published.digest("api", "main")
    published.write({"data": "three\n"})
    published.commit_all()

    assert published.tool("push").code == 0
    assert published.digest("api", "main") == published.digest("api", f"{published.commit}-main") != before
