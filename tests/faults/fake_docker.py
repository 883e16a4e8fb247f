"""A ``docker`` before the real one whose bake is a shell script: it says what it likes, and builds nothing."""

from __future__ import annotations

from pathlib import Path

from wrapped_docker import wrapped

DIGEST = f"sha256:{'a' * 64}"
# $metadata is the file of --metadata-file; the definition comes on standard input
_BAKE = """#!/bin/sh
cat > /dev/null
while [ $# -gt 0 ]; do [ "$1" = --metadata-file ] && metadata=$2; shift; done
"""


def with_bake(folder: Path, script: str) -> str:
    """Return a PATH on which ``docker buildx bake`` runs a shell script, and all else is the real docker."""
    folder.mkdir(parents=True, exist_ok=True)
    bake = folder / "bake"
    bake.write_text(_BAKE + script)
    bake.chmod(0o755)
    quoted = str(bake).replace("'", "'\\''")
    return wrapped(folder, {'"buildx bake"*': f"exec '{quoted}' \"$@\""})


def claims(name: str = "api", digest: str = DIGEST) -> str:
    """Return the script that writes the metadata file of a bake that pushed."""
    return f"""echo '{{"{name}": {{"containerimage.digest": "{digest}"}}}}' > "$metadata"\n"""
