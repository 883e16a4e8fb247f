"""The forward-only rule: a moving tag never goes back to an older commit.

A moving tag is newer than us if some commit after ours on the remote's branch has a commit tag that names what the
moving tag names. Bytes alone do not tell: a revert brings an older commit's back, and they are newer then. Whoever moves a
tag has put its commit tag before, so that reading the moving tag first and the commit tags after it misses nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from docker_push.errors import VerificationError
from docker_push.history import History, Relation
from docker_push.metadata import REVISION
from docker_push.parallel import in_parallel
from docker_push.references import Digest, Repository, Tag
from docker_push.registry import Client, Descriptor

_FEW = 32  # commit tags that are looked up one by one before the repository's tags are listed
_SHORT = 12  # digits of a commit for a reader


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a moving tag may be put on our commit's bytes.

    ``why`` is the reason where it may not, and a warning where it may although nothing could be known. ``newer`` is the
    commit that published what stands there, where that is newer than ours. ``asked`` says that the remote or the registry
    had to be asked, which takes a while: the tag may be another's by then.
    """

    moves: bool
    why: str = ""
    newer: str | None = None
    asked: bool = True


def judge(
    client: Client,
    repository: Repository,
    tag: Tag,
    before: Descriptor,
    ours: Digest,
    history: History,
    commit_tag: Callable[[str], Tag],
) -> Verdict:
    """Decide whether ``tag``, which names ``before`` now, may be put on ``ours``; raises the registry's errors.

    ``commit_tag`` gives the commit tag of another commit of our branch. The registry is asked only where our commit is
    behind: once for each commit tag of a few newer commits; of many, for those alone that the list of tags holds.
    """
    relation = history.relation
    if before.digest == ours or relation in {Relation.TIP, Relation.AHEAD, Relation.ALONE}:
        return Verdict(moves=True)
    if relation is Relation.DIVERGED:
        return Verdict(moves=False, why=f"{tag} stays: {history.why}")
    if relation is Relation.UNKNOWN:
        why = f"{tag} is moved without knowing whether what it names is newer: {history.why}"
        return Verdict(moves=True, why=why)
    newer = _publisher(client, repository, before.digest, history.newer, commit_tag)
    newer = newer or _maker(client, repository, before.digest, history.newer)
    if newer is None and not history.cut:
        return Verdict(moves=True)
    return Verdict(moves=False, why=f"{tag} stays: {_reason(history, newer)}", newer=newer)


def _publisher(
    client: Client, repository: Repository, digest: Digest, newer: Sequence[str], commit_tag: Callable[[str], Tag]
) -> str | None:
    """Return the newest commit whose commit tag names these bytes."""

    def names_it(commit: str) -> bool:
        head = client.head(repository, commit_tag(commit))
        return head is not None and head.digest == digest

    if len(newer) > _FEW:
        listed = set(client.tags(repository))
        newer = [commit for commit in newer if str(commit_tag(commit)) in listed]
    for some in _batches(newer):
        found = [commit for commit, same in zip(some, in_parallel(names_it, some), strict=True) if same]
        if found:
            return found[0]
    return None


def _batches(commits: Sequence[str]) -> Iterator[Sequence[str]]:
    """Part the commits: the newest alone, for it is the likeliest, then a few at a time."""
    yield commits[:1]
    for start in range(1, len(commits), _FEW):
        yield commits[start : start + _FEW]


def _maker(client: Client, repository: Repository, digest: Digest, newer: Sequence[str]) -> str | None:
    """Return the commit that the bytes say they were made from, where that is a newer one.

    A second witness: a commit tag may have been deleted as old, or staged again by a run that got no further.
    """
    manifest = client.get(repository, digest)
    try:
        revision = manifest.annotations.get(REVISION)
    except VerificationError:
        return None  # somebody put something there that is no image: it tells of no commit
    return revision if revision in newer else None


def _reason(history: History, newer: str | None) -> str:
    ours = _shown(history.commit)
    if newer is None:
        return f"{history.ref} is more than {len(history.newer)} commits ahead of {ours}, too many to look at"
    return f"commit {_shown(newer)} has it under its commit tag and is newer on {history.ref} than {ours}"


def _shown(commit: str) -> str:
    return commit[:_SHORT] or "ours"
