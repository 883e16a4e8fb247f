"""A run that is split by platform: each runner stages a part, and one run puts all of them together and moves the tags.

A part is pushed by digest and gets none of the image's tags. What a runner has is told by a small file; the registry alone
is believed. Until every platform of every image is read back, nothing of the run has a name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from docker_push import parts, publish, secret_scan, staging
from docker_push.errors import ConfigError, DockerPushError
from docker_push.parts import Matched, Part, PartImage
from docker_push.pipeline import (
    Prepared,
    adopted,
    planned,
    prepared,
    reporting,
    shown,
    tested,
    tested_again,
    verified,
)
from docker_push.plan import Plan
from docker_push.publish import Staged
from docker_push.publishing import Record, StagedRun, apart, keep_going, left_out, logged_in, move, reported
from docker_push.report import RunReport, Staging
from docker_push.report_file import write_whole
from docker_push.run import Run


def stage_part(run: Run, folder: Path) -> RunReport:
    """Build one platform, push it by digest, verify, search and test it, and write what there is to a file in ``folder``.

    The plan is that of the whole images. What need not be built is only noted: whoever merges adopts it. No tag of an
    image is touched. Where an image fails no file is written; a run that keeps going leaves the image out of it.
    """
    parts.refuse_in_context(folder, run.root, run.options.images, run.contexts)
    _make(folder)
    return reporting(run, lambda _record: _staged_part(run, prepared(run, moves=False), folder))


def merge(run: Run, paths: Iterable[Path]) -> RunReport:
    """Put the parts of all runners together under the commit tags, and move the tags as ``docker.publish`` does.

    No builder is needed. What is missing, or of another run, ends it before any tag is put.
    """
    found = _loaded(run, paths)
    return reporting(
        run, lambda record: move(run, _together(run, prepared(run, build=False, joins=True), found, record), record)
    )


def planned_merge(run: Run, paths: Iterable[Path]) -> Plan:
    """Return the plan that a merge would be carried out by; raises what it would be refused for by its parts."""
    found = _loaded(run, paths)
    plan = planned(run, look=True, build=False, joins=True)
    for error in parts.match(plan, found).missing.values():
        raise error
    return plan


def _loaded(run: Run, paths: Iterable[Path]) -> tuple[Part, ...]:
    places = tuple(paths)
    for place in places:
        parts.refuse_in_context(place, run.root, run.options.images, run.contexts)
    return parts.load(places)


def _make(folder: Path) -> None:
    """Make the folder of a part, before anything is built; raises ConfigError where it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"--part {folder}: cannot be written to", hint="Name another folder.")


def _unwritable(path: Path, error: OSError) -> ConfigError:
    hint = "Name another folder, and run the same command again: BuildKit's cache has what was built."
    return ConfigError(f"--part {path}: cannot be written: {error.strerror}", hint=hint)


def _staged_part(run: Run, ready: Prepared, folder: Path) -> RunReport:
    run.surroundings.say(f"This run stages the part {run.options.part}: docker.merge puts the tags.")
    found = _built_part(run, ready)
    part = _part(run, found)
    _write(folder / part.name, part)
    run.surroundings.say(f"Wrote {folder / part.name}")
    for one in found.staged:
        run.surroundings.emit(str(one.reference))
    return reported(run, found, found.staged, (), left_out(found.staging))


def _built_part(run: Run, ready: Prepared) -> StagedRun:
    """Build what is not adopted, and read, search and test what was pushed of it: all, or image by image."""
    plan = ready.plan
    with logged_in(run) as inside:
        built = staging.build(inside, plan, Staging(digests=adopted(plan), failures=ready.refused))
        names = {image.name for image in plan.published if image.part and image.name in built.digests}
        found = verified(inside, StagedRun(plan=plan, staging=built, staged=()), names)
        for one in found.staged:
            run.surroundings.say(f"Staged as a part and verified: {one.reference}, {one.image.part}")
        return tested(inside, found)


def _part(run: Run, found: StagedRun) -> Part:
    plan, records = found.plan, found.staging.records
    platform = run.options.part
    assert platform is not None  # noqa: S101 - what makes a run stage a part
    images = {
        image.name: PartImage(
            plan=image.fingerprint,
            digest=found.staging.digests[image.name],
            adopted=image.part is None,
            record=records.get(image.name) if image.part else None,
        )
        for image in plan.published
        if image.name in found.staging.digests and image.name not in found.staging.failures
    }
    return Part(
        repository=plan.context.repository,
        commit=plan.context.commit,
        tag=str(next((image.commit_tag for image in plan.images), "")),
        slug=plan.slug,
        version=plan.version,
        platform=platform,
        images=images,
    )


def _write(path: Path, part: Part) -> None:
    """Write the file whole or not at all: a job that is run again replaces what it wrote before."""
    try:
        write_whole(path, part.text())
    except OSError as error:
        raise _unwritable(path, error) from None


def _together(run: Run, ready: Prepared, found: Sequence[Part], record: Record) -> StagedRun:
    """Put together what has parts, adopt what is unchanged, and test what no part was tested of.

    ``record`` knows of every commit tag from the moment that it is asked for.
    """
    plan, failures = ready.plan, dict(ready.refused)
    if not plan.published:
        why = next((image.why for image in plan.images if image.asked), "no image was asked for")
        run.surroundings.say(f"Nothing was put together: {why}.")
        return StagedRun(plan=plan, staging=Staging(digests={}), staged=())
    matched = parts.match(plan, found)
    for name, error in matched.missing.items():
        if name not in failures:
            keep_going(run, name, error, failures)
    plan = publish.noted(plan, matched.adopted, run.clients)
    _tell(run, plan, matched)
    record.found = StagedRun(plan=plan, staging=Staging(digests={}, failures=failures), staged=())
    joined = _joined(run, plan, matched, failures, record)
    kept, new = adopted(plan), {one.image.name: one.manifest.digest for one in joined}
    start = StagedRun(plan=plan, staging=Staging(digests=kept | new, failures=failures), staged=joined)
    record.found = verified(run, start, kept.keys() - new.keys())
    return shown(run, _with_tests(run, record.found, set(new)))


def _tell(run: Run, plan: Plan, matched: Matched) -> None:
    """Say of which images a reader of the plan and of the parts would expect something else."""
    for image in plan.published:
        if image.name in matched.adopted:
            run.surroundings.say(f"{image.name}: adopted, as a runner of this run found it unchanged")
        if image.name in matched.unused:
            run.surroundings.say(f"{image.name}: its parts are not used: {image.why} (--rebuild replaces it)")


def _joined(
    run: Run, plan: Plan, matched: Matched, failures: dict[str, DockerPushError], record: Record
) -> tuple[Staged, ...]:
    """Read every part back, and put the whole images under their commit tags: all of them, or image by image."""
    names = [image.name for image in plan.published if image.name in matched.parts and image.name not in failures]
    joined: list[Staged] = []
    for some in apart(run, names):
        try:
            joined += _put_together(run, plan, matched, some, record)
        except DockerPushError as error:
            keep_going(run, some[0], error, failures)
    return tuple(joined)


def _put_together(run: Run, plan: Plan, matched: Matched, names: Sequence[str], record: Record) -> tuple[Staged, ...]:
    run.surroundings.say(f"Putting together {', '.join(names)}")
    clients, lag = run.clients, run.options.retry.lag
    digests = {name: {platform: part.digest for platform, part in matched.parts[name].items()} for name in names}
    images = {image.name: image for image in plan.published}
    read = publish.read_parts(plan, digests, clients, lag)
    whole = tuple(publish.assembled(images[name], some, matched.record(name)) for (name, _), some in read.items())
    secret_scan.refuse_published(whole, clients, run.secrets)
    publish.put(whole, clients, record.note, lag)
    return whole


def _with_tests(run: Run, found: StagedRun, joined: set[str]) -> StagedRun:
    """Test what was adopted from this commit's own tag: that its tests passed is said nowhere. Parts were tested as such."""
    again = replace(found, staged=tuple(one for one in found.staged if one.image.name not in joined))
    done = tested_again(run, again)
    kept = tuple(one for one in found.staged if one.image.name in joined)
    return replace(done, staged=(*kept, *done.staged))
