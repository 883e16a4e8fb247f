from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from docker_push.cache_access import lacking
from docker_push.config import CacheTable

GHA = CacheTable(backend="gha")
NOW = 1_700_000_000.0


def token(**changes: object) -> str:
    """Return what has the shape of GitHub's token; nobody signed it."""
    claims = {"ac": "[]", "nbf": NOW - 60, "exp": NOW + 60, **changes}
    body = {name: value for name, value in claims.items() if value is not None}
    return ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b"{}", json.dumps(body).encode(), b"x")
    )


def github(environ: dict[str, str]) -> str:
    return lacking(GHA, environ, Path("/"), NOW)


@pytest.mark.parametrize("url", ["ACTIONS_RESULTS_URL", "ACTIONS_CACHE_URL"])
def test_a_step_with_token_and_address_lacks_nothing(url: str):
    assert github({"ACTIONS_RUNTIME_TOKEN": token(), url: "https://example.com/"}) == ""


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "ACTIONS_RUNTIME_TOKEN and ACTIONS_RESULTS_URL are not set; a step before has to export it"),
        ({"ACTIONS_RUNTIME_TOKEN": token()}, "ACTIONS_RESULTS_URL is not set; a step before has to"),
        ({"ACTIONS_RESULTS_URL": "https://example.com/"}, "ACTIONS_RUNTIME_TOKEN is not set; a step before has to"),
    ],
)
def test_what_is_missing_is_named_with_what_to_do(environ: dict[str, str], said: str):
    assert github(environ).startswith(said)
    assert "docs/how-to/caches.md" in github(environ)


@pytest.mark.parametrize("text", ["x", "a.b.c", "a.W10.c", "....", token(ac=None), token(exp=None), token(nbf=None)])
def test_a_token_that_would_fail_the_build_is_seen_before_and_not_shown(text: str):
    said = github({"ACTIONS_RUNTIME_TOKEN": text, "ACTIONS_RESULTS_URL": "https://example.com/"})

    assert said.startswith("ACTIONS_RUNTIME_TOKEN is not a token of GitHub's cache")


def test_a_token_that_has_expired_is_none():
    environ = {"ACTIONS_RUNTIME_TOKEN": token(exp=NOW - 1), "ACTIONS_RESULTS_URL": "https://example.com/"}

    assert github(environ) == "ACTIONS_RUNTIME_TOKEN has expired"


def test_a_folder_that_is_not_there_yet_can_be_made(tmp_path: Path):
    assert lacking(CacheTable(backend="local", path="a/b"), {}, tmp_path, NOW) == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["file", "file/below", "dangling"])
def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, path: str):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")

    assert "is not a folder" in lacking(CacheTable(backend="local", path=path), {}, tmp_path, NOW)


@pytest.mark.parametrize("table", [CacheTable(), CacheTable(backend="none"), CacheTable(backend="s3")])
def test_the_others_are_looked_at_by_nobody_before_the_build(table: CacheTable):
    assert lacking(table, {}, Path("/"), NOW) == ""
