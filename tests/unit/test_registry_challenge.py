from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push.registry.challenge import Challenge, challenges, usable

TOKEN = string.ascii_letters + string.digits + "!#$%&'*+.^_`|~-"


def bearer(**parameters: str) -> Challenge:
    return Challenge(scheme="bearer", parameters=parameters)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ()),
        ('Basic realm="x"', (Challenge(scheme="basic", parameters={"realm": "x"}),)),
        (
            'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:a/b:pull,push"',
            (bearer(realm="https://ghcr.io/token", service="ghcr.io", scope="repository:a/b:pull,push"),),
        ),
        ('BEARER REALM="x" , Service = y', (bearer(realm="x", service="y"),)),
        ('Bearer realm="a \\"b\\" \\\\c"', (bearer(realm='a "b" \\c'),)),
        ("Bearer realm=bare;service=x", (bearer(realm="bare;service=x"),)),
        ('Bearer realm="x" service="y"', (bearer(realm="x", service="y"),)),
        ('Bearer realm="first", realm="second"', (bearer(realm="first"),)),
        ('Bearer realm="never closed, service=x', (bearer(realm="never closed, service=x"),)),
        ('Bearer realm="ends in a backslash\\', (bearer(realm="ends in a backslash"),)),
        ("Bearer realm=,", (bearer(),)),
        ('Bearer service="x",realm=', (bearer(service="x", realm=""),)),
        (
            'Negotiate YII=, Basic realm="r", Bearer realm="t",scope="a b"',
            (
                Challenge(scheme="negotiate"),
                Challenge(scheme="basic", parameters={"realm": "r"}),
                bearer(realm="t", scope="a b"),
            ),
        ),
        (
            'Negotiate, NTLM,Basic realm="r"',
            (
                Challenge(scheme="negotiate"),
                Challenge(scheme="ntlm"),
                Challenge(scheme="basic", parameters={"realm": "r"}),
            ),
        ),
        ('realm="of nobody", Basic', (Challenge(scheme="basic"),)),
        ("\x00\x01,;@", ()),
        ('"quoted first" Basic', (Challenge(scheme="quoted"), Challenge(scheme="first"), Challenge(scheme="basic"))),
    ],
)
def test_headers_of_the_grammar_and_broken_ones(header, expected):
    assert challenges(header) == expected


@pytest.mark.parametrize(
    ("header", "scheme"),
    [
        ('Negotiate, Basic realm="r", Bearer realm="t"', "basic"),
        ('Bearer realm="t", Basic realm="r"', "bearer"),
        ('Bearer service="no realm", Basic realm="r"', "basic"),
        ("Bearer", None),
        ("Digest realm=x", None),
        ("", None),
    ],
)
def test_the_first_that_can_be_answered_is_taken(header, scheme):
    found = usable(header)

    assert (found and found.scheme) == scheme


def test_scopes_are_words():
    assert bearer(scope="repository:a:pull  repository:b:push").scopes == ("repository:a:pull", "repository:b:push")
    assert bearer().scopes == ()
    assert bearer().realm == ""


quoted_text = st.text(st.characters(codec="latin-1", exclude_characters="\x00"), max_size=30)


@given(
    st.lists(
        st.tuples(
            st.text(TOKEN, min_size=1, max_size=8),
            st.dictionaries(st.text(TOKEN, min_size=1, max_size=8).map(str.lower), quoted_text, min_size=1, max_size=4),
        ),
        max_size=4,
    )
)
def test_what_was_written_by_the_grammar_is_read_back(written):
    def quote(text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    header = ", ".join(
        f"{scheme} {','.join(f'{name}={quote(value)}' for name, value in parameters.items())}"
        for scheme, parameters in written
    )

    assert challenges(header) == tuple(
        Challenge(scheme=scheme.lower(), parameters=parameters) for scheme, parameters in written
    )


@given(st.text())
def test_no_text_breaks_the_reader(header):
    for challenge in challenges(header):
        assert challenge.scheme == challenge.scheme.lower()


@pytest.mark.parametrize("piece", ['"', "\\", 'a="', "a=", "a ", "a,", " ", "=", 'a="\\', "a" * 50 + " "])
def test_a_megabyte_is_read_in_one_go(piece):
    """A reader that goes back over its text would take minutes for these."""
    challenges(piece * (1_000_000 // len(piece)))


other_schemes = st.sampled_from(
    ["Negotiate", "NTLM", "Negotiate oYG2MIGzoAMKAQ==", "Digest realm=x", 'Digest realm="a, Bearer realm=\\"b\\""']
)
cases = st.sampled_from([str.upper, str.lower, str.title])


@given(st.lists(other_schemes, max_size=3), quoted_text.filter(bool), quoted_text, quoted_text, cases, st.booleans())
def test_a_bearer_challenge_is_found_among_others_whatever_its_letter_case(others, realm, service, scopes, case, last):
    def quote(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    written = (
        f"{case('bearer')} {case('realm')}={quote(realm)} ,\t{case('service')} = {quote(service)},scope={quote(scopes)}"
    )
    header = ", ".join([*others, written] if last else [written, *others])

    found = usable(header)

    assert found is not None
    assert (found.scheme, found.realm, found.parameters["service"]) == ("bearer", realm, service)
    assert found.scopes == tuple(scopes.split())


@given(st.binary(max_size=200))
def test_any_bytes_of_a_header_are_challenges_or_none(data):
    header = data.decode("latin-1")

    found = usable(header)

    assert found is None or found in challenges(header)
    assert found is None or found.scheme == "basic" or found.realm
