"""The tasks of this machine: logins, its builder, and images in the local engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from docker_push.flags import CHANGED, RUN, SELECT
from docker_push.tasks.command import as_json, command

if TYPE_CHECKING:
    from docker_push.options import Flags
    from docker_push.run import Surroundings


@command("login", "domain", *RUN)
def login(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Log in to the registries, from DOCKER_USER and DOCKER_PASSWORD or by asking."""
    from docker_push import login as account  # noqa: PLC0415
    from docker_push.boundary import ask  # noqa: PLC0415

    account.login(surroundings, flags, ask=ask, dry_run=given["dry_run"])


@command("logout", "domain", *RUN)
def logout(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Forget the registries' credentials in docker's config."""
    from docker_push import login as account  # noqa: PLC0415

    account.logout(surroundings, flags, dry_run=given["dry_run"])


@command("build", *SELECT, CHANGED, "builder", "allow_secret_arg", *RUN)
def build(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Build into the local engine; nothing is pushed."""
    from docker_push import local_build  # noqa: PLC0415
    from docker_push.run import opened  # noqa: PLC0415

    with opened(surroundings, flags, makes_builder=not given["dry_run"]) as run:
        for name in local_build.load(run, dry_run=given["dry_run"]):
            run.surroundings.emit(name)


@command("tag", *SELECT, "tag", "allow_dirty", *RUN)
def tag(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Put the plan's tags on what docker.build left in the local engine."""
    from docker_push import local_build  # noqa: PLC0415
    from docker_push.run import opened  # noqa: PLC0415

    with opened(surroundings, flags) as run:
        for name in local_build.tag(run, dry_run=given["dry_run"]):
            run.surroundings.emit(name)


@command("builder", "action", "json", *RUN)
def builder(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Make (up), show (status) or remove (down) the builder that build.toml describes."""
    from docker_push import described_builder  # noqa: PLC0415
    from docker_push.command_line import one_of  # noqa: PLC0415
    from docker_push.run import opened  # noqa: PLC0415

    one_of("action", given["action"], ("up", "status", "down"))
    with opened(surroundings, flags) as run:
        if given["action"] == "up":
            described_builder.up(run, dry_run=given["dry_run"])
        elif given["action"] == "down":
            described_builder.down(run, dry_run=given["dry_run"])
        else:
            found = described_builder.status(run)
            if found is not None:
                run.surroundings.emit(as_json(found.document(), run) if given["json"] else found.text)
                if found.error:
                    raise found.error
