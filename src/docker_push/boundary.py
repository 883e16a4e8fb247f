"""Where the world comes in and errors go out: environment, folder, clock, terminal, signals, exit codes."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from invoke.exceptions import Exit

from docker_push.errors import ConfigError, DockerPushError, InterruptedRunError
from docker_push.process import Redactor, one_line
from docker_push.progress import printable
from docker_push.references import quoted

if TYPE_CHECKING:
    from types import FrameType

    from docker_push.run import Surroundings


def ask(question: str, *, secret: bool) -> str | None:
    """Ask the person at the terminal; ``None`` where there is none."""
    import getpass  # noqa: PLC0415

    if not sys.stdin.isatty():
        return None
    return getpass.getpass(f"{question}: ") if secret else input(f"{question}: ")


@contextmanager
def boundary(*, debug: bool) -> Iterator[Surroundings]:
    """Hand the world in, and turn errors into one line and an exit code: the one place where that happens."""
    from docker_push.run import Surroundings  # noqa: PLC0415

    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        with _temporary() as temporary:
            yield Surroundings(
                environ=dict(os.environ),
                folder=Path.cwd(),
                temporary=Path(temporary),
                say=lambda text: print(text, file=sys.stderr, flush=True),  # noqa: T201 - the door to people
                emit=lambda text: print(text, flush=True),  # noqa: T201 - the door to machines
                clock=time.monotonic,
                sleep=time.sleep,
                debug=debug,
            )
    except KeyboardInterrupt as error:
        _exit(InterruptedRunError("interrupted", hint=_RESUME), error, debug=debug)
    except DockerPushError as error:
        _exit(error, error, debug=debug)
    except Exception as error:  # noqa: BLE001 - the last door
        # a bug of ours: the user's next step is to report it, not to read a traceback
        where = one_line(f"{type(error).__name__}: {error}", _redactor())
        _exit(DockerPushError(f"unexpected {where}", hint=_BUG), error, debug=debug)
    finally:
        signal.signal(signal.SIGTERM, before)


_BUG = "This is a bug: run the same command with --debug and report what it prints, without secrets."
_SECRET = re.compile(r"PASSWORD|PASSWD|TOKEN|SECRET|_KEY$", re.IGNORECASE)
_RESUME = "The same command goes on where this one stopped: what is staged is not built again."


def _terminated(number: int, _frame: FrameType | None) -> NoReturn:
    raise InterruptedRunError("terminated", hint=_RESUME, signal_number=number)


def _temporary() -> tempfile.TemporaryDirectory[str]:
    given = os.environ.get("RUNNER_TEMP") or None
    try:
        return tempfile.TemporaryDirectory(prefix="docker-push-", dir=given)
    except OSError as error:
        where = f"RUNNER_TEMP: {quoted(given)}" if given else "the folder for temporary files"
        name = "RUNNER_TEMP" if given else "TMPDIR"
        hint = f"Set {name} to a folder that exists and may be written to{', or unset it' if given else ''}."
        raise ConfigError(f"{where} cannot hold temporary files: {error.strerror}", hint=hint) from error


def _exit(error: DockerPushError, cause: BaseException, *, debug: bool) -> NoReturn:
    lines = [f"  | {line}" for line in error.details]
    if debug:
        text = "".join(traceback.format_exception(type(cause), cause, cause.__traceback__))
        lines.insert(0, printable(_redactor()(text)).rstrip())
    code = error.status if isinstance(error, InterruptedRunError) else error.exit_code
    raise Exit("\n".join([*lines, f"docker-push: {error}"]), code)


def _redactor() -> Redactor:
    """Know the secrets by their variables' names: what the run knows of them is gone when its errors come here."""
    secrets = [value for name, value in os.environ.items() if _SECRET.search(name)]
    users = [value for name, value in os.environ.items() if name.endswith(("_USER", "_USERNAME"))]
    return Redactor(secrets, users)
