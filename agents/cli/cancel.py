"""`convener cancel`: stop a request on every machine."""

import click

from agents.cli.failure import FAILED
from agents.cli.pages import exit_codes
from agents.cli.session import Session, begin, execute
from agents.cli.values import RequestId


@click.command(epilog=exit_codes("cancelled", "it was over"))
@click.argument("id", type=RequestId())
@click.pass_context
def cancel(context: click.Context, id: str) -> int:
    """Stop the request ID everywhere; its report says that it was cancelled.

    \b
    Examples:
      convener cancel 4f2a
    """
    session = begin(context)
    return execute(_cancel(session, id))


async def _cancel(session: Session, id: str) -> int:
    from agents.analysis import cancel_analysis
    from agents.recorded import find_request

    async with session.bus("convener") as bus:
        recorded = await find_request(bus, id)
        if recorded.report is not None:
            click.echo(f"It is over: its report is out ({recorded.report.status}).", err=True)
            return FAILED
        await cancel_analysis(bus, recorded.request)
    click.echo(f"Cancelled {recorded.request_id}.")
    return 0
