"""What one runner staged of a run, as a file: one platform of some images, for ``docker.merge`` to put together.

``file`` is the file as a value, read without trust; ``matching`` holds the files of all runners against the plan;
``place`` says where they may be.
"""

from docker_push.parts.file import Part, PartImage, load, parse
from docker_push.parts.matching import Matched, match
from docker_push.parts.place import refuse_in_context

__all__ = ["Matched", "Part", "PartImage", "load", "match", "parse", "refuse_in_context"]
