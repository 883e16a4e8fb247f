"""Build arguments, labels and annotations that hold a secret, refused before anything is built.

Everybody who can pull an image reads its build arguments, in its history, and in its provenance with ``mode=max``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from docker_push.errors import Finding, FindingsError
from docker_push.options import ImageOptions
from docker_push.secret_names import is_switch, looks_secret

Where = Callable[..., str]  # where(image, key, name): the place in build.toml, as a reader finds it
Finds = Callable[[str], bool]

# Credentials by their format, each as its issuer documents it (docs.github.com "Token formats", docs.gitlab.com "Token
# prefixes", docs.npmjs.com, docs.docker.com, pypi.org/help, api.slack.com "Token types", AWS IAM "Unique ID prefixes");
# keys by RFC 7468, name and password in an address by RFC 3986, section 3.2.1.
_FORMATS = {
    "a GitHub token": r"(?<![A-Za-z0-9_])(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})",
    "a GitLab token": r"(?<![A-Za-z0-9_])gl(?:pat|dt|cbt|rt|ptt|ft|oas)-[A-Za-z0-9_-]{20,}",
    "an npm token": r"(?<![A-Za-z0-9_])npm_[A-Za-z0-9]{30,}",
    "a Docker token": r"(?<![A-Za-z0-9_])dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}",
    "a PyPI token": r"(?<![A-Za-z0-9_])pypi-[A-Za-z0-9_-]{40,}",
    "a Slack token": r"(?<![A-Za-z0-9_])xox[abeoprs]-[A-Za-z0-9-]{10,}",
    "an AWS access key": r"(?<![A-Za-z0-9_])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9_])",
    "a private key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
    "an address with a password": r"(?i)(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://[^\s/?#@:]*:(?![$*]|@)[^\s/?#@]+@",
}
_CREDENTIAL = {what: re.compile(pattern) for what, pattern in _FORMATS.items()}


def credential_in(value: str) -> str | None:
    """Return what kind of credential a value holds by its format, whatever its name; ``None`` for none."""
    return next((what for what, pattern in _CREDENTIAL.items() if pattern.search(value)), None)


def refuse_arguments(images: Iterable[ImageOptions], allowed: tuple[str, ...], finds: Finds, where: Where) -> None:
    """Raise FindingsError for every argument, label and annotation of ``images`` that is or holds a secret.

    An argument is refused for its name (``looks_secret``) or the format of its value, unless it is among the ``allowed``;
    what ``finds`` knows as a secret of this run is refused in any case, in labels and annotations too. An insisted argument
    beside a provenance that lists arguments is refused. No value is shown.
    """
    findings: dict[Finding, None] = {}
    for image in images:
        findings |= dict.fromkeys(_of_arguments(image, allowed, finds, where))
        findings |= dict.fromkeys(_of_texts(image, finds, where))
        findings |= dict.fromkeys(_of_provenance(image, allowed, where))
    if findings:
        raise FindingsError("secrets that everybody could read", tuple(findings))


def _of_arguments(image: ImageOptions, allowed: tuple[str, ...], finds: Finds, where: Where) -> Iterator[Finding]:
    for name, value in image.args.items():
        why, instead = "the value holds a secret of this run" if finds(value) else None, _mount(name)
        if why is None and name not in allowed and (why := _suspicion(name, value)):
            instead = f"{instead} --allow-secret-arg {name} insists that it is none."
        if why is not None:  # only then is its place looked for: that reads build.toml again
            yield Finding(where=where(image.name, "args", name), problem=f"{why}{_SEEN}", allowed=instead)


_SEEN = ", and everybody who can pull the image reads build arguments"


def _suspicion(name: str, value: str) -> str | None:
    if what := credential_in(value):
        return f"the value is {what}"
    return "the name is that of a secret" if looks_secret(name) and not is_switch(value) else None


def _mount(name: str) -> str:
    """Return how to give a build what it needs as a secret."""
    key = name.lower()
    return (
        f'Pass it as a secret: secret = [{{ id = "{key}", env = "{name}" }}] in build.toml, and'
        f" RUN --mount=type=secret,id={key} in the Dockerfile, which then reads /run/secrets/{key}."
    )


def _of_texts(image: ImageOptions, finds: Finds, where: Where) -> Iterator[Finding]:
    for table, texts in (("labels", image.labels), ("annotations", image.annotations)):
        for name, value in texts.items():
            if finds(value):
                problem = "the value holds a secret of this run, and everybody who can pull the image reads it"
                yield Finding(where=where(image.name, table, name), problem=problem, allowed="Take it out.")


def _of_provenance(image: ImageOptions, allowed: tuple[str, ...], where: Where) -> Iterator[Finding]:
    insisted = [name for name, value in image.args.items() if name in allowed and _suspicion(name, value) is not None]
    if insisted and any(map(_lists_arguments, image.attest)):
        problem = f"this provenance lists every build argument, {', '.join(insisted)} too"
        solution = 'Give "type=provenance,mode=min", which lists none.'
        yield Finding(where=where(image.name, "attest"), problem=problem, allowed=solution)


def _lists_arguments(attestation: str) -> bool:
    """Tell whether an attestation is a provenance with all arguments; BuildKit's mode is max where none is given."""
    fields = dict(field.partition("=")[::2] for field in attestation.split(","))
    return (
        fields.get("type") == "provenance" and fields.get("mode", "max") != "min" and fields.get("disabled") != "true"
    )
