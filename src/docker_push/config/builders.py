"""[builder]: the builder that images are built with, and its nodes, as ``docker buildx create`` takes them.

Drivers, their endpoints and their options: docker/buildx ``driver/*/factory.go`` and ``builder/builder.go`` (``Create``). What
buildx would refuse, or drop without a word, is refused here, with its line.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Literal

from pydantic import Field

from docker_push.config import grammar, values
from docker_push.config.findings import Problem
from docker_push.config.layout import Path
from docker_push.config.source import Data, table_at
from docker_push.config.table import Table
from docker_push.config.values import Filled, Rule
from docker_push.errors import ConfigError
from docker_push.references import quoted
from docker_push.secret_names import is_switch, looks_secret

NAME = re.compile(r"(?!default$)[a-z][a-z0-9._-]{0,39}")
OPTION = re.compile(r"[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*|env\.[A-Za-z_][A-Za-z0-9_]*")
FILE = re.compile(r"(?:~?/)?[\w.+@()#=-][\w.+@()#=/ -]*")
_HOST = r"(?:[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])"
_CONTEXT = r"[A-Za-z0-9][A-Za-z0-9_.+-]+"
_PATH = r"/[\w./+@=-]+"
_ADDRESS = rf"tcp://{_HOST}:[0-9]{{1,5}}|unix://{_PATH}|ssh://(?:[\w.-]+@)?{_HOST}(?::[0-9]{{1,5}})?(?:{_PATH})?"
_REMOTE = re.compile(rf"{_ADDRESS}|docker-container://{_CONTEXT}|kube-pod://[\w.-]+(?:\?[\w.&=-]+)?")
_ENGINE = re.compile(rf"{_ADDRESS}|{_CONTEXT}")
ENDPOINT = re.compile(rf"{_REMOTE.pattern}|{_CONTEXT}")
_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@]*:[^/?#]*@")
_VARIABLE = "env."  # an option that begins so is a variable of buildkitd's
_HERE = ""  # the endpoint of a node that names none
_TLS = ("ca", "cert", "key", "servername")
_TLS_OPTIONS = {"cacert": "ca", "cert": "cert", "key": "key", "servername": "servername"}


def name(text: str) -> str:
    """Check a builder's name (buildx ``store.ValidateName``), short enough for Kubernetes with what is added to it."""
    allowed = (
        "A builder's name begins with a letter, then at most 39 lower-case letters, digits and '._-'; not default."
    )
    return grammar.matched(NAME, text, "a builder's name", allowed)


def endpoint(text: str) -> str:
    """Check where a node is; one with a password in it is refused."""
    if "@" in text and not ENDPOINT.fullmatch(text):
        # not quoted: it may hold a password
        problem = "the address holds a password, or is none"
        raise ConfigError(
            problem, hint="Give ssh://USER@HOST or tcp://HOST:PORT: a node is reached by SSH's keys or by TLS."
        )
    allowed = "Give tcp://HOST:PORT, unix:///PATH or ssh://USER@HOST, or a context of docker for docker-container."
    return grammar.matched(ENDPOINT, text, "the endpoint of a node", allowed)


def option(text: str) -> str:
    """Check the name of a driver's option; buildx itself knows which there are."""
    allowed = "An option is named as buildx names it, as in image, namespace, limits.cpu or env.HTTP_PROXY."
    return grammar.matched(OPTION, text, "a driver's option", allowed)


def key_file(text: str) -> str:
    """Check the path of a certificate or key: of build.toml's folder, absolute, or of the user's home; pure."""
    allowed = "Give a path from build.toml's folder, from / or from ~/, of letters, digits, spaces and '._-+@()#=/'."
    return grammar.matched(FILE, text, "a path", allowed, 1024)


KeyFile = Annotated[str, Rule(key_file, FILE)]
BuilderName = Annotated[str, Rule(name, NAME)]
Endpoint = Annotated[str, Rule(endpoint, ENDPOINT)]
OptionName = Annotated[str, Rule(option, OPTION)]
DaemonFlag = Annotated[str, Rule(grammar.filled)]


class NodeTable(Table):
    """One of [[builder.nodes]]: where it is, and what it builds."""

    endpoint: Endpoint | None = Field(
        None,
        description="Where the node is: the address of its BuildKit (remote), or the context or address of a Docker engine"
        " (docker-container; default: the engine that docker reaches).",
        examples=["tcp://arm.builders.example:1234"],
    )
    platforms: Annotated[tuple[values.PlatformName, ...], Filled()] | None = Field(
        None,
        description="Platforms that this node builds before any other (default: what it says itself).",
        examples=[["linux/arm64"]],
    )
    ca: KeyFile | None = Field(
        None,
        description="Certificate authority of the node, as PEM: from build.toml's folder, absolute, or ~/ of the user.",
        examples=["~/.docker/builders/ca.pem"],
    )
    cert: KeyFile | None = Field(
        None, description="Certificate that we show to the node.", examples=["~/.docker/builders/cert.pem"]
    )
    key: KeyFile | None = Field(None, description="Key of that certificate.", examples=["~/.docker/builders/key.pem"])
    servername: values.Host | None = Field(
        None,
        description="Name in the node's certificate (default: that of the endpoint).",
        examples=["arm.builders.example"],
    )
    options: dict[OptionName, values.Argument] = Field(
        default_factory=dict,
        description="Options of the driver, as docker buildx create --driver-opt takes them.",
        examples=[{"namespace": "builds", "replicas": 2}],
    )
    flags: tuple[DaemonFlag, ...] = Field(
        (),
        description="Flags that buildkitd is started with; not for remote.",
        examples=[["--allow-insecure-entitlement=network.host"]],
    )
    config: values.LocalPath | None = Field(
        None,
        description="buildkitd.toml that buildkitd is started with, in build.toml's folder; not for remote.",
        examples=["infra/buildkitd.toml"],
    )


class BuilderTable(Table):
    """[builder]: made by docker.builder up, or by the first run that builds."""

    name: BuilderName | None = Field(
        None,
        description="Name of the builder (default: docker-push- and a hash of what is described here, so that each description"
        " has a builder of its own).",
        examples=["ci"],
    )
    driver: Literal["docker-container", "remote", "kubernetes"] = Field(
        description="What runs BuildKit: a container of a Docker engine, machines that run it already, or a Kubernetes cluster.",
        examples=["remote"],
    )
    nodes: tuple[NodeTable, ...] = Field(
        (),
        description="Its nodes, each a table [[builder.nodes]] (default: one, with nothing said; remote needs an endpoint).",
        examples=[[{"endpoint": "tcp://arm.builders.example:1234", "platforms": ["linux/arm64"]}]],
    )


def problems(data: Data) -> Iterator[Problem]:
    """Find what is wrong between the keys of a builder; what has the wrong type is another's finding."""
    table = table_at(data, ("builder",))
    driver, found = table.get("driver"), table.get("nodes", ())
    nodes = [(index, node) for index, node in enumerate(found if isinstance(found, tuple) else ()) if _is_table(node)]
    if driver == "remote" and not nodes and found == ():
        allowed = 'Add a table [[builder.nodes]] with endpoint = "tcp://HOST:PORT".'
        yield Problem(
            ("builder", "nodes") if "nodes" in table else ("builder",), "a remote builder has no node", allowed
        )
    for index, node in nodes:
        path: Path = ("builder", "nodes", index)
        yield from _endpoints(path, node, driver)
        yield from _tls(path, node, driver)
        yield from _daemon(path, node, driver)
        yield from _credentials(path, node)
    yield from _repeated(nodes, driver)


def _is_table(node: object) -> bool:
    return isinstance(node, Mapping)


def _endpoints(path: Path, node: Data, driver: object) -> Iterator[Problem]:
    text = node.get("endpoint")
    if driver == "kubernetes" and "endpoint" in node:
        allowed = "Leave it out: the cluster is the one of KUBECONFIG; options name its namespace."
        yield Problem((*path, "endpoint"), "a kubernetes node has no endpoint", allowed)
    elif driver == "remote" and "endpoint" not in node:
        yield Problem(path, "endpoint is missing", 'For example: endpoint = "tcp://arm.builders.example:1234"')
    elif isinstance(text, str) and ENDPOINT.fullmatch(text):
        pattern = {"remote": _REMOTE, "docker-container": _ENGINE}.get(str(driver), ENDPOINT)
        if not pattern.fullmatch(text):
            allowed = "Give tcp://HOST:PORT, unix:///PATH or ssh://USER@HOST."
            yield Problem((*path, "endpoint"), f"{quoted(text)} is no endpoint of a {driver} node", allowed)


def _tls(path: Path, node: Data, driver: object) -> Iterator[Problem]:
    said = [key for key in _TLS if key in node]
    address = node.get("endpoint")
    if not said or not isinstance(address, str | None):
        return
    if driver != "remote" or (address and not address.startswith("tcp://")):
        allowed = 'Leave it out, or give driver = "remote" and endpoint = "tcp://HOST:PORT".'
        yield Problem((*path, said[0]), "TLS is for remote nodes at tcp:// alone", allowed)
    elif "ca" not in node:
        yield Problem(
            (*path, said[0]), "there is no ca beside it", 'Name the certificate authority of the node: ca = "FILE".'
        )
    elif ("cert" in node) != ("key" in node):
        key = "cert" if "cert" in node else "key"
        yield Problem((*path, key), "cert and key go together", "Name both files, or neither.")


def _daemon(path: Path, node: Data, driver: object) -> Iterator[Problem]:
    for key in ("flags", "config"):
        if driver == "remote" and key in node:
            yield Problem(
                (*path, key), "a remote node runs already", "Leave it out, and say it where that buildkitd is started."
            )
    for key in table_at(node, ("options",)):
        if driver == "remote" and key in _TLS_OPTIONS:
            allowed = f'Say it beside endpoint, as {_TLS_OPTIONS[key]} = "...".'
            yield Problem((*path, "options", key), "is a key of the node", allowed)


def _credentials(path: Path, node: Data) -> Iterator[Problem]:
    """Find options that hold a credential: they are arguments of a command, and build.toml stands in the repository."""
    for key, value in table_at(node, ("options",)).items():
        named = key.startswith(_VARIABLE) and looks_secret(key.removeprefix(_VARIABLE))
        if isinstance(value, str) and ((named and not is_switch(value)) or _PASSWORD.match(value)):
            allowed = "Leave it out: build.toml and arguments are read by others. Start buildkitd with it, and name that as remote."
            yield Problem((*path, "options", key), "holds a credential", allowed)


def _repeated(nodes: list[tuple[int, Data]], driver: object) -> Iterator[Problem]:
    """Find endpoints and platforms that two nodes share: buildx refuses the first, and takes the second from the earlier node."""
    taken: dict[str, int] = {}
    for index, node in nodes:
        address, listed = node.get("endpoint"), node.get("platforms")
        if driver == "docker-container" and address is None and taken.setdefault(_HERE, index) != index:
            problem = f"node {taken[_HERE] + 1} is at the engine that docker reaches already"
            yield Problem(("builder", "nodes", index), problem, "Give each node an endpoint of its own.")
        if isinstance(address, str) and taken.setdefault(address, index) != index:
            problem = f"node {taken[address] + 1} has this endpoint already"
            yield Problem(("builder", "nodes", index, "endpoint"), problem, "Give each node its own.")
        own: set[str] = set()
        for place, text in enumerate(listed if isinstance(listed, tuple) else ()):
            with suppress(ConfigError):
                platform = grammar.platform(text) if isinstance(text, str) else ""
                if platform and platform not in own and taken.setdefault(platform, index) != index:
                    problem = f"node {taken[platform] + 1} builds {platform} already"
                    yield Problem(
                        ("builder", "nodes", index, "platforms", place), problem, "Give each platform to one node."
                    )
                own.add(platform)
