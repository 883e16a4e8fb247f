"""The only door to other programs: argv lists, no shell, bounded waits, no orphan, no secret in what is shown."""

from __future__ import annotations

import base64
import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from docker_push.errors import BuilderError, ConfigError, DockerPushError

_GRACE = 3.0  # seconds between asking a child to end and killing it: a signal ends a run in under 5 s
_MINIMUM_SECRET = 4  # shorter values would redact ordinary text
_LINE = 300  # characters of a foreign text in a message


class Redactor:
    """Replace known secret values in any text that is shown, in the forms in which they travel.

    The forms: as it is, base64 of it alone and of ``user:secret`` (RFC 7617 Basic), and URL-quoted.
    """

    MARK = "***"

    def __init__(self, secrets: Sequence[str] = (), users: Sequence[str] = ()) -> None:
        forms: set[str] = set()
        for secret in (text for text in secrets if len(text) >= _MINIMUM_SECRET):
            forms |= {secret, quote(secret, safe=""), _base64(secret)}
            forms |= {_base64(f"{user}:{secret}") for user in users}
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return ``text`` with every known secret in it replaced by three stars."""
        for form in self._forms:
            text = text.replace(form, self.MARK)
        return text

    def finds(self, text: str) -> bool:
        """Tell whether ``text`` holds a known secret in one of its forms."""
        return any(form in text for form in self._forms)


def one_line(text: str, redact: Callable[[str], str] = str) -> str:
    """Make foreign text fit for a message: one line, no control characters, no secrets, at most 300 characters."""
    line = " ".join(redact(text).split())
    shown = "".join(character if character.isprintable() else "?" for character in line)
    return shown if len(shown) <= _LINE else f"{shown[: _LINE - 3]}..."


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode().rstrip("=")


@dataclass(frozen=True, kw_only=True)
class Completed:
    """What a program left behind: its exit status (negative: ended by that signal) and its output, decoded leniently."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Run programs with one environment and one folder.

    ``environ`` is the whole environment of the children. Every child is the leader of a session of its own, so that a
    signal reaches it and all that it started through us, and nothing outlives the run.
    """

    environ: Mapping[str, str]
    folder: Path
    redact: Redactor = field(default_factory=Redactor)
    echo: Callable[[str], None] | None = None

    def which(self, program: str) -> str | None:
        """Return the path of ``program`` on the run's PATH, or ``None``."""
        return shutil.which(program, path=self.environ.get("PATH", os.defpath))

    def run(self, argv: Sequence[str], *, input: str | None = None, timeout: float = 60.0) -> Completed:  # noqa: A002
        """Run ``argv`` to its end and return what it left, whatever its status.

        ``timeout`` is in seconds. Raises BuilderError where the program does not end in time, ConfigError where it is
        not installed.
        """
        with self._start(argv) as child:
            try:
                out, err = child.communicate(None if input is None else input.encode(), timeout)
            except subprocess.TimeoutExpired:
                _end(child)
                hint = "Run the command by itself to see what it waits for."
                raise BuilderError(f"{self.shown(argv)} did not end within {timeout:g} s", hint=hint) from None
            except BaseException:
                _end(child)
                raise
        return Completed(argv=tuple(argv), status=child.returncode, stdout=_text(out), stderr=_text(err))

    def stream(self, argv: Sequence[str], *, input: str, on_line: Callable[[str], None]) -> Completed:  # noqa: A002
        """Run ``argv``, hand every line of its standard error to ``on_line`` as it comes, and return what it left.

        ``stderr`` of the result is empty: the lines were handed over. Raises ConfigError where it is not installed.
        """
        with self._start(argv) as child:
            try:
                out = _pump(child, input.encode(), on_line)
            except BaseException:
                _end(child)
                raise
        return Completed(argv=tuple(argv), status=child.returncode, stdout=_text(out), stderr="")

    def shown(self, argv: Sequence[str]) -> str:
        """Return ``argv`` as a reader would type it, without secrets."""
        return self.redact(shlex.join(argv))

    def _start(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        if self.echo:
            self.echo(self.shown(argv))
        try:
            return subprocess.Popen(  # noqa: S603 - an argv list, no shell
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(self.environ),
                cwd=self.folder,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise _missing(argv[0], self.folder) from None
        except (OSError, ValueError) as error:
            raise ConfigError(f"{self.shown(argv)} cannot be started: {error}", hint="Check the program.") from None


def _missing(program: str, folder: Path) -> DockerPushError:
    if not folder.is_dir():
        return ConfigError(f"the folder {folder} does not exist", hint="Run the command inside the repository.")
    hint = "Install Docker: https://docs.docker.com/engine/install/" if program == "docker" else f"Install {program}."
    kind = BuilderError if program == "docker" else ConfigError
    return kind(f"{program} is not installed, or not on the PATH", hint=hint)


def _pump(child: subprocess.Popen[bytes], feed: bytes, on_line: Callable[[str], None]) -> bytes:
    """Feed, read lines of stderr and all of stdout at once: no pipe may fill up while another is waited for."""
    collected: list[bytes] = []
    assert child.stdin and child.stdout and child.stderr  # noqa: S101, PT018 - all three are pipes
    reader = threading.Thread(target=lambda: collected.append(child.stdout.read()), daemon=True)  # type: ignore[union-attr]
    writer = threading.Thread(target=_feed, args=(child, feed), daemon=True)
    reader.start()
    writer.start()
    for line in child.stderr:
        on_line(_text(line).rstrip("\r\n"))
    child.wait()
    reader.join(_GRACE)
    writer.join(_GRACE)
    return b"".join(collected)


def _feed(child: subprocess.Popen[bytes], feed: bytes) -> None:
    assert child.stdin  # noqa: S101 - a pipe
    try:
        child.stdin.write(feed)
        child.stdin.close()
    except BrokenPipeError:
        pass  # the child ended early; its status tells why


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child and all that it started: asked first, killed after the grace."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
            child.wait(_GRACE)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
        else:
            break


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
