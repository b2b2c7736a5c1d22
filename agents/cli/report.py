"""`convener report`: the report of a request, or how far it is."""

from pathlib import Path

import click

from agents.cli.failure import FAILED
from agents.cli.output import report_options, write_report
from agents.cli.session import Session, begin, execute
from agents.cli.status import describe


@click.command()
@click.argument("id")
@report_options
@click.pass_context
def report(
    context: click.Context, id: str, form: str | None, output: Path | None, show_all: bool
) -> int:
    """Print the report of the request ID, or the progress so far.

    ID may be shortened. The exit code is that of the report, 1 if it is not out yet.
    """
    session = begin(context)
    return execute(_report(session, id, form, output, show_all))


async def _report(
    session: Session, id: str, form: str | None, output: Path | None, show_all: bool
) -> int:
    from agents.recorded import find_request

    async with session.bus("convener") as bus:
        recorded = await find_request(bus, id)
    if recorded.report is None:
        click.echo(describe(recorded), err=True)
        return FAILED
    return write_report(recorded.report, form=form, output=output, show_all=show_all)
