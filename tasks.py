"""This repository's tasks: composition only."""

from invoke.collection import Collection

from docker_push.tasks import docker

namespace = Collection(docker)
