"""Several requests at once, a few in flight."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
IN_FLIGHT = 4  # requests to one registry, as go-containerregistry and BuildKit do


def in_parallel(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Do ``work`` for every item, a few at a time, and return the results in order; the first error is raised.

    An error or a signal does not wait for the requests that are under way: their time limit is longer than a signal's.
    """
    pool = ThreadPoolExecutor(IN_FLIGHT)
    try:
        results = [future.result() for future in [pool.submit(work, item) for item in items]]
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return results
