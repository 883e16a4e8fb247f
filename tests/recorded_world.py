"""A whole run without the world: git and docker as functions, a registry in memory, a folder of the test's own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker_push.metadata import FINGERPRINT
from docker_push.process import Completed
from docker_push.references import Platform, Reference, Registry
from docker_push.registry import Client
from docker_push.run import Surroundings
from examples_of import COMMIT
from memory_registry import MemoryRegistry
from recorded_programs import RecordedPrograms, completed

BUILDER = {
    "Name": "default",
    "Driver": "docker",
    "Current": True,
    "Nodes": [
        {
            "Platforms": ["linux/amd64", "linux/arm64"],
            "Labels": {"org.mobyproject.buildkit.worker.containerd.namespace": "moby"},
        }
    ],
}

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
ENGINE = {
    "ServerVersion": "28.5.2",
    "OperatingSystem": "Debian GNU/Linux 12",
    "OSType": "linux",
    "Architecture": "x86_64",
    "DockerRootDir": "/no/such/folder/docker",
    "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
}


def by_digest(output: str) -> list[str]:
    """Return the repositories that an exporter pushes to by digest."""
    assert "push-by-digest=true" in output
    return output.partition('"name=')[2].rstrip('"').split(",")


@dataclass
class RecordedWorld:
    """What a run sees; ``said`` and ``emitted`` are what it printed, ``calls`` what it started."""

    folder: Path
    environ: dict[str, str] = field(default_factory=lambda: {"DOMAIN": "localhost:5000", "PATH": "/bin"})
    memory: MemoryRegistry = field(default_factory=MemoryRegistry)
    builder: dict[str, Any] = field(default_factory=lambda: deepcopy(BUILDER))
    engine: dict[str, Any] = field(default_factory=lambda: deepcopy(ENGINE))
    broken: str = ""
    dirty: bool = False
    said: list[str] = field(default_factory=list)
    emitted: list[str] = field(default_factory=list)
    calls: list[tuple[tuple[str, ...], str | None]] = field(default_factory=list)
    environs: list[Mapping[str, str]] = field(default_factory=list)

    def surroundings(self, **changes: Any) -> Surroundings:
        temporary = self.folder / "temporary"
        temporary.mkdir(exist_ok=True)
        ticks = iter(range(1_000_000))
        values = {
            "environ": {"HOME": str(self.folder), **self.environ},
            "folder": self.folder,
            "temporary": temporary,
            "say": self.said.append,
            "emit": self.emitted.append,
            "clock": lambda: float(next(ticks)),
            "wall": lambda: NOW,
            "sleep": lambda _seconds: None,
            "runner": self.runner,
            "client": self.client,
        }
        return Surroundings(**{**values, **changes})

    def runner(self, **given: Any) -> RecordedPrograms:
        programs = {"git": self.git, "docker": self.docker}
        return RecordedPrograms(**given, programs=programs, calls=self.calls)

    def client(self, registry: Registry, credentials: Any = None, **given: Any) -> Client:
        return Client(registry, credentials, **given, send=self.memory)

    def write(self, text: str = "[images.api]\n") -> RecordedWorld:
        (self.folder / "build.toml").write_text(text)
        (self.folder / "Dockerfile").write_text("FROM scratch\n")
        return self

    def of_a_fork(self) -> RecordedWorld:
        """Have a fork's pull request be what is built."""
        event = self.folder / "event.json"
        head = {"sha": COMMIT, "ref": "patch", "repo": {"full_name": "stranger/fork"}}
        base = {"repo": {"full_name": "AtomiCloud/my-service"}}
        event.write_text(json.dumps({"number": 12, "pull_request": {"number": 12, "head": head, "base": base}}))
        self.environ |= {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REPOSITORY": "AtomiCloud/my-service",
        }
        return self

    def git(self, argv: Sequence[str], _input: str | None, _environ: Mapping[str, str]) -> Completed:
        words = " ".join(argv)
        if " status " in words:
            change = "1 .M N... 100644 100644 100644 a a file\n" if self.dirty else ""
            return completed(f"# branch.oid {COMMIT}\n# branch.head main\n{change}")
        if " config " in words or "remote.origin.url" in words:
            return completed("https://github.com/AtomiCloud/my-service.git\n")
        if " for-each-ref " in words:
            return completed("refs/heads/main 1700000000 \n")
        return completed("1700000000\n")

    def docker(self, argv: Sequence[str], definition: str | None, environ: Mapping[str, str]) -> Completed:
        self.environs.append(dict(environ))
        if argv[1] == "buildx" and argv[2] == "ls":
            return completed(json.dumps(self.builder))
        if argv[1] == "buildx" and argv[2] == "bake":
            return self.bake(argv, json.loads(definition or ""))
        return completed(self.answers(" ".join(argv)))

    def answers(self, command: str) -> str:
        """Return what docker prints for everything that a run only asks it."""
        known = {
            "docker version --format {{json .Client}}": '{"Version": "28.5.2", "Context": "default"}\n',
            "docker version": "linux/amd64\n",
            "docker buildx version": "github.com/docker/buildx v0.29.1 a1b2c3\n",
            "docker wait": "1\n",  # every test of an image fails
            "docker info": json.dumps(self.engine),
            "docker context": "unix:///run/docker.sock\n",
        }
        return next((text for start, text in known.items() if command.startswith(start)), "Login Succeeded\n")

    def bake(self, argv: Sequence[str], definition: Mapping[str, Any]) -> Completed:
        """Push what the definition says, as BuildKit would, and write the metadata file."""
        if self.broken:
            name = f"[{self.broken} 1/1] RUN make"
            event = {
                "vertexes": [
                    {"digest": "d", "name": name, "completed": "2026-01-01T00:00:00Z", "error": "exit code: 1"}
                ]
            }
            return completed(stderr=json.dumps(event), status=1)
        metadata = {}
        for name in definition["group"]["default"]["targets"]:
            target = definition["target"][name]
            if "push=true" not in target["output"][0]:
                continue
            fingerprint = next(text for text in target["annotations"] if FINGERPRINT in text).partition("=")[2]
            platforms = tuple(Platform.parse(text) for text in target["platforms"])
            for name_pushed in target.get("tags") or by_digest(target["output"][0]):
                reference = Reference.parse(name_pushed)
                digest = self.memory.put_index(
                    reference.repository.path,
                    platforms,
                    *([str(reference.tag)] if reference.tag else []),
                    fingerprint=fingerprint,
                    labels=target.get("labels"),
                    annotations=dict(
                        text.partition(":")[2].split("=", 1)
                        for text in target["annotations"]
                        if FINGERPRINT not in text
                    ),
                )
                metadata[name] = {"containerimage.digest": str(digest)}
        Path(argv[argv.index("--metadata-file") + 1]).write_text(json.dumps(metadata))
        step = {"digest": "d", "name": "[1/1] RUN make", "completed": "2026-01-01T00:00:00Z"}
        internal = {"digest": "i", "name": "[internal] load .dockerignore", "completed": "2026-01-01T00:00:00Z"}
        return completed(stderr=json.dumps({"vertexes": [internal, step]}))

    @property
    def text(self) -> str:
        return "\n".join(self.said)
