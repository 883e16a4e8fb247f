"""Whether the nodes of a builder still answer while they build.

buildx sends nothing to a node that builds, and waits for ever for one that is cut off or hangs: measured with buildx 0.29 and
BuildKit 0.34, a cable that is pulled in the middle of a step is not noticed, whatever the step does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from docker_push.builder import listing
from docker_push.errors import DockerPushError
from docker_push.process import Runner

_LOOKS = 6  # in the time that a node may be away
_STEP = 10.0  # seconds between two of them at most: a look costs a fifth of a second


@dataclass(kw_only=True)
class Watch:
    """What is known of the nodes; ``gone`` are the endpoints that have not answered for too long."""

    limit: float
    gone: tuple[str, ...] = ()
    since: dict[str, float] = field(default_factory=dict)

    def note(self, silent: Mapping[str, bool], began: float, now: float) -> None:
        """Note which nodes answered a look that ``began`` some time before ``now``, both in seconds."""
        self.since = {endpoint: self.since.get(endpoint, began) for endpoint, quiet in silent.items() if quiet}
        self.gone = tuple(endpoint for endpoint, first in self.since.items() if now - first >= self.limit)


@contextmanager
def watched(runner: Runner, name: str, limit: float, clock: Callable[[], float]) -> Iterator[Watch]:
    """Look at the nodes of a builder again and again while the body builds with it.

    A look at a node that hangs takes 20 seconds. It is not waited for at the end: its thread is a daemon, and its program one of
    the run's children.
    """
    watch, ended = Watch(limit=limit), threading.Event()
    quiet = replace(runner, echo=None)
    threading.Thread(target=_look, args=(quiet, name, watch, ended, clock), daemon=True).start()
    try:
        yield watch
    finally:
        ended.set()


def _look(runner: Runner, name: str, watch: Watch, ended: threading.Event, clock: Callable[[], float]) -> None:
    while not ended.wait(min(_STEP, watch.limit / _LOOKS)):
        began = clock()
        try:
            watch.note(silent(runner, name), began, clock())
        except DockerPushError:
            if runner.children.interruption.number:
                return  # a signal ended the run


def silent(runner: Runner, name: str) -> dict[str, bool]:
    """Return endpoint -> whether it does not answer, of every node of a builder."""
    entry = listing.named(runner, name) or {}
    return {str(node.get("Endpoint")): listing.is_silent(entry, node) for node in listing.nodes(entry)}
