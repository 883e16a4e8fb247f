"""The publish protocol: stage, verify, then move tags. What it promises is in docs/explanation/guarantees.md.

No registry offers an atomic push of several tags, so the order is what keeps a run whole: everything is pushed under
commit tags alone and read back; only when every image of the run is verified on every registry do other tags move,
``latest`` last. The registry is the journal: a commit tag with our fingerprint is work that need not be done again.
"""

from docker_push.publish.joining import assembled, noted, put, read_parts
from docker_push.publish.ledger import Ledger, commit_tags, unanswered
from docker_push.publish.movement import move
from docker_push.publish.observed import observe
from docker_push.publish.outcomes import State, TagOutcome
from docker_push.publish.rules import Rules
from docker_push.publish.sealing import adopt, seal
from docker_push.publish.staged import Clients, Content, Staged, find_staged, settle, verify

__all__ = [
    "Clients",
    "Content",
    "Ledger",
    "Rules",
    "Staged",
    "State",
    "TagOutcome",
    "adopt",
    "assembled",
    "commit_tags",
    "find_staged",
    "move",
    "noted",
    "observe",
    "put",
    "read_parts",
    "seal",
    "settle",
    "unanswered",
    "verify",
]
