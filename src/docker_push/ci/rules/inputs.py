"""What a job is given, held against the reusable workflow's inputs and build.toml. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from docker_push.ci.model import Call, Finding, Job, Level, Listed, Means, Publish, Said, Wanted, at
from docker_push.config.findings import nearest
from docker_push.errors import DockerPushError
from docker_push.references import Platform, quoted

# what a job says of itself in the pattern's own example; an image's name is nobody's guess
STANDARD = {"atomi_platform": "${{ github.repository_owner }}", "atomi_service": "${{ github.event.repository.name }}"}
VERSION = "${{ github.ref_name }}"
SWITCHES = ("only_changed", "gha_cache")  # what is on for all jobs of a repository or for none
_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?")


def findings(job: Job, wanted: Wanted) -> Iterator[Finding]:
    """Yield what is wrong with the inputs of a job."""
    if job.call:
        yield from _call(job, job.call)
    if job.called:
        return
    for one in job.publishes:
        if one.images is not None and len(one.images) == 1 and one.images[0].text.lower() in wanted.images:
            yield from _contradictions(job, one, wanted.images[one.images[0].text.lower()])
        if job.released and "version" not in one.inputs and one.means in {Means.WORKFLOW, Means.SCRIPT}:
            yield _versionless(job, one)


def _call(job: Job, call: Call) -> Iterator[Finding]:
    if call.missing:
        problem = f"job {job.name} calls {call.missing}, which does not exist"
        advice = "`docker-push ci.write` writes the pattern's; else name the file that there is."
        yield at(call.uses, "missing-file", problem, advice, job, keys=(call.missing,))
    left_out = tuple(name for name, about in call.declared.items() if about.required and _is_empty(call, name))
    if left_out:
        problem = f"job {job.name} gives no {' and no '.join(left_out)}"
        advice = "The workflow that it calls requires it: add it below `with:`."
        yield at(call.uses, "missing-input", problem, advice, job, keys=left_out)
    for name, (text, plain) in call.given.items():
        yield from _input(job, call, name, text, plain=plain)


def _is_empty(call: Call, name: str) -> bool:
    return name not in call.given or not call.given[name][0].text


def _input(job: Job, call: Call, name: str, text: Said, *, plain: bool) -> Iterator[Finding]:
    if name not in call.declared:
        guess = nearest(name, call.declared)
        advice = f"{guess} Known inputs: {', '.join(call.declared)}."
        # what another repository declares at that reference was not looked at
        level = Level.WARNING if call.elsewhere else Level.ERROR
        problem = f"job {job.name} gives the input {quoted(name)}, which the workflow does not have"
        yield at(text, "unknown-input", problem, advice.strip(), job, level)
        return
    kind = call.declared[name].kind
    given = _kind(text, plain=plain)
    if given and given != kind and kind in {"string", "boolean", "number"}:
        advice = f"It takes a {kind}: " + ("put it in quotes." if kind == "string" else "write it without quotes.")
        yield at(text, "input-type", f"job {job.name}: {name} is a {given}", advice, job)


def _kind(text: Said, *, plain: bool) -> str | None:
    """Return the type of a value as YAML has it; ``None`` for an expression, whose type the runner knows."""
    if not text.is_decided:
        return None
    if plain and text.text.lower() in {"true", "false"}:
        return "boolean"
    return "number" if plain and _NUMBER.fullmatch(text.text) else "string"


def _versionless(job: Job, one: Publish) -> Finding:
    advice = f"Add `version: {VERSION}`: without it nothing is released where the tag is no version."
    problem = f"job {job.name} runs for tags and gives no version"
    return at(Said("", one.file, one.line), "version", problem, advice, job, Level.WARNING, ("version",))


def _contradictions(job: Job, one: Publish, image: Listed) -> Iterator[Finding]:
    told = {"dockerfile": image.dockerfile, "context": image.context}
    for name, right in told.items():
        text = one.inputs.get(name)
        if text and text.text and text.is_decided and _path(text.text) != _path(right):
            yield _contradiction(job, name, text, right, image)
    text = one.inputs.get("platform")
    if text and text.text and text.is_decided and not one.part:
        given = _platforms(text.text)
        if given is None:
            advice = "Give platforms with commas between, as in linux/arm64,linux/amd64."
            yield at(text, "input-type", f"job {job.name}: {quoted(text.text)} is no list of platforms", advice, job)
        elif given != set(image.platforms):
            yield _contradiction(job, "platform", text, ",".join(map(str, image.platforms)), image)


def _contradiction(job: Job, name: str, text: Said, right: str, image: Listed) -> Finding:
    problem = f"job {job.name} has {name} {quoted(text.text)}, build.toml has {quoted(right)} for {image.name}"
    advice = "Leave it out, so that build.toml's holds everywhere; or change build.toml."
    return at(text, "contradiction", problem, advice, job)


def _path(text: str) -> str:
    return text if "://" in text else posixpath.normpath(text)


def _platforms(text: str) -> set[Platform] | None:
    try:
        return {Platform.parse(part.strip()) for part in text.replace("\n", ",").split(",") if part.strip()}
    except DockerPushError:
        return None
