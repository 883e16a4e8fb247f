"""What the checks of a run come to: nothing, or one error that says all that is wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from docker_push.errors import (
    AuthenticationError,
    BuilderError,
    BuildError,
    ConfigError,
    DockerPushError,
    OverwriteError,
    PermissionDeniedError,
    RateLimitError,
    RegistryError,
    VerificationError,
)
from docker_push.preflight.model import Check

# Of several failures the exit code is that of the first class here: by the codes, so that it does not depend on which
# check was faster. A reader mends what the run was told before what the world answered.
_CLASSES: tuple[type[DockerPushError], ...] = (
    ConfigError,
    AuthenticationError,
    PermissionDeniedError,
    RateLimitError,
    RegistryError,
    BuilderError,
    BuildError,
    VerificationError,
    OverwriteError,
    DockerPushError,
)
_HINT = "Nothing was built or pushed: do what the lines above say, then run the same command again."


def refuse(checks: Iterable[Check]) -> None:
    """Raise where any check failed: its own error where it is one, else one error with every finding as a detail."""
    errors = [check.error for check in checks if check.error]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        kind = next(kind for kind in _CLASSES if any(isinstance(error, kind) for error in errors))
        message = f"{len(errors)} checks failed before anything was built"
        raise kind(message, hint=_HINT, details=tuple(line for error in errors for line in _lines(error)))


def set_aside(checks: Sequence[Check], names: Collection[str]) -> dict[str, DockerPushError]:
    """Return, by image, what a run that keeps going does without; raises as ``refuse`` does what stops all of ``names``."""
    own: dict[str, DockerPushError] = {}
    for check in checks:
        if check.error and check.image:
            own.setdefault(check.image, check.error)
    refuse(checks if own.keys() >= set(names) else [check for check in checks if not check.image])
    return own


def _lines(error: DockerPushError) -> Iterator[str]:
    yield str(error)
    yield from (f"  {line}" for line in error.details)
