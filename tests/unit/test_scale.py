"""Twice the images are twice the work: counted in steps of the interpreter, which are the same on every machine, not in seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

import pytest

from docker_push import bake, config, pipeline, report
from docker_push.config import BuildFile
from docker_push.options import Flags, Options, resolve
from docker_push.plan import Plan, plan
from docker_push.publish import State, TagOutcome
from docker_push.report import Staging
from docker_push.tagging import TagKind
from examples_of import CONTEXT, DIGEST

FEW, MANY = 100, 400


@dataclass(frozen=True)
class Monorepo:
    """A build.toml and all that is made of it before anything is built."""

    text: bytes
    file: BuildFile
    options: Options
    plan: Plan
    tags: tuple[TagOutcome, ...]


def monorepo(count: int) -> Monorepo:
    """Images in folders of their own, each but the first of ten built on that one, in groups of ten."""
    lines = ["[defaults]", 'dockerfile = "Dockerfile"']
    for number in range(count):
        lines += [f"[images.s{number}]", f'context = "services/s{number}"', f'args = {{ NUMBER = "{number}" }}']
        lines += [f'contexts = {{ base = "target:s{number - number % 10}" }}'] if number % 10 else []
    lines += ["[groups]", *(f'g{first} = ["s{first}", "s{first + 1}"]' for first in range(0, count, 10))]
    text = "\n".join(lines).encode()
    file = config.parse(text, "build.toml")
    options = resolve(file, Flags(images=tuple(file.groups)), {})
    planned = plan(options, CONTEXT)
    tags = tuple(
        TagOutcome(
            image=image.name,
            reference=image.staged(image.repositories[0]),
            kind=TagKind.COMMIT,
            before=None,
            after=DIGEST,
            state=State.CREATED,
        )
        for image in planned.images
    )
    return Monorepo(text, file, options, planned, tags)


def steps(work: Callable[[], object]) -> int:
    """Count the instructions of Python that some work takes, in whatever functions."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Callable[..., object]:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.fixture(scope="module")
def few() -> Monorepo:
    return monorepo(FEW)


@pytest.fixture(scope="module")
def many() -> Monorepo:
    return monorepo(MANY)


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda repo: config.parse(repo.text, "build.toml"), id="reading"),
        pytest.param(lambda repo: resolve(repo.file, Flags(), {}), id="options of all"),
        pytest.param(
            lambda repo: resolve(repo.file, Flags(images=tuple(repo.file.groups)), {}), id="options of groups"
        ),
        pytest.param(lambda repo: plan(repo.options, CONTEXT), id="planning"),
        pytest.param(lambda repo: pipeline.definition(repo.plan), id="a bake definition"),
        pytest.param(lambda repo: bake.batches(repo.plan, 50), id="batches"),
        pytest.param(lambda repo: report.plan_text(repo.plan), id="text"),
        pytest.param(lambda repo: report.plan_json(repo.plan), id="JSON"),
        pytest.param(lambda repo: report.outcome(repo.plan, Staging(digests={}), (), repo.tags), id="a report"),
    ],
)
def test_the_work_grows_no_faster_than_the_images(work: Callable[[Monorepo], object], few: Monorepo, many: Monorepo):
    work(few)  # what is made once is made here

    assert steps(lambda: work(many)) <= 1.3 * MANY / FEW * steps(lambda: work(few))
