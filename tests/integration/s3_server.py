"""An S3 server of the tests' own: moto's, as a program, on loopback. It checks no signature, but keeps who signed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from registry_process import free_port

BUCKET, REGION = "acme-cache", "eu-central-1"
ACCESS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "s3cret/of+the/bucket/EXAMPLEKEY",
    "AWS_SESSION_TOKEN": "s3ssion-token-of-the-bucket",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class S3Server:
    """A server with one empty bucket."""

    url: str
    log: Path

    def table(self, prefix: str) -> str:
        """Return [cache] of a build.toml whose cache is in the bucket."""
        return (
            f'[cache]\nbackend = "s3"\nbucket = "{BUCKET}"\nregion = "{REGION}"\nprefix = "{prefix}"\n'
            f'endpoint-url = "{self.url}"\nuse-path-style = true\n'
        )

    @property
    def client(self) -> Any:
        """Return Amazon's own client; it asks often enough for a server that starts."""
        keys = {"aws_access_key_id": "tests", "aws_secret_access_key": "tests", "region_name": REGION}
        patient = Config(retries={"total_max_attempts": 12, "mode": "standard"})
        return boto3.client("s3", endpoint_url=self.url, config=patient, **keys)

    def keys(self, prefix: str) -> set[str]:
        """List the bucket below a prefix."""
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return {entry["Key"] for entry in found.get("Contents", ())}


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Run the server in ``folder``, which gets its log."""
    port = free_port()
    program = shutil.which("moto_server", path=Path(sys.executable).parent)
    assert program, "the dependency group `test` has moto"
    server = S3Server(f"http://127.0.0.1:{port}", folder / "s3.log")
    with server.log.open("wb") as log:
        process = subprocess.Popen([program, "--host", "127.0.0.1", "--port", str(port)], stdout=log, stderr=log)
        try:
            server.client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
            yield server
        finally:
            process.terminate()
            process.wait(10)
