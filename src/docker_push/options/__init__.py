"""Every option of a run, resolved by one rule, and where its value came from.

Precedence: command line > environment (the seed's variables) > [images.NAME] > [defaults] or the file's other tables >
built-in; ``declarations`` tells for each option where it may be said, and the few whose file wins over the environment.
An empty variable is an unset one.
"""

from __future__ import annotations

from docker_push.options.declarations import Declaration, declarations
from docker_push.options.files import check_files
from docker_push.options.model import (
    Flags,
    ImageOptions,
    Options,
    RegistryOptions,
    Setting,
    Source,
)
from docker_push.options.resolution import resolve, resolve_registries

__all__ = [
    "Declaration",
    "Flags",
    "ImageOptions",
    "Options",
    "RegistryOptions",
    "Setting",
    "Source",
    "check_files",
    "declarations",
    "resolve",
    "resolve_registries",
]
