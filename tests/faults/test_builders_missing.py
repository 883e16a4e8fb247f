"""R36: docker, buildx or the builder is not what it must be: one line, before any work."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from proxied_scratch import ProxiedScratch

pytestmark = pytest.mark.engine

METADATA = '{"SchemaVersion":"0.1.0","Vendor":"Docker Inc.","Version":"v0.9.1","ShortDescription":"Docker Buildx"}'


def without_buildx(case: ProxiedScratch) -> dict[str, str]:
    """Return variables with which docker finds no plugin: a docker that was copied away from them, and no home."""
    folder = case.folder / "alone"
    (folder / "config").mkdir(parents=True)
    docker = Path(case.run("sh", "-c", "command -v docker").out.strip()).resolve()
    shutil.copy(docker, folder / "docker")
    return {"PATH": f"{folder}:{case.environ['PATH']}", "DOCKER_CONFIG": str(folder / "config")}


def with_buildx(case: ProxiedScratch, script: str) -> dict[str, str]:
    """Return variables with which docker's only plugin is a buildx that runs a shell script."""
    plugin = case.folder / "config" / "cli-plugins" / "docker-buildx"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(f"#!/bin/sh\n[ \"$1\" = docker-cli-plugin-metadata ] && echo '{METADATA}' && exit\n{script}\n")
    plugin.chmod(0o755)
    return {"DOCKER_CONFIG": str(plugin.parent.parent)}


OLD = "echo 'unknown flag: --format' >&2; exit 125"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (without_buildx, ("buildx", "Install Docker with buildx")),
        (lambda case: with_buildx(case, OLD), ("buildx", "older", "Install Docker with buildx")),
        (lambda _: {"BUILDX_BUILDER": "nobody"}, ("no builder nobody", "Known builders: ")),
        (lambda _: {"DOCKER_HOST": "unix:///nowhere.sock"}, ("no Docker engine answers", "Start Docker")),
    ],
    ids=["missing", "old", "unknown-builder", "no-engine"],
)
def test_r36_what_cannot_build_is_said_before_any_work(case: ProxiedScratch, variables, words: tuple[str, ...]):
    done = case.push(**variables(case))

    assert done.code == 7, done.err
    assert [word for word in words if word not in done.last] == []
    assert "Building" not in done.err
    assert case.proxy.requests("POST|PUT|PATCH") == []
    case.assert_heals(built=True)
