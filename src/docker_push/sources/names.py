"""What the name of one step without inputs says; pure.

Names: moby/buildkit ``frontend/dockerfile/dockerfile2llb/convert.go`` (``prefixCommand``, "load metadata for"),
``convert_copy.go`` (ADD of a URL bears the whole instruction, variables put in), ``frontend/dockerui`` (contexts),
``solver/llbsolver/bridge.go`` and ``vertex.go`` (images without a name of their own), docker/buildx ``build/build.go``.

A Dockerfile chooses what follows an instruction's word, and stage names of ``[a-z][a-z0-9-_.]*``; build.toml chooses names
of contexts without blanks. So what stands in brackets and the word after them are BuildKit's, and nothing else is believed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from docker_push.errors import ConfigError
from docker_push.references import Digest, Registry, Repository, Tag

_SHOWN = 200  # characters of a step's name in a sentence
_STEP = re.compile(r"(?:\S+ )*\s*[0-9]+/[0-9]+")
_CONTEXT = re.compile(r"context [^\s\[\]]+")
_BRACKET = re.compile(r"\[([^\[\]]*)\] (.*)", re.DOTALL)
_INSTRUCTION = re.compile(r"(?:ONBUILD )?([A-Z]+)(?: (.*))?", re.DOTALL)
_OWN = frozenset({"RUN", "WORKDIR"})  # instructions that may have no inputs, on ``scratch``, and bring in nothing
_HEX = r"(?:[0-9a-f]{64}|[0-9a-f]{40})"
_PINNED_GIT = rf"(?:(?:https?|git|ssh)://[^\s?#]+\.git|git@[^\s?#]+)#{_HEX}(?::[^\s?#]*)?"
_COMMIT = re.compile(_PINNED_GIT)
_ADD_COMMIT = re.compile(rf"(?:--(?:link|keep-git-dir)(?:=true|=false)? )*{_PINNED_GIT} \S+")
_ADD_CHECKSUM = re.compile(rf"--checksum=(?:sha256:[0-9a-f]{{64}} https?|{_HEX} (?:https?|git|ssh))://\S+ \S+")
_METADATA = re.compile(r"load metadata for (\S+)")
_RESOLVED = re.compile(r"resolve image config for docker-image://(\S+)")
_LOCAL = re.compile(r"load from client|load \.dockerignore|OCI load from client")
_INTERNAL = re.compile(
    r"load (?:build definition from .+|\.dockerignore|build context|local bake definitions.*)"
    r"|preparing inline document|sett(?:ing|ings) cache mount permissions"
    r"|booting buildkit|waiting for connection",
    re.DOTALL,
)
_BOOKKEEPING = re.compile(
    r"(?:exporting (?:to|cache|content|inline)|importing (?:cache manifest from|to)|merging manifest list|pushing"
    r"|resolving provenance for|Verifying build result\b).*",
    re.DOTALL,
)
_SBOM = re.compile(r"\[[^\s\[\]]+\] generating sbom using (\S+)")
_FRONTEND = re.compile(r"(?:.*/)?docker/dockerfile(?:-upstream)?")


class Kind(Enum):
    """What a step without inputs is."""

    NOTHING = "brings in nothing but what the image's key covers"
    ASKED = "looks up what an image's name means"
    IMAGE = "brings in an image"
    FRONTEND = "brings in an image that reads the Dockerfile, or one that lists what an image holds"
    CHECKED = "brings in what a checksum pins, where its instruction has no other source"
    MOVING = "brings in what may be another thing tomorrow"


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image as BuildKit writes it: ``name`` without the digest, ``pin`` the digest where there is one."""

    name: str
    tagged: bool
    pin: Digest | None

    @property
    def text(self) -> str:
        """Return the whole reference."""
        return f"{self.name}@{self.pin}" if self.pin else self.name


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a step is: ``image`` for the kinds that concern one, ``why`` for what moves, in words for a reader."""

    kind: Kind
    image: Image | None = None
    why: str = ""


_NOTHING = Step(kind=Kind.NOTHING)


def read(name: str, shown: str) -> Step:
    """Return what the step ``name`` of one image is, its target's name taken off; ``shown`` is the name for a reader."""
    bracket = _BRACKET.fullmatch(name)
    if bracket is None:
        return _bare(name, shown)
    where, what = bracket[1], bracket[2]
    if _STEP.fullmatch(where):
        return _instruction(what, shown)
    if where == "internal" or where.endswith(" internal"):
        return _internal(what, shown)
    if _CONTEXT.fullmatch(where):
        return _of_context(what, shown)
    return _NOTHING if where == "auth" else _unknown(shown)


def scanner(name: str) -> str | None:
    """Return the image that lists what an image holds, where the step ``name`` (one with inputs) is its run."""
    match = _SBOM.fullmatch(name)
    return match[1] if match else None


def instruction(name: str) -> str:
    """Return what follows the brackets of a step's name."""
    return name.partition("] ")[2]


def is_dockerfile_frontend(image: Image) -> bool:
    """Tell whether an image is docker's own reader of Dockerfiles, wherever a copy of it is kept."""
    return _FRONTEND.fullmatch(image.name.rpartition(":")[0] if image.tagged else image.name) is not None


def short(name: str) -> str:
    """Return a step's name for a sentence."""
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."


def _bare(name: str, shown: str) -> Step:
    """Read a name without brackets: of an instruction's image, of an image without a name of its own, of no step at all."""
    if name.startswith("FROM "):
        return _image(name.removeprefix("FROM "), Kind.IMAGE, shown)
    if name.startswith("docker-image://"):
        return _image(name.removeprefix("docker-image://"), Kind.FRONTEND, shown)
    if resolved := _RESOLVED.fullmatch(name):
        return _image(resolved[1], Kind.ASKED, shown)
    return _NOTHING if _BOOKKEEPING.fullmatch(name) else _unknown(shown)


def _instruction(what: str, shown: str) -> Step:
    match = _INSTRUCTION.fullmatch(what)
    word, rest = (match[1], match[2] or "") if match else ("", "")
    if word == "FROM":
        return _image(rest, Kind.IMAGE, shown)
    if word == "ADD":
        return _added(rest, shown)
    return _NOTHING if word in _OWN else _unknown(shown)


def _added(rest: str, shown: str) -> Step:
    """Read an ADD that brings in something from elsewhere: one of local files alone has inputs."""
    if _ADD_COMMIT.fullmatch(rest):
        return _NOTHING
    why = f"what is at an address may change: {short(shown)}"
    return Step(kind=Kind.CHECKED if _ADD_CHECKSUM.fullmatch(rest) else Kind.MOVING, why=why)


def _internal(what: str, shown: str) -> Step:
    if asked := _METADATA.fullmatch(what):
        return _image(asked[1], Kind.ASKED, shown)
    if what.startswith("load git source "):
        return _fetched(what.removeprefix("load git source "))
    if what == "load remote build context":
        return Step(kind=Kind.MOVING, why="the build context is an address whose content may change")
    return _NOTHING if _INTERNAL.fullmatch(what) else _unknown(shown)


def _fetched(address: str) -> Step:
    if _COMMIT.fullmatch(address):
        return _NOTHING
    return Step(kind=Kind.MOVING, why=f"no commit pins the git context {short(address)}")


def _of_context(what: str, shown: str) -> Step:
    if asked := _METADATA.fullmatch(what):
        return _image(asked[1], Kind.ASKED, shown)
    return _NOTHING if _LOCAL.fullmatch(what) else _image(what, Kind.IMAGE, shown)


def _image(text: str, kind: Kind, shown: str) -> Step:
    image = parsed(text)
    return Step(kind=kind, image=image) if image else _unknown(shown)


def _unknown(shown: str) -> Step:
    return Step(kind=Kind.MOVING, why=f"a step of BuildKit's that is not known here: {short(shown)}")


def normalised(text: str) -> str | None:
    """Return an image's reference as BuildKit writes it, ``None`` where it is none.

    distribution/reference ``ParseNormalizedNamed`` and ``TagNameOnly``: Docker Hub and ``library/`` where they are left out,
    ``:latest`` where there is neither a tag nor a digest.
    """
    image = parsed(text)
    return image.text if image else None


def parsed(text: str) -> Image | None:
    """Return what ``text`` names, with the parts that a reader may leave out, ``None`` where it names no image."""
    rest, at, digest = text.partition("@")
    host, slash, path = rest.partition("/")
    if not slash or not ({".", ":"} & set(host) or host == "localhost" or host != host.lower()):
        host, path = "docker.io", rest
    if host == "index.docker.io":
        host = "docker.io"
    if host == "docker.io" and "/" not in path:
        path = f"library/{path}"
    path, colon, tag = path.partition(":")
    try:
        pin = Digest.parse(digest) if at else None
        Repository.parse(Registry.parse(host), path)
        tag = str(Tag.parse(tag)) if colon else "" if at else "latest"
    except ConfigError:
        return None
    if path != path.lower():
        return None
    return Image(name=f"{host}/{path}{f':{tag}' if tag else ''}", tagged=bool(tag), pin=pin)
