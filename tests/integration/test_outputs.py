"""What a run leaves for a deployment: what is in its result is what crane sees in a real registry."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from scratch import SMALL, Ran, Scratch

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "src/docker_push/result.schema.json").read_text("utf-8"))


@pytest.fixture
def two(scratch: Scratch) -> Scratch:
    scratch.write({**SMALL, "build.toml": "[images.api]\n[images.worker]\nplatforms = ['linux/amd64']\nattest = []\n"})
    scratch.commit_all()
    return scratch


def run(two: Scratch, task: str, *flags: str, code: int = 0) -> Ran:
    done = two.tool(task, "--domain", two.registry, "--result", "../result.json", *flags)
    assert done.code == code, done.err
    return done


def result(two: Scratch) -> dict:
    found = json.loads((two.root.parent / "result.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    return found


def test_the_result_is_what_crane_sees(two: Scratch):
    done = run(two, "push", "--version", "v1.2.3")

    found = result(two)
    assert (found["commit"], found["version"], found["repository"]) == (two.commit, "v1.2.3", two.repository)
    for name, image in found["images"].items():
        assert image["digest"] == two.digest(name, "latest")
        assert set(image["tags"]) == two.tags(name)
        for platform, digest in image["platforms"].items():
            assert two.crane("digest", "--platform", platform, f"{two.path}/{name}:main").strip() == digest
    assert [*found["images"]] == ["api", "worker"]
    assert done.out.splitlines() == [name for image in found["images"].values() for name in image["references"]]
    assert [two.crane("digest", name).strip() for name in done.out.splitlines()] == [
        image["digest"] for image in found["images"].values()
    ]


def test_what_is_staged_has_its_commit_tag_alone_and_publishing_adds_the_others(two: Scratch):
    run(two, "stage")
    staged = result(two)
    run(two, "publish")

    assert [image["tags"] for image in staged["images"].values()] == [[f"{two.commit}-main"]] * 2
    published = result(two)
    assert [image["digest"] for image in published["images"].values()] == [
        image["digest"] for image in staged["images"].values()
    ]
    assert {tuple(image["tags"]) for image in published["images"].values()} == {
        (f"{two.commit}-main", "main", "latest")
    }


def test_a_failed_run_leaves_its_error_in_place_of_what_was_there(two: Scratch):
    run(two, "push")
    before = result(two)
    two.write({"Dockerfile": "FROM busybox:1.37\nRUN exit 3\n"})
    two.commit_all()

    run(two, "push", code=7)

    found = result(two)
    assert before["images"].keys() == {"api", "worker"}
    assert (found["images"], found["error"]["code"], found["commit"]) == ({}, 7, two.commit)


def test_a_run_that_keeps_going_has_what_succeeded(two: Scratch):
    two.write({"bad/Dockerfile": "FROM busybox:1.37\nRUN exit 3\n"})
    two.write({"build.toml": "[images.api]\n[images.worker]\ncontext = 'bad'\ndockerfile = 'bad/Dockerfile'\n"})
    two.commit_all()

    run(two, "push", "--keep-going", code=7)

    found = result(two)
    assert found["images"].keys() == {"api"}
    assert found["images"]["api"]["digest"] == two.digest("api", "main")
    assert "worker" in found["error"]["message"]
