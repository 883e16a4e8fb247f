"""A stranger's pull request with the real engine: it is built, and nothing of the maintainers' is in its reach."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest

from registry_process import BasicRegistry
from scratch import SMALL, Ran, Scratch

pytestmark = pytest.mark.engine

HELPERS = ("maintainer", "secretservice", "pass")  # the last two docker finds by itself, where nothing names one
TOKENS = {
    "DOCKER_USER": "me",
    "DOCKER_PASSWORD": "s3cret-of-the-registry",
    "GITHUB_TOKEN": "s3cret-of-github",
    "CI_JOB_TOKEN": "s3cret-of-gitlab",
    "ACTIONS_RUNTIME_TOKEN": "s3cret-of-the-runner",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "s3cret-of-oidc",
    "AWS_ACCESS_KEY_ID": "s3cret-id",
    "AWS_SECRET_ACCESS_KEY": "s3cret-of-the-bucket",
    "AWS_PROFILE": "s3cret-profile",
    "AWS_SHARED_CREDENTIALS_FILE": "/s3cret-file",
    "DOCKER_AUTH_CONFIG": json.dumps({"auths": {"ghcr.io": {"auth": base64.b64encode(b"me:s3cret-auth").decode()}}}),
}


@pytest.fixture
def machine(scratch: Scratch, basic_registry: BasicRegistry, tmp_path: Path) -> Scratch:
    """Give a repository on a machine with logins: in docker's config, in helpers and in variables.

    Every call of a helper is recorded, and docker's environment with every call of docker.
    """
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in (*(f"docker-credential-{helper}" for helper in HELPERS), "pass"):
        answer = json.dumps({"Username": basic_registry.username, "Secret": basic_registry.password})
        (programs / name).write_text(f"#!/bin/sh\necho '{name}' \"$@\" >> '{tmp_path}/asked'\necho '{answer}'\n")
        (programs / name).chmod(0o755)
    docker = shutil.which("docker", path=scratch.environ["PATH"])
    (programs / "docker").write_text(f'#!/bin/sh\nenv >> "{tmp_path}/environment"\nexec {docker} "$@"\n')
    (programs / "docker").chmod(0o755)
    config = tmp_path / "docker-config"
    shutil.copytree(Path(scratch.environ["DOCKER_CONFIG"]), config, symlinks=True)
    known = json.loads((config / "config.json").read_text()) if (config / "config.json").exists() else {}
    logins = {
        "auths": {"quay.io": {"auth": base64.b64encode(b"me:s3cret-in-the-file").decode()}},
        "credHelpers": {scratch.registry: "maintainer", basic_registry.address: "maintainer"},
        "credsStore": "maintainer",
        "HttpHeaders": {"X-Token": "s3cret-header"},
    }
    (config / "config.json").write_text(json.dumps({**known, **logins}))
    (tmp_path / "plain.json").write_text(json.dumps(known))
    scratch.environ |= {
        "PATH": f"{programs}:{scratch.environ['PATH']}",
        "DOCKER_CONFIG": str(config),
        "BUILDX_CONFIG": scratch.environ.get("BUILDX_CONFIG") or str(Path(scratch.environ["DOCKER_CONFIG"]) / "buildx"),
    }
    scratch.write(SMALL)
    scratch.commit_all()
    return scratch


def fork(machine: Scratch, task: str = "push", **environ: str) -> Ran:
    """Run a task as GitHub does for a pull request whose head is in another repository."""
    event = machine.root.parent / "event.json"
    head = {"sha": machine.commit, "ref": "patch", "repo": {"full_name": "stranger/my-service"}}
    base = {"repo": {"full_name": machine.repository}}
    event.write_text(json.dumps({"number": 12, "pull_request": {"number": 12, "head": head, "base": base}}))
    github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request_target",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_SHA": machine.commit,
        "GITHUB_REPOSITORY": machine.repository,
        "GITHUB_REF": "refs/pull/12/merge",
        "GITHUB_HEAD_REF": "patch",
    }
    return machine.tool(task, "--domain", machine.registry, **{**github, **environ})


def recorded(machine: Scratch, name: str) -> str:
    path = machine.root.parent / name
    return path.read_text() if path.exists() else ""


@pytest.fixture(params=["named in docker's config", "found by docker itself"])
def guarded_base(machine: Scratch, basic_registry: BasicRegistry, request: pytest.FixtureRequest) -> str:
    """Give the name of an image that only the maintainers may read; their helper logs docker in to its registry.

    Where docker's config names no login at all, docker looks for a system's credential store by itself.
    """
    login = {"DOCKER_USER": basic_registry.username, "DOCKER_PASSWORD": basic_registry.password}
    assert machine.tool("push", "--domain", basic_registry.address, **login).code == 0
    (machine.root.parent / "asked").unlink(missing_ok=True)
    name = f"{basic_registry.address}/{machine.repository.lower()}/api:main"
    if request.param == "found by docker itself":
        shutil.copy(machine.root.parent / "plain.json", Path(machine.environ["DOCKER_CONFIG"]) / "config.json")
    machine.write({"Dockerfile": f"FROM {name}\n"})
    machine.commit_all()
    return name


def test_a_fork_s_pull_request_builds_and_no_credential_helper_is_asked(machine: Scratch):
    done = fork(machine)

    assert done.code == 0, done.err
    assert "Building api" in done.err
    assert recorded(machine, "asked") == ""
    assert machine.tags("api") == set()


def test_a_fork_s_build_cannot_read_what_the_maintainers_may(machine: Scratch, guarded_base: str):
    done = fork(machine)

    assert done.code == 3
    assert guarded_base in done.err
    assert recorded(machine, "asked") == ""


def test_a_build_of_one_s_own_can(machine: Scratch, guarded_base: str):  # noqa: ARG001 - it is what is built on
    done = machine.tool("push", "--domain", machine.registry)

    assert done.code == 0, done.err
    assert " get" in recorded(machine, "asked")


@pytest.mark.parametrize("task", ["push", "stage", "build", "plan"])
def test_docker_gets_no_token_of_the_machine(machine: Scratch, task: str):
    done = fork(machine, task, **TOKENS)

    assert done.code == 0, done.err
    environment = recorded(machine, "environment")
    assert "PATH=" in environment
    assert "s3cret" not in environment
    assert not {name for name in TOKENS if f"\n{name}=" in environment}
    assert recorded(machine, "asked") == ""
    machine.run("docker", "image", "rm", "--force", *(done.out.split() if task == "build" else ["none"]))


def test_a_wrong_password_is_no_matter_since_nobody_logs_in(machine: Scratch):
    assert fork(machine, DOCKER_USER="me").code == 0  # half of a login: an error for a run that would use it


@pytest.mark.parametrize(
    ("toml", "place"),
    [
        ('secret = [{ id = "npm", env = "NPM_TOKEN" }]', "build.toml:2 [images.api] secret"),
        ("ssh = [{}]", "build.toml:2 [images.api] ssh"),
        ('network = "host"', "build.toml:2 [images.api] network"),
        ('context = "https://example.com/a.git"', "build.toml:2 [images.api] context"),
        ('contexts = { a = "https://example.com/a.tgz" }', "build.toml:2 [images.api] contexts.a"),
    ],
)
def test_what_a_stranger_may_not_ask_for_ends_the_run_with_what_a_maintainer_can_do(
    machine: Scratch, toml: str, place: str
):
    machine.write({"build.toml": f"[images.api]\n{toml}\n"})
    machine.commit_all()

    done = fork(machine, NPM_TOKEN="s3cret-npm")

    assert done.code == 2
    assert f"{place}: a pull request from a fork may not" in done.err
    assert "push the branch to the repository itself" in done.err
    assert "Building" not in done.err


def test_the_same_build_of_one_s_own_may_have_a_secret(machine: Scratch):
    machine.write({"build.toml": '[images.api]\nsecret = [{ id = "npm", env = "NPM_TOKEN" }]\n'})
    machine.commit_all()

    assert machine.tool("plan", "--offline", "--domain", machine.registry, NPM_TOKEN="s3cret-npm").code == 0


def test_a_stranger_s_run_writes_no_cache(machine: Scratch):
    cache = f"type=registry,ref={machine.path}/poisoned:main"
    machine.write({"build.toml": f'[images.api]\ncache-to = ["{cache},mode=max"]\ncache-from = ["{cache}"]\n'})
    machine.commit_all()

    done = fork(machine)

    assert done.code == 0, done.err
    assert machine.tags("poisoned") == set()
    assert "cache-from and cache-to of api in build.toml is not used" in done.err
    assert "poisoned" not in done.err.replace("not used", "")
