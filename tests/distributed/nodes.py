"""BuildKit on machines of a test's own: real ``buildkitd`` processes behind mutual TLS."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from certificates import Certificate
from networks import Host

PORT = 1234
_START = 30.0  # seconds


@dataclass(kw_only=True)
class Node:
    """A machine with a buildkitd; ``process`` is what runs now."""

    host: Host
    folder: Path
    argv: list[str]
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def endpoint(self) -> str:
        return f"tcp://{self.host.address}:{PORT}"

    @property
    def log(self) -> str:
        """Return what the daemon logged, of all its lives."""
        return (self.folder / "buildkitd.log").read_text("utf-8", "replace")

    def start(self) -> None:
        """Start the daemon, and wait until it listens."""
        assert self.process is None
        with (self.folder / "buildkitd.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.host.inside(*self.argv), stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + _START
        while not (self.folder / "buildkitd.sock").is_socket():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"buildkitd does not start:\n{self.log[-3000:]}", pytrace=False)
            time.sleep(0.05)

    def send(self, number: signal.Signals) -> None:
        """Send the daemon a signal: KILL as a machine without memory does, STOP and CONT as one that hangs."""
        assert self.process
        self.process.send_signal(number)

    def kill(self) -> None:
        """Kill the daemon, and what its build steps left running."""
        if self.process is not None:
            self.send(signal.SIGKILL)
            self.process.wait(10)
            self.process = None
            (self.folder / "buildkitd.sock").unlink(missing_ok=True)
            self._kill_containers()

    def runs(self, word: str) -> bool:
        """Tell whether a build step with this word in its command line runs here."""
        return any(word in command for _, command in self._steps())

    def _kill_containers(self) -> None:
        """End the steps that outlived their daemon."""
        for pid, _ in self._steps():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _steps(self) -> Iterator[tuple[int, str]]:
        """Give process id and command line of every build step: each is in a control group below ours."""
        for path in Path("/proc").glob("[0-9]*/cgroup"):
            with suppress(OSError):  # it ended meanwhile
                if f"/{self.host.namespace}/" in path.read_text():
                    command = path.with_name("cmdline").read_bytes().replace(b"\0", b" ")
                    yield int(path.parent.name), command.decode("utf-8", "replace")

    def mend(self) -> None:
        """Put everything right again that a test has broken."""
        self.host.plug_cable()
        if self.process is None:
            self.start()
        self.send(signal.SIGCONT)

    def close(self) -> None:
        """End the daemon as an operator does."""
        if self.process is not None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
            try:
                self.process.wait(10)
                self.process = None
            except subprocess.TimeoutExpired:
                self.kill()
        self._kill_containers()


@contextmanager
def node(
    host: Host, folder: Path, program: Path, authority: Certificate, own: Certificate, registry: str
) -> Iterator[Node]:
    """Run a buildkitd on a machine; its images come from ``registry``, which stands for Docker Hub too."""
    folder.mkdir()
    runc = shutil.which("runc")
    assert runc, "the engine's tools have runc"
    config = folder / "buildkitd.toml"
    config.write_text(
        f'[registry."docker.io"]\nmirrors = ["{registry}"]\n[registry."{registry}"]\nhttp = true\n'
        f'[worker.oci]\nbinary = "{runc}"\ngc = false\ndefaultCgroupParent = "/{host.namespace}"\n'
        "[worker.containerd]\nenabled = false\n"
    )
    argv = [str(program), "--config", str(config), "--root", str(folder / "root")]
    argv += ["--addr", f"tcp://{host.address}:{PORT}", "--addr", f"unix://{folder / 'buildkitd.sock'}"]
    argv += ["--tlscacert", str(authority.certificate), "--tlscert", str(own.certificate), "--tlskey", str(own.key)]
    argv += ["--otel-socket-path", str(folder / "otel.sock"), "--oci-worker-net", "host"]
    made = Node(host=host, folder=folder, argv=argv)
    try:
        made.start()
        yield made
    finally:
        made.close()
        for mount in sorted((line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()), reverse=True):
            if mount.startswith(f"{folder}/"):
                subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
