"""The benchmark, few images of it: every part of a row works, and what it writes has its form. Times are not looked at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "benchmarks" / "run.py"


def measured(folder: Path, environ: dict[str, str], *names: str) -> dict[str, list[int]]:
    """Measure some rows and return the rounds of each side that are kept of every row."""
    argv = ["--quick", "--rounds", "2", *(part for name in names for part in ("--only", name))]
    done = subprocess.run(
        [sys.executable, RUN, *argv, "--output", str(folder)],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    kept = json.loads((folder / "results.json").read_text())
    return {row["name"]: [len(row["ours"]), len(row["theirs"])] for row in kept["rows"]}


@pytest.mark.engine
def test_a_row_is_measured_and_written_down(engine: dict[str, str], registry: str, tmp_path: Path):
    assert measured(tmp_path, {**engine, "REGISTRY": registry}, "one", "plan") == {"plan": [2, 2], "one": [2, 2]}

    kept = json.loads((tmp_path / "results.json").read_text())
    assert all(seconds > 0 for row in kept["rows"] for seconds in (*row["ours"], *row["theirs"]))
    page = (tmp_path / "results.md").read_text()
    assert page.count("\n| one image, unchanged, four tags |") == 1
    assert all(kept["machine"][name] for name in ("Machine", "Python", "Docker", "buildx", "Registry"))


def test_rows_of_another_run_are_kept_as_long_as_the_machine_is_the_same(tmp_path: Path):
    tmp_path /= "new"
    assert measured(tmp_path, {}, "list") == {"list": [6, 6]}
    kept = json.loads((tmp_path / "results.json").read_text())
    kept["rows"] = [{**kept["rows"][0], "name": "plan"}]
    (tmp_path / "results.json").write_text(json.dumps(kept))

    assert measured(tmp_path, {}, "list") == {"list": [6, 6], "plan": [6, 6]}

    kept["machine"]["System"] = "another"
    (tmp_path / "results.json").write_text(json.dumps(kept))
    assert measured(tmp_path, {}, "list") == {"list": [6, 6]}


def test_a_command_that_fails_ends_the_benchmark_with_what_it_said():
    script = "import sys; from measure import cost; cost([sys.executable, '-c', 'sys.exit(1/0)'], '.', {})"

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=RUN.parent, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 1
    assert "ended with 1:" in done.stderr
    assert "NameError" in done.stderr
