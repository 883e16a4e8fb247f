"""The tasks: ``invoke docker.push --image api``. Parse, one call, report; nothing else happens here.

Everything of weight is imported inside the tasks, so that ``invoke --list`` stays as fast as with an empty tasks.py. A
flag is declared once, in ``FLAGS``; Invoke reads a task's flags from its signature, so the signature is made from the
declarations.
"""

from __future__ import annotations

from invoke.collection import Collection

from docker_push.flags import FLAGS
from docker_push.tasks import ci_files, local, look, publishing

__all__ = ["FLAGS", "ci", "docker", "namespace"]

TASKS = (
    *(look.list_images, look.show_plan, look.show_matrix, look.doctor),
    *(local.login, local.logout, local.builder, local.build, local.tag),
    *(publishing.stage, publishing.merge, publishing.publish, publishing.push, look.verify),
)
docker = Collection("docker", *TASKS)
ci = Collection("ci", ci_files.check, ci_files.write)
namespace = Collection(docker, ci)


def tasks_by_name() -> Collection:
    """Return the tasks as the console script has them: ``docker-push push``, and ``docker-push ci.check``."""
    return Collection(*TASKS, ci)
