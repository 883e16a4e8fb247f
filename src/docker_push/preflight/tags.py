"""Whether the plan's tags may be put: versions that are free, and a history that tells who is newer."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from docker_push import history as histories
from docker_push.errors import ConfigError, DockerPushError, InterruptedRunError, OverwriteError
from docker_push.history import History, Relation
from docker_push.parallel import in_parallel
from docker_push.plan import Action, Plan, PlannedImage
from docker_push.preflight.model import Area, Check, failed, good, skipped, warning
from docker_push.references import Digest, Reference, Repository
from docker_push.run import Run
from docker_push.tagging import PlannedTag, TagKind

_HISTORY = (
    "Give the run access to the remote (git fetch), fetch the history (actions/checkout: fetch-depth: 0), or give"
    " --allow-older where going back is meant."
)


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A tag of an image in one repository."""

    image: PlannedImage
    repository: Repository
    tag: PlannedTag

    @property
    def reference(self) -> Reference:
        """Return the tag's full name."""
        return Reference(self.repository, self.tag.tag)

    def is_kept(self, before: Digest | None) -> bool:
        """Tell whether the tag can only go on naming what it names: nothing, or what this run adopts."""
        return before is None or (self.image.action is Action.ADOPT and before == self.image.digest)


def placed(plan: Plan, *, moves: bool) -> list[Placed]:
    """Return the tags that move, or the versions that never do, in every repository of the plan."""
    return [
        Placed(image=image, repository=repository, tag=tag)
        for image in plan.published
        for repository in image.repositories
        for tag in image.tags
        if tag.moves == moves and tag.kind is not TagKind.COMMIT
    ]


def versions(run: Run, plan: Plan, shut: Collection[Repository]) -> list[Check]:
    """Check that no version names other bytes already; one that cannot be looked up fails by its own error.

    ``shut`` are repositories that were refused or not reached before: they are not asked again.
    """

    def look(one: Placed) -> Check:
        subject = f"version {one.reference}"
        if one.repository in shut:
            return skipped(Area.REGISTRY, subject, f"{one.repository} could not be read")
        try:
            before = _named(run, one)
        except InterruptedRunError:
            raise
        except DockerPushError as error:
            return failed(Area.REGISTRY, subject, error)
        return version(one, before, force=run.options.force)

    return in_parallel(look, placed(plan, moves=False))


def version(one: Placed, before: Digest | None, *, force: bool) -> Check:
    """Judge what a version names already; pure."""
    subject = f"version {one.reference}"
    if before is None:
        return good(Area.REGISTRY, subject, "free")
    if one.is_kept(before):
        return good(Area.REGISTRY, subject, f"published as {before}, which this run adopts")
    ours = "this run makes it anew" if one.image.action is not Action.ADOPT else f"this run has {one.image.digest}"
    if force:
        hint = "--force was given: whoever has that digest noted finds other bytes under the version."
        return warning(Area.REGISTRY, subject, f"{before} will be overwritten: {ours}", hint)
    message = f"image {one.image.name}: {one.reference} was already published as {before}, {ours}"
    hint = "A version is published once: give this build a new version (or --force, to overwrite it on purpose)."
    return failed(Area.REGISTRY, subject, OverwriteError(message, hint=hint))


def observe_history(run: Run, plan: Plan) -> History | None:
    """Look at the remote's branch, where the plan moves any tag."""
    if not placed(plan, moves=True):
        return None
    return histories.observe(run.context, run.runner, run.surroundings.temporary, run.surroundings.environ)


def moving(run: Run, plan: Plan, history: History | None, shut: Collection[Repository]) -> Iterable[Check]:
    """Check that it can be told whether the tags that move were published by a newer commit."""
    subject = "history for moving tags"
    if history is None:
        yield skipped(Area.GIT, subject, "this run moves no tag")
    elif history.relation is Relation.DIVERGED:
        found = f"this commit is not on {history.ref}: {history.why}"
        yield warning(Area.GIT, subject, found, "Tags that others moved since stay as they are.")
    elif history.relation is not Relation.UNKNOWN:
        yield good(Area.GIT, subject, _told(history))
    else:
        places = [one for one in placed(plan, moves=True) if one.repository not in shut]
        yield unknown(history, _at_stake(run, places), allowed=run.options.allow_older)


def unknown(history: History, at_stake: list[Placed] | DockerPushError, *, allowed: bool) -> Check:
    """Judge a run whose history is not to be had: ``latest`` is not risked, other tags are; pure."""
    subject, found = "history for moving tags", f"it cannot be told who is newer on {history.ref}: {history.why}"
    if isinstance(at_stake, DockerPushError):
        return failed(Area.GIT, subject, at_stake)
    names = ", ".join(str(one.reference) for one in at_stake)
    if not at_stake:
        return good(Area.GIT, subject, f"{found}; no tag that this run moves names anything else yet")
    if allowed:
        return warning(Area.GIT, subject, found, f"--allow-older was given: {names} will move in any case.")
    latest = [str(one.reference) for one in at_stake if one.tag.kind is TagKind.LATEST]
    if latest:
        return failed(Area.GIT, subject, ConfigError(f"{', '.join(latest)} may not move: {found}", hint=_HISTORY))
    return warning(Area.GIT, subject, f"{found}; {names} will move", _HISTORY)


def _at_stake(run: Run, places: Iterable[Placed]) -> list[Placed] | DockerPushError:
    """Return the tags that name something that this run would take them away from."""
    places = list(places)
    try:
        found = in_parallel(lambda one: _named(run, one), places)
    except InterruptedRunError:
        raise
    except DockerPushError as error:
        return error
    return [one for one, before in zip(places, found, strict=True) if not one.is_kept(before)]


def _told(history: History) -> str:
    words = {
        Relation.TIP: "this commit is the tip",
        Relation.BEHIND: f"{len(history.newer)} newer commits: tags that they published stay",
        Relation.AHEAD: "this commit is not pushed yet, and newer",
        Relation.ALONE: "no remote has such a branch",
    }
    return f"{history.ref}: {words[history.relation]}"


def _named(run: Run, one: Placed) -> Digest | None:
    head = run.clients[one.repository.registry].head(one.repository, one.tag.tag)
    return head.digest if head else None
