"""What buildx says of its builders (``docker buildx ls``, ``inspect``), and what is said where it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docker_push.errors import BuilderError, DockerPushError
from docker_push.printable import printable
from docker_push.process import Completed, Runner

Entry = Mapping[str, Any]

NO_BUILDX = "docker has no buildx, or one older than 0.13"
INSTALL = "Install Docker with buildx: https://docs.docker.com/engine/install/"
_LS = 40.0  # seconds: buildx itself gives its nodes 20
_START = 300.0  # seconds: a builder's image may have to be pulled
_ELSEWHERE = ("remote", "kubernetes")  # drivers
_UNREACHABLE = (
    "Cannot connect to the Docker daemon",
    "error during connect",
    "connection refused",
    "no such file or dir",
)


def entries(runner: Runner) -> tuple[Entry, ...]:
    """Return every builder that buildx knows; raises BuilderError where it cannot be told."""
    found = runner.run(["docker", "buildx", "ls", "--format", "{{json .}}"], timeout=_LS)
    if found.status != 0:
        raise unusable(found)
    return found.objects


def named(runner: Runner, name: str) -> Entry | None:
    """Return the builder of a name, ``None`` where there is none."""
    return next((entry for entry in entries(runner) if entry.get("Name") == name), None)


def nodes(entry: Entry) -> list[Entry]:
    """Return the nodes of a builder."""
    found = entry.get("Nodes")
    return [node for node in found if isinstance(node, dict)] if isinstance(found, list) else []


def platforms(node: Entry) -> list[str]:
    """Return the platforms of a node as buildx lists them: what it was created for, then what it says itself."""
    return [str(text).rstrip("*") for text in node.get("Platforms") or ()]


def is_silent(entry: Entry, node: Entry) -> bool:
    """Tell whether a node that somebody else runs does not answer: buildx calls it inactive, and gives no reason."""
    return entry.get("Driver") == "remote" and node.get("Status") in {"inactive", "error"}


def silent(entry: Entry) -> list[str]:
    """Return where the nodes are that do not answer."""
    return [str(node.get("Endpoint")) for node in nodes(entry) if is_silent(entry, node)]


def start(runner: Runner, entry: Entry) -> None:
    """Start a builder's nodes, or wait for those that are elsewhere; raises BuilderError naming what does not come."""
    started = runner.run(["docker", "buildx", "inspect", "--bootstrap", str(entry["Name"])], timeout=_START)
    if started.status != 0:
        raise stopped(entry, started.stderr)


def unusable(found: Completed) -> DockerPushError:
    """Return the error of a buildx that does not do its work."""
    text = printable(found.stderr).strip()
    last = last_line(text) or f"exit status {found.status}"
    if "is not a docker command" in text or "unknown command" in text or "unknown flag" in text:
        return BuilderError(NO_BUILDX, hint=INSTALL)
    if any(mark in text for mark in _UNREACHABLE):
        hint = "Start Docker, or set DOCKER_HOST to an engine that runs (`docker info` shows whether it answers)."
        return BuilderError(f"no Docker engine answers: {last}", hint=hint)
    return BuilderError(f"docker buildx cannot be used: {last}", hint="Run `docker buildx ls` to see the same error.")


def stopped(entry: Entry, words: str) -> DockerPushError:
    """Say that a builder does not run; one that is elsewhere has no engine that DOCKER_HOST could name."""
    if entry.get("Driver") not in _ELSEWHERE and any(mark in words for mark in _UNREACHABLE):
        return unusable(Completed(argv=("docker", "buildx", "ls"), status=1, stdout="", stderr=words))
    name = entry.get("Name")
    hint = f"See `docker buildx inspect --bootstrap {name}`, or select another builder (--builder, docker buildx use)."
    return BuilderError(
        f"builder {name} cannot be used: {last_line(printable(words)) or 'it does not start'}", hint=hint
    )


def last_line(text: str) -> str:
    """Return the last line of what a program said: where docker says what is wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("ERROR: ") if lines else ""
