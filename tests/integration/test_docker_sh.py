"""The seed's entry point, to the letter: its variables, its defaults, its tags; read back with crane."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scratch import SMALL, Ran, Scratch, platforms
from workflow_runner import in_front

pytestmark = pytest.mark.engine

REPOSITORY = Path(__file__).parents[2]
SCRIPT = REPOSITORY / "scripts/ci/docker.sh"
CREDENTIALS = {"DOCKER_USER", "DOCKER_PASSWORD", "GITHUB_TOKEN", "ACTIONS_RUNTIME_TOKEN"}
# Run by every Python that starts: notes which program it is, and which credentials are in its environment.
SPY = f"""
import os, sys
CREDENTIALS = {CREDENTIALS}
for name in ("pip", "docker-push"):
    if any(os.path.basename(word) == name for word in sys.orig_argv[1:4]):
        with open(os.path.join(os.path.dirname(__file__), "seen"), "a") as file:
            file.write(" ".join([name, *sorted(CREDENTIALS & os.environ.keys())]) + "\\n")
"""


def copy_of_this_repository(scratch: Scratch, *, build_toml: bool = True) -> None:
    """Put this repository's images into the scratch repository."""
    for name in ("Dockerfile", ".dockerignore", "infra", *(["build.toml"] if build_toml else [])):
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, scratch.root / name)
        else:
            shutil.copy(source, scratch.root / name)
    scratch.commit_all()


def run(scratch: Scratch, *argv: str, **variables: str) -> Ran:
    seed = {
        "DOMAIN": scratch.registry,
        "GITHUB_REPO_REF": scratch.repository,
        "GITHUB_SHA": scratch.commit,
        "GITHUB_BRANCH": "main",
        "LATEST_BRANCH": "main",
        "CI_DOCKER_IMAGE": "api",
        "CI_DOCKER_CONTEXT": "",
        "CI_DOCKERFILE": "",
        "CI_DOCKER_PLATFORM": "",
    }
    return scratch.run(str(SCRIPT), *argv, **{**seed, **variables})


@pytest.mark.parametrize("build_toml", [True, False], ids=["with build.toml", "without build.toml"])
def test_a_version_on_main_leaves_exactly_four_tags_of_one_digest(scratch: Scratch, build_toml: bool):
    copy_of_this_repository(scratch, build_toml=build_toml)

    done = run(scratch, "v1.2.3")

    assert done.code == 0, done.err
    commit = f"{scratch.commit}-main"
    assert scratch.tags("api") == {commit, "main", "latest", "v1.2.3"}
    digests = {scratch.digest("api", tag) for tag in scratch.tags("api")}
    assert len(digests) == 1
    assert done.out == f"{scratch.path}/api:{commit}@{digests.pop()}\n"
    assert platforms(scratch.manifest("api", "v1.2.3")) == {"linux/amd64", "linux/arm64"}


def test_another_branch_gets_no_latest(scratch: Scratch):
    copy_of_this_repository(scratch)

    done = run(scratch, GITHUB_BRANCH="feature/A_b")

    assert done.code == 0, done.err
    assert scratch.tags("api") == {f"{scratch.commit}-feature-a_b", "feature-a_b"}


def test_one_platform_is_one_platform(scratch: Scratch):
    copy_of_this_repository(scratch)

    assert run(scratch, CI_DOCKER_PLATFORM="linux/amd64").code == 0
    assert platforms(scratch.manifest("api", "main")) == {"linux/amd64"}


@pytest.mark.parametrize("build_toml", [True, False], ids=["with build.toml", "without build.toml"])
def test_dockerfile_and_context_come_from_the_variables(scratch: Scratch, build_toml: bool):
    copy_of_this_repository(scratch, build_toml=build_toml)

    done = run(
        scratch, CI_DOCKER_IMAGE="worker", CI_DOCKERFILE="./infra/Dockerfile.worker", CI_DOCKER_CONTEXT="./infra"
    )

    assert done.code == 0, done.err
    assert "latest" in scratch.tags("worker")
    assert scratch.config("worker", "latest")["config"]["Cmd"] == ["/bin/worker"]


def test_the_same_command_again_builds_nothing_and_is_green(scratch: Scratch):
    copy_of_this_repository(scratch)
    first = run(scratch, "v1.2.3")

    second = run(scratch, "v1.2.3")

    assert (second.code, second.out) == (0, first.out)
    assert "api: adopt" in second.err
    assert "Building" not in second.err


def test_a_version_is_published_once(scratch: Scratch):
    scratch.write(SMALL)
    scratch.commit_all()
    assert run(scratch, "v1.2.3").code == 0
    before = {tag: scratch.digest("api", tag) for tag in scratch.tags("api")}
    scratch.write({"data": "two\n"})
    scratch.commit_all()

    done = run(scratch, "v1.2.3")

    assert done.code == 9
    assert "v1.2.3 was already published" in done.last
    assert {tag: scratch.digest("api", tag) for tag in before} == before


def test_every_missing_variable_is_named_at_once(scratch: Scratch):
    scratch.write(SMALL)
    scratch.commit_all()

    done = scratch.run(str(SCRIPT), DOMAIN="ghcr.io")

    assert done.code == 2
    for name in ("GITHUB_REPO_REF", "GITHUB_SHA", "GITHUB_BRANCH", "CI_DOCKER_IMAGE"):
        assert name in done.last


def test_without_credentials_a_run_builds_and_is_green_unless_it_is_a_release(scratch: Scratch):
    scratch.write(SMALL)
    scratch.commit_all()

    built, release = (run(scratch, *version, DOMAIN="registry.invalid") for version in ([], ["v1.2.3"]))

    assert (built.code, built.out) == (0, ""), built.err
    assert "nothing was pushed: there are no credentials for registry.invalid" in built.err
    assert (release.code, release.out) == (3, ""), release.err
    assert "DOCKER_USER and DOCKER_PASSWORD" in release.last


def test_what_is_no_version_is_refused_before_anything_is_built(scratch: Scratch):
    scratch.write(SMALL)
    scratch.commit_all()

    done = run(scratch, "$(touch canary)")

    assert (done.code, scratch.tags("api")) == (2, set())
    assert "is not a version" in done.last
    assert not (scratch.root / "canary").exists()


def test_another_task_is_carried_out_with_its_flags_as_they_are(scratch: Scratch):
    scratch.write(SMALL)
    scratch.commit_all()

    done = run(scratch, "--", "matrix", "--format", "github", "--version", "no version $(touch canary)")
    matrix = run(scratch, "--", "matrix", "--format", "github", CI_DOCKER_PLATFORM="linux/amd64")

    assert (done.code, (scratch.root / "canary").exists()) == (2, False)
    assert "no version $(touch canary)" in done.last
    assert [job["name"] for job in json.loads(matrix.out)["include"]] == ["api linux/amd64"]


def test_another_task_needs_none_of_the_variables(scratch: Scratch):
    scratch.write(SMALL)
    scratch.commit_all()

    done = scratch.run(str(SCRIPT), "--", "list")

    assert done.code == 0, done.err
    assert done.out.startswith("api")


def test_an_image_that_is_named_and_empty_is_refused_and_not_all_are_published(scratch: Scratch):
    scratch.write(SMALL)
    scratch.commit_all()

    done = scratch.run(str(SCRIPT), "--", "merge", "--image", "", "--part", str(scratch.root.parent))

    assert done.code == 2
    assert "an image's name" in done.err


def path_without_the_tool(scratch: Scratch) -> str:
    folders = scratch.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not (Path(folder) / "docker-push").exists())


def test_the_tool_is_brought_along_where_it_is_not_there(scratch: Scratch, tmp_path: Path):
    scratch.write(SMALL)
    scratch.commit_all()
    spy = tmp_path / "spy"
    spy.mkdir()
    (spy / "sitecustomize.py").write_text(SPY)

    done = run(
        scratch,
        PATH=path_without_the_tool(scratch),
        RUNNER_TEMP=str(tmp_path / "runner temp"),
        PYTHONPATH=str(spy),
        **dict.fromkeys(CREDENTIALS, "s3cret-value"),
    )

    assert done.code == 0, done.err
    assert scratch.tags("api") == {f"{scratch.commit}-main", "main", "latest"}
    (kept,) = (path for path in (tmp_path / "runner temp/docker-push").iterdir() if path.is_symlink())
    assert (kept / "bin/docker-push").exists()
    assert set((spy / "seen").read_text().splitlines()) == {"pip", " ".join(["docker-push", *sorted(CREDENTIALS)])}


@pytest.mark.parametrize("is_action", [False, True])
def test_a_runner_without_venv_is_told_what_helps(scratch: Scratch, tmp_path: Path, is_action: bool):
    scratch.write(SMALL)
    scratch.commit_all()
    in_front(scratch, "python3", "echo 'No module named venv' >&2\nexit 1\n")
    action = {"GITHUB_ACTION_PATH": str(REPOSITORY)} if is_action else {}

    done = run(scratch, PATH=path_without_the_tool(scratch), RUNNER_TEMP=str(tmp_path / "runner"), **action)

    assert done.code == 2, done.err
    assert "No module named venv" in done.err
    assert "python3-venv on Debian" in done.last
    assert ("in an earlier step" in done.last) is not is_action  # an action looks for no other docker-push
    assert list((tmp_path / "runner/docker-push").iterdir()) == []


def test_the_tool_is_missing_for_two_jobs_at_once(scratch: Scratch, tmp_path: Path):
    scratch.write(SMALL)
    scratch.commit_all()

    def job(_: int) -> Ran:
        return run(scratch, "no version", PATH=path_without_the_tool(scratch), RUNNER_TEMP=str(tmp_path / "runner"))

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(job, range(2)))
    third = job(3)

    for done in (*both, third):
        assert done.code == 2
        assert "is not a version" in done.last
    assert len([path for path in (tmp_path / "runner/docker-push").iterdir() if path.is_symlink()]) == 1
