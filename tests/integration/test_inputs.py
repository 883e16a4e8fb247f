"""What we count of a context, compared with what BuildKit really is sent: random trees under random ignore rules."""

from __future__ import annotations

import hashlib
import json
import os
import random
import socket
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from docker_push.errors import ConfigError
from docker_push.inputs import Contexts

pytestmark = pytest.mark.engine

NAMES = [
    *[
        "a",
        "b",
        "ab",
        "a.b",
        "docs",
        "src",
        "c d",
        "é",
        "-x",
        "#h",
        "!n",
        "x^y",
        "[z]",
        "a*",
        "n\nl",
        ".h",
        "a+",
        "{q}",
        "B",
    ],
    *[".git", "file.py", "日本", "Dockerfile.md", "a\\b"],
]
MODES = [0o0, 0o7, 0o70, 0o400, 0o600, 0o644, 0o755, 0o777, 0o1777, 0o2755, 0o4755, 0o6711, 0o7777]
PARTS = [
    "*",
    "?",
    "**",
    "a*",
    "*b",
    "?b",
    "[ab]",
    "[^a]",
    "[a-c]",
    "*.py",
    "**b",
    "***",
    "[[:alpha:]]",
    "\\d*",
    "\\*",
    "*|b",
]
TARGETS = ["a", "../b", "missing", "/etc/passwd", ".", "..", "c d/é", "loop"]
CASES = 44


def tree(chance: random.Random, folder: Path, depth: int = 0) -> None:
    """Make entries of every kind in a folder."""
    for name in chance.sample(NAMES, chance.randint(2, 6)):
        path = folder / name
        kind = chance.random()
        if kind < 0.45 and depth < 3:
            path.mkdir()
            if chance.random() < 0.85:  # others stay empty
                tree(chance, path, depth + 1)
        elif kind < 0.6:
            path.symlink_to(chance.choice(TARGETS))
            continue
        elif kind < 0.65:
            os.mkfifo(path)
        else:
            path.write_bytes(chance.randbytes(chance.choice([0, 1, 100, 70_000])))
            if chance.random() < 0.15:
                (folder / f"{name} again").hardlink_to(path)
        path.chmod(chance.choice(MODES) if os.geteuid() == 0 else chance.choice([0o644, 0o755, 0o4755]))


def pattern(chance: random.Random, paths: list[str]) -> str:
    names = chance.choice(paths).split("/")[: chance.randint(1, 4)]
    for place in range(len(names)):
        if chance.random() < 0.25:
            names[place] = chance.choice(PARTS)
    start = chance.choice(["", "", "", "/", "./", "!", "!", "!/", "! ", "  ", "#"])
    return start + "/".join(names) + chance.choice(["", "", "", "/", "/**", "/*", " ", "\r"])


def ignore_file(chance: random.Random, folder: Path) -> str:
    paths = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    lines = [pattern(chance, paths) for _ in range(chance.randint(1, 6))]
    if chance.random() < 0.4:
        lines.insert(0, chance.choice(["*", "**", "*/*", ".git", "**/a"]))
    return chance.choice(["", "\ufeff", "# a comment\n\n"]) + "\n".join(lines)


def said_by_hand() -> list[tuple[list[str], str]]:
    """Return files and ignore rules that stand for what the manual says."""
    deep = ["a/b/c/d.txt", "a/b/e.txt", "a/f.txt", "g.txt", "docs/README.md", "docs/x.md", "src/a/b/x.pyc", "src/y.py"]
    return [
        (deep, "*\n!a/b"),
        (deep, "a\n!a/b/c\na/b/c/d.txt"),
        (deep, "a/**\n!a/b/c/**"),
        (deep, "**/*.md\n!docs/README.md\n**/*.pyc"),
        (deep, "**\n!**/*.py"),
        (deep, "a/b/\n!a/b/e.txt"),
        (deep, "*\n!a/b/e.txt\na"),  # sent empty
        ([*deep, ".git/HEAD", ".git/objects/x"], ".git\n[a-c]\n!/src"),
        ([*deep, "Dockerfile", ".dockerignore"], "Dockerfile\n.dockerignore\n.*"),
    ]


class Case:
    """One context with its rules, and what of it came to the builder."""

    def __init__(self, folder: Path, number: int) -> None:
        self.name = f"case{number}"
        self.context = folder / self.name
        self.dockerfile = folder / f"{self.name}.Dockerfile"
        self.context.mkdir()
        self.dockerfile.write_text("FROM scratch\nCOPY . /\n")

    def ignore(self, text: str, *, beside: bool) -> None:
        if beside:
            (self.context / ".dockerignore").write_text("**\n")  # the other one wins
        place = Path(f"{self.dockerfile}.dockerignore") if beside else self.context / ".dockerignore"
        place.write_bytes(text.encode())

    def arrived(self, folder: Path) -> dict[str, str]:
        with tarfile.open(folder / f"{self.name}.tar") as archive:
            return {member.name.rstrip("/"): described(archive, member) for member in archive}


def described(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    """Return what counts of an archive's member, in the words of our entries."""
    mode = f"{member.mode:o}"
    if member.isdir():
        return f"directory {mode}"
    if member.issym():
        return f"link {member.linkname}"
    if member.isfifo():
        return f"fifo {mode}"
    content = archive.extractfile(member)
    assert content is not None
    return f"file {mode} {hashlib.sha256(content.read()).hexdigest()}"


@pytest.fixture(scope="module")
def seed() -> int:
    found = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    print(f"SEED={found}")
    return found


def accepted(case: Case, folder: Path) -> bool:
    """Return whether the rules can be read; what BuildKit refuses is a test of its own."""
    try:
        Contexts(folder).rules(case.dockerfile.name, case.name)
    except ConfigError:
        return False
    return True


@pytest.fixture
def cases(seed: int, tmp_path: Path) -> list[Case]:
    chance = random.Random(seed)  # noqa: S311 - a test's trees are to come again
    made: list[Case] = []
    for files, rules in said_by_hand():
        case = Case(tmp_path, len(made))
        for name in files:
            (case.context / name).parent.mkdir(parents=True, exist_ok=True)
            (case.context / name).write_text(name)
        case.ignore(rules, beside=False)
        made.append(case)
    while len(made) < CASES:
        case = Case(tmp_path, len(made))
        tree(chance, case.context)
        case.ignore(ignore_file(chance, case.context), beside=chance.random() < 0.3)
        while not accepted(case, tmp_path):
            case.ignore(ignore_file(chance, case.context), beside=True)
        made.append(case)
    return made


def bake(
    folder: Path, cases: list[Case], contexts: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    targets = {
        case.name: {
            "context": case.name,
            "contexts": dict(contexts),
            "dockerfile": os.path.relpath(case.dockerfile, case.context),
            "attest": ["type=provenance,disabled=true"],
            "output": [f"type=tar,dest={case.name}.tar"],
        }
        for case in cases
    }
    definition = {"group": {"default": {"targets": list(targets)}}, "target": targets}
    (folder / "bake.json").write_text(json.dumps(definition))
    return subprocess.run(
        ["docker", "buildx", "bake", "--file", "bake.json", "--progress=plain"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_what_is_counted_is_what_buildkit_is_sent(engine: object, tmp_path: Path, cases: list[Case], seed: int):
    del engine
    done = bake(tmp_path, cases)
    assert done.returncode == 0, done.stderr[-3000:]
    contexts = Contexts(tmp_path)

    for case in cases:
        entries = contexts.entries(case.dockerfile.name, case.name)
        counted = {
            name: text.partition(" (")[0] if text.startswith("file ") else text for name, text in entries.items()
        }
        rules = contexts.rules(case.dockerfile.name, case.name).key

        arrived = case.arrived(tmp_path)
        names = {*counted, *arrived}
        differ = {name: found for name in names if len(set(found := (counted.get(name), arrived.get(name)))) > 1}
        assert differ == {}, (seed, case.name, rules)
        files = [text for text in counted.values() if not text.startswith("directory")]
        assert contexts.local(case.dockerfile.name, case.name).files == len(files)
    print(f"{len(cases)} contexts, {sum(len(contexts.entries(c.dockerfile.name, c.name)) for c in cases)} entries")


REFUSED = ["[", "!", "a\\", "[]a]", "[z-a]", "\\é", "a\tb", "bin\\publish", "x*{2}"]
TAKEN = ["a\tb\né", "\\d", "a{2}", "*|b", "/", "..", "!!a", "[^a]", "a\\ b", "**"]


def test_what_buildkit_refuses_is_refused_here_and_nothing_else(engine: object, tmp_path: Path):
    del engine
    for number, text in enumerate([*REFUSED, *TAKEN]):
        case = Case(tmp_path, number)
        (case.context / "file").write_text("")
        case.ignore(text, beside=True)
        (case.context / ".dockerignore").unlink()
        done = bake(tmp_path, [case])

        assert (done.returncode == 0) == accepted(case, tmp_path) == (text in TAKEN), (text, done.stderr[-500:])


def test_named_contexts_sockets_and_links_come_to_the_builder_as_they_are_counted(engine: object, tmp_path: Path):
    del engine
    case = Case(tmp_path, 1)
    case.dockerfile.write_text("FROM scratch\nCOPY --from=other . /\n")
    other = tmp_path / "other"
    (other / "sub").mkdir(parents=True)
    (other / "sub/rules").write_text("*.md\nsub/rules\n")
    (other / ".dockerignore").symlink_to("/sub/rules")
    (other / "x.md").write_text("")
    (other / "kept").write_text("")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(other / "socket"))
    (tmp_path / f"{case.name}.Dockerfile.dockerignore").write_text("*\n")  # for the main context alone
    done = bake(tmp_path, [case], contexts={"other": "other"})

    assert done.returncode == 0, done.stderr[-3000:]
    assert Contexts(tmp_path).entries(None, "other") == case.arrived(tmp_path)
    assert set(case.arrived(tmp_path)) == {".dockerignore", "kept", "socket", "sub"}
