"""A report to render: every part filled, with text as hostile as data can be."""

from datetime import UTC, datetime
from typing import Any

from agents.domain.finding import SEVERITIES, Evidence, Finding, Subject
from agents.domain.report import Member, Missing, ReportedDataset, ReportPublished, Run
from agents.domain.synthesis import synthesise
from agents.domain.task import Column, PinnedDataset, Route

FLIGHTS = PinnedDataset(
    name="flights",
    location="/data/flights.parquet",
    format="parquet",
    version="0123456789abcdef0123",
    rows=336_776,
    columns=(Column(name="tailnum", type="VARCHAR"), Column(name="delay", type="BIGINT")),
    size_bytes=1,
    setup_sql="CREATE VIEW flights AS SELECT * FROM '/data/flights.parquet';",
)
ROUTE = Route(kind="batch", why="No column says when each row happened.")


def finding(title: str, **changes: Any) -> Finding:
    given: dict[str, Any] = {
        "role": "data_quality",
        "category": "missing_values",
        "subject": Subject(table="flights", column="tailnum"),
        "title": title,
        "severity": "medium",
        "evidence": (
            Evidence(
                metric="null rate",
                value=0.25,
                threshold=0.05,
                sql="SELECT row_id FROM flights WHERE tailnum IS NULL",
            ),
        ),
        "recommendation": "Ask the source.",
        "impact": "Joins lose rows.",
    }
    return Finding(**{**given, **changes})


def report(*findings: Finding, **changes: Any) -> ReportPublished:
    missing: tuple[Missing, ...] = changes.get("missing", ())
    question = changes.pop("question", "")
    synthesis = synthesise(question, ROUTE, (FLIGHTS,), findings, missing)
    given: dict[str, Any] = {
        "request_id": "6f0c4f0e-6a58-5b1d-9f5c-3a1c1f7a9d10",
        "status": "complete",
        "question": question,
        "datasets": (ReportedDataset.of(FLIGHTS),),
        "route": ROUTE,
        "panel": (Member(role="data_quality", status="completed", findings=len(findings)),),
        "run": Run(
            requested_at=datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC),
            finished_at=datetime(2026, 3, 1, 12, 0, 3, tzinfo=UTC),
            seconds=3.25,
            host="here",
        ),
        **{name: getattr(synthesis, name) for name in type(synthesis).model_fields},
    }
    return ReportPublished(**{**given, **changes})


def many(number: int) -> tuple[Finding, ...]:
    return tuple(
        finding(f"Finding number {place}.", key=str(place), severity=SEVERITIES[place % 5])
        for place in range(number)
    )
