"""Which images need not be built: staged for this commit already, or published from the same inputs before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from docker_push import fingerprint, tagging
from docker_push.context import Context
from docker_push.facts import Facts, Published, RepositoryFacts
from docker_push.options import Options
from docker_push.plan.model import ASKED, NEEDED, Action, PlannedImage
from docker_push.references import Digest

_SHORT = 19  # "sha256:" and twelve digits


def adopted(draft: PlannedImage, options: Options, context: Context, facts: Facts) -> PlannedImage:
    """Adopt what is staged for this commit, or published from the same inputs, complete, in every registry; else build."""
    seen = [facts.repositories.get(repository, RepositoryFacts()) for repository in draft.repositories]
    if options.rebuild:
        replaced = any(one.commit for one in seen)
        return replace(draft, why="--rebuild: what is staged for this commit is replaced") if replaced else draft
    staged = _staged(draft, context, seen)
    if staged.action is Action.ADOPT or not draft.publish:
        return staged
    unchanged = _unchanged(draft, facts, seen)
    return staged if unchanged is draft else unchanged


def _staged(draft: PlannedImage, context: Context, seen: Sequence[RepositoryFacts]) -> PlannedImage:
    """Adopt what is under our commit tag with our fingerprint, or was put there for having our inputs."""
    found = [one.commit for one in seen if one.commit]
    if not found or len(found) != len(seen):
        return draft
    keyed = all(entry.has_key(draft.key) for entry in found)
    if not keyed and tagging.is_dirty(context):
        return replace(draft, why="the working tree has changes: a commit does not say what they are")
    moving = fingerprint.moving_context(draft.options)
    if moving:
        return replace(draft, why=f"{moving} may hold something else by now: pin it by commit or digest")
    if not (keyed or all(entry.fingerprint == draft.fingerprint for entry in found)) or not _whole(draft, found):
        return replace(draft, why=f"{draft.commit_tag} is there, but from another plan or not complete")
    why = f"{draft.commit_tag} is already staged with this plan"
    digest, record = found[0].digest, found[0].record
    return replace(draft, action=Action.ADOPT, why=why, since=_since(seen), digest=digest, record=record)


def _since(seen: Sequence[RepositoryFacts]) -> str:
    """Return the earlier tag that has what our commit tag names, in every registry: a run before this one put it there unchanged."""
    same = all(one.same and one.commit and one.same.digest == one.commit.digest for one in seen)
    return seen[0].same_tag if same else ""


def _unchanged(draft: PlannedImage, facts: Facts, seen: Sequence[RepositoryFacts]) -> PlannedImage:
    """Adopt what was published from the same inputs; the same draft where nothing is known of them."""
    if reason := fingerprint.unkeyed(draft.options):
        return _built(draft, f"always built: {reason}")
    if draft.key is None or not facts.repositories:
        return draft
    found = [one.same for one in seen if one.same]
    if not found or len(found) != len(seen) or not _whole(draft, found):
        return _built(draft, _new(seen))
    record = found[0].record
    reason = "nothing says what its bases were" if record is None else _moved(record.moving, record.bases, facts)
    if reason:
        return _built(draft, reason)
    since = seen[0].same_tag
    why = f"unchanged since {since}"
    return replace(draft, action=Action.ADOPT, why=why, since=since, digest=found[0].digest, record=record)


def _built(draft: PlannedImage, reason: str) -> PlannedImage:
    """Say why an image is built; where a run says why it is about this image at all, that comes first."""
    return replace(draft, why=reason if draft.why in {ASKED, NEEDED} else f"{draft.why}; {reason}")


def _new(seen: Sequence[RepositoryFacts]) -> str:
    if any(one.same for one in seen):
        return "what was published from its inputs is not whole, or not the same, in every registry"
    other = next((one.other_tag for one in seen if one.other_tag), "")
    return f"its inputs are not those of {other}" if other else "nothing was published of it yet"


def _moved(moving: str, bases: Mapping[str, Digest], facts: Facts) -> str:
    """Return which source is another than it was, or may be; empty where all are the same."""
    if moving:
        return f"always built: {moving}"
    for name, digest in bases.items():
        now = facts.bases.get(name)
        if now is None:
            why = f": {facts.untold[name]}" if facts.untold.get(name) else ""
            return f"it cannot be told whether {name} is still the same{why}"
        if now != digest:
            return f"{name} is {str(now)[:_SHORT]} now, and was {str(digest)[:_SHORT]}"
    return ""


def _whole(draft: PlannedImage, found: Sequence[Published]) -> bool:
    """Tell whether all of it is in every registry, and the same in each."""
    complete = all(entry.complete and set(entry.platforms) == set(draft.platforms) for entry in found)
    return complete and len({entry.digest for entry in found}) == 1
