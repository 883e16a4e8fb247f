"""The reference pages say what the code says."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import tomli

from docker_push import schema
from docker_push.ci import scaffold
from docker_push.options import declarations
from pages import ROOT

VARIABLE = re.compile(
    r"(?:CI|GITHUB|GITLAB|DOCKER|BUILDX|ATOMI|RUNNER)_?[A-Z_]*|DOMAIN|LATEST_BRANCH|SOURCE_DATE_EPOCH|CI"
    r"|[A-Z]+_PROXY|XDG_CONFIG_HOME|(?:ACTIONS|AWS)_[A-Z_]+"
)
ELSEWHERE = {
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "ACTIONS_CACHE_SERVICE_V2",
    "AWS_ACCESS_KEY_ID",
}  # OpenSSL and buildx read them


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_page_is_stale(generate: ModuleType):
    stale = [name for name, text in generate.pages().items() if (generate.REFERENCE / name).read_text("utf-8") != text]

    assert stale == [], "run: nox -s fresh"


def test_the_shipped_schema_is_fresh():
    assert (ROOT / "src/docker_push" / schema.FILE).read_text("utf-8") == schema.text(), "run: nox -s fresh"


@pytest.mark.parametrize(("path", "name"), scaffold.COPIES.items())
def test_the_shipped_files_of_the_pattern_are_this_repository_s(path: str, name: str):
    assert (scaffold.FOLDER / name).read_bytes() == (ROOT / path).read_bytes(), "run: nox -s fresh"


def test_the_script_for_ci_installs_the_version_that_it_came_with():
    version = tomli.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]

    assert f"${{DOCKER_PUSH_VERSION:-{version}}}" in (ROOT / "scripts/ci/docker.sh").read_text("utf-8")


def test_every_variable_that_the_code_reads_is_described(generate: ModuleType):
    read = {
        node.value
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.fullmatch(node.value)
    }
    described = {name for names in generate.FACTS.values() for name in names}
    described |= {declaration.variable for declaration in declarations() if declaration.variable}

    assert read - described == set()
    assert described - read == ELSEWHERE


def test_no_page_names_a_path_of_a_machine():
    for page in (ROOT / "docs").rglob("*.md"):
        assert str(Path.home()) not in page.read_text("utf-8")
