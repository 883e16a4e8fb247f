"""BuildKit through ``docker buildx``: what a builder can do, and one bake run to its end."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from docker_push import bake
from docker_push.bake import Batch, Output
from docker_push.builder import listing, making
from docker_push.builder.description import Description
from docker_push.builder.watch import Watch, watched
from docker_push.errors import BuilderError, DockerPushError
from docker_push.facts import BuilderFacts
from docker_push.plan import Plan
from docker_push.process import Runner
from docker_push.references import Digest, Platform

if TYPE_CHECKING:
    from docker_push.progress import Progress, Step
    from docker_push.sources import Sources

# The label that BuildKit's worker bears where the engine's image store is containerd's: the classic one holds one platform
# of an image, no attestations, and exports no cache.
_CONTAINERD = "org.mobyproject.buildkit.worker.containerd.namespace"


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
    image name -> what it was made from, for everything that was built, the images that others need too. ``away`` is the error of
    remote nodes that did not answer after a bake that failed.
    """

    ok: bool
    names: tuple[str, ...]
    digests: Mapping[str, Digest]
    failed: tuple[FailedStep, ...] = ()
    stray: tuple[str, ...] = ()
    sources: Mapping[str, Sources] = field(default_factory=dict)
    away: DockerPushError | None = None


@dataclass(frozen=True, kw_only=True)
class Builder:
    """A builder of the run: where to run buildx, which builder to use (``None``: the user's current one).

    A bake that shows no sign of life for ``silence`` seconds is ended, and so is one of whose remote nodes one does not answer
    for ``away`` seconds by ``clock``. ``description`` is what build.toml says of it, where it does, and ``place`` where
    there; it is made when it is not there and the run ``makes`` it, which ``say`` tells.
    """

    runner: Runner
    name: str | None
    folder: Path
    silence: float = math.inf
    away: float = math.inf
    clock: Callable[[], float] = float
    description: Description | None = None
    makes: bool = False
    place: Callable[..., str] = str
    say: Callable[[str], object] = str

    def observe(self) -> BuilderFacts:
        """Look at the builder; raises BuilderError where buildx or the engine is missing or the builder unknown.

        A builder that was created and never used is started: only then does it know its platforms. One that build.toml describes
        and that is not there is made by a run that builds; of any other the facts are what is described.
        """
        entry: listing.Entry | None = None
        if self.description:
            making.check_files(self.description, self.place)
            entry = making.found(self.runner, self.description)
            if entry is None and not self.makes:
                return _described(self.description)
            if entry is None:
                making.up(self.runner, self.description, self.say)
        entry = entry or self.listed()
        if _is_asleep(entry):
            try:
                listing.start(self.runner, entry)
            except BuilderError as error:
                raise making.explained(error, str(entry["Name"]), self.runner) from None
            entry = self.listed()
        return _facts(entry)

    def listed(self) -> listing.Entry:
        """Return the builder as ``docker buildx ls`` lists it; raises BuilderError where it cannot be told."""
        builders = listing.entries(self.runner)
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

        argv = self._argv(batch, metadata)
        with self._watched(plan) as watch:
            try:
                done = self.runner.stream(
                    argv, input=definition, on_line=on_line, silence=self.silence, given_up=lambda: bool(watch.gone)
                )
            except TimeoutError:
                raise self._away(watch.gone) if watch.gone else self._silent(names) from None
        if done.status != 0:
            images = {target: image for image, target in names.items()}
            return Baked(
                ok=False,
                names=tuple(kept),
                digests={},
                failed=tuple(_failed(progress, images)),
                stray=tuple(progress.stray),
                away=self._missed(plan),
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

    def _is_ours(self, entry: listing.Entry) -> bool:
        return entry.get("Name") == self.name if self.name else bool(entry.get("Current"))

    def _remote(self, plan: Plan) -> str | None:
        """Return the name of the builder where its nodes are machines that may be cut off."""
        facts = plan.facts.builder
        return facts.name if facts and facts.driver == "remote" else None

    @contextmanager
    def _watched(self, plan: Plan) -> Iterator[Watch]:
        name = self._remote(plan)
        if name is None or math.isinf(self.away):
            yield Watch(limit=self.away)
            return
        with watched(self.runner, name, self.away, self.clock) as watch:
            yield watch

    def _missed(self, plan: Plan) -> DockerPushError | None:
        """Return the error of remote nodes that do not answer now; ``None`` where they all do."""
        name = self._remote(plan)
        return making.missed(self.runner, name) if name else None

    def _away(self, gone: Sequence[str]) -> BuilderError:
        why = f"for {self.away:g} s, so that the build was ended"
        return making.unanswered(str(self.name or "in use"), list(gone), why)


def _described(description: Description) -> BuilderFacts:
    """Return what is known of a builder that is still to be made."""
    return BuilderFacts(
        name=description.name, driver=description.driver, platforms=description.platforms, planned=description.shown
    )


def _facts(entry: listing.Entry) -> BuilderFacts:
    nodes = listing.nodes(entry)
    name, driver = str(entry.get("Name")), str(entry.get("Driver"))
    trouble = next((str(part["Err"]) for part in (entry, *nodes) if part.get("Err")), "")
    absent = [node for node in nodes if listing.is_silent(entry, node)]
    there = [text for node in nodes if node not in absent for text in listing.platforms(node)]
    if not there:
        trouble = trouble or f"builder {name} has no node that runs"
        raise listing.stopped(entry, trouble)
    missing = {Platform.parse(text): str(node.get("Endpoint")) for node in absent for text in listing.platforms(node)}
    return BuilderFacts(
        name=name,
        driver=driver,
        platforms=tuple(dict.fromkeys(Platform.parse(text) for text in there)),
        multi_platform=driver != "docker" or any(_CONTAINERD in (node.get("Labels") or ()) for node in nodes),
        absent=missing,
    )


def _is_asleep(entry: listing.Entry) -> bool:
    nodes = listing.nodes(entry)
    quiet = not entry.get("Err") and not any(node.get("Err") for node in nodes)
    return bool(nodes) and quiet and all(node.get("Status") == "inactive" for node in nodes)


@contextmanager
def _accessed(path: Path) -> Iterator[None]:
    """Name the file, and what to do, where the system refuses it."""
    try:
        yield
    except OSError as error:
        hint = "Make room there, or set RUNNER_TEMP (else TMPDIR) to a folder on another disk."
        raise BuilderError(f"{path}: {error.strerror}", hint=hint) from None


def _failed(progress: Progress, images: Mapping[str, str]) -> Iterator[FailedStep]:
    """Yield the steps that failed by themselves; a lone image is meant where buildx names no target."""
    from docker_push.progress import target_of  # noqa: PLC0415 - only a run that builds needs it

    alone = next(iter(images.values())) if len(images) == 1 else None
    for step, log in progress.causes():
        yield FailedStep(image=images.get(target_of(step.name) or "", alone), step=step, log=log)
