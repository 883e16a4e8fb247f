"""Where the engine is asked: by its socket where that is on this machine, else by docker's command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from docker_push import preflight
from docker_push.options import Flags
from docker_push.run import opened
from recorded_world import RecordedWorld

INFO = {"ServerVersion": "27.0"}


class Listening(RecordedWorld):
    """A world whose engine answers at some sockets."""

    sockets: dict[str, dict[str, object]]

    def runner(self, **given):
        made = super().runner(**given)
        object.__setattr__(made, "ask_engine", lambda path: self.sockets.get(str(path), {}))
        return made


@pytest.mark.parametrize(
    ("environ", "config", "started"),
    [
        ({"DOCKER_HOST": "unix:///there.sock"}, "{}", []),
        ({}, "{}", []),
        ({}, '{"currentContext": "default"}', []),
        ({"DOCKER_CONTEXT": "default"}, '{"currentContext": "far"}', []),
        ({"DOCKER_CONTEXT": "far"}, "{}", ["context", "info"]),
        ({}, '{"currentContext": "far"}', ["context", "info"]),
        ({"DOCKER_TLS_VERIFY": "1"}, "{}", ["context", "info"]),
        ({"DOCKER_HOST": "tcp://far:2376"}, "{}", ["info"]),
        ({"DOCKER_HOST": "unix:///gone.sock"}, "{}", ["info"]),
    ],
)
def test_docker_is_started_only_for_an_engine_that_is_elsewhere(
    tmp_path: Path, environ: dict[str, str], config: str, started: list[str]
):
    world = Listening(tmp_path).write()
    world.sockets = {"/there.sock": INFO, "/var/run/docker.sock": INFO}
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(config)
    world.environ |= {"HOME": str(tmp_path), **environ}

    with opened(world.surroundings(), Flags()) as run:
        world.calls.clear()
        found = preflight.engine.observe(run.runner)

    assert [argv[1] for argv, _ in world.calls] == started
    assert found.version == ("27.0" if not started else "28.5.2")
