"""Twice the images are twice the work: counted in steps of the interpreter, which are the same on every machine, not in seconds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import pytest

from docker_push import bake, config, pipeline, report
from docker_push.config import BuildFile
from docker_push.observation import keyed, make_plan
from docker_push.options import Flags, Options, resolve
from docker_push.plan import Plan, plan
from docker_push.publish import State, TagOutcome
from docker_push.record import RECORD, Record
from docker_push.report import Staging
from docker_push.run import opened
from docker_push.tagging import TagKind
from examples_of import CONTEXT, DIGEST
from recorded_world import RecordedWorld

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

    before, of_threads = sys.gettrace(), threading.gettrace()
    threading.settrace(trace)
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
        threading.settrace(of_threads)  # type: ignore[arg-type]
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


class Published(RecordedWorld):
    """A world in which so many images were published by a commit before."""

    def of(self, count: int) -> Published:
        (self.folder / "ctx").mkdir(parents=True)
        (self.folder / "ctx" / "Dockerfile").write_text("FROM scratch\n")
        lines = ["[defaults]", 'dockerfile = "ctx/Dockerfile"', 'context = "ctx"']
        self.write("\n".join([*lines, *(f"[images.s{number}]" for number in range(count))]))
        with opened(self.surroundings(), Flags()) as run:
            planned = keyed(run, make_plan(run, look=False))
        for image in planned.published:
            record = Record(key=image.key or "", settings=image.settings, bases={}, moving="")
            self.memory.put_index(
                image.repositories[0].path,
                image.platforms,
                "main",
                "latest",
                annotations={RECORD: record.text()},
                note=image.name,
            )
        return self

    def push(self, **flags: bool) -> None:
        with opened(self.surroundings(), Flags(**flags)) as run:
            pipeline.push(run)


@pytest.mark.parametrize("flags", [{}, {"keep_going": True}], ids=str)
def test_a_push_of_what_is_unchanged_grows_no_faster_than_the_images(tmp_path: Path, flags: dict[str, bool]):
    few, many = (Published(tmp_path / str(count)).of(count) for count in (20, 80))
    Published(tmp_path / "first").of(2).push(**flags)  # what is made once is made here

    counts = steps(lambda: few.push(**flags)), steps(lambda: many.push(**flags))

    assert not any("bake" in argv for argv, _ in many.calls)
    assert len(many.memory.tags("atomicloud/my-service/s79")) == 3
    assert counts[1] <= 1.3 * 4 * counts[0]
