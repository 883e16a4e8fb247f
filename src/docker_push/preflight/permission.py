"""Whether a run may push at all: a stranger's change never, and nobody without credentials.

Such a run builds and is green, since that is all it can do; one that has to publish fails instead, before it builds.
"""

from __future__ import annotations

from docker_push.errors import AuthenticationError, DockerPushError, PermissionDeniedError
from docker_push.plan import Plan
from docker_push.preflight.model import Area, Check, failed, good, warning
from docker_push.references import Registry
from docker_push.run import Run
from docker_push.tagging import FORK


def permission(run: Run, plan: Plan, *, publishing: bool = False) -> str | None:
    """Return why the run may not push, ``None`` where it may.

    Raises PermissionDeniedError (a fork) or AuthenticationError (no credentials) where the run has to publish:
    with ``--require-push``, and where it was given a version, since a release that publishes nothing must not be green.
    ``publishing`` is a run that does nothing else: without credentials it fails too, and for a fork there is nothing to do.
    """
    error = denial(run, plan)
    if error is None:
        return None
    if must_push(run, plan) or (publishing and not plan.context.is_fork):
        raise error
    return error.message


def denial(run: Run, plan: Plan) -> DockerPushError | None:
    """Return the error that says why the run may not push, ``None`` where it may."""
    if plan.context.is_fork:
        hint = "Push from a branch of the repository itself: what a stranger proposes gets no credentials."
        return PermissionDeniedError(FORK, hint=hint)
    registry = next((one for one in run.clients if lacks_credentials(run, one)), None)
    return None if registry is None else missing(run, registry)


def lacks_credentials(run: Run, registry: Registry) -> bool:
    """Tell whether there are no credentials for a registry that asks everybody for some: any but one on this machine."""
    return run.accounts[registry] is None and not registry.is_loopback


def missing(run: Run, registry: Registry) -> AuthenticationError:
    """Return the error of a registry without credentials, naming the variables that are looked at."""
    entry = next(entry for entry in run.options.registries if entry.registry.value == registry)
    names = f"{entry.username_env} and {entry.password_env}" if entry.password_env else "username-env and password-env"
    hint = f"Set {names}, or run `docker login {registry}`."
    return AuthenticationError(f"there are no credentials for {registry}", hint=hint)


def must_push(run: Run, plan: Plan) -> bool:
    """Tell whether a run that may not push fails: it was asked to, or it is a release."""
    return run.options.require_push or plan.version is not None


def trust(run: Run, plan: Plan) -> Check:
    """Check that the run is trusted to publish: a stranger's change is not, and a release must not come from one."""
    context = plan.context
    what = f"{', '.join(dict.fromkeys((context.event.value, context.ci)))}, {context.repository}"
    if not context.is_fork:
        return good(
            Area.CONFIGURATION,
            "trust",
            what if context.trusted else f"{what}; the ref is not protected: caches are only read",
        )
    error = denial(run, plan)
    if error and must_push(run, plan):
        return failed(Area.CONFIGURATION, "trust", error)
    return warning(Area.CONFIGURATION, "trust", f"{FORK} ({what})", "A branch of the repository itself is pushed.")
