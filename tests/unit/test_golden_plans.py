"""Every captured environment has its plan as a file: what changes in one is seen in review.

``nox -s fresh`` writes them again.
"""

from __future__ import annotations

import json
import os

import pytest

import captured
from docker_push import bake, report
from docker_push.bake import Output
from docker_push.plan import plan


@pytest.mark.parametrize("case", captured.cases())
def test_the_plan_is_what_it_was(case: str):
    found = captured.load(case)
    path = found.folder / "plan.json"
    text = json.dumps(report.plan_json(plan(found.options, found.context)), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("REWRITE_GOLDEN"):
        path.write_text(text, "utf-8")

    assert path.read_text("utf-8") == text


@pytest.mark.parametrize("case", captured.cases())
def test_every_name_in_the_bake_definition_is_the_plan_s(case: str):
    found = captured.load(case)
    made = plan(found.options, found.context)
    names = {f"{one.staged(repository)}" for one in made.published for repository in one.repositories}

    rendered = [bake.render(made, batch, Output.STAGE) for batch in bake.batches(made, 50)]

    tags = {tag for one in rendered for target in one["target"].values() for tag in target.get("tags", ())}  # type: ignore[attr-defined]
    assert names <= tags
