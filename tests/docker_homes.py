"""Home folders with docker's configuration in them, and the registries that it is about."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from docker_push.references import Registry

GHCR = Registry("ghcr.io")
HUB = Registry("docker.io")
LOCAL = Registry("127.0.0.1", 5000)


def auth(username: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def home(folder: Path, content: object) -> dict[str, str]:
    (folder / ".docker").mkdir()
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / ".docker" / "config.json").write_text(text)
    return {"HOME": str(folder)}
