"""`convener`: the group of all commands, and the last line of defence.

*Guarantees*: whatever goes wrong, the user reads one sentence and gets an exit code: 0 done,
1 failed, 2 wrong usage, 3 partial report, 4 not permitted, 130 interrupted.

*Not here*: the commands. They are imported when called, so that `--help` stays fast.
"""

import sys
from importlib import import_module
from typing import Any, Final

import click

_COMMANDS: Final = {
    "analyze": ("agents.cli.analyze", "Analyse data here and now, and print the report."),
    "publish": ("agents.cli.publish", "Publish an analysis request for workers to take."),
    "worker": ("agents.cli.worker", "Run agent workers."),
    "report": ("agents.cli.report", "Print the report of a request, or the progress so far."),
    "status": ("agents.cli.status", "List recent requests, or show where one is."),
    "cancel": ("agents.cli.cancel", "Stop a request everywhere."),
    "history": ("agents.cli.history", "Show recorded messages."),
    "schema": ("agents.cli.schema", "Print the JSON Schema of the report or of a message."),
    "stats": ("agents.cli.stats", "Show how the panel performs, and what to change."),
    "replay": ("agents.cli.replay", "Run a recorded request again."),
    "breakers": ("agents.cli.breakers", "Show the circuit breakers of all processes, or set one."),
    "dead": ("agents.cli.dead", "Look at, redrive or discard parked messages."),
}


class _LazyGroup(click.Group):
    """Knows its commands by name and line of help, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(_COMMANDS[cmd_name][0]), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


def _print_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        click.echo(f"convener {version('convener')}")
        context.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--bus", metavar="URL", help="sqlite:///PATH or amqp://… (or set CONVENER_BUS).")
@click.option(
    "--model",
    metavar="openai:NAME",
    help="The model to explain findings with (or set CONVENER_MODEL).",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    show_default=True,
    help="What to log, to standard error; debug also shows where an error came from.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
@click.pass_context
def main(context: click.Context, bus: str | None, model: str | None, log_level: str) -> None:
    """Convene a panel of specialist agents over a durable message bus.

    \b
    convener analyze orders.csv                    a report, with nothing else running
    convener worker                                serve requests …
    convener publish orders.csv --wait             … and ask for one
    """
    context.obj = {"bus": bus, "model": model, "log_level": log_level}


def run() -> None:
    """The entry point of the command `convener`."""
    sys.exit(_run(sys.argv[1:]))


def _run(arguments: list[str]) -> int:
    try:
        result: Any = main.main(arguments, prog_name="convener", standalone_mode=False)
    except click.exceptions.Abort:
        return _say("Interrupted.", 130)
    except KeyboardInterrupt:
        return _say("Interrupted.", 130)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:  # the last line of defence: a user never meets a traceback
        from agents.cli.failure import explain

        sentence, code = explain(error)
        if "debug" in arguments:
            raise
        return _say(f"Error: {sentence}", code)
    return result if isinstance(result, int) else 0


def _say(sentence: str, code: int) -> int:
    click.echo(sentence, err=True)
    return code
