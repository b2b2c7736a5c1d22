"""`convener status`: which requests there are and how far they are."""

from typing import TYPE_CHECKING

import click

from agents.cli.session import Session, begin, execute

if TYPE_CHECKING:
    from agents.recorded import RecordedRequest


@click.command()
@click.argument("id", required=False)
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.pass_context
def status(context: click.Context, id: str | None, limit: int) -> int:
    """List the latest requests, or show how far the request ID is."""
    session = begin(context)
    return execute(_status(session, id, limit))


async def _status(session: Session, id: str | None, limit: int) -> int:
    from agents.recorded import find_request, recent_requests

    async with session.bus("convener") as bus:
        if id is not None:
            click.echo(describe(await find_request(bus, id)))
            return 0
        requests = await recent_requests(bus, limit)
    if not requests:
        click.echo("No request has been recorded yet: `convener publish FILE` makes one.", err=True)
    for recorded in requests:
        request = recorded.request
        locations = ", ".join(dataset.location for dataset in request.content.datasets)
        click.echo(
            f"{recorded.request_id[:8]}  {request.timestamp:%Y-%m-%d %H:%M:%S}  "
            f"{recorded.state:<9}  {locations}"
        )
    return 0


def describe(recorded: "RecordedRequest") -> str:
    """How far a request is, in a few lines."""
    lines = [f"{recorded.request_id}  {recorded.state}"]
    if recorded.why:
        lines.append(f"  {recorded.why}")
    if recorded.superseded:
        lines.append(
            f"  {recorded.superseded} later report(s) differ from it: the first one stands."
        )
    lines += [f"  {role}: {state}" for role, state in recorded.roles.items()]
    return "\n".join(lines)
