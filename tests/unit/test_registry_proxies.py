from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push.errors import ConfigError
from docker_push.registry.proxies import Proxy, proxy_for, secrets

PROXY = {"HTTPS_PROXY": "http://proxy.example:3128", "HTTP_PROXY": "http://plain.example:3128"}
# the table of golang.org/x/net/http/httpproxy, proxy_test.go: what docker's own programs do
NO_PROXY = (
    "foobar.com, .barbaz.net, *.wildcard.io, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30,"
    " 2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64"
)


@pytest.mark.parametrize(
    ("host", "proxied"),
    [
        ("localhost", False),
        ("127.0.0.1", False),
        ("127.0.0.2", False),
        ("[::1]", False),
        ("[::2]", True),
        ("192.168.1.1", False),
        ("192.168.1.2", True),
        ("192.168.1.3", False),
        ("192.168.1.4", True),
        ("10.0.0.2", False),
        ("[2001:db8::52:0:1]", False),
        ("[2001:db8::52:0:2]", True),
        ("[2001:db8::52:0:3]", False),
        ("[2002:db8:a::123]", False),
        ("[fe80::424b:c8be:1643:a1b6]", True),
        ("barbaz.net", True),
        ("www.barbaz.net", False),
        ("foobar.com", False),
        ("FooBar.com", False),
        ("www.foobar.com", False),
        ("foofoobar.com", True),
        ("baz.com", True),
        ("localhost.net", True),
        ("barbarbaz.net", True),
        ("wildcard.io", True),
        ("nested.wildcard.io", False),
        ("awildcard.io", True),
    ],
)
def test_no_proxy_is_read_as_docker_reads_it(host, proxied):
    assert (proxy_for(f"http://{host}:80/v2/", {**PROXY, "NO_PROXY": NO_PROXY}) is not None) == proxied


@pytest.mark.parametrize(
    ("exceptions", "url", "proxied"),
    [
        ("", "https://ghcr.io/v2/", True),
        ("*", "https://ghcr.io/v2/", False),
        ("other.example,*", "https://10.0.0.1/v2/", False),
        ("ghcr.io:443", "https://ghcr.io/v2/", False),
        ("ghcr.io:5000", "https://ghcr.io/v2/", True),
        ("ghcr.io:5000", "https://ghcr.io:5000/v2/", False),
        (":443", "https://ghcr.io/v2/", True),
        (",, ,", "https://ghcr.io/v2/", True),
        ("[::1", "https://ghcr.io/v2/", True),
        ("10.0.0.0/99", "https://10.0.0.1/v2/", True),
        ("10.9.9.9/8", "https://10.0.0.1/v2/", False),
        ("10.0.0.0/8", "https://[::ffff:10.0.0.1]/v2/", False),
        ("10.0.0.0/8", "https://ten.example/v2/", True),
        ("2001:DB8:0:0::1", "https://[2001:db8::1]/v2/", False),
        ("IO", "https://ghcr.io/v2/", False),
    ],
)
def test_ports_wildcards_and_rubbish(exceptions, url, proxied):
    assert (proxy_for(url, {**PROXY, "no_proxy": exceptions}) is not None) == proxied


@pytest.mark.parametrize("host", ["localhost", "registry.localhost", "127.9.9.9", "[::1]"])
def test_this_machine_is_never_asked_through_a_proxy(host):
    assert proxy_for(f"http://{host}:5000/v2/", PROXY) is None
    assert proxy_for(f"https://{host}:5000/v2/", PROXY) is None


def test_each_scheme_has_its_variable():
    assert proxy_for("https://ghcr.io/", PROXY) == Proxy(url="http://proxy.example:3128", variable="HTTPS_PROXY")
    assert proxy_for("http://ghcr.io/", PROXY) == Proxy(url="http://plain.example:3128", variable="HTTP_PROXY")
    assert proxy_for("https://ghcr.io/", {"HTTP_PROXY": "x:1"}) is None
    assert proxy_for("file:///x", PROXY) is None


def test_upper_case_counts_before_lower_case_and_empty_is_unset():
    both = {"HTTPS_PROXY": "upper:1", "https_proxy": "lower:1"}

    assert str(proxy_for("https://ghcr.io/", both)).count("upper:1") == 1
    found = proxy_for("https://ghcr.io/", {**both, "HTTPS_PROXY": ""})
    assert found is not None
    assert (found.address, found.variable) == ("lower:1", "https_proxy")


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("proxy.example:3128", "http://proxy.example:3128"),
        ("http://proxy.example", "http://proxy.example:80"),
        ("https://proxy.example/", "https://proxy.example:443"),
        (" http://[::2]:3128 ", "http://[::2]:3128"),
    ],
)
def test_a_proxy_is_written_in_several_ways(value, url):
    found = proxy_for("https://ghcr.io/", {"HTTPS_PROXY": value})

    assert found is not None
    assert found.url == url


def test_its_password_is_kept_apart_and_never_shown():
    environ = {"HTTPS_PROXY": "http://ada:p%40ss-w0rd@proxy.example:3128"}

    found = proxy_for("https://ghcr.io/", environ)

    assert found is not None
    assert (found.username, found.password, found.address) == ("ada", "p@ss-w0rd", "proxy.example:3128")
    assert found.authorization == "Basic YWRhOnBAc3MtdzByZA=="
    assert "w0rd" not in repr(found)
    assert secrets(environ) == ["p%40ss-w0rd", "p@ss-w0rd"]


@pytest.mark.parametrize(
    "value",
    [
        "socks5://u:s3cret@proxy:1080",
        "http://",
        "http://u:s3cret@proxy:port",
        "http://u:s3cret@pro xy:1",
        "http://[::1",
    ],
)
def test_what_is_no_proxy_is_refused_without_showing_it(value):
    with pytest.raises(ConfigError, match="HTTPS_PROXY") as raised:
        proxy_for("https://ghcr.io/", {"HTTPS_PROXY": value})

    assert "s3cret" not in str(raised.value)


@given(
    st.text(), st.text(), st.sampled_from(["https://ghcr.io/v2/", "http://10.0.0.1:5000/", "https://[2001:db8::1]/"])
)
def test_any_variables_give_a_proxy_none_or_a_finding(proxy, exceptions, url):
    environ = {"HTTPS_PROXY": proxy, "http_proxy": proxy, "NO_PROXY": exceptions}
    try:
        found = proxy_for(url, environ)
    except ConfigError as error:
        assert str(error).isprintable()
    else:
        assert found is None or found.address
    assert proxy_for("http://127.0.0.1:5000/", environ) is None
    assert all(secrets(environ))
