"""Kinds of values that options and arguments take: how they are checked and completed.

*Guarantees*: what completes a value starts nothing, makes no file, and says nothing when there is
nothing to say.
"""

import math
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Completer: TypeAlias = Callable[
    [click.Context, click.Parameter, str], "Sequence[CompletionItem | str]"
]

MOST_OFFERED: Final = 50
"""Ids that are offered, the latest first."""

_LEAST_BEGUN: Final = 8
"""Digits of an id that are offered: enough to tell requests apart, and as `status` shows them."""


class Seconds(click.FloatRange):
    """A number of seconds; `nan` is none."""

    name = "number of seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return seconds


class Count(click.IntRange):
    """A whole number."""

    name = "whole number"


class RequestId(click.ParamType[str]):
    """The id of a request, or how it begins; completed from the bus file."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        id = str(value).strip()
        if not id:
            self.fail("It is empty: see `convener status` for ids.", param, ctx)
        return id

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        from bus.diagnosis.recent import recent_conversations

        found = recent_conversations(
            _bus_file(ctx),
            message_type="convener.analysis.requested.v1",
            begun=incomplete,
            limit=MOST_OFFERED,
        )
        length = max(_LEAST_BEGUN, len(incomplete))
        return [
            CompletionItem(each.id[:length], help=each.time[:19].replace("T", " "))
            for each in found
        ]


class OutputFile(click.Path):
    """A file to be written, in a folder that is there: known before there is anything to write."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if not str(value):
            self.fail("It is empty: name a file.", param, ctx)
        path = Path(str(super().convert(value, param, ctx)))
        folder = path.parent
        if not folder.is_dir():
            self.fail(f"There is no folder {str(folder)!r}: make it first.", param, ctx)
        if not path.exists() and not os.access(folder, os.W_OK):
            self.fail(f"You may not write in the folder {str(folder)!r}.", param, ctx)
        return path


def one_of(names: Callable[[], Iterable[str]]) -> Completer:
    """Offers those of `names` that go on as what was typed."""

    def complete(
        context: click.Context, parameter: click.Parameter, begun: str
    ) -> "Sequence[CompletionItem | str]":
        return [name for name in names() if name.startswith(begun)]

    return complete


def roles() -> Sequence[str]:
    """The built-in specialists."""
    from agents.diagnosis.roles import builtin_roles

    return builtin_roles()


def roles_and_orchestrator() -> Sequence[str]:
    """All that a worker can be told to serve."""
    return ["orchestrator", *roles()]


def message_types() -> Sequence[str]:
    """The wire names of all messages."""
    from agents.messages import REGISTRY

    return sorted(payload.message_type for payload in REGISTRY)


def _bus_file(context: click.Context) -> Path | None:
    """The file of the bus that the command would use; None if it is none, or cannot be told."""
    from agents.errors import AgentUsageError
    from agents.settings import load_settings
    from bus import UsageError
    from bus.connect import database_path

    try:
        settings = load_settings(bus=context.find_root().params.get("bus"))
        return database_path(settings.bus_url) if settings.is_embedded else None
    except (AgentUsageError, UsageError):
        return None
