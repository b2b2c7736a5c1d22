"""`convener breakers`: the circuits of every process, and setting one by hand."""

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import click

from agents.cli.failure import FAILED
from agents.cli.pages import exit_codes
from agents.cli.session import Session, begin, execute
from agents.cli.values import Seconds
from agents.errors import AgentUsageError
from agents.reports.plain import plain

if TYPE_CHECKING:
    from agents.domain.breaker import Circuit, ForcedCircuit
    from agents.domain.circuit import CircuitForced, CircuitsAsked, CircuitSnapshot, CircuitsShown
    from bus import MessageBus

_STATES: Final[dict["Circuit", str]] = {
    "closed": "closed",
    "open": "open",
    "half_open": "half-open",
    "forced_open": "forced open",
    "disabled": "disabled",
}
_ORDERS: Final[dict["ForcedCircuit", str]] = {
    "closed": "Reset {name} in {where}.",
    "forced_open": "Forced {name} open in {where}.",
    "disabled": "Disabled the breaker of {name} in {where}.",
}
_HEADINGS: Final = ("NAME", "STATE", "FAILURES", "SLOW", "RETRY IN", "LAST ERROR")


@click.command(epilog=exit_codes(failed="nobody answers, or has such a circuit"))
@click.option("--reset", metavar="NAME", help="Close this circuit and forget what was counted.")
@click.option("--force-open", metavar="NAME", help="Let no call through until it is reset.")
@click.option("--disable", metavar="NAME", help="Let every call through until it is reset.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A table per process, or JSON.",
)
@click.option(
    "--wait",
    type=Seconds(min=0, max=60),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How long processes have to answer.",
)
@click.pass_context
def breakers(
    context: click.Context,
    reset: str | None,
    force_open: str | None,
    disable: str | None,
    form: str,
    wait: float,
) -> int:
    """Show the circuit breakers of all running processes, or set one of them everywhere.

    NAME is a tool, or the endpoint of a model. What is set by hand lasts until it is reset or the
    process ends; a process that starts later begins with closed circuits. Exits with 1 when no
    process answers, or none has a circuit to reset.

    \b
    Examples:
      convener breakers
      convener breakers --force-open model:openai:gpt-x@host
      convener breakers --reset model:openai:gpt-x@host
    """
    from agents.domain.circuit import CircuitForced, CircuitsAsked

    session = begin(context)
    named: dict[ForcedCircuit, str | None] = {
        "closed": reset,
        "forced_open": force_open,
        "disabled": disable,
    }
    orders = [(circuit, name) for circuit, name in named.items() if name is not None]
    if len(orders) > 1:
        raise AgentUsageError("Give one of --reset, --force-open and --disable at a time.")
    if not orders:
        return execute(_ask(session, CircuitsAsked(), form, wait))
    ((circuit, name),) = orders
    if not 1 <= len(name) <= 200:
        raise AgentUsageError("A circuit's name has 1 to 200 characters.")
    return execute(_ask(session, CircuitForced(name=name, circuit=circuit), form, wait))


async def _ask(
    session: Session, order: "CircuitForced | CircuitsAsked", form: str, wait: float
) -> int:
    from agents.domain.circuit import CircuitForced

    async with session.bus("convener") as bus:
        answers = await gather_answers(bus, order, wait=wait)
    if form == "json":
        click.echo(json.dumps([_as_json(shown) for shown in answers], indent=2))
    elif answers:
        click.echo("\n\n".join(render(shown) for shown in answers))
    if not answers:
        click.echo("No process is running on this bus: start one with `convener worker`.", err=True)
        return FAILED
    if not isinstance(order, CircuitForced):
        return 0
    obeyed = sum(bool(shown.circuits) for shown in answers)
    if not obeyed:
        click.echo(f"No running process has a circuit {plain(order.name)!r} to reset.", err=True)
        return FAILED
    where = f"{obeyed} process{'es' if obeyed > 1 else ''}"
    click.echo(_ORDERS[order.circuit].format(name=plain(order.name), where=where), err=True)
    return 0


async def gather_answers(
    bus: "MessageBus", order: "CircuitForced | CircuitsAsked", *, wait: float
) -> "Sequence[CircuitsShown]":
    """What every process answers to `order` within `wait` seconds, by host and process."""
    from agents.domain.circuit import CircuitForced, CircuitsShown
    from agents.messages import ASK_CIRCUITS_TOPIC, FORCE_CIRCUIT_TOPIC
    from bus import MessageId, request_key

    id = MessageId(str(uuid4()))
    to = FORCE_CIRCUIT_TOPIC if isinstance(order, CircuitForced) else ASK_CIRCUITS_TOPIC
    answers: list[CircuitsShown] = []
    async with bus.collect(request_key(bus.name, id)) as replies:
        await bus.publish(order, to=to, id=id, reply_to=bus.reply_topic)
        try:
            async with asyncio.timeout(wait):
                while True:
                    reply = await replies.get()
                    if isinstance(reply.content, CircuitsShown):
                        answers.append(reply.content)
        except TimeoutError:
            pass
    return sorted(answers, key=lambda shown: (shown.host, shown.process))


def render(shown: "CircuitsShown") -> str:
    """One process and a table of its circuits."""
    head = f"{plain(shown.host)}, process {shown.process}"
    if not shown.circuits:
        return f"{head}: nothing was called yet"
    rows = [_HEADINGS, *(_row(circuit) for circuit in shown.circuits)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join([head, *(f"  {line}" for line in lines)])


def _row(circuit: "CircuitSnapshot") -> tuple[str, ...]:
    state = _STATES[circuit.circuit]
    if circuit.is_shared:
        state += " (told by another process)"
    return (
        plain(circuit.name, 80),
        state,
        f"{circuit.failures} of {circuit.calls} ({circuit.failure_rate:.0%})",
        f"{circuit.slow} ({circuit.slow_rate:.0%})",
        _retry_in(circuit),
        plain(circuit.last_error) or "-",
    )


def _retry_in(circuit: "CircuitSnapshot") -> str:
    match circuit.circuit:
        case "forced_open":
            return "until reset"
        case "open":
            return f"{circuit.retry_after:.1f} s" if circuit.retry_after else "next call"
        case "half_open":
            return "probing"
        case _:
            return "-"


def _as_json(shown: "CircuitsShown") -> dict[str, Any]:
    circuits = [
        {
            **circuit.model_dump(mode="json"),
            "failure_rate": round(circuit.failure_rate, 3),
            "slow_rate": round(circuit.slow_rate, 3),
        }
        for circuit in shown.circuits
    ]
    return {"host": shown.host, "process": shown.process, "circuits": circuits}
