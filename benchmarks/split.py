"""The rows of a run that is split by platform: the jobs of a CI, and what its runners staged put together."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

from bench import Bench
from measure import Cost
from monorepo import PLATFORMS, Monorepo
from question import Question, Row, after


def matrix(bench: Bench) -> Row:
    """Print the jobs that build a repository of many images platform by platform."""
    repo = bench.repository("matrix", bench.sizes.planned)
    question = Question(
        name="matrix",
        work=f"matrix of {repo.count:,} images on two platforms (`docker-push matrix --format github`)",
        against="`docker buildx bake --print` of the same targets, which a matrix is made of without it",
        target=1.0,
    )
    return question.timed(
        bench.rounds,
        lambda: bench.run(repo.root, "docker-push", "matrix", "--format", "github"),
        lambda: bench.bake(repo, "--print"),
    )


def merge(bench: Bench) -> Row:
    """Put the parts of two runners together, and move three tags of every image."""
    repo = bench.files_only("merge", bench.sizes.tagged)
    parts = bench.folder / "merge-parts"
    merged: set[str] = set()

    def stage(side: str) -> None:
        """Have parts that this side has not put together; building them takes minutes, so that both use the same."""
        if merged and side not in merged:
            merged.add(side)
            return
        merged.clear()
        merged.add(side)
        shutil.rmtree(parts, ignore_errors=True)
        repo.change(repo.count)
        for platform in PLATFORMS:
            bench.run(repo.root, "docker-push", "stage", "--part", parts, "--platform", platform)

    question = Question(
        name="merge",
        work=f"merge of {repo.count} images of two parts, read back and verified, three tags each (`docker-push merge`)",
        against="a loop of `docker buildx imagetools create` with the same tags",
        target=0.5,
    )
    ours = after(lambda: stage("ours"), lambda: bench.run(repo.root, "docker-push", "merge", "--part", parts))
    theirs = after(lambda: stage("bare"), lambda: _created(bench, repo, parts))
    return question.timed(bench.rounds, ours, theirs, warm=False)  # new content each time: nothing is warm


def _created(bench: Bench, repo: Monorepo, parts: Path) -> Cost:
    """Put the same parts together with the bare tool, under tags of its own."""
    documents = [json.loads(file.read_text("utf-8")) for file in sorted(parts.iterdir())]
    lines = []
    for name in repo.names:
        image = f"{bench.registry}/{repo.path}/{name}"
        tags = [word for tag in repo.tags() for word in ("--tag", f"{image}:bare-{tag}")]
        sources = [f"{image}@{document['images'][name]['digest']}" for document in documents]
        lines.append(shlex.join(["docker", "buildx", "imagetools", "create", *tags, *sources]))
    script = bench.folder / "merge.sh"
    script.write_text("\n".join(["set -eu", *lines]))
    return bench.run(repo.root, "sh", script)
