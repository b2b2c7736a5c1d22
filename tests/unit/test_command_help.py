"""`--help`: every command says how it is used, by example, and how it ends."""

import contextlib
import re
import shlex
from collections.abc import Iterator

import click
import pytest

from agents.cli.history import forget, prune
from agents.cli.main import main


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command and the commands below it, each with the words that call it."""

    def below(group: click.Group, words: str) -> Iterator[tuple[str, click.Command]]:
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield f"{words} {name}", command
            if isinstance(command, click.Group):
                yield from below(command, f"{words} {name}")

    yield from below(main, "convener")


COMMANDS = dict(commands())
PAGES = {
    **COMMANDS,
    "convener": main,
    "convener history forget": forget,
    "convener history prune": prune,
}
"""Besides, what is called like a command below another one."""

_EXAMPLE = re.compile(r"^    (\S.*)$", re.MULTILINE)


def page(words: str) -> str:
    """What `--help` prints."""
    command = PAGES[words]
    return command.get_help(click.Context(command, info_name=words))


def examples(words: str) -> list[str]:
    """The lines that its help shows as examples, without what is said about them."""
    shown = page(words).split("  Examples:\n")[1].split("\n\n")[0]
    return [re.split(r" {3,}", line)[0] for line in _EXAMPLE.findall(shown)]


def calls(example: str) -> Iterator[list[str]]:
    """The arguments of each `convener` that a line for a shell calls, the inner ones too."""
    for inner in re.findall(r"\$\((convener [^)]*)\)", example):
        yield from calls(inner)
    plain = re.sub(r"\$\(.*?\)", "4f2a", example)
    for part in re.split(r"\|\||\||>", plain):
        words = shlex.split(part)
        if words[:1] == ["convener"]:
            yield words[1:]


def parsed(arguments: list[str]) -> None:
    """Have the command line read `arguments`, and run nothing but `--help`."""
    with contextlib.suppress(click.exceptions.Exit):
        _parse(arguments)


def _parse(arguments: list[str]) -> None:
    context = main.make_context("convener", list(arguments))
    command: click.Command = main
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        name, below, rest = command.resolve_command(context, rest)
        assert below is not None
        context = below.make_context(name, rest, parent=context)
        command = below


@pytest.mark.parametrize("words", COMMANDS)
def test_the_help_of_every_command_shows_an_example(words: str) -> None:
    command = COMMANDS[words]
    shown = command.get_help(click.Context(command, info_name=words))
    assert words in shown.split("Options:")[0].split("\n", 1)[1], shown


@pytest.mark.parametrize("words", PAGES)
def test_every_example_in_a_help_is_one_that_the_command_line_reads(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(click.Path, "convert", lambda self, value, param, ctx: value)
    found = [call for example in examples(words) for call in calls(example)]
    assert found
    for arguments in found:
        parsed(arguments)


def test_an_example_that_cannot_be_read_would_be_noticed() -> None:
    for wrong in ("convener analyze a.csv --no-such", "convener dead look 4f2a", "convener report"):
        (arguments,) = calls(wrong)
        with pytest.raises(click.UsageError):
            parsed(arguments)


@pytest.mark.parametrize("words", PAGES)
def test_every_help_has_the_same_parts_in_the_same_order(words: str) -> None:
    shown = page(words)
    parts = ["Usage: ", "  Examples:\n    ", "\nOptions:\n", "\n  Exit codes: 0 "]
    assert [shown.count(part) for part in parts] == [1] * len(parts), shown
    assert sorted(parts, key=shown.index) == parts
    ends = " ".join(shown.split("Exit codes:")[1].split())
    assert re.match(r"0 [^;]+; 1 [^;]+; 2 wrong usage;.* 4 [^;]+; 130 interrupted\.", ends), ends
    assert max(map(len, shown.splitlines())) <= 90


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_of_every_command_is_explained_or_shows_its_values(words: str) -> None:
    for parameter in COMMANDS[words].params:
        if isinstance(parameter, click.Option):
            explained = parameter.help or isinstance(parameter.type, click.Choice)
            assert explained or parameter.show_default, parameter.name


def test_the_main_help_tells_the_exit_codes_and_where_settings_come_from() -> None:
    shown = " ".join(main.get_help(click.Context(main)).split())
    for text in ("0 done", "2 wrong usage", "3 partial report", "4 not permitted", "convener.toml"):
        assert text in shown
