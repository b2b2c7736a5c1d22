"""What real commands print and record satisfies the schemas that another command prints."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.support.command_line import DATA, CommandLine

pytestmark = pytest.mark.timeout(120)


async def test_the_report_and_every_recorded_message_satisfy_the_printed_schemas(
    tmp_path: Path,
) -> None:
    convener = CommandLine(home=tmp_path, folder=tmp_path)
    analysed = await convener.run("analyze", str(DATA / "planes.csv"), "--format", "json")
    printed = await convener.run("schema", "report")
    Draft202012Validator(json.loads(printed.out)).validate(json.loads(analysed.out))

    schemas = json.loads((await convener.run("schema", "--all")).out)
    recorded = await convener.run("history", "--format", "json", "-n", "10000")
    events = [json.loads(line)["event"] for line in recorded.out.splitlines()]
    assert {event["type"] for event in events} >= {
        "convener.analysis.requested.v1",
        "convener.task.completed.v1",
        "convener.tool.called.v1",
        "convener.report.published.v1",
    }
    for event in events:
        schema = {**schemas, "$ref": f"#/$defs/{event['type']}"}
        Draft202012Validator(schema).validate(event["data"])


async def test_a_report_with_series_and_spreads_satisfies_the_printed_schema(
    tmp_path: Path,
) -> None:
    convener = CommandLine(home=tmp_path, folder=tmp_path)
    analysed = await convener.run("analyze", str(DATA / "weather.csv"), "--format", "json")
    report = json.loads(analysed.out)
    printed = await convener.run("schema", "report")
    Draft202012Validator(json.loads(printed.out)).validate(report)
    measured = [each for found in report["findings"] for each in found["evidence"]]
    assert any(each["series"] for each in measured)
    assert any(each["spread"] for each in measured)


async def test_a_schema_that_does_not_exist_is_wrong_usage(tmp_path: Path) -> None:
    ended = await CommandLine(home=tmp_path, folder=tmp_path).run("schema", "order.placed.v1")
    assert ended.out == ""
    assert ended.err.startswith("Error: There is no schema of 'order.placed.v1'")
    assert "Traceback" not in ended.err
