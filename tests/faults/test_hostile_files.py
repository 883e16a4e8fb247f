"""R33: a build.toml that somebody wrote to break its reader: errors with their place, in bounded time."""

from __future__ import annotations

import re
import subprocess
import time

import pytest

from proxied_scratch import ProxiedScratch

pytestmark = pytest.mark.engine

LONG = 20.0  # seconds; each takes a fraction of one where nothing else runs
AT = r"build\.toml(:\d+| \[|: | is larger)"
FILES = {
    "nested": "[images.api]\nargs = " + "{a=" * 5000 + "1" + "}" * 5000 + "\n",
    "nested-lists": "[images.api]\nplatforms = " + "[" * 50_000 + "]" * 50_000 + "\n",
    "dotted": "a." * 20_000 + "b = 1\n",
    "dotted-table": "[" + "a." * 20_000 + "b]\n",
    "twice": "[images.api]\n[images.api]\n",
    "key-twice": '[images.api]\ncontext = "."\ncontext = "."\n',
    "outside": '[images.api]\ncontext = "../.."\n',
    "dockerfile-outside": '[images.api]\ndockerfile = "../../etc/passwd"\n',
    "absolute": '[images.api]\ncontext = "/etc"\n',
    "symlink-out": '[images.api]\ncontext = "out"\n',
    "dash": '[images.api]\ndockerfile = "-f"\n',
    "image-dash": "[images.-rf]\n",
    "comma": '[images."a,b"]\n',
    "nul": '[images.api]\ndockerfile = "a\\u0000b"\n',
    "raw-nul": '[images.api]\ndockerfile = "a\0b"\n',
    "escape": '[images.api]\ndockerfile = "a\\u001b[2Jb"\n',
    "long": f'[images.api]\ndockerfile = "{"a" * 10_000_000}"\n',
    "huge-number": f"[images.api]\nplatforms = {'9' * 5000}\n",
    "huge-year": "[images.api]\nplatforms = 99999-99-99\n",
    "types": "images = 1\n",
    "types-below": "[images]\napi = [1, 2]\n",
    "boolean": "[images.api]\ncontext = true\n",
    "infinite": "[images.api]\nplatforms = [inf, nan]\n",
    "unknown": "[images.api]\nplatfroms = []\n",
    "no-toml": "{{{{",
    "not-utf-8": "[images.api]\ncontext = '\udcff\udcfe'\n",
    "utf-16": None,
    "many-images": "".join(f"[images.i{number}]\nneeds = 1\n" for number in range(5000)),
    "default-of-all": "[defaults]\nplatforms = 3\n[groups]\na = ['b']\nb = ['a']\n",
}


@pytest.mark.parametrize("kind", FILES)
def test_r33_a_hostile_file_is_refused_with_its_place_in_bounded_time(case: ProxiedScratch, kind: str):
    text = FILES[kind]
    data = "[images.api]\n".encode("utf-16") if text is None else text.encode("utf-8", "surrogateescape")
    (case.root / "build.toml").write_bytes(data)
    (case.root / "out").symlink_to("/etc")

    started = time.monotonic()
    done = subprocess.run(
        ["docker-push", "list"], cwd=case.root, env=case.environ, capture_output=True, timeout=LONG, check=False
    )

    out, err = done.stdout.decode("utf-8", "strict"), done.stderr.decode("utf-8", "strict")
    assert time.monotonic() - started < LONG
    assert (done.returncode, out) == (2, ""), err[-2000:]
    assert re.search(AT, err), err[-2000:]
    assert "Traceback" not in err
    assert "RecursionError" not in err
    assert len(err) < 200_000
    assert [character for character in err if not (character.isprintable() or character in "\n\t")] == []
    assert err.strip().splitlines()[-1].startswith("docker-push: ")
