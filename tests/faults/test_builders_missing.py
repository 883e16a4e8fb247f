"""R36: what cannot build is said before a request writes anything; each way to be missing: tests/integration/test_builders.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxied_scratch import ProxiedScratch
from wrapped_docker import REAL, wrapped

pytestmark = pytest.mark.engine


def without_buildx(folder: Path) -> dict[str, str]:
    return {"PATH": wrapped(folder, {'"buildx "*': f'shift; exec {REAL} no-such-plugin "$@"'})}


def without_builder(_folder: Path) -> dict[str, str]:
    return {"BUILDX_BUILDER": "nobody"}


@pytest.mark.parametrize(
    ("variables", "words"),
    [(without_buildx, ("buildx", "Install Docker with buildx")), (without_builder, ("nobody", "Known builders: "))],
    ids=["no-buildx", "no-builder"],
)
def test_r36_what_cannot_build_is_said_before_any_work(case: ProxiedScratch, variables, words: tuple[str, ...]):
    given = variables(case.folder / "bin")

    done = case.push(**{**given, "PATH": f"{given['PATH']}:{case.environ['PATH']}"} if "PATH" in given else given)

    assert done.code == 7, done.err
    assert [word for word in words if word not in done.last] == []
    assert "Building" not in done.err
    assert case.proxy.requests("PUT|PATCH") == []
    case.assert_heals(built=True)
