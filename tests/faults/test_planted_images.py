"""R31: somebody else's index stands under our commit tag, with our plan's fingerprint: incomplete, or with more in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from image_layout import OCI, Layout
from proxied_scratch import ProxiedScratch
from scratch import platforms

pytestmark = pytest.mark.engine

FINGERPRINT = "io.github.atomicloud.docker-push.plan"
BOTH = {"linux/amd64", "linux/arm64"}


def plant(case: ProxiedScratch, folder: Path, *architectures: str, attested: bool = False) -> str:
    """Push an index by hand under the commit tag, as if this plan had been staged; return its digest."""
    planned = case.tool("plan", "--offline", "--format", "json")
    fingerprint = json.loads(planned.out)["images"][0]["fingerprint"]
    layout = Layout(folder, OCI)
    entries: list[dict[str, Any]] = []
    for architecture in architectures:
        image = layout.image(f"planted for {architecture}", {"os": "linux", "architecture": architecture})
        entries.append({**image, "platform": {"os": "linux", "architecture": architecture}})
        if attested:
            proof = layout.image(f"proof of {image['digest']}", {"os": "unknown", "architecture": "unknown"})
            note = {"vnd.docker.reference.digest": image["digest"], "vnd.docker.reference.type": "attestation-manifest"}
            nowhere = {"os": "unknown", "architecture": "unknown"}
            entries.append({**proof, "platform": nowhere, "annotations": note})
    content = {"schemaVersion": 2, "mediaType": OCI["index"], "manifests": entries}
    text = json.dumps({**content, "annotations": {FINGERPRINT: fingerprint}})
    (folder / "index.json").write_text(text)  # what crane pushes
    case.crane("push", "--index", str(folder), f"{case.path}/api:{case.commit_tag}")
    found: str = case.digest("api", case.commit_tag)
    assert case.manifest("api", case.commit_tag)["annotations"] == {FINGERPRINT: fingerprint}
    return found


@pytest.mark.parametrize("architectures", [("amd64",), ("amd64", "s390x"), ("amd64", "arm64", "s390x")])
def test_r31_an_index_without_exactly_our_platforms_is_built_again(
    case: ProxiedScratch, tmp_path: Path, architectures: tuple[str, ...]
):
    planted = plant(case, tmp_path / "layout", *architectures)

    done = case.push()

    assert done.code == 0, done.err
    state = case.state()
    assert state["commit"] == state["main"] == state["latest"] != planted
    assert platforms(case.manifest("api", "latest")) == BOTH
    case.assert_heals()


def test_r31_an_index_without_exactly_our_platforms_is_not_published_apart_from_its_staging(
    case: ProxiedScratch, tmp_path: Path
):
    planted = plant(case, tmp_path / "layout", "amd64")

    done = case.tool("publish")

    case.assert_fails(done, 8, "image api", "linux/amd64", "linux/arm64", "were asked for|--rebuild|docker.stage")
    assert case.state() == {"commit": planted}


def test_r31_attestations_are_no_platforms(case: ProxiedScratch, tmp_path: Path):
    planted = plant(case, tmp_path / "layout", "amd64", "arm64", attested=True)

    done = case.push()

    assert done.code == 0, done.err
    assert "api: adopt" in done.err
    assert case.state() == {"commit": planted, "main": planted, "latest": planted}
    assert "unknown" not in done.err
