"""A run as jobs of a CI: the images of each platform, on the runner that builds it. Pure.

A job builds one platform of one image. Where a CI does not take as many jobs, images of one platform share one, evenly
and in build.toml's order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from docker_push.errors import ConfigError
from docker_push.references import Platform

SCHEMA = 1
STAGE, MERGE = "docker-push-stage", "docker-push-merge"
INCLUDED = ".gitlab/docker-push.yml"  # where a GitLab project says what its jobs do
_NAME_LIMIT = 200  # characters; GitLab takes 255
_AMD64, _ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


class Form(str, Enum):
    """Whom the jobs are for."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    GITLAB = "gitlab"


LIMITS: Mapping[Form, int] = {Form.GITHUB: 256}  # jobs of one matrix (docs.github.com, "Usage limits")
BUILT_IN: Mapping[Form, Mapping[Platform, tuple[str, ...]]] = {
    Form.GITHUB: {_AMD64: ("ubuntu-24.04",), _ARM64: ("ubuntu-24.04-arm",)},
    Form.GITLAB: {_AMD64: ("saas-linux-small-amd64",), _ARM64: ("saas-linux-small-arm64",)},
}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One platform of some images, and the labels of the runner that builds it; ``name`` is unique among the jobs."""

    name: str
    images: tuple[str, ...]
    platform: Platform
    runner: tuple[str, ...]


def jobs(
    images: Mapping[str, Sequence[Platform]],
    runners: Mapping[Platform, tuple[str, ...]],
    form: Form,
    limit: int | None = None,
) -> tuple[Job, ...]:
    """Return the jobs of a run, platform by platform; ``images`` is image name -> platforms, in build.toml's order.

    There are at most ``limit``, and where that is ``None`` as many as the CI takes. Raises ConfigError where there are more
    platforms than that, and for a platform that nobody says a runner of.
    """
    of_platform: dict[Platform, list[str]] = {}
    for name, platforms in images.items():
        for platform in platforms:
            of_platform.setdefault(platform, []).append(name)
    labels = {platform: _runner(platform, runners, form) for platform in of_platform}
    size = _size([len(names) for names in of_platform.values()], LIMITS.get(form) if limit is None else limit)
    found = [
        (platform, some) for platform, names in of_platform.items() for some in evenly(names, -(-len(names) // size))
    ]
    return tuple(
        Job(name=_name(some, platform, number), images=some, platform=platform, runner=labels[platform])
        for number, (platform, some) in enumerate(found, 1)
    )


def _runner(platform: Platform, runners: Mapping[Platform, tuple[str, ...]], form: Form) -> tuple[str, ...]:
    said = runners.get(platform) or BUILT_IN.get(form, {}).get(platform)
    if said is None and form in BUILT_IN:
        hint = f'Add one to [runners] of build.toml, as in "{platform}" = "LABEL" or ["self-hosted", "LABEL"].'
        raise ConfigError(f"nothing says which runner builds {platform} on {form.value}", hint=hint)
    return said or ()


def _size(counts: Sequence[int], limit: int | None) -> int:
    """Return how many images share a job at most, so that there are no more jobs than ``limit``: the fewest."""
    if limit is None or sum(counts) <= limit:
        return 1
    if limit < len(counts):
        message = f"{len(counts)} platforms need as many jobs, and {limit} are allowed"
        raise ConfigError(message, hint="Give --jobs a larger number, or build fewer platforms.")
    low, high = 1, max(counts)
    while low < high:
        middle = (low + high) // 2
        fits = sum(-(-count // middle) for count in counts) <= limit
        low, high = (low, middle) if fits else (middle + 1, high)
    return low


def evenly(names: Sequence[str], number: int) -> Iterator[tuple[str, ...]]:
    """Split names into ``number`` runs whose lengths differ by one at most, in their order."""
    least, more = divmod(len(names), number)
    begin = 0
    for place in range(number):
        end = begin + least + (place < more)
        yield tuple(names[begin:end])
        begin = end


def _name(images: Sequence[str], platform: Platform, number: int) -> str:
    """Return a job's name: no image is twice among the jobs of a platform, and a long name is told apart by a number."""
    first = images[0] if len(images[0]) <= _NAME_LIMIT else f"{images[0][:_NAME_LIMIT]}... ({number})"
    more = f" and {len(images) - 1} more" if len(images) > 1 else ""
    return f"{first}{more} {platform}"


def text(found: Iterable[Job], form: Form) -> str:
    """Return the jobs as the CI reads them: one line of JSON for GitHub's ``fromJSON``, a child pipeline for GitLab."""
    if form is Form.GITHUB:
        return json.dumps({"include": [_github(job) for job in found]}, separators=(",", ":"))
    if form is Form.GITLAB:
        return json.dumps(_gitlab(tuple(found)), indent=2)
    if form is Form.JSON:
        return json.dumps({"schema": SCHEMA, "jobs": [_plain(job) for job in found]}, indent=2)
    return "\n".join(f"{job.name}: {' '.join(job.images)} (runner: {', '.join(job.runner) or 'any'})" for job in found)


def _github(job: Job) -> dict[str, object]:
    runner = job.runner[0] if len(job.runner) == 1 else list(job.runner)  # both are what runs-on takes
    return {"name": job.name, "images": " ".join(job.images), "platform": str(job.platform), "runner": runner}


def _plain(job: Job) -> dict[str, object]:
    return {
        "name": job.name,
        "images": list(job.images),
        "platform": str(job.platform),
        "runner": list(job.runner),
    }


def _gitlab(found: Sequence[Job]) -> dict[str, object]:
    """Return a child pipeline: a later stage waits for all jobs and has their artifacts, without the limit of ``needs``."""
    pipeline: dict[str, object] = {"include": [{"local": INCLUDED}], "stages": [STAGE, MERGE]}
    for job in found:
        variables = {"DOCKER_PUSH_IMAGES": " ".join(job.images), "DOCKER_PUSH_PLATFORM": str(job.platform)}
        pipeline[job.name] = {
            "extends": f".{STAGE}",
            "stage": STAGE,
            "tags": list(job.runner),
            "variables": variables,
        }
    merging = {"extends": f".{MERGE}", "stage": MERGE}
    nothing = {"stage": MERGE, "script": ["echo 'no image is to be built'"]}  # a pipeline without a job is an error
    pipeline["merge"] = merging if found else nothing
    return pipeline
