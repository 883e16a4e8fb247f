"""R30: one image of several fails, and no tag of any moves, unless the others are to go on."""

from __future__ import annotations

import re

import pytest

from fault_rules import errors, status
from proxied_scratch import ProxiedScratch, build_toml

pytestmark = pytest.mark.engine

BROKEN = {
    "Dockerfile.worker": "FROM scratch\nCOPY data /data\nCOPY missing /missing\n",
    "build.toml": build_toml(images='[images.api]\n[images.worker]\ndockerfile = "Dockerfile.worker"\n'),
}
DENIED = status(403, errors("DENIED", "permission_denied: write_package"))


@pytest.fixture
def two(case: ProxiedScratch) -> ProxiedScratch:
    """Give a repository with two images, of which `worker` cannot be built."""
    case.write(BROKEN)
    case.commit_all()
    return case


def mend(case: ProxiedScratch) -> None:
    case.write({"missing": "found\n"})
    case.commit_all()


def assert_all_published(case: ProxiedScratch) -> None:
    """Run the same again: both images are green, and each has one digest under all of its tags."""
    case.proxy.clear()
    done = case.push()
    assert done.code == 0, done.err
    for image in ("api", "worker"):
        state = case.state(image)
        assert state["main"] == state["latest"] == state["commit"]


def test_r30_a_broken_dockerfile_moves_no_tag_of_any_image(two: ProxiedScratch):
    done = two.push()

    assert done.code == 7, done.err
    assert re.match("docker-push: image worker: the build failed at .*missing", done.last), done.err
    assert set(two.state("api")) <= {"commit"}
    assert two.state("worker") == {}
    mend(two)
    assert_all_published(two)


def test_r30_a_repository_that_may_not_be_written_moves_no_tag_of_any_image(two: ProxiedScratch):
    mend(two)
    two.proxy.fault("POST|PUT|PATCH", "/worker/", DENIED)

    done = two.push()

    two.assert_fails(done, 4, "worker", "write_package|403")
    assert set(two.state("api")) <= {"commit"}
    assert two.state("worker") == {}
    assert_all_published(two)


def test_r30_keep_going_publishes_the_others_and_fails_for_the_one(two: ProxiedScratch):
    done = two.run("docker-push", "push", "--keep-going")

    assert done.code == 7, done.err
    assert done.last.startswith("docker-push: image worker: ")
    state = two.state("api")
    assert done.out == f"{two.asked}/api:{two.commit_tag}@{state['commit']}\n"
    assert state["main"] == state["latest"] == state["commit"]
    assert two.state("worker") == {}
    mend(two)
    assert_all_published(two)


def test_r30_keep_going_does_without_a_repository_that_refuses_us_before_anything_is_built(two: ProxiedScratch):
    mend(two)
    two.proxy.fault("POST|PUT|PATCH", "/worker/", DENIED)

    done = two.run("docker-push", "push", "--keep-going")

    two.assert_fails(done, 4, "worker", "write_package|403")
    state = two.state("api")
    assert done.out == f"{two.asked}/api:{two.commit_tag}@{state['commit']}\n"
    assert state["main"] == state["latest"] == state["commit"]
    assert two.state("worker") == {}
    assert_all_published(two)


def test_r30_keep_going_stops_where_nothing_would_be_left(two: ProxiedScratch):
    two.proxy.fault("POST|PUT|PATCH", "/(api|worker)/", DENIED)

    done = two.run("docker-push", "push", "--keep-going")

    assert done.code == 4, done.err
    assert "2 checks failed before anything was built" in done.last
    assert two.state("api") == two.state("worker") == {}


def test_r30_keep_going_ends_with_the_code_of_what_failed(two: ProxiedScratch):
    mend(two)
    two.proxy.fault("PUT", "/worker/manifests/", DENIED)

    done = two.run("docker-push", "push", "--keep-going")

    assert done.code == 4, done.err
    assert "worker" in done.last
    state = two.state("api")
    assert state["main"] == state["latest"] == state["commit"]
    assert not {"main", "latest"} & set(two.state("worker"))
    assert_all_published(two)
