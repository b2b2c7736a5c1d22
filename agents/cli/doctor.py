"""`convener doctor`: whether everything is set up as it should be, and what to do where it is not.

*Not here*: the questions; those are in `agents.diagnosis` and `bus.diagnosis`.
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import click

from agents.cli.line_mode import plain_option
from agents.cli.pages import exit_codes
from agents.cli.values import one_of, roles_and_orchestrator
from agents.cli.verdicts import write_answers
from agents.diagnosis import installation
from bus.diagnosis.check import Answer, diagnose, failed, fine

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from agents.settings import Settings


@click.command(epilog=exit_codes("nothing is wrong", "something is"))
@click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="ROLE",
    shell_complete=one_of(roles_and_orchestrator),
    help="Only look whether somebody serves this role, or `orchestrator`, now.",
)
@click.option("--ask-model", is_flag=True, help="Also ask the model for a short answer, for pay.")
@click.option(
    "--provision",
    is_flag=True,
    help="Create what the bus needs on RabbitMQ, and ask every queue for a sign of life; with "
    "--role for roles of your own too.",
)
@click.option(
    "--permissions",
    "users",
    multiple=True,
    metavar="USER:KIND[:ROLE…]",
    help="Print the commands that give this user of RabbitMQ its rights. KIND is client, auditor, "
    "operator, worker (with its roles), orchestrator or provisioner.",
)
@click.option(
    "--settings",
    "lists_settings",
    is_flag=True,
    help="List every setting: its key in convener.toml, its variable, what it means, and what it "
    "is here and now; no secret is shown.",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@plain_option
@click.pass_context
def doctor(
    context: click.Context,
    /,
    roles: tuple[str, ...],
    ask_model: bool,
    provision: bool,
    users: tuple[str, ...],
    lists_settings: bool,
    form: str,
) -> int:
    """Look at the whole set-up: what is so, and what to do where something is wrong.

    It looks at packages and limits, bus, recorder, Redis, workers, parked messages, keys, folders,
    clocks and the model, and changes nothing that is there. A warning is no failure. With
    --role it is a health check for containers and services.

    \b
    Examples:
      convener doctor
      convener doctor --settings
      convener doctor --role security || systemctl restart convener-security
      convener --bus amqp://… doctor --provision
      convener doctor --permissions panel:orchestrator --permissions desk:client | sh
    """
    # The rest may not even be importable if another package has overwritten it.
    (packages, *_) = _run(diagnose(installation.checks()))
    if packages.verdict.status == "failed":
        return write_answers([packages], form=form)
    from agents.cli.session import begin
    from agents.errors import AgentUsageError

    asked = (ask_model, provision, users, lists_settings)
    if sum(map(bool, asked)) > 1 or (roles and any(asked) and not provision):
        raise AgentUsageError(
            "Give one of --role, --ask-model, --provision, --permissions and --settings."
        )
    for role in roles:
        _check_role(role)
    settings = begin(context).settings
    if lists_settings:
        return _listed(context.find_root().params, form)
    if users:
        from agents.broker_users import permissions_script

        vhost = unquote(urlsplit(settings.bus_url).path[1:]) if not settings.is_embedded else ""
        click.echo(permissions_script(users, vhost=vhost or "/"))
        return 0
    if provision:
        return write_answers(_run(_provisioned(settings, roles)), form=form)
    if roles:
        from agents.diagnosis.presence import alive

        return write_answers(_run(alive(settings.bus_url, roles)), form=form)
    from agents.diagnosis.setup import diagnosed

    return write_answers(_run(diagnosed(settings, asks_model=ask_model)), form=form)


def _check_role(role: str) -> None:
    from agents.domain.role import ORCHESTRATOR, check_role
    from agents.errors import AgentUsageError

    try:
        if role != ORCHESTRATOR:
            check_role(role)
    except ValueError as error:
        raise AgentUsageError(f"{error}.") from error


def _listed(options: "Mapping[str, Any]", form: str) -> int:
    import os
    from pathlib import Path

    from agents.cli.setting_list import in_effect, write_settings
    from agents.setting_names import FILE
    from agents.settings import read_file

    written = read_file(Path.cwd() / FILE)
    found = in_effect(options=options, environment=os.environ, written=written)
    write_settings(found, form=form)
    return 0


def _run(work: "Coroutine[Any, Any, Sequence[Answer]]") -> "Sequence[Answer]":
    import asyncio

    return asyncio.run(work)


async def _provisioned(settings: "Settings", roles: "Sequence[str]") -> "Sequence[Answer]":
    from agents.broker_users import groups
    from agents.diagnosis.roles import builtin_roles
    from agents.errors import AgentUsageError
    from bus.diagnosis.aside import aside

    if settings.is_embedded:
        raise AgentUsageError(
            "--provision is for RabbitMQ, and the bus is a file, which makes itself: name a broker "
            "with --bus or CONVENER_BUS."
        )
    from bus.rabbitmq import provision

    probes = await provision(settings.bus_url, groups=groups([*await aside(builtin_roles), *roles]))
    return [
        Answer(
            name=probe.queue,
            verdict=failed(probe.problem) if probe.problem else fine("It is there and works."),
        )
        for probe in probes
    ]
