"""The workflow that splits a run by platform, run by act from the real files; the tags are read back with crane."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scratch import Scratch, platforms
from workflow_runner import act, artifacts, call, clone, in_front, merged, pull_request, pushed

__all__ = ["clone"]
pytestmark = [pytest.mark.engine, pytest.mark.act]

SPLIT = "⚡reusable-docker-split.yaml"
PARTS = {"docker-push-part@api@linux+amd64", "docker-push-part@api@linux+arm64"}
# Stands before the tool, and fails as a runner does that is lost, as long as the file is there.
FLAKY = """\
case "$*" in *"stage "*"--platform linux/arm64"*) ! test -e "{file}" || exit 1 ;; esac
exec "{tool}" "$@"
"""


@pytest.fixture
def split(clone: Scratch) -> Scratch:
    clone.write({".github/workflows/split.yml": call(SPLIT, "api")})
    clone.commit_all()
    return clone


def of_parts(tag: str) -> set[str]:
    """Return the tags that docker's own driver, which cannot push by digest alone, leaves of the parts."""
    return {f"{tag}.linux-amd64", f"{tag}.linux-arm64"}


def test_each_platform_is_a_job_and_the_merge_moves_the_tags(split: Scratch):
    done = act(split, "push", "split.yml", pushed(split, "refs/heads/main"))

    assert done.code == 0, done.out + done.err
    tag = f"{split.commit}-main"
    assert split.tags("api") - of_parts(tag) == {tag, "main", "latest"}
    assert platforms(split.manifest("api", "latest")) == {"linux/amd64", "linux/arm64"}
    assert "Run Main Put the parts together" in done.out
    assert {path.name for path in artifacts(split).iterdir()} >= PARTS


def test_a_version_is_put_by_the_merge(split: Scratch):
    split.write({".github/workflows/split.yml": call(SPLIT, "api", version="v1.2.3")})
    split.commit_all()

    done = act(split, "push", "split.yml", pushed(split, "refs/heads/main"))

    assert done.code == 0, done.out + done.err
    tag = f"{split.commit}-main"
    assert split.tags("api") - of_parts(tag) == {tag, "main", "latest", "v1.2.3"}


def test_where_one_platform_fails_no_tag_moves_and_the_merge_is_red(split: Scratch):
    split.write({"Dockerfile": 'FROM busybox:1.37\nARG TARGETARCH\nRUN test "$TARGETARCH" != arm64\n'})
    split.commit_all()

    done = act(split, "push", "split.yml", pushed(split, "refs/heads/main"))

    assert done.code != 0
    assert split.tags("api") <= of_parts(f"{split.commit}-main")
    assert len([path for path in artifacts(split).iterdir() if path.name in PARTS]) == 1
    assert "No tag was moved: a job before this one failed" in done.out
    assert "Run Main Put the parts together" not in done.out


def test_jobs_that_failed_are_run_again_and_the_merge_succeeds(split: Scratch, tmp_path: Path):
    lost = tmp_path / "lost"
    lost.touch()
    in_front(split, "docker-push", FLAKY.replace("{file}", str(lost)))
    assert act(split, "push", "split.yml", pushed(split, "refs/heads/main")).code != 0
    assert not {"main", "latest"} & split.tags("api")
    lost.unlink()

    done = act(split, "push", "split.yml", pushed(split, "refs/heads/main"))

    assert done.code == 0, done.out + done.err
    assert {f"{split.commit}-main", "main", "latest"} <= split.tags("api")


def test_images_of_one_run_never_take_each_other_s_parts(clone: Scratch):
    names = ("api", "api-0", "jobs/api")
    tables = [f'[images."{name}"]\nplatforms = ["linux/amd64"]\nargs = {{ IS = "{name}" }}\n' for name in names]
    clone.write(
        {
            "build.toml": "".join(tables),
            "Dockerfile": "FROM busybox:1.37\nARG IS\nENV IS=$IS\n",
            ".github/workflows/split.yml": call(SPLIT, *names),
        }
    )
    clone.commit_all()

    done = act(clone, "push", "split.yml", pushed(clone, "refs/heads/main"))

    assert done.code == 0, done.out + done.err
    for name in names:
        assert "latest" in clone.tags(name)
        assert f"IS={name}" in clone.config(name, "latest")["config"]["Env"]
    assert {f"docker-push-part@{name}@linux+amd64" for name in ("api", "api-0", "jobs+api")} <= {
        path.name for path in artifacts(clone).iterdir()
    }


def test_a_pull_request_that_touches_nothing_of_the_image_has_no_job_but_the_merge(clone: Scratch):
    clone.write({".github/workflows/split.yml": call(SPLIT, "worker", only_changed=True)})
    clone.commit_all()
    head = merged(clone, {"Dockerfile": "FROM scratch\n"})

    done = act(clone, "pull_request", "split.yml", pull_request(clone, head))

    assert done.code == 0, done.out + done.err
    assert "Nothing to do: no image that was asked for is affected by what changed" in done.out
    assert "stage" not in done.out
    assert clone.tags("worker") == set()
    assert [path.name for path in artifacts(clone).iterdir()] == ["docker-push-worker"]  # and no part
    result = json.loads((artifacts(clone) / "docker-push-worker/docker-push.json").read_text())
    assert (result["images"], result["error"]) == ({}, None)


def test_a_pull_request_from_a_fork_is_built_and_nothing_is_pushed(split: Scratch):
    payload = pull_request(split, split.commit, origin="stranger/fork")

    done = act(split, "pull_request", "split.yml", payload)

    assert done.code == 0, done.out + done.err
    assert "Building api" in done.out
    assert split.tags("api") == set()
