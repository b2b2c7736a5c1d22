"""`convener status`: which requests there are and how far they are."""

import sys
from typing import TYPE_CHECKING, Final

import click

from agents.cli.line_mode import is_plain, plain_option
from agents.cli.pages import exit_codes
from agents.cli.session import Session, begin, execute
from agents.cli.values import Count, RequestId
from agents.cli.wrapped import cropped, indented, room
from agents.domain.synthesis.wording import speciality
from agents.reports.plain import plain

if TYPE_CHECKING:
    from agents.recorded import ForgottenRequest, RecordedRequest


_LONG: Final = 1_500
"""Characters of why a request is where it is; of one that is done, its summary."""
_SHORTEST: Final = 12
"""Characters of where data lies that are shown however narrow the terminal is."""


@click.command(epilog=exit_codes())
@click.argument("id", type=RequestId(), required=False)
@click.option("-n", "--limit", type=Count(1, 1000), default=20, show_default=True)
@plain_option
@click.pass_context
def status(context: click.Context, id: str | None, limit: int) -> int:
    """List the latest requests, or show how far the request ID is.

    ID may be shortened.

    \b
    Examples:
      convener status
      convener status 4f2a
    """
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
    as_sentence = is_plain(sys.stdout)
    for recorded in requests:
        click.echo(_sentence(recorded) if as_sentence else _line(recorded, room(sys.stdout)))
    return 0


def describe(recorded: "RecordedRequest") -> str:
    """How far a request is, in a few lines."""
    if is_plain(sys.stdout):
        head = f"Request {recorded.request_id} is {recorded.state}."
    else:
        head = f"{recorded.request_id}  {recorded.state}"
    lines = [plain(recorded.why, _LONG)] if recorded.why else []
    if recorded.superseded:
        lines.append(f"{recorded.superseded} later report(s) differ from it: the first one stands.")
    lines += [f"{speciality(role)}: {plain(state)}" for role, state in recorded.roles.items()]
    if recorded.report is not None:
        lines.append(f"The report: convener report {recorded.request_id[:8]}")
    return "\n".join([head, *(indented(line, sys.stdout) for line in lines)])


def _line(recorded: "RecordedRequest | ForgottenRequest", width: int | None) -> str:
    """In columns; where `width` is not enough, the end of where the data lies is what is shown."""
    id, asked_at, state, locations = _facts(recorded)
    line = f"{id}  {asked_at}  {state:<9}  "
    if width is not None:
        locations = cropped(locations, max(width - len(line), _SHORTEST), from_left=True)
    return f"{line}{locations}".rstrip()


def _sentence(recorded: "RecordedRequest | ForgottenRequest") -> str:
    id, asked_at, state, locations = _facts(recorded)
    data = f", on {locations}" if locations else ""
    return f"Request {id}, made at {asked_at} UTC{data}: {state}."


def _facts(recorded: "RecordedRequest | ForgottenRequest") -> tuple[str, str, str, str]:
    """Id, time, state, where the data lies."""
    from agents.recorded import ForgottenRequest

    id = recorded.request_id[:8]
    if isinstance(recorded, ForgottenRequest):
        return id, recorded.requested_at[:19].replace("T", " "), recorded.why, ""
    request = recorded.request
    locations = ", ".join(plain(dataset.location) for dataset in request.content.datasets)
    return id, f"{request.timestamp:%Y-%m-%d %H:%M:%S}", recorded.state, locations
