"""A described builder as a value: its name, the commands that make it, how one that is there differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from docker_push.builder import Description, describe
from docker_push.config import BuilderTable, NodeTable

ROOT, HOME = Path("/repository"), Path("/home/me")
AMD = NodeTable(endpoint="tcp://amd.example:1234", platforms=("linux/amd64",), ca="keys/ca.pem")
ARM = NodeTable(
    endpoint="tcp://arm.example:1234", platforms=("linux/arm64",), ca="~/ca.pem", cert="/etc/c.pem", key="/etc/k.pem"
)


def described(*nodes: NodeTable, driver: str = "remote", name: str | None = None) -> Description:
    return describe(BuilderTable.model_validate({"driver": driver, "name": name, "nodes": nodes}), ROOT, HOME)


def listed(description: Description, **changes: object) -> dict:
    """Return the builder as buildx lists it after it was made, its first node with changes."""
    nodes = [
        {
            "Name": node.name,
            "Endpoint": node.endpoint or "default",
            "Platforms": [*node.platforms, "linux/amd64", "linux/386"],
            "DriverOpts": dict(node.options),
            "Flags": list(node.flags),
            "Status": "running",
        }
        for node in description.nodes
    ]
    nodes[0] |= changes
    return {"Name": description.name, "Driver": description.driver, "Nodes": nodes}


def test_the_first_node_makes_the_builder_and_the_others_are_appended():
    made = described(AMD, ARM, name="ci")
    first, second = made.nodes

    assert made.create(first, further=False) == [
        *("docker", "buildx", "create", "--name", "ci", "--driver", "remote", "--node", first.name),
        *("--platform", "linux/amd64", "--driver-opt", "cacert=/repository/keys/ca.pem", "tcp://amd.example:1234"),
    ]
    assert "--append" in made.create(second, further=True)
    assert [word for word in made.create(second, further=True) if "=" in word] == [
        "cacert=/home/me/ca.pem",
        "cert=/etc/c.pem",
        "key=/etc/k.pem",
    ]


def test_a_cluster_s_pods_are_made_by_options_flags_and_a_configuration():
    node = NodeTable(
        platforms=("linux/arm64", "linux/arm/v7"),
        options={"nodeselector": "arch=arm64,pool=builds", "replicas": "2"},
        flags=("--debug", "--oci-worker-gc-keepstorage=10 GB"),
        config="infra/buildkitd.toml",
    )
    made = described(node, driver="kubernetes", name="ci")

    assert made.create(made.nodes[0], further=False)[9:] == [
        *("--platform", "linux/arm64,linux/arm/v7"),
        *("--driver-opt", '"nodeselector=arch=arm64,pool=builds"', "--driver-opt", "replicas=2"),
        *("--buildkitd-flags", "--debug '--oci-worker-gc-keepstorage=10 GB'"),
        *("--buildkitd-config", "/repository/infra/buildkitd.toml"),
    ]


def test_without_nodes_there_is_one_with_nothing_said():
    made = described(driver="docker-container")

    assert [(node.endpoint, node.platforms) for node in made.nodes] == [(None, ())]
    assert made.platforms == ()


def test_no_command_selects_the_builder():
    made = described(AMD, ARM)

    assert not any("--use" in made.create(node, further=True) for node in made.nodes)


def test_each_description_has_a_builder_of_its_own():
    names = {
        described(AMD).name,
        described(AMD, ARM).name,
        described(ARM, AMD).name,
        described(driver="kubernetes").name,
    }

    assert len(names) == 4
    assert described(AMD).name == described(AMD).name
    assert all(name.startswith("docker-push-") and len(name) == 20 for name in names)


def test_a_builder_with_a_name_keeps_it_and_its_nodes_tell_what_they_were_made_from():
    one, other = described(AMD, name="ci"), described(ARM, name="ci")

    assert (one.name, other.name) == ("ci", "ci")
    assert one.nodes[0].name != other.nodes[0].name


def test_another_configuration_of_buildkitd_is_another_description(tmp_path: Path):
    def name(text: str) -> str:
        (tmp_path / "buildkitd.toml").write_text(text)
        table = BuilderTable(driver="kubernetes", nodes=(NodeTable(config="buildkitd.toml"),))
        return describe(table, tmp_path, HOME).name

    assert name("debug = true") != name("debug = false")


def test_a_builder_as_it_was_made_is_the_same():
    made = described(AMD, ARM)

    assert made.differences(listed(made)) == ()
    assert made.missing(listed(made)) == ()


def test_a_builder_that_somebody_else_made_alike_is_the_same():
    made = described(AMD, ARM, name="ci")

    assert made.differences(listed(made, Name="ci0")) == ()


def test_the_default_context_is_the_address_that_buildx_notes_of_it():
    made = described(NodeTable(endpoint="default"), driver="docker-container")

    assert made.differences(listed(made, Endpoint="unix:///var/run/docker.sock")) == ()


def test_what_buildx_adds_by_itself_is_no_difference():
    made = described(driver="docker-container")

    assert made.differences(listed(made, Flags=["--allow-insecure-entitlement=network.host"])) == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"Endpoint": "tcp://other.example:1"},
            "its endpoint is tcp://other.example:1, described is tcp://amd.example",
        ),
        ({"Platforms": ["linux/arm64"]}, "it is for linux/arm64, described is linux/amd64"),
        ({"DriverOpts": {}}, "its option cacert is not set, described is /repository/keys/ca.pem"),
        ({"DriverOpts": None}, "its option cacert is not set"),
        ({"Flags": ["--debug"]}, "its flags are --debug, described are none"),
    ],
)
def test_a_builder_that_is_another_is_told_by_its_difference(changes: dict, said: str):
    made = described(AMD, ARM)

    (difference,) = made.differences(listed(made, **changes))

    assert said in difference


def test_another_driver_or_number_of_nodes_is_a_difference():
    made = described(AMD, ARM)

    assert made.differences({**listed(made), "Driver": "docker-container"}) == (
        "its driver is docker-container, described is remote",
    )
    assert made.differences({**listed(made), "Nodes": []}) == ("it has 0 of 2 nodes (none)",)


def test_a_variable_of_buildkitd_is_never_shown():
    made = described(NodeTable(options={"env.TOKEN": "s3cret"}), driver="kubernetes")

    (difference,) = made.differences(listed(made, DriverOpts={"env.TOKEN": "0ther"}))

    assert difference.endswith("its option env.TOKEN is another")


def test_a_configuration_that_somebody_else_gave_cannot_be_told():
    made = described(NodeTable(config="buildkitd.toml"), driver="kubernetes", name="ci")

    assert made.differences(listed(made)) == ()
    assert "buildkitd.toml" in made.differences(listed(made, Name="ci0"))[0]


def test_a_builder_that_was_left_half_made_lacks_nodes_and_one_of_somebody_else_does_not():
    made = described(AMD, ARM, name="ci")
    half = {**listed(made), "Nodes": listed(made)["Nodes"][:1]}
    theirs = {**half, "Nodes": [{**half["Nodes"][0], "Name": "ci0"}]}
    changed = {**half, "Nodes": [{**half["Nodes"][0], "Endpoint": "tcp://other.example:1"}]}

    assert made.missing(half) == made.nodes[1:]
    assert made.missing(theirs) == ()
    assert made.missing(changed) == ()
    assert made.differences(theirs) == ("it has 1 of 2 nodes (tcp://amd.example:1234)",)
