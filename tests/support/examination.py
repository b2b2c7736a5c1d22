"""An examination without a bus: runs a specialist on real datasets, its tools called directly."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from agents.dataset import Datasets
from agents.datasets.credentials import absolute
from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.finding import Finding
from agents.domain.request import DatasetReference
from agents.domain.task import Route, RouteKind, TaskAssigned
from agents.errors import DatasetError, ResultTooLargeError, ToolFailedError, UnknownToolError
from agents.specialist import Specialist
from agents.tool import Tool

R = TypeVar("R")


class DirectExamination:
    """Validates arguments and sends results through JSON that fits, as the gateway does; no more.

    Tools named in `failing` raise; `notes`, `steps` and `calls` are what was said and used.
    """

    def __init__(
        self, data: Datasets, task: TaskAssigned, *, failing: Collection[str] = ()
    ) -> None:
        self._data = data
        self._task = task
        self._failing = failing
        self.notes: list[str] = []
        self.steps: list[str] = []
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    @property
    def task(self) -> TaskAssigned:
        return self._task

    def has(self, tool: Tool[Any]) -> bool:
        return tool.name in self._task.tools

    async def use(self, tool: Tool[R], /, **arguments: Any) -> R:
        if not self.has(tool):
            raise UnknownToolError(tool.name, f"This task has no tool {tool.name}.")
        if tool.name in self._failing:
            raise ToolFailedError(tool.name, f"{tool.name} failed because the test wants it.")
        self.calls.append((tool.name, arguments))
        validated = tool.arguments(**arguments)
        supplied = {name: getattr(validated, name) for name in tool.arguments.model_fields}
        try:
            result = await tool.bind(self._data, supplied)()
        except DatasetError as error:
            raise ToolFailedError(tool.name, str(error)) from error
        encoded = tool.result.dump_json(result)
        if len(encoded) > tool.max_bytes:
            raise ResultTooLargeError(tool.name, size=len(encoded), limit=tool.max_bytes)
        return tool.result.validate_json(encoded)

    async def note(self, text: str) -> None:
        self.notes.append(text)

    async def progress(self, text: str, *, findings: int = 0) -> None:
        self.steps.append(text)


@asynccontextmanager
async def examination_of(
    specialist: Specialist,
    *files: Path | str,
    cache: Path,
    names: Sequence[str] = (),
    kind: RouteKind = "batch",
    time_column: str | None = None,
    failing: Collection[str] = (),
    tools: Collection[str] | None = None,
    threads: int = 2,
) -> AsyncIterator[DirectExamination]:
    """An examination of files or addresses by `specialist`, with snapshots in `cache`."""
    async with DuckdbCatalog(
        roots={}, cache=cache, allow_absolute=True, threads=threads
    ) as catalog:
        given = [*names, *[""] * (len(files) - len(names))]
        pinned = await catalog.pin(
            [
                DatasetReference(
                    location=str(file.absolute()) if isinstance(file, Path) else absolute(file),
                    name=name,
                )
                for file, name in zip(files, given, strict=True)
            ]
        )
        route = Route(kind=kind, why="The test says so.", time_column=time_column)
        task = TaskAssigned(
            request_id="request",
            task_id="task",
            role=specialist.role,
            question="",
            questions=(),
            tools=tuple(
                tool.name
                for tool in specialist.tools
                if tool.fits(kind, pinned) and (tools is None or tool.name in tools)
            ),
            datasets=pinned,
            route=route,
        )
        async with catalog.open(pinned) as data:
            yield DirectExamination(data, task, failing=failing)


async def findings_of(
    specialist: Specialist, *files: Path | str, cache: Path, **options: Any
) -> tuple[Finding, ...]:
    """What `specialist` finds in `files`."""
    async with examination_of(specialist, *files, cache=cache, **options) as examination:
        return tuple(await specialist.examine(examination))
