"""Whose end ends a run."""

from __future__ import annotations

import pytest

from docker_push.boundary.signals import watched_parent


@pytest.mark.parametrize(
    ("environ", "parent", "watched"),
    [
        ({"CI": "true"}, 4711, 4711),
        ({"CI": "1"}, 4711, 4711),
        ({"CI": "woodpecker"}, 4711, 4711),
        ({}, 4711, None),
        ({"CI": ""}, 4711, None),
        ({"CI": "false"}, 4711, None),
        ({"CI": "true"}, 1, None),  # init started us: nobody stands between
        ({"CI": "true"}, 0, None),  # we are the first process of a container
    ],
)
def test_the_parent_is_watched_in_ci_alone(environ: dict[str, str], parent: int, watched: int | None):
    assert watched_parent(environ, parent) == watched
