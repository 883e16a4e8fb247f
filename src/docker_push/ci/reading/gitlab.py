"""GitLab's pipeline files as jobs (docs.gitlab.com, "CI/CD YAML syntax reference"). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from docker_push.ci.document import Document, MappingNode, Node, ScalarNode, scalars
from docker_push.ci.model import Ci, Finding, Job, Level, Read, Said
from docker_push.ci.reading.commands import commands
from docker_push.ci.reading.publishing import PUSHING, publish
from docker_push.ci.reading.values import gitlab_matrix, said, variables

FILE = ".gitlab-ci.yml"
_NO_JOBS = frozenset(
    {"after_script", "before_script", "cache", "default", "image", "include", "services", "spec", "stages"}
    | {"variables", "workflow"}
)
_EXTENDED = 11  # docs.gitlab.com, "extends": eleven levels at most


@dataclass(frozen=True)
class Entry:
    """A key at the top of a pipeline file, and what stands there."""

    file: str
    key: ScalarNode
    value: MappingNode


def local_includes(document: Document) -> Iterator[tuple[ScalarNode, str | None]]:
    """Yield what a file includes: the place, and the path of a file of this repository (``None``: from elsewhere)."""
    for item in document.root.items("include"):
        if isinstance(item, ScalarNode):
            text = item.text
            yield item, None if "://" in text else text.lstrip("/")
        elif isinstance(item, MappingNode):
            local = item.scalar("local")
            place = local or next((value for value in item.values.values() if isinstance(value, ScalarNode)), None)
            if place is not None:
                yield place, local.text.lstrip("/") if local else None


def entries(documents: Mapping[str, Document]) -> dict[str, Entry]:
    """Return the jobs and templates of a pipeline, the first file's before those that it includes."""
    found: dict[str, Entry] = {}
    for file, document in documents.items():
        for name, value in document.root.values.items():
            key = document.root.keys.get(name)
            if isinstance(value, MappingNode) and key is not None and name not in _NO_JOBS:
                found.setdefault(name, Entry(file, key, value))
    return found


def chain(name: str, known: Mapping[str, Entry]) -> list[Entry]:
    """Return a job and all that it extends, nearest first; a circle ends it."""
    found: list[Entry] = []
    waiting, seen = [name], set[str]()
    while waiting and len(found) < _EXTENDED * 4:
        one = waiting.pop(0)
        if one in seen or one not in known:
            continue
        seen.add(one)
        found.append(known[one])
        extended = [item.text for item in known[one].value.items("extends") if isinstance(item, ScalarNode)]
        waiting = [*reversed(extended), *waiting]
    return found


def read(documents: Mapping[str, Document], unread: tuple[Said, ...]) -> Read:
    """Return the jobs that push in a pipeline's files; ``unread`` are includes that could not be looked at."""
    known = entries(documents)
    jobs = tuple(job for name in known if not name.startswith(".") if (job := _job(name, known, documents)) is not None)
    notes = tuple(
        Finding(
            file=text.file,
            line=text.line,
            rule="not-read",
            problem=f"the include {text.text} is not looked at",
            advice="What it says of images is not known; only files of this repository are read.",
            level=Level.NOTE,
        )
        for text in unread
    )
    return Read(jobs=jobs, notes=notes)


def _job(name: str, known: Mapping[str, Entry], documents: Mapping[str, Document]) -> Job | None:
    family = chain(name, known)
    own = family[0]
    values: dict[str, tuple[Said, ...]] = {}
    for file, document in reversed(tuple(documents.items())):
        values |= variables(document.root.mapping("variables"), file)
    for entry in reversed(family):
        values |= variables(entry.value.mapping("variables"), entry.file)
    matrix = {key: texts for entry in reversed(family) for key, texts in gitlab_matrix(entry.value, entry.file).items()}
    lines = [(text, entry.file) for entry, node in _scripts(family) for text in scalars(node)]
    ran = [(command, text, file) for text, file in lines for command in commands(text.text)]
    values = {key: texts for key, texts in values.items() if key not in matrix}
    pushed = [found for found in ran if found[0].task in PUSHING]
    prints = [said(text, file) for command, text, file in ran if command.task == "matrix"]
    if not (pushed or prints):
        return None
    return Job(
        ci=Ci.GITLAB,
        file=own.file,
        line=own.key.line,
        name=name,
        publishes=tuple(publish(command, file, text.line, values, matrix) for command, text, file in pushed),
        cancels=_interruptible(family, documents),
        prints=prints[0] if prints else None,
        files=tuple(Said(one.program, file, text.line) for one, text, file in ran if one.program),
    )


def _scripts(family: list[Entry]) -> Iterator[tuple[Entry, Node]]:
    """Yield the scripts that a job runs: of each kind the nearest one."""
    for kind in ("before_script", "script"):
        for entry in family:
            if kind in entry.value.values:
                yield entry, entry.value.values[kind]
                break


def _interruptible(family: list[Entry], documents: Mapping[str, Document]) -> tuple[Said, ...]:
    """Return what makes a job interruptible: the nearest that says anything of it."""
    found = [(entry.value, entry.file) for entry in family]
    found += [(document.root.mapping("default"), file) for file, document in documents.items()]
    for node, file in found:
        text = node.scalar("interruptible")
        if text is not None:
            return (said(text, file),) if text.text.lower() != "false" else ()
    return ()
