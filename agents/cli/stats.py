"""`convener stats`: how the panel performs, from the history, and what to change."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from agents.cli.line_mode import is_plain, plain_option
from agents.cli.moment import HELP, span
from agents.cli.pages import exit_codes
from agents.cli.session import Session, begin, execute
from agents.cli.values import RequestId
from agents.errors import AgentUsageError

if TYPE_CHECKING:
    from agents.domain.statistics import Statistics, Tally
    from bus import History, HistoryQuery

PAGE: Final = 1_000
"""Records that are held at a time."""


@click.command(epilog=exit_codes())
@click.option("--since", metavar="TIME", help=HELP)
@click.option("--until", metavar="TIME", help="As --since; not included.")
@click.option(
    "--request", type=RequestId(), metavar="ID", help="Only this request; ID may be shortened."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "json", "terminal"]),
    help="Without it, laid out for the terminal, or Markdown in a pipe, or lines with --plain.",
)
@plain_option
@click.pass_context
def stats(
    context: click.Context,
    since: str | None,
    until: str | None,
    request: str | None,
    form: str | None,
) -> int:
    """Show speed, reuse, failures, tokens and cost by role, tool and model, and what to change.

    \b
    Examples:
      convener stats                          over the whole history
      convener stats --since 24h
      convener stats --request 4f2a --format json
    """
    session = begin(context)
    begun, ended = span(since, until, datetime.now(UTC))
    return execute(_stats(session, begun, ended, request, form))


async def _stats(
    session: Session,
    since: datetime | None,
    until: datetime | None,
    request: str | None,
    form: str | None,
) -> int:
    from agents.domain.statistics import Tally
    from bus import HistoryQuery

    tally = Tally()
    async with session.bus("convener") as bus:
        query = HistoryQuery(request=request, since=since, until=until, message_type="convener.")
        await count(bus.history, query, tally)
    if request is not None:
        _check_one(request, sorted(tally.requests))
    _print(tally.statistics(since=since, until=until, request=request), form)
    return 0


async def count(history: "History", query: "HistoryQuery", tally: "Tally") -> None:
    """Give `tally` every record that `query` selects, whatever its limit, a page at a time."""
    while True:
        page = await history.query(replace(query, limit=PAGE, latest=False))
        for record in page:
            tally.add(record)
        if len(page) < PAGE:
            return
        query = replace(query, after=page[-1].position)


def _check_one(id: str, requests: Sequence[str]) -> None:
    if not requests:
        raise AgentUsageError(f"No request in this range has the id {id!r}: see `convener status`.")
    if len(requests) > 1:
        raise AgentUsageError(f"{id!r} begins the ids of {len(requests)} requests: add digits.")


def _usual_form() -> str:
    if is_plain(sys.stdout):
        return "plain"
    return "terminal" if sys.stdout.isatty() else "md"


def _print(figures: "Statistics", form: str | None) -> None:
    form = form or _usual_form()
    if form == "json":
        click.echo(figures.model_dump_json(indent=2))
    elif form == "plain":
        from agents.reports.statistics_plain import render as as_lines

        click.echo(as_lines(figures), nl=False)
    elif form == "md":
        from agents.reports.statistics import render

        click.echo(render(figures), nl=False)
    else:
        from rich.console import Console

        from agents.reports.statistics_terminal import render as drawn

        Console().print(drawn(figures))
