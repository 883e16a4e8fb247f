"""What images were made from, by the real engine, against what crane says of the registries."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from docker_push import bake
from docker_push.bake import Output
from docker_push.bases import Bases, EngineHosts, connector
from docker_push.builder import Baked
from docker_push.observation import make_plan
from docker_push.options import Flags
from docker_push.preflight.engine import observe
from docker_push.run import Run, Surroundings, opened
from docker_push.sources import Sources
from registry_process import free_port
from scratch import Scratch

pytestmark = pytest.mark.engine

HUB = "docker.io/library/busybox:1.37"


@contextmanager
def run_of(scratch: Scratch, temporary: Path) -> Iterator[Run]:
    temporary.mkdir()
    surroundings = Surroundings(
        environ={**scratch.environ, "DOMAIN": scratch.registry},
        folder=scratch.root,
        temporary=temporary,
        say=lambda _line: None,
        emit=lambda _line: None,
        clock=monotonic,
        wall=lambda: 0.0,
        sleep=lambda _seconds: None,
    )
    with opened(surroundings, Flags()) as run:
        yield run


def baked(run: Run) -> Baked:
    """Build everything once, kept nowhere."""
    (batch,) = bake.batches(make_plan(run, look=False), 50)
    done = run.builder.bake(make_plan(run, look=False), batch, Output.CHECK, lambda _step: None)
    assert done.ok, done
    return done


def bases_of(run: Run) -> Bases:
    hosts = EngineHosts.read(observe(run.runner).content)
    return Bases(connector(run, hosts), clock=monotonic, hosts=hosts)


def shown(sources: Sources) -> dict[str, str]:
    return {name: str(digest) for name, digest in sources.bases.items()}


def own_image(scratch: Scratch, folder: Path) -> str:
    """Push an image whose files no other has: BuildKit joins steps that come to the same content, in all builds at once."""
    folder.mkdir()
    (folder / "unique").write_text(scratch.repository)
    with tarfile.open(folder / "layer.tar", "w") as layer:
        layer.add(folder / "unique", "unique")
    name = f"{scratch.path}/base:1"
    base = f"{hub_host(scratch)}/library/busybox:1.37"
    scratch.crane("append", "--platform", "linux/amd64", "-b", base, "-f", str(folder / "layer.tar"), "-t", name)
    return name


def written(scratch: Scratch, images: dict[str, tuple[str, str]]) -> None:
    """Write and commit images: name -> Dockerfile and further lines of build.toml."""
    table = '[images.{0}]\ncontext = "{0}"\ndockerfile = "{0}/Dockerfile"\nplatforms = ["linux/amd64"]\n{1}\n'
    scratch.write({f"{name}/Dockerfile": text for name, (text, _) in images.items()})
    scratch.write({"build.toml": "".join(table.format(name, more) for name, (_, more) in images.items())})
    scratch.commit_all()


def test_bases_are_what_the_registries_say_they_are(scratch: Scratch, tmp_path: Path):
    own = own_image(scratch, tmp_path / "layer")
    digest = scratch.digest("base", "1")
    hub = scratch.crane("digest", f"{hub_host(scratch)}/library/busybox:1.37").strip()
    images = {
        "from": (f"ARG BASE={own}\nFROM $BASE\nRUN echo from\n", ""),
        "copied": (f"FROM scratch\nCOPY --from={own} /unique /copied\n", ""),
        "mounted": (f"FROM busybox:1.37\nRUN --mount=type=bind,from={own},target=/m cat /m/unique > /mounted\n", ""),
        "named": (
            "FROM scratch\nCOPY --from=tool /unique /named\n",
            f'contexts = {{ tool = "docker-image://{own}@{digest}" }}',
        ),
        "pinned": (f"FROM {own}@{digest}\nRUN echo [1/2] FROM docker.io/library/evil:1@{digest}\n", ""),
        "upon": ("FROM base\nRUN echo upon\n", 'contexts = { base = "target:mounted" }'),
    }
    written(scratch, images)

    with run_of(scratch, tmp_path / "temporary") as run:
        once, again = baked(run), baked(run)
        bases = bases_of(run)
        today = bases.resolve([HUB, own])
        bases.close()

    mine, both = {own: digest}, {own: digest, HUB: hub}
    expected = {"from": mine, "copied": mine, "mounted": both, "named": {}, "pinned": {}, "upon": both}
    assert {name: str(one) for name, one in today.items()} == both
    for done in (once, again):
        assert {name: sources.moving for name, sources in done.sources.items()} == dict.fromkeys(images)
        found = {name: shown(sources) for name, sources in done.sources.items()}
        assert found == expected


def test_an_image_by_tag_for_a_context_moves(scratch: Scratch, tmp_path: Path):
    own = own_image(scratch, tmp_path / "layer")
    more = f'contexts = {{ tool = "docker-image://{own}" }}'
    written(scratch, {"api": ("FROM scratch\nCOPY --from=tool /unique /x\n", more)})

    with run_of(scratch, tmp_path / "temporary") as run:
        found = baked(run).sources["api"]

    assert found == Sources(bases={}, moving=f"BuildKit does not tell the digest of {own}")


def test_where_a_name_means_another_image_now_that_is_told(scratch: Scratch, tmp_path: Path):
    own = own_image(scratch, tmp_path / "layer")
    written(scratch, {"api": (f"FROM {own}\nRUN echo lone\n", "")})

    with run_of(scratch, tmp_path / "temporary") as run:
        before = baked(run).sources["api"]
        scratch.crane("mutate", "--label", "moved=yes", "--tag", own, own)
        after = bases_of(run)
        moved = after.resolve([own, f"{scratch.path}/none:1", f"127.0.0.1:{free_port()}/a/b:1"])
        after.close()

    assert before.moving is None
    assert str(moved[own]) == scratch.digest("base", "1") != str(before.bases[own])
    assert [digest for name, digest in moved.items() if name != own] == [None, None]
    assert sorted(after.reasons) == sorted(name for name in moved if name != own)


def hub_host(scratch: Scratch) -> str:
    """Return the registry that the engine asks for Docker Hub's images."""
    info = json.loads(scratch.run("docker", "info", "--format", "{{json .RegistryConfig.Mirrors}}").out)
    return next(iter(info or []), "https://index.docker.io/").partition("//")[2].rstrip("/")
