"""The seam to tools: plain typed async functions that measure something.

The built-in ones stand in `agents/tools/`, one per file. A tool never decides what matters: it
returns figures, and a specialist turns figures into findings.
"""

import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeAlias, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model

from agents.calling.code_version import code_version
from agents.dataset import Datasets
from agents.domain.task import RouteKind
from agents.errors import AgentUsageError

Permission: TypeAlias = Literal["read_data", "execute_queries", "write_data", "admin_operations"]
Effect: TypeAlias = Literal["pure", "idempotent", "effect"]

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Generic[R]):
    """A function with what the gateway must know to call it safely.

    `arguments` validates what a caller passes, without the datasets, which the gateway supplies.
    `result` turns the result into JSON and back, for the record and for replay. `effect` says what
    calling it again does: nothing (`pure`), the same again (`idempotent`), or more (`effect`).
    `timeout` is seconds. `routes` are the kinds of data it has something to say about. `version`
    changes with the code: results are not kept beyond it.
    """

    name: str
    description: str
    permission: Permission
    effect: Effect
    timeout: float
    routes: frozenset[RouteKind]
    function: Callable[..., Awaitable[R]]
    arguments: type[BaseModel]
    result: TypeAdapter[R]
    data_parameter: str | None = None
    version: str = ""

    def bind(
        self, data: Datasets | None, arguments: Mapping[str, Any]
    ) -> Callable[[], Awaitable[R]]:
        """The call, not yet begun. `arguments` must be validated."""
        supplied = dict(arguments)
        if self.data_parameter is not None:
            supplied[self.data_parameter] = data
        return lambda: self.function(**supplied)


def tool(
    *,
    permission: Permission,
    effect: Effect = "pure",
    timeout: float = 60.0,
    routes: Collection[RouteKind] = ("batch", "streaming"),
) -> Callable[[Callable[..., Awaitable[R]]], Tool[R]]:
    """Make a tool of a typed async function whose docstring says what it measures.

    A parameter annotated `Datasets` receives the data of the task at hand. Every other parameter
    and the result must have types that pydantic can turn into JSON and back.

    >>> @tool(permission="read_data")
    ... async def row_count(data: Datasets, table: str) -> int:
    ...     "Count the rows of a table."
    ...     return data.table(table).rows
    >>> row_count.name
    'row_count'
    """

    def decorate(function: Callable[..., Awaitable[R]]) -> Tool[R]:
        hints = get_type_hints(function)
        data_parameter = None
        fields: dict[str, Any] = {}
        for parameter in inspect.signature(function).parameters.values():
            annotation = hints.get(parameter.name)
            if annotation is None:
                raise AgentUsageError(
                    f"The parameter {parameter.name} of the tool {function.__name__} has no type."
                )
            if annotation is Datasets:
                data_parameter = parameter.name
            elif parameter.default is inspect.Parameter.empty:
                fields[parameter.name] = (annotation, ...)
            else:
                fields[parameter.name] = (annotation, parameter.default)
        description = inspect.getdoc(function)
        if not description or "return" not in hints:
            raise AgentUsageError(
                f"The tool {function.__name__} needs a docstring and a result type."
            )
        return Tool(
            name=function.__name__,
            description=description,
            permission=permission,
            effect=effect,
            timeout=timeout,
            routes=frozenset(routes),
            function=function,
            arguments=create_model(
                function.__name__, __config__=ConfigDict(frozen=True, extra="forbid"), **fields
            ),
            result=TypeAdapter(hints["return"]),
            data_parameter=data_parameter,
            version=code_version(function),
        )

    return decorate
