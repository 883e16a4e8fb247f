"""What pushers of many commits have published so far, and whether what the registry holds may be."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from chaos import Touch
from invariants import REVISION, flaws, index, rows, told
from proxied_scratch import ProxiedScratch
from scratch import Ran

IMAGES = ("api", "worker")
MOVING = ("main", "latest")
# Nobody asks for another configuration, nor takes a version; docker login takes any 403 for 3.
CODES = {0, 3, 4, 5, 6, 7, 8}


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit on origin's branch: ``number`` counts them from the oldest, ``folder`` is a checkout of it."""

    number: int
    name: str
    version: str
    folder: Path

    @property
    def tag(self) -> str:
        return f"{self.name}-main"

    @property
    def flags(self) -> tuple[str, ...]:
        return ("--version", self.version) if self.version else ()


@dataclass
class Watch:
    """What has been published so far, and whether what the registry holds may be."""

    reader: ProxiedScratch
    commits: list[Commit] = field(default_factory=list)
    succeeded: dict[int, set[str]] = field(default_factory=dict)  # commit -> its lines of standard output
    touches: list[Touch] = field(default_factory=list)
    ended: dict[int, int] = field(default_factory=dict)  # run -> exit code
    highest: dict[tuple[str, str], int] = field(default_factory=dict)
    whole: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    windows: set[tuple[str, str, int]] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def look(self) -> None:
        """Look at the moving tags of all images, and at what they name."""
        with self.lock:
            floor = max(self.succeeded, default=-1)
            lowest = {(image, tag): self.highest.get((image, tag), -1) for image in IMAGES for tag in MOVING}
        for (image, tag), low in lowest.items():
            digest = self._digest(image, tag)
            if digest is None:
                self._require(max(floor, low) < 0, f"P1: {image}:{tag} is not there")
                continue
            owner = self._owner(image, digest)
            if owner is None:
                self._violate(f"P2: {image}:{tag} names {digest}, which is no commit's")
                continue
            self._look_at_owner(image, tag, digest, owner)
            self._look_at_age(image, tag, owner.number, max(floor, low))

    def _look_at_owner(self, image: str, tag: str, digest: str, owner: Commit) -> None:
        """A moving tag names what its commit's tag names, and every image of that commit is whole."""
        staged = {one: self._digest(one, owner.tag) for one in IMAGES}
        self._require(staged[image] == digest, f"P2: {image}:{tag} is {digest}, {owner.tag} is {staged[image]}")
        for one, found in staged.items():
            wrong = self._flaws(one, found, owner) if found else [f"{one}:{owner.tag} is not there"]
            self._require(not wrong, f"P2: {image}:{tag} is commit {owner.number}, of which {wrong}")

    def _look_at_age(self, image: str, tag: str, number: int, floor: int) -> None:
        with self.lock:
            self.highest[image, tag] = max(number, self.highest.get((image, tag), -1))
            if number >= floor:
                return
            if self._is_window(image, tag, number):
                self.windows.add((image, tag, number))
                self.highest[image, tag] = number
            else:
                self._violate(f"P7: {image}:{tag} went back from commit {floor} to {number}")

    def _is_window(self, image: str, tag: str, number: int) -> bool:
        """Tell whether no run could have known better (docs/explanation/guarantees.md, "There is no compare-and-set").

        The older run's last look was before the newer one's put, its own put after that and after every look of a newer
        run that has ended well.
        """
        here = [touch for touch in self.touches if (touch.image, touch.tag) == (image, tag)]
        puts = [touch for touch in here if touch.put and touch.commit == number]
        if not puts:
            return False
        last = max(puts, key=lambda touch: touch.at)
        looks = [touch.at for touch in here if touch.run == last.run and not touch.put and touch.at < last.at]
        between = [touch for touch in here if touch.put and touch.commit > number and max(looks) < touch.at < last.at]
        seen = [
            touch for touch in here if touch.commit > number and touch.at > last.at and self.ended.get(touch.run) == 0
        ]
        return bool(between) and not seen

    def success(self, commit: Commit, done: Ran) -> None:
        """Note a success; all tags of the commit itself are there, and what it printed is true."""
        lines = set(done.out.splitlines())
        staged = {image: self._digest(image, commit.tag) for image in IMAGES}
        wanted = {f"{image}:{commit.tag}@{digest}" for image, digest in staged.items()}
        self._require({line.rpartition("/")[2] for line in lines} == wanted, f"P1: printed {lines}, there is {wanted}")
        for image, digest in staged.items():
            wrong = self._flaws(image, digest, commit) if digest else ["nothing"]
            self._require(not wrong, f"P1: success of commit {commit.number}: {wrong}")
            version = commit.version and self._digest(image, commit.version)
            self._require(not commit.version or version == digest, f"P1: {image}:{commit.version} is {version}")
        with self.lock:
            self.succeeded[commit.number] = wanted

    def failure(self, commit: Commit, done: Ran) -> None:
        """Compare what a failed run said of the commit's own tags with the registry; nobody else writes these."""
        for row in rows(done.err):
            now = self._digest(row.image, row.tag) if row.tag in {commit.tag, commit.version} else None
            if now and row.state in {"created", "unchanged"}:
                self._require(now.startswith(row.new), f"P2: said {row}, is {now}")
        for line in done.out.splitlines():  # of an image all of whose tags moved before another one failed
            image = line.rpartition("/")[2].partition(":")[0]
            true = line.endswith(f"/{image}:{commit.tag}@{self._digest(image, commit.tag)}")
            self._require(true, f"P1: printed {line} of commit {commit.number}")
        if commit.version:
            tags = {image: self._digest(image, commit.version) for image in IMAGES}
            staged = {image: self._digest(image, commit.tag) for image in IMAGES}
            wrong = {image: tag for image, tag in tags.items() if tag not in {None, staged[image]}}
            self._require(not wrong, f"P2: {commit.version} is {wrong}, commit {commit.number} is {staged}")
        self._require(
            not told(done.err) or rows(done.err) or "Staged and" in done.err, "P2: tags moved, none is listed"
        )

    def words(self, commit: Commit, done: Ran) -> None:
        """An exit code of the documented set, one line at the end, no traceback."""
        self._require(done.code in CODES, f"P4: commit {commit.number} ended with {done.code}: {done.last}")
        self._require("Traceback" not in done.err, f"P4: {done.err[-2000:]}")
        self._require(done.code == 0 or done.last.startswith("docker-push: "), f"P4: the last line is {done.last!r}")

    def lasting(self) -> None:
        """Whatever was once reported as a success is there still."""
        for number, lines in self.succeeded.items():
            commit = self.commits[number]
            now = {f"{image}:{commit.tag}@{self._digest(image, commit.tag)}" for image in IMAGES}
            self._require(now == lines, f"P1: commit {number} was {lines}, is {now}")
            for image in IMAGES if commit.version else ():
                same = self._digest(image, commit.version) == self._digest(image, commit.tag)
                self._require(same, f"P1: {image}:{commit.version} is another one now")

    def _digest(self, image: str, tag: str) -> str | None:
        found = self.reader.run("crane", "digest", f"{self.reader.path}/{image}:{tag}")
        return found.out.strip() if found.code == 0 else None

    def _owner(self, image: str, digest: str) -> Commit | None:
        revision = index(self.reader, image, digest).get("annotations", {}).get(REVISION)
        with self.lock:
            return next((one for one in self.commits if one.name == revision), None)

    def _flaws(self, image: str, digest: str, commit: Commit) -> list[str]:
        """Return what is wrong with an image; one that was whole stays so, but for what is looked at by its tag."""
        if self.whole.get((image, digest)) != []:
            self.whole[image, digest] = flaws(self.reader, image, digest, commit.name)
        return self.whole[image, digest]

    def _require(self, holds: object, what: str) -> None:
        if not holds:
            self._violate(what)

    def _violate(self, what: str) -> None:
        with self.lock:
            self.violations.append(what)
