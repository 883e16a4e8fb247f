"""Every error a user can meet: one root, one exit code per class.

The tree::

    DockerPushError              1
    ├── ConfigError              2   build.toml, flags, variables, git: what the run was told
    │   └── FindingsError        2   the same, several findings shown in one go
    ├── AuthenticationError      3   who you are: no credentials, or refused ones
    ├── PermissionDeniedError    4   what you may do: known, but not allowed
    ├── RateLimitError           5   the registry asks to come back later
    ├── RegistryError            6   the registry failed, or cannot be reached
    ├── BuildError               7   BuildKit could not build
    │   └── BuilderError         7   no engine, no buildx, or a builder that cannot do what is asked
    ├── VerificationError        8   what was read back is not what was built
    ├── OverwriteError           9   an immutable tag already names other bytes
    └── InterruptedRunError    130   a signal ended the run (143 for SIGTERM)

An error is shown as one line: what went wrong and where, then what to do next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class DockerPushError(Exception):
    """Say what went wrong, where, and what to do next.

    ``message`` names the image or file, the operation and the cause; ``hint`` is the next step, as a sentence that the
    reader can act on. ``details`` are further lines (the end of a build's log) shown above the one line. ``meaning`` is
    what the reference page says of a whole class: what kind of thing went wrong, and what usually helps.
    """

    exit_code: ClassVar[int] = 1
    meaning: ClassVar[str] = "docker-push itself failed: run the same command with `--debug` and report what it prints."

    def __init__(self, message: str, *, hint: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    @property
    def status(self) -> int:
        """Return the exit status of a run that ends with this."""
        return self.exit_code

    def __str__(self) -> str:
        return f"{self.message.rstrip('.')}. {self.hint}" if self.hint else self.message


class ConfigError(DockerPushError):
    """Report input that cannot be used: build.toml, a flag, a variable, the state of git."""

    exit_code = 2
    meaning = (
        "What the run was told cannot be used (`build.toml`, a flag, a variable, the state of git): "
        "correct the place that the message names."
    )


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong with the input, and what would be right.

    ``where`` is the place as a reader finds it: ``build.toml:12 [images.api] platforms``.
    """

    where: str
    problem: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem.rstrip('.')}. {self.allowed}"


class FindingsError(ConfigError):
    """Report everything that is wrong with one input at once."""

    meaning = "The same, with everything that is wrong at once: correct the lines above the last one."

    def __init__(self, subject: str, findings: tuple[Finding, ...]) -> None:
        count = len(findings)
        super().__init__(
            f"{subject}: {count} {'error' if count == 1 else 'errors'}",
            hint="Nothing was built or published; correct the lines above and run the same command again.",
            details=tuple(str(finding) for finding in findings),
        )
        self.findings = findings


class AuthenticationError(DockerPushError):
    """Report missing or refused credentials."""

    exit_code = 3
    meaning = (
        "Credentials are missing, or the registry refused them: "
        "set `DOCKER_USER` and `DOCKER_PASSWORD`, or log in with `docker login`."
    )


class PermissionDeniedError(DockerPushError):
    """Report that the registry knows us and still refuses."""

    exit_code = 4
    meaning = (
        "The registry knows the account and does not allow it this: "
        "give it, or the CI job's token, the right to push to the repository."
    )


class RateLimitError(DockerPushError):
    """Report that the registry asked us to come back later, after ``retry_after`` seconds where it said so."""

    exit_code = 5
    meaning = (
        "The registry had too many requests: wait for as long as the message says, then run the same command again."
    )

    def __init__(
        self, message: str, *, hint: str, details: tuple[str, ...] = (), retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.retry_after = retry_after


class RegistryError(DockerPushError):
    """Report a registry that failed, cannot be reached, or answers outside its protocol.

    ``transient``: the same request may well succeed later, with nothing changed by anybody.
    """

    exit_code = 6
    meaning = (
        "The registry failed or cannot be reached: "
        "run the same command again, and check the address and the network if it fails again."
    )

    def __init__(self, message: str, *, hint: str, details: tuple[str, ...] = (), transient: bool = False) -> None:
        super().__init__(message, hint=hint, details=details)
        self.transient = transient


class BuildError(DockerPushError):
    """Report a build that BuildKit could not finish."""

    exit_code = 7
    meaning = (
        "The image could not be built: read the end of the build's log above the last line, and correct what it names."
    )


class BuilderError(BuildError):
    """Report an engine, buildx or builder that is missing or cannot do what is asked.

    ``transient``: it was there and went away in the middle of the work, so that it may be back.
    """

    meaning = "Docker, buildx or the builder is missing or cannot do this: start or install what the message names."

    def __init__(self, message: str, *, hint: str, details: tuple[str, ...] = (), transient: bool = False) -> None:
        super().__init__(message, hint=hint, details=details)
        self.transient = transient


class VerificationError(DockerPushError):
    """Report that what the registry holds is not what was built."""

    exit_code = 8
    meaning = (
        "What the registry holds is not what this run built or staged: "
        "do what the message says, and see who else pushes to this repository."
    )


class OverwriteError(DockerPushError):
    """Report an immutable tag that already names other bytes."""

    exit_code = 9
    meaning = "A tag that never moves, such as a version, already names other bytes: publish under a new version."


class InterruptedRunError(DockerPushError):
    """Report that a signal ended the run; its exit code is 128 plus the signal's number (POSIX shells' convention)."""

    exit_code = 130
    meaning = "Ctrl-C or another signal ended the run: run the same command again, it goes on where this one stopped."

    def __init__(self, message: str, *, hint: str, signal_number: int = 2, details: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint, details=details)
        self.signal_number = signal_number

    @property
    def status(self) -> int:
        """Return the exit status of the run that this signal ended."""
        return 128 + self.signal_number
