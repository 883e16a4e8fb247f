"""A builder that is missing, too old, of a wrong kind or gone: one line and exit 7, before any work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from registry_process import free_port
from scratch import SMALL, Ran, Scratch
from wrapped_docker import REAL, without_docker, wrapped

pytestmark = pytest.mark.engine


@pytest.fixture
def small(scratch: Scratch) -> Scratch:
    scratch.write(SMALL)
    scratch.commit_all()
    return scratch


def refused(small: Scratch, *flags: str, **environ: str) -> Ran:
    """Push, and see that it ends with 7 and one line of ours before anything was built."""
    small.environ |= environ
    done = small.tool("push", "--domain", small.registry, "--debug", *flags)

    assert done.code == 7, done.err
    assert [line for line in done.err.splitlines() if line.startswith("docker-push: ")] == [done.last]
    assert "buildx bake" not in done.err
    return done


def test_without_docker_it_says_what_to_install(small: Scratch, tmp_path: Path):
    path = without_docker(tmp_path / "bin", "git", "sh", "docker-push")

    done = refused(small, PATH=path)

    assert "docker is not installed, or not on the PATH. Install Docker: https://" in done.last


def test_without_buildx_it_says_what_to_install(small: Scratch, tmp_path: Path):
    path = wrapped(tmp_path / "bin", {'"buildx "*': f'shift; exec {REAL} no-such-plugin "$@"'})

    done = refused(small, PATH=path)

    assert "docker has no buildx, or one older than 0.13. Install Docker with buildx: https://" in done.last


def test_a_buildx_that_is_too_old_is_named(small: Scratch, tmp_path: Path):
    path = wrapped(tmp_path / "bin", {'"buildx ls"*': f"exec {REAL} buildx ls --no-such-flag"})

    done = refused(small, PATH=path)

    assert "one older than 0.13" in done.last


def test_an_image_store_for_one_platform_is_named_with_the_ways_out(small: Scratch, tmp_path: Path):
    without = f"{REAL} buildx ls --format '{{{{json .}}}}' | sed s/worker.containerd.namespace/worker.other/g"
    path = wrapped(tmp_path / "bin", {'"buildx ls"*': without})

    done = refused(small, PATH=path)

    assert "image api: the image store of builder default holds neither several platforms nor attestations" in done.last
    assert "docker buildx create --use" in done.last


@pytest.mark.parametrize("way", ["flag", "variable"])
def test_a_builder_that_nobody_created_is_named_with_those_that_are_there(small: Scratch, way: str):
    given = {"BUILDX_BUILDER": "no-such-builder"} if way == "variable" else {}
    flags = ("--builder", "no-such-builder") if way == "flag" else ()

    done = refused(small, *flags, **given)

    assert "buildx knows no builder no-such-builder. Known builders: " in done.last
    assert "default" in done.last


@pytest.fixture
def gone(small: Scratch, tmp_path: Path) -> Iterator[str]:
    """Give the name of a builder whose node nobody is behind, known to this test's buildx alone."""
    small.environ["BUILDX_CONFIG"] = str(tmp_path / "buildx")
    name = f"gone-{uuid4().hex[:8]}"
    argv = ["docker", "buildx", "create", "--name", name, "--driver", "remote", f"tcp://127.0.0.1:{free_port()}"]
    done = small.run(*argv)
    assert done.code == 0, done.err
    yield name
    small.run("docker", "buildx", "rm", name)


def test_a_builder_that_is_gone_is_named(small: Scratch, gone: str):
    done = refused(small, "--builder", gone)

    assert gone in done.last


def test_an_engine_that_does_not_run_is_named(small: Scratch, tmp_path: Path):
    done = refused(small, DOCKER_HOST=f"unix://{tmp_path}/nobody.sock")

    assert "no Docker engine answers" in done.last
    assert "DOCKER_HOST" in done.last
