"""Plans and outcomes as text for people and JSON for machines. Pure: nothing here prints."""

from docker_push.report.document import SCHEMA, error_json, plan_json, run_json
from docker_push.report.github import SUMMARY_LIMIT, outputs, outputs_text, summary
from docker_push.report.model import ImageReport, RunReport, Staging, outcome
from docker_push.report.result import Result, result
from docker_push.report.text import (
    list_text,
    plan_text,
    references,
    step_text,
    table,
    tag_table,
    tag_text,
    untested_text,
)

__all__ = [
    "SCHEMA",
    "SUMMARY_LIMIT",
    "ImageReport",
    "Result",
    "RunReport",
    "Staging",
    "error_json",
    "list_text",
    "outcome",
    "outputs",
    "outputs_text",
    "plan_json",
    "plan_text",
    "references",
    "result",
    "run_json",
    "step_text",
    "summary",
    "table",
    "tag_table",
    "tag_text",
    "untested_text",
]
