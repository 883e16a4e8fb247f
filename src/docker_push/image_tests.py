"""An image's ``test`` commands, run in the very bytes that were staged, before any tag moves.

Docker's engine pulls the image by its digest and runs each command in a container of its own: detached, so that waiting
for it can be ended at once, and so that the engine keeps its output, bounded. What is left in the engine afterwards is
what was there before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from uuid import uuid4

from docker_push.errors import BuilderError, ConfigError, VerificationError
from docker_push.printable import printable
from docker_push.process import Children, Completed, Runner, one_line
from docker_push.publish import Staged
from docker_push.references import Platform, Reference

TIMEOUT = 600.0  # seconds that one command may take
_PULL = 600.0  # seconds: an image may be large, and this engine may have none of it
_QUICK = 30.0  # seconds for what the engine answers by itself
_SHOWN = 20  # lines of a failed command's output
_LINE = 300  # characters of one of them
_NOT_STARTED = frozenset({126, 127})  # "docker run", "Exit status": the command is not there, or is no program
# What runc and crun say in place of a program whose format the kernel does not know.
_FORMAT = re.compile(r"exec\b.*exec format error$|exec format error: unknown", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one platform of an image: ``commands``, as they are shown, all succeeded, or ``why`` none counts."""

    image: str
    platform: Platform
    commands: tuple[str, ...]
    why: str = ""


def run(
    staged: Sequence[Staged], runner: Runner, say: Callable[[str], None], *, timeout: float = TIMEOUT
) -> tuple[Outcome, ...]:
    """Run the test commands of every staged image, on each of its platforms, one after another.

    The bytes are read from the first repository; the others hold the same. The engine's own platform is always tested,
    another one where the engine can emulate it: where it cannot, that is said and returned. A command has ``timeout``
    seconds. Raises VerificationError where a command fails or does not end, BuilderError where no engine answers or the
    engine cannot run the image.
    """
    first = {one.image.name: one for one in reversed(staged) if one.image.options.test}
    if not first:
        return ()
    native = _native(runner, sorted(first))
    images = [first[name] for name in dict.fromkeys(one.image.name for one in staged) if name in first]
    benches = [
        _Bench(one=one, platform=platform, native=native, runner=runner, timeout=timeout)
        for one in images
        for platform in one.image.platforms
    ]
    return tuple(bench.test(say) for bench in benches)


def _native(runner: Runner, names: Sequence[str]) -> Platform:
    """Return the engine's own platform."""
    hint = f"The test commands of {', '.join(names)} need Docker's engine: start it, then run the same command again."
    try:
        found = runner.run(["docker", "version", "--format", "{{.Server.Os}}/{{.Server.Arch}}"], timeout=_QUICK)
        if found.status == 0:
            return Platform.parse(found.stdout.strip())
        problem = _last(found, runner)
    except (BuilderError, ConfigError) as error:
        problem = error.message
    raise BuilderError(f"no Docker engine answers: {problem}", hint=hint)


@dataclass(frozen=True, kw_only=True)
class _Bench:
    """One platform of a staged image, to be tested by an engine whose own platform is ``native``."""

    one: Staged
    platform: Platform
    native: Platform
    runner: Runner
    timeout: float

    def test(self, say: Callable[[str], None]) -> Outcome:
        """Run every command; the first that fails ends the run."""
        name, commands = self.one.image.name, self.one.image.options.test
        shown = tuple(map(self._shown, commands))
        with self._image_as_before():
            for words in commands:
                say(f"Testing {name} on {self.platform}: {self._shown(words)}")
                if not self._succeeds(words):
                    why = f"this engine cannot run {self.platform}"
                    say(f"  not tested: {why} (docker run --privileged --rm tonistiigi/binfmt --install all)")
                    return Outcome(image=name, platform=self.platform, commands=shown, why=why)
        return Outcome(image=name, platform=self.platform, commands=shown)

    @property
    def _reference(self) -> str:
        return str(Reference(self.one.repository, None, self.one.manifest.digest))

    @property
    def _is_foreign(self) -> bool:
        own = (self.native.os, self.native.architecture)
        return (self.platform.os, self.platform.architecture) != own

    def _succeeds(self, words: Sequence[str]) -> bool:
        """Run one command to its end; ``False`` where the engine cannot run this platform. Raises for one that fails."""
        container = f"docker-push-test-{uuid4().hex}"
        try:
            self._start(container, words)
            status = self._wait(container, words)
            output = self._output(container) if status else []
        except _ForeignFormatError:
            return False
        finally:
            self._clean("rm", "--force", "--volumes", container)
        if status and self._is_foreign and any(map(_FORMAT.match, output[-1:])):
            return False
        if status:
            raise self._failed(words, f"failed with exit status {status}", output)
        return True

    def _start(self, container: str, words: Sequence[str]) -> None:
        argv = ["docker", "run", "--detach", "--pull=always", "--platform", str(self.platform), "--name", container]
        argv += ["--log-driver", "local", "--log-opt", "max-size=1m", "--log-opt", "max-file=2"]
        started = self.runner.run([*argv, "--entrypoint", words[0], self._reference, *words[1:]], timeout=_PULL)
        problem = _last(started, self.runner)
        if started.status and self._is_foreign and _FORMAT.search(problem):
            raise _ForeignFormatError
        if started.status in _NOT_STARTED:
            raise self._failed(words, f"cannot be started (exit status {started.status})", [problem])
        if started.status:
            message = f"image {self.one.image.name}: Docker's engine cannot run {self._reference}: {problem}"
            hint = f"See why with `docker pull {self._reference}`; no moving tag was touched."
            raise BuilderError(message, hint=hint)

    def _wait(self, container: str, words: Sequence[str]) -> int:
        try:
            waited = self.runner.run(["docker", "wait", container], timeout=self.timeout)
        except BuilderError:
            problem = f"did not end within {self.timeout:g} s"
            raise self._failed(words, problem, self._output(container)) from None
        if not waited.stdout.strip().isdigit():
            message = (
                f"image {self.one.image.name}: Docker's engine lost a test's container: {_last(waited, self.runner)}"
            )
            raise BuilderError(message, hint="Run the same command again; no moving tag was touched.")
        return int(waited.stdout)

    def _output(self, container: str) -> list[str]:
        """Return the last lines of a container's output, both streams in the order of their time, fit to be shown."""
        argv = ["docker", "logs", "--timestamps", "--tail", str(_SHOWN), container]
        try:
            logs = self.runner.run(argv, timeout=_QUICK)
        except (BuilderError, ConfigError):
            return []
        lines = sorted((*logs.stdout.splitlines(), *logs.stderr.splitlines()), key=lambda line: line.partition(" ")[0])
        texts = (printable(self.runner.redact(line.partition(" ")[2])) for line in lines)
        return [text if len(text) <= _LINE else f"{text[: _LINE - 3]}..." for text in texts]

    def _failed(self, words: Sequence[str], what: str, output: Sequence[str]) -> VerificationError:
        emulated = " (emulated)" if self._is_foreign else ""
        return VerificationError(
            f"image {self.one.image.name}: the test {self._shown(words)} {what} on {self.platform}{emulated}",
            hint="No moving tag was touched: mend the image or its test, then run the same command again.",
            details=tuple(output),
        )

    def _shown(self, words: Sequence[str]) -> str:
        return one_line(printable(self.runner.shown(words)))

    @contextmanager
    def _image_as_before(self) -> Iterator[None]:
        """Remove the image afterwards, where the engine said that it had none before."""
        found = self.runner.run(["docker", "image", "inspect", "--format", "{{.Id}}", self._reference], timeout=_QUICK)
        try:
            yield
        finally:
            if found.status != 0:
                self._clean("image", "rm", self._reference)

    def _clean(self, *words: str) -> None:
        """Remove something of ours from the engine, also when a signal ends the run; that it fails is no error.

        A signal starts no program any more and ends those that run: this one has to run to its end.
        """
        with self.runner.children.interruption.held(), suppress(BuilderError, ConfigError):
            replace(self.runner, children=Children()).run(["docker", *words], timeout=_QUICK)


class _ForeignFormatError(Exception):
    """The kernel does not know the format of the programs of a platform that is not its own."""


def _last(completed: Completed, runner: Runner) -> str:
    """Return what docker said of its failure: the last line that is not about its help."""
    lines = [line for line in completed.stderr.splitlines() if line.strip() and "--help" not in line]
    return one_line(lines[-1].removeprefix("docker: ") if lines else f"exit status {completed.status}", runner.redact)
