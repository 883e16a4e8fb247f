"""What a shell script runs of docker-push: its tasks and their flags, as far as text alone tells. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from docker_push.ci.model import Means

EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
TASKS = (
    "build",
    "builder",
    "doctor",
    "list",
    "login",
    "logout",
    "matrix",
    "merge",
    "plan",
    "publish",
    "push",
    "stage",
    "tag",
    "verify",
)
_VALUED = {"-i": "image"}
_FLAGS = ("image", "platform", "version", "part", "format")
_ENDS = frozenset(";&|()")
_TALK = frozenset(
    {"cat", "chmod", "cp", "echo", "git", "grep", "install", "ls", "printf", "shellcheck", "sed", "test", "["}
)
_INSTALLED = re.compile(r"docker-push(?:(?:==|@)[\w.+-]+)?")
_INNER_HASH = re.compile(
    r"(?<=[^\s;&|()])#"
)  # begins no comment, as in `nix develop .#ci` ("Shell Command Language", 2.3)
_HASH = "\0"  # what stands for it meanwhile: shlex ends a word there
_ASKED = "$__expression__"  # one word for an expression, whose blanks and braces are the CI's


@dataclass(frozen=True)
class Command:
    """One task that a script runs; ``line`` counts from zero in the script. ``loose``: its arguments hold more than text."""

    task: str
    means: Means
    line: int
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    loose: bool = False
    program: str = ""


def commands(script: str) -> Iterator[Command]:
    """Yield the tasks of docker-push that a script runs, by whatever name they are called."""
    for number, line in _lines(EXPRESSION.sub(_ASKED, script)):
        for words in _simple(line):
            yield from _tasks(words, number)


def _lines(script: str) -> Iterator[tuple[int, str]]:
    """Yield each line with its number; one that ends in a backslash goes on in the next."""
    begin, waiting = 0, ""
    for number, line in enumerate(script.split("\n")):
        begin = number if not waiting else begin
        waiting += line
        if waiting.endswith("\\"):
            waiting = f"{waiting[:-1]} "
            continue
        yield begin, waiting
        waiting = ""
    if waiting:
        yield begin, waiting


def _simple(line: str) -> Iterator[list[str]]:
    """Yield the simple commands of a line as words; quotes are taken off, as the shell does."""
    lexer = shlex.shlex(_INNER_HASH.sub(_HASH, line), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # quotes that end on another line
        words = line.split()
    found: list[str] = []
    for word in words:
        if word and set(word) <= _ENDS:
            yield found
            found = ["$"] if found[-1:] == ["$"] else []  # what is printed into the arguments of the command before
        else:
            found.append(word.replace(_HASH, "#"))
    yield found


def _tasks(words: Sequence[str], line: int) -> Iterator[Command]:
    if not words or words[0] in _TALK:
        return
    for place, word in enumerate(words):
        name = PurePosixPath(word).name
        rest = words[place + 1 :]
        if word.endswith("ci/docker.sh"):
            if rest[:1] == ["--"]:  # another task than push, with its own arguments
                yield from (replace(one, program=word) for one in _given(rest[1:], line, ""))
                return
            version = (rest[0],) if rest and rest[0] else ()
            yield Command("push", Means.SCRIPT, line, {"version": version} if version else {}, program=word)
            return
        if _INSTALLED.fullmatch(name):
            yield from _given(rest, line, "")
            return
        if name in {"invoke", "inv"}:
            yield from _given(rest, line, "docker.")
            return


def _given(words: Sequence[str], line: int, prefix: str) -> Iterator[Command]:
    """Yield the tasks of one call of Invoke, each with the flags after it; a dry run does nothing, and is none."""
    task, flags, loose = "", dict[str, tuple[str, ...]](), False
    known = {f"{prefix}{name}": name for name in TASKS} | {f"docker.{name}": name for name in TASKS}
    waiting = iter(words)
    for word in waiting:
        if word in known:
            if task:
                yield Command(task, Means.COMMAND, line, flags, loose)
            task, flags, loose = known[word], {}, False
        elif word == "--dry-run":
            task = ""
        elif word.startswith("-"):
            flag, _, value = word.partition("=")
            name = _VALUED.get(flag, flag.removeprefix("--"))
            if name in _FLAGS:
                flags = {**flags, name: (*flags.get(name, ()), value or next(waiting, ""))}
        elif word.startswith("$") and not _is_version(word):
            loose = True
    if task:
        yield Command(task, Means.COMMAND, line, flags, loose)


def _is_version(word: str) -> bool:
    """Tell ``${CI_COMMIT_TAG:+--version "$CI_COMMIT_TAG"}``, as the shell splits it: it names no image."""
    return ":+--version" in word or word.endswith("_TAG}")
