"""`convener worker`: run agents until told to stop."""

import asyncio
import signal
import sys
from importlib import import_module
from pathlib import Path

import click

from agents.cli.failure import FAILED
from agents.cli.session import Session, begin, execute
from agents.errors import AgentUsageError
from agents.specialist import Panel


@click.command()
@click.argument("roles", nargs=-1, metavar="[ROLE]...")
@click.option(
    "--app",
    metavar="MODULE:PANEL",
    help="Your own panel, such as my_module:panel, beside the built-in specialists.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="Tasks at once per role; for an orchestrator, requests at once.",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
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
    ):
        stopping = asyncio.Event()

        def stop() -> None:
            if stopping.is_set():
                service.hurry()
                return
            click.echo("Draining; once more to hurry.", err=True)
            stopping.set()
            service.stop()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        click.echo(f"Serving {', '.join(chosen)}. Ctrl-C to stop.", err=True)
        await stopping.wait()
    return 0


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
