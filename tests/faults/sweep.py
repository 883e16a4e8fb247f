"""Every request of a run, each failing in some way: what is looked at after each, and the runs of a push.

A clean push of two images with four tags is recorded. Then, for each of its requests and each fault, the same push is run
with that one request failing, and once more without: half of the times into an empty repository, half over an older
commit's tags. What must hold is said of the registry alone, as crane reads it at the registry itself, and of the order of
the requests; what the run says is compared with both.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import fault_rules
from fault_proxy import fault_proxy
from fault_rules import Action, Exchange, Seen, errors, passed, status
from invariants import State, early, flaws, index, rows, state, untrue
from proxied_scratch import ProxiedScratch, build_toml, proxied
from scratch import Ran

IMAGES = ("api", "worker")
MOVING = ("main", "v1.2.3", "latest")
FLAGS = ("push", "--version", "v1.2.3")
LONG = 60.0  # seconds after which a run is taken for stuck
FAULTS: dict[str, Action] = {
    "500": status(500, errors("UNKNOWN", "an injected failure")),
    "429": status(429, errors("TOOMANYREQUESTS", "slow down"), {"Retry-After": "0"}),
    "403": status(403, errors("DENIED", "an injected refusal")),
    "reset": fault_rules.reset,
    "lost": fault_rules.lost,
    "SIGTERM": passed,  # beside the signal, which the case sends
}
# One failure that may pass is never the end of a run; a refusal, or a signal, may be.
CODES = {"500": {0}, "429": {0}, "403": {0, 4}, "reset": {0}, "lost": {0}, "SIGTERM": {0, 143}}
# The tool's own git and docker are as in any run; only the images are as small as can be.
TOML = build_toml(images="[defaults]\nattest = []\n[images.api]\n[images.worker]\n")


@dataclass
class Case:
    """One run with one fault, and one after it; ``violations`` is what must not be."""

    number: int
    fault: str
    scratch: ProxiedScratch
    violations: list[str] = field(default_factory=list)
    hit: str = ""
    whole: set[str] = field(default_factory=set)
    images: tuple[str, ...] = IMAGES
    argv: tuple[str, ...] = FLAGS

    def check(self) -> None:
        proxy = self.scratch.proxy
        proxy.clear()
        before = state(self.scratch, self.images)
        proxy.nth(self.number, self._action())
        done = self._run()
        log = list(proxy.log)
        proxy.clear()
        self.hit = next((str(seen) for seen in log if seen.fault), "")
        after = state(self.scratch, self.images)
        self._check_code(done)
        self._check_state(done, before, after)
        for what in self._early(log, after):
            self._violate(f"P2: {what}")
        self._check_words(done, before, after)
        self._check_healing(after)

    def _early(self, log: Sequence[Seen], after: State) -> list[str]:
        return early(log, {image: self._named(image, after) for image in self.images}, MOVING)

    def _action(self) -> Action:
        action = FAULTS[self.fault]
        if self.fault != "SIGTERM":
            return action

        def act(exchange: Exchange) -> None:
            self.process.send_signal(signal.SIGTERM)
            action(exchange)

        return act

    def _run(self) -> Ran:
        self.process = subprocess.Popen(
            ["docker-push", *self.argv],
            cwd=self.scratch.root,
            env=self.scratch.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            out, err = self.process.communicate(timeout=LONG)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            self.violations.append("P6: the run did not end")
        done = Ran(self.process.returncode, out, err)
        try:
            self.scratch.assert_secret(done, set())
        except AssertionError as error:
            self.violations.append(f"P5: {error}")
        return done

    def _check_code(self, done: Ran) -> None:
        codes = CODES[self.fault] if self.hit else {0}
        codes = codes | {3, 5, 6} if self.hit.startswith("engine: GET /v2/ ") else codes  # docker login is not repeated
        self._require(done.code in codes, f"exit code {done.code}: {done.last}")
        self._require("Traceback" not in done.err, "a traceback")
        self._require(done.code == 0 or done.last.startswith("docker-push: "), f"the last line is {done.last!r}")

    def _check_state(self, done: Ran, before: State, after: State) -> None:
        ours = {image: after[image].get(self.scratch.commit_tag, "") for image in self.images}
        for image in self.images:
            for tag in MOVING:
                now = after[image].get(tag)
                self._require(now in {before[image].get(tag), ours[image]}, f"P2: {image}:{tag} is {now}")
            lost = {tag for tag in before[image] if tag not in after[image]}
            self._require(not lost, f"P2: {image} lost {lost}")
        if done.code == 0:
            self._check_success(done, after)
        elif any(after[image].get(tag) == ours[image] for image in self.images for tag in MOVING):
            wrong = self._flaws(after)
            self._require(not wrong, f"P2: a tag moved before all was whole: {wrong}")

    def _check_success(self, done: Ran, after: State) -> None:
        """Every tag is there and whole, and standard output says so, a line for each image."""
        lines = self._done(after)
        self._require(len(lines) == len(self.images), f"P1: success was reported of {after}")
        self._require(sorted(done.out.splitlines()) == lines, f"P1: standard output is {done.out!r}")
        wrong = self._flaws(after)
        self._require(not wrong, f"P1: success was reported of {wrong}")

    def _done(self, found: State) -> list[str]:
        """Return what standard output says of the images all of whose tags are this commit's."""
        tag = self.scratch.commit_tag
        return [
            f"{self.scratch.asked}/{image}:{tag}@{found[image][tag]}"
            for image in self.images
            if tag in found[image] and {found[image].get(name) for name in (tag, *MOVING)} == {found[image][tag]}
        ]

    def _flaws(self, found: State) -> list[str]:
        """Return what keeps this commit's images from being whole."""
        return [
            flaw for image in self.images for flaw in self._flaws_of(image, found[image].get(self.scratch.commit_tag))
        ]

    def _flaws_of(self, image: str, digest: str | None) -> list[str]:
        """Return what is wrong with one image; what was whole once is so."""
        if digest is None:
            return [f"{image} is not staged"]
        wrong = [] if digest in self.whole else flaws(self.scratch, image, digest, self.scratch.commit)
        self.whole |= set() if wrong else {digest}
        return wrong

    def _named(self, image: str, found: State) -> list[str]:
        """Return the digest of this commit's index and those of the manifests that it names."""
        digest = found[image].get(self.scratch.commit_tag)
        named = index(self.scratch, image, digest).get("manifests", []) if digest else []
        return [digest or "its index", *(entry["digest"] for entry in named)]

    def _check_words(self, done: Ran, before: State, after: State) -> None:
        """An error is one line that says the class, and above it what became of the tags; all of it is true."""
        for what in untrue(done.err, before, after, MOVING):
            self._violate(f"P2: not true: {what}")
        if done.code == 0:
            return
        for line in done.out.splitlines():
            self._require(line in self._done(after), f"P1: printed {line}, which is not done: {after}")
        untouched = "No moving tag was touched" in done.err or "Nothing was built" in done.err
        listed = {(row.image, row.tag) for row in rows(done.err)} >= {
            (one, tag) for one in self.images for tag in MOVING
        }
        before_all = self.fault == "SIGTERM" and after == before
        self._require(untouched or listed or before_all, f"what became of the tags is not said: {done.err[-800:]}")

    def _check_healing(self, before: State) -> None:
        """The same command is green, everything is right then, and nothing that was staged is built again."""
        tag = self.scratch.commit_tag
        again = self._run()
        after = state(self.scratch, self.images)
        self._require(again.code == 0, f"P3: the same command again ended with {again.code}: {again.last}")
        self._check_success(again, after)
        for image in self.images:
            digest = before[image].get(tag)
            if digest and self._flaws_of(image, digest) == []:
                self._require(f"{image}: adopt" in again.err, f"P3: {image} was whole and was not adopted")
                self._require(after[image].get(tag) == digest, f"P3: {image} was {digest}, is {after[image].get(tag)}")

    def _require(self, holds: object, what: str) -> None:
        if not holds:
            self._violate(what)

    def _violate(self, what: str) -> None:
        self.violations.append(f"request {self.number} ({self.hit}) x {self.fault}: {what}")


@contextmanager
def prepared(registry: str, folder: Path) -> Iterator[ProxiedScratch]:
    """Give a repository of two images behind a proxy of its own, one commit of which is published already."""
    folder.mkdir(parents=True)
    with fault_proxy(registry) as proxy:
        scratch = proxied(folder, registry, proxy, "mark-of-the-sweep")
        scratch.write({"build.toml": TOML})
        scratch.commit_all()
        done = scratch.tool("push", DOMAIN=registry)
        assert done.code == 0, done.err
        yield scratch


def fresh(scratch: ProxiedScratch, number: int, fault: str, older: str) -> None:
    """Give the next case a repository of its own, and content that no registry has seen.

    ``older`` is the repository whose tags it has already; nothing is in it without.
    """
    scratch.repository = f"AtomiCloud/sweep-{number}-{fault.lower()}-{uuid4().hex[:8]}"
    scratch.environ["GITHUB_REPO_REF"] = scratch.repository
    for image in IMAGES if older else ():
        for tag in ("main", "latest"):
            scratch.crane("copy", f"{older}/{image}:{tag}", f"{scratch.path}/{image}:{tag}")
    scratch.change()


def recorded(registry: str, folder: Path) -> int:
    """Return how many requests a clean push makes at the most; concurrency changes the number a little."""
    with prepared(registry, folder) as scratch:
        counts = []
        for number, older in enumerate(("", scratch.path)):
            scratch.proxy.clear()
            fresh(scratch, number, "clean", older)
            done = scratch.tool(*FLAGS)
            assert done.code == 0, done.err
            counts.append(len(scratch.proxy.log))
    return max(counts)


@dataclass
class Found:
    """What a sweep found: ``hits`` are the runs whose fault struck."""

    runs: int = 0
    hits: int = 0
    violations: list[str] = field(default_factory=list)

    def add(self, case: Case) -> None:
        self.runs += 1
        self.hits += bool(case.hit)
        self.violations += case.violations


Make = Callable[[int, str], Case]  # number of the request, and its fault


def swept(registry: str, folder: Path, chosen: Callable[[int, int], bool]) -> Found:
    """Run every chosen case of a push, two at a time."""
    total = recorded(registry, folder / "record")

    @contextmanager
    def worker(number: int) -> Iterator[Make]:
        with prepared(registry, folder / f"worker-{number}") as scratch:
            older = scratch.path

            def make(number: int, fault: str) -> Case:
                fresh(scratch, number, fault, older if number // len(FAULTS) % 2 else "")
                return Case(number, fault, scratch=scratch)

            yield make

    return swept_by(worker, total, chosen)


def swept_by(
    worker: Callable[[int], AbstractContextManager[Make]], total: int, chosen: Callable[[int, int], bool]
) -> Found:
    """Run every chosen case of a run of ``total`` requests, two at a time; each ``worker`` makes its cases."""
    cases = [
        (number, fault) for number in range(1, total + 1) for turn, fault in enumerate(FAULTS) if chosen(number, turn)
    ]
    waiting = iter(cases)
    lock = threading.Lock()
    found = Found()

    def work(one: int) -> None:
        with worker(one) as make:
            while True:
                with lock:
                    case = next(waiting, None)
                if case is None:
                    return
                ran = make(*case)
                ran.check()
                with lock:
                    found.add(ran)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
    hits, violations = found.hits, len(found.violations)
    print(f"sweep: {total} requests, {len(cases)} runs, {hits} of them hit by the fault, {violations} violations")
    return found


def assert_held(found: Found) -> None:
    """Check that the faults struck, but for the last requests that not every run makes, and that nothing gave way."""
    assert found.violations == []
    assert found.hits >= 0.8 * found.runs > 0
