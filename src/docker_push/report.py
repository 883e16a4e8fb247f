"""Plans and outcomes as text for people and JSON for machines. Pure: nothing here prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from docker_push import metadata
from docker_push.errors import DockerPushError, InterruptedRunError
from docker_push.plan import Plan, PlannedImage
from docker_push.progress import Step, printable
from docker_push.publish import Staged, State, TagOutcome
from docker_push.references import Digest
from docker_push.tagging.naming import legible

SCHEMA = 1
_SHORT = 19  # "sha256:" and twelve digits: enough to compare by eye


@dataclass(frozen=True, kw_only=True)
class ImageReport:
    """What happened to one image: ``seconds`` is the wall time of its bakes, zero where it was adopted.

    ``error`` is why it was not published, in a run that kept going without it.
    """

    image: PlannedImage
    staged: tuple[Staged, ...]
    tags: tuple[TagOutcome, ...]
    attempts: int
    seconds: float
    error: DockerPushError | None = None


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """A whole run: the plan, what became of each image that was published, and the error that ended it, if one did."""

    plan: Plan
    images: tuple[ImageReport, ...]
    error: DockerPushError | None = None


@dataclass(frozen=True, kw_only=True)
class Staging:
    """What building gave: image name -> digest, seconds in bakes and number of bakes (none for an adopted image).

    ``failures`` are the images that could not be staged in a run that keeps going, each with its error.
    """

    digests: Mapping[str, Digest]
    seconds: Mapping[str, float] = field(default_factory=dict)
    attempts: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, DockerPushError] = field(default_factory=dict)


def outcome(
    plan: Plan,
    staging: Staging,
    staged: Sequence[Staged],
    tags: Sequence[TagOutcome],
    error: DockerPushError | None = None,
) -> RunReport:
    """Sort what happened by image."""
    return RunReport(
        plan=plan,
        images=tuple(
            ImageReport(
                image=image,
                staged=tuple(one for one in staged if one.image.name == image.name),
                tags=tuple(tag for tag in tags if tag.image == image.name),
                attempts=staging.attempts.get(image.name, 0),
                seconds=staging.seconds.get(image.name, 0.0),
                error=staging.failures.get(image.name),
            )
            for image in plan.published
        ),
        error=error,
    )


def plan_json(plan: Plan) -> dict[str, object]:
    """Return the plan by its documented schema; keys may be added, never renamed."""
    context = plan.context
    return {
        "schema": SCHEMA,
        "context": {
            "repository": context.repository,
            "commit": context.commit,
            "revision": context.revision,
            "branch": context.branch,
            "slug": plan.slug,
            "version": plan.version,
            "tag": context.tag,
            "pull-request": context.pull_request,
            "default-branch": context.default_branch,
            "event": context.event.value,
            "trusted": context.trusted,
            "dirty": context.dirty,
            "ci": context.ci,
            "created": None if context.created is None else metadata.timestamp(context.created),
        },
        "images": [_image_json(image) for image in plan.images],
        "warnings": list(plan.warnings),
    }


def _image_json(image: PlannedImage) -> dict[str, object]:
    options = image.options
    return {
        "name": image.name,
        "repositories": [str(repository) for repository in image.repositories],
        "platforms": [str(platform) for platform in image.platforms],
        "dockerfile": options.dockerfile.value,
        "context": options.context.value,
        "target": options.target,
        "needs": list(options.depends_on),
        "publish": image.publish,
        "action": image.action.value,
        "why": image.why,
        "tags": [
            {"tag": str(tag.tag), "kind": tag.kind.value, "moves": tag.moves, "why": tag.why} for tag in image.tags
        ],
        "skipped": [{"kind": tag.kind.value, "why": tag.why} for tag in image.skipped],
        "labels": dict(image.labels),
        "annotations": dict(image.annotations),
        "cache": {"from": list(image.cache_from), "to": list(image.cache_to), "why": image.cache_why},
        "fingerprint": image.fingerprint,
        "sources": {
            "platforms": options.platforms.origin,
            "dockerfile": options.dockerfile.origin,
            "context": options.context.origin,
        },
    }


def plan_text(plan: Plan) -> str:
    """Return the plan as a person reads it: what is built, where it goes, and why each tag."""
    context = plan.context
    where = f"branch {legible(context.branch or plan.slug)}" if context.tag is None else f"tag {legible(context.tag)}"
    lines = [f"{context.repository} {where} commit {context.commit[:12]} ({context.event.value}, {context.ci})"]
    for image in plan.images:
        lines += ["", *_image_text(image)]
    lines += [f"warning: {text}" for text in plan.warnings]
    return printable("\n".join(" ".join(line.splitlines()) for line in lines))


def _image_text(image: PlannedImage) -> Iterable[str]:
    options = image.options
    platforms = ", ".join(str(platform) for platform in image.platforms)
    yield f"{image.name}: {image.action.value} ({image.why})"
    yield f"  from      {options.dockerfile.value}, context {options.context.value}"
    yield f"  platforms {platforms} ({options.platforms.origin})"
    if not image.publish:
        return
    for repository in image.repositories:
        yield f"  to        {repository}"
    width = max(len(str(tag.tag)) for tag in image.tags)
    for tag in image.tags:
        yield f"  tag       {str(tag.tag).ljust(width)}  {tag.why}"
    for skipped in image.skipped:
        yield f"  no tag    {skipped.kind.value}: {skipped.why}"
    yield f"  cache     {image.cache_why}"


def step_text(step: Step) -> str:
    """Return one finished build step as a line."""
    name = " ".join(step.name.split())
    if step.is_missing_cache:
        return f"  {name}  not there yet"
    if step.error:
        return f"  {name}  FAILED: {' '.join(step.error.split())}"
    return f"  {name}  {'cached' if step.cached else f'{step.seconds:.1f} s'}"


def tag_text(outcome: TagOutcome) -> str:
    """Return what happened to one tag as a line."""
    name = f"{outcome.reference.repository}:{outcome.reference.tag}"
    before = f" (was {_short(outcome.before)})" if outcome.state is State.MOVED else ""
    why = f": {printable(outcome.why)}" if outcome.why else ""
    if outcome.state in {State.SKIPPED, State.REFUSED}:
        return f"  {outcome.state.value:<9} {name} stays {_short(outcome.before)}{why}"
    return f"  {outcome.state.value:<9} {name} -> {_short(outcome.reference.digest)}{before}{why}"


def tag_table(outcomes: Sequence[TagOutcome]) -> tuple[str, ...]:
    """Return what is known of every tag as a table, for a run that ended early: tag, old, new, state."""
    rows = [("tag", "old", "new", "state")]
    rows += [(f"{one.reference.repository}:{one.reference.tag}", *_moment(one)) for one in outcomes]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return tuple(
        "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows
    )


def _moment(one: TagOutcome) -> tuple[str, str, str]:
    """Return old, new and state of a tag; what was not looked at is as it was, whatever that is."""
    if one.state is State.WAITING:
        return "as it was", "as it was", "not moved"
    old = _short(one.before) if one.before else "none"
    if one.state is State.UNKNOWN:
        return old, f"old, or {_short(one.reference.digest)}", "asked for, not answered"
    return old, _short(one.after) if one.after else "none", one.state.value


def _short(digest: Digest | None) -> str:
    return str(digest)[:_SHORT]


def list_text(plan: Plan) -> str:
    """Return the images of build.toml as a table: name, platforms, Dockerfile, where they go."""
    rows = [
        (image.name, ",".join(map(str, image.platforms)), image.options.dockerfile.value, str(repository))
        for image in plan.images
        for repository in image.repositories
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)) for row in rows
    )


def references(run: RunReport) -> list[str]:
    """Return the lines for standard output: one per image and registry, ``REPOSITORY:COMMIT-TAG@DIGEST``.

    An image whose tags are not all where they belong is not among them: a script must not go on with it.
    """
    whole = (entry for entry in run.images if entry.tags and all(tag.state.is_done for tag in entry.tags))
    return [str(one.reference) for entry in whole for one in entry.staged]


def run_json(report: RunReport) -> dict[str, object]:
    """Return the report of a run: the plan, and per image its digest, manifests, tags, attempts and seconds."""
    document = plan_json(report.plan)
    done = {entry.image.name: entry for entry in report.images}
    images = [_image_json(image) | _outcome_json(done.get(image.name)) for image in report.plan.images]
    return document | {"images": images, "error": error_json(report.error)}


def error_json(error: DockerPushError | None) -> dict[str, object] | None:
    """Return an error as machines read it; ``None`` for none."""
    if error is None:
        return None
    code = error.status if isinstance(error, InterruptedRunError) else error.exit_code
    return {"class": type(error).__name__, "code": code, "message": error.message, "hint": error.hint}


def _outcome_json(entry: ImageReport | None) -> dict[str, object]:
    if entry is None:
        return {}
    failed: dict[str, object] = {"error": error_json(entry.error), "attempts": entry.attempts} if entry.error else {}
    if not entry.staged:
        return failed
    first = entry.staged[0]
    return failed | {
        "digest": str(first.manifest.digest),
        "references": [str(one.reference) for one in entry.staged],
        "manifests": {
            str(platform): {"digest": str(content.digest), "size": content.size}
            for platform, content in first.platforms.items()
        },
        "tags": [_tag_json(entry.image, outcome) for outcome in entry.tags],
        "attempts": entry.attempts,
        "seconds": round(entry.seconds, 3),
    }


def _tag_json(image: PlannedImage, outcome: TagOutcome) -> Mapping[str, object]:
    planned = next(tag for tag in image.tags if tag.tag == outcome.reference.tag)
    return {
        "repository": str(outcome.reference.repository),
        "tag": str(outcome.reference.tag),
        "kind": outcome.kind.value,
        "moves": planned.moves,
        "why": planned.why,
        "before": str(outcome.before) if outcome.before else None,
        "after": str(outcome.after) if outcome.after else None,
        "state": outcome.state.value,
        "note": outcome.why or None,
    }
