"""Read the command line of scripts/engine, choose the engine, print the variables that lead to it."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import FrameType

from local_engine import found_engine, private_engine, users
from local_engine.apt import is_debian
from local_engine.docker_client import Client, Engine, client_of, look_at
from local_engine.errors import EngineError
from local_engine.folders import Folders, folders_of, load_record, locked
from local_engine.processes import say
from local_engine.tools import ensure_tools, existing_tools, remove_tools


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one subcommand.

    Exit codes: 0, 1 with a line that says the cause (`status`: nothing runs), 2 for a wrong command line, 130 for Ctrl-C.
    """
    options = _parser().parse_args(argv)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        folders = folders_of(options.name, environ)
        if options.command == "up":
            _print(_up(folders, environ, own=options.own, user=options.user), options.format)
        elif options.command == "down":
            _down(folders, environ, user=options.user)
            if options.tools:
                remove_tools(folders)
        elif options.command == "status":
            return _status(folders)
        else:
            print(ensure_tools(folders).bin)
    except EngineError as error:
        say(f"engine: {error}")
        return 1
    except OSError as error:
        say(f"engine: {error}; check the folder's permissions and the free space, then try again")
        return 1
    except KeyboardInterrupt:
        say("engine: interrupted")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="engine", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="make an engine, a registry and emulation usable; print KEY=value lines")
    up.add_argument(
        "--own", action="store_true", help="run a private engine even where Docker is reachable (root, Debian)"
    )
    up.add_argument("--format", choices=("env", "shell", "json"), default="env")
    down = commands.add_parser("down", help="stop and remove what `up` made")
    down.add_argument("--tools", action="store_true", help="remove the downloaded tools too, unless others use them")
    status = commands.add_parser("status", help="list what runs, and the folder it lives in")
    for command in (up, down):
        command.add_argument("--for", dest="user", type=int, metavar="PID", help=_FOR)
    for command in (up, down, status):
        command.add_argument("name", metavar="NAME", help="keeps environments apart: quickstart, test, ...")
    tools = commands.add_parser("tools", help="make sure that the tools are there; print their folder")
    tools.set_defaults(name="tools")
    return parser


_FOR = "the process that uses it: `down` then leaves it to the other processes that `up` was called for and that run"


def _up(folders: Folders, environ: Mapping[str, str], *, own: bool, user: int | None) -> dict[str, str]:
    with _lock(folders):
        variables = _bring_up(folders, environ, own=own)
        users.add(folders, user)
        return variables


def _bring_up(folders: Folders, environ: Mapping[str, str], *, own: bool) -> dict[str, str]:
    kind = load_record(folders).get("kind")
    if kind == "found":
        environ = {**environ, **load_record(folders).get("leading", {})}
    client, engine = (None, "") if own or kind == "private" else _find_docker(folders, environ)
    if kind == "found" and not isinstance(engine, Engine):
        found_engine.down(folders, environ)
        folders.record.unlink(missing_ok=True)
    if client and isinstance(engine, Engine):
        say(f"using the Docker engine at {engine.endpoint}")
        return _found_up(folders, client, engine)
    if not (is_debian() and os.geteuid() == 0):
        raise EngineError(_what_is_missing(str(engine)))
    return _private_up(folders, environ)


def _find_docker(folders: Folders, environ: Mapping[str, str]) -> tuple[Client | None, Engine | str]:
    tools = existing_tools(folders)
    client = client_of(environ, tools.program("docker") if tools else None)
    return client, look_at(client) if client else "there is no docker program"


def _found_up(folders: Folders, client: Client, engine: Engine) -> dict[str, str]:
    was_there = folders.record.exists()
    try:
        return found_engine.up(folders, client, engine)
    except BaseException:
        if not was_there:
            found_engine.down(folders, client.environ)  # nothing half-made stays
            shutil.rmtree(folders.state, ignore_errors=True)
        raise


def _private_up(folders: Folders, environ: Mapping[str, str]) -> dict[str, str]:
    was_up = private_engine.is_up(folders)
    try:
        return private_engine.up(folders, environ)
    except BaseException:
        if not was_up:
            private_engine.down(folders)  # nothing half-started stays; logs and data do, for the next `up`
        raise


def _down(folders: Folders, environ: Mapping[str, str], *, user: int | None) -> None:
    with _lock(folders):
        left = users.remaining(folders, user) if user else []
        if left:
            say(f"the engine {folders.name} stays: in use by {', '.join(left)}")
            return
        if load_record(folders).get("kind") == "found":
            found_engine.down(folders, environ)
        private_engine.down(folders)  # also what an interrupted `up` left without a note
        if folders.state.exists():
            shutil.rmtree(folders.state)


def _status(folders: Folders) -> int:
    if not folders.record.exists():
        say(f"nothing runs under the name {folders.name}")
        return 1
    lines = (
        private_engine.status(folders) if load_record(folders)["kind"] == "private" else found_engine.status(folders)
    )
    print("\n".join([*lines, f"folder: {folders.state}"]))
    return 0


def _print(variables: Mapping[str, str], style: str) -> None:
    if style == "json":
        print(json.dumps(variables, indent=1))
    elif style == "shell":
        print("\n".join(f"export {key}={shlex.quote(value)}" for key, value in variables.items()))
    else:
        print("\n".join(f"{key}={value}" for key, value in variables.items()))


def _what_is_missing(reason: str) -> str:
    if sys.platform == "darwin":
        return f"no Docker engine answers ({reason}): start Docker Desktop, then try again"
    if "permission denied" in reason:
        return "this user may not use the Docker engine: `sudo usermod -aG docker $USER`, log in again, then try again"
    other = "run this as root: it then makes an engine of its own" if is_debian() else "use Debian 12 or later as root"
    return f"no Docker engine answers ({reason}): install and start Docker (https://docs.docker.com/get-docker/), or {other}"


def _lock(folders: Folders) -> AbstractContextManager[None]:
    return locked(folders.state.with_suffix(".lock"), belongs_to=folders.state)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
