"""OCI distribution client: token flow, manifests, tags, and refusals that say what to do.

``Client`` is all that publishing needs; the modules below it are pure but for ``transport``, where requests leave.
"""

from docker_push.registry.client import Client
from docker_push.registry.complaints import Complaint, complaint
from docker_push.registry.manifests import Descriptor, Manifest
from docker_push.registry.refusals import refusal
from docker_push.registry.retry import Waiting
from docker_push.registry.transport import Limits, Network, Request, Response, Send

__all__ = [
    "Client",
    "Complaint",
    "Descriptor",
    "Limits",
    "Manifest",
    "Network",
    "Request",
    "Response",
    "Send",
    "Waiting",
    "complaint",
    "refusal",
]
