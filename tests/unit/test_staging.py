"""What happens around bakes that fail: which are tried again, what is adopted in between, what is given up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from docker_push import pipeline
from docker_push.errors import BuildError, DockerPushError, PermissionDeniedError, RateLimitError, RegistryError
from docker_push.options import Flags
from docker_push.process import Completed
from docker_push.report import RunReport
from docker_push.run import opened
from examples_of import COMMIT
from recorded_programs import completed
from recorded_world import RecordedWorld

TWO = '[images.api]\n[images.worker]\nplatforms = ["linux/amd64"]\n'
RESET = "failed to push localhost:5000/x:y: failed to do request: connection reset by peer"
LIMIT = "failed to push localhost:5000/x:y: toomanyrequests: retry-after: 7s"
DENIED = "failed to push localhost:5000/x:y: denied: requested access to the resource is denied"


class Failing(RecordedWorld):
    """Give the n-th bake these errors, by image; images that ``through`` names are pushed before it fails."""

    def __init__(self, folder: Path, *bakes: Mapping[str, str], through: Sequence[str] = ()) -> None:
        super().__init__(folder)
        self.script = list(bakes)
        self.through = through
        self.baked: list[list[str]] = []
        self.slept: list[float] = []

    def bake(self, argv: Sequence[str], definition: Mapping[str, Any]) -> Completed:
        targets = definition["group"]["default"]["targets"]
        self.baked.append(targets)
        errors = self.script.pop(0) if self.script else {}
        if not errors:
            return super().bake(argv, definition)
        got = {**definition, "group": {"default": {"targets": [name for name in targets if name in self.through]}}}
        super().bake(argv, got)
        events = [
            {
                "digest": name,
                "name": f"[{name}] exporting to image",
                "completed": "2026-01-01T00:00:00Z",
                "error": error,
            }
            for name, error in errors.items()
        ]
        return completed(stderr=json.dumps({"vertexes": events}), status=1)

    def push(self, **flags: object) -> RunReport:
        surroundings = self.surroundings(sleep=self.slept.append)
        with opened(surroundings, Flags(**flags)) as run:  # type: ignore[arg-type]
            return pipeline.push(run)

    def tags(self, image: str) -> set[str]:
        return set(self.memory.tags(f"atomicloud/my-service/{image}"))


ALL = {f"{COMMIT}-main", "main", "latest"}


def world(folder: Path, *bakes: Mapping[str, str], text: str = TWO, through: Sequence[str] = ()) -> Failing:
    made = Failing(folder, *bakes, through=through)
    made.write(text)
    return made


def error_of(done: RunReport) -> DockerPushError:
    assert done.error is not None
    return done.error


def test_a_failure_that_passes_is_tried_again(tmp_path: Path):
    failing = world(tmp_path, {"api": RESET, "worker": RESET})

    done = failing.push()

    assert (done.error, failing.tags("api"), failing.tags("worker")) == (None, ALL, ALL)
    assert [entry.attempts for entry in done.images] == [2, 2]
    assert "trying api, worker again in 0.5 s (try 2 of 3)" in failing.text


def test_only_the_images_that_failed_are_built_again(tmp_path: Path):
    failing = world(tmp_path, {"worker": RESET}, through=("api",))

    done = failing.push()

    assert (done.error, failing.baked) == (None, [["api", "worker"], ["worker"]])


def test_three_tries_are_all(tmp_path: Path):
    failing = world(tmp_path, *[{"worker": RESET}] * 9)

    error = error_of(failing.push())

    assert isinstance(error, RegistryError)
    assert "after 3 tries" in error.message
    assert len(failing.baked) == 3
    assert not {"main", "latest"} & (failing.tags("api") | failing.tags("worker"))


def test_a_rate_limit_is_waited_for_as_long_as_it_asks(tmp_path: Path):
    failing = world(tmp_path, {"api": LIMIT}, {"api": LIMIT}, {"api": LIMIT})

    error = error_of(failing.push())

    assert isinstance(error, RateLimitError)
    assert failing.slept == pytest.approx([7.35, 7.35])


@pytest.mark.parametrize(("words", "kind"), [("exit code: 1", BuildError), (DENIED, PermissionDeniedError)])
def test_what_does_not_pass_is_not_tried_again(tmp_path: Path, words: str, kind: type[DockerPushError]):
    failing = world(tmp_path, {"worker": words})

    error = error_of(failing.push())

    assert (type(error), len(failing.baked), failing.slept) == (kind, 1, [])
    assert any("No moving tag was touched" in line for line in error.details)


def test_a_run_that_keeps_going_publishes_the_rest_and_says_which_failed(tmp_path: Path):
    failing = world(tmp_path, {"worker": "exit code: 1"})

    done = failing.push(keep_going=True)

    assert isinstance(done.error, BuildError)
    assert failing.baked == [["api", "worker"], ["api"]]
    assert (failing.tags("api"), failing.tags("worker")) == (ALL, set())
    assert "--keep-going" in failing.text
    assert [bool(entry.error) for entry in done.images] == [False, True]


def test_what_needs_a_failed_image_fails_with_it(tmp_path: Path):
    text = '[images.base]\n[images.api]\ncontexts = { base = "target:base" }\n[images.other]\n'
    failing = world(tmp_path, {"base": "exit code: 1"}, text=text)

    done = failing.push(keep_going=True)

    assert {entry.image.name: str(entry.error or "")[:35] for entry in done.images} == {
        "base": "image base: the build failed at [ba",
        "api": "image api needs base, which failed.",
        "other": "",
    }
    assert failing.tags("other") == ALL
    assert any("not published: image api needs base" in line for line in error_of(done).details)


def test_an_image_that_is_only_needed_has_three_tries_too(tmp_path: Path):
    text = '[images.base]\n[images.api]\ncontexts = { base = "target:base" }\n'
    failing = world(tmp_path, *[{"base": RESET}] * 9, text=text)

    assert "after 3 tries" in error_of(failing.push(images=("api",))).message
    assert len(failing.baked) == 3


def test_a_run_that_keeps_going_and_is_run_again_builds_only_what_failed(tmp_path: Path):
    failing = world(tmp_path, {"worker": "exit code: 1"})
    failing.push(keep_going=True)
    failing.baked.clear()

    done = failing.push(keep_going=True)

    assert (done.error, failing.baked) == (None, [["worker"]])


def test_a_registry_that_asks_for_too_long_a_wait_is_left(tmp_path: Path):
    failing = world(tmp_path, {"api": LIMIT.replace("7s", "30m")})

    assert isinstance(error_of(failing.push()), RateLimitError)
    assert (failing.slept, len(failing.baked)) == ([], 1)


def test_an_image_that_was_built_and_not_pushed_still_serves_those_that_need_it(tmp_path: Path):
    text = '[images.base]\n[images.api]\ncontexts = { base = "target:base" }\n'
    failing = world(tmp_path, {"base": DENIED}, text=text)

    done = failing.push(keep_going=True)

    assert isinstance(done.error, PermissionDeniedError)
    assert (failing.tags("api"), failing.tags("base")) == (ALL, set())


def test_a_neighbour_s_failures_take_no_try_from_an_image(tmp_path: Path):
    failing = world(tmp_path, {"worker": RESET}, {"worker": RESET}, {"api": RESET, "worker": RESET}, {"api": RESET})

    done = failing.push(keep_going=True)

    assert isinstance(done.error, RegistryError)
    assert (failing.tags("api"), failing.tags("worker")) == (ALL, set())
