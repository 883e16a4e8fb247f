"""Runs of what a change can affect alone: real git, real engine, real registry."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from scratch import Ran, Scratch

pytestmark = pytest.mark.engine

FILES = {
    "base/Dockerfile": "FROM scratch\nCOPY data /base\n",
    "base/data": "base\n",
    "api/Dockerfile": "FROM base\nCOPY data /data\n",
    "api/data": "api\n",
    "worker/Dockerfile": "FROM scratch\nCOPY data /data\n",
    "worker/data": "worker\n",
    "build.toml": '[defaults]\nplatforms = ["linux/amd64"]\n'
    '[images.base]\ndockerfile = "base/Dockerfile"\ncontext = "base"\n'
    '[images.api]\ndockerfile = "api/Dockerfile"\ncontext = "api"\ncontexts = { base = "target:base" }\n'
    '[images.worker]\ndockerfile = "worker/Dockerfile"\ncontext = "worker"\n',
}


@pytest.fixture
def repository(scratch: Scratch) -> Scratch:
    scratch.write(FILES)
    scratch.commit_all()
    return scratch


def changed(scratch: Scratch, files: Mapping[str, str]) -> None:
    scratch.write(files)
    scratch.commit_all()


def planned(scratch: Scratch, *flags: str) -> dict[str, str]:
    done = scratch.tool("plan", "--offline", "--format", "json", "--changed-since", "HEAD~1", *flags)
    assert done.code == 0, done.err
    return {image["name"]: image["why"] for image in json.loads(done.out)["images"]}


def push(scratch: Scratch, *flags: str) -> Ran:
    return scratch.tool("push", "--domain", scratch.registry, *flags)


def test_a_push_is_of_what_changed_and_of_nothing_else(repository: Scratch):
    changed(repository, {"worker/data": "other\n", "README.md": "outside\n"})

    done = push(repository, "--changed-since", "HEAD~1")

    assert done.code == 0, done.err
    assert "since HEAD~1: worker/data changed" in done.err
    assert repository.tags("worker") == {f"{repository.commit}-main", "main", "latest"}
    assert repository.tags("api") == repository.tags("base") == set()


def test_what_needs_an_image_that_changed_is_of_the_run_too(repository: Scratch):
    changed(repository, {"base/data": "other\n"})

    assert planned(repository) == {
        "base": "since HEAD~1: base/data changed",
        "api": "it needs base, which differs from HEAD~1",
    }


def test_of_the_images_that_are_asked_for_those_that_changed_remain(repository: Scratch):
    changed(repository, {"base/data": "other\n", "worker/data": "other\n"})

    assert planned(repository, "--image", "worker") == {"worker": "since HEAD~1: worker/data changed"}


@pytest.mark.parametrize("task", [("push",), ("stage",), ("build",), ("plan",)], ids=lambda task: task[0])
def test_where_nothing_is_affected_nothing_is_done_and_that_is_no_error(repository: Scratch, task: tuple[str, ...]):
    changed(repository, {"README.md": "outside\n"})

    done = repository.tool(*task, "--domain", repository.registry, "--changed-since", "HEAD~1")

    assert done.code == 0, done.err
    assert "Nothing to do: no image that was asked for is affected" in done.err + done.out
    assert task == ("plan",) or done.out == ""
    assert repository.tags("worker") == set()


def test_a_commit_that_is_not_there_is_one_clear_error(repository: Scratch):
    done = push(repository, "--changed-since", "no-such-branch")

    assert done.code == 2, done.err
    assert "no-such-branch" in done.last


def test_a_ci_says_it_with_a_variable_and_a_flag_wins(repository: Scratch):
    changed(repository, {"worker/data": "other\n"})
    changed(repository, {"api/data": "other\n"})
    repository.environ["DOCKER_PUSH_CHANGED_SINCE"] = "HEAD~1"

    plans = [repository.tool("plan", "--offline", *flags) for flags in ((), ("--changed-since", "HEAD~2"))]

    assert [done.code for done in plans] == [0, 0]
    assert ["worker: " in done.out for done in plans] == [False, True]
    assert all("api: " in done.out for done in plans)


@pytest.mark.parametrize("task", ["list", "verify"])
def test_what_only_looks_ends_well_where_the_variable_leaves_nothing(repository: Scratch, task: str):
    changed(repository, {"README.md": "outside\n"})

    done = repository.tool(task, DOCKER_PUSH_CHANGED_SINCE="HEAD~1", DOMAIN=repository.registry)

    assert done.code == 0, done.err


def test_an_empty_variable_is_none(repository: Scratch):
    done = repository.tool("plan", "--offline", DOCKER_PUSH_CHANGED_SINCE="")

    assert done.code == 0, done.err
    assert "worker: " in done.out
