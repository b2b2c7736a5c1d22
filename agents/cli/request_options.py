"""The options that say what to analyse, shared by `analyze` and `publish`."""

from collections.abc import Callable, Sequence
from os.path import lexists
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem
from pydantic import BaseModel, ValidationError

from agents.cli.values import Seconds, one_of, roles
from agents.datasets.credentials import absolute
from agents.datasets.file_size import size_of
from agents.datasets.location import is_url, split_table
from agents.domain.request import (
    MAX_DEADLINE,
    SECONDS_PER_GIGABYTE,
    TASK_SHARE,
    USUAL_DEADLINE,
    AnalysisRequested,
    Characteristics,
    DatasetReference,
    GatherPolicy,
    deadline_for,
)
from agents.domain.usage import Budget
from agents.errors import AgentUsageError, DatasetUnreachableError
from agents.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
M = TypeVar("M", bound=BaseModel)


def request_options(command: F) -> F:
    """The argument DATA and the options of a request."""
    for decorate in reversed(
        (
            click.argument(
                "data", nargs=-1, required=True, metavar="DATA...", shell_complete=_files
            ),
            click.option("-q", "--question", default="", help="What you want to know."),
            click.option(
                "--role",
                "roles",
                multiple=True,
                metavar="ROLE",
                shell_complete=one_of(roles),
                help="Ask only this specialist; may be given several times.",
            ),
            click.option(
                "--characteristic",
                "characteristics",
                multiple=True,
                metavar="NAME=VALUE",
                shell_complete=one_of(lambda: _beginnings(Characteristics)),
                help="What you know of the data, such as processing_type=streaming or "
                "events_per_second=500; may be given several times.",
            ),
            click.option(
                "--deadline",
                type=Seconds(min=1, max=MAX_DEADLINE),
                metavar="SECONDS",
                help=f"When the report must be out; by default {USUAL_DEADLINE:g}, and "
                f"{SECONDS_PER_GIGABYTE:g} more for each GB of files; at most {MAX_DEADLINE:g}.",
            ),
            click.option(
                "--budget",
                "budgets",
                multiple=True,
                metavar="NAME=VALUE",
                shell_complete=one_of(lambda: _beginnings(Budget)),
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


def _files(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    return [CompletionItem(begun, type="file")]


def build_request(
    settings: Settings,
    *,
    data: Sequence[str],
    question: str,
    roles: Sequence[str],
    characteristics: Sequence[str],
    deadline: float | None,
    budgets: Sequence[str],
    fresh: bool,
) -> AnalysisRequested:
    """The request that the options describe.

    Raises:
        AgentUsageError: they contradict themselves or each other.
    """
    if deadline is None:
        deadline = deadline_for(sum(size_of(each) for each in data))
    locations = [_location(settings, each) for each in data]
    for names, option in ((locations, "data"), (roles, "--role")):
        if twice := next((each for each in names if names.count(each) > 1), None):
            raise AgentUsageError(f"{twice} is given twice as {option}: name it once.")
    try:
        return AnalysisRequested(
            question=question,
            datasets=tuple(DatasetReference(location=each) for each in locations),
            characteristics=_described(Characteristics, characteristics, "--characteristic"),
            panel=tuple(roles),
            gather=GatherPolicy(task_timeout=TASK_SHARE * deadline),
            deadline=deadline,
            budget=_described(Budget, budgets, "--budget"),
            fresh=fresh,
        )
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        raise AgentUsageError(f"The request is not valid: {where}: {message}.") from error


def refuse_missing(request: AnalysisRequested) -> None:
    """Refuse a request for files on this machine that are not there, before anybody works on it.

    Raises:
        DatasetUnreachableError: there is no such file.
    """
    for dataset in request.datasets:
        location = dataset.location
        if is_url(location) or lexists(location) or lexists(split_table(location)[0]):
            continue
        if location.endswith("/-"):
            raise DatasetUnreachableError(
                "There is no file named '-', and data is not read from standard input: write it to "
                "a file, and name that."
            )
        raise DatasetUnreachableError(f"There is no file {location}: check the path.")


def _described(model: type[M], options: Sequence[str], option: str) -> M:
    """What options of the form NAME=VALUE say of a `model`."""
    pairs: dict[str, str] = {}
    for written in options:
        name, separator, value = (part.strip() for part in written.partition("="))
        if not separator:
            raise AgentUsageError(f"{option} {written!r} says nothing: write NAME=VALUE.")
        if name in pairs:
            raise AgentUsageError(f"{option} {name} is given twice: give it once.")
        if name not in model.model_fields:
            known = ", ".join(model.model_fields)
            raise AgentUsageError(f"{option} has no {name!r}: known are {known}.")
        pairs[name] = value
    try:
        return model.model_validate(pairs)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        name = str(problem["loc"][0])
        reason = problem["msg"].removeprefix("Input ").partition(", unable")[0]
        raise AgentUsageError(f"{option} {name}={pairs[name]} cannot be: it {reason}.") from error


def _beginnings(model: type[BaseModel]) -> Sequence[str]:
    return [f"{name}=" for name in model.model_fields]


def _location(settings: Settings, data: str) -> str:
    """Where `data` is: an absolute path on the embedded bus, else `root/path`.

    An address of a server loses its password, which stays in this process.
    """
    if not data.strip():
        raise AgentUsageError("A name of data is empty: give the path of a file.")
    if settings.is_embedded:
        return absolute(data)
    if is_url(data):
        raise AgentUsageError(
            "Servers are asked on the embedded bus only: leave out --bus, or export what they hold "
            "below one of the data roots."
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
