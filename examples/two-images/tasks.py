"""The tasks of this repository: docker.push and its kin."""

from invoke import Collection

from docker_push.tasks import docker

namespace = Collection(docker)
