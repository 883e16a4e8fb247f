"""The rows of the table: what docker-push does, beside what does the same without it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench import Bench
from engines import fresh_engine
from measure import Cost
from monorepo import Monorepo
from question import Question, Row, after
from split import matrix, merge


def one_unchanged(bench: Bench) -> Row:
    """Publish one image again for a new commit that changes nothing of it."""
    repo = bench.repository("one", 1, extra=["nightly"])
    folder = repo.root / "services" / repo.names[0]

    def bare() -> Cost:
        tags = [part for tag in repo.tags() for part in ("--tag", f"{repo.bare(repo.names[0])}:{tag}")]
        argv = ["docker", "buildx", "build", "--push", "--platform", "linux/amd64,linux/arm64", *tags, "."]
        return bench.run(folder, *argv)

    question = Question(
        name="one",
        work="one image, unchanged, four tags",
        against="`docker buildx build --push` with the same tags, warm",
        target=0.7,
    )
    return question.timed(bench.rounds, after(repo.commit, lambda: bench.push(repo)), after(repo.commit, bare))


def unchanged(bench: Bench) -> Row:
    """Publish every image of a repository again for a new commit that changes none of them."""
    repo = bench.monorepo
    ours, theirs = after(repo.commit, lambda: bench.push(repo)), after(repo.commit, lambda: bench.bake(repo))
    question = Question(
        name="unchanged",
        work=f"{repo.count} images, unchanged",
        against="one `docker buildx bake --push`, warm",
        target=0.05,
    )
    return question.timed(bench.rounds, ours, theirs)


def fresh(bench: Bench) -> Row:
    """Publish the same where nothing was built before: each run has an engine of its own, with an empty cache."""
    repo = bench.monorepo

    def on_fresh_engine(work: Callable[[Mapping[str, str]], Cost]) -> Cost:
        repo.commit()
        with fresh_engine(bench.environ) as environ:
            return work(environ)

    question = Question(
        name="fresh",
        work=f"{repo.count} images, unchanged, fresh builder with an empty cache",
        against="the same bake on the same fresh builder with a registry cache",
        target=0.03,
    )
    return question.timed(
        bench.rounds,
        lambda: on_fresh_engine(lambda environ: bench.push(repo, environ=environ)),
        lambda: on_fresh_engine(lambda environ: bench.bake(repo, cache="read", environ=environ)),
    )


def changed(bench: Bench) -> Row:
    """Publish a repository of which every image has changed."""
    return _changed(bench, bench.monorepo.count, f"{bench.monorepo.count} images, all changed", 0.9, "changed")


def one_changed(bench: Bench) -> Row:
    """Publish a repository of which one image has changed."""
    return _changed(bench, 1, f"1 of {bench.monorepo.count} images changed", 0.1, "one-changed")


def _changed(bench: Bench, number: int, work: str, target: float, name: str) -> Row:
    repo = bench.monorepo

    def change() -> None:
        repo.change(number)

    question = Question(
        name=name, work=work, against="the same bake with the same attestations and caches", target=target
    )
    ours, theirs = after(change, lambda: bench.push(repo)), after(change, lambda: bench.bake(repo, cache="write"))
    return question.timed(bench.rounds, ours, theirs)


def tags(bench: Bench) -> Row:
    """Move three tags of every image from an older commit's bytes to a newer one's, and read them back."""
    repo = bench.files_only("tags", bench.sizes.tagged, extra=["nightly"])
    bench.push(repo)
    image = f"{bench.registry}/{repo.path}"
    before, moving = repo.tags()[0], repo.tags()[1:]
    repo.change(repo.count)
    bench.run(repo.root, "docker-push", "stage")
    staged = repo.tags()[0]

    def loop(commands: Callable[[str, str], list[list[str]]]) -> Cost:
        lines = [shlex.join(argv) for name in repo.names for tag in moving for argv in commands(f"{image}/{name}", tag)]
        script = bench.folder / "tags.sh"
        script.write_text("\n".join(["set -eu", *lines]))
        return bench.run(repo.root, "sh", script)

    def reset() -> None:
        loop(lambda name, tag: [["crane", "tag", f"{name}:{before}", tag]])

    def move_and_read() -> Cost:
        return loop(lambda name, tag: [["crane", "tag", f"{name}:{staged}", tag], ["crane", "digest", f"{name}:{tag}"]])

    question = Question(
        name="tags",
        work=f"{repo.count} images × {len(moving)} tags moved and verified (`docker-push publish`)",
        against="a loop of `crane tag` and `crane digest`",
        target=0.5,
    )
    ours = after(reset, lambda: bench.run(repo.root, "docker-push", "publish"))
    return question.timed(bench.rounds, ours, after(reset, move_and_read))


def plan(bench: Bench) -> Row:
    """Plan a repository of many images."""
    repo = bench.repository("plan", bench.sizes.planned)
    question = Question(
        name="plan",
        work=f"plan of {repo.count:,} images (`docker-push plan --offline`)",
        against="`docker buildx bake --print` of the same targets",
        target=1.0,
    )
    return question.timed(bench.rounds, lambda: _planned(bench, repo), lambda: bench.bake(repo, "--print"))


def plan_growth(bench: Bench) -> Row:
    """Plan ten times as many images: the bare side is the smaller plan, ten times."""
    few, many = bench.repository("few", bench.sizes.many // 10), bench.repository("many", bench.sizes.many)
    question = Question(
        name="plan-growth",
        work=f"plan of {many.count:,} images",
        against=f"ten times the plan of {few.count:,}",
        target=1.0,
    )
    return question.timed(bench.rounds, lambda: _planned(bench, many), lambda: _planned(bench, few), times=10)


def _planned(bench: Bench, repo: Monorepo) -> Cost:
    return bench.run(repo.root, "docker-push", "plan", "--offline")


def listing(bench: Bench) -> Row:
    """List the tasks: what every call of Invoke pays."""
    texts = {
        "ours": "from docker_push.tasks import namespace\n",
        "empty": "from invoke import task\n\n\n@task\ndef nothing(c):\n    pass\n",
    }
    for name, text in texts.items():
        (bench.plain / name).mkdir()
        (bench.plain / name / "tasks.py").write_text(text)

    def listed(name: str) -> Cost:
        return bench.run(bench.plain, "invoke", "--search-root", bench.plain / name, "--list")

    question = Question(
        name="list",
        work="`invoke --list`",
        against="the same beside a tasks.py with one empty task",
        target=1.2,
    )
    return question.timed(3 * bench.rounds, lambda: listed("ours"), lambda: listed("empty"))


def memory(bench: Bench) -> Row:
    """Publish a thousand unchanged images: the peak memory of the largest process."""
    repo, few = bench.files_only("memory", bench.sizes.remembered), bench.monorepo
    bench.push(repo)
    question = Question(
        name="memory",
        work=f"peak memory, {repo.count:,} images unchanged",
        against=f"buildx itself for {few.count}",
        target=1.5,
    )
    return question.peaks(after(repo.commit, lambda: bench.push(repo)), after(few.commit, lambda: bench.bake(few)))


def nodes(bench: Bench) -> Row:
    """Publish an image whose steps compute, over two machines of one core each, and over one of them."""
    from spread import sides  # noqa: PLC0415 - needs what the tests need: namespaces, BuildKit of its module

    question = Question(
        name="nodes",
        work="one image, its steps compute, a BuildKit node of one core for each platform (arm64 emulated on its node)",
        against="the same over one node of one core, which emulates arm64",
        target=1.0,
    )
    with sides(bench.folder, bench.environ, bench.sizes.turns) as (both, alone):
        return question.timed(bench.rounds, both, alone)


@dataclass(frozen=True)
class Point:
    """Seconds that both sides take for so many unchanged images."""

    images: int
    ours: float
    theirs: float


def curve(bench: Bench) -> list[Point]:
    """Measure the cost of unchanged images against their number, once each."""
    repo = bench.monorepo
    points = []
    for number in sorted({min(size, repo.count) for size in (1, 5, 10, 25, 50)}):
        names = repo.names[:number]
        flags = [part for name in names for part in ("--image", name)]
        repo.commit()
        ours = bench.push(repo, *flags)
        points.append(Point(number, ours.seconds, bench.bake(repo, *names).seconds))
    return points


ROWS: Mapping[str, Callable[[Bench], Row]] = {
    "list": listing,
    "plan": plan,
    "plan-growth": plan_growth,
    "one": one_unchanged,
    "unchanged": unchanged,
    "one-changed": one_changed,
    "changed": changed,
    "fresh": fresh,
    "tags": tags,
    "memory": memory,
    "matrix": matrix,
    "merge": merge,
    "nodes": nodes,
}
