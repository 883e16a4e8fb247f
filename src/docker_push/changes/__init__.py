"""Which images a change can affect: those whose inputs differ between a commit and the work tree."""

from docker_push.changes.affected import affected
from docker_push.changes.difference import Difference, compare, content
from docker_push.changes.earlier import images
from docker_push.changes.narrowed import narrowed

__all__ = ["Difference", "affected", "compare", "content", "images", "narrowed"]
