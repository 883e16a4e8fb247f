"""The jobs of images that have none, put into the files that are there or into new ones. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from docker_push.ci import editing, scaffold
from docker_push.ci.document import Document, MappingNode, ScalarNode
from docker_push.ci.editing import Edit
from docker_push.ci.mending import step_of
from docker_push.ci.model import Job, Wanted
from docker_push.ci.reading import github, gitlab
from docker_push.ci.rules.inputs import STANDARD, SWITCHES
from docker_push.ci.rules.safety import needed
from docker_push.ci.scaffold import Manner

NEW_CI, NEW_CD = f"{github.FOLDER}/ci.yml", f"{github.FOLDER}/cd.yml"


@dataclass(frozen=True)
class Added:
    """Jobs for a file: an edit of the one that there is, or the text of a new one."""

    file: str
    names: tuple[str, ...]
    edit: Edit | None = None
    text: str | None = None


def to_github(
    images: Sequence[str], documents: Mapping[str, Document], jobs: Sequence[Job], wanted: Wanted
) -> Added | None:
    """Add jobs to the workflow that pushes on branches, else to ci.yml, else to a new one."""
    pushing = [job.file for job in jobs if not (job.called or job.released) and job.is_moving_tags]
    named = [name for name in (NEW_CI, f"{github.FOLDER}/ci.yaml") if name in documents]
    file = max(pushing, key=pushing.count) if pushing else named[0] if named else NEW_CI
    return _calls(file, images, documents, jobs, wanted, version=False)


def to_release(
    file: str, images: Sequence[str], documents: Mapping[str, Document], jobs: Sequence[Job], wanted: Wanted
) -> Added | None:
    """Add jobs with ``version`` to a workflow for tags, or to a new one."""
    return _calls(file, images, documents, jobs, wanted, version=True)


def _calls(
    file: str,
    images: Sequence[str],
    documents: Mapping[str, Document],
    jobs: Sequence[Job],
    wanted: Wanted,
    *,
    version: bool,
) -> Added | None:
    document = documents.get(file)
    inside = document.root.mapping("jobs") if document else None
    like = _like(file, jobs, documents, version=version)
    step = _step(inside) if inside else 2
    column = inside.column if inside and inside.own else step
    names, blocks = list(inside.values) if inside else [], []
    for image in images:
        name = scaffold.job_name(image, names)
        names.append(name)
        lines = scaffold.github_job(name, image, needed(wanted), version=version, step=step, manner=like)
        blocks.append([f"{' ' * column}{line}" for line in lines])
    added = tuple(names[-len(images) :])
    if document is None or inside is None:
        head = scaffold.CD_HEAD if version else scaffold.CI_HEAD
        body = "\n\n".join("\n".join(block) for block in blocks)
        return Added(file, added, text=f"{head}{body}\n")
    if not (inside.block and inside.own):
        return None
    return Added(file, added, edit=_below(document, inside, blocks))


def _below(document: Document, inside: MappingNode, blocks: Sequence[Sequence[str]]) -> Edit:
    """Put blocks below the last one, with an empty line between where the others have one."""
    between = [""] if _is_spaced(document, inside) else []
    lines = [line for block in blocks for line in (*between, *block)]
    return editing.after_block(document, inside.end, inside.column, lines)


def _is_spaced(document: Document, inside: MappingNode) -> bool:
    keys = list(inside.keys.values())
    lines = document.text.splitlines()
    return len(keys) < 2 or any(not line.strip() for line in lines[keys[0].line : keys[-1].line])  # noqa: PLR2004


def _step(inside: MappingNode) -> int:
    inner = next((value for value in inside.own.values() if isinstance(value, MappingNode) and value.block), None)
    return step_of(inner, inside) if inner else 2


def _like(file: str, jobs: Sequence[Job], documents: Mapping[str, Document], *, version: bool) -> Manner:
    """Return what the jobs that are there do: the workflow that they call, their secrets, platform, service and switches.

    ``only_changed`` is about pull requests, and is not for a release.
    """
    calls = [job for job in jobs if job.call]
    calls.sort(key=lambda job: job.file != file)
    if not calls or calls[0].call is None:
        return Manner()
    job, call = calls[0], calls[0].call
    node = documents[job.file].root.mapping("jobs").mapping(job.name)
    given = {name: scaffold.quoted_yaml(call.given[name][0].text) for name in STANDARD if name in call.given}
    switches = [name for name in SWITCHES if not (version and name == "only_changed")]
    on = {name: "true" for name in switches if name in call.given and call.given[name][0].text.lower() == "true"}
    return Manner(call.uses.text, "secrets" in node.values, {**STANDARD, **given}, on)


def to_gitlab(images: Sequence[str], documents: Mapping[str, Document], jobs: Sequence[Job]) -> Added | None:
    """Add jobs to the pipeline: such as extend what the others extend, else a template of their own."""
    document = documents.get(gitlab.FILE)
    known = gitlab.entries(documents)
    template = _template(jobs, known)
    names, blocks = list(known), []
    for image in images:
        name = scaffold.job_name(image, names)
        names.append(name)
        blocks.append(scaffold.gitlab_job(name, image, template))
    head = [] if template[0] in known else _head(document)
    if document is None or not document.root.own:
        text = "\n".join([*head, "", *(line for block in blocks for line in (*block, ""))]).rstrip("\n")
        before = document.text.rstrip("\n") + "\n\n" if document and document.text.strip() else ""
        return Added(gitlab.FILE, tuple(names[-len(images) :]), text=f"{before}{text}\n")
    if not document.root.block or document.root.column:
        return None
    edit = _below(document, document.root, [head, *blocks] if head else blocks)
    return Added(gitlab.FILE, tuple(names[-len(images) :]), edit=edit)


def _template(jobs: Sequence[Job], known: Mapping[str, gitlab.Entry]) -> tuple[str, ...]:
    """Return what the jobs of single images extend, where the template has the script and they only name their image."""
    for job in jobs:
        entry = known[job.name]
        extended = tuple(item.text for item in entry.value.items("extends") if isinstance(item, ScalarNode))
        if extended and "script" not in entry.value.own and "CI_DOCKER_IMAGE" in entry.value.mapping("variables").own:
            return extended
    return (scaffold.TEMPLATE,)


def _head(document: Document | None) -> list[str]:
    """Return the template's lines, in a stage that the pipeline has."""
    lines = scaffold.pipeline().rstrip("\n").split("\n")
    stages = [item.text for item in document.root.items("stages") if isinstance(item, ScalarNode)] if document else []
    if stages and "build" not in stages:
        lines = [line.replace("stage: build", f"stage: {stages[-1]}") for line in lines]
    return lines
