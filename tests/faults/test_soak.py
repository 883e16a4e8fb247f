"""Pushers of many commits for ten minutes, while three requests of ten fail at random: the promises hold all the time.

``DOCKER_PUSH_SOAK_SECONDS`` says for how long, ``DOCKER_PUSH_SOAK_SEED`` repeats a run's dice (not its timing). Each pusher
has a proxy of its own before one registry, and is the only one to write there its commits' tags; ``main`` and ``latest``
belong to all. After each run they are read at the registry itself.
"""

from __future__ import annotations

import os
import resource
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from chaos import Chaos
from fault_proxy import fault_proxy
from invariants import state
from proxied_scratch import ProxiedScratch, build_toml, proxied
from scratch import Ran
from started_run import started
from watch import IMAGES, MOVING, Commit, Watch

pytestmark = pytest.mark.engine

LONG = 300.0  # seconds after which a run is taken for stuck
PUSHERS = 2
KEPT = 4  # failed commits of a pusher that are tried again
TOML = build_toml(images="[defaults]\nattest = []\n[images.api]\n[images.worker]\n", attempts=6)


class Bench:
    """The repository that all push, and what all share."""

    def __init__(self, registry: str, folder: Path, seed: str) -> None:
        self.folder, self.registry, self.seed = folder, registry, seed
        self.stack = ExitStack()
        self.author = self._scratch("author")
        self.watch = Watch(self.author)
        self.codes: Counter[int] = Counter()
        self.runs = self.peak = 0

    def _scratch(self, name: str) -> ProxiedScratch:
        folder = self.folder / name
        folder.mkdir(parents=True)
        proxy = self.stack.enter_context(fault_proxy(self.registry))
        scratch = proxied(folder, self.registry, proxy, "mark-of-the-soak")
        scratch.write({"build.toml": TOML})
        return scratch

    def pusher(self, number: int) -> Pusher:
        case = self._scratch(f"pusher-{number}")
        case.repository = self.author.repository
        return Pusher(self, case, f"{self.seed}-{number}")

    def commit(self, folder: Path, *, released: bool) -> Commit:
        """Make a commit on origin's branch, and a checkout of it."""
        with self.watch.lock:
            name, number = self.author.change(), len(self.watch.commits)
            checkout = folder / f"checkout-{number}"
            shutil.copytree(self.author.root, checkout, symlinks=True)
            version = f"v1.{number}.0" if released else ""
            commit = Commit(number=number, name=name, version=version, folder=checkout)
            self.watch.commits.append(commit)
            return commit

    def next_run(self) -> int:
        with self.watch.lock:
            self.runs += 1
            return self.runs

    def ended(self, run: int, code: int, peak: int) -> None:
        with self.watch.lock:
            self.watch.ended[run] = code
            self.codes[code] += 1
            self.peak = max(self.peak, peak)


class Pusher:
    """One job runner: it pushes commit after commit, and tries again what failed."""

    def __init__(self, bench: Bench, case: ProxiedScratch, seed: str) -> None:
        self.bench, self.case, self.watch = bench, case, bench.watch
        self.random = Random(seed)  # noqa: S311 - dice
        self.chaos = Chaos(f"{seed}-faults", bench.watch.touches.append)
        self.failed: list[Commit] = []

    def until(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            self.once()

    def once(self) -> Ran:
        """Push a new commit, or one that failed before, and look at everything.

        In one run of two no request of the builder fails: more of these get as far as the tags.
        """
        commit = self._commit()
        self.case.proxy.clear()
        self.case.proxy.fault(".*", "", self.chaos, who=self.random.choice(["ours", None]))
        done = self._push(commit)
        self.watch.words(commit, done)
        if done.code:
            print(f"soak: commit {commit.number}, exit code {done.code}: {done.last}")
        (self.watch.failure if done.code else self.watch.success)(commit, done)
        self.watch.look()
        self._keep(commit, done)
        return done

    def _commit(self) -> Commit:
        if self.failed and self.random.random() < 0.4:
            return self.failed.pop(self.random.randrange(len(self.failed)))
        return self.bench.commit(self.case.folder, released=self.random.random() < 0.4)

    def _push(self, commit: Commit) -> Ran:
        number = self.bench.next_run()
        self.chaos.run, self.chaos.commit = number, commit.number
        with started(self.case, "push", *commit.flags, folder=commit.folder) as run:
            try:
                done = run.end(LONG)
            except AssertionError as error:  # it did not end, or showed or left what it must not
                self.watch.violations.append(f"P5, P6: {error}")
                done = Ran(
                    -1 if run.process.poll() is None else run.process.returncode,
                    run.emitted.read_text("utf-8"),
                    run.err,
                )
            self.bench.ended(number, done.code, run.peak)
        for path in (run.said, run.emitted):
            path.unlink()
        return done

    def _keep(self, commit: Commit, done: Ran) -> None:
        if done.code:
            self.failed.append(commit)
        gone = self.failed[:-KEPT] if done.code else [commit]
        del self.failed[:-KEPT]
        for one in gone:
            shutil.rmtree(one.folder)


def report(bench: Bench, pushers: Sequence[Pusher]) -> None:
    """Print what was run, what failed, and what was found."""
    counts = sum((one.chaos.counts for one in pushers), Counter())
    passed = counts.pop("none", 0)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(
        f"soak: seed {bench.seed}: {bench.runs} runs of {len(bench.watch.commits)} commits, {bench.codes[0]} successes,"
        f" exit codes {dict(sorted(bench.codes.items()))};"
        f"\n  {counts.total()} faults, {passed} requests passed by the dice: {dict(counts.most_common())};"
        f"\n  {len(bench.watch.windows)} tags in the window without compare-and-set, {len(bench.watch.violations)} violations;"
        f"\n  memory: {bench.peak / 1024:.0f} MiB the tool's own process, {memory / 1024:.0f} MiB any child, at the most"
    )


@pytest.mark.soak
def test_three_faults_in_ten_requests_for_minutes(engine: dict[str, str], registry: str, tmp_path: Path):  # noqa: ARG001
    seconds = float(os.environ.get("DOCKER_PUSH_SOAK_SECONDS", "600"))
    seed = os.environ.get("DOCKER_PUSH_SOAK_SEED") or secrets.token_hex(4)
    print(f"soak: seed {seed}, {seconds:g} s")
    bench = Bench(registry, tmp_path, seed)
    with bench.stack:
        pushers = [bench.pusher(number) for number in range(PUSHERS)]
        deadline = time.monotonic() + seconds
        with ThreadPoolExecutor(PUSHERS) as pool:
            list(pool.map(lambda one: one.until(deadline), pushers))
        last = finish(bench, pushers[0])
        report(bench, pushers)

        assert bench.watch.violations == []
        assert last.code == 0, last.err
        assert bench.codes[0] > 1
        assert sum(one.chaos.counts.total() - one.chaos.counts["none"] for one in pushers) > bench.runs


def finish(bench: Bench, pusher: Pusher) -> Ran:
    """Push one more commit without a fault: all tags are its own, and every success before is there."""
    pusher.failed.clear()
    pusher.chaos.rate = 0.0
    done = pusher.once()
    newest = bench.watch.commits[-1]
    found = state(bench.author, IMAGES)
    for image in IMAGES:
        own = {found[image].get(tag) for tag in (newest.tag, *MOVING)}
        assert len(own) == 1, found[image]
        assert None not in own
    bench.watch.lasting()
    return done


def test_what_must_not_be_is_seen(engine: dict[str, str], registry: str, tmp_path: Path):  # noqa: ARG001
    """Without this the soak might be green for want of looking."""
    bench = Bench(registry, tmp_path, "0")
    with bench.stack:
        pusher, author = bench.pusher(0), bench.author
        pusher.chaos.rate = 0.0
        assert [pusher.once().code, pusher.once().code] == [0, 0]
        assert bench.watch.violations == []
        older, newer = bench.watch.commits
        newest = author.digest("worker", newer.tag)

        author.crane("tag", f"{author.path}/api:{older.tag}", "main")
        bench.watch.look()
        assert bench.watch.violations.pop() == "P7: api:main went back from commit 1 to 0"

        author.crane("tag", f"{author.path}/api:{newer.tag}", "main")
        bench.watch.look()
        assert bench.watch.violations == []

        author.crane("delete", f"{author.path}/worker@{newest}")
        bench.watch.look()
        bench.watch.lasting()
        assert {what.partition(":")[0] for what in bench.watch.violations} == {"P1", "P2"}
