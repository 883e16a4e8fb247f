"""Secrets where everybody can read them: build arguments that look like one, and what was published. Pure."""

from docker_push.exposure.arguments import refuse_arguments
from docker_push.exposure.documents import scan
from docker_push.exposure.known import KnownSecrets

__all__ = ["KnownSecrets", "refuse_arguments", "scan"]
