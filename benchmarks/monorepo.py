"""A repository of many images in folders of their own, as both sides build it: ours, and the bare tool's bake file."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PLATFORMS = ("linux/amd64", "linux/arm64")
WITH_STEP = "FROM busybox:1.37\nCOPY data /data\nRUN uname -m > /machine\n"
FILES_ONLY = "FROM scratch\nCOPY data /data\n"
_CACHE = "type=registry,ref={name}-cache:main"
_CACHE_TO = f"{_CACHE},mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true"


@dataclass
class Monorepo:
    """A git repository of ``count`` images below ``root``, whose origin is a folder beside it."""

    root: Path
    registry: str
    count: int
    environ: Mapping[str, str]
    dockerfile: str = WITH_STEP
    extra: Sequence[str] = ()
    path: str = field(default_factory=lambda: f"docker-push/bench-{uuid.uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self.names = [f"s{number:05}" for number in range(self.count)]
        origin = self.root.with_name(f"{self.root.name}-origin.git")
        for name in self.names:
            self._write(f"services/{name}/Dockerfile", self.dockerfile)
            self._write(f"services/{name}/data", f"{name}\n")
        self._write("build.toml", self._build_toml())
        subprocess.run(["git", "init", "--quiet", "--bare", str(origin)], env=self.environ, check=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "bench")
        self.git("config", "user.email", "bench@example.com")
        self.git("remote", "add", "origin", str(origin))
        self.commit()

    def git(self, *argv: str) -> str:
        """Run git in the repository and return what it says."""
        done = subprocess.run(
            ["git", *argv], cwd=self.root, env=self.environ, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self) -> None:
        """Make a commit that changes no image's inputs, besides what was changed before, and push it."""
        self._write("NOTES.md", f"{uuid.uuid4()}\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")
        self.git("push", "--quiet", "origin", "main")

    def change(self, count: int) -> None:
        """Give so many images content that nobody has built before, and commit it."""
        for name in self.names[:count]:
            self._write(f"services/{name}/data", f"{uuid.uuid4()}\n")
        self.commit()

    def tags(self) -> list[str]:
        """Return the tags that a run of ours puts on every image, for the other side to put too."""
        return [f"{self.git('rev-parse', 'HEAD')}-main", "main", *self.extra, "latest"]

    def bake_file(self, *, cache: str = "") -> Path:
        """Write what the bare tool builds and return where: the same images beside ours, with the same tags and attestations.

        ``cache`` is ``read`` or ``write`` (which reads, too); then the registry holds the cache that ours has.
        """
        tags = self.tags()
        targets = {name: self._target(name, tags, cache) for name in self.names}
        file = self.root.with_name(f"{self.root.name}-bake.json")
        file.write_text(json.dumps({"group": {"default": {"targets": self.names}}, "target": targets}))
        return file

    def bare(self, name: str) -> str:
        """Return where the bare tool puts an image."""
        return f"{self.registry}/{self.path}-bare/{name}"

    def _target(self, name: str, tags: Sequence[str], cache: str) -> dict[str, object]:
        image = self.bare(name)
        found: dict[str, object] = {
            "context": f"services/{name}",
            "platforms": PLATFORMS,
            "tags": [f"{image}:{tag}" for tag in tags],
            "attest": ["type=provenance,mode=min"],
            "output": ["type=registry"],
        }
        found |= {"cache-from": [_CACHE.format(name=image)]} if cache else {}
        return found | ({"cache-to": [_CACHE_TO.format(name=image)]} if cache == "write" else {})

    def _build_toml(self) -> str:
        platforms, extra = json.dumps(PLATFORMS), json.dumps(list(self.extra))
        head = f'[project]\nrepository = "{self.path}"\n[registry]\ndomain = "{self.registry}"\n'
        head += f"[tags]\nextra = {extra}\n[defaults]\nplatforms = {platforms}\n"
        images = (
            f'[images.{name}]\ncontext = "services/{name}"\ndockerfile = "services/{name}/Dockerfile"\n'
            for name in self.names
        )
        return head + "".join(images)

    def _write(self, name: str, text: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
