"""A run split by platform over several machines: real engine, real registry, read back by crane."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from remote_builder import remote_builder
from scratch import Ran, Scratch, platforms

pytestmark = pytest.mark.engine

PLATFORMS = ("linux/arm64", "linux/amd64")
RECORD = "io.github.atomicloud.docker-push.inputs"
FILES = {
    "api/Dockerfile": "FROM busybox:1.37\nCOPY data /data\nRUN uname -m > /machine\n",
    "api/data": "api\n",
    "worker/Dockerfile": "FROM scratch\nCOPY data /data\n",
    "worker/data": "worker\n",
    "build.toml": '[images.api]\ndockerfile = "api/Dockerfile"\ncontext = "api"\n'
    'test = [["grep", "-q", "api", "/data"]]\n'
    '[images.worker]\ndockerfile = "worker/Dockerfile"\ncontext = "worker"\nattest = []\n',
}


@pytest.fixture
def split(scratch: Scratch) -> Scratch:
    scratch.write({**FILES, ".gitignore": "parts/\n*.json\n"})
    scratch.commit_all()
    return scratch


@pytest.fixture
def remote(split: Scratch, tmp_path: Path) -> Iterator[str]:
    """Give a builder that can push by digest, which Docker's own driver cannot."""
    name, before = f"test-{uuid4().hex}", dict(split.environ)
    split.environ["BUILDX_CONFIG"] = str(tmp_path / "buildx")
    with remote_builder(before, tmp_path / "buildx", name):
        yield name


def stage(split: Scratch, platform: str, *flags: str, parts: str = "parts") -> Ran:
    return split.tool("stage", "--debug", "--domain", split.registry, "--platform", platform, "--part", parts, *flags)


def merge(split: Scratch, *flags: str) -> Ran:
    return split.tool("merge", "--debug", "--domain", split.registry, "--part", "parts", *flags)


def staged(split: Scratch, *flags: str) -> list[Ran]:
    done = [stage(split, platform, *flags) for platform in PLATFORMS]
    assert [one.code for one in done] == [0, 0], "\n".join(one.err for one in done)
    return done


def baked(done: Ran) -> int:
    return sum(line.startswith("+ docker buildx bake") for line in done.err.splitlines())


def machine(split: Scratch, platform: str, image: str = "api") -> str:
    command = 'crane export --platform "$1" "$2" - | tar -xO machine'
    return split.run("sh", "-c", command, "-", platform, f"{split.path}/{image}:main").out.strip()


def part_tags(split: Scratch) -> set[str]:
    return {f"{split.commit}-main.{platform.replace('/', '-')}" for platform in PLATFORMS}


def test_two_parts_are_one_image_with_all_its_tags(split: Scratch):
    first, second = staged(split)
    assert split.tags("api") == split.tags("worker") == part_tags(split)

    done = merge(split, "--version", "v1.2.3")

    assert done.code == 0, done.err
    for image in ("api", "worker"):
        assert split.tags(image) - part_tags(split) == {f"{split.commit}-main", "main", "v1.2.3", "latest"}
        assert len({split.digest(image, tag) for tag in split.tags(image) - part_tags(split)}) == 1
        assert platforms(split.manifest(image, "latest")) == set(PLATFORMS)
    assert baked(done) == 0
    assert {machine(split, platform) for platform in PLATFORMS} == {"aarch64", "x86_64"}
    assert done.out.splitlines() == [
        f"{split.path}/{image}:{split.commit}-main@{split.digest(image, 'main')}" for image in ("api", "worker")
    ]
    assert "uname" in first.err
    assert "Testing api on linux/amd64" in second.err
    assert "Testing" not in done.err


def test_the_merged_image_is_what_one_run_would_have_published(split: Scratch):
    staged(split)
    assert merge(split).code == 0
    merged = {image: split.manifest(image, "main") for image in ("api", "worker")}

    verified = split.tool("verify", "--domain", split.registry)
    pushed = split.tool("push", "--domain", split.registry, "--rebuild")

    assert verified.code == 0, verified.err
    assert pushed.code == 0, pushed.err
    for image, index in merged.items():
        whole = split.manifest(image, "main")
        assert index["annotations"] == whole["annotations"]
        assert [entry["platform"] for entry in index["manifests"]] == [
            entry["platform"] for entry in whole["manifests"]
        ]
    assert len(merged["api"]["manifests"]) == 4  # an attestation for each platform
    assert json.loads(merged["api"]["annotations"][RECORD])["bases"].keys() == {"docker.io/library/busybox:1.37"}


def test_a_builder_that_can_pushes_by_digest_and_leaves_no_tag(split: Scratch, remote: str):
    first, second = staged(split, "--builder", remote)

    assert split.tags("api") == split.tags("worker") == set()
    assert [line.partition("@")[0] for line in first.out.splitlines()] == [f"{split.path}/api", f"{split.path}/worker"]
    done = merge(split)

    assert done.code == 0, done.err
    assert split.tags("api") == split.tags("worker") == {f"{split.commit}-main", "main", "latest"}
    assert platforms(split.manifest("worker", "latest")) == set(PLATFORMS)
    assert {machine(split, platform) for platform in PLATFORMS} == {"aarch64", "x86_64"}
    assert len(second.out.splitlines()) == 2


def test_every_registry_gets_the_same_bytes(split: Scratch, second_registry: str, remote: str):
    split.write(
        {
            "build.toml": f'[[registry]]\ndomain = "{split.registry}"\n[[registry]]\ndomain = "{second_registry}"\n'
            + FILES["build.toml"]
        }
    )
    split.commit_all()
    for platform in PLATFORMS:
        done = split.tool("stage", "--platform", platform, "--part", "parts", "--builder", remote)
        assert done.code == 0, done.err

    merged = split.tool("merge", "--part", "parts")

    assert merged.code == 0, merged.err
    other = split.crane("digest", f"{second_registry}/{split.repository.lower()}/api:latest").strip()
    assert other == split.digest("api", "latest")
    assert len(merged.out.splitlines()) == 4


def test_a_part_that_fails_leaves_all_tags_as_they_were_and_staging_it_again_heals(split: Scratch):
    broken = "FROM busybox:1.37\nARG TARGETARCH\nCOPY data /data\nRUN test $TARGETARCH != amd64 || exit 3\n"
    split.write({"api/Dockerfile": broken})
    split.commit_all()
    assert stage(split, "linux/arm64").code == 0
    assert stage(split, "linux/amd64").code == 7

    missing = merge(split)

    assert missing.code == 8
    assert missing.last.startswith(
        "docker-push: image api: nothing was staged for linux/amd64. Run docker.stage --image api"
    )
    for image in ("api", "worker"):
        assert not {f"{split.commit}-main", "main", "latest"} & split.tags(image)
    shutil.rmtree(split.root / "parts")
    split.write(FILES)
    split.commit_all()
    staged(split)
    assert merge(split).code == 0
    assert {"main", "latest"} <= split.tags("api") & split.tags("worker")


def test_a_part_that_fails_its_test_is_not_written(split: Scratch):
    split.write({"build.toml": FILES["build.toml"].replace('"api", "/data"', '"other", "/data"')})
    split.commit_all()

    done = stage(split, "linux/amd64")

    assert done.code == 8
    assert "on linux/amd64" in done.last
    assert not list((split.root / "parts").iterdir())
    assert merge(split).code == 8
    assert "main" not in split.tags("api")


def test_jobs_that_share_no_image_write_files_that_never_meet(split: Scratch):
    for image in ("api", "worker"):
        for platform in PLATFORMS:
            assert stage(split, platform, "--image", image).code == 0

    assert len(list((split.root / "parts").iterdir())) == 4
    assert merge(split).code == 0
    assert platforms(split.manifest("api", "main")) == set(PLATFORMS)


def test_a_job_that_is_run_again_replaces_its_part(split: Scratch):
    staged(split)
    assert stage(split, "linux/arm64", "--rebuild").code == 0

    assert len(list((split.root / "parts").iterdir())) == 2
    assert merge(split).code == 0


def test_two_merges_of_one_commit_agree(split: Scratch):
    staged(split)
    codes: list[int] = []
    runs = [threading.Thread(target=lambda: codes.append(merge(split, "--version", "v1.0.0").code)) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()

    assert codes == [0, 0]
    tags = split.tags("api") - part_tags(split)
    assert tags == {f"{split.commit}-main", "main", "v1.0.0", "latest"}
    assert len({split.digest("api", tag) for tag in tags}) == 1


def test_the_same_merge_again_is_done_without_its_parts(split: Scratch):
    staged(split)
    assert merge(split).code == 0
    before = split.digest("api", "main")
    shutil.rmtree(split.root / "parts")
    (split.root / "parts").mkdir()

    done = merge(split)

    assert done.code == 0, done.err
    assert split.digest("api", "main") == before


def test_a_second_commit_that_changes_nothing_is_adopted_without_a_part(split: Scratch):
    staged(split)
    assert merge(split).code == 0
    before = split.digest("api", "main"), split.digest("worker", "main")
    shutil.rmtree(split.root / "parts")
    split.write({"worker/data": "other\n"})
    split.commit_all()

    runs = staged(split)
    done = merge(split)

    assert done.code == 0, done.err
    assert all("api: adopt (unchanged since main)" in run.err for run in (*runs, done))
    assert all("Building worker" in run.err for run in runs)
    assert split.digest("api", "latest") == split.digest("api", f"{split.commit}-main") == before[0]
    assert split.digest("worker", "latest") != before[1]


def test_an_image_that_only_runners_found_unchanged_is_adopted(split: Scratch):
    """Its branch went on to something else between the jobs and the merge."""
    staged(split)
    assert merge(split).code == 0
    before = split.digest("api", "main")
    shutil.rmtree(split.root / "parts")
    split.git("commit", "--quiet", "--allow-empty", "--message", "nothing")
    split.push_to_origin()
    staged(split)
    for tag in ("main", "latest"):
        split.crane("copy", f"{split.path}/worker:main", f"{split.path}/api:{tag}")

    done = merge(split, "--allow-older")

    assert done.code == 0, done.err
    assert split.digest("api", f"{split.commit}-main") == before


def test_parts_of_another_commit_are_refused(split: Scratch):
    staged(split)
    split.write({"api/data": "two\n"})
    split.commit_all()

    done = merge(split)

    assert done.code == 8
    assert "is of the commit" in done.last
    assert f"{split.commit}-main" not in split.tags("api")


def test_images_that_need_each_other_are_split_too(scratch: Scratch):
    scratch.write(
        {
            ".gitignore": "parts\n",
            ".dockerignore": "parts\n.git\n",
            "Dockerfile.base": "FROM busybox:1.37\nRUN uname -m > /base\n",
            "Dockerfile": "FROM base\nRUN cp /base /machine\n",
            "build.toml": '[images.api]\ncontexts = { base = "target:base" }\n[images.base]\ndockerfile = "Dockerfile.base"\n',
        }
    )
    scratch.commit_all()
    for platform in PLATFORMS:
        done = stage(scratch, platform, "--image", "api")
        assert done.code == 0, done.err

    assert merge(scratch, "--image", "api").code == 0
    assert scratch.tags("base") == set()
    assert {machine(scratch, platform) for platform in PLATFORMS} == {"aarch64", "x86_64"}


def test_one_platform_without_attestations_is_no_index(scratch: Scratch):
    scratch.write(
        {
            ".gitignore": "parts\n",
            ".dockerignore": "parts\n.git\n",
            "Dockerfile": "FROM scratch\nCOPY data /\n",
            "data": "1\n",
            "build.toml": '[images.api]\nattest = []\nplatforms = ["linux/amd64"]\n',
        }
    )
    scratch.commit_all()
    assert stage(scratch, "linux/amd64").code == 0

    done = merge(scratch)

    assert done.code == 0, done.err
    assert "config" in scratch.manifest("api", "latest")
    assert scratch.tool("verify", "--domain", scratch.registry).code == 0


def test_a_merge_needs_no_docker(split: Scratch, tmp_path: Path):
    split.write({"build.toml": FILES["build.toml"].replace('test = [["grep", "-q", "api", "/data"]]\n', "")})
    split.commit_all()
    staged(split)
    (tmp_path / "bin").mkdir()
    for name in ("git", "sh", "docker-push"):
        found = shutil.which(name, path=split.environ["PATH"])
        assert found
        (tmp_path / "bin" / name).symlink_to(found)

    done = split.tool("merge", "--domain", split.registry, "--part", "parts", PATH=str(tmp_path / "bin"))

    assert done.code == 0, done.err


def test_a_dry_run_of_a_merge_puts_nothing_and_says_what_is_missing(split: Scratch):
    assert stage(split, "linux/arm64").code == 0
    assert "nothing was staged for linux/amd64" in merge(split, "--dry-run").last
    assert stage(split, "linux/amd64").code == 0

    done = merge(split, "--dry-run")

    assert (done.code, done.out) == (0, "")
    assert split.tags("api") == part_tags(split)


def test_the_jobs_of_the_matrix_can_be_run_as_they_are_printed(split: Scratch):
    printed = split.tool("matrix", "--format", "github", "--domain", split.registry)
    assert printed.code == 0, printed.err
    jobs = json.loads(printed.out)["include"]
    assert printed.out.count("\n") == 1

    for job in jobs:
        command = 'docker-push stage --part parts --platform "$PLATFORM" $(printf -- "--image %s " $IMAGES)'
        done = split.run("sh", "-euc", command, IMAGES=job["images"], PLATFORM=job["platform"], DOMAIN=split.registry)
        assert done.code == 0, done.err

    assert merge(split).code == 0
    assert {job["runner"] for job in jobs} == {"ubuntu-24.04", "ubuntu-24.04-arm"}
