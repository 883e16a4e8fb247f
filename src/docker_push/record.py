"""What an image was made from, as the registry keeps it: an annotation on what is tagged.

A run that finds the key of its own inputs in the record of a published image, and every base still under the digest that
is recorded there, need not build it again. What is read was written by anybody who may push: it decides nothing but
whether work is saved, and whoever may push could as well have pushed the image.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from docker_push.errors import ConfigError
from docker_push.references import Digest

RECORD = "io.github.atomicloud.docker-push.inputs"
_LIMIT = 64 * 1024  # characters: more is no record of ours


@dataclass(frozen=True, kw_only=True)
class Record:
    """What an image was made from: ``key`` is that of its local inputs, ``settings`` the part of it that is no file.

    ``bases`` are the images that BuildKit resolved for it, by their references, with the digests that it used.
    ``moving`` names a source that may be another by now without anybody being able to tell, where there is one.
    """

    key: str
    settings: str
    bases: Mapping[str, Digest] = field(default_factory=dict)
    moving: str = ""

    def text(self) -> str:
        """Return the record as the annotation holds it."""
        bases = {name: str(digest) for name, digest in self.bases.items()}
        content = {"key": self.key, "settings": self.settings, "bases": bases, "moving": self.moving}
        return json.dumps({name: value for name, value in content.items() if value}, sort_keys=True)


def parse(text: str | None) -> Record | None:
    """Read an annotation; ``None`` for none, and for what is no record of ours, however broken it is."""
    if not text or len(text) > _LIMIT:
        return None
    try:
        content: Any = json.loads(text)
        key, settings, moving = content["key"], content["settings"], content.get("moving", "")
        bases = {str(name): Digest.parse(digest) for name, digest in content.get("bases", {}).items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ConfigError):
        return None
    whole = all(isinstance(part, str) for part in (key, settings, moving))
    return Record(key=key, settings=settings, bases=bases, moving=moving) if whole else None
