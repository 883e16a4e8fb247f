"""One program, run to its end or ended."""

from __future__ import annotations

import json
import math
import os
import selectors
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from docker_push.errors import BuilderError, ConfigError, DockerPushError
from docker_push.process import engine_socket
from docker_push.process.children import Children
from docker_push.process.limits import RAISE, is_exhausted
from docker_push.process.redaction import Redactor

_LINGER = 1.0  # seconds that pipes are read after their program's end: what it left behind may keep them open for ever
_CHUNK = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Completed:
    """What a program left behind: its exit status (negative: ended by that signal) and its output, decoded leniently."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    @property
    def objects(self) -> tuple[Mapping[str, Any], ...]:
        """Return the lines of ``stdout`` that are JSON objects, as docker's ``--format "{{json .}}"`` writes them."""
        return tuple(found for line in self.stdout.splitlines() if (found := _object(line)))


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Run programs with one environment and one folder.

    ``environ`` is the whole environment of the programs. Each is the leader of a session of its own, so that a signal
    reaches it and all that it started through us alone; it is among ``children`` as long as it lives, so that nothing
    outlives the run. Once a signal ends the run no program is started any more: InterruptedRunError is raised instead.
    """

    environ: Mapping[str, str]
    folder: Path
    redact: Redactor = field(default_factory=Redactor)
    echo: Callable[[str], None] | None = None
    children: Children = field(default_factory=Children)

    def which(self, program: str) -> str | None:
        """Return the path of ``program`` on the run's PATH, or ``None``."""
        return shutil.which(program, path=self.environ.get("PATH", os.defpath))

    def run(self, argv: Sequence[str], *, input: str | None = None, timeout: float = 60.0) -> Completed:  # noqa: A002
        """Run ``argv`` to its end and return what it left, whatever its status.

        ``timeout`` is in seconds. Raises BuilderError where the program does not end in time, ConfigError where it is
        not installed, InterruptedRunError where a signal ended it.
        """
        with self._started(argv) as child:
            try:
                out, err = child.communicate(None if input is None else input.encode(), timeout)
            except subprocess.TimeoutExpired:
                hint = "Run the command by itself to see what it waits for."
                raise BuilderError(f"{self.shown(argv)} did not end within {timeout:g} s", hint=hint) from None
        return Completed(argv=tuple(argv), status=child.returncode, stdout=_text(out), stderr=_text(err))

    def stream(
        self,
        argv: Sequence[str],
        *,
        input: str,  # noqa: A002
        on_line: Callable[[str], None],
        silence: float = math.inf,
        given_up: Callable[[], bool] = bool,
    ) -> Completed:
        """Run ``argv``, hand every line of its standard error to ``on_line`` as it comes, and return what it left.

        ``stderr`` of the result is empty: the lines were handed over, each whole. Raises ConfigError where the program
        is not installed, InterruptedRunError where a signal ended it, and TimeoutError where it was ended because for
        ``silence`` seconds it neither read nor wrote anything, or because it was ``given_up``, which is asked every second.
        """
        with self._started(argv) as child:
            out = _pump(child, input.encode(), on_line, silence, given_up)
        return Completed(argv=tuple(argv), status=child.returncode, stdout=_text(out), stderr="")

    def ask_engine(self, path: Path) -> Mapping[str, Any]:
        """Return what docker's engine behind the socket at ``path`` says of itself, as ``engine_socket.info`` does."""
        return engine_socket.info(path)

    def shown(self, argv: Sequence[str]) -> str:
        """Return ``argv`` as a reader would type it, without secrets."""
        return self.redact(shlex.join(argv))

    @contextmanager
    def _started(self, argv: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        """Start a program; whatever the body raises ends it, and so does a signal that is seen after the body."""
        interruption = self.children.interruption
        interruption.check()
        child = None
        try:
            with interruption.held():  # between the start and the note that it was started no signal is raised
                child = self._start(argv)
                self.children.add(child)
            interruption.check()  # another thread ends what was added before its look
            yield child
            interruption.check()
        except BaseException:
            if child is not None:
                self.children.end(child)
            raise
        finally:
            if child is not None:
                self.children.forget(child)
                _close(child)

    def _start(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        if self.echo:
            self.echo(self.shown(argv))
        try:
            return subprocess.Popen(  # noqa: S603 - an argv list, no shell
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=dict(self.environ),
                cwd=self.folder,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise _missing(argv[0], self.folder) from None
        except (OSError, ValueError) as error:
            hint = RAISE if is_exhausted(error) else "Check the program."
            raise ConfigError(f"{self.shown(argv)} cannot be started: {error}", hint=hint) from None


def _missing(program: str, folder: Path) -> DockerPushError:
    if not folder.is_dir():
        return ConfigError(f"the folder {folder} does not exist", hint="Run the command inside the repository.")
    hint = "Install Docker: https://docs.docker.com/engine/install/" if program == "docker" else f"Install {program}."
    kind = BuilderError if program == "docker" else ConfigError
    return kind(f"{program} is not installed, or not on the PATH", hint=hint)


def _pump(
    child: subprocess.Popen[bytes],
    feed: bytes,
    on_line: Callable[[str], None],
    silence: float,
    given_up: Callable[[], bool],
) -> bytes:
    """Feed, read lines of stderr and all of stdout at once: no pipe may fill up while another is waited for."""
    assert child.stdin and child.stdout and child.stderr  # noqa: S101, PT018 - all three are pipes
    out, lines, quiet = bytearray(), _Lines(on_line), 0.0
    with selectors.DefaultSelector() as selector:
        os.set_blocking(child.stdin.fileno(), False)
        selector.register(child.stdin, selectors.EVENT_WRITE, _feeder(child.stdin, feed))
        selector.register(child.stdout, selectors.EVENT_READ, _reader(child.stdout, out.extend))
        selector.register(child.stderr, selectors.EVENT_READ, _reader(child.stderr, lines.add))
        while selector.get_map():
            ready = selector.select(_LINGER)
            if not ready and child.poll() is not None:
                break
            quiet = 0.0 if ready else quiet + _LINGER
            if quiet >= silence or given_up():
                raise TimeoutError
            for pipe in (key.fileobj for key, _ in ready if not key.data()):
                selector.unregister(pipe)
                if pipe is child.stdin:
                    child.stdin.close()  # what reads to the end of its input waits for this
    lines.end()
    child.wait()
    return bytes(out)


def _feeder(pipe: IO[bytes], feed: bytes) -> Callable[[], bool]:
    """Return what writes a bit more of ``feed``, and says whether there is more of it."""
    left = memoryview(feed)

    def write() -> bool:
        nonlocal left
        try:
            left = left[os.write(pipe.fileno(), left[:_CHUNK]) :]
        except BrokenPipeError:
            return False  # the program ended early; its status tells why
        return bool(left)

    return write


def _reader(pipe: IO[bytes], take: Callable[[bytes], object]) -> Callable[[], bool]:
    """Return what reads a bit more, and says whether there may be more of it."""

    def read() -> bool:
        chunk = os.read(pipe.fileno(), _CHUNK)
        take(chunk)
        return bool(chunk)

    return read


class _Lines:
    """Whole lines out of chunks: a secret that came in two pieces is one again when it is looked for."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._begun: list[bytes] = []

    def add(self, chunk: bytes) -> None:
        first, *others = chunk.split(b"\n")
        self._begun.append(first)
        for other in others:
            self._emit()
            self._begun.append(other)

    def end(self) -> None:
        if any(self._begun):
            self._emit()

    def _emit(self) -> None:
        line = b"".join(self._begun)
        self._begun.clear()
        self._on_line(_text(line).rstrip("\r"))


def _close(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _object(line: str) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
