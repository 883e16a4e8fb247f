"""BuildKit through ``docker buildx``: what a builder can do, and one bake run to its end."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker_push import bake
from docker_push.bake import Batch, Output
from docker_push.errors import (
    AuthenticationError,
    BuilderError,
    BuildError,
    DockerPushError,
    PermissionDeniedError,
    RateLimitError,
    RegistryError,
)
from docker_push.facts import BuilderFacts
from docker_push.plan import Plan
from docker_push.process import Completed, Runner
from docker_push.progress import Progress, Step, printable, target_of
from docker_push.references import Digest, Platform

_LOG_SHOWN = 20
_START = 300.0  # seconds: a builder's image may have to be pulled
# The label that BuildKit's worker bears where the engine's image store is containerd's: the classic one holds one platform
# of an image, no attestations, and exports no cache.
_CONTAINERD = "org.mobyproject.buildkit.worker.containerd.namespace"
_INSTALL = "Install Docker with buildx: https://docs.docker.com/engine/install/"
_UNREACHABLE = (
    "Cannot connect to the Docker daemon",
    "error during connect",
    "connection refused",
    "no such file or dir",
)


@dataclass(frozen=True, kw_only=True)
class Builder:
    """A builder of the run: where to run buildx, which builder to use (``None``: the user's current one)."""

    runner: Runner
    name: str | None
    folder: Path

    def observe(self) -> BuilderFacts:
        """Look at the builder; raises BuilderError where buildx or the engine is missing or the builder unknown.

        A builder that was created and never used is started: only then does it know its platforms.
        """
        entry = self._listed()
        if _is_asleep(entry):
            started = self.runner.run(
                ["docker", "buildx", "inspect", "--bootstrap", str(entry["Name"])], timeout=_START
            )
            if started.status != 0:
                raise _unusable(started)
            entry = self._listed()
        return self._facts(entry)

    def _listed(self) -> Mapping[str, object]:
        found = self.runner.run(["docker", "buildx", "ls", "--format", "{{json .}}"], timeout=30)
        if found.status != 0:
            raise _unusable(found)
        builders = [entry for entry in map(_object, found.stdout.splitlines()) if entry]
        entry = next((entry for entry in builders if self._is_ours(entry)), None)
        if entry is None:
            known = ", ".join(sorted({str(entry.get("Name")) for entry in builders})) or "none"
            raise BuilderError(f"buildx knows no builder {self.name or ''}".rstrip(), hint=f"Known builders: {known}.")
        return entry

    def bake(self, plan: Plan, batch: Batch, output: Output, on_step: Callable[[Step], None]) -> dict[str, Digest]:
        """Build a batch and return image name -> digest of what was pushed (empty where nothing is pushed).

        Raises BuildError with the failed step and the end of its log.
        """
        names = bake.target_names((*batch.needs, *batch.images))
        kept = {image.name: names[image.name] for image in batch.images}
        definition = json.dumps(bake.render(plan, batch, output), indent=1)
        metadata = self.folder / "metadata.json"
        metadata.unlink(missing_ok=True)  # that of an earlier bake stays when a bake fails
        progress = Progress()

        def on_line(line: str) -> None:
            for step in progress.feed(line):
                on_step(step)

        done = self.runner.stream(self._argv(batch, metadata), input=definition, on_line=on_line)
        if done.status != 0:
            raise _failed(progress, {target: image for image, target in names.items()})
        written = metadata.read_text("utf-8", "replace") if metadata.exists() else ""
        return bake.digests(written, kept) if output is Output.STAGE else {}

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

    def _is_ours(self, entry: Mapping[str, object]) -> bool:
        return entry.get("Name") == self.name if self.name else bool(entry.get("Current"))

    def _facts(self, entry: Mapping[str, object]) -> BuilderFacts:
        nodes = _nodes(entry)
        name, driver = str(entry.get("Name")), str(entry.get("Driver"))
        trouble = next((str(part["Err"]) for part in (entry, *nodes) if part.get("Err")), "")
        listed = [str(text).rstrip("*") for node in nodes for text in node.get("Platforms") or ()]
        if not listed:
            trouble = trouble or f"builder {name} has no node that runs"
            raise _unusable(Completed(argv=("docker", "buildx", "ls"), status=1, stdout="", stderr=trouble))
        return BuilderFacts(
            name=name,
            driver=driver,
            platforms=tuple(dict.fromkeys(Platform.parse(text) for text in listed)),
            multi_platform=driver != "docker" or any(_CONTAINERD in (node.get("Labels") or ()) for node in nodes),
        )


def _nodes(entry: Mapping[str, object]) -> list[Mapping[str, Any]]:
    nodes = entry.get("Nodes")
    return [node for node in nodes if isinstance(node, dict)] if isinstance(nodes, list) else []


def _is_asleep(entry: Mapping[str, object]) -> bool:
    nodes = _nodes(entry)
    quiet = not entry.get("Err") and not any(node.get("Err") for node in nodes)
    return bool(nodes) and quiet and all(node.get("Status") == "inactive" for node in nodes)


def _object(line: str) -> Mapping[str, object]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _unusable(found: Completed) -> DockerPushError:
    text = printable(found.stderr).strip()
    last = text.splitlines()[-1] if text else f"exit status {found.status}"
    if "is not a docker command" in text or "unknown command" in text or "unknown flag" in text:
        return BuilderError("docker has no buildx, or one older than 0.13", hint=_INSTALL)
    if any(mark in text for mark in _UNREACHABLE):
        hint = "Start Docker, or set DOCKER_HOST to an engine that runs (`docker info` shows whether it answers)."
        return BuilderError(f"no Docker engine answers: {last}", hint=hint)
    return BuilderError(f"docker buildx cannot be used: {last}", hint="Run `docker buildx ls` to see the same error.")


def _failed(progress: Progress, images: Mapping[str, str]) -> DockerPushError:
    """Say which image failed at which step, from the events; what buildx prints by itself is only a fallback."""
    step = progress.failed
    log: Sequence[str] = progress.log()[-_LOG_SHOWN:]
    if step is None:
        cause = next((line for line in reversed(progress.stray) if line.strip()), "buildx gave no reason")
        who = ", ".join(images.values())
        return BuildError(
            f"{_named(who)}: buildx failed: {cause.removeprefix('ERROR: ')}", hint=_NEXT, details=tuple(log)
        )
    target = target_of(step.name)
    who = images.get(target or "", ", ".join(images.values()))
    if "failed to push" in step.error:
        return _refused(f"{_named(who)}: {' '.join(step.error.split())}")
    return BuildError(f"{_named(who)}: the build failed at {step.name}: {step.error}", hint=_NEXT, details=tuple(log))


def _refused(message: str) -> DockerPushError:
    """Say which class of error a refused push is: BuildKit tells it in words alone."""
    text = message.lower()
    if any(word in text for word in ("insufficient_scope", "denied", "403 forbidden")):
        hint = "The registry knows you, and this push is not allowed: ask for the right to write (GitHub: packages: write)."
        return PermissionDeniedError(message, hint=hint)
    if any(
        word in text
        for word in ("401 unauthorized", "authentication required", "authorization failed", "no basic auth")
    ):
        return AuthenticationError(message, hint="Set DOCKER_USER and DOCKER_PASSWORD, or run docker.login.")
    if any(word in text for word in ("toomanyrequests", "429 too many")):
        return RateLimitError(message, hint="Run the same command again later: what was staged is not built again.")
    return RegistryError(message, hint="Run the same command again: no moving tag was touched.")


_NEXT = "Mend it and run the same command again; no moving tag was touched."


def _named(images: str) -> str:
    return f"images {images}" if "," in images else f"image {images}"
