"""`convener report`: the report of a request, or how far it is."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agents.cli.failure import FAILED
from agents.cli.output import report_options, write_report
from agents.cli.pages import exit_codes
from agents.cli.session import Session, begin, execute
from agents.cli.status import describe
from agents.cli.values import RequestId

if TYPE_CHECKING:
    from agents.recorded import RecordedRequest


@click.command(epilog=exit_codes("a complete report", "none, or not yet", partial="a partial one"))
@click.argument("id", type=RequestId())
@report_options
@click.pass_context
def report(
    context: click.Context, id: str, form: str | None, output: Path | None, show_all: bool
) -> int:
    """Print the report of the request ID, or the progress so far.

    ID may be shortened.

    \b
    Examples:
      convener report 4f2a
      convener report 4f2a -o report.html
    """
    session = begin(context)
    recorded = execute(_recorded(session, id))
    if recorded.report is None:
        click.echo(describe(recorded), err=True)
        return FAILED
    return write_report(recorded.report, form=form, output=output, show_all=show_all)


async def _recorded(session: Session, id: str) -> "RecordedRequest":
    from agents.recorded import find_request

    async with session.bus("convener") as bus:
        return await find_request(bus, id)
