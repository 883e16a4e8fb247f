"""The credentials of a whole run: looked for when somebody needs them, and not before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from docker_push.credentials.account import Credentials
from docker_push.references import Registry


class Accounts(Mapping[Registry, "Credentials | None"]):
    """Registry -> its credentials, ``None`` where there are none; all are looked for when the first is asked for.

    A run that only lists or plans asks for none: a credential helper may be missing, prompt, or take its time. ``find`` looks
    for those of one registry and raises what it does, for every question anew; ``learn`` is told of what was found before
    anybody else is, so that it is never shown. Safe among threads: nobody is asked twice at once.
    """

    def __init__(
        self,
        registries: Iterable[Registry],
        find: Callable[[Registry], Credentials | None],
        learn: Callable[[Credentials], None],
    ) -> None:
        self._registries = tuple(dict.fromkeys(registries))
        self._find = find
        self._learn = learn
        self._lock = threading.Lock()
        self._found: dict[Registry, Credentials | None] | None = None

    def __getitem__(self, registry: Registry) -> Credentials | None:
        return self._all()[registry]

    def __iter__(self) -> Iterator[Registry]:
        return iter(self._registries)

    def __len__(self) -> int:
        return len(self._registries)

    def _all(self) -> dict[Registry, Credentials | None]:
        with self._lock:
            if self._found is None:
                found = {registry: self._find(registry) for registry in self._registries}
                for account in filter(None, found.values()):
                    self._learn(account)
                self._found = found
            return self._found
