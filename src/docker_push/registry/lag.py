"""Read after write: a registry may show what it just took only after a while, or show what was there before."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from docker_push.references import Digest
from docker_push.registry.complaints import span
from docker_push.registry.manifests import Descriptor
from docker_push.registry.retry import Waiting

_FIRST, _LONGEST = 0.5, 5.0  # seconds between two looks
_TOLD = 1.0  # seconds; shorter lags are not worth a line


def pauses(lag: float) -> Iterator[float]:
    """Return the seconds between looks: each twice the one before up to 5, ``lag`` in all."""
    left, wait = lag, _FIRST
    while left > 0:
        yield min(wait, left)
        left -= wait
        wait = min(wait * 2, _LONGEST)


def settled(
    look: Callable[[], Descriptor | None],
    digest: Digest,
    lag: float,
    waiting: Waiting,
    clock: Callable[[], float],
    what: str,
) -> Descriptor | None:
    """Look until ``digest`` is there or ``lag`` seconds are over; return what was seen last.

    Nothing, and another digest, are both what a lagging registry shows. People are told once that it lags, and how long
    it did.
    """
    began, told = clock(), False
    found = look()
    for pause in pauses(lag):
        late = clock() - began
        if (found is not None and found.digest == digest) or late >= lag:
            break
        if late + pause > _TOLD and not told:
            told = True
            shown = found.digest if found else "nothing"
            waiting.tell(f"{what} still shows {shown}; waiting up to {span(lag)} for {digest}")
        waiting.sleep(pause)
        found = look()
    if told and found is not None and found.digest == digest:
        waiting.tell(f"{what} shows {digest} after {span(clock() - began)}")
    return found
