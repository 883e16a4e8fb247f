from __future__ import annotations

import re

import tomli

from pages import ROOT

FRAGMENT = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\.(?P<kind>[a-z]+)\.md")


def test_every_fragment_is_named_as_towncrier_reads_it():
    settings = tomli.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["towncrier"]
    kinds = {kind["directory"] for kind in settings["type"]}
    names = [path.name for path in (ROOT / "changelog.d").iterdir() if path.name != "README.md"]

    matches = [(name, FRAGMENT.fullmatch(name)) for name in names]
    assert [name for name, match in matches if match is None or match["kind"] not in kinds] == []


def test_the_kinds_are_those_that_the_page_explains():
    settings = tomli.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["towncrier"]
    page = (ROOT / "changelog.d/README.md").read_text("utf-8")

    assert [kind["directory"] for kind in settings["type"]] == re.findall(r"^\| `(\w+)`", page, re.MULTILINE)
