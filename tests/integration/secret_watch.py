"""A marked secret, looked for wherever it must not be: argument lists, output, files."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_PAUSE = 0.02  # seconds between two looks: a shorter life than that is no program of ours
SEES_ARGUMENTS = Path("/proc/self/cmdline").exists()


def forms(username: str, password: str) -> set[str]:
    """Return the password as it is and as it travels."""
    pair = f"{username}:{password}"
    return {password, *(base64.b64encode(text.encode()).decode().rstrip("=") for text in (password, pair))}


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """Collect the argument list of every process of this machine while the body runs."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(_PAUSE):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
                except OSError:
                    continue  # the process ended meanwhile

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def files_with(secrets: Iterable[str], folder: Path) -> list[Path]:
    """Return the files below ``folder`` that hold one of the secrets."""
    wanted = [secret.encode() for secret in secrets]
    return [path for path in folder.rglob("*") if path.is_file() and any(form in path.read_bytes() for form in wanted)]
