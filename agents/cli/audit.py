"""`convener audit`: whether the record of every decision is whole, and what it says."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from agents.cli.failure import FAILED
from agents.cli.moment import HELP, span
from agents.cli.pages import exit_codes
from agents.cli.session import Session, begin, execute
from agents.cli.values import RequestId
from agents.reports.plain import plain

if TYPE_CHECKING:
    from bus.domain.audit import AuditRecorded, Decision, Head
    from bus.domain.audit_check import Broken, Verdict

ECS: Final = "8.17.0"


@click.group(epilog=exit_codes())
def audit() -> None:
    """Check or export the record of who was allowed or denied what.

    \b
    Examples:
      convener audit verify
      convener audit export --since 24h --denied
    """


@audit.command(epilog=exit_codes("the audit is whole", "it is broken, or cannot be read"))
@click.option(
    "--heads",
    "files",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Heads kept elsewhere, besides those of this machine. May be given several times.",
)
@click.option(
    "--request", type=RequestId(), metavar="ID", help="Compare only the messages of this request."
)
@click.option("--signed", is_flag=True, help="Accept no record without a signature.")
@click.pass_context
def verify(
    context: click.Context, files: tuple[Path, ...], request: str | None, signed: bool
) -> int:
    """Check that nothing was altered, taken out, put elsewhere or added. Exits with 1 if so.

    The records of each process form a chain, and name the messages that they decide on by digest. A
    head is a signed statement of how far a chain had come; without any, nobody can tell whether
    the last records of a chain are gone. On a bus file every record has to be signed.

    \b
    Examples:
      convener audit verify
      convener audit verify --heads /mnt/elsewhere/heads.jsonl
    """
    return execute(_verify(begin(context), files, request, signed))


@audit.command(epilog=exit_codes())
@click.option("--since", metavar="TIME", help=HELP)
@click.option("--until", metavar="TIME", help="As --since; not included.")
@click.option(
    "--request", type=RequestId(), metavar="ID", help="Only decisions about this request."
)
@click.option("--denied", is_flag=True, help="Only what was denied.")
@click.pass_context
def export(
    context: click.Context, since: str | None, until: str | None, request: str | None, denied: bool
) -> int:
    """Print decisions as JSON lines for a SIEM, oldest first, with field names of ECS.

    What ECS has no name for is under `convener.`. Nothing is checked: see `convener audit verify`.

    \b
    Examples:
      convener audit export --since 24h --denied
    """
    between = span(since, until, datetime.now(UTC))
    return execute(_export(begin(context), between, request, denied))


async def _verify(
    session: Session, files: Sequence[Path], request: str | None, signed: bool
) -> int:
    import asyncio

    from agents.recorded import find_request
    from bus.auditing.trail import inspect

    async with session.bus("convener") as bus:
        id = (await find_request(bus, request)).request_id if request else None
        kept = bus.audit.heads
        ours = await asyncio.to_thread(kept.files) if kept else []
        heads = await asyncio.to_thread(_heads, [*ours, *files])
        of_this_bus = [head for head in heads if kept is None or head.bus == kept.bus]
        is_signing = bus.audit.authority.attest(b"") is not None
        verdict = await inspect(
            bus.history,
            bus.audit.authority,
            of_this_bus,
            must_sign=signed or (bus.is_embedded and is_signing),
            is_ordered=bus.is_embedded,
            request=id,
        )
    for line in _told(verdict, others=len(heads) - len(of_this_bus)):
        click.echo(line)
    if verdict.first is not None:
        click.echo(f"BROKEN: {_where(verdict.first)}.", err=True)
        return FAILED
    return 0


def _heads(files: Sequence[Path]) -> list["Head"]:
    """Those in `files`, each once."""
    from bus.auditing.head_file import read_heads

    return list(dict.fromkeys(head for file in files for head in read_heads(file)))


def _told(verdict: "Verdict", *, others: int) -> Sequence[str]:
    if not verdict.records:
        return ["Nothing is recorded."]
    records, decisions = _count(verdict.records, "record"), _count(verdict.decisions, "decision")
    writers = _count(verdict.writers, "process", "processes")
    compared = f"{_count(verdict.compared, 'decision')} compared with the messages"
    return [
        f"{records} of {decisions} by {writers}, {verdict.since} to {verdict.until}",
        f"{_count(verdict.unsigned, 'record')} unsigned",
        f"{compared}; {verdict.refused} denied, whose messages are not compared",
        f"{_count(verdict.heads, 'head')} compared"
        + (f"; {others} of other buses left out" if others else ""),
        *(() if verdict.first else ("The audit is whole.",)),
    ]


def _where(broken: "Broken") -> str:
    place = [
        f"record {broken.sequence} of {plain(broken.writer)}" if broken.writer else "a record",
        f"at position {broken.position} of the history" if broken.position is not None else "",
    ]
    kind = broken.kind.replace("_", " ")
    return f"{', '.join(filter(None, place))}: {kind}: {plain(broken.what)}"


async def _export(
    session: Session,
    between: tuple[datetime | None, datetime | None],
    request: str | None,
    denied: bool,
) -> int:
    from bus import format_instant
    from bus.auditing.trail import trail

    since, until = (format_instant(each) if each else None for each in between)
    async with session.bus("convener") as bus:
        async for record in trail(bus.history, since=between[0]):
            for number, decision in enumerate(record.decisions):
                if (
                    (since is None or decision.at >= since)
                    and (until is None or decision.at < until)
                    and (request is None or decision.request.startswith(request))
                    and (not denied or decision.verdict == "denied")
                ):
                    click.echo(json.dumps(as_ecs(record, number, decision)))
    return 0


def as_ecs(record: "AuditRecorded", number: int, decision: "Decision") -> Mapping[str, Any]:
    """One decision by the names of the Elastic Common Schema; what is empty is left out."""
    fields: dict[str, Any] = {
        "@timestamp": decision.at,
        "ecs.version": ECS,
        "event.kind": "event",
        "event.category": ["api"],
        "event.type": [decision.verdict],
        "event.action": decision.action,
        "event.outcome": "success" if decision.verdict == "allowed" else "failure",
        "event.reason": decision.reason,
        "event.provider": "convener",
        "event.dataset": "convener.audit",
        "event.id": f"{record.writer}/{record.sequence}/{number}",
        "event.sequence": record.sequence,
        "event.hash": record.hash,
        "service.node.name": record.writer,
        "user.name": decision.subject,
        "convener.actors": list(decision.actors),
        "convener.message.id": decision.message_id,
        "convener.message.type": decision.message_type,
        "convener.message.sha256": decision.message_digest,
        "convener.request": decision.request,
    }
    return {name: value for name, value in fields.items() if value not in ("", [])}


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
