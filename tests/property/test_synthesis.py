"""Laws of the synthesis, for any findings of any specialists."""

from graphlib import TopologicalSorter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.domain.finding import SEVERITIES, Evidence, Finding, Subject, severity_rank
from agents.domain.report import Missing, Synthesis
from agents.domain.synthesis import synthesise
from agents.domain.synthesis.causes import CAUSES
from agents.domain.task import Column, PinnedDataset, Route

CATEGORIES = sorted(category for cause in CAUSES for category in cause.categories)
ROLES = ("data_quality", "performance", "security", "business", "my_own_role")
TABLES = ("data", "other")
COLUMNS = ("a", "b", "c", None)
BATCH = Route(kind="batch", why="It is a file.")

DATASETS = tuple(
    PinnedDataset(
        name=name,
        location=f"/{name}.csv",
        format="csv",
        version="0",
        rows=1000,
        columns=(Column(name="a", type="BIGINT"),),
        size_bytes=1,
        setup_sql="",
    )
    for name in TABLES
)

evidence = st.builds(
    Evidence,
    metric=st.sampled_from(["null_rate", "rows", "share"]),
    value=st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    threshold=st.none() | st.integers() | st.floats() | st.text(max_size=5),
    sql=st.none() | st.just("SELECT row_id FROM data"),
)
findings = st.builds(
    Finding,
    role=st.sampled_from(ROLES),
    title=st.text(max_size=40),
    severity=st.sampled_from(SEVERITIES),
    category=st.sampled_from([*CATEGORIES, "never_heard_of"]),
    subject=st.builds(
        Subject, table=st.sampled_from([*TABLES, "unknown"]), column=st.sampled_from(COLUMNS)
    ),
    key=st.sampled_from(["", "1"]),
    evidence=st.lists(evidence, min_size=1, max_size=3).map(tuple),
    rows=st.none() | st.integers(min_value=0, max_value=2000),
    recommendation=st.text(max_size=40),
    effort=st.sampled_from(["low", "medium", "high"]),
    confidence=st.floats(min_value=0, max_value=1),
)
missing = st.lists(
    st.builds(Missing, role=st.sampled_from(ROLES), reason=st.text(max_size=40)), max_size=3
)


def synthesis_of(
    given: list[Finding], absent: list[Missing] | None = None, question: str = ""
) -> Synthesis:
    return synthesise(question, BATCH, DATASETS, given, absent or [])


@given(st.lists(findings, max_size=25), missing, st.text(max_size=40), st.randoms())
def test_the_order_in_which_findings_arrive_changes_nothing(
    given: list[Finding], absent: list[Missing], question: str, random: Any
) -> None:
    expected = synthesis_of(given, absent, question)
    random.shuffle(given)
    random.shuffle(absent)
    assert synthesis_of(given, absent, question) == expected


@given(st.lists(findings, max_size=25))
def test_no_evidence_is_lost_and_ids_are_unique(given: list[Finding]) -> None:
    merged = synthesis_of(given).findings
    ids = [finding.id for finding in merged]
    assert len(set(ids)) == len(ids)
    assert set(ids) <= {finding.id for finding in given}
    assert {item.id for finding in merged for item in finding.evidence} == {
        item.id for finding in given for item in finding.evidence
    }


@given(st.lists(findings, max_size=25))
def test_findings_stand_with_the_most_severe_first(given: list[Finding]) -> None:
    ranks = [severity_rank(finding.severity) for finding in synthesis_of(given).findings]
    assert ranks == sorted(ranks)


@given(st.lists(findings, max_size=25))
def test_whatever_is_named_exists(given: list[Finding]) -> None:
    synthesis = synthesis_of(given)
    ids = {finding.id for finding in synthesis.findings}
    named = [
        *(theme.finding_ids for theme in synthesis.themes),
        *(conflict.between for conflict in synthesis.conflicts),
        *((each.before, each.after) for each in synthesis.dependencies),
        *(opportunity.finding_ids for opportunity in synthesis.opportunities),
        *(recommendation.finding_ids for recommendation in synthesis.recommendations),
    ]
    for some in named:
        assert some
        assert set(some) <= ids
        assert len(set(some)) == len(some)


@given(st.lists(findings, max_size=25))
def test_dependencies_have_no_cycle(given: list[Finding]) -> None:
    graph: dict[str, set[str]] = {}
    for dependency in synthesis_of(given).dependencies:
        graph.setdefault(dependency.after, set()).add(dependency.before)
    TopologicalSorter(graph).prepare()


@given(st.lists(findings, max_size=25))
def test_no_recommendation_ranks_before_what_it_depends_on(given: list[Finding]) -> None:
    synthesis = synthesis_of(given)
    rank = {
        finding_id: recommendation.rank
        for recommendation in synthesis.recommendations
        for finding_id in recommendation.finding_ids
    }
    assert [each.rank for each in synthesis.recommendations] == list(
        range(1, len(synthesis.recommendations) + 1)
    )
    for recommendation in synthesis.recommendations:
        assert all(1 <= other < recommendation.rank for other in recommendation.depends_on)
    for dependency in synthesis.dependencies:
        if dependency.before in rank and dependency.after in rank:
            assert rank[dependency.before] <= rank[dependency.after]


@given(st.lists(findings, max_size=25))
def test_every_finding_above_info_is_dealt_with_once(given: list[Finding]) -> None:
    synthesis = synthesis_of(given)
    dealt_with = [
        finding_id
        for recommendation in synthesis.recommendations
        for finding_id in recommendation.finding_ids
    ]
    assert sorted(dealt_with) == sorted(
        finding.id for finding in synthesis.findings if finding.severity != "info"
    )


@given(st.lists(findings, max_size=25), missing, st.text(max_size=60))
def test_a_summary_is_there_and_short(
    given: list[Finding], absent: list[Missing], question: str
) -> None:
    summary = synthesis_of(given, absent, question).executive_summary
    assert 0 < len(summary) < 2000
    assert "\n" not in summary
