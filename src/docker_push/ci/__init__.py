"""The files of a CI held against build.toml: where they disagree (``ci.check``), and what mends them (``ci.write``).

``check`` and ``write`` are the doors, texts in and values out. Inside: ``document`` reads YAML with the place of everything
in it, ``reading`` makes jobs of it, ``rules`` compare them with build.toml, ``editing``, ``mending`` and ``jobs_added`` change
texts, ``scaffold`` has the files that are new; ``files`` and ``build_file`` alone touch the disk.
"""

from docker_push.ci.build_file import wanted
from docker_push.ci.checking import Checked, check, present
from docker_push.ci.files import Found, find, top
from docker_push.ci.files import write as write_files
from docker_push.ci.model import Ci, Finding, Level, Wanted
from docker_push.ci.rendering import difference, document, lines, outcome, summary
from docker_push.ci.writing import Written, mendable, write

__all__ = [
    "Checked",
    "Ci",
    "Finding",
    "Found",
    "Level",
    "Wanted",
    "Written",
    "check",
    "difference",
    "document",
    "find",
    "lines",
    "mendable",
    "outcome",
    "present",
    "summary",
    "top",
    "wanted",
    "write",
    "write_files",
]
