"""Writing a report: to a terminal, a pipe or a file, in the form that was asked for."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from agents.cli.failure import FAILED, PARTIAL
from agents.domain.report import ReportPublished, ReportStatus
from agents.errors import AgentUsageError

F = TypeVar("F", bound=Callable[..., Any])

_EXIT_CODES: Final[dict[ReportStatus, int]] = {
    "complete": 0,
    "partial": PARTIAL,
    "failed": FAILED,
    "cancelled": FAILED,
    "expired": FAILED,
}
_FORMS: Final = {".json": "json", ".html": "html", ".htm": "html"}
"""What the ending of a file's name says about its form."""


def report_options(command: F) -> F:
    """The options that say how a report is printed."""
    for decorate in reversed(
        (
            click.option(
                "--format",
                "form",
                type=click.Choice(["md", "json", "html"]),
                help="Markdown, JSON or HTML; without it, laid out for the terminal, or Markdown "
                "in a pipe.",
            ),
            click.option(
                "-o",
                "--output",
                type=click.Path(dir_okay=False, path_type=Path),
                help="Write the report to this file; .json means JSON, .html HTML.",
            ),
            click.option("--all", "show_all", is_flag=True, help="Show every finding."),
        )
    ):
        command = decorate(command)
    return command


def write_report(
    report: ReportPublished, *, form: str | None, output: Path | None, show_all: bool
) -> int:
    """Write `report`; the exit code that its status means.

    Raises:
        AgentUsageError: the file cannot be written.
    """
    if output is not None:
        form = form or _FORMS.get(output.suffix.lower(), "md")
        try:
            output.write_text(_text(report, form, show_all=show_all), encoding="utf-8")
        except OSError as error:
            raise AgentUsageError(
                f"The report cannot be written to {output}: {error.strerror}."
            ) from error
        click.echo(f"The report is in {output}.", err=True)
    elif form is None and sys.stdout.isatty():
        from rich.console import Console

        from agents.reports.terminal import render

        Console().print(render(report, show_all=show_all))
    else:
        click.echo(_text(report, form or "md", show_all=show_all), nl=False)
    return _EXIT_CODES[report.status]


def _text(report: ReportPublished, form: str, *, show_all: bool) -> str:
    if form == "json":
        return report.model_dump_json(indent=2) + "\n"
    if form == "html":
        from agents.reports.html import render as as_page

        return as_page(report, show_all=show_all)
    from agents.reports.markdown import render

    return render(report, show_all=show_all)
