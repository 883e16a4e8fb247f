"""The only door to other programs: argv lists, no shell, bounded waits, no orphan, no secret in what is shown."""

from docker_push.process.children import Children
from docker_push.process.limits import RAISE, is_exhausted
from docker_push.process.redaction import Redactor, one_line
from docker_push.process.runner import Completed, Runner

__all__ = ["RAISE", "Children", "Completed", "Redactor", "Runner", "is_exhausted", "one_line"]
