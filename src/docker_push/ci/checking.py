"""The texts of a repository's CI files, read and held against build.toml. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from docker_push.ci import rules, scaffold
from docker_push.ci.document import Document, read
from docker_push.ci.model import Ci, Finding, Job, Level, Read, Said, Wanted, at
from docker_push.ci.reading import github, gitlab
from docker_push.errors import ConfigError
from docker_push.matrix import INCLUDED, MERGE, STAGE

Texts = Mapping[str, str]
_ORDER = {Level.ERROR: 0, Level.WARNING: 1, Level.NOTE: 2}


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found, in the order of files and lines, and the jobs that were compared."""

    findings: tuple[Finding, ...]
    jobs: tuple[Job, ...]
    which: tuple[Ci, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Return what is surely wrong."""
        return tuple(one for one in self.findings if one.level is Level.ERROR)


def present(texts: Texts) -> tuple[Ci, ...]:
    """Return the CIs that there are files of."""
    found = {Ci.GITHUB: any(_is_workflow(name) for name in texts), Ci.GITLAB: gitlab.FILE in texts}
    return tuple(ci for ci, there in found.items() if there)


def _is_workflow(name: str) -> bool:
    return posixpath.dirname(name) == github.FOLDER and name.endswith((".yml", ".yaml"))


def check(texts: Texts, wanted: Wanted, which: tuple[Ci, ...], unread: tuple[Said, ...] = ()) -> Checked:
    """Hold the files of the CIs ``which`` against build.toml; a file that is no YAML is a finding.

    ``texts`` is path -> text of every file that belongs to a CI, ``unread`` are includes that could not be looked at.
    """
    found: list[Finding] = []
    jobs: list[Job] = []
    for ci in which:
        documents, broken = documents_of(ci, texts)
        said = jobs_of(ci, documents, unread)
        found += [*broken, *rules.findings(ci, said, wanted), *_files(said, texts, documents)]
        jobs += said.jobs
    unique = dict.fromkeys(found)
    # an image that a broken file may have a job for is not said to have none
    doubtful = any(one.rule == "not-yaml" for one in unique)
    kept = [_doubted(one) if doubtful and one.rule == "image-without-job" else one for one in unique]
    return Checked(findings=tuple(sorted(kept, key=_place)), jobs=tuple(jobs), which=which)


def _place(one: Finding) -> tuple[str, int, int, str]:
    return one.file, one.line, _ORDER[one.level], one.problem


def _doubted(one: Finding) -> Finding:
    return replace(one, level=Level.NOTE, advice="A file that cannot be read may have its job: correct that one first.")


def documents_of(ci: Ci, texts: Texts) -> tuple[dict[str, Document], list[Finding]]:
    """Return the files of a CI as trees, and a finding for each that is none."""
    documents: dict[str, Document] = {}
    broken: list[Finding] = []
    for name in _names(ci, texts):
        try:
            documents[name] = read(texts[name], name)
        except ConfigError as error:
            place, _, what = error.message.partition(": ")
            _, _, line = place.rpartition(":")
            number = int(line) if line.isdigit() else 1
            problem = what if line.isdigit() else error.message.removeprefix(f"{name} ")
            broken.append(
                Finding(file=name, line=number, rule="not-yaml", problem=problem or error.message, advice=error.hint)
            )
    return documents, broken


def _names(ci: Ci, texts: Texts) -> list[str]:
    if ci is Ci.GITHUB:
        return [name for name in sorted(texts) if _is_workflow(name)]
    included = [name for name in texts if name.endswith((".yml", ".yaml")) and not _is_workflow(name)]
    return sorted(included, key=lambda name: name != gitlab.FILE)  # what it says wins over what it includes


def jobs_of(ci: Ci, documents: Mapping[str, Document], unread: tuple[Said, ...] = ()) -> Read:
    """Return the jobs of a CI's files."""
    if ci is Ci.GITHUB:
        return github.read(documents, read(scaffold.shipped(github.REUSABLE), github.REUSABLE))
    return gitlab.read({name: one for name, one in documents.items() if name != INCLUDED}, unread)


def _files(said: Read, texts: Texts, documents: Mapping[str, Document]) -> Iterator[Finding]:
    """Yield what is wrong with the files that jobs need besides their own."""
    for job in said.jobs:
        for text in job.files:
            if posixpath.normpath(text.text) == scaffold.SCRIPT and scaffold.SCRIPT not in texts:
                advice = "`docker-push ci.write` writes it."
                problem = f"job {job.name} runs {scaffold.SCRIPT}, which does not exist"
                yield _missing(text, problem, advice, job, scaffold.SCRIPT)
        if job.ci is Ci.GITLAB and job.prints and INCLUDED not in texts:
            problem = f"job {job.name} prints a pipeline that includes {INCLUDED}, which does not exist"
            yield _missing(job.prints, problem, "`docker-push ci.write` writes it.", job, INCLUDED)
        elif job.ci is Ci.GITLAB and job.prints and INCLUDED in documents:
            lacking = [f".{name}" for name in (STAGE, MERGE) if f".{name}" not in documents[INCLUDED].root.values]
            for name in lacking:
                problem = f"there is no {name}, which the printed jobs extend"
                place = Said("", INCLUDED, 1)
                yield _missing(place, problem, "Write it as in docs/how-to/split.md.", job, "")


def _missing(text: Said, problem: str, advice: str, job: Job, name: str) -> Finding:
    return at(text, "missing-file", problem, advice, job, keys=(name,) if name else ())
