"""What other tools leave behind when the same things fail: the table in docs/explanation/guarantees.md.

Run by ``nox -s compare``. Each row is a fault of tests/faults, each cell one run of a tool through the same proxy, before
the same registry, read at the registry itself. Every tool publishes one new image of two platforms under the same four
names, over an older image that ``main`` and ``latest`` name already.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import fault_rules
from fault_proxy import FaultProxy, fault_proxy
from fault_rules import errors, status
from proxied_scratch import ProxiedScratch, build_toml, proxied
from registry_process import registry_process
from scratch import Ran

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "guarantees.md"
BEGIN, END = "<!-- compare: begin -->", "<!-- compare: end -->"
TOOLS = ("docker-push", "buildx", "crane", "skopeo")
TAGS = ("commit", "main", "v1.2.3", "latest")
TOML = build_toml(images="[defaults]\nattest = []\n[images.api]\n")


@dataclass(frozen=True)
class Row:
    """One fault: what it is, how it is set up, and whether a newer commit is published before the run."""

    name: str
    what: str
    arrange: Callable[[FaultProxy], object] = lambda _proxy: None
    newer: bool = False
    taken: bool = False


def _limit(proxy: FaultProxy) -> object:
    body = errors("DENIED", "You have exceeded a secondary rate limit")
    return proxy.fault("PUT", "/manifests/main", status(403, body), count=2)


def _busy(proxy: FaultProxy) -> object:
    body = errors("TOOMANYREQUESTS", "slow down")
    return proxy.fault("PUT", "/manifests/main", status(429, body, {"Retry-After": "1"}), count=2)


ROWS = (
    Row("none", "nothing fails"),
    Row("R01", "500 for ever on the version's tag", lambda proxy: proxy.fault("PUT", "/manifests/v1", status(500))),
    Row("R02", "503 once on the first tag", lambda proxy: proxy.fault("PUT", "/manifests/[^s]", status(503), count=1)),
    Row("R03", "429, twice, with Retry-After, on `main`", _busy),
    Row("R04", "GitHub's rate limit, a 403, twice, on `main`", _limit),
    Row(
        "R05",
        "the answer to a layer's upload is lost",
        lambda proxy: proxy.fault("PUT", "/blobs/", fault_rules.lost, count=1),
    ),
    Row(
        "R06",
        "the answer to `main` is lost",
        lambda proxy: proxy.fault("PUT", "/manifests/main", fault_rules.lost, count=1),
    ),
    Row(
        "R07",
        "the connection breaks in a layer",
        lambda proxy: proxy.fault("PUT", "/blobs/", fault_rules.reset, count=1),
    ),
    Row("R26", "a newer commit was published meanwhile", newer=True),
    Row("R28", "the version exists with other bytes", taken=True),
)


class Bench:
    """A repository, its proxy, and the state from which each run starts."""

    def __init__(self, scratch: ProxiedScratch) -> None:
        self.scratch = scratch
        self.proxy = scratch.proxy

    def measure(self, row: Row, tool: str) -> str:
        """Run one tool against one fault and say what it left."""
        scratch = self.scratch
        self.proxy.clear()
        scratch.repository = f"AtomiCloud/compare-{uuid4().hex[:8]}"
        scratch.environ["GITHUB_REPO_REF"] = scratch.repository
        before = self._publish_before(row)
        row.arrange(self.proxy)
        done = getattr(self, f"_{tool.replace('-', '_')}")()
        self.proxy.clear()
        return _cell(done, before, self._found())

    def _publish_before(self, row: Row) -> Mapping[str, str]:
        """Publish the older image, and what the row wants to be there; return tag -> digest."""
        scratch = self.scratch
        scratch.change()
        old = self._push_plainly(f"{scratch.path}/api", "main", "latest")
        before = {"main": old, "latest": old}
        if row.taken:
            scratch.change()
            before["v1.2.3"] = self._push_plainly(f"{scratch.path}/api", "v1.2.3")
        scratch.change()
        if row.newer:
            ours = scratch.commit
            newer = scratch.change()
            digest = self._push_plainly(f"{scratch.path}/api", f"{newer}-main", "main", "latest")
            before |= {"main": digest, "latest": digest}
            scratch.git("checkout", "--quiet", "-B", "main", ours)
        self.source = f"{scratch.path}/source:new"
        self._push_plainly(f"{scratch.path}/source", "new")
        return before

    def _push_plainly(self, repository: str, *tags: str) -> str:
        """Push what is checked out straight to the registry; return the digest."""
        names = [word for tag in tags for word in ("--tag", f"{repository}:{tag}")]
        self._must("docker", "buildx", "build", "--push", *_PLATFORMS, *names, ".")
        return self._must("crane", "digest", f"{repository}:{tags[0]}").out.strip()

    def _must(self, *argv: str) -> Ran:
        done = self.scratch.run(*argv)
        if done.code:
            sys.exit(f"{shlex.join(argv)}: {done.err}")
        return done

    @property
    def _target(self) -> str:
        return f"{self.scratch.asked}/api"

    @property
    def _names(self) -> Sequence[str]:
        return (self.scratch.commit_tag, "main", "v1.2.3", "latest")

    def _docker_push(self) -> Ran:
        return self.scratch.run("docker-push", "push", "--version", "v1.2.3")

    def _buildx(self) -> Ran:
        names = [word for tag in self._names for word in ("--tag", f"{self._target}:{tag}")]
        return self.scratch.run("docker", "buildx", "build", "--push", *_PLATFORMS, *names, ".")

    def _crane(self) -> Ran:
        first, *others = self._names
        steps = [f"crane copy {self.source} {self._target}:{first}"]
        steps += [f"crane tag {self._target}:{first} {tag}" for tag in others]
        return self.scratch.run("sh", "-ec", "\n".join(steps))

    def _skopeo(self) -> Ran:
        copy = "skopeo copy --all --retry-times 3 --src-tls-verify=false --dest-tls-verify=false --dest-no-creds"
        steps = [f"{copy} docker://{self.source} docker://{self._target}:{tag}" for tag in self._names]
        return self.scratch.run("sh", "-ec", "\n".join(steps))

    def _found(self) -> Mapping[str, str]:
        return self.scratch.state()


_PLATFORMS = ("--platform", "linux/amd64,linux/arm64", "--provenance=false")


def _cell(done: Ran, before: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Say in a few words what a run left: whether it said so, and which names are new, old or missing."""
    new = found.get("commit")
    moved = [tag for tag in TAGS if tag in found and found[tag] != before.get(tag) and found[tag] == new]
    kept = [tag for tag in TAGS if tag in before and found.get(tag) == before[tag]]
    missing = [tag for tag in TAGS if tag not in found]
    other = [tag for tag in TAGS if tag not in (*moved, *kept, *missing)]
    said = "says done" if done.code == 0 else f"fails ({done.code})"
    parts = [f"new: {_all(moved)}"] if moved else ["nothing new"]
    parts += [f"as before: {_all(kept)}"] if kept else []
    parts += [f"other bytes: {_all(other)}"] if other else []
    parts += [f"missing: {_all(missing)}"] if missing else []
    return f"{said}; {'; '.join(parts)}"


def _all(tags: Sequence[str]) -> str:
    return "all four" if len(tags) == len(TAGS) else ", ".join(tags)


def table() -> str:
    """Return the table, measured now."""
    with tempfile.TemporaryDirectory(prefix="compare-") as name:
        folder = Path(name)
        (folder / "registry").mkdir()
        with registry_process(folder / "registry") as registry, fault_proxy(registry) as proxy:
            scratch = proxied(folder, registry, proxy, "mark-of-the-comparison")
            scratch.write({"build.toml": TOML})
            bench = Bench(scratch)
            lines = [f"| what fails | {' | '.join(TOOLS)} |", f"|---|{'---|' * len(TOOLS)}"]
            for row in ROWS:
                cells = [bench.measure(row, tool) for tool in TOOLS]
                lines.append(f"| {row.name}: {row.what} | {' | '.join(cells)} |")
                print(lines[-1], flush=True)
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the table into its page."""
    text = PAGE.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}", "utf-8")


if __name__ == "__main__":
    main()
