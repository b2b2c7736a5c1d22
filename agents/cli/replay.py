"""`convener replay`: run recorded requests again."""

from contextlib import AsyncExitStack
from pathlib import Path

import click

from agents.cli.output import report_options, write_report
from agents.cli.session import Session, begin, execute


@click.command()
@click.argument("id")
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
    """
    session = begin(context)
    return execute(_replay(session, id, form, output, show_all))


async def _replay(
    session: Session, id: str, form: str | None, output: Path | None, show_all: bool
) -> int:
    from agents.analysis import convene, request_analysis
    from agents.builtin import builtin_panel
    from agents.cli.progress import shown
    from agents.domain.role import ORCHESTRATOR
    from agents.equipment import equipped
    from agents.recorded import find_request

    settings = session.settings
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(session.bus("convener"))
        recorded = await find_request(bus, id)
        request = recorded.request.content.model_copy(update={"fresh": True})
        panel = builtin_panel()
        if bus.is_embedded and not await bus.consumers(ORCHESTRATOR):
            equipment = await stack.enter_async_context(equipped(settings, clock=bus.clock))
            bus = await stack.enter_async_context(convene(bus, panel, equipment=equipment))
        pending = await stack.enter_async_context(
            request_analysis(bus, request, watch=True, replay_of=recorded.request_id)
        )
        click.echo(f"{pending.request_id} replays {recorded.request_id}.", err=True)
        async with shown(pending, request.panel or panel.roles):
            report = await pending.report()
    return write_report(report, form=form, output=output, show_all=show_all)
