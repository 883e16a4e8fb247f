"""References as crane and docker read them: whatever we take they take, and in one meaning; what we refuse is refused.

Both programs look at a name before they connect, so a closed port is enough to tell what they think of it. Where we differ
on purpose is in DEVIATIONS, each with its reason; a deviation that no case shows any more fails, too.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from docker_push.errors import ConfigError
from docker_push.references import Reference
from registry_process import free_port, unavailable

_AT_ONCE = 2  # programs: the machine is not ours alone
_HEX = "0123456789abcdef"
SHA256, SHA512 = f"sha256:{_HEX * 4}", f"sha512:{_HEX * 8}"


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """Names that we and another program see differently: who takes them, how to know them, and why that is right."""

    ours: bool
    shows: Callable[[str], object]
    reason: str


def _host(text: str) -> str:
    return text.partition("/")[0]


def _path(text: str) -> str:
    return text.partition("@")[0].partition("/")[2].partition(":")[0]


_COMPONENT = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
NO_REGISTRY = Deviation(
    ours=False,
    shows=lambda text: "/" not in text or (not re.search(r"[.:]", _host(text)) and _host(text) != "localhost"),
    reason="no default registry: no image goes to Docker Hub by mistake; they put docker.io before it",
)
PORT = Deviation(
    ours=False,
    shows=lambda text: (port := re.search(r":(\d*)$", _host(text))) and not 0 < int(port[1] or 0) <= 65535,
    reason="no such port (RFC 9293); they would notice when they connect",
)
_LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
HOST = Deviation(
    ours=False,
    shows=lambda text: not re.fullmatch(rf"(\[[0-9a-fA-F:]+\]|{_LABEL}(\.{_LABEL})*)(:\d*)?", _host(text)),
    reason="no host's name (RFC 1123); docker takes it for a path on Docker Hub, crane would notice when it connects",
)
ADDRESS = Deviation(
    ours=False, shows=lambda text: _host(text).startswith("[:::]"), reason="no IPv6 address stands in the brackets"
)
PATH = Deviation(
    ours=False,
    shows=lambda text: not re.fullmatch(rf"{_COMPONENT}(/{_COMPONENT})*", _path(text)),
    reason="crane looks at the letters of a path alone; registries refuse this one (distribution-spec, <name>)",
)
TAG = Deviation(
    ours=False,
    shows=lambda text: re.search(r":[.-][^/@]*(@|$)", text.partition("/")[2]),
    reason="crane looks at the letters of a tag alone; registries refuse this one (distribution-spec, <reference>)",
)
SHORT_PATH = Deviation(
    ours=True,
    shows=lambda text: len(_path(text)) == 1,
    reason="crane wants two characters of a path; the grammar does not",
)
OTHER_DIGEST = Deviation(
    ours=True, shows=lambda text: "@sha512:" in text, reason="crane knows sha256 alone; the image-spec registers both"
)
DEVIATIONS = {
    "crane": (NO_REGISTRY, PORT, HOST, PATH, TAG, SHORT_PATH, OTHER_DIGEST),
    "docker": (NO_REGISTRY, PORT, HOST, ADDRESS),
}


# Registries that crane asks under another name than ours, for the same one or for another on purpose.
OTHER_NAMES = {
    "docker.io": "index.docker.io",  # Docker Hub has three names: with us it is always docker.io
    "registry-1.docker.io": "registry-1.docker.io",
    "index.docker.io": "index.docker.io",
    "localhost": "index.docker.io",  # a registry on port 80 with us and docker; a path on Docker Hub for crane
}


def written(port: int) -> list[str]:
    """Return names that are at an edge of the grammar, on either side."""
    registries = [
        *("ghcr.io", "GHCR.io", "docker.io", "index.docker.io", "registry-1.docker.io", "a-b.example.com:5000", "1.2.3.4"),
        *(f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "[2001:db8::1]", "[2001:DB8::1]:1", "xn--n3h.net"),
        *("localhost", "ghcr.io:0", "ghcr.io:65535", "ghcr.io:65536", "ghcr.io:99999", "ghcr.io:080", "ghcr.io:", "ghcr.io:x"),
        *("", "a", "ABC", "LOCALHOST", "g_h.io", "ghcr..io", "-a.io", "a-.io", "[:::]", "[::zz]", "[::1", "::1", "a.b:1:2"),
        *("https:/", "https://ghcr.io", "ada@ghcr.io", "ghcr.io\n", " ghcr.io"),
    ]  # fmt: skip
    paths = [
        *("ab", "a", "ab/cd", "a.b/c_d/e__f/g--h", "0/1", "ab/" * 84 + "xyz", "x" * 255, "x" * 256, "ab/" * 85 + "x"),
        *("", "/ab", "ab/", "ab//cd", "Ab", "aB/c", ".ab", "ab.", "-ab", "ab-", "a._b", "a___b", "a..b", "a_-b", "ä", "a b"),
        *("a,b", "ab\n", "a\\b", "a$b", "_/ab", _HEX * 4),
    ]  # fmt: skip
    ends = [
        *("", ":t", ":latest", ":v1.2.3-rc.1_b", ":_", f":{'t' * 128}", f":{'t' * 129}", ":T", f"@{SHA256}", f"@{SHA512}"),
        *(f":t@{SHA256}", f":t@{SHA512}", ":", "@", "::t", ":t:u", ":.t", ":-t", ":t/u", ":t+u", ":ä", ":t ", ":t\n", f":@{SHA256}"),
        *(f"@{SHA256}0", f"@{SHA256[:-1]}", f"@{SHA256.upper()}", f"@sha256:{'A' * 64}", f"@sha512:{_HEX * 4}", f"@md5:{_HEX * 2}"),
        *(f"@{SHA256}@{SHA256}", f"@{SHA256}:t", "@sha256", f"@{_HEX * 4}", f":{SHA256}"),
    ]  # fmt: skip
    return [
        *(f"{registry}/ab/cd:t" for registry in registries),
        *(f"ghcr.io/{path}:t" for path in paths),
        *(f"ghcr.io/ab/cd{end}" for end in ends),
        *("", "ab", "ab:t", "ab/cd", "ghcr.io", "ghcr.io/", "/", ":", "@", _HEX * 4),
    ]


def made(count: int, port: int) -> list[str]:
    """Return names built by the grammar, every second with one piece changed; the same in every run."""
    draw = random.Random(7)  # noqa: S311 - cases of a test
    hosts = ("ghcr.io", "docker.io", f"localhost:{port}", f"[::1]:{port}", "a-b.example.com:5000", "Quay.io")
    words = ("ab", "a", "my-service", "x__y", "0.1", "a.b-c", "x" * 60)
    pieces = (*":@/._-A[] ,ä", "__", "//", "..", "@sha256:", ":0", ":t", "/a", "")
    found = []
    for number in range(count):
        path = "/".join(draw.choices(words, k=draw.randint(1, 4)))
        tag = draw.choice(("", ":main", ":v1.2.3", f":{'0' * 40}-main", ":_x"))
        text = f"{draw.choice(hosts)}/{path}{tag}{draw.choice(('', '', f'@{SHA256}', f'@{SHA512}'))}"
        if number % 2:
            at = draw.randrange(len(text))
            text = text[:at] + draw.choice(pieces) + text[at + draw.randint(0, 1) :]
        found.append(text)
    return found


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What a program thinks of a name: whether it takes it, and the registry that it would ask, where it says so."""

    taken: bool
    registry: str = ""


def ours(text: str) -> Opinion:
    try:
        reference = Reference.parse(text)
    except ConfigError:
        return Opinion(taken=False)
    assert str(Reference.parse(str(reference))) == str(reference)
    return Opinion(taken=True, registry=str(reference.repository.registry))


def run(argv: Sequence[str], environ: Mapping[str, str]) -> str:
    """Run a program that must fail, and return what it says."""
    done = subprocess.run(argv, env=dict(environ), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0, f"{argv} succeeded"
    return done.stdout + done.stderr


def needed(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        unavailable(f"There is no {program} on the PATH.")
        raise AssertionError
    return path


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


def crane(text: str, port: int) -> Opinion:
    """Ask crane, which reaches nothing: loopback has nothing on that port, and its proxy is there, too."""
    proxy = f"http://127.0.0.1:{port}"
    said = run(
        [needed("crane"), "manifest", "--", text],
        {"PATH": os.environ["PATH"], "HTTPS_PROXY": proxy, "HTTP_PROXY": proxy},
    )
    if "could not parse reference" in said:
        return Opinion(taken=False)
    asked = re.search(r'Get "https://([^/"]*)/', said)
    assert asked, f"crane says something else of {text!r}: {said}"
    return Opinion(taken=True, registry=asked[1])


def docker(text: str, port: int) -> Opinion:
    """Ask docker's command line for a tag, which it reads with distribution/reference, as BuildKit does."""
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "DOCKER_HOST": f"tcp://127.0.0.1:{port}"}
    said = run([needed("docker"), "image", "tag", "--", "image", text], environ)
    if "Error parsing reference" in said:
        return Opinion(taken=False)
    assert "Cannot connect" in said or "refusing to create a tag with a digest" in said, f"{text!r}: {said}"
    return Opinion(taken=True)


def differences(program: str, cases: Iterable[tuple[str, Opinion]]) -> tuple[list[str], set[str]]:
    """Return what nothing explains, and the reasons that were met."""
    unexplained, met = [], set()
    for text, theirs in cases:
        mine = ours(text)
        if mine.taken == theirs.taken:
            continue
        reasons = [one.reason for one in DEVIATIONS[program] if one.ours == mine.taken and one.shows(text)]
        met.update(reasons)
        if not reasons:
            unexplained.append(f"{'we take' if mine.taken else 'we refuse'} {text!r}, {program} does not")
    return unexplained, met


@pytest.mark.parametrize(("program", "ask", "count"), [("crane", crane, 250), ("docker", docker, 20)])
def test_we_take_what_the_field_s_programs_take_but_for_what_is_written_down(
    program: str, ask: Callable[[str, int], Opinion], count: int, port: int
):
    cases = list(dict.fromkeys([*written(port), *made(count, port)]))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        opinions = list(pool.map(lambda text: ask(text, port), cases))

    unexplained, met = differences(program, zip(cases, opinions, strict=True))

    assert unexplained == []
    assert {one.reason for one in DEVIATIONS[program]} - met == set()
    assert [text for text, theirs in zip(cases, opinions, strict=True) if is_elsewhere(text, theirs)] == []


def is_elsewhere(text: str, theirs: Opinion) -> bool:
    """Tell whether a name that both take leads them to another registry than us."""
    mine = ours(text)
    if not mine.taken or not theirs.registry:
        return False
    asked = re.sub(r":0*(?=\d)", ":", theirs.registry.lower())
    return OTHER_NAMES.get(_host(text).lower(), mine.registry) != asked


@pytest.mark.parametrize(
    "text",
    [
        *(
            "ghcr.io/ab/cd:v1.2.3",
            "ghcr.io/a/b__c",
            "GHCR.io/ab",
            f"ghcr.io/ab:{'t' * 128}",
            "[::1]:5000/ab:t",
            "localhost/ab",
        ),
        *(
            "ghcr.io/Ab",
            "ghcr.io/ab/",
            "ghcr.io/a___b",
            f"ghcr.io/ab:{'t' * 129}",
            "ghcr.io/ab:.t",
            "ghcr.io/a,b",
            "ghcr..io/a",
        ),
    ],
)
def test_buildx_takes_a_tag_exactly_where_we_do(text: str, engine: dict[str, str]):
    """It looks at the tag before it looks for the context, which is not there: nothing is built."""
    said = run([needed("docker"), "buildx", "build", "--tag", text, "/nonexistent/context"], engine)

    assert ("invalid tag" in said) != ("unable to prepare context" in said), said
    assert ("invalid tag" not in said) == ours(text).taken
