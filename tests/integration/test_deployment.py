"""A job that deploys what the reusable workflow has published, as the page has it, run by act; crane sees the same digest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pages import blocks
from scratch import Scratch
from workflow_runner import act, artifacts, clone, in_front, pushed

__all__ = ["clone"]
pytestmark = [pytest.mark.engine, pytest.mark.act]

(PAGE,) = (block.text for block in blocks("yaml") if "needs.docker-api.outputs" in block.text)
PLAIN, SPLIT = "⚡reusable-docker.yaml", "⚡reusable-docker-split.yaml"
TOLD = 'printf "%s\\n" "$@" > "{told}"\n'


@pytest.mark.parametrize("workflow", [PLAIN, SPLIT])
def test_the_page_s_job_deploys_the_digest_that_was_published(clone: Scratch, tmp_path: Path, workflow: str):
    clone.write({".github/workflows/deploy.yml": PAGE.replace(PLAIN, workflow)})
    clone.commit_all()
    in_front(clone, "kubectl", TOLD.replace("{told}", str(tmp_path / "told")))

    done = act(clone, "push", "deploy.yml", pushed(clone, "refs/heads/main"))

    assert done.code == 0, done.out + done.err
    digest = clone.digest("api", "latest")
    deployed = (tmp_path / "told").read_text().splitlines()
    assert deployed == ["set", "image", "deployment/api", f"api={clone.path}/api:{clone.commit}-main@{digest}"]
    kept = json.loads((artifacts(clone) / "docker-push-api/docker-push.json").read_text())
    assert kept["images"]["api"]["digest"] == digest
