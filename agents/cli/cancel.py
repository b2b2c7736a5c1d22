"""`convener cancel`: stop a request on every machine."""

import click

from agents.cli.failure import FAILED
from agents.cli.session import Session, begin, execute


@click.command()
@click.argument("id")
@click.pass_context
def cancel(context: click.Context, id: str) -> int:
    """Stop the request ID everywhere; its report says that it was cancelled."""
    session = begin(context)
    return execute(_cancel(session, id))


async def _cancel(session: Session, id: str) -> int:
    from agents.domain.identity import cancel_key
    from agents.domain.request import AnalysisCancelled
    from agents.messages import CANCEL_TOPIC
    from agents.recorded import find_request

    async with session.bus("convener") as bus:
        recorded = await find_request(bus, id)
        if recorded.report is not None:
            click.echo(f"It is over: its report is out ({recorded.report.status}).", err=True)
            return FAILED
        await bus.ledger.record(cancel_key(recorded.request_id), b"cancelled")
        await bus.publish(
            AnalysisCancelled(request_id=recorded.request_id),
            to=CANCEL_TOPIC,
            cause=recorded.request,
        )
    click.echo(f"Cancelled {recorded.request_id}.")
    return 0
