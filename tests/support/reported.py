"""A report to render: every part filled, with text as hostile as data can be."""

from datetime import UTC, datetime
from typing import Any

from agents.domain.claim import Claim, Measurement
from agents.domain.dispute import Position
from agents.domain.finding import SEVERITIES, Evidence, Finding, Mark, Place, Spread, Subject
from agents.domain.report import (
    Conflict,
    Member,
    Missing,
    Opportunity,
    Recommendation,
    ReportedDataset,
    ReportPublished,
    Run,
    Theme,
)
from agents.domain.series.drawn import drawn
from agents.domain.synthesis import synthesise
from agents.domain.task import Column, Fallback, PinnedDataset, Route
from agents.domain.usage import Budget, Usage

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


MODEL = "openai:gpt-x"


def conflict(one: str, other: str, *, text: str = "", is_settled: bool = True) -> Conflict:
    """A conflict between two findings by id, on which both sides were asked."""
    return Conflict(
        between=(one, other),
        issue="Masking is in the way of matching.",
        resolution="Use a keyed hash.",
        positions=(
            Position(
                dispute_id="d", role="data_quality", stance="accepts", text=text, cites=(one,)
            ),
            Position(dispute_id="d", role="security", stance="insists", text=text, cites=(other,)),
        ),
        is_settled=is_settled,
    )


def report_by_model(
    text: str = "A quarter of tailnum is missing.", **changes: Any
) -> ReportPublished:
    """A report in which a model had a part in everything; `text` stands wherever it wrote."""
    one = finding("A quarter is missing.", severity="high")
    other = finding("A name is readable.", role="security", category="personal_data")
    measured = Measurement(
        id="measured-1", tool="profile", arguments={"column": "tailnum"}, result="{}"
    )
    given: dict[str, Any] = {
        "model": MODEL,
        "narrative": (
            Claim(text=text, cites=(one.id, other.evidence[0].id)),
            Claim(text=f"Second: {text}", cites=("measured-1",)),
        ),
        "dropped_claims": 1,
        "panel": (
            Member(
                role="data_quality",
                status="completed",
                findings=1,
                model=MODEL,
                fallback_level="cached",
                fallbacks=(
                    Fallback(level="simplified", reason="It did not answer within 90 s."),
                    Fallback(
                        level="cached",
                        reason=f"{text} An answer of 45 min ago stands in.",
                    ),
                ),
                claims=tuple(
                    Claim(text=f"Claim {number}: {text}", cites=("measured-1",))
                    for number in range(4)
                ),
                dropped_claims=3,
                measurements=(measured,),
            ),
            Member(role="security", status="completed", findings=1, model=MODEL),
        ),
        "themes": (
            Theme(title=f"Theme: {text}", finding_ids=(one.id,), explanation="", origin="model"),
        ),
        "opportunities": (
            Opportunity(title="A chance.", finding_ids=(one.id,), explanation=text, origin="model"),
        ),
        "conflicts": (conflict(one.id, other.id, text=text),),
        "recommendations": (
            Recommendation(
                rank=1,
                action="Ask the source.",
                finding_ids=(one.id,),
                impact="high",
                effort="low",
                owner_role="data_quality",
                guidance=text,
                success_metric="None is missing.",
                monitoring="Monthly.",
                origin="model",
            ),
        ),
        "run": Run(
            requested_at=datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC),
            finished_at=datetime(2026, 3, 1, 12, 0, 3, tzinfo=UTC),
            seconds=3.25,
            host="here",
            usage={
                "data_quality": Usage(
                    calls=2,
                    saved_calls=1,
                    input_tokens=12_000,
                    cached_input_tokens=4_000,
                    output_tokens=500,
                    cost=0.25,
                ),
                "orchestrator": Usage(calls=1, input_tokens=1_000, output_tokens=100, cost=0.05),
            },
            budget=Budget(tokens=50_000),
        ),
    }
    return report(one, other, **{**given, **changes})


def everything(value: str) -> ReportPublished:
    """A report by a model in which `value` stands wherever something from outside can."""
    seed = report_by_model(value, question=value, model=value)
    hostile = tuple(
        each.model_copy(
            update={
                "title": value,
                "impact": value,
                "recommendation": value,
                "subject": each.subject.model_copy(update={"table": value, "column": value}),
                "evidence": (
                    Evidence(
                        id=value, metric=f"share of {value}", value=0.5, threshold=0.2, sql=value
                    ),
                    Evidence(id="t", metric=value, value=value, threshold=value),
                ),
            }
        )
        for each in seed.findings
    )
    return seed.model_copy(
        update={
            "findings": hostile,
            "executive_summary": value,
            "status": "partial",
            "missing": (Missing(role="security", reason=value),),
            "request_id": value,
            "datasets": tuple(
                each.model_copy(
                    update=dict.fromkeys(
                        ("name", "location", "format", "version", "setup_sql"), value
                    )
                )
                for each in seed.datasets
            ),
            "run": seed.run.model_copy(
                update={
                    "member_seconds": {value: 1.0, "security": 2.0},
                    "replay_of": value,
                    "usage": {value: seed.run.usage["data_quality"], **seed.run.usage},
                }
            ),
        }
    )


def drawn_report(text: str = "") -> ReportPublished:
    """A report with a series, a scale and shares; `text` stands wherever they have labels."""
    months = [f"2025-{month:02d}-01 00:00:00" for month in range(1, 13)]
    course = drawn(
        text or "month",
        [f"{text}{month}" for month in months],
        [0.01] * 6 + [0.4] * 6,
        [
            Mark(since=f"{text}{months[0]}", until=f"{text}{months[6]}", label=text or "1.0 %"),
            Mark(since=f"{text}{months[6]}", until=f"{text}{months[11]}", label=text or "40.0 %"),
        ],
    )
    scale = Spread(
        kind="scale",
        places=(
            Place(label=text or "lowest of the others", value=0.0),
            Place(label=text or "median", value=10.0),
            Place(label=text or "highest of the others", value=42.0),
            Place(label=text or "1 row", value=1_048.0, is_apart=True),
        ),
    )
    shares = Spread(
        kind="shares",
        places=(
            Place(label=text or "UA", value=0.6),
            Place(label=text or "B6", value=0.15),
            Place(label=text or "the other 3", value=0.25),
        ),
    )
    return report(
        finding(
            "A quarter of tailnum is missing.",
            severity="high",
            evidence=(Evidence(metric="null rate of tailnum", value=0.25, series=course),),
        ),
        finding(
            "One delay is far from all others.",
            category="impossible_value",
            evidence=(Evidence(metric="highest value of delay", value=1_048, spread=scale),),
        ),
        finding(
            "Few carriers have most rows.",
            role="business",
            category="concentration",
            severity="low",
            evidence=(Evidence(metric="share of the largest fifth", value=0.6, spread=shares),),
        ),
    )
