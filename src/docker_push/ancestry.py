"""Who descends from whom, as git tells it of one repository that is only read.

Replace refs and grafts are left aside: they are one person's view of history, and what is published is everybody's. No
answer makes git fetch: in a partial clone a commit that is not there is simply not there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from docker_push.errors import ConfigError
from docker_push.process import Runner, one_line

LIMIT = 10_000  # commits of a branch that are looked at, the newest
_TIMEOUT = 120.0  # seconds: a walk over a very large history
_AS_IT_IS = {
    "LC_ALL": "C",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_NO_LAZY_FETCH": "1",  # git 2.44; before that --missing= alone keeps rev-list from fetching
    "GIT_OPTIONAL_LOCKS": "0",
}
_QUIET = "--missing=allow-any"


class End(Enum):
    """Where a walk from the tip along single parents ends."""

    OURS = "ours"
    MERGE = "merge"
    EDGE = "edge"


@dataclass(frozen=True, kw_only=True)
class Commits:
    """The commits of one repository: the work tree that the runner's folder is in, or the one that ``options`` name."""

    runner: Runner
    options: tuple[str, ...] = ()

    def ask(self, *arguments: str) -> str | None:
        """Return what git says, stripped; ``None`` where it fails."""
        runner = replace(self.runner, environ={**self.runner.environ, **_AS_IT_IS})
        done = runner.run(["git", *self.options, *arguments], timeout=_TIMEOUT)
        return done.stdout.strip() if done.status == 0 else None

    def has(self, *commits: str) -> bool:
        """Tell whether all these commits are there."""
        return set(commits) <= set((self.ask("rev-list", _QUIET, "--no-walk", *commits) or "").split())

    @property
    def is_shallow(self) -> bool:
        """Tell whether the history may be cut off; also where git does not say."""
        return self.ask("rev-parse", "--is-shallow-repository") != "false"

    def apart(self, ours: str, tip: str) -> tuple[int, int]:
        """Return how many commits only ``ours`` has behind it, and how many only ``tip`` has."""
        counts = self._walk("--left-right", "--count", f"{ours}...{tip}")
        return int(counts[0]), int(counts[1])

    def newer(self, ours: str, tip: str) -> tuple[str, ...]:
        """Return ``ours..tip``, children before parents and else by time, the newest first; one more than LIMIT at most."""
        return tuple(self._walk("--date-order", f"--max-count={LIMIT + 1}", f"{ours}..{tip}"))

    def chain(self, ours: str, tip: str) -> tuple[tuple[str, ...], End]:
        """Walk from the tip along single parents; see ``chain``."""
        text = self.ask("rev-list", _QUIET, "--parents", f"--max-count={LIMIT + 1}", tip) or ""
        return chain({line.split()[0]: line.split()[1:] for line in text.splitlines()}, ours, tip)

    def _walk(self, *arguments: str) -> list[str]:
        text = self.ask("rev-list", _QUIET, *arguments)
        if text is None:
            shown = one_line(" ".join(arguments))
            raise ConfigError(f"git cannot list the commits {shown}", hint="Run `git fsck` in the repository.")
        return text.split()


def chain(parents: Mapping[str, Sequence[str]], ours: str, tip: str) -> tuple[tuple[str, ...], End]:
    """Walk from the tip along single parents, and return the commits before the end and what the end is.

    ``parents`` is what is visible of the history: a commit at the edge of a shallow one has no parents there, as a root
    has none, and one that is not there at all counts as edge too. Where the end is OURS, the commits are exactly
    ``ours..tip`` of the whole history: everything else that is behind the tip is behind ours.
    """
    found: list[str] = []
    commit = tip
    while commit != ours:
        before = parents.get(commit, ())
        if len(before) != 1:
            return tuple(found), End.MERGE if before else End.EDGE
        found.append(commit)
        commit = before[0]
    return tuple(found), End.OURS
