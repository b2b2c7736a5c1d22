"""Writing a report: to a terminal, a pipe or a file, in the form that was asked for."""

import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from agents.cli.failure import FAILED, NOT_PERMITTED, PARTIAL
from agents.cli.line_mode import is_plain, is_plain_asked, plain_option
from agents.cli.values import OutputFile
from agents.domain.report import ReportPublished, ReportStatus
from agents.errors import AgentUsageError
from bus.logs.lines import visible

F = TypeVar("F", bound=Callable[..., Any])

_EXIT_CODES: Final[dict[ReportStatus, int]] = {
    "complete": 0,
    "partial": PARTIAL,
    "failed": FAILED,
    "cancelled": FAILED,
    "expired": FAILED,
}
_FORMS: Final = {".json": "json", ".html": "html", ".htm": "html", ".md": "md"}
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
                "in a pipe, or lines with --plain.",
            ),
            click.option(
                "-o",
                "--output",
                type=OutputFile(),
                help="Write the report to this file; .json means JSON, .html HTML.",
            ),
            click.option("--all", "show_all", is_flag=True, help="Show every finding."),
            plain_option,
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
        form = form or _FORMS.get(output.suffix.lower()) or _piped_form()
        try:
            output.write_text(_text(report, form, show_all=show_all), encoding="utf-8")
        except OSError as error:
            raise AgentUsageError(
                f"The report cannot be written to {output}: {error.strerror}."
            ) from error
        click.echo(f"The report is in {output}.", err=True)
    elif form is None and sys.stdout.isatty() and not is_plain(sys.stdout):
        from rich.console import Console

        from agents.reports.terminal import render

        _spell_what_can_be_spelled()
        Console().print(render(report, show_all=show_all))
    else:
        form = form or ("plain" if is_plain(sys.stdout) else "md")
        if form == "plain":
            _spell_what_can_be_spelled()
        click.echo(_text(report, form, show_all=show_all), nl=False)
    if _EXIT_CODES[report.status] == FAILED and (output is not None or not sys.stdout.isatty()):
        click.echo(f"Error: {visible(report.executive_summary)}", err=True)
    return NOT_PERMITTED if report.denied else _EXIT_CODES[report.status]


def _spell_what_can_be_spelled() -> None:
    """For whoever reads no UTF-8: a question mark stands where a character cannot be shown."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _piped_form() -> str:
    return "plain" if is_plain_asked() else "md"


def _text(report: ReportPublished, form: str, *, show_all: bool) -> str:
    if form == "json":
        return report.model_dump_json(indent=2) + "\n"
    if form == "html":
        from agents.reports.html import render as as_page

        return as_page(report, show_all=show_all)
    if form == "plain":
        from agents.reports.terminal_plain import render as as_lines

        return as_lines(report, show_all=show_all)
    from agents.reports.markdown import render

    return render(report, show_all=show_all)
