"""Scratch repositories, the tool run in them as a user would, and readers of the registry that are not ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

_BIN = Path(sys.executable).parent
_CI = ("GITHUB_", "CI_", "GITLAB_", "DOCKER_USER", "DOCKER_PASSWORD", "ATOMI_", "RUNNER_", "LATEST_BRANCH", "DOMAIN")


@dataclass
class Scratch:
    """A git repository of the test's own, on branch main with one commit, and an environment without any CI in it.

    Its origin has an address on GitHub, which git reaches in the bare repository ``origin`` beside it.
    """

    root: Path
    registry: str
    repository: str = field(default_factory=lambda: f"AtomiCloud/my-service-{uuid4().hex[:8]}")
    environ: dict[str, str] = field(default_factory=dict)
    patience: float = 300.0  # seconds that a command may take

    def __post_init__(self) -> None:
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(_CI) and name != "CI"}
        self.environ["PATH"] = f"{_BIN}{os.pathsep}{self.environ['PATH']}"
        self.root.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "A User")
        self.git("config", "user.email", "user@example.com")
        address = f"https://user:t0ken-in-url@github.com/{self.repository}.git"
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.origin))
        # in a file that is included: act reads .git/config by itself, and takes the other address for the repository's
        self.git("config", "--file", str(self.origin / "instead"), f"url.{self.origin.as_uri()}.insteadOf", address)
        self.git("config", "include.path", str(self.origin / "instead"))
        self.git("remote", "add", "origin", address)

    @property
    def origin(self) -> Path:
        """Return the bare repository that origin is."""
        return self.root.with_name(f"{self.root.name}, origin.git").absolute()

    @property
    def path(self) -> str:
        """Return the repository's path in the registry."""
        return f"{self.registry}/{self.repository.lower()}"

    @property
    def commit(self) -> str:
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=self.root, env=self.environ, check=True, capture_output=True, text=True
        ).stdout

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def commit_all(self, message: str = "change", *, push: bool = True) -> str:
        """Commit everything, push it to origin's branch of the same name, and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        if push:
            self.push_to_origin()
        return self.commit

    def push_to_origin(self) -> None:
        """Make origin's branch of the same name the one that is checked out, whatever it was."""
        branch = self.git("symbolic-ref", "--short", "HEAD").strip()
        self.git("push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")

    def run(self, *argv: str, **environ: str) -> Ran:
        """Run a command in the repository and return what it left; ``environ`` is added to the repository's."""
        with subprocess.Popen(
            argv,
            cwd=self.root,
            env={**self.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            try:
                out, err = child.communicate(timeout=self.patience)
            except BaseException:
                child.terminate()  # not killed: what it started ends with it
                child.wait(20)
                raise
        return Ran(child.returncode, out, err)

    def tool(self, *argv: str, **environ: str) -> Ran:
        """Run docker-push's console script: a task and its flags."""
        return self.run("docker-push", *argv, **environ)

    def tags(self, image: str) -> set[str]:
        """Return the tags of an image in the registry, as crane lists them; none for a repository that is not there."""
        done = self.run("crane", "ls", f"{self.path}/{image}")
        return set(done.out.split()) if done.code == 0 else set()

    def digest(self, image: str, tag: str) -> str:
        return self.crane("digest", f"{self.path}/{image}:{tag}").strip()

    def manifest(self, image: str, tag: str) -> dict:
        return json.loads(self.crane("manifest", f"{self.path}/{image}:{tag}"))

    def config(self, image: str, tag: str, platform: str = "linux/amd64") -> dict:
        return json.loads(self.crane("config", "--platform", platform, f"{self.path}/{image}:{tag}"))

    def crane(self, *argv: str) -> str:
        done = self.run("crane", *argv)
        assert done.code == 0, done.err
        return done.out


@dataclass(frozen=True)
class Ran:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        """Return the last line for people: where an error says what it is."""
        return self.err.strip().splitlines()[-1] if self.err.strip() else ""


def platforms(index: dict) -> set[str]:
    """Return the platforms of an index as crane gave it, attestations left out."""
    return {
        "/".join(
            filter(None, (entry["platform"]["os"], entry["platform"]["architecture"], entry["platform"].get("variant")))
        )
        for entry in index["manifests"]
        if entry["platform"]["os"] != "unknown"
    }


SMALL = {
    "Dockerfile": 'FROM busybox:1.37\nARG GREETING=hello\nCOPY data /data\nRUN echo "$GREETING" > /greeting && uname -m > /machine\n',
    "data": "one\n",
    "build.toml": "[images.api]\n",
}
