from __future__ import annotations

import ast
import importlib.util
import os
import sys
from pathlib import Path

import pytest

from docker_push import config
from docker_push.config import BuildFile, BuildTable, NodeTable, RegistryTable, SecretTable, SshTable
from docker_push.config.source import MAX_BYTES
from docker_push.errors import ConfigError, FindingsError

RESOURCES = Path(__file__).parents[1] / "resources"
REFUSED = sorted(RESOURCES.glob("refused-*.toml"))


def parse(text: str) -> BuildFile:
    return config.parse(text.encode(), "build.toml")


def findings(text: str) -> list[str]:
    with pytest.raises(FindingsError) as caught:
        parse(text)
    return list(caught.value.details)


def expected(path: Path) -> str:
    """Return the message that the first line of a file promises."""
    return path.read_text("utf-8").splitlines()[0].removeprefix("# ")


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_a_file_with_one_defect_gives_one_finding_with_line_key_and_what_is_allowed(path: Path):
    (found,) = findings(path.read_text("utf-8"))

    assert found.startswith(expected(path))


def test_every_defect_of_a_file_comes_out_at_once():
    bodies = [path.read_text("utf-8") for path in REFUSED if path.stem in {"refused-sha-length", "refused-network"}]

    assert len(findings(bodies[0] + bodies[1].replace("[images.api]", "[images.worker]"))) == 2


def test_findings_are_in_the_order_of_lines():
    found = findings('[images.b]\nx = 1\n[images.a]\ncontexts = { x = "target:c" }\ny = 1\n[tags]\nlatest = 1\n')

    assert [text.split(" ")[0] for text in found] == [f"build.toml:{line}" for line in (2, 4, 5, 7)]


def test_the_error_counts_its_findings_and_says_that_nothing_was_done():
    with pytest.raises(FindingsError, match=r"^build\.toml: 2 errors\. Nothing was built or published") as caught:
        parse("[images.api]\nx = 1\ny = 1\n")

    assert len(caught.value.findings) == 2
    assert caught.value.exit_code == 2


def test_thousands_of_findings_are_counted_not_listed():
    found = findings("[images.api]\n" + "".join(f"k{number} = 1\n" for number in range(3000)))

    assert len(found) == 51
    assert found[-1] == "build.toml: 2950 more errors. Correct the ones above first."


def test_an_empty_file_is_a_file_without_images():
    assert parse("") == BuildFile()


def test_every_key_is_read_as_it_is_written():
    file = parse((RESOURCES / "accepted-everything.toml").read_text("utf-8"))
    api = file.images["api"]

    assert file.groups == {"services": ("api", "jobs/worker"), "everything": ("services", "base")}
    assert file.registry == (
        RegistryTable(
            domain="localhost:5000",
            path="{owner}/{repo}/{image}",
            insecure=True,
            username_env="QUAY_USER",
            password_env="QUAY_PASSWORD",
        ),
    )
    assert api.secret == (SecretTable(id="npm", env="NPM_TOKEN"), SecretTable(id="netrc", src="secrets/netrc"))
    assert api.ssh == (SshTable(), SshTable(id="deploy", paths=("~/.ssh/id_ed25519",)))
    assert api.test == (("/bin/api", "--self-test"), ("--version",))
    assert api.platforms == ("linux/arm/v7", "linux/amd64")
    assert api.dockerfile == "Dockerfile"
    assert (api.pull, api.no_cache, api.network, api.shm_size) == (True, True, "host", "128m")
    assert file.images["base"] == BuildTable()
    assert file.images["jobs/worker"].attest == ()


def test_values_of_arguments_and_labels_are_data():
    api = parse((RESOURCES / "accepted-everything.toml").read_text("utf-8")).images["api"]

    assert api.args == {
        "WORKERS": "4",
        "DEBUG": "true",
        "PYTHON": "3.10",
        "GREETING": "-O2,${x}",
        "LINES": "a\nb",
    }
    assert api.labels == {"org.opencontainers.image.title": "api, the ${service}\nof %{ all }"}


@pytest.mark.parametrize(
    ("written", "passed"),
    [
        ("true", "true"),
        ("false", "false"),
        ("-7", "-7"),
        ("1_000", "1000"),
        ("3.10", "3.10"),
        ("1e3", "1e3"),
        ("inf", "inf"),
        ('"a,b"', "a,b"),
    ],
)
def test_arguments_may_be_numbers_and_booleans(written: str, passed: str):
    assert parse(f"[images.api]\nargs = {{ A = {written} }}\n").images["api"].args == {"A": passed}


def test_names_are_read_in_lower_case():
    file = parse('[images.API]\n[images.Worker]\ncontexts = { x = "target:Api" }\n[groups]\nALL = ["WORKER"]\n')

    assert list(file.images) == ["api", "worker"]
    assert file.images["worker"].contexts == {"x": "target:api"}
    assert file.groups == {"all": ("worker",)}


def test_a_builder_and_its_nodes_are_read_as_they_are_written():
    builder = parse((RESOURCES / "accepted-everything.toml").read_text("utf-8")).builder

    assert builder
    assert (builder.name, builder.driver) == ("ci.arm-1", "docker-container")
    assert builder.nodes == (
        NodeTable(
            platforms=("linux/amd64",),
            options={
                "image": "moby/buildkit:v0.34",
                "env.HTTP_PROXY": "http://proxy:3128",
                "cpu-shares": "512",
                "default-load": "true",
            },
            flags=("--allow-insecure-entitlement=network.host", "--debug"),
            config="infra/buildkitd.toml",
        ),
        NodeTable(endpoint="ssh://builder@arm.example:22", platforms=("linux/arm64", "linux/arm/v7")),
    )


@pytest.mark.parametrize(
    "address",
    [
        "tcp://arm.builders.example:1234",
        "tcp://[fd00::7]:1234",
        "unix:///run/buildkit/buildkitd.sock",
        "ssh://me@arm.example:22/run/buildkit/buildkitd.sock",
        "docker-container://buildkitd",
        "kube-pod://buildkitd-0?namespace=ci",
    ],
)
def test_a_remote_node_is_reached_as_buildx_reaches_it(address: str):
    builder = parse(f'[builder]\ndriver = "remote"\nnodes = [{{ endpoint = "{address}" }}]\n').builder

    assert builder
    assert builder.nodes == (NodeTable(endpoint=address),)


def test_several_registries_are_a_tuple_and_one_is_as_well():
    one = parse('[registry]\ndomain = "quay.io"\n').registry
    two = parse('[[registry]]\ndomain = "quay.io"\n[[registry]]\ndomain = "ghcr.io"\n').registry

    assert (one, [entry.domain for entry in two]) == ((RegistryTable(domain="quay.io"),), ["quay.io", "ghcr.io"])


def test_the_order_of_keys_and_tables_means_nothing():
    one = '[tags]\nsha-length = 7\nlatest = "never"\n[images.api]\ntarget = "a"\nargs = { A = 1, B = 2 }\n'
    other = '[images.api]\nargs = { B = 2, A = 1 }\ntarget = "a"\n[tags]\nlatest = "never"\nsha-length = 7\n'

    assert parse(one) == parse(other)


def test_a_file_is_read_from_disk_with_its_dockerfiles(tmp_path: Path):
    (tmp_path / "Dockerfile").touch()
    (tmp_path / "build.toml").write_text('[images.api]\ndockerfile = "Dockerfile"\n')

    assert config.load(tmp_path / "build.toml", tmp_path) == parse('[images.api]\ndockerfile = "Dockerfile"\n')


def test_findings_of_text_and_disk_come_out_at_once(tmp_path: Path):
    (tmp_path / "build.toml").write_text('[images.api]\ndockerfile = "Dockerfil"\nx = 1\n')
    (tmp_path / "Dockerfile").touch()

    with pytest.raises(FindingsError) as caught:
        config.load(tmp_path / "build.toml", tmp_path)

    first, second = caught.value.details
    assert first == (
        "build.toml:2 [images.api] dockerfile: the Dockerfile 'Dockerfil' does not exist. There is Dockerfile."
    )
    assert second.startswith("build.toml:3 [images.api] x: unknown key.")


def test_a_finding_on_disk_alone_is_an_error_too(tmp_path: Path):
    (tmp_path / "build.toml").write_text('[images.api]\ndockerfile = "Dockerfile"\n')

    with pytest.raises(FindingsError, match="1 error"):
        config.load(tmp_path / "build.toml", tmp_path)


@pytest.mark.parametrize("make", [lambda _: None, lambda path: path.mkdir()], ids=["missing", "folder"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, make):
    make(tmp_path / "build.toml")

    with pytest.raises(ConfigError, match=r"^build\.toml cannot be read: "):
        config.load(tmp_path / "build.toml", tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "build.toml")

    with pytest.raises(ConfigError, match=r"^build\.toml is not a file\."):
        config.load(tmp_path / "build.toml", tmp_path)


def test_no_more_of_a_file_is_read_than_a_build_toml_can_be(tmp_path: Path):
    (tmp_path / "build.toml").write_bytes(b"#" * (MAX_BYTES + 1))

    with pytest.raises(ConfigError, match=r"^build\.toml is larger than 4 MiB"):
        config.load(tmp_path / "build.toml", tmp_path)


def test_a_file_elsewhere_is_named_by_its_path(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"/elsewhere/build\.toml cannot be read"):
        config.load(tmp_path / "elsewhere" / "build.toml", tmp_path / "here")


@pytest.mark.parametrize(
    ("image", "keys", "place"),
    [
        ("api", ("args", "A"), "build.toml:6 [images.API] args.A"),
        ("api", ("args", "B"), "build.toml:3 [defaults] args.B"),
        ("api", ("ssh",), "build.toml:7 [images.API] ssh"),
        ("api", ("network",), "build.toml:5 [images.API] network"),
        ("other", ("args", "A"), "build.toml:2 [defaults] args.A"),
        ("other", ("labels", "x"), "build.toml:5 [images.other] labels.x"),
    ],
)
def test_the_place_of_an_image_s_key_is_found_in_its_table_or_in_defaults(tmp_path: Path, image, keys, place):
    text = '[defaults.args]\nA = "1"\nB = "2"\n\n[images.API]\nargs = { A = "3" }\nssh = [{}]\n'
    (tmp_path / "build.toml").write_text(text)

    assert config.locate(tmp_path / "build.toml", tmp_path, image, *keys) == place


def outside_imports(name: str, seen: set[str]) -> set[str]:
    """Return the libraries that importing a module of the package brings in, found in its source."""
    spec = importlib.util.find_spec(name)
    if name in seen or spec is None or spec.origin is None:
        return set()
    seen.add(name)
    found: set[str] = set()
    for node in ast.parse(Path(spec.origin).read_text("utf-8")).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        ours = [other for other in names if other.startswith("docker_push")]
        found |= {other.partition(".")[0] for other in names if other not in ours}
        found |= {library for other in ours if is_module(other) for library in outside_imports(other, seen)}
    return found


def is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("name", ["docker_push.config", "docker_push.options"])
def test_reading_brings_in_a_toml_parser_and_pydantic_and_nothing_more(name: str):
    assert outside_imports(name, set()) - sys.stdlib_module_names == {"tomli", "pydantic", "pydantic_core"}
