from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

from answers import Answers, reply
from docker_push.errors import RegistryError
from docker_push.registry.redirects import follow, is_own_machine, is_private, next_url, origin, redirected
from docker_push.registry.transport import Request, Response

START = "https://ghcr.io/v2/acme/api/blobs/x?a=1"
AUTHORIZED = {"Authorization": "Bearer s3cret", "Accept": "*/*"}


def request(method: str = "GET", url: str = START, body: bytes | None = None) -> Request:
    return Request(purpose="read a thing", method=method, url=url, headers=AUTHORIZED, body=body)


def to(location: str, status: int = 307) -> Response:
    return reply(status, b"", location=location)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/v2/other?b=2", "https://ghcr.io/v2/other?b=2"),
        ("y", "https://ghcr.io/v2/acme/api/blobs/y"),
        ("?b=2", "https://ghcr.io/v2/acme/api/blobs/x?b=2"),
        ("https://ghcr.io:443/z", "https://ghcr.io:443/z"),
        ("https://GHCR.IO/z", "https://GHCR.IO/z"),
    ],
)
def test_inside_one_host_the_credentials_go_along(location, url):
    target = redirected(request(), to(location))

    assert target is not None
    assert (target.url, target.headers) == (url, AUTHORIZED)


@pytest.mark.parametrize(
    "location",
    ["https://blobs.example/x?sig=1", "//blobs.example/x", "https://ghcr.io:8443/x", "https://ghcr.io.evil.example/x"],
)
def test_another_host_or_port_gets_no_credentials(location):
    target = redirected(request(), to(location))

    assert target is not None
    assert target.headers == {"Accept": "*/*"}


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://ghcr.io/x", "from https to plain http"),
        ("http://blobs.example/x", "from https to plain http"),
        ("ftp://blobs.example/x", "no http URL"),
        ("file:///etc/passwd", "no http URL"),
        ("http:///x", "no http URL"),
        ("https://user:pass@blobs.example/x", "names a user"),
        ("https://user@ghcr.io/x", "names a user"),
        ("https://[::1/x", "no URL"),
        ("https://blobs.example:99999/x", "no URL"),
        ("https://127.0.0.1/x", "this machine"),
        ("https://localhost/x", "this machine"),
        ("https://169.254.169.254/latest/meta-data", "this machine"),
        ("https://[::ffff:127.0.0.1]/x", "this machine"),
        ("https://0.0.0.0/x", "this machine"),
        ("https://localhost./x", "this machine"),
        ("https://127.0.0.1./x", "this machine"),
        ("https://127.1/x", "this machine"),
        ("https://0x7f000001/x", "this machine"),
        ("https://017700000001/x", "this machine"),
        ("https://2852039166/latest/meta-data", "this machine"),
        ("https://[fe80::1%25eth0]/x", "this machine"),
        ("https://blobs.example/\x00", "no http URL"),
    ],
)
def test_bad_targets_are_refused_with_the_operation_and_the_host(location, said):
    with pytest.raises(RegistryError, match=said) as caught:
        redirected(request(), to(location))

    assert caught.value.message.startswith("cannot read a thing: ghcr.io redirects ")


def test_a_registry_on_this_machine_may_name_this_machine():
    target = redirected(request(url="http://127.0.0.1:5000/v2/"), to("http://localhost:6000/x"))

    assert target is not None
    assert "Authorization" not in target.headers


def test_an_internal_registry_may_keep_blobs_at_an_internal_address():
    target = redirected(request(url="https://registry.internal/v2/"), to("https://10.0.0.7/x"))

    assert target is not None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST"])
def test_only_reads_follow_what_may_change_the_method(method, status):
    target = redirected(request(method), to("/x", status))

    assert (target is not None) == (status in {307, 308} or method in {"GET", "HEAD"})
    assert target is None or target.method == method


def test_a_body_goes_to_no_other_host():
    with pytest.raises(RegistryError, match=r"a write to another host \(other\.example\)"):
        redirected(request("POST", body=b"refresh_token=s3cret"), to("https://other.example/token"))
    again = redirected(request("PUT", body=b"{}"), to("/x"))
    assert again is not None
    assert again.body == b"{}"


@pytest.mark.parametrize("answer", [reply(200), reply(404), reply(304, b"", location="/x"), reply(307)])
def test_all_else_is_an_answer(answer):
    assert redirected(request(), answer) is None


def test_ten_in_a_row_are_followed_and_no_more():
    url = "https://ghcr.io/{}".format
    script = {f"GET {url(number)}": [to(f"/{number + 1}")] for number in range(11)}

    done = follow(request(url=url(0)), Answers({**script, f"GET {url(10)}": [reply(200, b"there")]}))
    assert done.body == b"there"
    assert done.url == url(10)
    with pytest.raises(RegistryError, match="more than 10 redirects"):
        follow(request(url=url(0)), Answers(script))


def test_credentials_do_not_come_back_on_the_way_home():
    answers = Answers(
        {
            "GET https://ghcr.io/a": [to("https://blobs.example/b")],
            "GET https://blobs.example/b": [to("https://ghcr.io/c")],
            "GET https://ghcr.io/c": [reply(200)],
        }
    )

    follow(request(url="https://ghcr.io/a"), answers)

    assert answers.authorizations == ["Bearer s3cret", "", ""]


@given(st.text() | st.from_regex(r"(https?:)?(//)?[a-z0-9.@:\[\]/\\?#-]{0,30}", fullmatch=True))
def test_no_location_carries_credentials_elsewhere(location):
    try:
        target = redirected(request(), to(location))
    except RegistryError:
        return
    assert target is not None
    assert target.url.startswith("https://")
    assert ("Authorization" in target.headers) == (origin(target.url) == ("https", "ghcr.io", 443))


hosts = st.sampled_from(
    [
        "ghcr.io",
        "GHCR.io",
        "ghcr.io.",
        "blobs.example",
        "ghcr.io.evil.example",
        "127.0.0.1",
        "127.1",
        "[::1]",
        "10.0.0.1",
    ]
)
absolute = st.tuples(
    st.sampled_from(["https:", "http:", "HTTPS:", "ftp:", ""]),
    st.sampled_from(["//", "///", "/\\", "\\\\", "/", ""]),
    st.sampled_from(["", "ada@", "ada:pw@", "@", "ghcr.io@", "ghcr.io\\@", "ghcr.io%40"]),
    hosts,
    st.sampled_from(["", ":443", ":80", ":8443", ":", ":0", ":99999", ":x"]),
    st.sampled_from(["", "/x?sig=1#f", "?q", "#f", "/../..//y", "\\@evil.example/", "/\t\n", " /", "%0d%0a"]),
).map("".join)
bases = st.sampled_from(
    [START, "http://127.0.0.1:5000/v2/x", "http://registry.internal/v2/x", "https://[2001:db8::1]/v2/x"]
)


@given(absolute, bases, st.sampled_from([301, 302, 303, 307, 308]), st.sampled_from(["GET", "HEAD", "PUT", "POST"]))
@example("https://ghcr.io\\@evil.example/", START, 307, "GET")
def test_where_the_connection_goes_is_where_we_think_it_goes_and_credentials_stay_home(location, base, status, method):
    """The library that connects reads a URL by itself: what it makes of it is what counts."""
    body = b"refresh_token=s3cret" if method == "POST" else None
    asked = request(method, base, body)
    try:
        target = redirected(asked, to(location, status))
    except RegistryError as error:
        assert str(error).isprintable()
        return
    if target is None:
        return
    home, there = parse_url(base), parse_url(target.url)
    same = (there.scheme, there.host, there.port or origin(target.url)[2]) == (home.scheme, home.host, origin(base)[2])
    assert there.auth is None
    assert ("Authorization" in target.headers) <= same
    assert target.body is None or same
    assert (home.scheme, there.scheme) != ("https", "http")
    assert not is_own_machine((there.host or "").strip("[]")) or is_own_machine((home.host or "").strip("[]"))
    assert (target.method, target.body) == (method, body)


@given(st.text())
def test_a_next_url_is_http_or_one_error(location):
    try:
        url = next_url(request(), location)
    except RegistryError as error:
        assert "\n" not in str(error)
    else:
        assert origin(url)[0] == "https"


@pytest.mark.parametrize(
    ("host", "own", "private"),
    [
        ("localhost", True, True),
        ("api.localhost", True, True),
        ("::1", True, True),
        ("169.254.0.1", True, True),
        ("fe80::1", True, True),
        ("10.1.2.3", False, True),
        ("192.168.0.1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("1.1.1.1", False, False),
        ("ghcr.io", False, False),
        ("LOCALHOST.", True, True),
        ("127.1", True, True),
        ("0xA.1", False, True),
        ("1.1", False, False),
        ("256.1", False, False),
        ("1.16777216", False, False),
        ("09.1", False, False),
        ("1.2.3.4.5", False, False),
        ("10", False, True),
        ("", False, False),
    ],
)
def test_addresses_of_this_machine_and_of_private_networks(host, own, private):
    assert (is_own_machine(host), is_private(host)) == (own, private)
