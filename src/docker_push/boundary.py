"""Where the world comes in and errors go out: environment, folder, clock, terminal, signals, exit codes."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from invoke.exceptions import Exit

from docker_push.errors import DockerPushError, InterruptedRunError

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
        with tempfile.TemporaryDirectory(prefix="docker-push-", dir=os.environ.get("RUNNER_TEMP") or None) as temporary:
            yield Surroundings(
                environ=dict(os.environ),
                folder=Path.cwd(),
                temporary=Path(temporary),
                say=lambda text: print(text, file=sys.stderr, flush=True),  # noqa: T201 - the door to people
                emit=lambda text: print(text, flush=True),  # noqa: T201 - the door to machines
                clock=time.monotonic,
                debug=debug,
            )
    except KeyboardInterrupt:
        _exit(InterruptedRunError("interrupted", hint=_RESUME), InterruptedRunError.exit_code)
    except InterruptedRunError as error:
        _exit(error, error.status)
    except DockerPushError as error:
        if debug:
            raise
        _exit(error, error.exit_code)
    except Exception as error:
        if debug:
            raise
        # a bug of ours: the user's next step is to report it, not to read a traceback
        where = f"{type(error).__name__}: {error}"
        _exit(DockerPushError(f"unexpected {where}", hint=_BUG), DockerPushError.exit_code)
    finally:
        signal.signal(signal.SIGTERM, before)


_BUG = "This is a bug: run the same command with --debug and report what it prints, without secrets."
_RESUME = "The same command goes on where this one stopped: what is staged is not built again."


def _terminated(number: int, _frame: FrameType | None) -> NoReturn:
    raise InterruptedRunError("terminated", hint=_RESUME, signal_number=number)


def _exit(error: DockerPushError, code: int) -> NoReturn:
    lines = [f"  | {line}" for line in error.details]
    raise Exit("\n".join([*lines, f"docker-push: {error}"]), code)
