"""`convener worker`: run agents until told to stop."""

import asyncio
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agents.cli.failure import FAILED
from agents.cli.line_mode import plain_option
from agents.cli.pages import exit_codes
from agents.cli.session import Session, begin, execute
from agents.cli.values import Count, Seconds, one_of, roles_and_orchestrator
from agents.cli.wrapped import say
from agents.domain.synthesis.wording import counted
from agents.errors import AgentUsageError
from agents.settings import Settings
from agents.specialist import Panel
from bus.logs.redaction import without_password

if TYPE_CHECKING:
    from agents.service import Service


@click.command(
    epilog=exit_codes("stopped, or with --check served", "failed, or with --check not served")
)
@click.argument(
    "roles", nargs=-1, metavar="[ROLE]...", shell_complete=one_of(roles_and_orchestrator)
)
@click.option(
    "--app",
    metavar="MODULE:PANEL",
    help="Your own panel, such as my_module:panel, beside the built-in specialists.",
)
@click.option(
    "--concurrency",
    type=Count(1, 64),
    default=8,
    show_default=True,
    help="Tasks at once per role; for an orchestrator, requests at once.",
)
@click.option(
    "--grace",
    type=Seconds(min=0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long running work may go on after SIGTERM before it is handed back.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Serve nothing, but say whether the roles are served now; exit 1 if one is not.",
)
@plain_option
@click.pass_context
def worker(
    context: click.Context,
    roles: tuple[str, ...],
    app: str | None,
    concurrency: int,
    grace: float,
    check: bool,
) -> int:
    """Run agent workers: the given roles, `orchestrator`, or all of them.

    SIGTERM or Ctrl-C drains: nothing new is taken, running work ends or goes back to the queue. A
    second one does not wait.

    \b
    Examples:
      convener worker
      convener worker orchestrator
      convener worker data_quality performance security business
      convener worker my_role --app my_module:panel
    """
    session = begin(context)
    if check:
        return execute(_check(session, roles))
    return execute(_work(session, roles, app, concurrency, grace))


async def _work(
    session: Session, roles: tuple[str, ...], app: str | None, concurrency: int, grace: float
) -> int:
    from agents.builtin import builtin_panel
    from agents.domain.role import ORCHESTRATOR
    from agents.equipment import equipped
    from agents.retention import retained
    from agents.service import serve_panel

    panel = _joined(builtin_panel(), _load_panel(app)) if app else builtin_panel()
    chosen = roles or (ORCHESTRATOR, *panel.roles)
    for role in chosen:
        if role != ORCHESTRATOR:
            panel[role]
    async with (
        session.bus("worker") as bus,
        equipped(session.settings, clock=bus.clock) as equipment,
        serve_panel(
            bus,
            panel,
            catalog=equipment.catalog,
            cache=equipment.cache,
            kit=equipment.kit,
            roles=chosen,
            concurrency=concurrency,
            grace=grace,
        ) as service,
        retained(bus, session.settings.retention, cache=equipment.cache),
    ):
        stopping = asyncio.Event()

        def stop() -> None:
            if stopping.is_set():
                say("Handing back what is not done.")
                service.hurry()
                return
            say(_draining(service, grace))
            stopping.set()
            service.stop()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        say(_serving_with(session.settings))
        say(f"Serving {', '.join(chosen)}. Ctrl-C to stop.")
        await stopping.wait()
    say("Stopped: nothing is left in hand.")
    return 0


def _serving_with(settings: Settings) -> str:
    """The bus, without its password, and the model."""
    by = f"the model {settings.model}" if settings.model else "rule alone, without a model"
    return f"The bus is {without_password(settings.bus_url)}; findings are explained by {by}."


def _draining(service: "Service", grace: float) -> str:
    in_hand = sum(consumer.in_hand for consumer in service.consumers)
    if not in_hand:
        return "Draining: nothing is in hand."
    return (
        f"Draining: {counted(in_hand, 'piece')} of work in hand. What does not end within "
        f"{grace:g} s goes back to the queue; Ctrl-C once more hands it back at once."
    )


async def _check(session: Session, roles: tuple[str, ...]) -> int:
    from agents.builtin import builtin_panel
    from agents.cli.presence import absent_roles
    from agents.domain.role import ORCHESTRATOR

    asked = roles or (ORCHESTRATOR, *builtin_panel().roles)
    async with session.bus("convener") as bus:
        absent = await absent_roles(bus, asked)
    for role in absent:
        click.echo(f"Nobody serves {role}: start `convener worker {role}`.", err=True)
    return FAILED if absent else 0


def _load_panel(app: str) -> Panel:
    module_name, separator, attribute = app.partition(":")
    if not separator or not module_name or not attribute:
        raise AgentUsageError(f"{app!r} names no panel: write MODULE:PANEL.")
    sys.path.insert(0, str(Path.cwd()))
    try:
        panel = getattr(import_module(module_name), attribute)
    except ImportError as error:
        raise AgentUsageError(f"{module_name} cannot be imported: {error}.") from error
    except AttributeError as error:
        raise AgentUsageError(f"{module_name} has no {attribute!r}.") from error
    if not isinstance(panel, Panel):
        raise AgentUsageError(f"{app} is not an agents.Panel.")
    return panel


def _joined(first: Panel, second: Panel) -> Panel:
    return Panel(*(each for each in first if each.role not in second), *second)
