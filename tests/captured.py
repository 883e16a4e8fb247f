"""Environments as CIs and laptops have them: one folder of tests/plans each.

``ci.env`` is the environment, ``event.json`` GitHub's event where there is one, ``git.json`` what git knows (``null``: no
work tree), ``build.toml`` the file of that repository; ``context.json`` and ``plan.json`` are what must come out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from docker_push import config, options
from docker_push.context import Context, derive
from docker_push.git import GitFacts
from docker_push.options import Flags, Options

FOLDER = Path(__file__).parent / "plans"


@dataclass(frozen=True, kw_only=True)
class Captured:
    """One case: what a run would see."""

    name: str
    folder: Path
    environ: Mapping[str, str]
    payload: Mapping[str, Any] | None
    facts: GitFacts | None

    @property
    def options(self) -> Options:
        file = config.parse((self.folder / "build.toml").read_bytes(), "build.toml")
        return options.resolve(file, Flags(version=self.environ.get("VERSION")), self.environ)

    @property
    def context(self) -> Context:
        chosen = self.options
        repository = chosen.repository.value if chosen.repository else None
        default_branch = chosen.default_branch.value if chosen.default_branch else None
        return derive(repository, default_branch, self.environ, self.payload, self.facts)


def cases() -> list[str]:
    return sorted(path.name for path in FOLDER.iterdir() if (path / "ci.env").is_file())


def load(case: str) -> Captured:
    folder = FOLDER / case
    facts = json.loads((folder / "git.json").read_text("utf-8"))
    event = folder / "event.json"
    return Captured(
        name=case,
        folder=folder,
        environ=environment((folder / "ci.env").read_text("utf-8")),
        payload=json.loads(event.read_text("utf-8")) if event.exists() else None,
        facts=GitFacts(**facts) if facts else None,
    )


def environment(text: str) -> dict[str, str]:
    """Read lines of NAME=VALUE; a line that starts with # says what the case is about."""
    pairs = (line.partition("=") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def context_json(context: Context) -> dict[str, object]:
    return {**asdict(context), "event": context.event.value, "notes": list(context.notes)}
