"""What the rows share: sizes, folders, programs, and the repositories that several of them measure."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from measure import Cost, cost
from monorepo import FILES_ONLY, Monorepo

BIN = Path(sys.executable).parent
# what a CI would say of another repository; PYTHONDONTWRITEBYTECODE has every start compile all modules
_OTHERS = ("GITHUB_", "GITLAB_", "CI", "DOCKER_USER", "DOCKER_PASSWORD", "DOMAIN", "BUILDX_", "PYTHONDONTWRITEBYTECODE")


def clean_environ() -> dict[str, str]:
    """Return this process's environment as a laptop has it: no CI, no credentials."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
    return environ | {"PATH": f"{BIN}{os.pathsep}{environ['PATH']}"}


@dataclass(frozen=True)
class Sizes:
    """How many images each row is about."""

    images: int = 50
    tagged: int = 100
    planned: int = 1_000
    many: int = 10_000
    remembered: int = 1_000
    turns: int = 100_000


QUICK = Sizes(images=3, tagged=3, planned=50, many=500, remembered=6, turns=1_000)


@dataclass(frozen=True)
class Bench:
    """One run of the benchmark below ``folder``."""

    folder: Path
    registry: str
    rounds: int
    sizes: Sizes = field(default_factory=Sizes)
    environ: Mapping[str, str] = field(default_factory=clean_environ)

    def repository(self, name: str, count: int, dockerfile: str = "", extra: Sequence[str] = ()) -> Monorepo:
        """Make a repository of ``count`` images that nobody has built before."""
        root = self.folder / name
        root.mkdir()
        further = {"dockerfile": dockerfile} if dockerfile else {}
        return Monorepo(root, self.registry, count, self.environ, extra=extra, **further)

    def run(self, folder: Path, *argv: str | Path, environ: Mapping[str, str] | None = None) -> Cost:
        """Run a command in a folder and return what it cost."""
        return cost(argv, folder, environ or self.environ)

    def push(self, repo: Monorepo, *flags: str, environ: Mapping[str, str] | None = None) -> Cost:
        """Publish a repository's images with docker-push."""
        return self.run(repo.root, "docker-push", "push", *flags, environ=environ)

    def bake(self, repo: Monorepo, *targets: str, cache: str = "", environ: Mapping[str, str] | None = None) -> Cost:
        """Publish the same with the bare tool."""
        file = repo.bake_file(cache=cache)
        return self.run(repo.root, "docker", "buildx", "bake", "--file", file, *targets, environ=environ)

    @cached_property
    def monorepo(self) -> Monorepo:
        """Give the repository that most rows measure: published by both sides, with the caches of both in the registry."""
        repo = self.repository("monorepo", self.sizes.images)
        self.push(repo)
        self.bake(repo, cache="write")
        return repo

    @cached_property
    def plain(self) -> Path:
        """Give a folder without a git repository around it."""
        folder = self.folder / "plain"
        folder.mkdir()
        return folder

    def files_only(self, name: str, count: int, extra: Sequence[str] = ()) -> Monorepo:
        """Make a repository of images without steps: only their names and tags are of interest."""
        return self.repository(name, count, FILES_ONLY, extra)
