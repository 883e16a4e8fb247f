"""What an image is built from on this machine, as BuildKit would see it, and a digest of it."""

from docker_push.inputs.contexts import Contexts, Local, ignore_files
from docker_push.inputs.ignore import Rules, read

__all__ = ["Contexts", "Local", "Rules", "ignore_files", "read"]
