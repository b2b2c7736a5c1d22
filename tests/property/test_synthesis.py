"""Laws of the synthesis, for any findings of any specialists."""

import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.domain.finding import SEVERITIES, Evidence, Finding, Subject, severity_rank
from agents.domain.report import Missing, Synthesis
from agents.domain.synthesis import synthesise
from agents.domain.synthesis.causes import CAUSES
from agents.domain.synthesis.wording import quantity
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


NAMES = ("speed", "City", "dep_time", "unit price", "A", "Mean", "n")
TITLES = (
    "{name} is missing in 3,299 of 3,322 rows (99.3 %), written as NA.",
    "3,299 rows of {name} repeat another one.",
    "Mean {name} changes course twice: up and down.",
    "{table} ends early.",
    "{name} holds; it holds what nobody expects: a (3), b (4) and 717 more",
    "Amazon carries {name} of {table}.",
    "",
)
ADVICE = (
    "Find out when {name} is left out, and say for each use whether such rows count.",
    "Ask the source; if so, document it. Then look at {name} again.",
    "REVOKE ALL on it FROM PUBLIC",
    "{name} has to go.",
    "",
)
IMPACTS = ("Totals of {name} are wrong.", "{name} is taken for a measure. So it is.", "")
METRICS = ("null rate of {name}", "surplus rows", "longest silence in seconds", "share of {name}")


@st.composite
def told_findings(draw: st.DrawFn) -> Finding:
    """A finding as a specialist would tell it, of any category."""
    table = draw(st.sampled_from(["data", "other", "Orders"]))
    named = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    column = named[0] if draw(st.booleans()) else None
    columns = ", ".join(f'"{name}"' for name in named)

    def written(texts: tuple[str, ...]) -> str:
        return draw(st.sampled_from(texts)).format(name=named[0], table=table)

    return Finding(
        role=draw(st.sampled_from(ROLES)),
        title=written(TITLES),
        severity=draw(st.sampled_from(SEVERITIES)),
        category=draw(st.sampled_from([*CATEGORIES, "never_heard_of"])),
        subject=Subject(table=table, column=column),
        key=draw(st.sampled_from(["", "1"])),
        evidence=(
            Evidence(
                metric=written(METRICS),
                value=draw(st.sampled_from([None, True, "0644", 0, 7, 0.9931, 21_600.0])),
                threshold=draw(st.sampled_from([None, False, "0640", 0, 0.2, 10_800.0])),
                sql=f'SELECT row_id, {columns} FROM "{table}" WHERE "{named[0]}" = \'"\'',
            ),
        ),
        rows=draw(st.sampled_from([None, 0, 1, 3_299])),
        recommendation=written(ADVICE),
        impact=written(IMPACTS),
    )


def sentences_of(synthesis: Synthesis) -> Iterator[tuple[str, int]]:
    """Texts that are whole sentences, and how long each may be."""
    yield synthesis.executive_summary, 2_000
    for theme in synthesis.themes:
        yield theme.explanation, 1_000
    for conflict in synthesis.conflicts:
        yield conflict.issue, 400
        yield conflict.resolution, 400
    for dependency in synthesis.dependencies:
        yield dependency.why, 200
    for opportunity in synthesis.opportunities:
        yield opportunity.explanation, 700
    for recommendation in synthesis.recommendations:
        yield recommendation.guidance, 1_500
        yield recommendation.success_metric, 900
        yield recommendation.monitoring, 300


def headings_of(synthesis: Synthesis) -> Iterator[str]:
    """Texts that stand above others, without a full stop."""
    yield from (theme.title for theme in synthesis.themes)
    yield from (opportunity.title for opportunity in synthesis.opportunities)
    yield from (recommendation.action for recommendation in synthesis.recommendations)


SLIPS = re.compile(r"  | [.,;:]|[.,;:][.,;:]|\bNone\b|\{(where|what|who|whom|one|other)\}")
BEGINNING = re.compile(r"[A-Z0-9\"“]")


@given(st.lists(told_findings(), max_size=12), missing, st.sampled_from(["", "How late is it?"]))
def test_every_text_is_made_of_well_formed_sentences(
    given: list[Finding], absent: list[Missing], question: str
) -> None:
    synthesis = synthesis_of(given, [], question)
    for text, most in sentences_of(synthesis):
        assert SLIPS.search(text) is None, text
        assert len(text) <= most, text
        assert text.endswith((".", "!", "?", "…")), text
        sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z0-9\"“])", text)
        assert len(set(sentences)) == len(sentences), text
        assert all(BEGINNING.match(sentence) for sentence in sentences), text
    for heading in headings_of(synthesis):
        assert SLIPS.search(heading) is None, heading
        assert BEGINNING.match(heading), heading
        assert len(heading) <= 300, heading
        assert not heading.endswith((".", ",", ";", ":")), heading


@given(st.lists(told_findings(), max_size=12))
def test_no_two_recommendations_say_the_same(given: list[Finding]) -> None:
    actions = [each.action for each in synthesis_of(given).recommendations]
    assert len(set(actions)) == len(actions)


FIGURE = re.compile(r"\d[\d,.]*\d|\d")


@given(st.lists(told_findings(), max_size=12))
def test_a_measure_of_success_has_no_figure_that_its_findings_lack(given: list[Finding]) -> None:
    synthesis = synthesis_of(given)
    by_id = {finding.id: finding for finding in synthesis.findings}
    for recommendation in synthesis.recommendations:
        told = recommendation.success_metric
        known = {str(number) for number in range(len(NAMES) * len(given) + 1)}
        for finding in (by_id[each] for each in recommendation.finding_ids):
            known.add(f"{finding.rows or 0:,}")
            for evidence in finding.evidence:
                told = told.replace(evidence.id, "")
                for value in (evidence.value, evidence.threshold):
                    known.update(FIGURE.findall(quantity(evidence.metric, value)))
        assert set(FIGURE.findall(told)) <= known, told
