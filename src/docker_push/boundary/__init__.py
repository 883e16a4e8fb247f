"""Where the world comes in and errors go out: environment, folder, clock, terminal, signals, exit codes."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from invoke.exceptions import Exit

from docker_push.boundary.output import Output
from docker_push.boundary.signals import Signals, watched_parent
from docker_push.boundary.temporary import own_folder
from docker_push.errors import ConfigError, DockerPushError, InterruptedRunError
from docker_push.interruption import Interruption
from docker_push.printable import printable
from docker_push.process import RAISE, Children, Redactor, is_exhausted, one_line
from docker_push.secret_names import secrets_in

if TYPE_CHECKING:
    from docker_push.run import Surroundings


def ask(question: str, *, secret: bool) -> str | None:
    """Ask the person at the terminal; ``None`` where there is none."""
    import getpass  # noqa: PLC0415

    if not sys.stdin.isatty():
        return None
    return getpass.getpass(f"{question}: ") if secret else input(f"{question}: ")


def default_signals() -> None:
    """Have Ctrl-C end the process as it ends any other, as long as there is nothing to clean up: without a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def boundary(*, debug: bool) -> Iterator[Surroundings]:
    """Hand the world in, and turn errors into one line and an exit code: the one place where that happens."""
    output, interruption = Output(), Interruption()
    children = Children(interruption)
    with Signals(interruption, children, parent=watched_parent(os.environ, os.getppid())) as signals:
        try:
            with _world(output, children, signals, debug=debug) as surroundings:
                yield surroundings
            interruption.check()  # a signal that came while the run was already ending
        except DockerPushError as error:
            _exit(error, error, output, interruption, debug=debug)
        except Exception as error:  # noqa: BLE001 - the last door
            _exit(_unexpected(error), error, output, interruption, debug=debug)


@contextmanager
def _world(output: Output, children: Children, signals: Signals, *, debug: bool) -> Iterator[Surroundings]:
    """Give the surroundings; when they are left nothing of the run is there any more, neither programs nor its folder."""
    from docker_push.run import Surroundings  # noqa: PLC0415

    interruption = children.interruption
    try:
        with own_folder(os.environ.get("RUNNER_TEMP") or None, output.say) as temporary:
            signals.folder = temporary.parent
            children.guard(temporary.parent)
            try:
                yield Surroundings(
                    environ=dict(os.environ),
                    folder=Path.cwd(),
                    temporary=temporary,
                    say=output.say,
                    emit=output.emit,
                    clock=time.monotonic,
                    wall=time.time,
                    sleep=interruption.wait,
                    debug=debug,
                    interruption=interruption,
                    children=children,
                )
            finally:
                interruption.settle()
                children.end_all()
    finally:
        children.close()


_BUG = "This is a bug: run the same command with --debug and report what it prints, without secrets."


def _unexpected(error: Exception) -> DockerPushError:
    """Return what is said of an error that nobody took: this machine has no more of something, or we have a bug.

    The user's next step is to raise a limit or to report it, not to read a traceback.
    """
    where = one_line(f"{type(error).__name__}: {error}", _redactor())
    if is_exhausted(error):
        message = f"this process may not have more memory, threads or open files ({where.rstrip(': ')})"
        return ConfigError(message, hint=RAISE)
    return DockerPushError(f"unexpected {where}", hint=_BUG)


def _exit(
    error: DockerPushError, cause: BaseException, output: Output, interruption: Interruption, *, debug: bool
) -> NoReturn:
    details = [*error.details]
    if interruption.number and not isinstance(error, InterruptedRunError):
        details.append(str(error))  # whatever the signal broke; that there was one is what counts
        error = interruption.error()
    lines = [f"  | {line}" for line in details]
    if debug:
        text = "".join(traceback.format_exception(type(cause), cause, cause.__traceback__))
        lines.insert(0, printable(_redactor()(text)).rstrip())
    if not isinstance(error, InterruptedRunError):
        raise Exit(printable("\n".join([*lines, f"docker-push: {error}"])), error.exit_code)
    lines.append(f"  | to go on: {_command(sys.argv)}")
    # said here, not by Invoke: after this a second signal may end the process at once
    output.close("\n".join([*lines, f"docker-push: {error}"]))
    raise Exit("", error.status)


def _command(argv: Sequence[str]) -> str:
    """Return the command of this process as its user would type it."""
    program = Path(argv[0]).name
    return _redactor()(shlex.join([program, *argv[1:]]))


def _redactor() -> Redactor:
    """Know the secrets by their variables' names: what the run knows of them is gone when its errors come here."""
    users = [value for name, value in os.environ.items() if name.endswith(("_USER", "_USERNAME"))]
    return Redactor(secrets_in(os.environ), users)
