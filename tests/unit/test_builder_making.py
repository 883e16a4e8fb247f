"""Making and removing a described builder: whole or not at all, and nothing of anybody else's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from buildx_store import BuildxStore
from docker_push.builder import Description, describe, making, state
from docker_push.config import BuilderTable, NodeTable
from docker_push.errors import BuilderError, FindingsError
from recorded_programs import RecordedPrograms

NODES = (
    NodeTable(endpoint="tcp://amd.example:1234", platforms=("linux/amd64",)),
    NodeTable(endpoint="tcp://arm.example:1234", platforms=("linux/arm64",)),
)


def described(name: str | None = "ci", nodes: tuple[NodeTable, ...] = NODES) -> Description:
    return describe(BuilderTable(driver="remote", name=name, nodes=nodes), Path("/"), Path("/home/me"))


def programs(store: BuildxStore) -> RecordedPrograms:
    return RecordedPrograms(environ={}, folder=Path("/"), programs={"docker": store.docker})


def up(store: BuildxStore, description: Description) -> tuple[bool, list[str]]:
    said: list[str] = []
    return making.up(programs(store), description, said.append), said


def test_a_builder_is_made_node_by_node_and_said_in_one_line():
    store, wanted = BuildxStore(), described()

    made, said = up(store, wanted)

    assert made
    assert [node["Endpoint"] for node in store.builders["ci"]["Nodes"]] == [node.endpoint for node in wanted.nodes]
    assert said == [
        "Made builder ci (driver remote: tcp://amd.example:1234 for linux/amd64; tcp://arm.example:1234 for linux/arm64)"
    ]


def test_the_same_again_changes_nothing():
    store = BuildxStore()
    up(store, described())
    before = repr(store.builders)

    assert up(store, described()) == (False, [])
    assert repr(store.builders) == before


def test_a_builder_of_this_name_that_is_another_is_refused_with_the_difference_and_stays():
    store = BuildxStore()
    up(store, described(nodes=NODES[:1]))
    before = repr(store.builders)

    with pytest.raises(BuilderError, match=r"ci is there and is another: it has 1 of 2 nodes.*docker\.builder down"):
        up(store, described())
    assert repr(store.builders) == before


def test_a_failure_on_the_second_node_leaves_nothing_behind():
    store = BuildxStore(
        {"theirs": {"Name": "theirs", "Driver": "remote", "Nodes": []}}, refuses="tcp://arm.example:1234"
    )

    with pytest.raises(BuilderError, match=r"ci cannot be made: node 2 \(tcp://arm\.example:1234 .*no such option"):
        up(store, described())
    assert list(store.builders) == ["theirs"]


def test_a_second_node_that_is_waited_for_in_vain_leaves_nothing_behind():
    store = BuildxStore()

    def hangs(argv: Sequence[str]) -> None:
        if "--append" in argv:
            raise BuilderError("it did not end within 60 s", hint="Look at it.")

    store.before = hangs

    with pytest.raises(BuilderError, match="did not end within 60 s"):
        up(store, described())
    assert store.builders == {}


def test_a_node_that_does_not_answer_leaves_nothing_behind_and_is_named_with_the_reason():
    store = BuildxStore(down={"tcp://arm.example:1234"})

    with pytest.raises(BuilderError, match=r"builder ci: tcp://arm\.example:1234 does not answer: dial tcp .* refused"):
        up(store, described())
    assert store.builders == {}


def test_a_builder_that_was_there_stays_when_a_node_does_not_answer():
    store = BuildxStore()
    up(store, described())
    store.down.add("tcp://arm.example:1234")

    with pytest.raises(BuilderError, match="does not answer"):
        up(store, described())
    assert list(store.builders) == ["ci"]


def test_what_a_killed_run_left_half_made_is_completed():
    store, wanted = BuildxStore(), described()
    programs(store).run(wanted.create(wanted.nodes[0], further=False))

    made, _ = up(store, wanted)

    assert made
    assert len(store.builders["ci"]["Nodes"]) == 2


def test_two_runs_that_make_the_same_builder_make_one():
    store, wanted = BuildxStore(), described()

    def other(argv: Sequence[str]) -> None:
        if argv[2] == "create":  # whatever we are about to do, the other run has done by now
            store.before = lambda _argv: None
            up(store, wanted)

    store.before = other

    up(store, wanted)

    assert [node["Name"] for node in store.builders["ci"]["Nodes"]] == [node.name for node in wanted.nodes]


def test_a_builder_that_another_run_takes_away_meanwhile_is_made_again():
    store, wanted = BuildxStore(), described()

    def other(argv: Sequence[str]) -> None:
        if "--append" in argv:
            store.before = lambda _argv: None
            store.builders.clear()

    store.before = other

    assert up(store, wanted)[0]
    assert len(store.builders["ci"]["Nodes"]) == 2


def test_a_builder_that_comes_in_between_and_is_another_is_refused():
    store, wanted = BuildxStore(), described()

    def other(argv: Sequence[str]) -> None:
        if argv[2] == "create":
            store.before = lambda _argv: None
            up(store, described(nodes=NODES[:1]))

    store.before = other

    with pytest.raises(BuilderError, match="is another"):
        up(store, wanted)
    assert len(store.builders["ci"]["Nodes"]) == 1


def test_a_builder_that_comes_in_between_stays_when_ours_cannot_be_made():
    store, theirs = BuildxStore(refuses="tcp://amd.example:1234"), {"Name": "ci", "Driver": "docker-container"}

    def other(argv: Sequence[str]) -> None:
        if argv[2] == "create":
            store.builders["ci"] = {**theirs, "Nodes": [{"Name": "ci0", "Endpoint": "default"}]}

    store.before = other

    with pytest.raises(BuilderError, match="ci cannot be made"):
        up(store, described())
    assert [node["Name"] for node in store.builders["ci"]["Nodes"]] == ["ci0"]


def test_down_removes_that_builder_alone_also_where_it_is_another():
    store = BuildxStore({"theirs": {"Name": "theirs", "Driver": "remote", "Nodes": []}})
    up(store, described(nodes=NODES[:1]))

    assert making.down(programs(store), "ci")
    assert list(store.builders) == ["theirs"]
    assert not making.down(programs(store), "ci")


def test_a_context_of_docker_s_is_never_removed():
    store = BuildxStore({"arm": {"Name": "arm", "Driver": "docker", "Nodes": []}})

    with pytest.raises(BuilderError, match="context"):
        making.down(programs(store), "arm")
    assert list(store.builders) == ["arm"]


def test_files_that_are_not_there_are_one_error_with_their_places(tmp_path: Path):
    key = tmp_path / "key.pem"
    key.write_text("key")
    node = NodeTable(endpoint="tcp://a:1", ca=str(tmp_path / "no.pem"), cert=str(tmp_path), key=str(key))

    with pytest.raises(FindingsError) as caught:
        making.check_files(described(nodes=(node,)), lambda *keys: ".".join(map(str, keys)))

    assert [(found.where, found.problem) for found in caught.value.findings] == [
        ("builder.nodes.0.ca", f"{tmp_path}/no.pem does not exist"),
        ("builder.nodes.0.cert", f"{tmp_path} cannot be read"),
    ]


def test_the_state_of_a_builder_that_is_whole_is_able():
    store = BuildxStore()
    up(store, described())

    found = state.look(programs(store), described())

    assert found.error is None
    assert found.document()["able"] is True
    assert [node.status for node in found.nodes] == ["running", "running"]
    assert "tcp://arm.example:1234; running; linux/arm64" in found.text


def test_the_state_of_a_builder_that_is_not_there_says_how_it_comes_about():
    found = state.look(programs(BuildxStore()), described())

    assert [node.status for node in found.nodes] == ["not made", "not made"]
    assert "docker-push builder up" in str(found.error)


def test_the_state_of_a_builder_that_is_half_made_says_so():
    store, wanted = BuildxStore(), described()
    programs(store).run(wanted.create(wanted.nodes[0], further=False))

    found = state.look(programs(store), wanted)

    assert [node.status for node in found.nodes] == ["made", "not made"]
    assert "half made" in str(found.error)


def test_the_state_of_a_builder_with_a_node_that_does_not_answer_names_it_and_the_reason():
    store = BuildxStore()
    up(store, described())
    store.down.add("tcp://arm.example:1234")

    found = state.look(programs(store), described())

    assert [node.error for node in found.nodes] == [
        "",
        "does not answer: dial tcp tcp://arm.example:1234: connection refused",
    ]
    assert found.error
    assert found.error.exit_code == 7


def test_the_state_of_a_builder_that_is_another_is_its_difference():
    store = BuildxStore()
    up(store, described(nodes=NODES[:1]))

    assert "is another" in str(state.look(programs(store), described()).error)
