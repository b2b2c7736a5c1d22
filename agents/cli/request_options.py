"""The options that say what to analyse, shared by `analyze` and `publish`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from agents.datasets.credentials import absolute
from agents.datasets.location import is_url
from agents.domain.request import (
    MAX_DEADLINE,
    AnalysisRequested,
    Characteristics,
    DatasetReference,
)
from agents.domain.usage import Budget
from agents.errors import AgentUsageError
from agents.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def request_options(command: F) -> F:
    """The argument DATA and the options of a request."""
    for decorate in reversed(
        (
            click.argument("data", nargs=-1, required=True, metavar="DATA..."),
            click.option("-q", "--question", default="", help="What you want to know."),
            click.option(
                "--role",
                "roles",
                multiple=True,
                metavar="ROLE",
                help="Ask only this specialist; may be given several times.",
            ),
            click.option(
                "--characteristic",
                "characteristics",
                multiple=True,
                metavar="NAME=VALUE",
                help="What you know of the data, such as processing_type=streaming or "
                "events_per_second=500; may be given several times.",
            ),
            click.option(
                "--deadline",
                type=click.FloatRange(min=1, max=MAX_DEADLINE),
                default=300.0,
                show_default=True,
                metavar="SECONDS",
                help=f"When the report must be out; at most {MAX_DEADLINE:g}.",
            ),
            click.option(
                "--budget",
                "budgets",
                multiple=True,
                metavar="NAME=VALUE",
                help="The most that models may use: tokens, cost or seconds, such as tokens=50000; "
                "may be given several times.",
            ),
            click.option(
                "--fresh", is_flag=True, help="Measure and ask anew, whatever is known already."
            ),
        )
    ):
        command = decorate(command)
    return command


def build_request(
    settings: Settings,
    *,
    data: Sequence[str],
    question: str,
    roles: Sequence[str],
    characteristics: Sequence[str],
    deadline: float,
    budgets: Sequence[str],
    fresh: bool,
) -> AnalysisRequested:
    """The request that the options describe.

    Raises:
        AgentUsageError: they contradict themselves or each other.
    """
    try:
        return AnalysisRequested(
            question=question,
            datasets=tuple(DatasetReference(location=_location(settings, each)) for each in data),
            characteristics=Characteristics.model_validate(
                _pairs(characteristics, "characteristic")
            ),
            panel=tuple(roles),
            deadline=deadline,
            budget=Budget.model_validate(_pairs(budgets, "budget")),
            fresh=fresh,
        )
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = f"there is nothing of that name in {error.title.lower()}"
        raise AgentUsageError(f"The request is not valid: {where}: {message}.") from error


def _location(settings: Settings, data: str) -> str:
    """Where `data` is: an absolute path on the embedded bus, else `root/path`.

    An address of a server loses its password, which stays in this process.
    """
    if settings.is_embedded:
        return absolute(data)
    if is_url(data):
        raise AgentUsageError(
            "Databases on servers are analysed on the embedded bus only: leave out --bus, or "
            "export the table below one of the data roots."
        )
    path = Path(absolute(data))
    if data.split("/", 1)[0] in settings.roots and not path.exists():
        return data
    for name, root in settings.roots.items():
        if path.is_relative_to(root.resolve()):
            return f"{name}/{path.relative_to(root.resolve())}"
    known = ", ".join(f"{name}={root}" for name, root in settings.roots.items())
    raise AgentUsageError(
        f"{path} lies in no data root ({known}): name its folder with CONVENER_DATA=name=path, "
        "here and on the workers."
    )


def _pairs(options: Sequence[str], what: str) -> dict[str, str]:
    pairs = {}
    for option in options:
        name, separator, value = option.partition("=")
        if not separator:
            raise AgentUsageError(f"{option!r} is no {what}: write NAME=VALUE.")
        pairs[name.strip()] = value.strip()
    return pairs
