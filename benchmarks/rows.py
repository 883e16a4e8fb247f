"""The rows of the table: what docker-push does, beside what does the same without it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bench import Bench
from engines import fresh_engine
from measure import Cost, Side, by_turns
from monorepo import Monorepo

SECONDS, MEMORY = "s", "MiB"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured: every round of both sides, in ``unit``; ``target`` is the ratio of their medians to reach."""

    name: str
    work: str
    against: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    target: float
    unit: str = SECONDS


@dataclass(frozen=True, kw_only=True)
class _Question:
    """A row that is still to be measured."""

    name: str
    work: str
    against: str
    target: float

    def timed(self, rounds: int, ours: Side, theirs: Side, times: int = 1) -> Row:
        """Measure the wall time of both sides, the bare one counted ``times`` times."""
        first, second = by_turns(rounds, ours, theirs)
        return self._row([one.seconds for one in first], [times * one.seconds for one in second], SECONDS)

    def peaks(self, ours: Side, theirs: Side) -> Row:
        """Measure the peak memory of both sides, once."""
        first, second = by_turns(1, ours, theirs)
        return self._row([one.peak / 1024 for one in first], [one.peak / 1024 for one in second], MEMORY)

    def _row(self, ours: Iterable[float], theirs: Iterable[float], unit: str) -> Row:
        return Row(
            name=self.name,
            work=self.work,
            against=self.against,
            target=self.target,
            ours=tuple(ours),
            theirs=tuple(theirs),
            unit=unit,
        )


def _after(prepare: Callable[[], object], side: Side) -> Side:
    """Return a side that is prepared before each run; only the run counts."""

    def run() -> Cost:
        prepare()
        return side()

    return run


def one_unchanged(bench: Bench) -> Row:
    """Publish one image again for a new commit that changes nothing of it."""
    repo = bench.repository("one", 1, extra=["nightly"])
    folder = repo.root / "services" / repo.names[0]

    def bare() -> Cost:
        tags = [part for tag in repo.tags() for part in ("--tag", f"{repo.bare(repo.names[0])}:{tag}")]
        argv = ["docker", "buildx", "build", "--push", "--platform", "linux/amd64,linux/arm64", *tags, "."]
        return bench.run(folder, *argv)

    question = _Question(
        name="one",
        work="one image, unchanged, four tags",
        against="`docker buildx build --push` with the same tags, warm",
        target=0.7,
    )
    return question.timed(bench.rounds, _after(repo.commit, lambda: bench.push(repo)), _after(repo.commit, bare))


def unchanged(bench: Bench) -> Row:
    """Publish every image of a repository again for a new commit that changes none of them."""
    repo = bench.monorepo
    ours, theirs = _after(repo.commit, lambda: bench.push(repo)), _after(repo.commit, lambda: bench.bake(repo))
    question = _Question(
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

    question = _Question(
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

    question = _Question(
        name=name, work=work, against="the same bake with the same attestations and caches", target=target
    )
    ours, theirs = _after(change, lambda: bench.push(repo)), _after(change, lambda: bench.bake(repo, cache="write"))
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

    question = _Question(
        name="tags",
        work=f"{repo.count} images × {len(moving)} tags moved and verified (`docker-push publish`)",
        against="a loop of `crane tag` and `crane digest`",
        target=0.5,
    )
    ours = _after(reset, lambda: bench.run(repo.root, "docker-push", "publish"))
    return question.timed(bench.rounds, ours, _after(reset, move_and_read))


def plan(bench: Bench) -> Row:
    """Plan a repository of many images."""
    repo = bench.repository("plan", bench.sizes.planned)
    question = _Question(
        name="plan",
        work=f"plan of {repo.count:,} images (`docker-push plan --offline`)",
        against="`docker buildx bake --print` of the same targets",
        target=1.0,
    )
    return question.timed(bench.rounds, lambda: _planned(bench, repo), lambda: bench.bake(repo, "--print"))


def plan_growth(bench: Bench) -> Row:
    """Plan ten times as many images: the bare side is the smaller plan, ten times."""
    few, many = bench.repository("few", bench.sizes.many // 10), bench.repository("many", bench.sizes.many)
    question = _Question(
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

    question = _Question(
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
    question = _Question(
        name="memory",
        work=f"peak memory, {repo.count:,} images unchanged",
        against=f"buildx itself for {few.count}",
        target=1.5,
    )
    return question.peaks(_after(repo.commit, lambda: bench.push(repo)), _after(few.commit, lambda: bench.bake(few)))


def nodes(bench: Bench) -> Row:
    """Publish an image whose steps compute, over two machines of one core each, and over one of them."""
    from spread import sides  # noqa: PLC0415 - needs what the tests need: namespaces, BuildKit of its module

    question = _Question(
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
    "nodes": nodes,
}
