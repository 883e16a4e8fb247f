"""docker.doctor where things are well and where they are broken: it always answers, builds nothing, and knows the code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from registry_process import BasicRegistry, free_port
from scratch import SMALL, Ran, Scratch
from token_registry import READER, TokenRegistry
from wrapped_docker import REAL, without_docker, wrapped

pytestmark = pytest.mark.engine


@pytest.fixture
def small(scratch: Scratch) -> Scratch:
    scratch.write(SMALL)
    scratch.commit_all()
    return scratch


def doctor(scratch: Scratch, *flags: str, domain: str = "", **environ: str) -> Ran:
    scratch.environ |= environ
    return scratch.tool("doctor", "--domain", domain or scratch.registry, *flags)


def lines(done: Ran, mark: str) -> list[str]:
    return [line.removeprefix(mark).strip() for line in done.out.splitlines() if line.startswith(f"{mark} ")]


def test_a_healthy_run_is_described_and_nothing_is_built(small: Scratch):
    done = doctor(small, "--version", "v1.2.3", "--debug")

    assert (done.code, lines(done, "FAIL"), lines(done, "warn")) == (0, [], []), done.out
    said = "\n".join(lines(done, "ok"))
    for words in (
        "docker ",
        "buildx ",
        "engine ",
        "driver docker",
        "native linux/",
        "trust ",
        "granted",
        "free in",
        "tip",
    ):
        assert words in said, words
    assert "buildx bake" not in done.err
    assert small.tags("api") == set()


def test_versions_are_those_of_the_programs(small: Scratch):
    done = doctor(small)

    engine = small.run("docker", "version", "--format", "{{.Server.Version}}").out.strip()
    buildx = small.run("docker", "buildx", "version").out.split()[1]

    assert [line.split()[1] for line in lines(done, "ok") if line.startswith(("buildx", "engine "))] == [buildx, engine]


def test_json_says_the_same_by_stable_keys(small: Scratch):
    done = doctor(small, "--json")

    document = json.loads(done.out)
    assert set(document) == {"schema", "healthy", "exit-code", "checks"}
    assert (document["schema"], document["healthy"], document["exit-code"]) == (1, True, 0)
    keys = {"area", "subject", "health", "found", "next-step", "exit-code", "details"}
    assert all(set(check) == keys for check in document["checks"])
    assert f"push to {small.path}/api" in {check["subject"] for check in document["checks"]}


def test_an_account_that_only_reads_ends_with_4(small: Scratch, token_registry: TokenRegistry):
    done = doctor(small, domain=token_registry.address, DOCKER_USER=READER.username, DOCKER_PASSWORD=READER.password)

    assert done.code == 4, done.out
    assert [line for line in lines(done, "FAIL") if line.startswith("push to")] == lines(done, "FAIL")
    assert [line for line in lines(done, "ok") if line.startswith("read ")] != []
    assert "user reader, from DOCKER_USER and DOCKER_PASSWORD" in done.out


def test_a_wrong_password_ends_with_3_and_is_not_shown(small: Scratch, basic_registry: BasicRegistry):
    done = doctor(
        small, domain=basic_registry.address, DOCKER_USER=basic_registry.username, DOCKER_PASSWORD="wrong-Pa55word"
    )

    assert done.code == 3, done.out
    assert "wrong-Pa55word" not in done.out + done.err
    assert "renew them" in done.out


def test_a_dead_registry_ends_with_6_and_the_rest_is_looked_at(small: Scratch):
    done = doctor(small, domain=f"127.0.0.1:{free_port()}")

    assert done.code == 6, done.out
    assert len(lines(done, "FAIL")) == 1
    assert [line for line in lines(done, "ok") if line.startswith("builder ")] != []


def test_without_docker_it_says_so_once_and_still_asks_the_registry(small: Scratch, tmp_path: Path):
    done = doctor(small, PATH=without_docker(tmp_path / "bin", "git", "sh", "docker-push"))

    assert done.code == 7, done.out
    assert [line.split()[0] for line in lines(done, "FAIL")] == ["docker"]
    assert [line for line in lines(done, "ok") if line.startswith("push to")] != []


def test_without_buildx_it_says_so_once(small: Scratch, tmp_path: Path):
    path = wrapped(tmp_path / "bin", {'"buildx "*': f'shift; exec {REAL} no-such-plugin "$@"'})

    done = doctor(small, PATH=path)

    assert done.code == 7, done.out
    assert [line.split()[0] for line in lines(done, "FAIL")] == ["buildx"]


def test_without_an_engine_it_says_how_to_reach_one(small: Scratch, tmp_path: Path):
    done = doctor(small, DOCKER_HOST=f"unix://{tmp_path}/nobody.sock")

    assert done.code == 7, done.out
    assert [line for line in lines(done, "warn") if line.startswith("engine ")] != []
    assert "set DOCKER_HOST" in done.out


def test_without_a_build_toml_it_says_so_and_looks_at_the_rest(small: Scratch):
    (small.root / "build.toml").unlink()

    done = doctor(small)

    assert done.code == 2, done.out
    assert [line for line in lines(done, "warn") if line.startswith("build.toml")] != []
    assert "CI_DOCKER_IMAGE" in done.out
    assert [line for line in lines(done, "ok") if line.startswith(("engine ", "registry "))] != []


def test_a_broken_build_toml_is_shown_with_its_findings(small: Scratch):
    small.write({"build.toml": '[images.api]\nplatfroms = ["linux/amd64"]\ndockerfile = 3\n'})

    done = doctor(small)

    assert done.code == 2, done.out
    for words in ("build.toml: 2 errors", "platfroms", "dockerfile", "build.toml:2", "build.toml:3"):
        assert words in done.out, words
    assert done.err.count("platfroms") == 0
    assert [line for line in lines(done, "ok") if line.startswith("engine ")] != []


def test_without_git_the_variables_of_a_ci_are_enough(small: Scratch, tmp_path: Path):
    path = without_docker(tmp_path / "bin", "docker", "sh", "docker-push")
    commit = small.commit

    done = doctor(
        small,
        PATH=path,
        GITHUB_REPO_REF=small.repository,
        GITHUB_SHA=commit,
        GITHUB_BRANCH="main",
        LATEST_BRANCH="main",
    )

    assert "git" in [line.split()[0] for line in lines(done, "warn")], done.out
    assert [line for line in lines(done, "ok") if line.startswith("push to")] != [], done.out


def test_outside_a_repository_it_answers_too(small: Scratch):
    shutil.rmtree(small.root / ".git")

    done = doctor(small)

    assert done.code == 2, done.out
    assert "is in no git repository" in done.out


def test_a_taken_version_ends_with_9(small: Scratch):
    small.crane("append", "--new_layer", "/dev/null", "--new_tag", f"{small.path}/api:v1.2.3")

    done = doctor(small, "--version", "v1.2.3")

    assert done.code == 9, done.out
    assert small.digest("api", "v1.2.3") in done.out


def test_a_terminal_without_other_characters_is_enough(small: Scratch):
    small.git("checkout", "--quiet", "-b", "fünf")

    done = doctor(small, PYTHONIOENCODING="ascii", LANG="C", LC_ALL="C")

    assert done.out.isascii()
    assert "unexpected" not in done.err


def test_a_proxy_is_named_without_its_password(small: Scratch):
    done = doctor(small, domain="registry.invalid", HTTPS_PROXY="http://me:proxy-Pa55@proxy.invalid:3128")

    assert "http://proxy.invalid:3128 (HTTPS_PROXY), with a user name" in done.out
    assert "proxy-Pa55" not in done.out + done.err
