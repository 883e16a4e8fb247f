"""The local engine through the docker SDK: tags of local images. Never the build or push path.

The SDK has no BuildKit, its ``push()`` reports errors as text of a successful call and its ``login()`` is invisible to
buildx (docker-py issues #2230, #3277, #2719), so that it serves for what it is good at: the engine's own API.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from docker_push.errors import BuilderError
from docker_push.references import Reference

if TYPE_CHECKING:
    from docker import DockerClient


class Engine:
    """The engine that ``environ`` (DOCKER_HOST) or else docker's current context names."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._client = _connected(environ)

    def tag(self, source: Reference, names: Sequence[Reference]) -> list[str]:
        """Put ``names`` on the local image ``source``, all platforms of it; return them as text.

        Raises BuilderError where the image was not built here, or the engine refuses.
        """
        from docker.errors import DockerException, ImageNotFound  # noqa: PLC0415 - heavy, and only tagging needs it

        try:
            image = self._client.images.get(str(source))
            for name in names:
                image.tag(str(name.repository), str(name.tag))
        except ImageNotFound:
            hint = "Run docker.build first: it puts the image there."
            raise BuilderError(f"the local engine has no image {source}", hint=hint) from None
        except DockerException as error:
            raise BuilderError(f"the local engine cannot tag {source}: {error}", hint="Is Docker running?") from None
        return [str(name) for name in names]


def _connected(environ: Mapping[str, str]) -> DockerClient:
    from docker import DockerClient  # noqa: PLC0415
    from docker.context import ContextAPI  # noqa: PLC0415
    from docker.errors import DockerException  # noqa: PLC0415

    try:
        if environ.get("DOCKER_HOST"):
            return DockerClient.from_env(environment=dict(environ))
        return DockerClient(base_url=ContextAPI.get_current_context().Host)
    except DockerException as error:
        hint = "Start Docker, or set DOCKER_HOST to an engine that runs."
        raise BuilderError(f"no Docker engine answers: {error}", hint=hint) from None
