"""R35: a builder that says what it likes: only the registry decides, memory is bounded, and nothing it says does harm."""

from __future__ import annotations

import base64
import json
import os

import pytest

from fake_docker import claims, with_bake
from proxied_scratch import ProxiedScratch
from started_run import started

pytestmark = pytest.mark.engine

WHEN = "2026-01-01T00:00:00Z"
HOSTILE = (
    "\x1b[2J\x1b]0;title\x07",
    "::error::not an error of ours",
    "::stop-commands::x",
    "##[set-output name=a]b",
    "docker-push: done",
    "a\rb\x08\x9b31m\u202e",
)


def event(**vertex: object) -> str:
    return json.dumps({"vertexes": [{"digest": "d", **vertex}]})


def path(case: ProxiedScratch, script: str) -> str:
    return f"{with_bake(case.folder / 'bin', script)}{os.pathsep}{case.environ['PATH']}"


def assert_harmless(text: str) -> None:
    """No control character but line ends and tabs, and no line that GitHub's runner takes for a command."""
    assert [character for character in text if not (character.isprintable() or character in "\n\t")] == []
    assert [line for line in text.splitlines() if line.lstrip().startswith("::") or "##[" in line] == []


def test_r35_a_claim_that_it_was_pushed_moves_no_tag(case: ProxiedScratch):
    lie = event(name="[api] exporting to image", completed=WHEN)

    done = case.push(PATH=path(case, f"echo '{lie}' >&2\necho pushed: success >&2\n{claims()}"))

    assert done.code in {6, 8}, done.err
    case.assert_fails(done, done.code, "sha256:aaaa|api:", "run the same command again")
    assert case.state() == {}
    case.assert_heals(built=True)


def test_r35_a_claim_without_a_digest_moves_no_tag(case: ProxiedScratch):
    done = case.push(PATH=path(case, "echo everything is fine >&2\n"))

    assert done.code in {6, 7, 8}, done.err
    assert case.state() == {}
    case.assert_heals(built=True)


@pytest.mark.parametrize("status", [0, 1])
def test_r35_hostile_words_are_shown_as_words(case: ProxiedScratch, status: int):
    said = case.folder / "said"
    lines = [
        *HOSTILE,
        *(event(name=text, completed=WHEN, error=text) for text in HOSTILE),
        json.dumps({"logs": [{"vertex": "d", "data": base64.b64encode("\n".join(HOSTILE).encode()).decode()}]}),
    ]
    said.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass") + b"\n\xff\xfe\x00\x80 no text\n")

    done = case.push(PATH=path(case, f"cat '{said}' >&2\n{claims()}exit {status}\n"))

    assert done.code in {6, 7, 8}, done.err
    assert_harmless(done.out + done.err)
    assert len([line for line in done.err.splitlines() if line.startswith("docker-push: ")]) == 1
    assert case.state() == {}


@pytest.mark.parametrize(
    "flood",
    [
        "head -c 100000000 /dev/zero | tr '\\0' x",
        "yes 'a line of a log that nobody can read' | head -c 100000000",
        f"yes '{event(name='[api] RUN make')}' | head -c 30000000",
    ],
    ids=["one-line", "lines", "events"],
)
def test_r35_a_flood_of_words_takes_no_memory(case: ProxiedScratch, flood: str):
    with started(case, "push", PATH=path(case, f"{flood} >&2\nexit 1\n")) as run:
        done = run.end()

    assert done.code == 7, done.err[-2000:]
    assert len(done.err) < 100_000
    assert run.peak < 400 << 10, f"{run.peak} KiB"
    assert case.state() == {}
