"""The verdicts on findings about real tables, and how what is said is held against them."""

from pathlib import Path

import pytest

from agents.domain.finding import Evidence, Finding, Subject
from tests.benchmarks.judged import Verdict, compared, read_verdicts, write_verdicts


def finding(category: str) -> Finding:
    return Finding(
        role="business",
        title="Something is so.",
        severity="low",
        category=category,
        subject=Subject(table="data", column="x"),
        evidence=(Evidence(metric="m", value=1),),
        recommendation="Do it.",
    )


def judged(category: str, verdict: str) -> Verdict:
    said = Verdict.of("a.csv", finding(category))
    return Verdict(
        table=said.table,
        category=said.category,
        subject=said.subject,
        finding=said.finding,
        verdict=verdict,
        reason="because",
    )


def test_hardly_any_finding_that_was_judged_is_wrong_or_trivial() -> None:
    verdicts = [each for each in read_verdicts() if each.finding]
    assert len({each.table for each in verdicts}) >= 60
    assert all(each.reason for each in verdicts)
    assert sum(each.verdict != "true" for each in verdicts) < 0.05 * len(verdicts)


def test_what_is_said_is_counted_as_it_was_judged() -> None:
    verdicts = [judged("trend", "true"), judged("kpi", "trivial"), judged("outlier", "wrong")]
    said = {"a.csv": [finding(each) for each in ("trend", "kpi", "seasonality")], "b.csv": []}
    *by_category, total = compared("set", verdicts, said)
    assert [(each["category"], each["precision"]) for each in by_category] == [
        ("kpi", 0.0),
        ("trend", 1.0),
    ]
    assert (total["right"], total["flagged"], total["precision"]) == (1, 2, 0.5)
    assert total["detail"]["verdicts"] == {"true": 1, "trivial": 1}
    assert [line[1] for line in total["detail"]["unjudged"]] == ["seasonality"]


def test_verdicts_are_read_as_they_are_written(tmp_path: Path) -> None:
    verdicts = [judged("trend", "true"), Verdict(table="b.csv", verdict="true", reason="so")]
    write_verdicts(tmp_path / "v.csv", verdicts)
    assert read_verdicts(tmp_path / "v.csv") == verdicts


@pytest.mark.parametrize(
    "verdicts",
    [[judged("trend", "fine")], [judged("trend", "true"), judged("trend", "wrong")]],
)
def test_lines_that_say_nothing_or_too_much_are_refused(
    tmp_path: Path, verdicts: list[Verdict]
) -> None:
    write_verdicts(tmp_path / "v.csv", verdicts)
    with pytest.raises(ValueError, match=r"verdict|more than once"):
        read_verdicts(tmp_path / "v.csv")
