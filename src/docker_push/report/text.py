"""Plans and outcomes as text for people, and as lines for scripts; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from docker_push import fingerprint
from docker_push.facts import Files
from docker_push.image_tests import Outcome as Tested
from docker_push.plan import Plan, PlannedImage
from docker_push.printable import printable
from docker_push.publish import State, TagOutcome
from docker_push.references import Digest
from docker_push.report.model import RunReport
from docker_push.tagging.naming import legible

if TYPE_CHECKING:
    from docker_push.progress import Step

_OTHERS = 5  # images that are named where more share something
_SHORT = 19  # "sha256:" and twelve digits: enough to compare by eye


def plan_text(plan: Plan) -> str:
    """Return the plan as a person reads it: what is built, where it goes, and why each tag."""
    context = plan.context
    where = f"branch {legible(context.branch or plan.slug)}" if context.tag is None else f"tag {legible(context.tag)}"
    lines = [f"{context.repository} {where} commit {context.commit[:12]} ({context.event.value}, {context.ci})"]
    sharing: defaultdict[str, list[str]] = defaultdict(list)
    for image in plan.images:
        sharing[image.options.context.value].append(image.name)
    for image in plan.images:
        lines += ["", *_image_text(image, plan.facts.files.get(image.name), sharing[image.options.context.value])]
    if not plan.images:
        lines += ["", "Nothing to do: no image that was asked for is affected by what changed."]
    lines += [f"warning: {text}" for text in plan.warnings]
    return printable("\n".join(" ".join(line.splitlines()) for line in lines))


def _image_text(image: PlannedImage, files: Files | None, sharing: Sequence[str]) -> Iterable[str]:
    options = image.options
    platforms = ", ".join(str(platform) for platform in image.platforms)
    yield f"{image.name}: {image.action.value} ({image.why})"
    yield f"  from      {options.dockerfile.value}, context {options.context.value}"
    if files:
        yield f"  inputs    {_inputs_text(image, files, sharing)}"
    yield f"  platforms {platforms} ({options.platforms.origin})"
    if not image.publish:
        return
    for repository in image.repositories:
        yield f"  to        {repository}"
    width = max(len(str(tag.tag)) for tag in image.tags)
    for tag in image.tags:
        yield f"  tag       {str(tag.tag).ljust(width)}  {tag.why}"
    for skipped in image.skipped:
        yield f"  no tag    {skipped.kind.value}: {skipped.why}"
    yield f"  cache     {image.cache_why}"
    yield from (f"  reads     {entry}" for entry in image.cache_from)
    yield from (f"  writes    {entry}" for entry in image.cache_to)


def _inputs_text(image: PlannedImage, files: Files, sharing: Sequence[str]) -> str:
    """Return what an image is built from, and which images change together with it since they share its context."""
    others = [name for name in sharing[: _OTHERS + 1] if name != image.name][:_OTHERS]
    more = len(sharing) - 1 - len(others)
    shown = ", ".join(others) + (f" and {more} more" if more else "")
    is_shared = others and not fingerprint.REMOTE.match(image.options.context.value)
    return f"{files.number} file{'s' * (files.number != 1)}, {size_text(files.size)}" + (
        f"; a change of any file concerns {shown} too" if is_shared else ""
    )


def size_text(size: int) -> str:
    """Return bytes in the largest unit that leaves a whole number of them."""
    for unit, least in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= least:
            return f"{size / least:.1f} {unit}"
    return f"{size} bytes"


def step_text(step: Step) -> str:
    """Return one finished build step as a line."""
    name = " ".join(step.name.split())
    if step.is_missing_cache:
        return f"  {name}  not there yet"
    if step.error:
        return f"  {name}  FAILED: {' '.join(step.error.split())}"
    return f"  {name}  {'cached' if step.cached else f'{step.seconds:.1f} s'}"


def untested_text(tests: Iterable[Tested]) -> str:
    """Return a line that says which platforms were not tested and why; empty where all were."""
    skipped = [f"{one.image} on {one.platform} ({one.why})" for one in tests if one.why]
    return f"Not tested: {', '.join(skipped)}." if skipped else ""


def tag_text(outcome: TagOutcome) -> str:
    """Return what happened to one tag as a line."""
    name = f"{outcome.reference.repository}:{outcome.reference.tag}"
    before = f" (was {_short(outcome.before)})" if outcome.state is State.MOVED else ""
    why = f": {printable(outcome.why)}" if outcome.why else ""
    if outcome.state in {State.SKIPPED, State.REFUSED}:
        return f"  {outcome.state.value:<9} {name} stays {_short(outcome.before)}{why}"
    return f"  {outcome.state.value:<9} {name} -> {_short(outcome.reference.digest)}{before}{why}"


def tag_table(outcomes: Sequence[TagOutcome]) -> tuple[str, ...]:
    """Return what is known of every tag as a table, for a run that ended early: tag, old, new, state."""
    rows = [("tag", "old", "new", "state")]
    rows += [(f"{one.reference.repository}:{one.reference.tag}", *_moment(one)) for one in outcomes]
    return table(rows)


def table(rows: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return rows as lines, each column but the last as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return tuple(
        "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths[:-1], 0], strict=True)).rstrip()
        for row in rows
    )


def _moment(one: TagOutcome) -> tuple[str, str, str]:
    """Return old, new and state of a tag; what was not looked at is as it was, whatever that is."""
    if one.state is State.WAITING:
        return "as it was", "as it was", "not moved"
    old = _short(one.before) if one.before else "none"
    if one.state is State.UNKNOWN:
        return old, f"old, or {_short(one.reference.digest)}", "asked for, not answered"
    return old, _short(one.after) if one.after else "none", one.state.value


def _short(digest: Digest | None) -> str:
    return str(digest)[:_SHORT]


def list_text(plan: Plan) -> str:
    """Return the images of build.toml as a table: name, platforms, Dockerfile, where they go."""
    rows = [
        (image.name, ",".join(map(str, image.platforms)), image.options.dockerfile.value, str(repository))
        for image in plan.images
        for repository in image.repositories
    ]
    return "\n".join(table(rows))


def references(run: RunReport) -> list[str]:
    """Return the lines for standard output: one per image and registry, ``REPOSITORY:COMMIT-TAG@DIGEST``.

    An image whose tags are not all where they belong is not among them: a script must not go on with it.
    """
    return [str(one.reference) for entry in run.published for one in entry.staged]
