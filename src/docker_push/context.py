"""What is being built: repository, commit, branch, event; from the seed's variables, the CI's own, then git."""

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
class Context:
    """What is being built.

    ``branch`` is the raw name where one is known, ``slug_only`` says that only a slug was handed over (the seed's
    GITHUB_BRANCH). ``commit`` is the commit that names the image (a pull request's head), ``revision`` the commit that
    is checked out (its merge), both 40 or 64 hexadecimal digits. ``created`` is the commit's time in seconds since the
    epoch, UTC (SOURCE_DATE_EPOCH wins), ``None`` where it cannot be known. ``trusted`` is false for a pull request from
    a fork. ``ci`` is ``github``, ``gitlab``, ``seed`` or ``local``. ``source_url`` is the repository's web address.
    """

    repository: str
    commit: str
    revision: str
    branch: str | None
    slug_only: bool = False
    default_branch: str
    default_branch_slug_only: bool = False
    tag: str | None = None
    pull_request: int | None = None
    event: Event
    trusted: bool = True
    dirty: bool = False
    ci: str
    created: int | None = None
    source_url: str | None = None
