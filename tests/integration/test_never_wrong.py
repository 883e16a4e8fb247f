"""Our verdict against BuildKit's own: what we call unchanged, BuildKit takes from its cache, every step of it.

A project is changed at random, again and again. Where a push adopts what is published, the same definition is baked and no
step may run. Where it builds, a bake that runs no step was needless: that costs time, and is counted.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from scratch import Scratch

pytestmark = pytest.mark.engine

TOML = """\
[cache]
backend = "none"
[defaults]
platforms = ["linux/amd64"]
args = {{ SAID = "{argument}" }}
attest = []
[images.api]
context = "ctx"
dockerfile = "ctx/Dockerfile"
"""
DOCKERFILES = (
    "FROM {base}\nCOPY . /all\n",
    "FROM {base} AS one\nARG SAID\nCOPY src /src\nRUN echo $SAID > /said\nFROM {base}\nCOPY --from=one /src /said /\n",
    "FROM {base}\nCOPY src/a* lin[k] /some/\nCOPY deep/ /deep/\nRUN --mount=type=bind,target=/m cat /m/src/a > /copy\n",
)
NAMES = ("src/a", "src/b", "deep/er/c", "notes.md", "link", "empty/folder")
RULES = ("", "*.md\n", "deep\n!deep/er/c\n", "**/b\n", "*\n!src\n!deep\n", "src/a\n!src/[ab]\n")

names = st.sampled_from(NAMES)
change = st.one_of(
    st.tuples(st.just("write"), names, st.sampled_from(["", "x\n", "y\n"])),
    st.tuples(st.just("remove"), names),
    st.tuples(st.just("mode"), names, st.sampled_from([0o644, 0o755, 0o600, 0o4755])),
    st.tuples(st.just("link"), names, st.sampled_from(["src/a", "nowhere", "."])),
    st.tuples(st.just("folder"), names),
    st.tuples(st.just("rename"), names, names),
    st.tuples(st.just("touch"), names),
    st.tuples(st.just("rules"), st.sampled_from(RULES)),
    st.tuples(st.just("own-rules"), st.sampled_from(RULES)),
    st.tuples(st.just("dockerfile"), st.sampled_from(DOCKERFILES)),
    st.tuples(st.just("argument"), st.sampled_from(["one", "two"])),
    st.tuples(st.just("base"), st.sampled_from(["one", "two"])),
    st.tuples(st.just("nothing")),
)


class Project:
    """One repository of one image that is changed, pushed and baked."""

    def __init__(self, scratch: Scratch, bases: str) -> None:
        self.scratch = scratch
        self.bases = bases
        self.base = f"{scratch.path}/base:1"
        self.argument, self.dockerfile = "one", DOCKERFILES[0]
        scratch.crane("copy", f"{bases}:one", self.base)
        scratch.write({"ctx/src/a": "x\n", "ctx/src/b": "x\n", "ctx/deep/er/c": "x\n", "ctx/link": "no link\n"})

    def change(self, kind: str, *told: object) -> None:
        """Change the project, whole enough to be built."""
        context = self.scratch.root / "ctx"
        if kind in {"rules", "own-rules"}:
            name = ".dockerignore" if kind == "rules" else "Dockerfile.dockerignore"
            (context / name).unlink(missing_ok=True)
            if told[0] or kind == "rules":
                (context / name).write_text(str(told[0]))
        elif kind == "dockerfile":
            self.dockerfile = str(told[0])
        elif kind == "argument":
            self.argument = str(told[0])
        elif kind == "base":
            self.scratch.crane("copy", f"{self.bases}:{told[0]}", self.base)
        elif kind != "nothing":
            self._change_file(kind, context, context / str(told[0]), *told[1:])

    def _change_file(self, kind: str, context: Path, path: Path, *told: object) -> None:
        if kind == "touch" and path.exists():
            os.utime(path, (1, 1))
        elif kind == "mode" and path.is_file() and not path.is_symlink():
            path.chmod(int(str(told[0])))
        elif kind == "rename" and path.exists() and not (context / str(told[0])).exists():
            (context / str(told[0])).parent.mkdir(parents=True, exist_ok=True)
            if not (context / str(told[0])).is_relative_to(path):
                path.rename(context / str(told[0]))
        elif kind in {"remove", "write", "link", "folder"}:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            made: dict[str, Callable[[], object]] = {
                "write": lambda: path.write_text(str(told[0])),
                "link": lambda: path.symlink_to(str(told[0])),
                "folder": path.mkdir,
            }
            made.get(kind, lambda: None)()

    def verdicts(self) -> tuple[str, bool, str]:
        """Push and bake: return what the push did, whether BuildKit ran no step, and what the push said."""
        self.scratch.write(
            {
                "build.toml": TOML.format(argument=self.argument),
                "ctx/Dockerfile": self.dockerfile.format(base=self.base),
            }
        )
        self.scratch.git("commit", "--quiet", "--allow-empty", "--message", "empty")
        self.scratch.commit_all() if self.scratch.git("status", "--porcelain") else self.scratch.push_to_origin()
        before = None if self._buildable() else "nothing"
        if before:
            return before, True, ""
        cached = self._is_cached()
        done = self.scratch.tool("push", "--domain", self.scratch.registry, "--allow-dirty")
        assert done.code == 0, done.err
        line = next(line for line in done.err.splitlines() if line.startswith("api: "))
        return line.removeprefix("api: ").split()[0], cached, line

    def _definition(self) -> str:
        done = self.scratch.tool(
            "plan", "--offline", "--rebuild", "--format", "bake", "--domain", self.scratch.registry
        )
        assert done.code == 0, done.err
        definition = json.loads(done.out)
        for target in definition["target"].values():
            target["output"] = ["type=cacheonly"]
            target["tags"] = []
        return json.dumps(definition)

    def _bake(self) -> tuple[int, list[dict]]:
        (self.scratch.root.parent / "definition.json").write_text(self._definition())
        argv = ["docker", "buildx", "bake", "--file", str(self.scratch.root.parent / "definition.json")]
        done = self.scratch.run(*argv, "--progress", "rawjson")
        lines = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
        return done.code, [vertex for line in lines for vertex in line.get("vertexes") or ()]

    def _buildable(self) -> bool:
        """Tell whether BuildKit can build it: a random project may lack what its Dockerfile copies."""
        self.seen = self._bake()
        return self.seen[0] == 0

    def _is_cached(self) -> bool:
        steps = [
            one for one in self.seen[1] if one.get("completed") and one["name"].partition("] ")[2][:3] in {"COP", "RUN"}
        ]
        return all(one.get("cached") for one in steps)


@pytest.fixture(scope="module")
def verdicts() -> Iterator[Counter]:
    found: Counter = Counter()
    yield found
    built, needless = found["build"], found["needless"]
    print(f"verdicts: {found['adopt']} unchanged, {built} built, {needless} of them needless")


@settings(
    max_examples=int(os.environ.get("DOCKER_PUSH_PROJECTS", "6")),
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(changes=st.lists(change, min_size=5, max_size=9))
def test_what_is_called_unchanged_comes_from_the_cache_every_step(
    tmp_path_factory: pytest.TempPathFactory, registry: str, verdicts: Counter, changes: list[tuple]
):
    scratch = Scratch(tmp_path_factory.mktemp("project") / "repository", registry)
    project = Project(scratch, bases_of(scratch))
    for one in [("nothing",), *changes]:
        project.change(*one)
        action, cached, line = project.verdicts()
        verdicts[action] += 1
        verdicts["needless"] += action == "build" and cached
        assert action != "adopt" or cached, f"BuildKit would build what we call unchanged after {one}: {line}"


def bases_of(scratch: Scratch) -> str:
    """Put two base images that differ beside each other."""
    name = f"{scratch.path}/bases"
    folder = scratch.root.parent / "bases"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM busybox:1.37\nARG WORD\nRUN echo $WORD > /word\n")
    for word in ("one", "two"):
        argv = [
            "docker",
            "buildx",
            "build",
            "--push",
            "--build-arg",
            f"WORD={word}",
            "--tag",
            f"{name}:{word}",
            str(folder),
        ]
        done = scratch.run(*argv)
        assert done.code == 0, done.err
    return name
