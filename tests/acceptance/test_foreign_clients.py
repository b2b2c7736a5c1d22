"""The wire contract is enough for clients in other languages: one in Node, one made of C programs.

They know a broker, a token and JSON, and nothing of ours.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.support.command_line import DATA, CommandLine
from tests.support.foreign_clients import node_modules, program
from tests.support.rabbitmq_node import RabbitmqNode

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(240)]

CLIENTS = Path(__file__).parent / "clients"


async def ran(*command: str | Path, **environment: str) -> Any:
    """The JSON that a client prints."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(90):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


async def test_clients_in_node_and_in_c_get_the_report_that_they_ask_for(
    rabbitmq_node: RabbitmqNode, tmp_path: Path
) -> None:
    node, modules, shell = program("node"), node_modules(), program("sh")
    program("amqp-publish")
    (tmp_path / "node_modules").symlink_to(modules)
    client = tmp_path / "client.mjs"
    client.write_bytes((CLIENTS / "client.mjs").read_bytes())
    (tmp_path / "airlines.csv").write_bytes((DATA / "airlines.csv").read_bytes())
    with rabbitmq_node.vhost() as vhost:
        url = rabbitmq_node.url(vhost)
        convener = CommandLine(tmp_path, tmp_path, {"CONVENER_BUS": url})
        issued = await convener.run("token", "issue", "--subject", "shop", "--for", "10m")
        assert issued.code == 0, issued.err
        printed = await convener.run("schema", "--all")
        given = {"BROKER": url, "CONVENER_TOKEN": issued.out.strip()}
        async with convener.worker():
            by_node = await ran(node, client, "data/airlines.csv", **given)
            by_shell = await ran(shell, CLIENTS / "client.sh", "data/airlines.csv", **given)
            refused = await ran(
                *(shell, CLIENTS / "client.sh", "data/airlines.csv"),
                **{**given, "CONVENER_TOKEN": f"{issued.out.strip()[:-8]}AAAAAAAA"},
            )
    schemas = json.loads(printed.out)
    for event in (by_node["event"], by_shell, refused):
        assert event["specversion"] == "1.0"
        schema = {**schemas, "$ref": f"#/$defs/{event['type']}"}
        Draft202012Validator(schema).validate(event["data"])
    for event in (by_node["event"], by_shell):
        assert event["type"] == "convener.report.published.v1"
        assert event["data"]["status"] == "complete", event["data"]["missing"]
        assert event["data"]["datasets"][0]["rows"] == 16
    assert by_node["properties"]["correlationId"] == "node-7"
    assert by_node["properties"]["contentType"] == "application/cloudevents+json"
    assert refused["type"] == "convener.message.faulted.v1"
    assert refused["data"]["reason"] == "not_permitted"
