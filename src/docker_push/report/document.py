"""Plans and outcomes as JSON for machines; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from docker_push import metadata
from docker_push.errors import DockerPushError
from docker_push.image_tests import Outcome as Tested
from docker_push.plan import Plan, PlannedImage
from docker_push.publish import TagOutcome
from docker_push.report.model import ImageReport, RunReport

SCHEMA = 1


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


def run_json(report: RunReport) -> dict[str, object]:
    """Return the report of a run: the plan, and per image its digest, manifests, tests, tags, attempts and seconds."""
    document = plan_json(report.plan)
    done = {entry.image.name: entry for entry in report.images}
    images = [_image_json(image) | _outcome_json(done.get(image.name)) for image in report.plan.images]
    return document | {"images": images, "error": error_json(report.error)}


def error_json(error: DockerPushError | None) -> dict[str, object] | None:
    """Return an error as machines read it; ``None`` for none."""
    if error is None:
        return None
    return {"class": type(error).__name__, "code": error.status, "message": error.message, "hint": error.hint}


def _outcome_json(entry: ImageReport | None) -> dict[str, object]:
    if entry is None:
        return {}
    tried: dict[str, object] = {"attempts": entry.attempts, "retries": entry.retries}
    failed: dict[str, object] = {"error": error_json(entry.error), **tried} if entry.error else {}
    tags = {"tags": [_tag_json(entry.image, outcome) for outcome in entry.tags]} if entry.tags else {}
    if not entry.staged:
        return failed | tags
    first = entry.staged[0]
    return failed | {
        "digest": str(first.manifest.digest),
        "references": [str(one.reference) for one in entry.staged],
        "manifests": {
            str(platform): {"digest": str(content.digest), "size": content.size}
            for platform, content in first.platforms.items()
        },
        "tests": [test for one in entry.tests for test in _tests_json(one)],
        "tags": [_tag_json(entry.image, outcome) for outcome in entry.tags],
        **tried,
        "seconds": round(entry.seconds, 3),
    }


def _tests_json(one: Tested) -> Iterable[Mapping[str, object]]:
    """Return an entry for every command; one that failed ends the run, and is its error."""
    for command in one.commands:
        result = "not-tested" if one.why else "passed"
        yield {"platform": str(one.platform), "command": command, "result": result, "why": one.why or None}


def _tag_json(image: PlannedImage, outcome: TagOutcome) -> Mapping[str, object]:
    planned = next((tag for tag in image.tags if tag.tag == outcome.reference.tag), None)
    return {
        "repository": str(outcome.reference.repository),
        "tag": str(outcome.reference.tag),
        "kind": outcome.kind.value,
        "moves": planned.moves if planned else None,
        "why": planned.why if planned else None,
        "before": str(outcome.before) if outcome.before else None,
        "after": str(outcome.after) if outcome.after else None,
        "state": outcome.state.value,
        "note": outcome.why or None,
    }
