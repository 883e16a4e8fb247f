"""What base images' names mean today: which hosts are asked, in which order, as whom, and for how long."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from answers import Answers, refused, reply
from docker_push import run
from docker_push.bases import Bases, EngineHosts, Mirror, connector
from docker_push.errors import ConfigError, RegistryError
from docker_push.options import Flags
from docker_push.references import Digest, Registry
from docker_push.registry import Client, Request, Response
from docker_push.registry.transport import Network, Routes
from recorded_world import RecordedWorld

ONE, TWO = (Digest.parse(f"sha256:{digit * 64}") for digit in "12")
HUB = "https://registry-1.docker.io/v2/library/busybox/manifests/1.37"
MIRROR = "https://mirror.example/v2/library/busybox/manifests/1.37"
BUSYBOX = "docker.io/library/busybox:1.37"
INFO = {
    "RegistryConfig": {
        "Mirrors": ["https://mirror.example/"],
        "IndexConfigs": {"docker.io": {"Secure": True}, "plain.example:5000": {"Secure": False}},
        "InsecureRegistryCIDRs": ["127.0.0.0/8", "10.1.0.0/16", "::1/128"],
    }
}


def found(digest: Digest = ONE) -> Response:
    return reply(docker_content_digest=str(digest), content_length="7")


def missing() -> Response:
    return reply(404)


class World(RecordedWorld):
    """A run's world whose registries give these answers; ``made`` is how each client was made."""

    answers: Answers
    made: list[tuple[str, str | None, dict[str, Any]]]

    def client(self, registry: Registry, credentials: Any = None, **given: Any) -> Client:
        self.made.append((str(registry), credentials.username if credentials else None, given))
        return Client(registry, credentials, **given, send=self.answers)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.answers, made.made = Answers({}), []
    made.environ["HOME"] = str(tmp_path)
    made.write()
    return made


def bases(world: World, script: dict[str, list[Response]], info: dict | None = None, **changes: Any) -> Bases:
    world.answers.script = {f"HEAD {url}": answers for url, answers in script.items()}
    told = run.read(world.surroundings(**({"clock": lambda: 0.0} | changes)), Flags())
    hosts = EngineHosts.read(info or {})
    return Bases(connector(told, hosts), clock=told.surroundings.clock, hosts=hosts)


def logins(world: World, **users: str) -> None:
    auths = {key: {"auth": base64.b64encode(f"{user}:s3cret-{user}".encode()).decode()} for key, user in users.items()}
    folder = world.folder / ".docker"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": auths}))


def test_each_name_is_looked_up_once_in_a_run_over_one_client_for_a_registry(world: World):
    other = "https://ghcr.io/v2/a/b/manifests/1"
    ours = bases(world, {HUB: [found()], other: [found(TWO)], other.replace("/b/", "/c/"): [missing()]})

    first = ours.resolve([BUSYBOX, "ghcr.io/a/b:1", BUSYBOX, "ghcr.io/a/c:1"])
    again = ours.resolve(["ghcr.io/a/c:1", BUSYBOX])
    ours.close()

    assert first == {BUSYBOX: ONE, "ghcr.io/a/b:1": TWO, "ghcr.io/a/c:1": None}
    assert again == {"ghcr.io/a/c:1": None, BUSYBOX: ONE}
    assert ours.reasons == {"ghcr.io/a/c:1": "ghcr.io has no a/c:1"}
    assert sorted(world.answers.asked) == sorted(world.answers.script)
    assert sorted(name for name, _, _ in world.made) == ["docker.io", "ghcr.io"]


def test_what_is_no_name_with_a_tag_is_told_as_such(world: World):
    ours = bases(world, {})

    assert set(ours.resolve(["busybox", f"docker.io/library/busybox@{ONE}", ""]).values()) == {None}
    assert set(ours.reasons.values()) == {"it is not the name of an image with a tag"}
    assert world.made == []


def test_the_engine_s_mirrors_are_asked_first(world: World):
    ours = bases(world, {MIRROR: [found(TWO)]}, INFO)

    assert ours.resolve([BUSYBOX]) == {BUSYBOX: TWO}
    assert ours.reasons == {}


@pytest.mark.parametrize("answer", [missing(), reply(500), refused(403, "DENIED"), refused(429, "TOOMANYREQUESTS")])
def test_whatever_a_mirror_answers_but_the_image_leads_to_docker_hub(world: World, answer: Response):
    ours = bases(world, {MIRROR: [answer], HUB: [found()]}, INFO)

    assert ours.resolve([BUSYBOX]) == {BUSYBOX: ONE}
    assert world.answers.asked.count(f"HEAD {MIRROR}") == 1


def test_mirrors_are_for_docker_hub_alone(world: World):
    url = "https://ghcr.io/v2/a/b/manifests/1"

    assert bases(world, {url: [found()]}, INFO).resolve(["ghcr.io/a/b:1"]) == {"ghcr.io/a/b:1": ONE}
    assert world.answers.asked == [f"HEAD {url}"]


def test_each_host_is_given_its_own_credentials_alone(world: World):
    logins(world, **{"https://index.docker.io/v1/": "ada", "mirror.example": "bob", "localhost:5000": "eve"})
    basic = {"www_authenticate": 'Basic realm="x"'}
    ours = bases(world, {MIRROR: [refused(401, "UNAUTHORIZED", **basic)], HUB: [reply(401, **basic), found()]}, INFO)

    assert ours.resolve([BUSYBOX]) == {BUSYBOX: ONE}
    assert [(name, user) for name, user, _ in world.made] == [("mirror.example", "bob"), ("docker.io", "ada")]
    sent = {
        (request.host, base64.b64decode(header.removeprefix("Basic ")).decode())
        for request, header in zip(world.answers.seen, world.answers.authorizations, strict=True)
        if header
    }
    assert sent == {("mirror.example", "bob:s3cret-bob"), ("registry-1.docker.io", "ada:s3cret-ada")}


def test_without_credentials_of_its_own_a_mirror_is_asked_as_nobody(world: World):
    logins(world, **{"https://index.docker.io/v1/": "ada"})

    bases(world, {MIRROR: [found()]}, INFO).resolve([BUSYBOX])

    assert [user for _, user, _ in world.made] == [None]


def test_credentials_of_another_registry_are_never_shown(world: World):
    logins(world, **{"https://index.docker.io/v1/": "ada"})
    told = run.read(world.surroundings(), Flags())

    account = told.account(Registry.parse("docker.io"))

    assert account
    assert account.username == "ada"
    assert "s3cret" not in told.runner.redact("s3cret-ada")


def test_the_variables_of_the_run_are_for_its_own_registry_alone(world: World):
    world.environ |= {"DOCKER_USER": "ci", "DOCKER_PASSWORD": "s3cret"}
    told = run.read(world.surroundings(), Flags())

    own, other = told.account(Registry.parse("localhost:5000")), told.account(Registry.parse("docker.io"))

    assert own
    assert (own.username, other) == ("ci", None)


def test_a_registry_that_does_not_answer_is_asked_twice_for_all_its_images(world: World):
    seen: list[str] = []

    def send(request: Request) -> Response:
        seen.append(request.url)
        raise RegistryError("cannot reach it", hint="x", transient=True)

    world.answers = send  # type: ignore[assignment]
    told = run.read(world.surroundings(clock=lambda: 0.0), Flags())
    ours = Bases(connector(told, EngineHosts()), clock=lambda: 0.0)
    names = [f"ghcr.io/a/b{number}:1" for number in range(20)]

    assert ours.resolve(names) == dict.fromkeys(names)
    assert len(seen) == 2
    assert all("cannot reach it" in why for why in ours.reasons.values())


def test_a_refused_password_is_sent_once(world: World):
    logins(world, **{"ghcr.io": "ada"})
    basic = {"www_authenticate": 'Basic realm="x"'}
    urls = [f"https://ghcr.io/v2/a/b{number}/manifests/1" for number in range(9)]
    ours = bases(world, {url: [reply(401, **basic)] for url in urls})

    ours.resolve([f"ghcr.io/a/b{number}:1" for number in range(9)])

    assert len([header for header in world.answers.authorizations if header]) == 1


def test_an_image_that_nobody_may_see_says_nothing_of_its_neighbours(world: World):
    hidden, shown = (f"https://ghcr.io/v2/a/{name}/manifests/1" for name in ("hidden", "shown"))
    ours = bases(world, {hidden: [refused(401, "UNAUTHORIZED")], shown: [found()]})

    assert ours.resolve(["ghcr.io/a/hidden:1", "ghcr.io/a/shown:1"])["ghcr.io/a/shown:1"] == ONE


def test_after_ten_seconds_nothing_more_is_asked(world: World):
    times = iter([0.0, *[10.0] * 100])

    ours = bases(world, {HUB: [found()]}, clock=lambda: next(times))

    assert ours.resolve([BUSYBOX]) == {BUSYBOX: None}
    assert ours.reasons == {BUSYBOX: "other registries took too long"}
    assert world.answers.asked == []


def test_patience_is_short(world: World):
    bases(world, {HUB: [found()]}, INFO | {"RegistryConfig": {}}).resolve([BUSYBOX])

    ((_, _, given),) = world.made
    assert given["waiting"].policy.attempts == 2
    assert given["waiting"].policy.rate_limit_waits == ()
    assert given["limits"].total < 10


def test_without_tls_only_who_is_listed_is_asked_and_nobody_s_password_goes_there(world: World):
    logins(world, **{"10.1.2.3:5000": "ada", "plain.example:5000": "bob", "10.2.2.3:5000": "eve"})
    urls = {
        f"{scheme}://{host}/v2/a/manifests/1": [found()]
        for scheme, host in (("http", "10.1.2.3:5000"), ("http", "plain.example:5000"), ("https", "10.2.2.3:5000"))
    }
    ours = bases(world, urls, INFO)

    resolved = ours.resolve(["10.1.2.3:5000/a:1", "plain.example:5000/a:1", "10.2.2.3:5000/a:1"])

    assert set(resolved.values()) == {ONE}
    assert sorted((name, user) for name, user, _ in world.made) == [
        ("10.1.2.3:5000", None),
        ("10.2.2.3:5000", "eve"),
        ("plain.example:5000", None),
    ]


def test_a_mirror_without_tls_that_is_not_listed_is_left_out(world: World):
    info = {"RegistryConfig": {"Mirrors": ["http://mirror.example", "http://[::x", "http://10.1.0.9:80/"]}}
    info["RegistryConfig"] |= {"InsecureRegistryCIDRs": ["10.1.0.0/16", "no network"]}  # type: ignore[dict-item]
    listed = "http://10.1.0.9:80/v2/library/busybox/manifests/1.37"

    ours = bases(world, {listed: [missing()], HUB: [found()]}, info)

    assert ours.resolve([BUSYBOX]) == {BUSYBOX: ONE}
    assert [name for name, _, _ in world.made] == ["10.1.0.9:80", "docker.io"]


@pytest.mark.parametrize(
    "info", [{}, {"RegistryConfig": None}, {"RegistryConfig": {"Mirrors": 3, "IndexConfigs": [1]}}]
)
def test_an_engine_that_says_nothing_has_no_mirrors(info: dict):
    assert EngineHosts.read(info) == EngineHosts()


@pytest.mark.parametrize(
    ("mirror", "asked"),
    [
        ("https://mirror.example/", "https://mirror.example/v2/library/busybox/manifests/1.37?ns=docker.io"),
        ("mirror.example", "https://mirror.example/v2/library/busybox/manifests/1.37?ns=docker.io"),
        ("https://mirror.example/hub", "https://mirror.example/hub/v2/library/busybox/manifests/1.37?ns=docker.io"),
        ("https://mirror.example/hub/v2/", "https://mirror.example/hub/v2/library/busybox/manifests/1.37?ns=docker.io"),
    ],
)
def test_a_mirror_is_asked_where_the_engine_asks_it(mirror: str, asked: str):
    assert Mirror.parse(mirror).url(MIRROR) == asked


@pytest.mark.parametrize("url", [HUB, "https://mirror.example/token?service=x", f"{MIRROR}?ns=x"])
def test_nothing_else_is_asked_elsewhere_for_a_mirror(url: str):
    assert Mirror.parse("https://mirror.example/hub").url(url) == url


@pytest.mark.parametrize("text", ["", "https://", "https://a b", "http://[::x"])
def test_a_mirror_that_is_none_is_refused(text: str):
    with pytest.raises(ConfigError):
        Mirror.parse(text)


def test_connections_go_where_a_network_places_a_url(monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    routes = Routes(Network(place=Mirror.parse("https://mirror.example/hub").url), retries=False)

    class Pools:
        def urlopen(self, _method: str, url: str) -> None:
            asked.append(url)

    monkeypatch.setattr(routes, "_through", lambda _proxy: Pools())
    routes.urlopen("HEAD", MIRROR)

    assert asked == ["https://mirror.example/hub/v2/library/busybox/manifests/1.37?ns=docker.io"]
