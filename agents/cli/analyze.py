"""`convener analyze`: the whole panel in this process, on the embedded bus, for one request."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agents.cli.output import report_options, write_report
from agents.cli.pages import REPORT_CODES
from agents.cli.request_options import build_request, refuse_missing, request_options
from agents.cli.session import Session, begin, execute
from agents.cli.values import OutputFile
from agents.errors import AgentUsageError

if TYPE_CHECKING:
    from agents.domain.report import ReportPublished
    from agents.domain.request import AnalysisRequested


@click.command(epilog=REPORT_CODES)
@request_options
@report_options
@click.option(
    "--offenders",
    type=OutputFile(),
    metavar="FILE.csv",
    help="Write every offending row and column behind the findings to this file.",
)
@click.pass_context
def analyze(
    context: click.Context,
    /,
    form: str | None,
    output: Path | None,
    show_all: bool,
    offenders: Path | None,
    **request: Any,
) -> int:
    """Analyse DATA here and now, and print the report.

    DATA are files: CSV, JSON, Parquet, SQLite, DuckDB (file or file::table); or
    postgresql://user@host/database?table=schema.name; or what a system says of itself:
    rabbitmq://user@host:15672 (its management interface) and
    prometheus+http://host:9090?query=PROMQL. Nothing else needs to run.

    \b
    Examples:
      convener analyze orders.csv
      convener analyze flights.parquet planes.csv -q "Can we trust the tail numbers?"
      convener analyze orders.csv --format json | jq .recommendations
    """
    session = begin(context)
    if not session.settings.is_embedded:
        raise AgentUsageError(
            "`convener analyze` works on the embedded bus; on RabbitMQ start workers and use "
            "`convener publish … --wait`."
        )
    asked = build_request(session.settings, **request)
    report = execute(_analyze(session, offenders, asked))
    return write_report(report, form=form, output=output, show_all=show_all)


async def _analyze(
    session: Session, offenders: Path | None, request: "AnalysisRequested"
) -> "ReportPublished":
    from agents.analysis import convene, request_analysis
    from agents.builtin import builtin_panel
    from agents.cli.progress import awaited
    from agents.equipment import equipped

    settings = session.settings
    panel = builtin_panel().only(request.panel) if request.panel else builtin_panel()
    refuse_missing(request)
    async with (
        session.bus("convener") as shared,
        equipped(settings, clock=shared.clock) as equipment,
        convene(shared, panel, equipment=equipment) as bus,
        request_analysis(bus, request, watch=True) as pending,
    ):
        report = await awaited(pending, panel.roles, is_private=True)
        if offenders is not None:
            from agents.offenders import write_offenders

            await write_offenders(report, equipment.catalog, request.datasets, offenders)
    return report
