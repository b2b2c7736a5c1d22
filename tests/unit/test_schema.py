"""The published schemas: they are sound, real documents satisfy them, and broken ones do not."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agents.cli.main import main
from agents.cli.schema import all_schemas, names, payload_schema, report_schema
from agents.domain.finding import Evidence
from agents.domain.report import Denial, Missing, ReportPublished
from agents.domain.request import AnalysisRequested
from agents.errors import AgentUsageError
from agents.messages import REGISTRY
from bus import Fault, HistoryRecord
from tests.support import records
from tests.support.reported import conflict, drawn_report, finding, many, report, report_by_model

WIRE_NAMES = [each.message_type for each in REGISTRY]
REQUEST = "convener.analysis.requested.v1"
PUBLISHED = "convener.report.published.v1"


def every_kind() -> ReportPublished:
    """A report with values of every type as evidence, and with a dispute."""
    values = (True, 3, 0.25, "text", None)
    evidence = [Evidence(metric=str(place), value=each) for place, each in enumerate(values)]
    one, other = finding("One.", evidence=evidence, rows=3), finding("Other.", key="other")
    return report(one, other, conflicts=(conflict(one.id, other.id, text="So it is."),))


REPORTS = {
    "without a model": report(*many(12), question="Can it be trusted?"),
    "by a model": report_by_model(),
    "of every type of value": every_kind(),
    "partial": report(
        status="partial", missing=(Missing(role="security", reason="Nobody was there."),)
    ),
    "failed": report(panel=(), datasets=(), route=None, status="failed"),
    "cancelled": report(status="cancelled"),
    "expired": report(status="expired"),
    "denied": report(
        status="partial",
        missing=(Missing(role="security", reason="It may not read the data."),),
        denied=(Denial(role="security", reason="Nobody gave it read_data."),),
    ),
    "with what is drawn": drawn_report(),
}


def flaws(schema: dict[str, Any], document: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(schema).iter_errors(document)]


def printed(shown: ReportPublished) -> Any:
    return json.loads(shown.model_dump_json(indent=2))


@pytest.mark.parametrize("name", [*WIRE_NAMES, "report"])
def test_every_schema_is_one_of_2020_12_and_says_what_it_is_of(name: str) -> None:
    schema = report_schema() if name == "report" else payload_schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:convener:schema:{name}"
    assert schema["description"]


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_satisfies_the_schema_of_the_report_and_of_its_message(name: str) -> None:
    document = printed(REPORTS[name])
    assert flaws(report_schema(), document) == []
    assert flaws(payload_schema(PUBLISHED), document) == []


@pytest.mark.parametrize("field", ReportPublished.model_fields)
def test_a_report_without_one_of_its_fields_is_none(field: str) -> None:
    document = printed(REPORTS["by a model"])
    del document[field]
    assert any(
        f"'{field}' is a required property" in flaw for flaw in flaws(report_schema(), document)
    )


def test_a_part_without_one_of_its_fields_is_none() -> None:
    document = printed(REPORTS["by a model"])
    del document["findings"][0]["evidence"][0]["threshold"]
    assert flaws(report_schema(), document)
    assert not flaws(payload_schema(PUBLISHED), document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("status",), "fine"),
        (("findings", 0, "severity"), "grave"),
        (("findings", 0, "confidence"), 2),
        (("findings", 0, "evidence"), []),
        (("findings", 0, "evidence", 0, "value"), [1]),
        (("findings", 0, "evidence", 0, "series"), {"unit": "day"}),
        (("findings", 0, "evidence", 0, "spread"), {"kind": "scale", "places": []}),
        (("recommendations", 0, "rank"), "first"),
        (("run", "seconds"), "3 s"),
    ],
)
def test_a_wrong_value_is_found(path: tuple[str | int, ...], value: Any) -> None:
    document = printed(REPORTS["by a model"])
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert flaws(report_schema(), document)
    assert flaws(payload_schema(PUBLISHED), document)


def test_unknown_fields_are_allowed_where_a_reader_ignores_them() -> None:
    document = printed(REPORTS["by a model"])
    for part in (document, document["findings"][0], document["run"], document["panel"][0]):
        part["added_later"] = {"any": "thing"}
    assert flaws(report_schema(), document) == []
    assert ReportPublished.model_validate(document) == REPORTS["by a model"]


def test_unknown_fields_are_refused_in_what_people_write() -> None:
    document = {"datasets": [{"location": "orders.csv"}]}
    assert flaws(payload_schema(REQUEST), document) == []
    assert AnalysisRequested.model_validate(document)
    assert flaws(payload_schema(REQUEST), {**document, "deadlin": 5})


@pytest.mark.parametrize(
    "document", [{}, {"datasets": []}, {"datasets": [{"location": "a"}], "deadline": 0}]
)
def test_a_request_that_would_be_refused_does_not_satisfy_its_schema(document: Any) -> None:
    assert flaws(payload_schema(REQUEST), document)


@pytest.mark.parametrize(
    "recorded",
    [
        records.asked(),
        records.assigned(),
        records.completed(),
        records.failed(),
        records.published(),
        records.tool_called(),
        records.model_called(),
        records.circuit_changed("csv", "closed", "open"),
        records.record(Fault(reason="expired", error="It came too late.")),
    ],
    ids=lambda each: each.message_type,
)
def test_the_data_of_a_recorded_message_satisfies_its_schema(recorded: HistoryRecord) -> None:
    data = json.loads(recorded.body)["data"]
    assert flaws(payload_schema(recorded.message_type), data) == []


def test_one_document_holds_the_schema_of_every_message_under_its_name() -> None:
    whole = all_schemas()
    Draft202012Validator.check_schema(whole)
    for name in WIRE_NAMES:
        assert name in whole["$defs"]
    of_report = {**whole, "$ref": f"#/$defs/{PUBLISHED}"}
    document = printed(REPORTS["by a model"])
    assert flaws(of_report, document) == []
    document["status"] = "fine"
    assert flaws(of_report, document)


def test_the_list_names_the_report_and_every_message() -> None:
    listed = names()
    assert next(iter(listed)) == "report"
    assert set(listed) == {"report", *WIRE_NAMES}
    assert all(listed.values())


@pytest.mark.parametrize("arguments", [[], ["report"], [PUBLISHED], ["--all"]])
def test_the_command_prints_just_that(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main.main(["schema", *arguments], standalone_mode=False)
    out = capsys.readouterr().out
    if arguments:
        assert json.loads(out)["$schema"].endswith("2020-12/schema")
    else:
        assert len(out.splitlines()) == len(names())


@pytest.mark.parametrize("arguments", [["orders.placed.v1"], ["report", "--all"]])
def test_what_cannot_be_printed_is_refused_with_advice(arguments: list[str]) -> None:
    with pytest.raises(AgentUsageError, match="schema"):
        main.main(["schema", *arguments], standalone_mode=False)
