"""Making the builder that build.toml describes, and taking it away: ``docker buildx create`` and ``rm``.

Nothing here selects a builder, and no builder of another name is touched. A run that is ended halfway, even by SIGKILL,
leaves a builder with the first of our nodes: the next one, or another run that is making the same at the moment, adds the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from docker_push.builder import listing
from docker_push.builder.description import Description, Node
from docker_push.builder.listing import Entry
from docker_push.errors import BuilderError, DockerPushError, Finding, FindingsError
from docker_push.process import Runner, one_line

Place = Callable[..., str]
Reason = Callable[[], str]
_LOOKS = 4  # at a builder that other runs make and remove at the same time
_CREATE = 60.0  # seconds
_REMOVE = 120.0
_MEANWHILE = ("failed to find instance", "did you mean to append", "existing instance for", "no builder")


def check_files(description: Description, place: Place) -> None:
    """Raise FindingsError with every file of the nodes that cannot be read; nothing looks into them.

    ``place(*keys)`` is where a key stands in build.toml.
    """
    findings = []
    for index, node in enumerate(description.nodes):
        for key, path in node.files.items():
            if not path.is_file() or not os.access(path, os.R_OK):
                problem = f"{path} {'cannot be read' if path.exists() else 'does not exist'}"
                allowed = "Put the file there, or correct the path."
                findings.append(Finding(where=place("builder", "nodes", index, key), problem=problem, allowed=allowed))
    if findings:
        raise FindingsError("files of the builder", tuple(findings))


def found(runner: Runner, description: Description) -> Entry | None:
    """Return the builder where it is what is described, ``None`` where it is not there, or not whole yet.

    Raises BuilderError where another one has its name.
    """
    return _whole(description, listing.named(runner, description.name))


def _whole(description: Description, entry: Entry | None) -> Entry | None:
    if entry is None or description.missing(entry):
        return None
    if different := description.differences(entry):
        raise refused(description, different)
    return entry


def up(runner: Runner, description: Description, say: Callable[[str], object]) -> bool:
    """Make the builder, or adopt it where it is there, and start its nodes; return whether anything was made.

    What cannot be made or started as a whole is taken away again. Raises BuilderError.
    """
    made = False
    for _ in range(_LOOKS):
        there = listing.named(runner, description.name)
        entry = _whole(description, there)
        if entry is not None:
            break
        made = _created(runner, description, there) or made
    else:
        hint = "Let the other runs on this machine end, then run the same command again."
        raise BuilderError(f"builder {description.name} is made and removed again and again", hint=hint)
    try:
        listing.start(runner, entry)
    except DockerPushError as error:
        told = explained(error, description.name, runner)
        if made:
            _take_back(runner, description)
        raise told from None
    if made:
        say(f"Made builder {description.name} ({description.shown})")
    return made


def commands(description: Description, entry: Entry | None) -> list[tuple[Node, list[str]]]:
    """Return each node that is to be made with its command: all, or those that a half-made builder lacks."""
    absent = description.nodes if entry is None else description.missing(entry)
    return [
        (node, description.create(node, further=entry is not None or index > 0)) for index, node in enumerate(absent)
    ]


def _created(runner: Runner, description: Description, entry: Entry | None) -> bool:
    """Create the nodes that are missing; false where another run was faster or slower: then it is looked at again."""
    absent = commands(description, entry)
    for node, argv in absent:
        try:
            done = runner.run(argv, timeout=_CREATE)
        except BuilderError:  # it did not end in time
            _take_back(runner, description)
            raise
        if done.status != 0:
            if any(mark in done.stderr for mark in _MEANWHILE):
                return False
            _take_back(runner, description)
            raise _failed(description, node, one_line(listing.last_line(done.stderr), runner.redact))
    return bool(absent)


def _take_back(runner: Runner, description: Description) -> None:
    """Remove what was made, whole or half; pods of a cluster stay, since others may build in them.

    A builder with any node that is not ours came in between, and stays.
    """
    keep = ["--keep-daemon"] if description.driver == "kubernetes" else []
    ours = {node.name for node in description.nodes}
    with suppress(BuilderError):  # what went wrong before counts more
        there = {node.get("Name") for node in listing.nodes(listing.named(runner, description.name) or {})}
        if there and there <= ours:
            runner.run(["docker", "buildx", "rm", "--force", *keep, description.name], timeout=_REMOVE)


def down(runner: Runner, name: str) -> bool:
    """Remove the builder of this name and nothing else; return whether there was one. Raises BuilderError."""
    entry = listing.named(runner, name)
    if entry is None:
        return False
    if entry.get("Driver") == "docker":
        hint = "Give [builder] another name in build.toml."
        raise BuilderError(f"{name} is a context of docker's, and no builder that can be removed", hint=hint)
    done = runner.run(["docker", "buildx", "rm", "--force", name], timeout=_REMOVE)
    if listing.named(runner, name) is not None:
        words = one_line(listing.last_line(done.stderr), runner.redact)
        hint = f"See `docker buildx rm {name}`, which says the same."
        raise BuilderError(f"builder {name} cannot be removed: {words}", hint=hint)
    return True


def refused(description: Description, different: tuple[str, ...]) -> BuilderError:
    """Return the error of a builder that has the name and is not what is described."""
    hint = "Remove it with docker.builder down, or give [builder] another name in build.toml."
    message = f"builder {description.name} is there and is another: {different[0]}"
    return BuilderError(message, hint=hint, details=different[1:])


def explained(error: DockerPushError, name: str, runner: Runner) -> DockerPushError:
    """Add which nodes do not answer, and why; buildx says that a deadline was exceeded, and no more."""
    return missed(runner, name) or error


def missed(runner: Runner, name: str) -> BuilderError | None:
    """Return the error of nodes that do not answer now; ``None`` where all do, or where it cannot be told."""
    with suppress(BuilderError):
        silent = listing.silent(listing.named(runner, name) or {})
        return unanswered(name, silent, reason(runner, name)) if silent else None
    return None


def unanswered(name: str, endpoints: list[str], why: str) -> BuilderError:
    """Return the error of nodes that do not answer."""
    message = f"builder {name}: {' and '.join(endpoints)} {'does' if len(endpoints) == 1 else 'do'} not answer"
    hint = "See whether buildkitd runs there, and is of the certificate authority that ca names; then run the same command again."
    return BuilderError(f"{message}: {why}" if why else message, hint=hint, transient=True)


def reason(runner: Runner, name: str) -> str:
    """Return why a node does not answer, in the words of a command of buildx that has some; empty where it has none."""
    try:
        asked = runner.run(["docker", "buildx", "du", "--builder", name], timeout=15)
    except BuilderError:
        return ""
    words = one_line(listing.last_line(asked.stderr), runner.redact) if asked.status else ""
    return words.rpartition("desc = ")[2].strip('"').removeprefix("transport: ").removeprefix("Error while dialing: ")


def _failed(description: Description, node: Node, words: str) -> BuilderError:
    index = description.nodes.index(node)
    message = f"builder {description.name} cannot be made: node {index + 1} ({node.shown}): {words or 'buildx gave no reason'}"
    return BuilderError(message, hint="Correct [[builder.nodes]] of build.toml; nothing of the builder is left behind.")
