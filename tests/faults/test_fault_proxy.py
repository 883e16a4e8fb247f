"""The proxy itself: what comes through it without a fault is what the registry gives, and faults are what they say."""

from __future__ import annotations

import http.client
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates import authority, context_for, issue
from fault_proxy import FaultProxy, fault_proxy
from fault_rules import (
    altered,
    delayed,
    dripped,
    held,
    lagging,
    lost,
    present,
    redirected,
    reset,
    reset_after,
    stale,
    status,
    truncated,
    wrong_digest,
)
from proxied_scratch import ProxiedScratch

MANIFEST = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
KIND = {"Content-Type": "application/vnd.oci.image.index.v1+json"}
READ = {"Accept": KIND["Content-Type"]}
TAG = "/v2/proxied/manifests/one"


@pytest.fixture
def connection(proxy: FaultProxy) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(proxy.address, timeout=5)
    yield connection
    connection.close()


def ask(connection: http.client.HTTPConnection, method: str, path: str, body=None, **headers: str):
    connection.request(method, path, body=body, headers={**(KIND if body else READ), **headers})
    answer = connection.getresponse()
    return answer, answer.read()


def test_what_is_put_comes_back_as_it_was(connection: http.client.HTTPConnection, proxy: FaultProxy):
    assert ask(connection, "PUT", TAG, MANIFEST)[0].status == 201
    head, nothing = ask(connection, "HEAD", TAG)
    _, data = ask(connection, "GET", TAG)

    assert (head.headers["Content-Length"], nothing) == (str(len(MANIFEST)), b"")
    assert data == MANIFEST
    assert [str(seen) for seen in proxy.log] == [
        f": {method} {TAG} -> {code}" for method, code in (("PUT", 201), ("HEAD", 200), ("GET", 200))
    ]


def test_an_upload_goes_on_through_the_proxy(connection: http.client.HTTPConnection, proxy: FaultProxy):
    answer, _ = ask(connection, "POST", "/v2/proxied/blobs/uploads/", b"")

    assert answer.headers["Location"].startswith(f"http://{proxy.address}/v2/proxied/blobs/uploads/")


def test_a_body_in_chunks_arrives(connection: http.client.HTTPConnection):
    assert ask(connection, "PUT", TAG, iter([MANIFEST[:9], MANIFEST[9:]]))[0].status == 201
    assert ask(connection, "GET", TAG)[1] == MANIFEST


def test_a_rule_takes_the_requests_that_it_says(connection: http.client.HTTPConnection, proxy: FaultProxy):
    rule = proxy.fault("GET", "one$", status(503, "no", {"Retry-After": "7"}), first=2, count=2)
    ask(connection, "PUT", TAG, MANIFEST)

    found = [ask(connection, "GET", TAG)[0].status for _ in range(4)]

    assert found == [200, 503, 503, 200]
    assert (rule.matched, rule.hits) == (4, 2)
    assert ask(connection, "HEAD", TAG)[0].status == 200


def test_a_rule_can_be_for_one_client_alone(connection: http.client.HTTPConnection, proxy: FaultProxy):
    proxy.fault("GET", "", status(500), who="ours")

    assert ask(connection, "GET", "/v2/")[0].status == 200
    assert ask(connection, "GET", "/v2/", **{"User-Agent": "docker-push/1"})[0].status == 500


def test_the_nth_request_of_a_run_can_be_hit(connection: http.client.HTTPConnection, proxy: FaultProxy):
    proxy.nth(3, status(418))

    assert [ask(connection, "GET", "/v2/")[0].status for _ in range(4)] == [200, 200, 418, 200]


@pytest.mark.parametrize("action", [reset, lost, truncated(5)])
def test_an_answer_can_be_missing_or_cut(connection: http.client.HTTPConnection, proxy: FaultProxy, action):
    ask(connection, "PUT", TAG, MANIFEST)
    proxy.fault("GET", "", action, count=1)

    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(connection, "GET", TAG)
    connection.close()
    assert ask(connection, "GET", TAG)[1] == MANIFEST


def test_what_was_done_before_its_answer_was_lost_is_done(connection: http.client.HTTPConnection, proxy: FaultProxy):
    path = TAG.replace("one", "lost")
    proxy.fault("PUT", "", lost)

    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(connection, "PUT", path, MANIFEST)
    connection.close()
    assert ask(connection, "GET", path)[1] == MANIFEST


def test_a_body_can_be_cut_while_it_is_sent(connection: http.client.HTTPConnection, proxy: FaultProxy):
    path = TAG.replace("one", "cut")
    proxy.fault("PUT", "", reset_after(10))

    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(connection, "PUT", path, MANIFEST)
    connection.close()
    assert ask(connection, "GET", path)[0].status == 404


def test_lies(connection: http.client.HTTPConnection, proxy: FaultProxy):
    ask(connection, "PUT", TAG, MANIFEST)
    proxy.fault("HEAD", "/blobs/", present(77))
    proxy.fault("GET", "one$", altered(b"[]", b"{}"), count=1)
    proxy.fault("GET", "one$", wrong_digest(), count=1)

    answer, _ = ask(connection, "HEAD", f"/v2/proxied/blobs/sha256:{'1' * 64}")
    assert (answer.status, answer.headers["Content-Length"]) == (200, "77")
    assert ask(connection, "GET", TAG)[1] == MANIFEST.replace(b"[]", b"{}")
    assert ask(connection, "GET", TAG)[0].headers["Docker-Content-Digest"] == f"sha256:{'0' * 64}"


def test_what_was_just_written_can_be_late(connection: http.client.HTTPConnection, proxy: FaultProxy):
    path = TAG.replace("one", "late")
    proxy.fault("GET", "late$", lagging(0.3))
    ask(connection, "PUT", path, MANIFEST)

    assert ask(connection, "GET", path)[0].status == 404
    time.sleep(0.4)
    assert ask(connection, "GET", path)[0].status == 200


def test_a_tag_can_be_seen_for_a_while_as_it_was(connection: http.client.HTTPConnection, proxy: FaultProxy):
    other, path = MANIFEST.replace(b"[]", b"[ ]"), TAG.replace("one", "stale")
    ask(connection, "PUT", path, MANIFEST)
    ask(connection, "GET", path)
    proxy.fault("GET", "stale$", stale(0.3))
    ask(connection, "PUT", path, other)

    assert ask(connection, "GET", path)[1] == MANIFEST
    time.sleep(0.4)
    assert ask(connection, "GET", path)[1] == other


def test_a_redirect_leads_to_a_server_that_writes_down_what_comes(
    connection: http.client.HTTPConnection, proxy: FaultProxy, registry: str
):
    with fault_proxy(registry) as sink:
        proxy.fault("GET", "one", redirected(sink.address))
        answer, _ = ask(connection, "GET", f"{TAG}?a=b", Authorization="Bearer x")
        other = http.client.HTTPConnection(sink.address, timeout=5)
        ask(other, "GET", answer.headers["Location"].partition(sink.address)[2])
        other.close()

    assert (answer.status, answer.headers["Location"]) == (307, f"http://{sink.address}{TAG}?a=b")
    (seen,) = sink.log
    assert (seen.path, seen.query, seen.authorization) == (TAG, {"a": ["b"]}, "")
    assert proxy.log[-1].authorization == "Bearer"


def test_an_answer_can_wait_and_drip(connection: http.client.HTTPConnection, proxy: FaultProxy):
    ask(connection, "PUT", TAG, MANIFEST)
    proxy.fault("GET", "one", delayed(0.1), count=1)
    proxy.fault("GET", "one", dripped(len(MANIFEST) / 0.2), count=1)

    for least in (0.1, 0.2):
        started = time.monotonic()
        assert ask(connection, "GET", TAG)[1] == MANIFEST
        assert time.monotonic() - started >= least


def test_a_request_can_be_held_until_it_is_let_go(connection: http.client.HTTPConnection, proxy: FaultProxy):
    go = threading.Event()
    rule = proxy.fault("GET", "/v2/", held(go))
    connection.request("GET", "/v2/")
    while not rule.hits:
        time.sleep(0.01)

    go.set()

    assert connection.getresponse().status == 200


def test_tls_is_refused_in_words_that_a_client_understands(proxy: FaultProxy):
    host, _, port = proxy.address.partition(":")
    secure = http.client.HTTPSConnection(host, int(port), timeout=5, context=ssl.create_default_context())

    with pytest.raises(ssl.SSLError, match=r"(?i)wrong.version|record layer|unexpected"):
        secure.request("GET", "/v2/")
    secure.close()


def test_tls_is_spoken_and_plain_http_is_told_so(registry: str, tmp_path: Path):
    trusted = authority(tmp_path)
    with fault_proxy(registry, tls=context_for(issue(trusted, "127.0.0.1"))) as proxy:
        host, _, port = proxy.address.partition(":")
        context = ssl.create_default_context(cafile=str(trusted.certificate))
        secure = http.client.HTTPSConnection(host, int(port), timeout=5, context=context)
        plain = http.client.HTTPConnection(host, int(port), timeout=5)

        assert ask(secure, "GET", "/v2/")[0].status == 200
        answer, body = ask(plain, "GET", "/v2/")

        assert (answer.status, b"HTTP request to an HTTPS server" in body) == (400, True)
        secure.close()
        plain.close()


@pytest.mark.engine
def test_a_push_through_the_proxy_is_a_push(case: ProxiedScratch):
    done = case.push()

    assert done.code == 0, done.err
    assert {"commit", "main", "latest"} == set(case.state())
    assert len(set(case.state().values())) == 1
    assert {seen.who for seen in case.proxy.log} == {"ours", "engine"}
    assert case.order()[-3:] == ["commit", "main", "latest"]
    assert done.out == f"{case.asked}/api:{case.commit_tag}@{case.digest('api', 'latest')}\n"
    case.assert_heals()


@pytest.mark.engine
def test_a_push_with_tokens_is_a_push(token_case: ProxiedScratch):
    done = token_case.push()

    assert done.code == 0, done.err
    assert {"commit", "main", "latest"} == set(token_case.state())
    assert token_case.proxy.requests("GET|POST", "^/token$")
    token_case.assert_heals()


@pytest.mark.engine
def test_crane_and_skopeo_reach_through_it(case: ProxiedScratch):
    case.push()
    name = f"{case.asked}/api:main"

    assert case.crane("digest", name).strip() == case.digest("api", "main")
    done = case.run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}")
    assert (
        done.out
        == subprocess.run(
            ["crane", "manifest", f"{case.path}/api:main"], capture_output=True, text=True, check=True, env=case.environ
        ).stdout
    )
