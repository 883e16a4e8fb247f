"""The nodes of the builder: where they are, whether they run, and for which platforms, native or emulated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from docker_push.builder import Builder, listing
from docker_push.errors import BuilderError
from docker_push.preflight.model import Area, Check, good, warning
from docker_push.printable import printable
from docker_push.process import one_line

# Processors of the first kind run programs of the second by themselves (mostly: some arm64 servers left 32 bits behind).
_ALSO_NATIVE = {("amd64", "386"), ("arm64", "arm")}
_EMULATION = "To emulate further ones: docker run --privileged --rm tonistiigi/binfmt --install all"


def observe(builder: Builder) -> tuple[Check, ...]:
    """Describe every node of the builder; empty where buildx or the builder is missing, which other checks say."""
    if builder.runner.which("docker") is None:
        return ()
    try:
        return tuple(described(builder.listed()))
    except BuilderError:
        return ()


def described(builder: Mapping[str, Any]) -> Iterator[Check]:
    """Describe the nodes of a builder as ``docker buildx ls`` lists it; pure."""
    for node in listing.nodes(builder):
        subject = f"builder node {node.get('Name') or builder.get('Name')}"
        trouble = node.get("Err") or builder.get("Err")
        if not trouble and listing.is_silent(builder, node):
            trouble = f"{node.get('Endpoint')} does not answer"
        if trouble:
            hint = (
                "Its platforms are built by no other node: see `docker buildx ls`, and `docker buildx rm` what is gone."
            )
            yield warning(Area.BUILDER, subject, one_line(printable(str(trouble))), hint)
            continue
        parts = [str(node.get("Status") or ""), str(node.get("Endpoint") or ""), platforms(listing.platforms(node))]
        yield good(Area.BUILDER, subject, ", ".join(filter(None, parts)), notes=(_EMULATION,))


def platforms(listed: Sequence[str]) -> str:
    """Say which platforms are native and which emulated: a node lists its own first; pure.

    Variants of one architecture beside it (``linux/amd64/v2``) are left out.
    """
    if not listed:
        return "no platform listed"
    own = _architecture(listed[0])
    shown = dict.fromkeys(text for text in listed if text.rpartition("/")[0] not in listed)
    native = [text for text in shown if _architecture(text) == own or (own, _architecture(text)) in _ALSO_NATIVE]
    emulated = [text for text in shown if text not in native]
    parts = [f"native {' '.join(native)}", f"emulated {' '.join(emulated)}" if emulated else ""]
    return ", ".join(filter(None, parts))


def _architecture(platform: str) -> str:
    return platform.split("/")[1] if "/" in platform else platform
