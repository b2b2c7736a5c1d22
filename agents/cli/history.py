"""`convener history`: what was said on the bus, and having it forgotten."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from agents.cli.failure import FAILED
from agents.cli.history_lines import Writer
from agents.cli.line_mode import plain_option
from agents.cli.moment import HELP, span
from agents.cli.pages import exit_codes
from agents.cli.session import Session, begin, execute
from agents.cli.values import Count, RequestId, message_types, one_of, roles_and_orchestrator
from agents.errors import AgentUsageError

if TYPE_CHECKING:
    from bus import Forgotten, HistoryQuery


class _WithActs(click.Command):
    """A command whose first argument may name another one, in `_ACTS`, instead of a request."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        act = _ACTS.get(args[0]) if args else None
        if act is None:
            return super().make_context(info_name, args, parent, **extra)
        return act.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)


@click.command(cls=_WithActs, epilog=exit_codes(failed="it was forgotten"))
@click.argument("id", type=RequestId(), required=False)
@click.option(
    "--role",
    shell_complete=one_of(roles_and_orchestrator),
    help="What this role was told or said.",
)
@click.option(
    "--type",
    "message_type",
    shell_complete=one_of(message_types),
    help="Wire name or a part of it, such as tool.called.",
)
@click.option("--since", metavar="TIME", help=HELP)
@click.option("--until", metavar="TIME", help="As --since; not included.")
@click.option("--text", help="Occurs somewhere in the message, in any case.")
@click.option("-n", "--limit", type=Count(1, 1_000_000), default=100, show_default=True)
@click.option("--follow", is_flag=True, help="Go on with messages as they are recorded.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@plain_option
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
    Examples:
      convener history 4f2a                          the timeline of one request
      convener history --type tool.called --follow
      convener history --role security --since 2026-11-01 --format json
      convener history forget --help                 erase what a request said
      convener history prune --help                  erase what is old
    """
    session = begin(context)
    from bus import HistoryQuery

    begun, ended = span(since, until, datetime.now(UTC))
    query = HistoryQuery(
        request=id,
        since=begun,
        until=ended,
        limit=limit,
        latest=id is None,
        **conditions,
    )
    return execute(_history(session, query, follow, form))


async def _history(session: Session, query: "HistoryQuery", follow: bool, form: str) -> int:
    from dataclasses import replace

    from bus import HistoryQuery

    writer = Writer(form)
    async with session.bus("convener") as bus:
        records = await bus.history.query(query)
        for record in records:
            writer.write(record)
        if not records and not follow:
            if query == HistoryQuery(request=query.request, limit=query.limit):
                raise AgentUsageError(
                    f"No request has the id {query.request!r}: see `convener status`."
                )
            click.echo("No recorded message matches.", err=True)
        if query.request is not None and records and all(each.erased for each in records):
            click.echo("It was forgotten: what these messages said is erased.", err=True)
            return FAILED
        if follow:
            last = records[-1].position if records else query.after
            async for record in bus.history.follow(replace(query, after=last, latest=False)):
                writer.write(record)
    return 0


@click.command(epilog=exit_codes("forgotten", "not done, or not for all"))
@click.option(
    "--request",
    "ids",
    type=RequestId(),
    metavar="ID",
    multiple=True,
    help="May be given several times.",
)
@click.option("--subject", metavar="NAME", help="Every request that this person made.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def forget(context: click.Context, ids: tuple[str, ...], subject: str | None, yes: bool) -> int:
    """Erase what requests asked, found and said, in all processes and for good.

    That they were made stays, and so does the audit, in which every erased message is named. It
    takes admin_operations, unless the requests are your own.

    \b
    Examples:
      convener history forget --request 4f2a
      convener history forget --subject ann --yes
    """
    if bool(ids) == (subject is not None):
        raise click.UsageError("Say what: --request ID, or --subject NAME for all of a person's.")
    return execute(_forget(begin(context), ids, subject, yes))


@click.command(epilog=exit_codes("forgotten", "not done, or not for all"))
@click.option("--older-than", "age", metavar="SPAN", required=True, help="Such as 24h, 90d, 52w.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def prune(context: click.Context, age: str, yes: bool) -> int:
    """Erase what all conversations said that began longer ago than SPAN.

    Workers do so by themselves where `retention` is set. It takes admin_operations.

    \b
    Examples:
      convener history prune --older-than 90d
    """
    from agents.duration import duration
    from agents.settings import SHORTEST_RETENTION

    span = duration(age)
    if span < SHORTEST_RETENTION:
        raise click.UsageError("What is younger than an hour may still be worked on: say 1h.")
    return execute(_prune(begin(context), datetime.now(UTC) - span, yes))


_ACTS: Final = {"forget": forget, "prune": prune}


async def _forget(session: Session, ids: tuple[str, ...], subject: str | None, yes: bool) -> int:
    from dataclasses import replace

    from agents import forgetting
    from agents.equipment import kept_answers

    async with session.bus("convener") as bus:
        asked_by = await forgetting.requests_by(bus)
        if subject is None:
            named = [await forgetting.find_conversation(bus, id) for id in dict.fromkeys(ids)]
        else:
            theirs = [request for request, name in asked_by.items() if name == subject]
            named = [each async for each in forgetting.remembered(bus, theirs)]
        found = [
            replace(each, requested_by=asked_by.get(each.name) or each.requested_by)
            for each in named
        ]
        if not found:
            click.echo(f"Nothing that {subject} asked for is left to forget.", err=True)
            return 0
        for each in found:
            await forgetting.refuse_running(bus, each)
            principal = await forgetting.permitted(
                bus, request=each.name, requested_by=each.requested_by
            )
        messages = sum(not record.erased for each in found for record in each.records)
        what = f"{_count(len(found), 'request')} with {_count(messages, 'message')}"
        if not yes and not _confirmed(f"Forget {what}, for good?"):
            return FAILED
        async with kept_answers(session.settings, clock=bus.clock) as cache:
            forgotten = await forgetting.forget(bus, found, cache=cache, principal=principal)
    return _told(forgotten)


async def _prune(session: Session, before: datetime, yes: bool) -> int:
    from agents.equipment import kept_answers
    from agents.forgetting import permitted
    from agents.retention import prune

    async with session.bus("convener") as bus:
        await permitted(bus)
        day = f"{before:%Y-%m-%d %H:%M} UTC"
        if not yes and not _confirmed(f"Forget all that began before {day}, for good?"):
            return FAILED
        async with kept_answers(session.settings, clock=bus.clock) as cache:
            forgotten = await prune(bus, before=before, cache=cache)
        await bus.history.forget((), thoroughly=True)
    return _told(forgotten)


def _confirmed(question: str) -> bool:
    """Whether somebody at a terminal says yes."""
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody is there to be asked: say --yes.")
    return click.confirm(question, err=True)


def _told(forgotten: "Forgotten") -> int:
    click.echo(f"Forgot {_count(forgotten.messages, 'message')}.")
    if forgotten.kept:
        click.echo(
            f"{_count(forgotten.kept, 'message')} stayed: recorded while CONVENER_REDIS was not "
            "set, in a stream from which nothing can be taken. They go with its max-age.",
            err=True,
        )
        return FAILED
    return 0


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
