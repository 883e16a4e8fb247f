"""Pushes of different commits, faults, kills, resumes and pushers at once, against a model of what may stand in the registry.

The registry is in memory, so that hypothesis can try thousands of histories; the same faults meet the real registry in
tests/faults. A run is what ``docker.push`` does after building: observe, stage, verify, settle, move.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from docker_push import publish
from docker_push.errors import DockerPushError, InterruptedRunError
from docker_push.facts import Facts
from docker_push.history import History, Relation
from docker_push.plan import Plan, plan
from docker_push.publish import Ledger, Rules
from docker_push.references import Digest, Registry
from docker_push.registry import Client, Request, Response
from examples_of import CONTEXT, image, options, registry
from memory_registry import MemoryRegistry

LOCAL = Registry.parse("localhost:5000")
IMAGES = {"api": "atomicloud/my-service/api", "worker": "atomicloud/my-service/worker"}
MOVING = ("main", "latest")


def commit_of(number: int) -> str:
    return f"{number:040x}"


@dataclass
class Pusher:
    """One run of one commit; ``requests`` counts, and the hook of a number is called before that request is sent."""

    memory: MemoryRegistry
    number: int
    commits: list[int]
    hooks: dict[int, Callable[[Request], Response | None]] = field(default_factory=dict)
    requests: int = 0

    def send(self, request: Request) -> Response:
        self.requests += 1
        hook = self.hooks.pop(self.requests, None)
        answer = hook(request) if hook else None
        return answer if answer is not None else self.memory(request)

    def history(self) -> History:
        """Return what the remote says now: commits are added at the end, and taken away by a force push."""
        ours, everything = self.number, self.commits
        tip = commit_of(everything[-1])
        if ours not in everything:
            return History(
                ref="refs/heads/main", relation=Relation.DIVERGED, tip=tip, commit=commit_of(ours), why="gone"
            )
        newer = tuple(commit_of(one) for one in reversed(everything[everything.index(ours) + 1 :]))
        relation = Relation.BEHIND if newer else Relation.TIP
        return History(ref="refs/heads/main", relation=relation, tip=tip, newer=newer, commit=commit_of(ours))

    def run(self, *, broken: bool = False) -> None:
        """Push; raises what ends the run. A broken image is never staged."""
        client = Client(LOCAL, clock=lambda: 0.0, send=self.send)
        clients = {LOCAL: client}
        draft = planned(self.number)
        seen = plan(
            asked(),
            replace(CONTEXT, commit=commit_of(self.number)),
            Facts(repositories=publish.observe(draft, clients)),
        )
        digests = {
            one.name: one.digest or self.stage(one.name, seen)
            for one in seen.images
            if not (broken and one.name == "worker")
        }
        if broken:
            raise DockerPushError("image worker: the build failed", hint="Mend it.")
        staged = publish.settle(seen, publish.verify(seen, digests, clients), clients)
        rules = Rules(history=lambda _fresh: self.history(), commit_tag=seen.commit_tag_of, lag=0.0)
        publish.move(staged, clients, rules, Ledger(staged, (), lambda _outcome: None))

    def stage(self, name: str, made: Plan) -> Digest:
        """Do what BuildKit does: push the index under the commit tag."""
        one = next(one for one in made.images if one.name == name)
        note = f"{name} of {self.number}"
        return self.memory.put_index(
            IMAGES[name], one.platforms, str(one.commit_tag), fingerprint=one.fingerprint, note=note
        )


def asked():
    return options(image("api"), image("worker"), registries=(registry("localhost:5000"),))


def planned(number: int) -> Plan:
    return plan(asked(), replace(CONTEXT, commit=commit_of(number)))


def refused(request: Request) -> Response:
    body = b'{"errors": [{"code": "DENIED", "message": "no"}]}'
    return Response(status=403, url=request.url, body=body)


def failed(request: Request) -> Response:
    return Response(status=500, url=request.url)


class Pushes(RuleBasedStateMachine):
    """The registry, the remote's branch, and what successful runs have promised."""

    @initialize()
    def start(self) -> None:
        self.memory = MemoryRegistry()
        self.commits = [1]
        self.known = 1
        self.best: int | None = None
        self.forced = False

    @rule()
    def commit(self) -> None:
        self.known += 1
        self.commits.append(self.known)

    @rule(count=st.integers(1, 2))
    def force_push(self, count: int) -> None:
        """Take the newest commits off the branch, as long as none of them was published."""
        gone = self.commits[-count:]
        if len(self.commits) > count and (self.best is None or self.best not in gone):
            del self.commits[-count:]
            self.known += 1
            self.commits.append(self.known)

    @rule(data=st.data())
    def push(self, data: st.DataObject) -> None:
        pusher = self._pusher(data)
        self._succeeds(pusher)

    @rule(data=st.data(), at=st.integers(1, 60), fault=st.sampled_from(["403", "500", "lost", "kill"]))
    def push_with_a_fault(self, data: st.DataObject, at: int, fault: str) -> None:
        pusher = self._pusher(data)
        pusher.hooks[at] = self._fault(fault)
        try:
            pusher.run()
        except DockerPushError:
            return
        self._promise(pusher)

    @rule(data=st.data())
    def push_of_a_broken_image(self, data: st.DataObject) -> None:
        before = self._moving()
        try:
            self._pusher(data).run(broken=True)
        except DockerPushError:
            assert self._moving() == before, "P2: a tag moved although an image of the run is broken"

    @rule(data=st.data(), at=st.integers(1, 60))
    def push_while_another_pushes(self, data: st.DataObject, at: int) -> None:
        """Let a whole other run happen before a request of this one, but for the PUT of a moving tag.

        Between the last look at a tag and its PUT lies the window that the protocol leaves open.
        """
        one, other = self._pusher(data), self._pusher(data)

        def interleaved(request: Request) -> Response | None:
            if request.method != "PUT":
                self._succeeds(other)
            return None

        one.hooks[at] = interleaved
        self._succeeds(one)

    @invariant()
    def nothing_is_half_published(self) -> None:
        """P1 and P2: a moving tag names a commit all of whose images are staged whole."""
        for path, digest in self._moving().items():
            number = self._commit_with(path[0], digest)
            assert number is not None, f"{path} names what no commit tag names"
            for name, repository in IMAGES.items():
                tag = f"{commit_of(number)}-main"
                assert tag in self.memory.tags(repository), f"{path} was moved before {name} of {number} was staged"

    @invariant()
    def older_never_beats_newer(self) -> None:
        """P7: every moving tag names the newest commit that was pushed with success, or a newer one."""
        if self.best is None:
            return
        for path, digest in self._moving().items():
            number = self._commit_with(path[0], digest)
            assert number is not None
            assert number >= self.best, f"{path} went back from commit {self.best} to {number}"

    def _pusher(self, data: st.DataObject) -> Pusher:
        number = data.draw(st.sampled_from(self.commits[-4:]), label="commit")
        return Pusher(self.memory, number, self.commits)

    def _succeeds(self, pusher: Pusher) -> None:
        pusher.run()
        self._promise(pusher)

    def _promise(self, pusher: Pusher) -> None:
        """A run that succeeded has kept P1: its commit tag is there, and every moving tag is its own or newer."""
        for repository in IMAGES.values():
            tags = self.memory.tags(repository)
            assert f"{commit_of(pusher.number)}-main" in tags
            assert set(MOVING) <= set(tags)
        self.best = max(self.best or 0, pusher.number)

    def _fault(self, kind: str) -> Callable[[Request], Response | None]:
        def lost(request: Request) -> Response:
            self.memory(request)
            return failed(request)

        def kill(_request: Request) -> Response:
            raise InterruptedRunError("terminated", hint="Run it again.", signal_number=15)

        return {"403": refused, "500": failed, "lost": lost, "kill": kill}[kind]

    def _moving(self) -> dict[tuple[str, str], str]:
        return {
            (path, tag): digest
            for path in IMAGES.values()
            for tag, digest in self.memory.tags(path).items()
            if tag in MOVING
        }

    def _commit_with(self, path: str, digest: str) -> int | None:
        tags = {tag: found for tag, found in self.memory.tags(path).items() if tag not in MOVING}
        return next((int(tag.partition("-")[0], 16) for tag, found in tags.items() if found == digest), None)


TestPushes = Pushes.TestCase
TestPushes.settings = settings(stateful_step_count=12)  # how many examples: the profile of tests/conftest.py
