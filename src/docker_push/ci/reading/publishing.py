"""A command, with the variables around it, as what it publishes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from docker_push.ci.model import Means, Publish, Said
from docker_push.ci.reading.commands import Command
from docker_push.ci.reading.values import Variables, resolved

PUSHING = frozenset({"push", "stage", "publish", "merge"})
IMAGE = "CI_DOCKER_IMAGE"
VARIABLES = {"dockerfile": "CI_DOCKERFILE", "context": "CI_DOCKER_CONTEXT", "platform": "CI_DOCKER_PLATFORM"}


def publish(command: Command, file: str, line: int, known: Variables, matrix: Variables) -> Publish:
    """Return what a command publishes: the images of its flags, else that of CI_DOCKER_IMAGE, else all."""
    given = tuple(Said(text, file, line) for text in command.flags.get("image", ()))
    named = given or known.get(IMAGE) or matrix.get(IMAGE) or ()
    images, undecided = split(resolved(named, known, matrix))
    if command.loose:
        undecided = (*undecided, Said("its arguments", file, line))
    everything = not named and not command.loose and command.means is not Means.SCRIPT
    if command.means is Means.SCRIPT and not named:
        undecided = (Said(f"{IMAGE}, which is set elsewhere", file, line),)
    inputs = {name: known[variable][0] for name, variable in VARIABLES.items() if known.get(variable)}
    inputs |= {
        name: resolved([Said(values[-1], file, line)], known, matrix)[0]
        for name in ("platform", "version")
        if (values := command.flags.get(name, ()))
    }
    return Publish(
        task=command.task,
        means=command.means,
        file=file,
        line=line,
        images=None if everything else images,
        undecided=undecided,
        inputs=inputs,
        part="part" in command.flags,
    )


def split(texts: Sequence[Said]) -> tuple[tuple[Said, ...], tuple[Said, ...]]:
    """Return the texts that are names, and those that become one later."""
    return tuple(one for one in texts if one.is_decided), tuple(one for one in texts if not one.is_decided)
