"""BuildKit through ``docker buildx``: what a builder can do, and one bake run to its end."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docker_push import bake
from docker_push.bake import Batch, Output
from docker_push.errors import BuilderError, DockerPushError
from docker_push.facts import BuilderFacts
from docker_push.plan import Plan
from docker_push.printable import printable
from docker_push.process import Completed, Runner
from docker_push.references import Digest, Platform

if TYPE_CHECKING:
    from docker_push.progress import Progress, Step
    from docker_push.sources import Sources

_START = 300.0  # seconds: a builder's image may have to be pulled
# The label that BuildKit's worker bears where the engine's image store is containerd's: the classic one holds one platform
# of an image, no attestations, and exports no cache.
_CONTAINERD = "org.mobyproject.buildkit.worker.containerd.namespace"
NO_BUILDX = "docker has no buildx, or one older than 0.13"
INSTALL = "Install Docker with buildx: https://docs.docker.com/engine/install/"
_ELSEWHERE = ("remote", "kubernetes")  # drivers
_UNREACHABLE = (
    "Cannot connect to the Docker daemon",
    "error during connect",
    "connection refused",
    "no such file or dir",
)


@dataclass(frozen=True, kw_only=True)
class FailedStep:
    """A step that failed by itself: whose it is (``None`` where buildx does not say), and the end of its log."""

    image: str | None
    step: Step
    log: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Baked:
    """What one bake came to: ``digests`` is image name -> digest of what was pushed, for the images in ``names``.

    ``ok`` is what buildx's exit status said, which alone decides. ``failed`` are the steps that failed by themselves and
    ``stray`` the last lines that buildx printed beside its events: they word the error, and decide nothing. ``sources`` is
    image name -> what it was made from, for everything that was built, the images that others need too.
    """

    ok: bool
    names: tuple[str, ...]
    digests: Mapping[str, Digest]
    failed: tuple[FailedStep, ...] = ()
    stray: tuple[str, ...] = ()
    sources: Mapping[str, Sources] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Builder:
    """A builder of the run: where to run buildx, which builder to use (``None``: the user's current one).

    A bake that shows no sign of life for ``silence`` seconds is ended.
    """

    runner: Runner
    name: str | None
    folder: Path
    silence: float = math.inf

    def observe(self) -> BuilderFacts:
        """Look at the builder; raises BuilderError where buildx or the engine is missing or the builder unknown.

        A builder that was created and never used is started: only then does it know its platforms.
        """
        entry = self.listed()
        if _is_asleep(entry):
            started = self.runner.run(
                ["docker", "buildx", "inspect", "--bootstrap", str(entry["Name"])], timeout=_START
            )
            if started.status != 0:
                raise _stopped(entry, started.stderr)
            entry = self.listed()
        return self._facts(entry)

    def listed(self) -> Mapping[str, Any]:
        """Return the builder as ``docker buildx ls`` lists it; raises BuilderError where it cannot be told."""
        found = self.runner.run(["docker", "buildx", "ls", "--format", "{{json .}}"], timeout=30)
        if found.status != 0:
            raise _unusable(found)
        builders = found.objects
        entry = next((entry for entry in builders if self._is_ours(entry)), None)
        if entry is None:
            known = ", ".join(sorted({str(entry.get("Name")) for entry in builders})) or "none"
            raise BuilderError(f"buildx knows no builder {self.name or ''}".rstrip(), hint=f"Known builders: {known}.")
        return entry

    def bake(self, plan: Plan, batch: Batch, output: Output, on_step: Callable[[Step], None]) -> Baked:
        """Build a batch, and push it where ``output`` says so; what failed is in the value, not raised.

        Raises VerificationError where buildx says that all went well and does not name every digest, BuilderError where
        it says nothing any more: BuildKit itself waits for ever for a registry that takes a layer and does not answer.
        """
        from docker_push.progress import Progress  # noqa: PLC0415 - only a run that builds needs it
        from docker_push.sources import Collector  # noqa: PLC0415 - only a run that builds needs it

        names = bake.target_names((*batch.needs, *batch.images))
        kept = {image.name: names[image.name] for image in batch.images}
        definition = json.dumps(bake.render(plan, batch, output), indent=1)
        metadata = self.folder / "metadata.json"
        with _accessed(metadata):
            metadata.unlink(missing_ok=True)  # that of an earlier bake stays when a bake fails
        collector = Collector(names, {image.name: image.options.depends_on for image in (*batch.needs, *batch.images)})
        progress = Progress(follow=collector.take)

        def on_line(line: str) -> None:
            for step in progress.feed(line):
                on_step(step)

        try:
            argv = self._argv(batch, metadata)
            done = self.runner.stream(argv, input=definition, on_line=on_line, silence=self.silence)
        except TimeoutError:
            raise self._silent(names) from None
        if done.status != 0:
            images = {target: image for image, target in names.items()}
            return Baked(
                ok=False,
                names=tuple(kept),
                digests={},
                failed=tuple(_failed(progress, images)),
                stray=tuple(progress.stray),
            )
        with _accessed(metadata):
            written = metadata.read_text("utf-8", "replace") if metadata.exists() else ""
        digests = bake.digests(written, kept) if output.pushes else {}
        return Baked(ok=True, names=tuple(kept), digests=digests, sources=collector.sources())

    def _argv(self, batch: Batch, metadata: Path) -> list[str]:
        images = (*batch.needs, *batch.images)
        argv = ["docker", "buildx", "bake", "--file", "-", "--progress", "rawjson", "--metadata-file", str(metadata)]
        if self.name:
            argv += ["--builder", self.name]
        if any(image.options.network == "host" for image in images):
            argv += ["--allow", "network.host"]
        if any(image.options.ssh for image in images):
            argv += ["--allow", "ssh"]
        return argv

    def _silent(self, names: Iterable[str]) -> BuilderError:
        who = ", ".join(names)
        message = f"building {who}: no sign of life for {self.silence:g} s, so that it was ended"
        hint = "Run the same command again; for a step that prints nothing for longer, raise silence in [retry] of build.toml."
        return BuilderError(message, hint=hint, transient=True)

    def _is_ours(self, entry: Mapping[str, object]) -> bool:
        return entry.get("Name") == self.name if self.name else bool(entry.get("Current"))

    def _facts(self, entry: Mapping[str, object]) -> BuilderFacts:
        nodes = _nodes(entry)
        name, driver = str(entry.get("Name")), str(entry.get("Driver"))
        trouble = next((str(part["Err"]) for part in (entry, *nodes) if part.get("Err")), "")
        listed = [str(text).rstrip("*") for node in nodes for text in node.get("Platforms") or ()]
        if not listed:
            trouble = trouble or f"builder {name} has no node that runs"
            raise _stopped(entry, trouble)
        return BuilderFacts(
            name=name,
            driver=driver,
            platforms=tuple(dict.fromkeys(Platform.parse(text) for text in listed)),
            multi_platform=driver != "docker" or any(_CONTAINERD in (node.get("Labels") or ()) for node in nodes),
        )


@contextmanager
def _accessed(path: Path) -> Iterator[None]:
    """Name the file, and what to do, where the system refuses it."""
    try:
        yield
    except OSError as error:
        hint = "Make room there, or set RUNNER_TEMP (else TMPDIR) to a folder on another disk."
        raise BuilderError(f"{path}: {error.strerror}", hint=hint) from None


def _nodes(entry: Mapping[str, object]) -> list[Mapping[str, Any]]:
    nodes = entry.get("Nodes")
    return [node for node in nodes if isinstance(node, dict)] if isinstance(nodes, list) else []


def _is_asleep(entry: Mapping[str, object]) -> bool:
    nodes = _nodes(entry)
    quiet = not entry.get("Err") and not any(node.get("Err") for node in nodes)
    return bool(nodes) and quiet and all(node.get("Status") == "inactive" for node in nodes)


def _unusable(found: Completed) -> DockerPushError:
    text = printable(found.stderr).strip()
    last = _last(text) or f"exit status {found.status}"
    if "is not a docker command" in text or "unknown command" in text or "unknown flag" in text:
        return BuilderError(NO_BUILDX, hint=INSTALL)
    if any(mark in text for mark in _UNREACHABLE):
        hint = "Start Docker, or set DOCKER_HOST to an engine that runs (`docker info` shows whether it answers)."
        return BuilderError(f"no Docker engine answers: {last}", hint=hint)
    return BuilderError(f"docker buildx cannot be used: {last}", hint="Run `docker buildx ls` to see the same error.")


def _stopped(entry: Mapping[str, object], words: str) -> DockerPushError:
    """Say that a builder does not run; one that is elsewhere has no engine that DOCKER_HOST could name."""
    if entry.get("Driver") not in _ELSEWHERE and any(mark in words for mark in _UNREACHABLE):
        return _unusable(Completed(argv=("docker", "buildx", "ls"), status=1, stdout="", stderr=words))
    name = entry.get("Name")
    hint = f"See `docker buildx inspect --bootstrap {name}`, or select another builder (--builder, docker buildx use)."
    return BuilderError(f"builder {name} cannot be used: {_last(printable(words)) or 'it does not start'}", hint=hint)


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("ERROR: ") if lines else ""


def _failed(progress: Progress, images: Mapping[str, str]) -> Iterator[FailedStep]:
    """Yield the steps that failed by themselves; a lone image is meant where buildx names no target."""
    from docker_push.progress import target_of  # noqa: PLC0415 - only a run that builds needs it

    alone = next(iter(images.values())) if len(images) == 1 else None
    for step, log in progress.causes():
        yield FailedStep(image=images.get(target_of(step.name) or "", alone), step=step, log=log)
