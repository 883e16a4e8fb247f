"""The file of a part: which commit, which platform, and the digest of each image that was pushed of it.

It travels from job to job as an artifact, and is read as what anybody may have written: it names digests, and everything
that is published by them is read back from the registry and held against the plan.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from docker_push import record
from docker_push.errors import ConfigError
from docker_push.record import Record
from docker_push.references import Digest, Platform, quoted

SCHEMA = 1
SUFFIX = ".part.json"
_LIMIT = 64 * 1024 * 1024  # bytes: ten thousand images with their records are less
_HASH_LENGTH = 12
_HINT = "Give --part the files that docker.stage wrote for this commit, as they are: stage that part again."


@dataclass(frozen=True, kw_only=True)
class PartImage:
    """What a runner has of one image: ``digest`` is of what it pushed, or of the whole image where that is ``adopted``.

    ``plan`` is the fingerprint of the whole image's plan, ``record`` what the part was made from, where that can be told.
    """

    plan: str
    digest: Digest
    adopted: bool = False
    record: Record | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one runner staged: ``tag`` is the commit tag that the whole will have, ``origin`` where this was read.

    ``slug`` and ``version`` are for readers.
    """

    repository: str
    commit: str
    tag: str
    platform: Platform
    images: Mapping[str, PartImage]
    slug: str = ""
    version: str | None = None
    origin: str = "the part"

    @property
    def name(self) -> str:
        """Return the file's name: another one for other work, the same when the same work is done again."""
        work = json.dumps([self.repository, self.tag, str(self.platform), sorted(self.images)])
        digest = hashlib.sha256(work.encode()).hexdigest()[:_HASH_LENGTH]
        return f"{str(self.platform).replace('/', '-')}-{digest}{SUFFIX}"

    def text(self) -> str:
        """Return the part as its file holds it."""
        content = {
            "schema": SCHEMA,
            "repository": self.repository,
            "commit": self.commit,
            "tag": self.tag,
            "slug": self.slug,
            "version": self.version,
            "platform": str(self.platform),
            "images": {name: _image_json(image) for name, image in self.images.items()},
        }
        return json.dumps(content, indent=2)


def _image_json(image: PartImage) -> dict[str, object]:
    return {
        "plan": image.plan,
        "digest": str(image.digest),
        "adopted": image.adopted,
        "record": json.loads(image.record.text()) if image.record else None,
    }


def load(paths: Iterable[Path]) -> tuple[Part, ...]:
    """Read the parts in files and in folders, with all that is below; raises ConfigError for what is none of ours.

    A folder may hold no part: where one is missed, the images say so.
    """
    return tuple(parse(_content(file), str(file)) for path in paths for file in _files(path))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.rglob(f"*{SUFFIX}"))
    if path.is_file():
        return [path]
    raise ConfigError(f"--part {path}: there is no such file or folder", hint=_HINT)


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():  # reading a pipe would wait for somebody to write
            raise ConfigError(f"--part {path}: is not a file", hint=_HINT)
        with path.open("rb") as file:
            return file.read(_LIMIT + 1)
    except OSError as error:
        raise ConfigError(f"--part {path}: cannot be read: {error.strerror}", hint=_HINT) from None


def parse(data: bytes, origin: str) -> Part:
    """Read the bytes of a part, called ``origin`` in messages; raises ConfigError for what ``text`` did not write."""
    if len(data) > _LIMIT:
        raise ConfigError(f"--part {origin}: is larger than {_LIMIT >> 20} MiB", hint=_HINT)
    try:
        content: Any = json.loads(data)
        schema = content["schema"]
        return _part(content, origin) if schema == SCHEMA else _refuse_schema(schema, origin)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ConfigError(f"--part {origin}: is not a part that docker.stage wrote", hint=_HINT) from None


def _part(content: Any, origin: str) -> Part:  # noqa: ANN401 - whatever the JSON holds
    try:
        return Part(
            repository=_text(content["repository"]),
            commit=_text(content["commit"]),
            tag=_text(content["tag"]),
            slug=_text(content["slug"]),
            version=None if content["version"] is None else _text(content["version"]),
            platform=Platform.parse(_text(content["platform"])),
            images={_text(name): _image(entry) for name, entry in content["images"].items()},
            origin=origin,
        )
    except ConfigError as error:  # a digest or a platform that is none
        raise ConfigError(f"--part {origin}: {error.message}", hint=_HINT) from None


def _refuse_schema(found: object, origin: str) -> NoReturn:
    hint = "Stage and merge with the same version of docker-push."
    raise ConfigError(f"--part {origin}: has the schema {quoted(str(found))}, and {SCHEMA} is read", hint=hint)


def _image(entry: Any) -> PartImage:  # noqa: ANN401 - whatever the JSON holds
    if not isinstance(entry["adopted"], bool):
        raise TypeError
    made_from = None if entry["record"] is None else record.parse(json.dumps(entry["record"]))
    if entry["record"] is not None and made_from is None:
        raise ValueError
    return PartImage(
        plan=_text(entry["plan"]),
        digest=Digest.parse(_text(entry["digest"])),
        adopted=entry["adopted"],
        record=made_from,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
