"""This repository's tasks: composition only."""

from invoke.collection import Collection

from docker_push.tasks import ci, docker

namespace = Collection(docker, ci)
