"""`convener history`: what was said on the bus."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from agents.cli.moment import HELP, instant
from agents.cli.session import Session, begin, execute

if TYPE_CHECKING:
    from bus import HistoryQuery, HistoryRecord


@click.command()
@click.argument("id", required=False)
@click.option("--role", help="What this role was told or said.")
@click.option("--type", "message_type", help="Wire name or a part of it, such as tool.called.")
@click.option("--since", metavar="TIME", help=HELP)
@click.option("--until", metavar="TIME", help="As --since; not included.")
@click.option("--text", help="Occurs somewhere in the message, in any case.")
@click.option("-n", "--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True)
@click.option("--follow", is_flag=True, help="Go on with messages as they are recorded.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.pass_context
def history(
    context: click.Context,
    /,
    id: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    follow: bool,
    form: str,
    **conditions: Any,
) -> int:
    """Show recorded messages, the latest ones, oldest first; with ID those of one request.

    \b
    convener history 4f2a                          the timeline of one request
    convener history --type tool.called --follow
    convener history --role security --since 2026-11-01 --format json
    """
    session = begin(context)
    from bus import HistoryQuery

    query = HistoryQuery(
        request=id,
        since=instant(since, datetime.now(UTC)),
        until=instant(until, datetime.now(UTC)),
        limit=limit,
        latest=id is None,
        **conditions,
    )
    return execute(_history(session, query, follow, form))


async def _history(session: Session, query: "HistoryQuery", follow: bool, form: str) -> int:
    from dataclasses import replace

    async with session.bus("convener") as bus:
        records = await bus.history.query(query)
        for record in records:
            click.echo(_json(record) if form == "json" else _line(record))
        if not records and not follow:
            click.echo("No recorded message matches.", err=True)
        if follow:
            last = records[-1].position if records else query.after
            async for record in bus.history.follow(replace(query, after=last, latest=False)):
                click.echo(_json(record) if form == "json" else _line(record))
    return 0


def _line(record: "HistoryRecord") -> str:
    """Position, time of day, request, who to whom, what; control characters made visible."""
    name = record.message_type.removeprefix("convener.").rpartition(".v")[0] or record.message_type
    line = (
        f"{record.position:>7}  {record.time[:23]}  {(record.correlation_id or '-')[:8]}  "
        f"{record.source:<14}  {name:<20}  -> {record.topic}"
    )
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in line)


def _json(record: "HistoryRecord") -> str:
    """One line; a body that is no JSON is given as text."""
    try:
        event = json.loads(record.body)
    except ValueError:
        event = record.body.decode("utf-8", errors="backslashreplace")
    return json.dumps({"position": record.position, "topic": record.topic, "event": event})
