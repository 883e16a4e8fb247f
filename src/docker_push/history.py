"""What the remote's branch says of our commit: whether it is the tip, and which commits came after it.

The remote is asked for its tip; where that is our commit, one round trip is all. Else commits decide, without trees and
files: those that are here already, then those that the remote has, as far as needed. What decides must be exact, for a
checkout in CI holds one commit only:

- *All of the history* behind the tip is here (a whole clone; a fetch without an end): every answer is git's own.
- *A part of it* can only say that our commit is behind the tip, and only where every commit from the tip down to ours has
  one parent. Then whatever is behind the tip is in that chain or behind ours, and nothing behind ours is in the chain,
  for history has no cycles: the chain is ``ours..tip`` exactly. A merge on the way leads to commits of which the part does
  not show whether they are behind ours, so that an old commit would pass for a newer one: everything is fetched then.
- A part never says that our commit is *not* behind the tip: it is asked for more until our commit is there, or all is.

Any part shows that the tip is behind our commit where it shows it at all: what is cut off takes ancestors away, and adds none.
Where a checkout of a part hides it, and our commit is nowhere on the remote, our commit counts as off the branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from docker_push.ancestry import LIMIT, Commits, End
from docker_push.context import Context
from docker_push.errors import DockerPushError, InterruptedRunError
from docker_push.process import Runner, one_line
from docker_push.slugs import slug

if TYPE_CHECKING:
    from docker_push.remote import Remote

_WHOLE = 0x7FFFFFFF  # the depth that git takes for all of the history (git-fetch(1), shallow.txt)
_DEPTHS = (50, 1000, _WHOLE)


class Relation(str, Enum):
    """How our commit stands to the tip of the remote's branch."""

    TIP = "tip"  # it is the tip
    BEHIND = "behind"  # the tip descends from it
    AHEAD = "ahead"  # it descends from the tip: not pushed yet
    DIVERGED = "diverged"  # neither: a force push took it off the branch, or it never was on it
    ALONE = "alone"  # no remote has such a branch: nobody can be newer
    UNKNOWN = "unknown"  # the history is not to be had


@dataclass(frozen=True, kw_only=True)
class History:
    """What was seen of the remote's branch.

    ``ref`` is what was asked for, as in ``refs/heads/main``; ``commit`` is ours. ``newer`` are the commits in
    ``ours..tip``, the newest first; empty unless our commit is behind. ``cut``: there are more of them than are looked at
    (ancestry.LIMIT). ``why`` says in a sentence's words what an UNKNOWN or DIVERGED relation comes from. ``known`` says that
    it was seen a moment ago, so that nobody had to be asked now.
    """

    ref: str
    relation: Relation
    tip: str | None = None
    newer: tuple[str, ...] = ()
    why: str = ""
    known: bool = False
    commit: str = ""
    cut: bool = False


def observe(context: Context, runner: Runner, folder: Path, environ: Mapping[str, str]) -> History:
    """Ask the remote how our commit stands to what it has of our branch, pull request or git tag.

    ``runner``'s folder is the user's work tree, which is only read; ``folder`` is the run's own, for what is fetched.
    ``environ`` may hold the CI's address and token of the repository. Whatever keeps the history from being had is an
    UNKNOWN relation, with the cause in ``why``; only a signal is raised (InterruptedRunError). Every question to the remote
    is bounded.
    """
    from docker_push import remote as remotes  # noqa: PLC0415 - a run whose tags all stay asks no remote

    start = History(ref=_ref(context), relation=Relation.UNKNOWN, commit=context.commit)
    try:
        return _observed(context, start, remotes.find(runner, folder, environ, digits=len(context.commit)))
    except InterruptedRunError:
        raise
    except OSError as error:  # of the run's own folder: a full disk
        return replace(start, why=f"{error.filename or folder}: {error.strerror}")
    except DockerPushError as error:
        return replace(start, why=f"{error.message}. {error.hint}".rstrip(". "))


def _ref(context: Context) -> str:
    """Return the ref that is ours: a pull request's head is kept under a name of the forge's."""
    if context.pull_request is not None:
        kind = "merge-requests" if context.ci == "gitlab" else "pull"
        return f"refs/{kind}/{context.pull_request}/head"
    return f"refs/heads/{context.branch}" if context.tag is None else f"refs/tags/{context.tag}"


def _observed(context: Context, start: History, remote: Remote | None) -> History:
    if remote is None:
        return replace(start, relation=Relation.ALONE, why="the repository has no remote origin")
    names = _names(context, start.ref, remote)
    if len(names) > 1:
        shown = one_line(", ".join(sorted(names)))
        return replace(start, why=f"several branches of the remote have the slug {slug(context.branch or '')}: {shown}")
    if not names:
        return replace(start, relation=Relation.ALONE, why=f"the remote has no {start.ref}")
    ((ref, tip),) = names.items()
    start = replace(start, ref=ref, tip=tip)
    found = _from_here(start, remote) or _from_remote(start, remote)
    if found.relation is Relation.AHEAD and context.ci in {"github", "gitlab"}:
        # a CI builds what was pushed: the branch was ahead of its tip once, and was set back
        return replace(found, relation=Relation.DIVERGED, why=f"{ref} was set back to a commit before it")
    return found


def _names(context: Context, ref: str, remote: Remote) -> dict[str, str]:
    """Return the refs that may be ours and the commits that they point at: one, unless only a slug is known."""
    if context.tag is not None and context.pull_request is None:
        found = remote.refs("--tags", ref, f"{ref}^{{}}")
        peeled = found.get(f"{ref}^{{}}") or found.get(ref)  # what an annotated tag is put on
        return {ref: peeled} if peeled else {}
    if context.slug_only and context.pull_request is None:
        heads = remote.refs("--heads")
        return {name: tip for name, tip in heads.items() if slug(name.removeprefix("refs/heads/")) == context.branch}
    found = remote.refs(*(() if context.pull_request else ("--heads",)), ref)
    return {name: tip for name, tip in found.items() if name == ref}  # git matches any name that ends like this


def _from_here(start: History, remote: Remote) -> History | None:
    """Decide by the commits of the work tree, or by none; ``None`` where they do not tell."""
    if start.tip == start.commit:
        return replace(start, relation=Relation.TIP)
    work = remote.work
    if work is None or start.tip is None or not work.has(start.commit, start.tip):
        return None
    return _decided(start, work, start.tip)[0]


def _from_remote(start: History, remote: Remote) -> History:
    """Decide by what the remote has, asked for no more than is needed."""
    depths = [_WHOLE] if remote.borrowed else list(_DEPTHS)
    while depths:
        # the branch may have moved since; and it may be our commit's again
        tip = remote.fetch(start.ref, depths.pop(0))
        start = replace(start, tip=tip)
        found = _from_here(start, remote)
        if found:
            return found
        found, end = _decided(start, remote.commits, tip)
        if found:
            return found
        depths = depths[-1:] if end is End.MERGE else depths
    return replace(start, why="the remote's own history is cut off before it reaches our commit")


def _decided(start: History, commits: Commits, tip: str) -> tuple[History | None, End | None]:
    """Decide by the commits of one repository, which has the tip; else say what the part of history ended in."""
    ours, whole = start.commit, not commits.is_shallow
    if not commits.has(ours):
        return (_off(start) if whole else None), commits.chain(ours, tip)[1]
    only_ours, only_theirs = commits.apart(ours, tip)
    if only_theirs == 0:
        return replace(start, relation=Relation.AHEAD), None
    if whole and only_ours:
        return _off(start), None
    newer, end = (commits.newer(ours, tip), End.OURS) if whole else commits.chain(ours, tip)
    if end is not End.OURS:
        return None, end
    cut = len(newer) > LIMIT
    return replace(start, relation=Relation.BEHIND, newer=newer[:LIMIT], cut=cut), None


def _off(start: History) -> History:
    why = f"commit {start.commit[:12]} is not on {start.ref}, whose tip is {(start.tip or '')[:12]}"
    return replace(start, relation=Relation.DIVERGED, why=why)
