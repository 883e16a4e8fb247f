"""Where a registry's credentials are looked for, in docker's own order after the variables that the run names."""

from __future__ import annotations

from collections.abc import Mapping

from docker_push.credentials import credential_helper
from docker_push.credentials.account import Credentials, from_environment
from docker_push.credentials.docker_config import DockerConfig, from_variable
from docker_push.process import Runner
from docker_push.references import Registry


def find(
    registry: Registry,
    *,
    environ: Mapping[str, str],
    username_env: str | None,
    password_env: str | None,
    runner: Runner,
) -> Credentials | None:
    """Return the credentials for ``registry``, or ``None`` where there are none.

    The order: the two variables, DOCKER_AUTH_CONFIG, then docker's config.json: the helper in credHelpers, the one in
    credsStore, the login in auths; a helper that serves a registry has the last word on it. Raises AuthenticationError
    for what is there and cannot be used, ConfigError for a config.json that cannot be read.
    """
    found = from_environment(environ, username_env, password_env) or from_variable(environ, registry)
    if found:
        return found
    config = DockerConfig.read(environ, runner.folder)
    helper = config.helper(registry)
    return credential_helper.ask(helper, registry, runner) if helper else config.credentials(registry)
