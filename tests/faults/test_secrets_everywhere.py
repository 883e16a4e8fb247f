"""R34: marked secrets, of the registry and of the build, looked for in all that a run shows, starts, leaves and pushes."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import secret_watch
from fault_proxy import fault_proxy
from proxied_scratch import ProxiedScratch, build_toml, proxied
from registry_process import registry_process

pytestmark = pytest.mark.engine

BY_VARIABLE, BY_FILE = "mark-of-the-variable-0d9f", "mark-of-the-file-77aa"
SECRETS = (BY_VARIABLE, BY_FILE)
IMAGE = """[images.api]
platforms = ["linux/amd64"]
attest = ["type=provenance,mode=max", "type=sbom,disabled=true"]
secret = [{ id = "variable", env = "BUILD_TOKEN" }, { id = "file", src = "token.txt" }]
"""
USES_THEM = (
    "FROM busybox:1.37\n"
    "RUN --mount=type=secret,id=variable --mount=type=secret,id=file"
    " cat /run/secrets/variable /run/secrets/file | wc -c > /count\n"
)


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    folder = tmp_path / "registry"
    folder.mkdir()
    return folder


@pytest.fixture
def marked(engine: dict[str, str], storage: Path, tmp_path: Path) -> Iterator[ProxiedScratch]:  # noqa: ARG001
    """Give a repository whose build uses two secrets, and a registry whose files can be looked at."""
    with registry_process(storage) as address, fault_proxy(address) as proxy:
        case = proxied(tmp_path / "case", address, proxy, "mark-of-the-registry-31c2")
        case.write(
            {
                "Dockerfile": USES_THEM,
                "build.toml": build_toml(images=IMAGE),
                ".gitignore": "token.txt\n",
                ".dockerignore": "token.txt\n",
            }
        )
        case.commit_all()
        case.write({"token.txt": BY_FILE})
        case.environ["BUILD_TOKEN"] = BY_VARIABLE
        yield case


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path) -> None:
    (tmp_path / "case").mkdir(exist_ok=True)


def unpacked(path: Path) -> bytes:
    """Return a file's bytes as they are, and as they are without gzip."""
    data = path.read_bytes()
    try:
        return data + gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return data


def stored(storage: Path, secrets: tuple[str, ...]) -> list[Path]:
    """Return the registry's files that hold a secret."""
    wanted = [secret.encode() for secret in secrets]
    files = [path for path in storage.rglob("*") if path.is_file()]
    assert any("blobs" in path.parts for path in files)
    return [path for path in files if any(form in unpacked(path) for form in wanted)]


@pytest.mark.parametrize("flags", [(), ("--debug",)], ids=["quiet", "debug"])
def test_r34_secrets_are_used_and_left_nowhere(marked: ProxiedScratch, storage: Path, flags: tuple[str, ...]):
    with secret_watch.command_lines() as seen:
        done = marked.push("--report", "../report.json", *flags)

    assert done.code == 0, done.err
    assert [secret for secret in SECRETS if secret in done.out + done.err] == []
    assert [line for line in seen if any(secret in line for secret in SECRETS)] == []
    left = secret_watch.files_with(SECRETS, marked.folder)
    assert left == [marked.root / "token.txt"]
    assert stored(storage, (*SECRETS, *marked.secrets)) == []
    counted = marked.run("sh", "-c", 'crane export "$1" - | tar -xO count', "-", f"{marked.path}/api:main")
    assert counted.out.strip() == str(len(BY_VARIABLE) + len(BY_FILE))
    index = marked.manifest("api", "main")
    attested = [entry for entry in index["manifests"] if entry["platform"]["os"] == "unknown"]
    assert attested, "the provenance was to be looked at, too"
    assert json.loads((marked.folder / "report.json").read_text())["images"][0]["digest"]


BAKED = {
    "label": "LABEL leak={}",
    "environment": "ENV LEAK={}",
    "history": "RUN echo {} > /dev/null",
}


@pytest.mark.parametrize("kind", BAKED)
def test_r34_a_secret_that_a_dockerfile_bakes_in_is_found_before_a_tag_moves(marked: ProxiedScratch, kind: str):
    marked.write({"Dockerfile": f"FROM busybox:1.37\n{BAKED[kind].format(BY_VARIABLE)}\n"})
    marked.commit_all()

    done = marked.push()

    assert done.code in {2, 8}, done.err
    assert "BUILD_TOKEN" in done.last or "secret" in done.last
    assert "api" in done.last
    assert BY_VARIABLE not in done.out + done.err
    assert not {"main", "latest"} & marked.tags("api")
    marked.write({"Dockerfile": USES_THEM})
    marked.commit_all()
    assert marked.push().code == 0
