"""The seam to tools: plain typed async functions that measure something.

The built-in ones stand in `agents/tools/`, one per file. A tool never decides what matters: it
returns figures, and a specialist turns figures into findings.
"""

import inspect
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from agents.calling.code_version import code_version
from agents.dataset import Datasets
from agents.domain.task import PinnedDataset, RouteKind
from agents.errors import AgentUsageError

Permission: TypeAlias = Literal["read_data", "execute_queries", "write_data", "admin_operations"]
Effect: TypeAlias = Literal["pure", "idempotent", "effect"]

R = TypeVar("R")

MAX_RESULT_BYTES: Final = 256 * 1024
"""Of a result as JSON, so that it fits into the record of the call and into a model's context."""


class _TerseSchema(GenerateJsonSchema):
    """Without titles; what is null unless given may just be left out."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Generic[R]):
    """A function with what the gateway must know to call it safely.

    `arguments` validates what a caller passes, without the datasets, which the gateway supplies.
    `result` turns the result into JSON and back, for the record and for replay. `effect` says what
    calling it again does: nothing (`pure`), the same again (`idempotent`), or more (`effect`).
    `timeout` is seconds for data of usual size, `max_bytes` the bound of a result as JSON. `routes`
    are the kinds of data it has something to say about; with `only_observations`, it is only for
    what brokers and Prometheus tell of themselves. `version` changes with the code: results
    are not kept beyond it.
    """

    name: str
    description: str
    permission: Permission
    effect: Effect
    timeout: float
    routes: frozenset[RouteKind]
    only_observations: bool
    function: Callable[..., Awaitable[R]]
    arguments: type[BaseModel]
    result: TypeAdapter[R]
    data_parameter: str | None = None
    version: str = ""
    max_bytes: int = MAX_RESULT_BYTES

    def fits(self, kind: RouteKind, datasets: Iterable[PinnedDataset]) -> bool:
        """Whether it may have something to say about `datasets`, treated as `kind`."""
        return kind in self.routes and (
            not self.only_observations or any(each.is_observation for each in datasets)
        )

    def parameters(self) -> dict[str, JsonValue]:
        """The JSON schema of `arguments`, without what a model need not read."""
        schema = self.arguments.model_json_schema(schema_generator=_TerseSchema)
        unread = ("title", "additionalProperties")
        return {name: value for name, value in schema.items() if name not in unread}

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
    only_observations: bool = False,
    max_bytes: int = MAX_RESULT_BYTES,
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
            only_observations=only_observations,
            function=function,
            arguments=create_model(
                function.__name__, __config__=ConfigDict(frozen=True, extra="forbid"), **fields
            ),
            result=TypeAdapter(hints["return"]),
            data_parameter=data_parameter,
            version=code_version(function),
            max_bytes=max_bytes,
        )

    return decorate
