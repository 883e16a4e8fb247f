from __future__ import annotations

import re

from pages import ROOT

DECISIONS = sorted((ROOT / "docs/adr").glob("*.md"))
SECTIONS = ["Context", "Decision", "Consequences"]


def test_decisions_are_numbered_one_after_the_other():
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_a_decision_s_title_has_its_number_and_is_followed_by_its_status():
    starts = [(page.name, re.match(r"# (\d+)\. .+\n\nStatus: \w+", page.read_text("utf-8"))) for page in DECISIONS]

    assert [name for name, start in starts if start is None or int(start[1]) != int(name[:4])] == []


def test_a_decision_has_its_sections():
    found = {page.name: re.findall(r"^## (.+)$", page.read_text("utf-8"), re.MULTILINE) for page in DECISIONS}

    assert {name: sections for name, sections in found.items() if sections != SECTIONS} == {}


def test_the_modules_that_contributing_names_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = re.findall(r"(?<![/\w])`(\w+\.py)`", text)

    assert [name for name in named if not (ROOT / "src/docker_push" / name).is_file()] == []
