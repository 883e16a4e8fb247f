"""buildx's builders without buildx: what ``create``, ``ls``, ``inspect`` and ``rm`` do to them, as a function."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from docker_push.process import Completed
from recorded_programs import completed


@dataclass
class BuildxStore:
    """The builders by name; ``before`` is called with every command, and may change them as another run would."""

    builders: dict[str, dict[str, Any]] = field(default_factory=dict)
    refuses: str = ""  # an endpoint that create fails for
    down: set[str] = field(default_factory=set)  # endpoints that do not answer
    before: Callable[[Sequence[str]], None] = lambda _argv: None

    def docker(self, argv: Sequence[str], _input: str | None, _environ: Mapping[str, str]) -> Completed:
        self.before(argv)
        work = {"ls": self.ls, "create": self.create, "inspect": self.inspect, "rm": self.rm, "du": self.du}
        return work[argv[2]](list(argv[3:]))

    def ls(self, _argv: list[str]) -> Completed:
        return completed("\n".join(json.dumps(self._seen(builder)) for builder in self.builders.values()))

    def create(self, argv: list[str]) -> Completed:
        said = dict(pairwise(argv))
        name, node, endpoint = said["--name"], said["--node"], argv[-1] if "://" in argv[-1] else "default"
        options = dict(argv[i + 1].split("=", 1) for i, word in enumerate(argv) if word == "--driver-opt")
        if endpoint == self.refuses:
            return completed(stderr=f"ERROR: failed to initialize builder {name}: no such option\n", status=1)
        builder = self.builders.get(name)
        if builder is None:
            if "--append" in argv:
                return completed(stderr=f'ERROR: failed to find instance "{name}" for append\n', status=1)
            builder = self.builders[name] = {"Name": name, "Driver": said["--driver"], "Nodes": []}
        nodes = {one["Name"]: one for one in builder["Nodes"]}
        if nodes and node not in nodes and "--append" not in argv:
            return completed(stderr=f"ERROR: node {node} not found, did you mean to append?\n", status=1)
        platforms = said["--platform"].split(",") if "--platform" in said else []
        nodes[node] = {"Name": node, "Endpoint": endpoint, "Platforms": platforms, "DriverOpts": options}
        builder["Nodes"] = list(nodes.values())
        return completed(f"{name}\n")

    def inspect(self, argv: list[str]) -> Completed:
        found = self.builders[argv[-1]]
        if any(node["Endpoint"] in self.down for node in found["Nodes"]):
            return completed(stderr="ERROR: context deadline exceeded\n", status=1)
        return completed()

    def rm(self, argv: list[str]) -> Completed:
        found = self.builders.pop(argv[-1], None)
        return completed(status=0 if found else 1)

    def du(self, _argv: list[str]) -> Completed:
        words = (
            f'connection error: desc = "transport: Error while dialing: dial tcp {min(self.down)}: connection refused"'
        )
        return completed(stderr=f"ERROR: failed to call diskusage: Unavailable: {words}\n", status=1)

    def _seen(self, builder: Mapping[str, Any]) -> dict[str, Any]:
        nodes = [
            {**node, "Status": "inactive" if node["Endpoint"] in self.down else "running"} for node in builder["Nodes"]
        ]
        return {**builder, "Nodes": nodes}
