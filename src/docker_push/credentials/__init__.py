"""Credentials of a registry: found in the environment, docker's configuration or a helper, and handed to docker."""

from docker_push.credentials.account import Credentials, from_environment
from docker_push.credentials.accounts import Accounts
from docker_push.credentials.docker_config import DockerConfig, docker_folder
from docker_push.credentials.logins import anonymous, isolated, login, logout
from docker_push.credentials.search import find

__all__ = [
    "Accounts",
    "Credentials",
    "DockerConfig",
    "anonymous",
    "docker_folder",
    "find",
    "from_environment",
    "isolated",
    "login",
    "logout",
]
