"""R27, R29: many pushers at once, many images at once."""

from __future__ import annotations

import shutil
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from proxied_scratch import ProxiedScratch, build_toml
from started_run import StartedRun, started

pytestmark = pytest.mark.engine

BATCH = 50


def pushers(case: ProxiedScratch, count: int) -> list[tuple[Path, str]]:
    """Make so many commits, each with a checkout of its own, all of them on origin's branch."""
    made = []
    for number in range(count):
        commit = case.change()
        folder = case.folder / f"checkout-{number}"
        shutil.copytree(case.root, folder, symlinks=True)
        made.append((folder, commit))
    return made


def all_at_once(case: ProxiedScratch, count: int) -> None:
    """Push every commit at the same moment, each with a version of its own; look at what stands in the end."""
    made = pushers(case, count)
    with ExitStack() as stack:
        runs: list[StartedRun] = [
            stack.enter_context(
                started(case, "push", "--version", f"v1.{number}.0", folder=folder, DOMAIN=case.registry)
            )
            for number, (folder, _) in enumerate(made)
        ]
        ended = [run.end(600) for run in runs]

    assert [done.code for done in ended] == [0] * count, "\n".join(done.err[-1500:] for done in ended if done.code)
    staged = [case.digest("api", f"{commit}-main") for _, commit in made]
    assert len(set(staged)) == count
    assert [case.digest("api", f"v1.{number}.0") for number in range(count)] == staged
    assert case.digest("api", "main") == case.digest("api", "latest") == staged[-1]


def test_r27_several_pushers_at_once_lose_nothing(case: ProxiedScratch):
    all_at_once(case, 4)


@pytest.mark.soak
def test_r27_twenty_pushers_at_once_lose_nothing(case: ProxiedScratch):
    all_at_once(case, 20)


def images(count: int) -> str:
    """Return a build.toml of so many images, each of one file and one platform."""
    tables = "".join(f'[images.i{number:04}]\nargs = {{ NUMBER = "{number}" }}\n' for number in range(count))
    return build_toml(images=f'[defaults]\nattest = []\nplatforms = ["linux/amd64"]\n{tables}')


def in_batches(case: ProxiedScratch, count: int, memory: int) -> None:
    """Publish many images; kill the run when about half is built, and go on: only the rest is built.

    ``memory`` is the most that the tool's own process may use, in MiB.
    """
    case.write(
        {
            "Dockerfile": "FROM scratch\nARG NUMBER\nLABEL number=$NUMBER\nCOPY data /data\n",
            "build.toml": images(count),
        }
    )
    case.commit_all()
    batches = -(-count // BATCH)
    half = batches // 2
    with started(case, "push", DOMAIN=case.registry) as run:
        run.until(lambda: run.err.count("\nBuilding ") > half, f"batch {half + 1} of {batches}", 1800)
        run.send(signal.SIGKILL)
        run.ended_by(signal.SIGKILL, 60)
    assert case.tags("i0000") == {case.commit_tag}

    with started(case, "push", DOMAIN=case.registry) as run:
        done = run.end(1800)

    print(f"{count} images: {run.peak / 1024:.0f} MiB at the most")
    assert done.code == 0, done.err[-3000:]
    adopted = done.err.count(": adopt (")
    built = [line.split(", ") for line in done.err.splitlines() if line.startswith("Building ")]
    assert adopted >= half * BATCH
    assert sum(map(len, built)) == count - adopted
    assert max(map(len, built)) <= BATCH
    assert len(done.out.splitlines()) == count
    assert run.peak < memory << 10, f"{run.peak} KiB"
    for name in (f"i{number:04}" for number in range(0, count, max(1, count // 10))):
        assert case.tags(name) == {case.commit_tag, "main", "latest"}
        assert case.digest(name, "main") == case.digest(name, "latest") == case.digest(name, case.commit_tag)


def test_r29_more_images_than_one_bake_takes_go_on_after_a_kill(case: ProxiedScratch):
    in_batches(case, BATCH + 6, 120)


@pytest.mark.soak
def test_r29_a_thousand_images_go_on_after_a_kill(case: ProxiedScratch):
    in_batches(case, 1000, 150)
