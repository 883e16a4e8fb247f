"""OCI distribution client: token flow, manifests, tags, and refusals that say what to do.

``Client`` is all that publishing needs; the modules below it are pure but for ``transport``, where requests leave.
"""

from docker_push.registry.client import Client
from docker_push.registry.manifests import Descriptor, Manifest
from docker_push.registry.refusals import Complaint, complaint, refusal
from docker_push.registry.transport import Limits, Request, Response, Send

__all__ = [
    "Client",
    "Complaint",
    "Descriptor",
    "Limits",
    "Manifest",
    "Request",
    "Response",
    "Send",
    "complaint",
    "refusal",
]
