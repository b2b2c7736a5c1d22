"""`convener replay`: run recorded requests again."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agents.cli.output import report_options, write_report
from agents.cli.pages import REPORT_CODES
from agents.cli.session import Session, begin, execute
from agents.cli.values import RequestId

if TYPE_CHECKING:
    from agents.domain.report import ReportPublished


@click.command(epilog=REPORT_CODES)
@click.argument("id", type=RequestId())
@click.option("--live", is_flag=True, required=True, help="Publish the recorded request again.")
@report_options
@click.pass_context
def replay(
    context: click.Context,
    id: str,
    live: bool,
    form: str | None,
    output: Path | None,
    show_all: bool,
) -> int:
    """Run the recorded request ID again, under a new id linked to the old one.

    Workers that serve the bus take it; on the embedded bus, where none is running, the panel works
    in this process.

    \b
    Examples:
      convener replay 4f2a --live
    """
    session = begin(context)
    report = execute(_replay(session, id))
    return write_report(report, form=form, output=output, show_all=show_all)


async def _replay(session: Session, id: str) -> "ReportPublished":
    from agents.analysis import convene, request_analysis
    from agents.builtin import builtin_panel
    from agents.cli.progress import awaited
    from agents.domain.role import ORCHESTRATOR
    from agents.equipment import equipped
    from agents.recorded import find_request

    settings = session.settings
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(session.bus("convener"))
        recorded = await find_request(bus, id)
        request = recorded.request.content.model_copy(update={"fresh": True})
        panel = builtin_panel()
        is_private = bus.is_embedded and not await bus.consumers(ORCHESTRATOR)
        if is_private:
            equipment = await stack.enter_async_context(equipped(settings, clock=bus.clock))
            bus = await stack.enter_async_context(convene(bus, panel, equipment=equipment))
        pending = await stack.enter_async_context(
            request_analysis(bus, request, watch=True, replay_of=recorded.request_id)
        )
        click.echo(f"{pending.request_id} replays {recorded.request_id}.", err=True)
        return await awaited(pending, request.panel or panel.roles, is_private=is_private)
