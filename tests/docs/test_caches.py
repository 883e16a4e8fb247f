"""What the page on caches says is what the code does: the step that exports GitHub's token, the table of who writes what."""

from __future__ import annotations

import re
from dataclasses import replace

import yaml

from docker_push.cache_access import URLS, VARIABLE
from docker_push.config import CacheTable
from docker_push.config.cache import OPTIONS
from docker_push.context import Context, Event
from docker_push.facts import Facts
from docker_push.plan import plan
from examples_of import CONTEXT, options
from pages import ROOT, blocks

PAGE = "docs/how-to/caches.md"
TEXT = (ROOT / PAGE).read_text("utf-8")
PULL_REQUEST = replace(CONTEXT, event=Event.PULL_REQUEST, pull_request=12, branch="patch")
RUNS = {
    "branch": replace(CONTEXT, branch="patch"),
    "pull request of": PULL_REQUEST,
    "pull request from": replace(PULL_REQUEST, trusted=False),
    "merge queue": replace(CONTEXT, event=Event.MERGE_QUEUE, branch="queue"),
    "git tag": replace(CONTEXT, event=Event.TAG, tag="v1.2.3", branch=None),
    "ref that": replace(CONTEXT, branch="patch", trusted=False, ci="gitlab"),
    "no credentials": replace(CONTEXT, branch="patch"),
}


def rows(head: str) -> list[list[str]]:
    """Return the cells of the table whose first cell is ``head``."""
    table = re.search(rf"^\| {head} .*\n\|[-|]+\|\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    assert table
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]


def test_every_backend_has_its_row():
    assert [backend.strip("`") for backend, *_ in rows("backend")] == [*OPTIONS]


def test_every_kind_of_run_reads_and_writes_what_its_row_says():
    told = rows("run")
    assert [next(name for name in RUNS if run.startswith(name)) for run, *_ in told] == [*RUNS]

    for (name, context), (_, reads, writes) in zip(RUNS.items(), told, strict=True):
        read, written = _caches(context, "nobody has given it credentials" if name.startswith("no ") else None)
        assert ("then the default branch's" in reads or "as above" in reads) == (len(read) == 2), name
        assert writes.startswith("nothing") == (written == ()), name


def _caches(context: Context, build_only: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    (image,) = plan(options(cache=CacheTable()), context, Facts(build_only=build_only)).images
    return image.cache_from, image.cache_to


def test_the_step_hides_the_token_and_exports_what_a_run_looks_for():
    (block,) = [block for block in blocks("yaml") if block.page == PAGE]
    (step,) = yaml.safe_load(block.text)["jobs"]["images"]["steps"]
    script = step["with"]["script"]

    assert re.fullmatch(r"actions/github-script@[0-9a-f]{40}", step["uses"])
    assert "head.repo.full_name == github.repository" in step["if"]
    assert {VARIABLE, URLS[0]} <= set(re.findall(r"'(\w+)'", script))
    assert script.index(f"core.setSecret(process.env.{VARIABLE})") < script.index("core.exportVariable")
