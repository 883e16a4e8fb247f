"""Each file of tests/ci is a small repository: what ci.check says of it, and what ci.write changes.

REWRITE_GOLDEN=1 writes what is said and changed into them; read the difference before it is committed.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import tomli

from docker_push import ci
from docker_push.ci import scaffold

FOLDER = Path(__file__).parents[1] / "ci"
SECTION = re.compile(r"^=== (.+)\n", re.MULTILINE)
COMMENT = re.compile(r"(?:^|\s)(#.*)")


@dataclass(frozen=True)
class Case:
    path: Path
    sections: dict[str, str]

    @property
    def ours(self) -> dict[str, str]:
        return {name: text for name, text in self.sections.items() if name not in {"findings", "changes"}}

    def rewrite(self, findings: str, changes: str) -> None:
        kept = "".join(f"=== {name}\n{text}" for name, text in self.ours.items())
        self.path.write_bytes(f"{kept}=== findings\n{findings}=== changes\n{changes}".encode())


def case(path: Path) -> Case:
    parts = SECTION.split(path.read_bytes().decode())
    return Case(path, dict(zip(parts[1::2], parts[2::2], strict=True)))


def furnish(one: Case, root: Path) -> None:
    """Make the repository of a case, with the Dockerfiles that its build.toml names."""
    for name, text in one.ours.items():
        path = root / name.removesuffix(" (shipped)")
        path.parent.mkdir(parents=True, exist_ok=True)
        shown = scaffold.shipped(name.removesuffix(" (shipped)")) if name.endswith(" (shipped)") else text
        path.write_bytes(shown.encode())
    images = tomli.loads(one.ours.get("build.toml", "")).get("images", {})
    for image in images.values():
        (root / image.get("dockerfile", "Dockerfile")).parent.mkdir(parents=True, exist_ok=True)
        (root / image.get("dockerfile", "Dockerfile")).touch()


@dataclass(frozen=True)
class World:
    root: Path
    found: ci.Found
    wanted: ci.Wanted

    @property
    def which(self) -> tuple[ci.Ci, ...]:
        return ci.present(self.found.texts)

    def check(self, texts: dict[str, str]) -> ci.Checked:
        return ci.check(texts, self.wanted, self.which, self.found.unread)

    def write(self, texts: dict[str, str]) -> ci.Written:
        (one,) = self.which
        return ci.write(texts, self.wanted, one, self.found.unread)


def world(root: Path) -> World:
    return World(root, ci.find(root), ci.wanted(root / "build.toml", root, "build.toml"))


CASES = sorted(FOLDER.glob("*.txt"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_is_said_and_changed_is_as_written_down(path: Path, tmp_path: Path):
    one = case(path)
    furnish(one, tmp_path)
    there = world(tmp_path)

    findings = "".join(f"{line}\n" for line in ci.lines(there.check(there.found.texts)))
    written = there.write(there.found.texts)
    shown = {name: text for name, text in written.texts.items() if text not in map(scaffold.shipped, scaffold.SHIPPED)}
    whole = "".join(f"+++ {name} (shipped)\n" for name in written.texts if name not in shown)
    changes = ci.difference(there.found.texts, shown) + whole
    if os.environ.get("REWRITE_GOLDEN"):
        one.rewrite(findings, changes)

    assert findings == one.sections["findings"]
    assert changes == one.sections["changes"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_second_write_changes_nothing_and_nothing_is_left_that_it_mends(path: Path, tmp_path: Path):
    furnish(case(path), tmp_path)
    there = world(tmp_path)

    ci.write_files(tmp_path, there.write(there.found.texts).texts)
    again = world(tmp_path)

    assert again.write(again.found.texts).texts == {}
    left = again.check(again.found.texts)
    assert ci.mendable(again.found.texts, again.wanted, left, again.found.unread) == 0


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_line_that_says_something_is_still_there(path: Path, tmp_path: Path):
    furnish(case(path), tmp_path)
    there = world(tmp_path)

    for name, text in there.write(there.found.texts).texts.items():
        before = there.found.texts.get(name, "")
        assert [comment for comment in COMMENT.findall(before) if comment.rstrip() not in text] == []
        kept = [line for line in before.splitlines() if line in text.splitlines()]
        assert len(before.splitlines()) - len(kept) <= 4  # those whose value is put right
