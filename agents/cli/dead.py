"""`convener dead`: the parked messages."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agents.cli.pages import exit_codes
from agents.cli.session import Session, begin, execute
from agents.cli.values import Count
from agents.errors import AgentUsageError

if TYPE_CHECKING:
    from bus import Clock, DeadLetter

_OVERTAKEN = "Somebody else has just redriven or discarded it: see `convener dead list`."


@click.group(epilog=exit_codes())
def dead() -> None:
    """Look at, redrive or discard messages that could not be handled.

    \b
    Examples:
      convener dead list
      convener dead show 81c2 | jq .event
      convener dead redrive 81c2
    """


@dead.command("list", epilog=exit_codes())
@click.option("-n", "--limit", type=Count(1, 10_000), default=100, show_default=True)
@click.pass_context
def list_(context: click.Context, limit: int) -> int:
    """List parked messages, oldest first: id, when, where from, how often tried, why.

    \b
    Examples:
      convener dead list
      convener dead list -n 1000
    """
    return execute(_list(begin(context), limit))


@dead.command(epilog=exit_codes())
@click.argument("id")
@click.pass_context
def show(context: click.Context, id: str) -> int:
    """Show the parked message ID as a whole, with its context, as JSON.

    \b
    Examples:
      convener dead show 81c2
    """
    return execute(_show(begin(context), id))


@dead.command(epilog=exit_codes())
@click.argument("id")
@click.option(
    "--body",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Send the event in this file instead of the original one.",
)
@click.pass_context
def redrive(context: click.Context, id: str, body: Path | None) -> int:
    """Give the parked message ID back to the queue it came from, as a first attempt.

    \b
    Examples:
      convener dead redrive 81c2
      convener dead redrive 81c2 --body corrected.json
    """
    replacement = None if body is None else body.read_bytes()
    return execute(_redrive(begin(context), id, replacement))


@dead.command(epilog=exit_codes())
@click.argument("id")
@click.pass_context
def discard(context: click.Context, id: str) -> int:
    """Forget the parked message ID for good.

    \b
    Examples:
      convener dead discard 81c2
    """
    return execute(_discard(begin(context), id))


async def _list(session: Session, limit: int) -> int:
    async with session.bus("convener") as bus:
        letters = await bus.dead_letters.list(limit)
    if not letters:
        click.echo("No message is parked.", err=True)
    for letter in letters:
        click.echo(
            f"{letter.id[:12]}  {letter.parked_at[:19]}  {letter.group or letter.envelope.topic}  "
            f"{letter.attempts}x  {letter.reason}: {_printable(letter.error)}"
        )
    return 0


async def _show(session: Session, id: str) -> int:
    async with session.bus("convener") as bus:
        letter = _found(await bus.dead_letters.get(id), id)
    text = letter.envelope.body.decode("utf-8", errors="backslashreplace")
    try:
        event = json.loads(text)
    except ValueError:
        event = text
    click.echo(
        json.dumps(
            {
                "id": letter.id,
                "reason": letter.reason,
                "error": letter.error,
                "attempts": letter.attempts,
                "group": letter.group,
                "topic": letter.envelope.topic,
                "host": letter.host,
                "published_at": letter.published_at,
                "parked_at": letter.parked_at,
                "event": event,
            },
            indent=2,
        )
    )
    return 0


async def _redrive(session: Session, id: str, replacement: bytes | None) -> int:
    from bus import parse

    if replacement is not None:
        parse(replacement)
    async with session.bus("convener") as bus:
        letter = _found(await bus.dead_letters.get(id), id)
        _refuse_expired(letter.envelope.body if replacement is None else replacement, bus.clock)
        if not await bus.redrive(letter.id, body=replacement):
            raise AgentUsageError(_OVERTAKEN)
    click.echo(f"Redriven to {letter.group}.")
    return 0


def _refuse_expired(body: bytes, clock: "Clock") -> None:
    """Refuse what would be parked again unhandled, since its deadline is over."""
    from bus import MessageError, parse

    try:
        expires_at = parse(body).expires_at
    except MessageError:
        return  # whoever gets it decides
    if expires_at is not None and expires_at <= clock.now():
        raise AgentUsageError(
            f"Its deadline passed at {expires_at:%Y-%m-%d %H:%M:%S} UTC: redrive it with --body, a "
            "file with the event in which `expiresat` is later."
        )


async def _discard(session: Session, id: str) -> int:
    async with session.bus("convener") as bus:
        letter = _found(await bus.dead_letters.get(id), id)
        if not await bus.dead_letters.discard(letter.id):
            raise AgentUsageError(_OVERTAKEN)
    click.echo("Discarded.")
    return 0


def _found(letter: "DeadLetter | None", id: str) -> "DeadLetter":
    if letter is None:
        raise AgentUsageError(f"No parked message has the id {id!r}: see `convener dead list`.")
    return letter


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:200]
