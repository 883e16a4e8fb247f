"""R19: a redirect to another host takes no credentials along, whatever a netrc says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fault_proxy import FaultProxy, fault_proxy
from fault_rules import redirected
from proxied_scratch import USERNAME, ProxiedScratch, build_toml, proxied
from registry_process import BasicRegistry

pytestmark = pytest.mark.engine


@pytest.fixture
def sink(registry: str) -> Iterator[FaultProxy]:
    """Give another host (another name, another port) that has the same content, and writes down what it is sent."""
    with fault_proxy(registry, host="localhost") as sink:
        yield sink


def netrc(case: ProxiedScratch, sink: FaultProxy) -> None:
    """Name both hosts in the user's netrc, with a password of its own for each."""
    hosts = {case.proxy.address.partition(":")[0], sink.address.partition(":")[0]}
    lines = [f"machine {host} login somebody password of-the-netrc\n" for host in sorted(hosts)]
    path = Path(case.environ["HOME"]) / ".netrc"
    path.write_text("".join(lines))
    path.chmod(0o600)


def credentials_in(sink: FaultProxy) -> list[str]:
    return [f"{seen}: {seen.authorization}" for seen in sink.log if seen.authorization or "cookie" in seen.headers]


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("GET", "/manifests/sha256:", 307), ("GET", "/manifests/sha256:", 302), ("HEAD", "/manifests/main$", 308)],
)
def test_r19_a_read_elsewhere_takes_no_token_along(
    token_case: ProxiedScratch, sink: FaultProxy, method: str, path: str, code: int
):
    netrc(token_case, sink)
    token_case.proxy.fault(method, path, redirected(sink.address, code), who="ours")

    done = token_case.push()

    assert done.code == 0, done.err
    assert sink.requests(method, path, "ours")
    assert credentials_in(sink) == []
    assert "Bearer" in {seen.authorization for seen in token_case.proxy.log}
    token_case.assert_heals()


def test_r19_the_blob_of_an_image_of_one_platform_is_read_elsewhere(token_case: ProxiedScratch, sink: FaultProxy):
    images = '[images.api]\nplatforms = ["linux/amd64"]\nattest = []\n'
    token_case.write({"build.toml": build_toml(images=images)})
    token_case.commit_all()
    netrc(token_case, sink)
    token_case.proxy.fault("GET", "/blobs/sha256:", redirected(sink.address), who="ours")

    done = token_case.push()

    assert done.code == 0, done.err
    assert sink.requests("GET", "/blobs/", "ours")
    assert credentials_in(sink) == []


def test_r19_a_password_stays_as_well(
    engine: dict[str, str],  # noqa: ARG001 - it must be there
    basic_registry: BasicRegistry,
    tmp_path: Path,
):
    with (
        fault_proxy(basic_registry.address) as proxy,
        fault_proxy(basic_registry.address, host="localhost") as sink,
    ):
        case = proxied(tmp_path, basic_registry.address, proxy, basic_registry.password)
        netrc(case, sink)
        proxy.fault("GET", "/manifests/sha256:", redirected(sink.address), who="ours")

        done = case.run("docker-push", "push")  # the password of this registry is in the arguments of other tests

    assert done.code in {3, 6}, done.err  # the other host wants a login, too, and gets none
    assert sink.address.partition(":")[0] in done.last
    assert sink.log
    assert credentials_in(sink) == []
    assert basic_registry.password not in done.err
    assert basic_registry.username == USERNAME


def test_r19_a_write_is_not_sent_elsewhere(token_case: ProxiedScratch, sink: FaultProxy):
    token_case.proxy.fault("PUT", "/manifests/main$", redirected(sink.address), who="ours")

    done = token_case.push()

    token_case.assert_fails(done, 6, "put .*:main", "redirects .*localhost", "nothing was sent there")
    assert sink.log == []
    assert set(token_case.state()) == {"commit"}
    token_case.assert_heals()


def test_r19_an_upload_of_the_engine_s_takes_no_token_along(token_case: ProxiedScratch, sink: FaultProxy):
    """What BuildKit does with the redirect is its own; our credentials must not reach the other host through it."""
    netrc(token_case, sink)
    token_case.proxy.fault("POST", "/blobs/uploads/", redirected(sink.address), who="engine")

    done = token_case.push()

    assert done.code in {0, 3, 6}, done.err
    assert credentials_in(sink) == []
    token_case.assert_heals(built=done.code != 0)


def test_r19_a_registry_cannot_send_us_round_in_circles(case: ProxiedScratch):
    case.proxy.fault("GET", "/manifests/sha256:", redirected(case.proxy.address), who="ours")

    done = case.push()

    case.assert_fails(done, 6, "redirects")
    assert len(case.proxy.requests("GET", "/manifests/sha256:", "ours")) <= 4 * 11
    assert set(case.state()) == {"commit"}
    case.assert_heals()
