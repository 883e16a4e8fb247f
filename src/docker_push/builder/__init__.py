"""BuildKit through ``docker buildx``: a builder and what it can do, one bake run to its end, and builders that are made.

``buildx`` runs bakes; ``listing`` reads what buildx says of its builders; ``description`` is a builder as build.toml describes
it, ``making`` makes and removes it, ``state`` tells how it stands, and ``watch`` whether its nodes still answer.
"""

from __future__ import annotations

from docker_push.builder.buildx import Baked, Builder, FailedStep
from docker_push.builder.description import Description, describe
from docker_push.builder.listing import INSTALL, NO_BUILDX

__all__ = ["INSTALL", "NO_BUILDX", "Baked", "Builder", "Description", "FailedStep", "describe"]
