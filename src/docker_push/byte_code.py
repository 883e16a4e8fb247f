"""Python's byte code (``__pycache__``) of the modules that a task imports."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def byte_code_kept() -> Iterator[None]:
    """Let Python write byte code, for as long as a task of ours runs.

    Invoke turns that off, lest it lies beside a tasks.py. Ours is imported by then; what is imported from here on belongs to
    installed packages, and an installer that compiles nothing (uv, an editable install) leaves all of it to be compiled
    anew by every run: a third of a second. Whoever told Python itself to write none is obeyed.
    """
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)  # -B or PYTHONDONTWRITEBYTECODE
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
