"""Texts that name others: ``$IMAGE`` of a job's variables, ``${{ matrix.image }}`` of its matrix. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from docker_push.ci.document import MappingNode, Node, ScalarNode, SequenceNode
from docker_push.ci.model import Said

_MATRIX = re.compile(r"\$\{\{\s*matrix\.([\w-]+)\s*\}\}")
_ENV = re.compile(r"\$\{\{\s*env\.(\w+)\s*\}\}|\$(\w+)|\$\{(\w+)\}")
_MOST = 1000  # values of one name

Variables = Mapping[str, tuple[Said, ...]]


def said(node: ScalarNode, file: str) -> Said:
    """Return a text with its place."""
    return Said(node.text, file, node.line)


def variables(node: MappingNode, file: str) -> dict[str, tuple[Said, ...]]:
    """Return the variables of a mapping; GitLab's long form is ``NAME: {value: TEXT}``."""
    found: dict[str, tuple[Said, ...]] = {}
    for name, value in node.values.items():
        text = value.scalar("value") if isinstance(value, MappingNode) else value
        if isinstance(text, ScalarNode):
            found[name] = (said(text, file),)
    return found


def github_matrix(job: MappingNode, file: str) -> dict[str, tuple[Said, ...]]:
    """Return the values of each name of a job's matrix; what is excluded makes none of them certain."""
    matrix = job.mapping("strategy").mapping("matrix")
    if "exclude" in matrix.values:
        return {}
    found = {name: _texts(value, file) for name, value in matrix.values.items() if name != "include"}
    for entry in matrix.items("include"):
        if isinstance(entry, MappingNode):
            for name, value in entry.values.items():
                found[name] = (*found.get(name, ()), *_texts(value, file))
    return {name: values[:_MOST] for name, values in found.items() if values}


def gitlab_matrix(job: MappingNode, file: str) -> dict[str, tuple[Said, ...]]:
    """Return the variables that ``parallel: matrix:`` gives, each with all of its values."""
    found: dict[str, tuple[Said, ...]] = {}
    for entry in job.mapping("parallel").items("matrix"):
        if isinstance(entry, MappingNode):
            for name, value in entry.values.items():
                found[name] = (*found.get(name, ()), *_texts(value, file))[:_MOST]
    return found


def _texts(node: Node, file: str) -> tuple[Said, ...]:
    items = node.items if isinstance(node, SequenceNode) else (node,)
    return tuple(said(item, file) for item in items if isinstance(item, ScalarNode))


def resolved(texts: Iterable[Said], known: Variables, matrix: Variables) -> tuple[Said, ...]:
    """Return texts with names put in for what they stand for; one that cannot be told stays as it is."""
    found = tuple(one for text in texts for one in _one(text, known, matrix))
    return tuple(one for text in found for one in _one(text, known, matrix))  # a variable may name the matrix


def _one(text: Said, known: Variables, matrix: Variables) -> tuple[Said, ...]:
    if match := _MATRIX.fullmatch(text.text):
        return matrix.get(match[1], (text,))
    if match := _ENV.fullmatch(text.text):
        name = match[1] or match[2] or match[3]
        return known.get(name) or matrix.get(name) or (text,)
    return (text,)
