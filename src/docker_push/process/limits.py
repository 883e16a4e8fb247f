"""What a process may not have more of: memory, threads, open files."""

from __future__ import annotations

import errno

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})
_NO_THREAD = "can't start new thread"  # CPython's RuntimeError: the system does not tell the cause
RAISE = "Raise the limits (`ulimit -a` lists them) or give the machine more memory, then run the same command again."


def is_exhausted(error: BaseException) -> bool:
    """Tell whether an error says that there is no more of something, which is nobody's bug."""
    number = error.errno if isinstance(error, OSError) else None
    return isinstance(error, MemoryError) or number in _EXHAUSTED or _NO_THREAD in str(error)
