from __future__ import annotations

from collections.abc import Iterator

from docker_push import errors
from docker_push.errors import DockerPushError, Finding, FindingsError, InterruptedRunError


def classes(root: type[DockerPushError]) -> Iterator[type[DockerPushError]]:
    yield root
    for child in root.__subclasses__():
        yield from classes(child)


def test_exit_codes_are_those_of_the_design():
    assert {kind.__name__: kind.exit_code for kind in classes(DockerPushError) if "exit_code" in vars(kind)} == {
        "DockerPushError": 1,
        "ConfigError": 2,
        "AuthenticationError": 3,
        "PermissionDeniedError": 4,
        "RateLimitError": 5,
        "RegistryError": 6,
        "BuildError": 7,
        "VerificationError": 8,
        "OverwriteError": 9,
        "InterruptedRunError": 130,
    }


def test_every_class_says_in_a_sentence_of_its_own_what_it_means():
    kinds = [kind for kind in classes(DockerPushError) if kind.__module__ == errors.__name__]
    meanings = [vars(kind).get("meaning", "") for kind in kinds]

    assert [kind.__name__ for kind, text in zip(kinds, meanings, strict=True) if not text.endswith(".")] == []
    assert len(set(meanings)) == len(kinds)
    assert [text for text in meanings if text.startswith("Report") or "``" in text or "\n" in text] == []


def test_the_tree_in_the_docstring_names_every_class():
    assert [kind.__name__ for kind in classes(DockerPushError) if kind.__name__ not in (errors.__doc__ or "")] == []


def test_an_error_is_one_line_with_the_cause_and_the_next_step():
    assert (
        str(DockerPushError("image api: no such tag.", hint="Run docker.stage."))
        == "image api: no such tag. Run docker.stage."
    )


def test_findings_are_shown_one_a_line():
    error = FindingsError("build.toml", (Finding(where="[images]", problem="is empty", allowed="Add one."),))

    assert str(error).startswith("build.toml: 1 error. ")
    assert error.details == ("[images]: is empty. Add one.",)


def test_a_signal_gives_the_shell_s_status():
    assert InterruptedRunError("terminated", hint="", signal_number=15).status == 143
