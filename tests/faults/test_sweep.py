"""Every request of a push, each failing in every way: the promises hold wherever the fault strikes.

A clean push of two images with four tags is recorded. Then, for each of its requests and each fault, the same push is run
with that one request failing, and once more without. What must hold is said of the registry alone, as crane reads it at
the registry itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import fault_rules
from fault_proxy import fault_proxy
from fault_rules import Action, Exchange, errors, passed, status
from proxied_scratch import ProxiedScratch, build_toml, proxied
from scratch import Ran, platforms

pytestmark = pytest.mark.engine

IMAGES = ("api", "worker")
MOVING = ("main", "v1.2.3", "latest")
CODES = {0, 3, 4, 5, 6, 7, 8, 9, 143}
BOTH = {"linux/amd64", "linux/arm64"}
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

    def check(self) -> None:
        proxy = self.scratch.proxy
        proxy.clear()
        rule = proxy.nth(self.number, self._action())
        done = self._run()
        self.hit = next((str(seen) for seen in proxy.log if seen.fault), "")
        if rule.hits:
            self._check_state(done)
            self._check_words(done)
        proxy.clear()
        whole = self._whole()
        again = self._run()
        self._require(again.code == 0, f"the same command again ended with {again.code}: {again.last}")
        self._require(self._state() == self._wanted(), f"after that the registry holds {self._state()}")
        for image in whole:
            self._require(f"{image}: adopt" in again.err, f"{image} was whole and was not adopted")

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
            ["docker-push", *FLAGS],
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
        return Ran(self.process.returncode, out, err)

    def _state(self) -> dict[str, dict[str, str]]:
        return {image: self.scratch.state(image) for image in IMAGES}

    def _wanted(self) -> dict[str, dict[str, str]]:
        """Return what a whole run leaves: four tags, one digest, for each image."""
        digests = {image: self.scratch.state(image).get("commit", "") for image in IMAGES}
        return {image: dict.fromkeys(("commit", *MOVING), digest) for image, digest in digests.items()}

    def _whole(self) -> list[str]:
        """Return the images that are staged as they should be."""
        return [image for image in IMAGES if self._platforms(image, self.scratch.state(image).get("commit")) == BOTH]

    def _platforms(self, image: str, digest: str | None) -> set[str]:
        if not digest:
            return set()
        found = self.scratch.run("crane", "manifest", f"{self.scratch.path}/{image}@{digest}")
        return platforms(json.loads(found.out)) if found.code == 0 else set()

    def _check_state(self, done: Ran) -> None:
        state = self._state()
        moved = {image: [tag for tag in MOVING if tag in state[image]] for image in IMAGES}
        self._require(done.code in CODES, f"exit code {done.code}")
        if done.code == 0:
            self._require(state == self._wanted(), f"P1: success was reported of {state}")
            self._require(len(self._whole()) == len(IMAGES), "P1: not every platform is there")
        if any(moved.values()):
            self._require(len(self._whole()) == len(IMAGES), f"P2: a tag moved before all was whole: {state}")
        for image in IMAGES:
            self._require(
                len(set(state[image].values())) <= 1, f"P2: {image} has tags of several digests: {state[image]}"
            )
        before_latest = all(set(MOVING[:2]) <= set(state[image]) for image in IMAGES)
        late = [image for image in IMAGES if "latest" in state[image]]
        self._require(not late or before_latest, f"latest moved before the others: {state}")

    def _check_words(self, done: Ran) -> None:
        """An error is one line that says the class, and above it what became of the tags."""
        self._require("Traceback" not in done.err, "a traceback")
        if done.code == 0:
            return
        self._require(done.last.startswith("docker-push: "), f"the last line is {done.last!r}")
        self._require(self.fault != "SIGTERM" or done.code == 143, f"SIGTERM ended with {done.code}")
        untouched = "No moving tag was touched" in done.err or "Nothing was built" in done.err
        listed = all(f"{image}:{tag} " in done.err for image in IMAGES for tag in MOVING)
        early = self.fault == "SIGTERM" and not self._state()["api"]
        self._require(untouched or listed or early, f"what became of the tags is not said: {done.err[-800:]}")

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            self.violations.append(f"request {self.number} ({self.hit}) x {self.fault}: {what}")


@contextmanager
def prepared(registry: str, folder: Path) -> Iterator[ProxiedScratch]:
    """Give a repository of two images behind a proxy of its own."""
    folder.mkdir(parents=True)
    with fault_proxy(registry) as proxy:
        scratch = proxied(folder, registry, proxy, "mark-of-the-sweep")
        scratch.write({"build.toml": TOML})
        yield scratch


def fresh(scratch: ProxiedScratch, number: int, fault: str) -> None:
    """Give the next case a repository in which nothing is, and content that no registry has seen."""
    scratch.repository = f"AtomiCloud/sweep-{number}-{fault.lower()}-{os.getpid()}-{threading.get_ident()}"
    scratch.environ["GITHUB_REPO_REF"] = scratch.repository
    scratch.change()


def recorded(registry: str, folder: Path) -> int:
    """Return how many requests a clean push makes; several runs, as concurrency changes the number a little."""
    with prepared(registry, folder) as scratch:
        counts = []
        for number in range(2):
            fresh(scratch, number, "clean")
            done = scratch.tool(*FLAGS)
            assert done.code == 0, done.err
            counts.append(len(scratch.proxy.log))
            scratch.proxy.clear()
    return max(counts)


def swept(registry: str, folder: Path, chosen: Callable[[int, int], bool]) -> tuple[int, list[str]]:
    """Run every chosen case, two at a time; return their number and every violation."""
    total = recorded(registry, folder / "record")
    cases = [
        (number, fault) for number in range(1, total + 1) for index, fault in enumerate(FAULTS) if chosen(number, index)
    ]
    waiting = iter(cases)
    lock = threading.Lock()

    def work(worker: int) -> list[str]:
        found: list[str] = []
        with prepared(registry, folder / f"worker-{worker}") as scratch:
            while True:
                with lock:
                    case = next(waiting, None)
                if case is None:
                    return found
                fresh(scratch, *case)
                one = Case(*case, scratch=scratch)
                one.check()
                found += one.violations

    with ThreadPoolExecutor(2) as pool:
        violations = [text for found in pool.map(work, range(2)) for text in found]
    print(f"sweep: {total} requests, {len(cases)} runs with a fault, {len(violations)} violations")
    return len(cases), violations


def test_every_request_fails_in_some_way(engine: dict[str, str], registry: str, tmp_path: Path):  # noqa: ARG001
    """Try each request once, with faults in turn; `nox -s soak` tries every request with every fault."""
    count, violations = swept(registry, tmp_path, lambda number, index: number % len(FAULTS) == index)

    assert count > 0
    assert violations == []


@pytest.mark.soak
def test_every_request_fails_in_every_way(engine: dict[str, str], registry: str, tmp_path: Path):  # noqa: ARG001
    count, violations = swept(registry, tmp_path, lambda _number, _index: True)

    assert count > 0
    assert violations == []
