"""The run's own folder for temporary files: it may hold credentials, so it is gone after every run, however that ended.

A run that is killed, and the shell that watches over it with it, cannot remove its folder: the next run of the same user
does. A folder whose run lives is known by a lock, not by a process id: a lock ends with its process, whatever that died
of, it is never another process's, and it is seen from another container, where the id is not.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from docker_push.errors import ConfigError
from docker_push.references import quoted

_PREFIX = "docker-push-"
_OWNER = "owner"  # held locked by the run, in its folder; it names the kernel that knows the lock
_FILES = "files"  # what the run is given
_TRIES = 3  # a program that is being ended may still write into the folder while it is removed


@contextmanager
def own_folder(given: str | None, say: Callable[[str], None]) -> Iterator[Path]:
    """Give an empty folder of the run's own, below ``given`` (RUNNER_TEMP), else where the system has such files.

    Its parent is the run's own as well, and all of it is removed at the end. What earlier runs had to leave there is
    removed first. Raises ConfigError where there is no place for it.
    """
    folder: Path | None = None
    lock = -1
    try:
        place = _place(given)
        for left in leftovers(place):
            remove(left, say)
        folder = _made(place, given)
        try:
            lock = _claimed(folder)
        except OSError as error:
            raise _no_place(error, given) from error
        yield folder / _FILES
    finally:
        if folder is not None:
            remove(folder, say)
        if lock >= 0:
            os.close(lock)


def leftovers(place: Path) -> Iterator[Path]:
    """Yield the folders in ``place`` of this user's runs that live no more; each stays locked until the next is asked for.

    What is no folder, is a link, is another user's, or has no owner file that was written on this kernel is left alone.
    """
    try:
        found = sorted(entry.path for entry in os.scandir(place) if entry.name.startswith(_PREFIX))
    except OSError:
        return  # whoever makes a folder there says what is wrong
    for path in map(Path, found):
        # an OSError: it went away, is somebody's who lets nobody in, or is locked
        with suppress(OSError), _orphaned(path) as orphaned:
            if orphaned:
                yield path


@contextmanager
def _orphaned(folder: Path) -> Iterator[bool]:
    """Lock a folder's owner file and tell whether its run is over; raises OSError where it is not."""
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
        yield False
        return
    lock = os.open(folder / _OWNER, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        held = os.fstat(lock)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ours = stat.S_ISREG(held.st_mode) and held.st_uid == os.getuid()
        yield ours and os.read(lock, 256).decode("utf-8", "replace") == kernel()
    finally:
        os.close(lock)


def remove(folder: Path, say: Callable[[str], None]) -> None:
    """Remove a run's folder; where that cannot be done somebody has to know."""
    reason = ""
    for _ in range(_TRIES):
        try:
            if folder.joinpath(_FILES).exists():
                shutil.rmtree(folder / _FILES)  # first what matters: without its owner file a folder is nobody's
            shutil.rmtree(folder)
        except FileNotFoundError:
            if not folder.exists():
                return
        except OSError as error:
            reason = str(error.strerror)
        else:
            return
    say(f"docker-push: {folder} cannot be removed: {reason}. Remove it: it may hold credentials.")


def _place(given: str | None) -> Path:
    try:
        return Path(given or tempfile.gettempdir())
    except OSError as error:
        raise _no_place(error, given) from error


def _made(place: Path, given: str | None) -> Path:
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        folder.joinpath(_FILES).mkdir(mode=0o700)
    except OSError as error:
        raise _no_place(error, given) from error
    return folder


def _no_place(error: OSError, given: str | None) -> ConfigError:
    where = f"RUNNER_TEMP: {quoted(given)}" if given else "the folder for temporary files"
    name = "RUNNER_TEMP" if given else "TMPDIR"
    hint = f"Set {name} to a folder that exists, has room and may be written to{', or unset it' if given else ''}."
    return ConfigError(f"{where} cannot hold temporary files: {error.strerror}", hint=hint)


def _claimed(folder: Path) -> int:
    """Write the owner file of a folder and return its lock; -1 where the file system has none, so nobody ever removes it.

    It gets its name when it is locked, so that nobody meets it unlocked.
    """
    half = folder / f"{_OWNER}.new"
    lock = os.open(half, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return -1
    os.write(lock, kernel().encode())
    half.rename(folder / _OWNER)
    return lock


def kernel() -> str:
    """Return what tells a kernel from others, and from itself before it was started again."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return os.uname().nodename
