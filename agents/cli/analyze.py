"""`convener analyze`: the whole panel in this process, on the embedded bus, for one request."""

from pathlib import Path
from typing import Any

import click

from agents.cli.output import report_options, write_report
from agents.cli.request_options import build_request, request_options
from agents.cli.session import Session, begin, execute
from agents.errors import AgentUsageError


@click.command()
@request_options
@report_options
@click.option(
    "--offenders",
    type=click.Path(dir_okay=False, path_type=Path),
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
    postgresql://user@host/database?table=schema.name. Nothing else needs to run. The exit code is
    0 for a complete report, 3 for a partial one and 1 for none.

    \b
    convener analyze orders.csv
    convener analyze flights.parquet planes.csv -q "Can we trust the tail numbers?"
    convener analyze orders.csv --format json | jq .recommendations
    """
    session = begin(context)
    return execute(_analyze(session, form, output, show_all, offenders, request))


async def _analyze(
    session: Session,
    form: str | None,
    output: Path | None,
    show_all: bool,
    offenders: Path | None,
    options: dict[str, Any],
) -> int:
    from agents.analysis import convene, request_analysis
    from agents.builtin import builtin_panel
    from agents.cli.progress import shown
    from agents.equipment import equipped

    settings = session.settings
    if not settings.is_embedded:
        raise AgentUsageError(
            "`convener analyze` works on the embedded bus; on RabbitMQ start workers and use "
            "`convener publish … --wait`."
        )
    request = build_request(settings, **options)
    panel = builtin_panel().only(request.panel) if request.panel else builtin_panel()
    async with (
        session.bus("convener") as shared,
        equipped(settings, clock=shared.clock) as equipment,
        convene(shared, panel, equipment=equipment) as bus,
        request_analysis(bus, request, watch=True) as pending,
    ):
        async with shown(pending, panel.roles):
            report = await pending.report()
        if offenders is not None:
            from agents.offenders import write_offenders

            await write_offenders(report, equipment.catalog, request.datasets, offenders)
    return write_report(report, form=form, output=output, show_all=show_all)
