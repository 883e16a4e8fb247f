"""[cache]: where BuildKit's cache is kept between runs, and the keys that each backend takes.

The backends are BuildKit's (docs.docker.com/build/cache/backends). Credentials are none of the keys: buildx takes them from
the environment, and what stands in build.toml stands in the repository.
"""

import ipaddress
import posixpath
import re
from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict, JsonValue

from docker_push.config import grammar
from docker_push.config.findings import Problem
from docker_push.config.paths import PATH, local_path
from docker_push.config.source import Data, table_at
from docker_push.config.table import Table
from docker_push.config.values import Rule
from docker_push.errors import ConfigError

# Amazon S3, "General purpose bucket naming rules"; what other servers allow beyond it would not work everywhere
BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
REGION = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
PREFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?")
SCOPE = re.compile(r"[A-Za-z0-9_-]+")
ENDPOINT = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~/-]*)?")
FOLDER = re.compile(r"(?![-~])[^\x00-\x1f\x7f\\,\"]+")
_PREFIX_LIMIT = 200
_SCOPE_LIMIT = 64
_PATH_LIMIT = 1024

OPTIONS = {  # backend -> its own keys, and those of them that it cannot do without
    "registry": ((), ()),
    "gha": (("scope",), ()),
    "s3": (("bucket", "region", "prefix", "endpoint-url", "use-path-style"), ("bucket", "region")),
    "local": (("path",), ("path",)),
    "none": ((), ()),
}
_EXAMPLES = {"bucket": "acme-build-cache", "region": "eu-central-1", "path": "/var/cache/docker-push"}


def bucket(text: str) -> str:
    """Check the name of a bucket."""
    allowed = "A bucket is 3 to 63 of a-z, 0-9, '-' and '.', and begins and ends with a letter or digit."
    return grammar.matched(BUCKET, text, "a bucket", allowed)


def region(text: str) -> str:
    """Check the name of a region."""
    return grammar.matched(REGION, text, "a region", "Give it as the server names it, as in eu-central-1.", 63)


def prefix(text: str) -> str:
    """Return what the objects of a cache begin with, as a folder: with a '/' at the end."""
    allowed = (
        "Give names joined by '/', of letters, digits, '.', '_' and '-', none with '.' in front, as in docker-push/."
    )
    return grammar.matched(PREFIX, text, "a prefix", allowed, _PREFIX_LIMIT).rstrip("/") + "/"


def scope(text: str) -> str:
    """Check what the entries of a cache at GitHub begin with."""
    allowed = "A scope is up to 64 letters, digits, '_' and '-', as in docker-push."
    return grammar.matched(SCOPE, text, "a scope", allowed, _SCOPE_LIMIT)


def endpoint(text: str) -> str:
    """Check the address of an S3 server: TLS, since what comes back is built with; plain http only on this machine."""
    if "@" in text:
        # not quoted: it may hold a password
        problem = "the address holds a name or password, or is none"
        raise ConfigError(problem, hint="Leave it out: the keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    allowed = "Give https:// and a host, as in https://s3.example.com; http:// is for this machine alone."
    grammar.matched(ENDPOINT, text, "the address of an S3 server", allowed)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise grammar.refused(text, "the address of an S3 server", allowed) from None
    if not host or (parts.scheme == "http" and not _is_here(host)):
        raise grammar.refused(text, "the address of an S3 server", allowed)
    return text


def folder(text: str) -> str:
    """Return a folder, normalised: absolute, or relative to build.toml's folder and inside the repository."""
    if not text.startswith("/"):
        return local_path(text)
    path = posixpath.normpath(text).replace("//", "/", 1)
    if path == "/" or not PATH.fullmatch(path) or len(path) > _PATH_LIMIT:
        allowed = "Give a folder for the cache alone, of letters, digits, spaces and '._-+@()#=/~'."
        raise grammar.refused(text, "a folder of caches", allowed)
    return path


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _only_with_its_backend() -> list[JsonValue]:
    """Return, for the JSON schema, which keys go with which backend, and which of them it needs."""
    rules: list[JsonValue] = []
    for backend, (keys, needed) in OPTIONS.items():
        only: JsonDict = {"properties": {"backend": {"const": backend}}, "required": ["backend"]}
        rules += [{"if": {"required": [key]}, "then": only} for key in keys]
        rules += [{"if": only, "then": {"required": list(needed)}}] if needed else []
    silent: JsonDict = {"properties": {"backend": {"const": "none"}}, "required": ["backend"]}
    return [*rules, {"if": silent, "then": {"not": {"required": ["mode"]}}}]


Bucket = Annotated[str, Rule(bucket, BUCKET)]
Region = Annotated[str, Rule(region, REGION)]
Prefix = Annotated[str, Rule(prefix, PREFIX)]
Scope = Annotated[str, Rule(scope, SCOPE)]
Endpoint = Annotated[str, Rule(endpoint, ENDPOINT)]
Folder = Annotated[str, Rule(folder, FOLDER)]


class CacheTable(Table):
    """[cache]: where BuildKit's cache is kept between runs."""

    model_config = ConfigDict(json_schema_extra={"allOf": _only_with_its_backend()})

    backend: Literal["registry", "gha", "s3", "local", "none"] = Field(
        "registry",
        description="Where the build cache is kept: beside the images, in GitHub's cache, in an S3 bucket, in a folder, or"
        " nowhere.",
        examples=["registry"],
    )
    mode: Literal["min", "max"] = Field(
        "max", description="Which steps are kept: all (max), or those of the image itself (min).", examples=["min"]
    )
    scope: Scope | None = Field(
        None, description="gha: what the names of the entries begin with.", examples=["docker-push"]
    )
    bucket: Bucket | None = Field(None, description="s3: the bucket; it must be there.", examples=["acme-build-cache"])
    region: Region | None = Field(None, description="s3: the bucket's region.", examples=["eu-central-1"])
    prefix: Prefix | None = Field(
        None, description="s3: what the names of the objects begin with (default: nothing).", examples=["docker-push/"]
    )
    endpoint_url: Endpoint | None = Field(
        None, description="s3: address of a server that is not Amazon's.", examples=["https://s3.example.com"]
    )
    use_path_style: bool = Field(
        default=False, description="s3: name the bucket in the path of the address, not in its host.", examples=[True]
    )
    path: Folder | None = Field(
        None,
        description="local: the folder, absolute or relative to build.toml's; outside of what images are built from.",
        examples=["/var/cache/docker-push"],
    )


def problems(data: Data) -> Iterator[Problem]:
    """Find keys of another backend than the one that is chosen, and those that it needs and that are missing."""
    table = table_at(data, ("cache",))
    backend = table.get("backend", "registry")
    if backend not in OPTIONS:
        return  # a finding of its own
    own, needed = OPTIONS[str(backend)]
    for key in table:
        other = next((name for name, (keys, _) in OPTIONS.items() if key in keys), None)
        if other and key not in own:
            allowed = f'Leave it out, or set backend = "{other}".'
            yield Problem(("cache", key), f'belongs to backend "{other}", and this one is "{backend}"', allowed)
    if backend == "none" and "mode" in table:
        yield Problem(("cache", "mode"), 'backend "none" keeps no cache', "Leave it out, or choose another backend.")
    for key in needed:
        if key not in table:
            allowed = f'Add it, as in {key} = "{_EXAMPLES[key]}".'
            yield Problem(("cache", "backend"), f'backend "{backend}" needs {key}', allowed)
