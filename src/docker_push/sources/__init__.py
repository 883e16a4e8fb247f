"""What a build was made from: every base image with its digest, and what cannot be told, read from BuildKit's events.

Pure: events go in, values come out. What does not look like what it should is a source that moves: an image is then built
again, which costs time, and never taken for unchanged, which would be wrong.
"""

from docker_push.sources.collector import Collector, Sources
from docker_push.sources.names import normalised

__all__ = ["Collector", "Sources", "normalised"]
