"""Images whose inputs did not change are not built: real engine, real registry, read back by crane."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scratch import Ran, Scratch, platforms

pytestmark = pytest.mark.engine

RECORD = "io.github.atomicloud.docker-push.inputs"
FILES = {
    "api/Dockerfile": "FROM busybox:1.37\nCOPY . /data\nRUN uname -m > /machine\n",
    "api/.dockerignore": "notes\n",
    "api/data": "api\n",
    "worker/Dockerfile": "FROM scratch\nCOPY data /data\n",
    "worker/data": "worker\n",
    "build.toml": '[defaults]\nattest = []\n[images.api]\ndockerfile = "api/Dockerfile"\ncontext = "api"\n'
    'attest = ["type=provenance,mode=min"]\n'
    '[images.worker]\ndockerfile = "worker/Dockerfile"\ncontext = "worker"\nplatforms = ["linux/amd64"]\n',
}


@pytest.fixture
def published(scratch: Scratch) -> Scratch:
    """Give a repository of two images, the first commit of which is published."""
    scratch.write(FILES)
    scratch.commit_all()
    done = push(scratch)
    assert done.code == 0, done.err
    assert baked(done) == 1
    return scratch


@pytest.fixture
def http_folder(tmp_path: Path) -> Iterator[str]:
    """Serve a folder with one file, and give its address."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "file").write_text("content\n")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def push(scratch: Scratch, *flags: str) -> Ran:
    return scratch.tool("push", "--debug", "--domain", scratch.registry, *flags)


def baked(done: Ran) -> int:
    return sum(line.startswith("+ docker buildx bake") for line in done.err.splitlines())


def commit(scratch: Scratch, files: dict[str, str] | None = None) -> None:
    scratch.write(files or {})
    scratch.git("commit", "--quiet", "--allow-empty", "--message", "empty")
    scratch.commit_all() if files else scratch.push_to_origin()


def actions(done: Ran) -> dict[str, str]:
    """Return what the plan said of each image."""
    lines = [line for line in done.err.splitlines() if line.startswith(("api: ", "worker: ", "base: "))]
    return {line.partition(":")[0]: line.partition(": ")[2] for line in lines}


def test_a_commit_that_changes_no_input_builds_nothing_and_gets_all_its_tags(published: Scratch):
    before = {image: published.digest(image, "main") for image in ("api", "worker")}
    commit(published)

    done = push(published, "--version", "v1.2.3")

    assert done.code == 0, done.err
    assert baked(done) == 0, done.err
    assert actions(done) == dict.fromkeys(before, "adopt (unchanged since main)")
    for image, digest in before.items():
        for tag in (f"{published.commit}-main", "main", "v1.2.3", "latest"):
            assert published.digest(image, tag) == digest
    assert platforms(published.manifest("api", "v1.2.3")) == {"linux/amd64", "linux/arm64"}
    assert [line.rpartition("@")[2] for line in done.out.splitlines()] == list(before.values())


def test_only_what_changed_is_built(published: Scratch):
    before = published.digest("api", "main"), published.digest("worker", "main")
    commit(published, {"worker/data": "other\n"})

    done = push(published)

    assert done.code == 0, done.err
    assert actions(done) == {
        "api": "adopt (unchanged since main)",
        "worker": "build (its inputs are not those of main)",
    }
    assert published.digest("api", "main") == before[0]
    assert published.digest("worker", "main") != before[1]


def test_a_file_that_is_ignored_changes_nothing(published: Scratch):
    commit(published, {"api/notes": "not sent\n", "README.md": "outside every context\n"})

    assert actions(push(published))["api"] == "adopt (unchanged since main)"


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "api/data").chmod(0o755),
        lambda root: (root / "api/empty").mkdir(),
        lambda root: (root / "api/link").symlink_to("data"),
        lambda root: (root / "api/.dockerignore").write_text("notes\ndata\n"),
        lambda root: (root / "api/Dockerfile.dockerignore").write_text("data\n"),
        lambda root: (root / "api/Dockerfile").write_text(FILES["api/Dockerfile"] + "RUN true\n"),
        lambda root: (root / "build.toml").write_text(FILES["build.toml"] + 'args = { A = "1" }\n'),
    ],
    ids=["mode", "empty-folder", "link", "ignore-file", "own-ignore-file", "dockerfile", "argument"],
)
def test_whatever_the_build_sees_counts(published: Scratch, change):
    change(published.root)
    commit(published)

    done = push(published, "--allow-dirty")

    assert "build (its inputs are not those of main)" in actions(done).values(), done.err


def test_times_do_not_count(published: Scratch):
    shutil.copytree(published.root / "api", published.root / "copy")
    shutil.rmtree(published.root / "api")
    (published.root / "copy").rename(published.root / "api")
    commit(published)

    assert actions(push(published))["api"] == "adopt (unchanged since main)"


def test_a_base_that_moved_is_built_on_again(scratch: Scratch):
    base = f"{scratch.path}/base:1"
    seed(scratch, base, "one\n")
    scratch.write({**FILES, "api/Dockerfile": f"FROM {base}\nCOPY data /copy\n"})
    scratch.commit_all()
    assert push(scratch).code == 0
    commit(scratch)
    assert actions(push(scratch))["api"] == "adopt (unchanged since main)"

    seed(scratch, base, "two\n")
    commit(scratch)
    done = push(scratch)

    assert done.code == 0, done.err
    assert actions(done)["api"].startswith(f"build ({base} is sha256:")
    assert "two" in scratch.run("sh", "-c", 'crane export "$1" - | tar -xO data', "-", f"{scratch.path}/api:main").out
    assert actions(done)["worker"] == "adopt (unchanged since main)"


def seed(scratch: Scratch, name: str, data: str) -> None:
    """Put an image of both platforms under ``name``."""
    folder = scratch.root.parent / "seed"
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY data /data\n")
    (folder / "data").write_text(data)
    argv = ["docker", "buildx", "build", "--push", "--platform", "linux/amd64,linux/arm64", "--tag", name, str(folder)]
    done = scratch.run(*argv)
    assert done.code == 0, done.err


def test_what_the_build_was_made_from_stands_in_the_registry(published: Scratch):
    record = json.loads(published.manifest("api", "main")["annotations"][RECORD])

    told = published.run("docker", "info", "--format", "{{json .RegistryConfig.Mirrors}}").out
    mirrors = json.loads(told) or ["docker.io"]
    mirror = mirrors[0].removeprefix("http://").rstrip("/")
    digest = published.crane("digest", f"{mirror}/library/busybox:1.37").strip()
    assert record["bases"] == {"docker.io/library/busybox:1.37": digest}
    assert "bases" not in json.loads(published.manifest("worker", "main")["annotations"][RECORD])


def test_rebuild_builds_what_is_unchanged(published: Scratch):
    commit(published)

    done = push(published, "--rebuild")

    assert done.code == 0, done.err
    assert baked(done) == 1
    assert all(text.startswith("build") for text in actions(done).values())


def test_an_image_of_a_url_is_always_built_and_the_plan_says_why(scratch: Scratch, http_folder: str):
    scratch.write({**FILES, "api/Dockerfile": f"FROM scratch\nADD {http_folder}/file /file\n"})
    scratch.commit_all()
    assert push(scratch).code == 0
    commit(scratch)

    done = push(scratch)

    assert done.code == 0, done.err
    assert actions(done)["api"].startswith("build (always built: ")
    assert http_folder in actions(done)["api"]


def test_a_dependency_that_changed_changes_what_needs_it(scratch: Scratch):
    scratch.write(
        {
            **FILES,
            "base/Dockerfile": "FROM busybox:1.37\nCOPY data /base\n",
            "base/data": "one\n",
            "api/Dockerfile": "FROM base\nCOPY data /data\n",
            "build.toml": '[images.base]\ndockerfile = "base/Dockerfile"\ncontext = "base"\n[images.api]\n'
            'dockerfile = "api/Dockerfile"\ncontext = "api"\ncontexts = { base = "target:base" }\n',
        }
    )
    scratch.commit_all()
    assert push(scratch).code == 0
    commit(scratch)
    assert set(actions(push(scratch)).values()) == {"adopt (unchanged since main)"}

    commit(scratch, {"base/data": "two\n"})
    done = push(scratch)

    assert done.code == 0, done.err
    assert set(actions(done).values()) == {"build (its inputs are not those of main)"}
    commit(scratch, {"api/data": "new\n"})
    done = push(scratch)
    assert actions(done) == {"base": "adopt (unchanged since main)", "api": "build (its inputs are not those of main)"}
    commit(scratch)
    assert set(actions(push(scratch)).values()) == {"adopt (unchanged since main)"}


def test_a_revert_that_brings_older_bytes_back_is_newer_than_what_it_reverts(published: Scratch):
    assert push(published, "--version", "v1.0.0").code == 0
    first = published.digest("worker", "main")
    commit(published, {"worker/data": "changed\n"})
    assert push(published).code == 0
    late = Path(shutil.copytree(published.root, published.root.with_name("late"), symlinks=True))
    commit(published, {"worker/data": FILES["worker/data"]})

    done = push(published)

    assert actions(done)["worker"] == "adopt (unchanged since v1.0.0)"
    assert published.digest("worker", "main") == published.digest("worker", "latest") == first
    old = published.run(
        "sh", "-c", 'cd "$1" && exec docker-push push --domain "$2"', "-", str(late), published.registry
    )
    assert old.code == 0, old.err
    assert published.digest("worker", "main") == published.digest("worker", "latest") == first


def test_another_machine_publishes_what_was_staged_without_a_build(published: Scratch):
    commit(published)
    staged = published.tool("stage", "--domain", published.registry)
    assert staged.code == 0, staged.err
    digest = published.digest("api", f"{published.commit}-main")

    done = published.tool("publish", "--domain", published.registry)

    assert done.code == 0, done.err
    assert published.digest("api", "main") == digest


def test_a_branch_takes_over_what_the_default_branch_published(published: Scratch):
    digest = published.digest("api", "main")
    published.git("checkout", "--quiet", "-b", "feature/A")
    commit(published)

    done = push(published)

    assert done.code == 0, done.err
    assert baked(done) == 0, done.err
    assert published.digest("api", "feature-a") == digest
    assert published.digest("api", "main") == digest


def test_the_same_command_again_is_green_although_a_base_has_moved_since(scratch: Scratch):
    base = f"{scratch.path}/base:1"
    seed(scratch, base, "one\n")
    scratch.write({**FILES, "api/Dockerfile": f"FROM {base}\n"})
    scratch.commit_all()
    assert push(scratch, "--version", "v1.0.0").code == 0
    commit(scratch)
    assert push(scratch, "--version", "v1.0.1").code == 0
    digest = scratch.digest("api", "v1.0.1")
    seed(scratch, base, "two\n")

    done = push(scratch, "--version", "v1.0.1")

    assert done.code == 0, done.err
    assert baked(done) == 0, done.err
    assert scratch.digest("api", "v1.0.1") == scratch.digest("api", "main") == digest


def test_what_was_published_without_a_build_is_verified_as_what_the_plan_says(published: Scratch):
    commit(published)
    assert push(published).code == 0

    done = published.tool("verify", "--domain", published.registry)
    assert done.code == 0, done.err


def test_a_file_that_changes_while_it_is_built_leaves_no_record_to_go_by(published: Scratch):
    published.write({"api/Dockerfile": "FROM busybox:1.37\nRUN sleep 3\nCOPY . /data\n"})
    published.commit_all()
    change = 'sleep 2; echo later > "$1/api/data"'
    with subprocess.Popen(["sh", "-c", change, "-", str(published.root)]):
        done = push(published, "--allow-dirty")
    assert done.code == 0, done.err
    assert RECORD not in published.manifest("api", "main")["annotations"]
    assert RECORD in published.manifest("worker", "main")["annotations"]
