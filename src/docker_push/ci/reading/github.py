"""GitHub's workflow files as jobs (docs.github.com, "Workflow syntax for GitHub Actions"). Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from docker_push.ci.document import Document, MappingNode, ScalarNode
from docker_push.ci.model import Call, Ci, Finding, Input, Job, Level, Means, Permissions, Publish, Read, Said
from docker_push.ci.reading.commands import EXPRESSION, commands
from docker_push.ci.reading.publishing import PUSHING, publish, split
from docker_push.ci.reading.values import Variables, github_matrix, resolved, said, variables

FOLDER = ".github/workflows"
REUSABLE = f"{FOLDER}/⚡reusable-docker.yaml"
SPLIT = f"{FOLDER}/⚡reusable-docker-split.yaml"
_PATTERN = re.compile(r"(?:⚡)?reusable-docker(?P<split>-split)?\.ya?ml")
_LOCAL = re.compile(r"\./(\.github/workflows/[^/@]+)")
_ELSEWHERE = re.compile(r"[\w.-]+/[\w.-]+/\.github/workflows/([^/@]+)@.+")
_ACTION = re.compile(r"[\w.-]+/docker-push@.+")
_RELEASING = frozenset({"release", "workflow_dispatch"})


@dataclass(frozen=True)
class Workflow:
    """A workflow file: ``called``: it runs inside others alone; ``released``: it runs for tags alone."""

    document: Document
    called: bool
    released: bool
    pattern: Mapping[str, Input]

    @property
    def jobs(self) -> MappingNode:
        """Return its jobs."""
        return self.document.root.mapping("jobs")


def read(documents: Mapping[str, Document], pattern: Document) -> Read:
    """Return the jobs that push in a repository's workflows; ``pattern`` is the reusable workflow as it is shipped.

    What another repository's reusable workflow takes is taken to be what the pattern's takes.
    """
    declared = inputs(pattern)
    workflows = {name: workflow(document, declared) for name, document in documents.items()}
    jobs = tuple(job for one in workflows.values() for job in _jobs(one, workflows))
    return Read(jobs=jobs, notes=tuple(_empty(workflows)))


def _empty(workflows: Mapping[str, Workflow]) -> Iterator[Finding]:
    for name, one in workflows.items():
        if not one.jobs.values:
            advice = "Look whether it is one; its jobs stand below `jobs:`."
            yield Finding(
                file=name, line=1, rule="no-jobs", problem="a workflow without jobs", advice=advice, level=Level.NOTE
            )


def workflow(document: Document, pattern: Mapping[str, Input]) -> Workflow:
    """Return what the triggers of a file say of it."""
    triggers = _triggers(document.root)
    push = document.root.mapping("on").mapping("push")
    tags = "tags" in push.values and not {"branches", "branches-ignore"} & set(push.values)
    released = bool(triggers) and triggers <= {"push", *_RELEASING} and (tags or triggers == {"release"})
    return Workflow(document, called=triggers == {"workflow_call"}, released=released, pattern=pattern)


def _triggers(root: MappingNode) -> set[str]:
    on = root.values.get("on")
    if isinstance(on, MappingNode):
        return set(on.values)
    return {item.text for item in root.items("on") if isinstance(item, ScalarNode)}


def inputs(document: Document) -> dict[str, Input]:
    """Return the inputs that a reusable workflow declares."""
    declared = document.root.mapping("on").mapping("workflow_call").mapping("inputs")
    found = {}
    for name in declared.values:
        about = declared.mapping(name)
        required, kind = about.scalar("required"), about.scalar("type")
        needed = required is not None and required.is_true and "default" not in about.values
        found[name] = Input(required=needed, kind=kind.text if kind else "string")
    return found


def _jobs(one: Workflow, workflows: Mapping[str, Workflow]) -> Iterator[Job]:
    for name, job in one.jobs.values.items():
        if isinstance(job, MappingNode):
            uses = job.scalar("uses")
            found = _calling(name, job, uses, one, workflows) if uses else _running(name, job, one)
            if found is not None:
                yield found


def _calling(
    name: str, job: MappingNode, uses: ScalarNode, one: Workflow, workflows: Mapping[str, Workflow]
) -> Job | None:
    """Return a job that calls a reusable workflow; ``None`` where that one pushes no images."""
    local, elsewhere = _LOCAL.fullmatch(uses.text), _ELSEWHERE.fullmatch(uses.text)
    target = workflows.get(local[1]) if local else None
    file = local[1].rpartition("/")[2] if local else elsewhere[1] if elsewhere else ""
    pattern = _PATTERN.fullmatch(file)
    if not (pattern or (target and target.called and any(_pushing(target)))):
        return None
    path, given = one.document.name, job.mapping("with")
    texts = {key: (said(v, path), v.plain) for key, v in given.values.items() if isinstance(v, ScalarNode)}
    call = Call(
        uses=said(uses, path),
        given=texts,
        declared=inputs(target.document) if target else one.pattern,
        missing=local[1] if local and target is None else None,
        elsewhere=elsewhere is not None,
        splits=pattern is not None and pattern["split"] is not None,
    )
    image = texts.get("image_name")
    images, undecided = split(resolved([image[0]] if image else [], {}, github_matrix(job, path)))
    publishes = Publish(
        task="push",
        means=Means.WORKFLOW,
        file=path,
        line=uses.line,
        images=images,
        undecided=undecided,
        inputs={key: text for key, (text, _) in texts.items() if text.text},
    )
    return _job(name, job, one, publishes=(publishes,), call=call)


def _pushing(one: Workflow) -> Iterator[Publish]:
    for job in one.jobs.values.values():
        if isinstance(job, MappingNode):
            yield from (found for step in _steps(job) for found in _published(step, {}, {}, one))


def _running(name: str, job: MappingNode, one: Workflow) -> Job | None:
    """Return a job with steps; ``None`` where none of them pushes images or prints the jobs that do."""
    path = one.document.name
    matrix = github_matrix(job, path)
    known = variables(one.document.root.mapping("env"), path) | variables(job.mapping("env"), path)
    steps = list(_steps(job))
    publishes = tuple(found for step in steps for found in _published(step, known, matrix, one))
    ran = [(step, text, command) for step in steps if (text := step.scalar("run")) for command in commands(text.text)]
    prints = [said(text, path) for _, text, command in ran if command.task == "matrix"]
    if not (publishes or prints):
        return None
    runs = [run for step in steps if (run := step.scalar("run"))]
    scripts = tuple(Said(match[0], path, run.line) for run in runs for match in EXPRESSION.finditer(run.text))
    places = (one.document.root.mapping("defaults").mapping("run"), job.mapping("defaults").mapping("run"))
    files = tuple(
        Said(posixpath.join(_folder(step, *places), command.program), path, text.line)
        for step, text, command in ran
        if command.program
    )
    left = tuple(said(uses, path) for step in steps if (uses := step.scalar("uses")) and _keeps_token(uses, step))
    found = _job(name, job, one, publishes=publishes)
    return replace(
        found,
        scripts=tuple(dict.fromkeys(scripts)),
        files=files,
        prints=prints[0] if prints else None,
        checkouts=left if publishes else (),
    )


def _steps(job: MappingNode) -> Iterator[MappingNode]:
    yield from (step for step in job.items("steps") if isinstance(step, MappingNode))


def _folder(step: MappingNode, *defaults: MappingNode) -> str:
    """Return the folder that the script of a step runs in: the step's own, its job's, its workflow's, the repository's top."""
    said_of = [found for node in (*defaults, step) if (found := node.scalar("working-directory"))]
    return said_of[-1].text if said_of else ""


def _keeps_token(uses: ScalarNode, step: MappingNode) -> bool:
    persists = step.mapping("with").scalar("persist-credentials")
    return uses.text.startswith("actions/checkout@") and (persists is None or persists.text.lower() != "false")


def _published(step: MappingNode, known: Variables, matrix: Variables, one: Workflow) -> Iterator[Publish]:
    path, run, uses = one.document.name, step.scalar("run"), step.scalar("uses")
    if run is not None:
        inner = {**known, **variables(step.mapping("env"), path)}
        for command in commands(run.text):
            if command.task in PUSHING:
                yield publish(command, path, run.line, inner, matrix)
    elif uses is not None and _ACTION.fullmatch(uses.text):
        yield from _action(step.mapping("with"), uses, matrix, path)


def _action(given: MappingNode, uses: ScalarNode, matrix: Variables, path: str) -> Iterator[Publish]:
    """Yield what the root action publishes: its inputs are ``task``, ``image`` and ``platform`` (one a line), ``version``."""
    task, image = given.scalar("task"), given.scalar("image")
    name = task.text if task else "push"
    if name not in PUSHING:
        return
    texts = resolved([said(image, path)], {}, matrix) if image else ()
    words = [Said(word, text.file, text.line) for text in texts for word in _words(text)]
    images, undecided = split(words)
    inputs = {key: said(value, path) for key in ("version", "platform") if (value := given.scalar(key))}
    yield Publish(
        task=name,
        means=Means.ACTION,
        file=path,
        line=uses.line,
        images=images if image else None,
        undecided=undecided,
        inputs=inputs,
        part="--part" in (args.text if (args := given.scalar("args")) else ""),
    )


def _words(text: Said) -> list[str]:
    return text.text.replace(",", " ").split() if text.is_decided else [text.text]


def _job(
    name: str, job: MappingNode, one: Workflow, *, publishes: tuple[Publish, ...], call: Call | None = None
) -> Job:
    root, path = one.document.root, one.document.name
    return Job(
        ci=Ci.GITHUB,
        file=path,
        line=one.jobs.keys[name].line if name in one.jobs.keys else job.line,
        name=name,
        publishes=publishes,
        call=call,
        permissions=_permissions(job, path, own=True) or _permissions(root, path, own=False),
        cancels=tuple(
            said(text, path)
            for node in (job, root)
            if (text := node.mapping("concurrency").scalar("cancel-in-progress")) and text.text.lower() != "false"
        ),
        released=one.released,
        called=one.called,
    )


def _permissions(node: MappingNode, path: str, *, own: bool) -> Permissions | None:
    found = node.values.get("permissions")
    if isinstance(found, ScalarNode) and not found.is_null:
        return Permissions(scopes={}, all=found.text, file=path, line=found.line, own=own)
    if isinstance(found, MappingNode):
        scopes = {name: value.text for name, value in found.values.items() if isinstance(value, ScalarNode)}
        return Permissions(scopes=scopes, all=None, file=path, line=found.line, own=own)
    return None
