"""`convener publish`: hand a request to whoever serves the bus."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agents.cli.output import report_options, write_report
from agents.cli.pages import exit_codes
from agents.cli.request_options import build_request, request_options
from agents.cli.session import Session, begin, execute

if TYPE_CHECKING:
    from agents.domain.report import ReportPublished
    from agents.domain.request import AnalysisRequested


@click.command(
    epilog=exit_codes(
        "published, or with --wait a complete report",
        "not published, or no report",
        partial="a partial one",
    )
)
@request_options
@report_options
@click.option("--wait", is_flag=True, help="Follow the progress and print the report.")
@click.pass_context
def publish(
    context: click.Context,
    /,
    form: str | None,
    output: Path | None,
    show_all: bool,
    wait: bool,
    **request: Any,
) -> int:
    """Publish an analysis request; prints its id.

    Workers take it: `convener worker` in another terminal, or on another machine. On RabbitMQ, DATA
    lies below a data root that the workers know too (CONVENER_DATA).

    \b
    Examples:
      convener publish orders.csv --wait
      convener report $(convener publish orders.csv)
    """
    session = begin(context)
    asked = build_request(session.settings, **request)
    report = execute(_publish(session, wait, asked))
    if report is None:
        return 0
    return write_report(report, form=form, output=output, show_all=show_all)


async def _publish(
    session: Session, wait: bool, request: "AnalysisRequested"
) -> "ReportPublished | None":
    from agents.analysis import request_analysis
    from agents.cli.presence import absent_roles
    from agents.cli.progress import awaited
    from agents.domain.role import ORCHESTRATOR

    async with (
        session.bus("convener") as bus,
        request_analysis(bus, request, watch=wait) as pending,
    ):
        click.echo(pending.request_id, err=wait)
        roles = request.panel or _builtin_roles()
        for role in await absent_roles(bus, [ORCHESTRATOR, *roles]):
            click.echo(
                f"Nobody serves {role} now: the request waits until you start "
                f"`convener worker {role}`.",
                err=True,
            )
        if not wait:
            return None
        return await awaited(pending, roles, is_private=False)


def _builtin_roles() -> tuple[str, ...]:
    from agents.builtin import builtin_panel

    return builtin_panel().roles
