"""docker.verify against a real registry in which somebody tampered, with crane, skopeo and rm."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_process import registry_process
from scratch import Ran, Scratch

pytestmark = pytest.mark.engine

EMPTY = {"Dockerfile": "FROM scratch\nCOPY data /data\n", "data": "one\n", "build.toml": "[images.api]\n"}
LONE = '[images.api]\nplatforms = ["linux/amd64"]\nattest = []\n'


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stored")


@pytest.fixture(scope="module")
def address(storage: Path) -> Iterator[str]:
    with registry_process(storage) as address:
        yield address


@pytest.fixture
def published(engine: dict[str, str], address: str, tmp_path: Path) -> Scratch:  # noqa: ARG001 - it must be there
    """Give a repository whose one image is published, for two platforms, with every tag."""
    return publish(Scratch(tmp_path / "a repository", address))


def publish(scratch: Scratch, **files: str) -> Scratch:
    scratch.write({**EMPTY, **files})
    scratch.commit_all()
    done = scratch.tool("push", "--domain", scratch.registry)
    assert done.code == 0, done.err
    return scratch


def verify(scratch: Scratch, *flags: str, **environ: str) -> Ran:
    return scratch.tool("verify", "--domain", scratch.registry, *flags, **environ)


def rows(done: Ran) -> list[tuple[str, ...]]:
    """Return the rows of the table of differences: image, registry, what, wanted, found."""
    assert done.code == 8, done.err
    lines = [line.removeprefix("  | ") for line in done.err.splitlines() if line.startswith("  | ")]
    assert lines[0].split() == ["image", "registry", "what", "wanted", "found"]
    starts = [lines[0].index(name) for name in lines[0].split()]
    ends = [*starts[1:], None]
    return [tuple(line[start:end].strip() for start, end in zip(starts, ends, strict=True)) for line in lines[1:]]


def short(digest: str) -> str:
    return digest[:19]


def tags(scratch: Scratch) -> tuple[str, ...]:
    return f"{scratch.commit}-main", "main", "latest"


def test_what_was_pushed_is_verified_without_docker_and_without_credentials(published: Scratch, tmp_path: Path):
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, found in {
        "git": shutil.which("git"),
        "docker-push": shutil.which("docker-push", path=published.environ["PATH"]),
    }.items():
        assert found
        (programs / name).symlink_to(found)

    done = verify(
        published, PATH=str(programs), DOCKER_HOST="tcp://127.0.0.1:9", HOME=str(tmp_path), DOCKER_CONFIG=str(tmp_path)
    )

    assert done.code == 0, done.err
    assert done.out == f"{published.path}/api:{published.commit}-main@{published.digest('api', 'latest')}\n"


def test_a_tag_that_was_moved_elsewhere_is_named(published: Scratch):
    before = published.commit
    old = published.digest("api", "main")
    publish(published, data="two\n")
    ours = published.digest("api", "main")
    place = f"docker://{published.path}/api"
    copied = published.run(
        *("skopeo", "copy", "--all", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"),
        *(f"{place}:{before}-main", f"{place}:main"),
    )
    assert copied.code == 0, copied.err

    done = verify(published)

    assert rows(done) == [("api", published.registry, "tag main", short(ours), short(old))]
    assert done.out == ""
    assert done.err.splitlines()[-1].startswith(
        f"docker-push: image api: {published.path}/api is not what the plan says"
    )


def test_a_tag_that_a_newer_commit_published_is_right_and_said_to_be(published: Scratch):
    before = published.commit
    publish(published, data="two\n")
    newer = published.commit
    published.git("reset", "--quiet", "--hard", before)

    done = verify(published)

    assert done.code == 0, done.err
    assert (
        f"api:latest names {published.digest('api', f'{newer}-main')}, and latest stays: commit {newer[:12]} has it under its commit tag"
        in done.err
    )
    assert done.out == f"{published.path}/api:{before}-main@{published.digest('api', f'{before}-main')}\n"


def test_a_tag_that_is_gone_is_named(published: Scratch, storage: Path):
    place = storage / "storage/docker/registry/v2/repositories" / published.repository.lower() / "api/_manifests/tags"
    shutil.rmtree(place / "latest")

    assert rows(verify(published)) == [
        ("api", published.registry, "tag latest", short(published.digest("api", "main")), "no such tag")
    ]


def test_a_platform_that_is_missing_is_named(published: Scratch):
    name = f"{published.path}/api"
    published.crane("index", "filter", f"{name}:main", "--platform", "linux/arm64", "-t", f"{name}:main")
    for tag in tags(published):
        published.crane("tag", f"{name}:main", tag)

    found = rows(verify(published))

    assert ("api", published.registry, "platforms", "linux/amd64, linux/arm64", "linux/arm64") in found


@pytest.mark.parametrize("kind", ["layer", "config", "manifest"])
def test_content_that_the_registry_lost_is_named(published: Scratch, storage: Path, kind: str):
    index = published.manifest("api", "main")
    child = next(one["digest"] for one in index["manifests"] if one["platform"]["architecture"] == "arm64")
    manifest = json.loads(published.crane("manifest", f"{published.path}/api@{child}"))
    digest = {"layer": manifest["layers"][0]["digest"], "config": manifest["config"]["digest"], "manifest": child}[kind]
    lost = storage / "storage/docker/registry/v2/blobs/sha256" / digest[7:9] / digest[7:] / "data"
    data = lost.read_bytes()
    lost.unlink()
    try:
        found = rows(verify(published))
    finally:
        lost.write_bytes(data)

    what = f"linux/arm64 {kind}{' 1' if kind == 'layer' else ''}"
    assert ("api", published.registry, what, short(digest), "not in the registry") in found
    assert verify(published).code == 0


def test_bytes_that_the_registry_changed_are_named(published: Scratch, storage: Path):
    config = json.loads(published.crane("manifest", "--platform", "linux/amd64", f"{published.path}/api:main"))[
        "config"
    ]
    changed = (
        storage / "storage/docker/registry/v2/blobs/sha256" / config["digest"][7:9] / config["digest"][7:] / "data"
    )
    data = changed.read_bytes()
    changed.write_bytes(data.replace(b"linux", b"minix"))
    try:
        found = rows(verify(published))
    finally:
        changed.write_bytes(data)

    assert [(row[2], row[3]) for row in found] == [("linux/amd64 config", short(config["digest"]))]
    assert "its bytes are" in found[0][4]


def test_labels_and_annotations_that_were_changed_are_named(engine: dict[str, str], address: str, tmp_path: Path):  # noqa: ARG001
    scratch = publish(Scratch(tmp_path / "a repository", address), **{"build.toml": LONE})
    name = f"{scratch.path}/api"
    revision = "org.opencontainers.image.revision"
    scratch.crane(
        "mutate",
        f"{name}:main",
        "--label",
        f"{revision}=other",
        "--annotation",
        f"{revision}=another",
        "-t",
        f"{name}:main",
    )
    for tag in tags(scratch):
        scratch.crane("tag", f"{name}:main", tag)

    found = rows(verify(scratch))

    assert [row[2:] for row in found] == [
        (f"linux/amd64 label {revision}", scratch.commit, "other"),
        (f"linux/amd64 annotation {revision}", scratch.commit, "another"),
    ]


def test_json_has_everything_for_machines(published: Scratch):
    name = f"{published.path}/api"
    published.crane("tag", f"{name}@{published.digest('api', 'main')}", "extra")
    child = published.manifest("api", "main")["manifests"][0]["digest"]
    published.crane("tag", f"{name}@{child}", "latest")

    done = verify(published, "--json")

    (one,) = json.loads(done.out)["images"]
    assert (done.code, one["name"], one["verified"], one["repository"]) == (8, "api", False, name)
    assert one["differences"] == [{"what": "tag latest", "wanted": one["digest"], "found": child}]
