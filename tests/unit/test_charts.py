"""What of a report becomes a bar, how long it is, and what it says."""

from agents.domain.finding import Evidence, Finding, Subject
from agents.reports.charts import MOST, against_threshold, charts, durations, tallies, tokens
from tests.support.reported import finding, many, report, report_by_model


def share(metric: str, value: float, threshold: float | None = None) -> Evidence:
    return Evidence(metric=metric, value=value, threshold=threshold)


def missing(column: str, rate: float, threshold: float = 0.0) -> Finding:
    return finding(
        f"{column} is missing.",
        subject=Subject(table="flights", column=column),
        evidence=(share(f"null rate of {column}", rate, threshold),),
        rows=round(rate * 336_776),
    )


def test_missing_values_are_drawn_by_column_with_their_threshold() -> None:
    (drawn,) = charts(report(missing("a", 0.1, 0.05), missing("b", 0.5)))
    assert drawn.title == "Missing values"
    assert [(bar.label, bar.said, bar.length, bar.limit) for bar in drawn.bars] == [
        ("b", "50.0 %", 0.5, None),
        ("a", "10.0 %", 0.1, 0.05),
    ]


def test_a_bar_names_the_finding_it_belongs_to() -> None:
    shown = report(missing("a", 0.1), missing("b", 0.5))
    (drawn,) = charts(shown)
    for bar in drawn.bars:
        assert bar.place is not None
        assert shown.findings[bar.place].subject.column == bar.label


def test_a_single_bar_is_no_chart() -> None:
    assert charts(report(missing("a", 0.1))) == []


def test_rows_are_drawn_as_part_of_their_table() -> None:
    one = finding("One.", category="duplicate_rows", rows=33_678, key="1")
    other = finding("Other.", category="orphan", rows=336_776, severity="high", key="2")
    (drawn,) = charts(report(one, other))
    assert drawn.title == "Rows affected"
    assert [bar.said for bar in drawn.bars] == [
        "336,776 of 336,776 (100 %)",
        "33,678 of 336,776 (10.0 %)",
    ]
    assert drawn.bars[0].severity == "high"


def test_rows_of_no_table_of_the_report_or_beyond_it_are_not_drawn() -> None:
    category = "duplicate_rows"
    unknown = finding("1.", category=category, rows=5, subject=Subject(table="elsewhere"))
    beyond = finding("2.", category=category, rows=336_777)
    unremarkable = finding("3.", category="constant_column", rows=9, severity="info")
    assert charts(report(unknown, beyond, unremarkable)) == []


def test_only_parts_of_a_whole_are_drawn_as_such() -> None:
    kept = [share("share of the largest value", 0.6, 0.5), share("share of the time", 1.0)]
    left = [
        share("p of the test", 0.01, 0.05),
        share("share of something", 1.5),
        share("share of something", 0.5, 30.0),
        Evidence(metric="share of truth", value=True),
        Evidence(metric="share of words", value="half"),
    ]
    (drawn,) = charts(report(finding("S.", category="concentration", evidence=[*kept, *left])))
    assert [bar.label for bar in drawn.bars] == ["share of the time", "share of the largest value"]


def test_a_long_chart_is_cut_and_says_by_how_much() -> None:
    (drawn,) = charts(report(*(missing(f"c{n}", n / 100) for n in range(1, 31))))
    assert (len(drawn.bars), drawn.left_out) == (MOST, 30 - MOST)
    assert drawn.bars[0].label == "c30"


def test_the_findings_are_counted_for_all_and_for_each_who_found_some() -> None:
    shown = report(*many(5), finding("S.", role="security", severity="high", category="secret"))
    drawn = tallies(shown)
    assert (drawn[0].label, drawn[0].total) == ("all", 6)
    assert {each.label: each.total for each in drawn[1:]} == {"data quality": 5, "security": 1}
    assert drawn[0].numbers[:2] == [("critical", 1), ("high", 2)]


def test_who_found_everything_is_not_shown_twice() -> None:
    assert [each.label for each in tallies(report(*many(3)))] == ["all"]
    assert tallies(report()) == tallies(report(*many(1))) == []


def test_time_and_tokens_are_drawn_against_the_most() -> None:
    seed = report_by_model()
    seconds = {"security": 1.0, "data_quality": 4.0}
    shown = seed.model_copy(update={"run": seed.run.model_copy(update={"member_seconds": seconds})})
    time, used = durations(shown), tokens(shown)
    assert time is not None
    assert used is not None
    assert [(bar.label, bar.said, bar.length) for bar in time.bars] == [
        ("data quality", "4.0 s", 1.0),
        ("security", "1.0 s", 0.25),
    ]
    assert [(bar.label, bar.said) for bar in used.bars] == [
        ("data quality", "12,500"),
        ("orchestrator", "1,100"),
    ]
    assert tokens(report()) is None
    assert durations(report()) is None


def test_no_time_at_all_is_a_bar_of_no_length() -> None:
    seed = report()
    run = seed.run.model_copy(update={"member_seconds": {"a": 0.0, "b": 0.0}})
    time = durations(seed.model_copy(update={"run": run}))
    assert time is not None
    assert [bar.length for bar in time.bars] == [0.0, 0.0]


def test_a_value_stands_beside_its_threshold_on_one_scale() -> None:
    over = against_threshold(share("99th percentile over the median", 40.0, 10.0))
    under = against_threshold(share("rate", 2.0, 8.0))
    part = against_threshold(share("null rate of a", 0.5, 0.2))
    assert over is not None
    assert under is not None
    assert part is not None
    assert (over.length, over.limit) == (1.0, 0.25)
    assert (under.length, under.limit) == (0.25, 1.0)
    assert (part.length, part.limit) == (0.5, 0.2)


def test_what_has_no_scale_has_no_bar() -> None:
    for value, threshold in ((1.0, None), (1.0, 0.0), (-1.0, 2.0), ("x", 2.0), (True, 2), (1, -1)):
        assert against_threshold(Evidence(metric="m", value=value, threshold=threshold)) is None
