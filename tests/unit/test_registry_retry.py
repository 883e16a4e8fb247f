from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.exceptions import ProtocolError

from answers import refused, reply
from docker_push.config import RetryTable
from docker_push.credentials import Credentials
from docker_push.errors import AuthenticationError, InterruptedRunError, OverwriteError, RateLimitError, RegistryError
from docker_push.process import Redactor
from docker_push.references import Registry, Repository, Tag
from docker_push.registry import Client, Request, Response, Waiting
from docker_push.registry.complaints import Passing
from docker_push.registry.manifests import OCI_INDEX, Manifest, digest_of
from docker_push.registry.retry import Progress, Retrying, Trouble, wait_before
from docker_push.registry.transport import Call

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
SECONDARY = refused(403, "DENIED", "permission_denied: You have exceeded a secondary rate limit")
BUSY = refused(503, "UNAVAILABLE", "busy")
Outcome = Response | Exception


@dataclass
class World:
    """A clock that only waiting moves, and a server that answers in order, the last for ever."""

    outcomes: list[Outcome]
    policy: RetryTable | None = field(default_factory=RetryTable)
    chance: float = 0.5
    now: float = 1000.0
    slept: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def send(self, request: Request) -> Response:
        self.sent.append(request)
        outcome = self.outcomes[min(len(self.sent), len(self.outcomes)) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return replace(outcome, url=request.url)

    @property
    def waiting(self) -> Waiting | None:
        policy = self.policy
        return policy and Waiting(policy=policy, sleep=self.sleep, tell=self.told.append, chance=lambda: self.chance)

    def retrying(self, redact: Callable[[str], str] = str) -> Retrying:
        return Retrying(self.send, self.waiting, clock=lambda: self.now, redact=redact)

    def deliver(self, method: str = "PUT", call: Call | None = None) -> Response:
        url = "https://ghcr.io/v2/acme/api/manifests/main"
        return self.retrying()(Request(purpose="put ghcr.io/acme/api:main", method=method, url=url, call=call))


def unanswered(cause: Exception | None = None, *, transient: bool = True) -> RegistryError:
    error = RegistryError("cannot put ghcr.io/acme/api:main: it went away", hint="Again.", transient=transient)
    error.__cause__ = cause
    return error


CLOSED = unanswered(ProtocolError("closed"))


class TestWhatIsRepeated:
    @pytest.mark.parametrize(
        "outcome",
        [
            *[reply(status, b"words") for status in (408, 416, 429, 499, 500, 502, 503, 504, 522)],
            refused(403, "TOOMANYREQUESTS", "slow down"),
            refused(400, "UNAVAILABLE"),
            refused(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown"),
            refused(416, "BLOB_UPLOAD_INVALID"),
            refused(500, "UNKNOWN", "unknown error"),
            SECONDARY,
            unanswered(),
            CLOSED,
        ],
    )
    def test_what_passes_by_itself(self, outcome):
        world = World([outcome, reply(201)])

        response = world.deliver()

        assert (response.status, response.attempts, len(world.sent)) == (201, 2, 2)

    @pytest.mark.parametrize(
        "outcome",
        [
            *[reply(status, b"words") for status in (200, 301, 400, 401, 403, 404, 405, 409, 411, 412, 413, 501, 507)],
            refused(403, "DENIED", "permission_denied: write_package"),
            refused(403, "DENIED", "installation not allowed to Create organization package"),
            refused(403, "DENIED", "failed to fetch anonymous token"),
            refused(404, "NAME_UNKNOWN"),
            refused(400, "MANIFEST_INVALID"),
            refused(500, "DENIED", "no"),
            refused(500, "TAG_INVALID", "no"),
            refused(500, "INTERNAL", "the tag is immutable"),
            refused(413, "UNAVAILABLE"),
            refused(507, "UNAVAILABLE"),
        ],
    )
    def test_not_what_stays_as_it_is(self, outcome):
        world = World([outcome])

        assert world.deliver().attempts == 1
        assert (len(world.sent), world.slept, world.told) == (1, [], [])

    def test_not_an_error_that_stays_as_it_is(self):
        error = unanswered(transient=False)
        world = World([error])

        with pytest.raises(RegistryError) as raised:
            world.deliver()

        assert raised.value is error
        assert len(world.sent) == 1

    @pytest.mark.parametrize(("method", "sent"), [("GET", 6), ("HEAD", 6), ("PUT", 6), ("POST", 6), ("DELETE", 1)])
    def test_every_method_but_the_one_that_tidies_up(self, method, sent):
        for outcome in (BUSY, unanswered()):
            world = World([outcome])
            with suppress(RegistryError):
                world.deliver(method)
            assert len(world.sent) == sent

    def test_the_same_request_is_sent_each_time(self):
        world = World([BUSY])

        world.deliver()

        assert len(set(map(repr, world.sent))) == 1
        assert all(request is world.sent[0] for request in world.sent)


class TestClosedConnections:
    def test_one_that_was_closed_is_made_anew_at_once(self):
        world = World([CLOSED, CLOSED, reply(201)])

        world.deliver()

        assert world.slept == [1.0]

    def test_that_alone_is_done_without_a_policy(self):
        world = World([CLOSED, reply(201)], policy=None)

        assert world.deliver().status == 201
        assert world.slept == []

    @pytest.mark.parametrize("outcomes", [[CLOSED], [BUSY, CLOSED], [unanswered()]])
    def test_and_once_only(self, outcomes):
        world = World(outcomes, policy=None)

        with suppress(RegistryError):
            world.deliver()

        assert len(world.sent) == (2 if outcomes == [CLOSED] else 1)

    def test_it_counts_among_the_attempts(self):
        world = World([CLOSED], policy=RetryTable(attempts=1))

        with pytest.raises(RegistryError):
            world.deliver()

        assert len(world.sent) == 1


class TestWaits:
    def test_each_is_twice_as_long_up_to_the_longest(self):
        world = World([BUSY], policy=RetryTable(attempts=8, longest_wait=10))

        response = world.deliver()

        assert world.slept == [0.5, 1, 2, 4, 8, 10, 10]
        assert (response.status, response.attempts, response.seconds) == (503, 8, 35.5)

    @pytest.mark.parametrize(("chance", "first"), [(0.0, 0.375), (0.999999, 0.625)])
    def test_they_are_spread_by_a_quarter(self, chance, first):
        world = World([BUSY], chance=chance)

        world.deliver()

        assert world.slept[0] == pytest.approx(first, abs=1e-4)

    @pytest.mark.parametrize(
        ("answer", "least", "most"),
        [
            (refused(429, "TOOMANYREQUESTS", retry_after="5"), 5, 5.5),
            (reply(503, b"", retry_after="5"), 5, 5.5),
            (refused(429, "TOOMANYREQUESTS", retry_after="Wed, 21 Oct 2026 07:28:30 GMT", date=DATE), 30, 33),
            (refused(429, "TOOMANYREQUESTS", "retry-after: 12.5ms, allowed: 2000/minute"), 0.375, 0.625),
            (refused(429, "TOOMANYREQUESTS", "retry-after: 1m30s"), 90, 99),
            (refused(403, "DENIED", "secondary rate limit", retry_after="7"), 7, 7.7),
            (reply(429, b"", retry_after="120"), 120, 120),
            (reply(429, b"", retry_after="0"), 0.375, 0.625),
            (reply(429, b"", retry_after="-5"), 0.375, 0.625),
            (reply(429, b"", retry_after="soon"), 0.375, 0.625),
            (reply(429, b"", retry_after="Wed, 21 Oct 2026 07:27:00 GMT", date=DATE), 0.375, 0.625),
            (reply(429, b"", retry_after="Wed, 21 Oct 2026 07:28:30 GMT"), 0.375, 0.625),
        ],
    )
    def test_the_server_s_wish_is_granted_and_rubbish_is_not_one(self, answer, least, most):
        for chance in (0.0, 0.999):
            world = World([answer, reply(201)], chance=chance)
            world.deliver()

            assert len(world.slept) == 1
            assert least <= world.slept[0] <= most

    @pytest.mark.parametrize("asked", ["121", "1000000000", "9" * 60, "Wed, 21 Oct 2099 07:28:30 GMT"])
    def test_a_wish_beyond_what_is_waited_for_ends_it(self, asked):
        world = World([reply(429, b"", retry_after=asked, date=DATE)])

        assert world.deliver().attempts == 1
        assert world.slept == []

    def test_github_s_secondary_limit_is_waited_for_in_minutes(self):
        world = World([SECONDARY])

        response = world.deliver()

        assert world.slept == [60, 120, 300]
        assert (response.status, response.attempts) == (403, 4)

    @pytest.mark.parametrize(
        ("answer", "wait"),
        [
            (refused(403, "DENIED", "API rate limit exceeded"), 60),
            (refused(403, "TOOMANYREQUESTS", "slow down"), 60),
            (refused(429, "TOOMANYREQUESTS", "You have exceeded a secondary rate limit"), 60),
            (refused(429, "TOOMANYREQUESTS", "slow down"), 0.5),
            (refused(503, "TOOMANYREQUESTS", "slow down"), 0.5),
        ],
    )
    def test_a_limit_that_comes_as_a_denial_lasts_for_minutes(self, answer, wait):
        world = World([answer, reply(201)])

        world.deliver()

        assert world.slept == [wait]

    def test_other_failures_in_between_do_not_use_these_waits_up(self):
        world = World([BUSY, SECONDARY, BUSY, SECONDARY, reply(201)])

        world.deliver()

        assert world.slept == [0.5, 60, 2, 120]

    def test_no_attempt_begins_after_the_whole_time(self):
        world = World([reply(429, b"", retry_after="100")], policy=RetryTable(total=250))

        response = world.deliver()

        assert (len(world.slept), response.attempts) == (2, 3)

    def test_the_whole_time_is_the_call_s(self):
        world = World([reply(429, b"", retry_after="100")], policy=RetryTable(total=250))

        response = world.deliver(call=Call(repository="acme/api", began=world.now - 100))

        assert response.attempts == 2

    def test_a_signal_ends_the_wait(self):
        world = World([BUSY])

        def interrupted(_seconds: float) -> None:
            raise InterruptedRunError("interrupted", hint="")

        world.sleep = interrupted  # type: ignore[method-assign]
        with pytest.raises(InterruptedRunError):
            world.deliver()
        assert len(world.sent) == 1


class TestWhatIsSaid:
    def test_a_wait_is_told_with_what_why_how_long_and_which_attempt(self):
        world = World([reply(503, {"errors": [{"code": "UNAVAILABLE", "message": "busy\x1b[31m\n::error::x"}]})])

        world.deliver()

        assert world.told[0] == (
            "trying to put ghcr.io/acme/api:main again in 2 s (attempt 4 of 6): "
            "ghcr.io answered 503 (UNAVAILABLE: busy?[31m ::error::x)"
        )
        assert len(world.told) == 3  # those of 2, 4 and 8 seconds
        assert all(line.isprintable() for line in world.told)

    def test_so_is_one_after_no_answer(self):
        world = World([unanswered(), reply(201)], policy=RetryTable(first_wait=3))

        world.deliver()

        assert world.told == ["trying to put ghcr.io/acme/api:main again in 3 s (attempt 2 of 6): it went away"]

    def test_no_secret_is_told(self):
        world = World([refused(503, "UNAVAILABLE", "no s3cret-value"), reply(201)], policy=RetryTable(first_wait=3))

        world.retrying(Redactor(["s3cret-value"]))(Request(purpose="x", method="GET", url="https://ghcr.io/"))

        assert "no ***" in world.told[0]

    def test_the_last_error_says_how_often_and_how_long(self):
        world = World([unanswered()])

        with pytest.raises(RegistryError, match=r"it went away, the last of 6 attempts in 16 s\. Again\.") as raised:
            world.deliver()

        assert raised.value.transient

    def test_repetitions_are_counted_by_repository_among_threads(self):
        flaky = itertools.cycle([BUSY, reply(201)])
        world = World([])
        world.send = lambda _request: next(flaky)  # type: ignore[method-assign]
        retrying = world.retrying()

        def deliver(number: int) -> Response:
            call = Call(repository=f"acme/{number % 2}", began=world.now)
            return retrying(Request(purpose="x", method="GET", url="https://ghcr.io/", call=call))

        with ThreadPoolExecutor(8) as pool:
            statuses = {response.status for response in pool.map(deliver, range(200))}

        assert statuses == {201}
        assert retrying.repeated() == retrying.repeated("acme/0") + retrying.repeated("acme/1") == len(world.slept) > 0
        assert retrying.repeated("acme/2") == 0


class TestHeadWithoutWords:
    def test_a_403_is_asked_for_its_words(self):
        world = World([reply(403), SECONDARY, reply(200)])

        assert world.deliver("HEAD").status == 200
        assert [request.method for request in world.sent] == ["HEAD", "GET", "HEAD"]
        assert world.slept == [60]

    def test_what_the_words_say_is_the_answer(self):
        denied = refused(403, "DENIED", "permission_denied: write_package")
        world = World([reply(403), denied])

        assert world.deliver("HEAD").body == denied.body

    def test_where_reading_is_allowed_after_all_the_head_is_sent_once_more(self):
        world = World([reply(403), reply(200, b"manifest"), reply(404)])

        assert world.deliver("HEAD").status == 404


seconds = st.floats(0, 3600)
policies = st.builds(
    lambda attempts, waits, asked, limits, total: RetryTable(
        attempts=attempts,
        first_wait=min(waits),
        longest_wait=max(waits),
        longest_asked=asked,
        rate_limit_waits=limits,
        total=total,
    ),
    st.integers(1, 20),
    st.tuples(seconds, seconds),
    seconds,
    st.lists(seconds, max_size=5).map(tuple),
    seconds,
)


@given(
    policies,
    st.sampled_from([Passing.SOON, Passing.IN_MINUTES]),
    st.none() | st.floats(0, allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.integers(1, 30),
    st.integers(0, 30),
    st.floats(0, 10**9),
    st.floats(0, 1, exclude_max=True),
)
def test_every_wait_is_bounded(policy, passing, asked, closed, attempts, late, elapsed, chance):
    trouble = Trouble(why="x", passing=passing, asked=asked, closed=closed)

    wait = wait_before(policy, trouble, Progress(attempts=attempts, late=late, seconds=elapsed), chance)

    if wait is None:
        return
    assert 0 <= wait <= max(policy.longest_wait, policy.longest_asked, *policy.rate_limit_waits, 0)
    assert elapsed + wait <= policy.total
    assert attempts < policy.attempts
    if asked is not None and not (closed and attempts == 1):
        assert asked <= wait or wait == policy.longest_asked
        assert asked <= policy.longest_asked


@example(RetryTable(first_wait=1e-114, longest_wait=1e-114, total=1e-114), "", 503)  # too short for the clock
@given(policies, st.text(max_size=20) | st.integers(-(10**12), 10**12).map(str), st.sampled_from([403, 429, 500, 503]))
def test_any_server_is_given_up_in_the_end(policy, retry_after, status):
    words = "secondary rate limit" if status == 403 else ""
    answer = refused(status, "X", words, retry_after=retry_after, date=DATE)
    world = World([answer], policy=policy, now=0.0)  # where the clock is exact for any wait

    response = world.deliver()

    assert 1 <= response.attempts == len(world.sent) <= policy.attempts
    assert world.now <= policy.total
    assert all(wait >= 0 for wait in world.slept)


LOCAL = Registry("127.0.0.1", 5000)
API = Repository(LOCAL, "acme/api")
GHCR = Registry("ghcr.io")
ADA = Credentials(username="ada", password="s3cret-pw", origin="DOCKER_USER and DOCKER_PASSWORD")
DATA = b'{"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}'
INDEX = Manifest(data=DATA, media_type=OCI_INDEX, digest=digest_of(DATA))
FOUND = reply(200, b"", content_type=OCI_INDEX, docker_content_digest=str(INDEX.digest), content_length=str(len(DATA)))


def client(world: World, registry: Registry = LOCAL, credentials: Credentials | None = None) -> Client:
    return Client(registry, credentials, clock=lambda: world.now, send=world.send, waiting=world.waiting)


class TestTheClient:
    def test_a_call_survives_what_passes_and_tells_how_often(self):
        world = World([BUSY, unanswered(), FOUND])
        ours = client(world)

        assert ours.head(API, Tag("main")) == INDEX.descriptor
        assert (ours.retries(API), ours.retries(Repository(LOCAL, "acme/web")), ours.retries()) == (2, 0, 2)

    def test_a_refusal_is_the_last_answer_with_the_count(self):
        world = World([BUSY])

        with pytest.raises(RegistryError, match=r"answered 503 .*, the last of 6 attempts in 16 s") as raised:
            client(world).put(API, Tag("main"), INDEX)

        assert raised.value.transient

    def test_a_rate_limit_beyond_the_longest_says_when_to_come_back(self):
        world = World([refused(429, "TOOMANYREQUESTS", retry_after="1800")])

        with pytest.raises(RateLimitError, match=r"again in 30 min\.") as raised:
            client(world).put(API, Tag("main"), INDEX)

        assert raised.value.retry_after == 1800
        assert len(world.sent) == 1

    def test_without_a_policy_it_asks_once(self):
        world = World([BUSY], policy=None)

        with pytest.raises(RegistryError, match="answered 503"):
            client(world).head(API, Tag("main"))

        assert len(world.sent) == 1

    def test_the_token_server_is_asked_again_too_and_counts_for_the_repository(self):
        challenge = reply(401, www_authenticate='Bearer realm="https://ghcr.io/token"')
        world = World([challenge, BUSY, BUSY, reply(200, {"token": "t"}), FOUND])
        ours = client(world, GHCR, ADA)
        api = Repository(GHCR, "acme/api")

        assert ours.head(api, Tag("main")) is not None
        assert ours.retries(api) == 2
        assert [request.url.startswith("https://ghcr.io/token") for request in world.sent] == [0, 1, 1, 1, 0]

    def test_one_call_shares_the_whole_time_with_its_token(self):
        challenge = reply(401, www_authenticate='Bearer realm="https://ghcr.io/token"')
        slow = reply(429, b"", retry_after="100")
        world = World([challenge, slow, slow, reply(200, {"token": "t"}), slow], policy=RetryTable(total=250))

        with pytest.raises(RateLimitError):
            client(world, GHCR, ADA).head(Repository(GHCR, "acme/api"), Tag("main"))

        assert len(world.slept) == 2

    def test_a_login_that_ends_in_the_middle_is_refreshed_once_and_then_asked_for(self):
        challenge = reply(401, www_authenticate='Bearer realm="https://ghcr.io/token"')
        world = World([challenge, reply(200, {"token": "t"}), FOUND, challenge, reply(401, {"details": "wrong"})])
        ours = client(world, GHCR, ADA)
        api = Repository(GHCR, "acme/api")
        ours.head(api, Tag("main"))

        with pytest.raises(AuthenticationError, match=r"DOCKER_USER and DOCKER_PASSWORD .* log in again"):
            ours.head(api, Tag("main"))

        assert len(world.sent) == 5

    def test_a_put_whose_answers_are_all_lost_is_done_where_it_stands(self):
        world = World([CLOSED, CLOSED, FOUND], policy=RetryTable(attempts=2))

        client(world).put(API, Tag("main"), INDEX)

        assert [request.method for request in world.sent] == ["PUT", "PUT", "HEAD"]

    @pytest.mark.parametrize(
        "there",
        [
            reply(404),
            replace(FOUND, headers={**FOUND.headers, "docker-content-digest": f"sha256:{'0' * 64}"}),
            reply(403),
            CLOSED,
            BUSY,
        ],
    )
    def test_else_it_is_the_error_of_the_put(self, there):
        world = World([CLOSED, CLOSED, there], policy=RetryTable(attempts=2))

        with pytest.raises(RegistryError, match=r"cannot put .*, the last of 2 attempts"):
            client(world).put(API, Tag("main"), INDEX)

    def test_what_it_holds_is_not_asked_where_the_refusal_is_for_good(self):
        world = World([reply(413)])

        with pytest.raises(RegistryError, match="413"):
            client(world).put(API, Tag("main"), INDEX)

        assert len(world.sent) == 1

    def test_the_look_after_a_put_shares_its_time(self):
        world = World([reply(503, b"", retry_after="100")], policy=RetryTable(total=250))

        with pytest.raises(RegistryError, match="503"):
            client(world).put(API, Tag("main"), INDEX)

        assert [request.method for request in world.sent] == ["PUT", "PUT", "PUT", "HEAD"]

    def test_a_put_whose_answer_was_lost_is_done_where_the_tag_never_moves(self):
        refusal = refused(400, "TAG_INVALID", "the tag is immutable")

        client(World([CLOSED, refusal, FOUND])).put(API, Tag("v1"), INDEX)

        with pytest.raises(OverwriteError):
            client(World([CLOSED, refusal, reply(404)])).put(API, Tag("v1"), INDEX)
