"""`convener`: the group of all commands, and the last line of defence.

*Guarantees*: whatever goes wrong, the user reads one sentence and gets an exit code: 0 done,
1 failed, 2 wrong usage, 3 partial report, 4 not permitted, 130 interrupted.

*Not here*: the commands. They are imported when called, so that `--help` stays fast.
"""

import os
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from agents.cli.line_mode import plain_option
from agents.cli.pages import exit_codes

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

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
    "token": ("agents.cli.token", "Make keys and tokens, and look at them."),
    "audit": ("agents.cli.audit", "Check or export the record of every decision."),
    "dead": ("agents.cli.dead", "Look at, redrive or discard parked messages."),
    "doctor": ("agents.cli.doctor", "Look at the whole set-up, and say what to do."),
    "completion": ("agents.cli.completion", "Print what makes a shell complete all this."),
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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:  # it knows only commands that are imported
            known = list(_COMMANDS)
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=known, ctx=ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        commands = [
            CompletionItem(name, help=text)
            for name, (_, text) in _COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]


def _print_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import PackageNotFoundError, version

        try:
            click.echo(f"convener {version('convener')}")
        except PackageNotFoundError:
            click.echo("convener, run from its source without having been installed")
        context.exit()


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"{exit_codes(partial='partial report')} Settings come from options, then the "
    "environment, then convener.toml in the working directory: `convener doctor --settings` lists "
    "them all.",
)
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
    help="What to log, to standard error: lines at a terminal, else JSON; debug also shows where "
    "an error came from.",
)
@plain_option
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
    Examples:
      convener analyze orders.csv                    a report, with nothing else running
      convener worker                                serve requests …
      convener publish orders.csv --wait             … and ask for one
      convener doctor                                is everything set up as it should be?
    """
    context.obj = {"bus": bus, "model": model, "log_level": log_level}


def run() -> None:
    """The entry point of the command `convener`."""
    _open_what_is_closed()
    sys.exit(_run(sys.argv[1:]))


def _run(arguments: list[str]) -> int:
    if not all(map(_is_text, arguments)):
        return _say("Error: An argument is not UTF-8: write it, or name the file, in UTF-8.", 2)
    try:
        result: Any = main.main(arguments, prog_name="convener", standalone_mode=False)
    except click.exceptions.Abort:
        return _say("Interrupted.", 130)
    except KeyboardInterrupt:
        return _say("Interrupted.", 130)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SystemExit:  # click's end where whoever reads the output has seen enough
        return 0
    except Exception as error:  # noqa: BLE001 the last line of defence: nobody meets a traceback
        from agents.cli.failure import explain

        sentence, code = explain(error)
        if _wants_tracebacks(arguments):
            _show_traceback(error)
        if isinstance(error, OSError):
            _let_output_go()
        return _say(f"Error: {sentence}", code)
    return result if isinstance(result, int) else 0


def _open_what_is_closed() -> None:
    """Have something behind each standard stream, or its number goes to the next file opened."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, _nothing(mode))


def _nothing(mode: str) -> IO[str]:
    return Path(os.devnull).open(mode, encoding="utf-8")


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:  # Python's way to pass on bytes that it cannot decode
        return False
    return True


def _wants_tracebacks(arguments: list[str]) -> bool:
    return "--log-level=debug" in arguments or ("--log-level", "debug") in pairwise(arguments)


def _let_output_go() -> None:
    """Have what could not be written not be tried again when Python ends."""
    try:
        sys.stdout.flush()
    except OSError:
        sys.stdout = _nothing("w")


def _show_traceback(error: Exception) -> None:
    from io import StringIO

    from bus.logs.lines import inert_traceback
    from bus.logs.redaction import redacted

    written = StringIO()
    inert_traceback(written, (type(error), error, error.__traceback__))
    click.echo(redacted(written.getvalue()).rstrip(), err=True)


def _say(sentence: str, code: int) -> int:
    click.echo(sentence, err=True)
    return code
