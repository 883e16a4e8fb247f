"""What one source says of a run, before precedence puts the sources together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Event(str, Enum):
    """Why the run happens."""

    PUSH = "push"
    TAG = "tag"
    PULL_REQUEST = "pull-request"
    MERGE_QUEUE = "merge-queue"
    MANUAL = "manual"
    LOCAL = "local"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one source says; ``None`` where it says nothing.

    ``commit`` names the image, ``checked_out`` is what the CI put into the work tree where that is another one (a pull
    request's merge). ``settled``: commit and branch come from the event itself, so that what a workflow handed over from
    GITHUB_SHA and GITHUB_REF speaks of something else.
    """

    ci: str
    event: Event
    repository: str | None = None
    commit: str | None = None
    checked_out: str | None = None
    branch: str | None = None
    slug_only: bool = False
    default_branch: str | None = None
    tag: str | None = None
    pull_request: int | None = None
    trusted: bool = True
    settled: bool = False
    created: int | None = None
    source_url: str | None = None
