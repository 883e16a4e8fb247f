"""What mends the files of a CI, or writes the first ones: texts in, texts out. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from docker_push.ci import editing, jobs_added, scaffold
from docker_push.ci.checking import Checked, Texts, check, documents_of
from docker_push.ci.document import Document, read
from docker_push.ci.jobs_added import Added
from docker_push.ci.mending import mends
from docker_push.ci.model import Ci, Finding, Job, Level, Said, Wanted
from docker_push.errors import ConfigError

_PASSES = 5  # a workflow that is added needs a script; a job that is added needs its release


@dataclass(frozen=True, kw_only=True)
class Written:
    """Texts that are new or changed, what was done to each, and what is left to be said of all of them."""

    texts: dict[str, str] = field(default_factory=dict)
    done: tuple[tuple[str, str], ...] = ()
    left: Checked


def write(texts: Texts, wanted: Wanted, ci: Ci, unread: tuple[Said, ...] = ()) -> Written:
    """Mend the files of a CI, and add what is missing; a second time nothing is left to do.

    Raises ConfigError where a file could not be changed without changing what else it says.
    """
    now, done = dict(texts), list[tuple[str, str]]()
    for _ in range(_PASSES):
        seen = check(now, wanted, (ci,), unread)
        changes = list(_changes(now, seen, wanted, ci))
        for file, text, words in changes:
            now[file] = text
            done += [(file, word) for word in words]
        if not changes:
            break
    changed = {file: text for file, text in now.items() if texts.get(file) != text}
    return Written(texts=changed, done=tuple(done), left=check(now, wanted, (ci,), unread))


def mendable(texts: Texts, wanted: Wanted, found: Checked, unread: tuple[Said, ...] = ()) -> int:
    """Return how many errors of a check ``write`` would mend."""
    if not found.errors:
        return 0
    try:
        left = [one for ci in found.which for one in write(texts, wanted, ci, unread).left.errors]
    except ConfigError:
        return 0
    return len(found.errors) - len(left)


def _changes(texts: Texts, seen: Checked, wanted: Wanted, ci: Ci) -> Iterator[tuple[str, str, list[str]]]:
    """Yield file, new text and what was done, each file once; first what is there is put right, then jobs are added."""
    documents, _ = documents_of(ci, texts)
    jobs = [job for job in seen.jobs if job.file in documents]
    mended = False
    for name, document in documents.items():
        found = list(mends(document, [one for one in seen.findings if one.job_file == name], jobs, wanted))
        edits = [edit for mend in found for edit in mend.edits]
        if edits:
            mended = True
            yield name, _edited(document, edits), list(dict.fromkeys(mend.done for mend in found))
    if not mended:
        yield from _new_files(texts, seen.findings)
        for added in _added(documents, seen, jobs, wanted, ci):
            text = added.text or _edited(documents[added.file], [added.edit] if added.edit else [])
            yield added.file, text, [f"{'job' if len(added.names) == 1 else 'jobs'} {', '.join(added.names)}"]


def _new_files(texts: Texts, findings: tuple[Finding, ...]) -> Iterator[tuple[str, str, list[str]]]:
    wanted = [key for one in findings if one.rule == "missing-file" for key in one.keys]
    for path in dict.fromkeys(wanted):
        if path in scaffold.SHIPPED and path not in texts:
            yield path, scaffold.shipped(path), ["the pattern's file"]


def _added(documents: dict[str, Document], seen: Checked, jobs: list[Job], wanted: Wanted, ci: Ci) -> Iterator[Added]:
    without = [one.image for one in seen.errors if one.rule == "image-without-job" and one.image]
    if ci is Ci.GITLAB:
        added = jobs_added.to_gitlab(without, documents, jobs) if without else None
        yield from (added,) if added else ()
        return
    branches = jobs_added.to_github(without, documents, jobs, wanted) if without else None
    found = [branches]
    is_first = not any(job.is_moving_tags and not job.called for job in jobs)
    # without a job for branches there is none for tags: an image that is pushed by a release alone would count as pushed
    if branches and is_first and not {jobs_added.NEW_CD, f"{jobs_added.NEW_CD[:-3]}yaml"} & documents.keys():
        found.append(jobs_added.to_release(jobs_added.NEW_CD, without, documents, jobs, wanted))
    unreleased: dict[str, list[str]] = {}
    for one in seen.findings:
        if one.rule == "image-without-release" and one.image and one.level is Level.WARNING:
            unreleased.setdefault(one.file, []).append(one.image)
    found += [jobs_added.to_release(file, some, documents, jobs, wanted) for file, some in unreleased.items()]
    yield from (added for added in found if added)


def _edited(document: Document, edits: list[editing.Edit]) -> str:
    """Return a text with its edits; raises ConfigError where they would change anything else that it says."""
    text = editing.applied(document.text, edits)
    hint = "Mend it by hand: `docker-push ci.check` says what. Nothing was written."
    try:
        after = read(text, document.name)
    except ConfigError as error:
        raise ConfigError(f"{document.name} cannot be mended: {error.message}", hint=hint) from None
    if not editing.is_kept(document, after, edits):
        raise ConfigError(f"{document.name} cannot be mended without changing what else it says", hint=hint)
    return text
