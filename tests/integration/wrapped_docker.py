"""A ``docker`` before the real one on the PATH: the real program, asked for something else, so that its words are real."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

REAL = "@real@"


def wrapped(folder: Path, cases: dict[str, str]) -> str:
    """Write a ``docker`` into ``folder`` that does ``cases[pattern]`` for what a shell's pattern matches; return the PATH.

    ``@real@`` in a case is the real docker, which also does all that no case is about.
    """
    real = shutil.which("docker")
    assert real
    lines = [f"  {pattern}) {action.replace(REAL, shlex.quote(real))} ;;" for pattern, action in cases.items()]
    text = "\n".join(["#!/bin/sh", 'case "$*" in', *lines, "esac", f'exec {shlex.quote(real)} "$@"', ""])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "docker").write_text(text)
    (folder / "docker").chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def without_docker(folder: Path, *programs: str) -> str:
    """Return a PATH on which there are only some programs, and docker is none of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for program in programs:
        found = shutil.which(program)
        assert found, program
        (folder / program).symlink_to(found)
    return str(folder)
