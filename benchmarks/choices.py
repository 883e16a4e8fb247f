"""Measure what each choice of a bake costs: every variant by turns with what docker-push does, on the same few images.

`python benchmarks/choices.py --images 5 --rounds 5` prints the table that choices.md explains.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import Bench
from measure import Cost
from monorepo import Monorepo

Target = dict[str, Any]
_OURS = "type=image,push=true,store=false,oci-mediatypes=true"
_QUIET = {"BUILDX_METADATA_PROVENANCE": "disabled"}


def _same(_target: Target) -> None:
    """Leave a target as it is."""


def _output(text: str) -> Callable[[Target], None]:
    return lambda target: target.update(output=[text])


def _without(key: str) -> Callable[[Target], None]:
    return lambda target: target.update({key: []})


def _cache_to(old: str, new: str) -> Callable[[Target], None]:
    return lambda target: target.update({"cache-to": [text.replace(old, new) for text in target["cache-to"]]})


def _inline(target: Target) -> None:
    target.update({"cache-to": ["type=inline"]})


def _shared_context(target: Target) -> None:
    folder = target["context"]
    target.update(context=".", dockerfile=f"{folder}/Dockerfile.root")


@dataclass(frozen=True)
class Variant:
    """A bake that differs from ours in one choice.

    ``tags`` of an image are pushed; ``parts`` bakes run side by side, 0 for one for each image.
    """

    what: str
    change: Callable[[Target], None] = _same
    environ: Mapping[str, str] = field(default_factory=dict)
    progress: str = "rawjson"
    parts: int = 1
    tags: int = 1


BASE = Variant("as docker-push bakes")
VARIANTS = (
    BASE,
    Variant("every tag pushed by the bake, not the commit tag alone", tags=3),
    Variant(
        "provenance read back for the metadata file (buildx's default)", environ={"BUILDX_METADATA_PROVENANCE": "min"}
    ),
    Variant("kept in the image store too (`store=true`)", _output("type=image,push=true,oci-mediatypes=true")),
    Variant("`type=registry` (buildx's `--push`)", _output("type=registry,oci-mediatypes=true")),
    Variant("no attestation", lambda target: target.update(attest=["type=provenance,disabled=true"])),
    Variant("provenance `mode=max`", lambda target: target.update(attest=["type=provenance,mode=max"])),
    Variant("no cache written", _without("cache-to")),
    Variant("cache written with `mode=min`", _cache_to("mode=max", "mode=min")),
    Variant("cache written inline", _inline),
    Variant("no cache read", _without("cache-from")),
    Variant("neither read nor written", lambda target: target.update({"cache-from": [], "cache-to": []})),
    Variant("`compression=uncompressed`", _output(f"{_OURS},compression=uncompressed")),
    Variant("`compression=zstd`", _output(f"{_OURS},compression=zstd")),
    Variant("`--progress=quiet`", progress="quiet"),
    Variant("one context for all images (the root)", _shared_context),
    Variant("two bakes side by side", parts=2),
    Variant("a bake for each image, side by side", parts=0),
)


def main() -> None:
    """Print a row for each variant: how it stands to what docker-push does, with all images changed, and with none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    registry = os.environ.get("REGISTRY") or sys.exit("REGISTRY is not set")
    with tempfile.TemporaryDirectory(prefix="docker-push-choices-") as folder:
        bench = Bench(Path(folder).resolve(), registry, given.rounds)
        repo = bench.repository("choices", given.images)
        for name in repo.names:
            text = f"FROM busybox:1.37\nCOPY services/{name}/data /data\nRUN uname -m > /machine\n"
            (repo.root / "services" / name / "Dockerfile.root").write_text(text)
        print(f"| choice | {given.images} images changed | the same, unchanged |\n| --- | --- | --- |")
        _round(bench, repo, BASE)
        for variant in VARIANTS:
            pairs = [(_round(bench, repo, BASE), _round(bench, repo, variant)) for _ in range(given.rounds)]
            cells = [_cell([base[kind] for base, _ in pairs], [one[kind] for _, one in pairs]) for kind in (0, 1)]
            print(f"| {variant.what} | {' | '.join(cells)} |", flush=True)


def _round(bench: Bench, repo: Monorepo, variant: Variant) -> tuple[float, float]:
    """Bake images that have all changed, then the same again for a commit that changes none of them."""
    repo.change(repo.count)
    changed = _baked(bench, repo, variant)
    repo.commit()
    return changed, _baked(bench, repo, variant)


def _cell(bases: list[float], found: list[float]) -> str:
    """Return the median, and the median of how each measure stands to the one right before it."""
    ratios = [one / base for one, base in zip(found, bases, strict=True)]
    return f"{statistics.median(found):.2f} s, × {statistics.median(ratios):.2f}"


def _baked(bench: Bench, repo: Monorepo, variant: Variant) -> float:
    """Bake a variant of what docker-push would, and return its seconds."""
    definition = json.loads(repo.bake_file(cache="write").read_text())
    for target in definition["target"].values():
        target.update(output=[_OURS], tags=target["tags"][: variant.tags])
        variant.change(target)
    file = bench.folder / "variant.json"
    file.write_text(json.dumps(definition))
    parts = variant.parts or repo.count
    groups = [repo.names[first::parts] for first in range(parts)]

    def bake(names: list[str]) -> Cost:
        argv: list[str | Path] = ["docker", "buildx", "bake", "--file", file, "--progress", variant.progress]
        argv += ["--metadata-file", bench.folder / f"{names[0]}.json", *names]
        return bench.run(repo.root, *argv, environ={**bench.environ, **_QUIET, **variant.environ})

    with ThreadPoolExecutor(parts) as pool:
        return max(one.seconds for one in pool.map(bake, groups))


if __name__ == "__main__":
    main()
