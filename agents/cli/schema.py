"""`convener schema`: the JSON Schema of the report, and of what every message carries.

*Guarantees*: `report` is what `--format json` prints, with every field that it always has. The
schema of a message is what a reader has to expect: a field that came later is not required, and
fields that it does not name are allowed wherever unknown ones are ignored.

*Source*: JSON Schema 2020-12.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from agents.cli.pages import exit_codes
from agents.cli.values import one_of
from agents.errors import AgentUsageError

if TYPE_CHECKING:
    from bus import Payload

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
REPORT: Final = "report"
_REFERENCE: Final = "#/$defs/{model}"


@click.command(epilog=exit_codes())
@click.argument("name", required=False, shell_complete=one_of(lambda: list(names())))
@click.option("--all", "show_all", is_flag=True, help="Print all messages as one document.")
@click.pass_context
def schema(context: click.Context, name: str | None, show_all: bool) -> int:
    """Print the JSON Schema of NAME: `report`, or the type of a message. Without NAME, list them.

    With --all, each message is a definition under the name of its type.

    \b
    Examples:
      convener schema report > report.schema.json
      convener schema convener.analysis.requested.v1
      convener schema --all > convener.schema.json
    """
    if name is not None and show_all:
        raise AgentUsageError("Give either the name of a schema or --all.")
    if show_all:
        click.echo(_written(all_schemas()))
    elif name is None:
        for each, line in names().items():
            click.echo(f"{each:36} {line}")
    else:
        click.echo(_written(report_schema() if name == REPORT else payload_schema(name)))
    return 0


def names() -> Mapping[str, str]:
    """What there are schemas of, each with a line about it."""
    described = {each.message_type: _summary(each) for each in _payloads()}
    return {REPORT: "The report as `--format json` prints it.", **dict(sorted(described.items()))}


def report_schema() -> dict[str, Any]:
    """The schema of a report as it is printed: no field is left out of it."""
    from agents.domain.report import ReportPublished

    described: dict[str, Any] = _complete(_titled(ReportPublished, REPORT))
    return described


def payload_schema(message_type: str) -> dict[str, Any]:
    """The schema of the data of a message.

    Raises:
        AgentUsageError: no payload has that wire name.
    """
    for payload in _payloads():
        if payload.message_type == message_type:
            return _titled(payload, message_type)
    raise AgentUsageError(f"There is no schema of {message_type!r}: see `convener schema`.")


def all_schemas() -> dict[str, Any]:
    """One document in which each wire name is a definition, beside those of the parts."""
    from pydantic.json_schema import models_json_schema

    payloads = sorted(_payloads(), key=lambda each: each.message_type)
    references, shared = models_json_schema(
        [(each, "serialization") for each in payloads], ref_template=_REFERENCE
    )
    named = {each.message_type: references[each, "serialization"] for each in payloads}
    return {
        "$schema": DIALECT,
        "$id": "urn:convener:schema",
        "title": "The data of every message",
        "$defs": {**named, **shared["$defs"]},
    }


def _payloads() -> list[type["Payload"]]:
    from agents.messages import REGISTRY

    return list(REGISTRY)


def _titled(payload: type["Payload"], name: str) -> dict[str, Any]:
    described = payload.model_json_schema(ref_template=_REFERENCE, mode="serialization")
    return {"$schema": DIALECT, "$id": f"urn:convener:schema:{name}", **described}


def _complete(node: Any) -> Any:
    """`node` with every property of every object required."""
    if isinstance(node, list):
        return [_complete(each) for each in node]
    if not isinstance(node, dict):
        return node
    whole = {name: _complete(each) for name, each in node.items()}
    if node.get("type") == "object" and "properties" in node:
        whole["required"] = list(node["properties"])
    return whole


def _summary(payload: type["Payload"]) -> str:
    return (payload.__doc__ or "").strip().partition("\n")[0]


def _written(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
