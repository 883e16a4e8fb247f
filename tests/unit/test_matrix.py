from __future__ import annotations

import json
import time
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docker_push import matrix
from docker_push.errors import ConfigError
from docker_push.matrix import BUILT_IN, INCLUDED, Form, Job
from docker_push.references import Platform
from examples_of import AMD64, BOTH

ARM64, X64 = BOTH
S390X = Platform("linux", "s390x")
TWO = {"api": BOTH, "worker": AMD64}


def jobs(images=TWO, runners=None, form=Form.GITHUB, limit=None) -> tuple[Job, ...]:
    return matrix.jobs(images, runners or {}, form, limit)


def test_github_s_matrix_is_one_line_that_fits_runs_on():
    text = matrix.text(jobs(runners={X64: ("self-hosted", "big")}), Form.GITHUB)

    assert text == json.dumps(json.loads(text), separators=(",", ":"))
    assert json.loads(text) == {
        "include": [
            {"name": "api linux/arm64", "images": "api", "platform": "linux/arm64", "runner": "ubuntu-24.04-arm"},
            {"name": "api linux/amd64", "images": "api", "platform": "linux/amd64", "runner": ["self-hosted", "big"]},
            {
                "name": "worker linux/amd64",
                "images": "worker",
                "platform": "linux/amd64",
                "runner": ["self-hosted", "big"],
            },
        ]
    }


def test_gitlab_s_child_pipeline_merges_after_every_job():
    pipeline = json.loads(matrix.text(jobs({"api": BOTH}, form=Form.GITLAB), Form.GITLAB))

    assert pipeline == {
        "include": [{"local": INCLUDED}],
        "stages": ["docker-push-stage", "docker-push-merge"],
        "api linux/arm64": {
            "extends": ".docker-push-stage",
            "stage": "docker-push-stage",
            "tags": ["saas-linux-small-arm64"],
            "variables": {"DOCKER_PUSH_IMAGES": "api", "DOCKER_PUSH_PLATFORM": "linux/arm64"},
        },
        "api linux/amd64": {
            "extends": ".docker-push-stage",
            "stage": "docker-push-stage",
            "tags": ["saas-linux-small-amd64"],
            "variables": {"DOCKER_PUSH_IMAGES": "api", "DOCKER_PUSH_PLATFORM": "linux/amd64"},
        },
        "merge": {"extends": ".docker-push-merge", "stage": "docker-push-merge"},
    }


def test_a_child_pipeline_without_an_image_still_has_a_job():
    pipeline = json.loads(matrix.text((), Form.GITLAB))

    assert "extends" not in pipeline["merge"]
    assert pipeline["merge"]["script"]


def test_json_is_plain_and_has_a_schema():
    found = json.loads(matrix.text(jobs({"api": (S390X,)}, form=Form.JSON), Form.JSON))

    assert found == {
        "schema": 1,
        "jobs": [{"name": "api linux/s390x", "images": ["api"], "platform": "linux/s390x", "runner": []}],
    }


def test_text_is_a_line_for_each_job():
    assert matrix.text(jobs({"api": BOTH}, {ARM64: ("a", "b")}, Form.TEXT), Form.TEXT).splitlines() == [
        "api linux/arm64: api (runner: a, b)",
        "api linux/amd64: api (runner: any)",
    ]


@pytest.mark.parametrize("form", [Form.GITHUB, Form.GITLAB])
def test_a_platform_without_a_runner_is_an_error_that_names_the_table(form: Form):
    with pytest.raises(ConfigError, match="linux/s390x") as caught:
        jobs({"api": (*BOTH, S390X)}, form=form)

    assert "[runners] of build.toml" in caught.value.hint
    assert jobs({"api": (S390X,)}, {S390X: ("z",)}, form)[0].runner == ("z",)


def test_what_build_toml_says_wins_over_the_built_in_runner():
    (job,) = jobs({"api": AMD64}, {X64: ("mine",)})

    assert (job.runner, BUILT_IN[Form.GITHUB][X64]) == (("mine",), ("ubuntu-24.04",))


def test_no_more_jobs_than_github_takes_unless_told_otherwise():
    images = {f"image-{number}": BOTH for number in range(129)}

    assert len(jobs(images)) <= 256
    assert len(jobs(images, limit=258)) == 258
    assert len(jobs(images, form=Form.GITLAB)) == 258


def test_fewer_jobs_than_platforms_is_an_error():
    with pytest.raises(ConfigError, match="2 platforms need as many jobs, and 1 are allowed") as caught:
        jobs(limit=1)

    assert "--jobs" in caught.value.hint


def test_no_image_is_no_job():
    assert jobs({}, limit=1) == ()
    assert json.loads(matrix.text((), Form.GITHUB)) == {"include": []}


def test_long_names_stay_apart_and_short_enough():
    images = {"a" * 250 + str(number): AMD64 for number in range(20)}
    names = [job.name for job in jobs(images, limit=10)]

    assert len(set(names)) == 10
    assert max(map(len, names)) <= 255


PLATFORMS = st.lists(
    st.sampled_from([*BOTH, S390X, Platform("linux", "arm", "v7")]), min_size=1, max_size=4, unique=True
).map(tuple)
IMAGES = st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), PLATFORMS, min_size=1, max_size=60)
RUNNERS = dict.fromkeys((*BOTH, S390X, Platform("linux", "arm", "v7")), ("x",))


@given(IMAGES, st.integers(4, 70))
@example({"a": BOTH}, 4)
def test_every_platform_of_every_image_is_in_one_job_evenly_and_in_order(images, limit: int):
    found = jobs(images, RUNNERS, limit=limit)

    built = Counter((name, job.platform) for job in found for name in job.images)
    assert built == Counter((name, platform) for name, platforms in images.items() for platform in platforms)
    assert len(found) <= limit
    assert len({job.name for job in found}) == len(found)
    for platform in {job.platform for job in found}:
        some = [job.images for job in found if job.platform == platform]
        order = [name for name, platforms in images.items() if platform in platforms]
        assert [name for names in some for name in names] == order
        assert max(map(len, some)) - min(map(len, some)) <= 1


@given(IMAGES, st.integers(4, 70))
def test_no_job_has_more_images_than_it_must(images, limit: int):
    """One image fewer in each job would take more jobs than there may be."""
    largest = max(len(job.images) for job in jobs(images, RUNNERS, limit=limit))

    counts = Counter(platform for platforms in images.values() for platform in platforms)
    assert largest == 1 or sum(-(-count // (largest - 1)) for count in counts.values()) > limit


def test_ten_thousand_images_are_grouped_at_once():
    started = time.perf_counter()
    found = jobs({f"image-{number}": BOTH for number in range(10_000)})
    text = matrix.text(found, Form.GITHUB)

    assert time.perf_counter() - started < 1
    assert len(found) <= 256
    assert len(text) < 1024 * 1024  # what GitHub takes as the outputs of a job
