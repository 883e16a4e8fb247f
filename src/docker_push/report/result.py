"""What a run has published, as a small document that a deployment pins by; pure.

``schema`` makes ``result.schema.json`` of these classes: what stands under a field describes it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from docker_push.errors import DockerPushError
from docker_push.publish import State
from docker_push.report.model import ImageReport, RunReport

RESULT_SCHEMA = 1
_DESCRIBED = {"use_attribute_docstrings": True}  # what pydantic reads where the schema is made


@dataclass(frozen=True, kw_only=True)
class ResultImage:
    """One image that is published whole: all of its tags are where they belong."""

    digest: str
    """Digest of the image: of its index, where it has several platforms or attestations."""
    references: tuple[str, ...]
    """Name to deploy by, REPOSITORY:COMMIT-TAG@DIGEST, for each registry in build.toml's order."""
    tags: tuple[str, ...]
    """The tags that name this digest in every registry, the commit tag first; not those that stay with something newer."""
    platforms: Mapping[str, str]
    """Platform, as in linux/arm64, with the digest of its manifest."""

    __pydantic_config__ = _DESCRIBED


@dataclass(frozen=True, kw_only=True)
class ResultError:
    """Why a run ended early, or what a run that kept going has left out."""

    code: int
    """The exit code of the command."""
    message: str
    """What is wrong."""
    hint: str
    """What to do next; it may be empty."""

    __pydantic_config__ = _DESCRIBED


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run has published, and nothing else: an image that was not published whole is not in it."""

    schema: int
    """Version of this document: 1. Keys may be added; none is renamed or taken away within a version."""
    repository: str
    """The repository that the images are of, as in AtomiCloud/my-service."""
    commit: str
    """The commit that they are named after."""
    version: str | None
    """The version that was released, as in v1.2.3; null where the run released none."""
    images: Mapping[str, ResultImage]
    """The images by their names in build.toml."""
    error: ResultError | None
    """Why the run failed; null where it did not."""

    __pydantic_config__ = _DESCRIBED


def result(run: RunReport) -> Result:
    """Return what a run has published, as the document that is written to docker-push.json."""
    context = run.plan.context
    return Result(
        schema=RESULT_SCHEMA,
        repository=context.repository,
        commit=context.commit,
        version=run.plan.version,
        images={entry.image.name: _image(entry) for entry in run.published},
        error=_error(run.error),
    )


def _image(entry: ImageReport) -> ResultImage:
    first = entry.staged[0]
    return ResultImage(
        digest=str(first.manifest.digest),
        references=tuple(str(one.reference) for one in entry.staged),
        tags=tuple(_tags(entry)),
        platforms={str(platform): str(content.digest) for platform, content in first.platforms.items()},
    )


def _tags(entry: ImageReport) -> list[str]:
    """Return the tags that name the image in all of its repositories: one that was skipped in one of them does not."""
    names = dict.fromkeys(str(outcome.reference.tag) for outcome in entry.tags)
    others = {str(outcome.reference.tag) for outcome in entry.tags if outcome.state is State.SKIPPED}
    return [name for name in names if name not in others]


def _error(error: DockerPushError | None) -> ResultError | None:
    if error is None:
        return None
    return ResultError(code=error.status, message=error.message, hint=error.hint)
