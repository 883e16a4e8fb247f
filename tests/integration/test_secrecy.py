"""A marked password, looked for wherever it must not be: argument lists, output, files, the image."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest

import secret_watch
from registry_process import BasicRegistry
from scratch import SMALL, Scratch
from secret_watch import SEES_ARGUMENTS, command_lines, files_with

pytestmark = pytest.mark.engine


@pytest.fixture
def guarded(scratch: Scratch, basic_registry: BasicRegistry, tmp_path: Path) -> Scratch:
    """Give a repository whose registry asks for a password, with folders of its own for everything that a run may write."""
    scratch.registry = basic_registry.address
    for name in ("home", "temporary", "runner"):
        (tmp_path / name).mkdir()
    scratch.environ |= {
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "temporary"),
        "RUNNER_TEMP": str(tmp_path / "runner"),
        "DOMAIN": basic_registry.address,
        "DOCKER_USER": basic_registry.username,
        "DOCKER_PASSWORD": basic_registry.password,
    }
    scratch.write(SMALL)
    scratch.commit_all()
    return scratch


def forms(registry: BasicRegistry) -> set[str]:
    return secret_watch.forms(registry.username, registry.password)


@pytest.mark.skipif(not SEES_ARGUMENTS, reason="other processes' arguments are read from Linux' /proc")
def test_the_password_is_in_no_argument_list(guarded: Scratch, basic_registry: BasicRegistry):
    with command_lines() as seen:
        done = guarded.tool("push", "--debug")

    assert done.code == 0, done.err
    assert any("buildx bake" in line for line in seen), "the sampler saw nothing"
    assert [line for line in seen if any(form in line for form in forms(basic_registry))] == []
    assert "docker login" in done.err


def test_the_password_is_in_no_output(guarded: Scratch, basic_registry: BasicRegistry):
    done = guarded.tool("push", "--debug")

    assert done.code == 0, done.err
    assert [form for form in forms(basic_registry) if form in done.out + done.err] == []


def test_the_password_is_in_no_file_that_is_left(guarded: Scratch, basic_registry: BasicRegistry, tmp_path: Path):
    assert guarded.tool("push", "--report", "report.json").code == 0

    assert files_with(forms(basic_registry), tmp_path) == []
    assert list((tmp_path / "runner").iterdir()) == list((tmp_path / "temporary").iterdir()) == []


def test_the_password_is_not_in_the_image(guarded: Scratch, basic_registry: BasicRegistry):
    guarded.write({"Dockerfile": "FROM busybox:1.37\nRUN env > /environment\n"})
    guarded.commit_all()
    assert guarded.tool("push").code == 0
    login = ("--username", basic_registry.username, "--password-stdin", basic_registry.address)
    guarded.run(
        "sh",
        "-c",
        'printf %s "$DOCKER_PASSWORD" | crane auth login "$@"',
        "-",
        *login,
        DOCKER_CONFIG=str(guarded.root / "read"),
    )

    text = json.dumps(
        guarded.run("crane", "config", f"{guarded.path}/api:main", DOCKER_CONFIG=str(guarded.root / "read")).out
    )
    exported = guarded.run(
        "sh",
        "-c",
        'crane export "$1" - | tar -xO environment',
        "-",
        f"{guarded.path}/api:main",
        DOCKER_CONFIG=str(guarded.root / "read"),
    )

    assert "PATH=" in exported.out
    assert [form for form in forms(basic_registry) if form in text + exported.out] == []


def test_the_user_s_configuration_is_as_it_was(guarded: Scratch, tmp_path: Path):
    folder = tmp_path / "home" / ".docker"
    shutil.copytree(Path(guarded.environ.get("DOCKER_CONFIG", "~/.docker")).expanduser(), folder, symlinks=True)
    config = folder / "config.json"
    content = json.loads(config.read_text()) if config.exists() else {}
    text = json.dumps({**content, "auths": {"example.com": {"auth": base64.b64encode(b"a:b").decode()}}})
    config.write_text(text)
    guarded.environ.pop("DOCKER_CONFIG", None)

    done = guarded.tool("push")

    assert done.code == 0, done.err
    assert config.read_text() == text


def test_a_wrong_password_is_an_error_of_its_own_before_anything_is_built(guarded: Scratch):
    done = guarded.tool("push", DOCKER_PASSWORD="wr0ng-password")

    assert done.code == 3
    assert guarded.registry in done.last
    assert "Building" not in done.err
    assert "wr0ng-password" not in done.err


def test_no_credentials_are_an_error_before_anything_is_built(guarded: Scratch):
    done = guarded.tool("push", DOCKER_USER="", DOCKER_PASSWORD="")

    assert done.code == 3
    assert "DOCKER_PASSWORD" in done.last
    assert "Building" not in done.err


def test_a_name_without_a_password_is_named(guarded: Scratch):
    done = guarded.tool("push", DOCKER_PASSWORD="")

    assert done.code == 3
    assert "DOCKER_USER is set and DOCKER_PASSWORD is not" in done.last
