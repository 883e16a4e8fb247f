"""Builders that have built nothing yet: real ``buildkitd`` processes, each with an empty folder, behind buildx's remote driver."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from daemons import program
from scratch import Scratch
from wrapped_docker import wrapped

_START = 30.0  # seconds
_STEP = re.compile(r"\[[^\]]*\d+/\d+\] (?:RUN|COPY) ")


@contextmanager
def fresh_builder(scratch: Scratch, mirror: str) -> Iterator[str]:
    """Run a buildkitd that knows nothing, and give its name as a builder of ``scratch``; ``mirror`` stands for Docker Hub."""
    name = f"fresh-{uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(prefix="bk-", ignore_cleanup_errors=True) as short:  # a socket's path is short
        folder = Path(short)
        process = _start(folder, mirror, scratch.registry)
        try:
            made = scratch.run(
                "docker", "buildx", "create", "--name", name, "--driver", "remote", f"unix://{folder}/buildkitd.sock"
            )
            assert made.code == 0, made.err
            yield name
        finally:
            scratch.run("docker", "buildx", "rm", "--force", name)
            process.terminate()
            process.wait(20)
            for mount in reversed(_mounts(folder)):
                subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)


def _start(folder: Path, mirror: str, registry: str) -> subprocess.Popen[bytes]:
    runc = shutil.which("runc")
    assert runc, "the engine's tools have runc"
    (folder / "buildkitd.toml").write_text(
        f'[registry."docker.io"]\nmirrors = ["{mirror}"]\n'
        + "".join(f'[registry."{one}"]\nhttp = true\n' for one in {mirror, registry})
        + f'[worker.oci]\nbinary = "{runc}"\ngc = false\n[worker.containerd]\nenabled = false\n'
    )
    argv = [str(program("buildkitd")), "--config", str(folder / "buildkitd.toml"), "--root", str(folder / "root")]
    argv += ["--addr", f"unix://{folder / 'buildkitd.sock'}", "--otel-socket-path", str(folder / "otel.sock")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*argv, "--oci-worker-net", "host"], stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + _START
    while not (folder / "buildkitd.sock").is_socket():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"buildkitd does not start:\n{(folder / 'log').read_text()[-3000:]}", pytrace=False)
        time.sleep(0.05)
    return process


def _mounts(folder: Path) -> list[str]:
    lines = Path("/proc/mounts").read_text().splitlines()
    return sorted(line.split()[1] for line in lines if line.split()[1].startswith(f"{folder}/"))


class Events:
    """What BuildKit itself said of every bake of a repository: its rawjson events, on their way through ``docker``."""

    def __init__(self, scratch: Scratch, folder: Path) -> None:
        self._file = folder / "events"
        self._arguments = folder / "arguments"
        keep = f"echo \"$@\" >> '{self._arguments}'; @real@ \"$@\" 2> '{self._file}'; status=$?; cat '{self._file}' >&2; exit $status"
        scratch.environ["PATH"] = wrapped(folder / "recording", {'"buildx bake"*': keep})

    def steps(self) -> dict[str, bool]:
        """Return the Dockerfile's steps of the last bake, RUN and COPY: name -> whether BuildKit took it from a cache."""
        found: dict[str, bool] = {}
        for line in self._file.read_text("utf-8", "replace").splitlines():
            for vertex in json.loads(line).get("vertexes") or () if line.startswith("{") else ():
                if _STEP.search(vertex["name"]) and vertex.get("completed"):
                    found[vertex["name"]] = bool(vertex.get("cached"))
        return found

    @property
    def arguments(self) -> str:
        """Return the arguments of every bake."""
        return self._arguments.read_text("utf-8")

    @property
    def text(self) -> str:
        return self._file.read_text("utf-8", "replace")
