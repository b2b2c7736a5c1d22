"""What the synthesis says, case by case."""

from itertools import product

import pytest

from agents.domain.finding import SEVERITIES, Evidence, Finding, Level, Severity, Subject, Value
from agents.domain.report import Missing, Synthesis
from agents.domain.synthesis import causes, conflicts, dependencies, synthesise
from agents.domain.synthesis.causes import CAUSES, cause_of, stage_of
from agents.domain.synthesis.plays import PLAYS, play_for
from agents.domain.task import Column, PinnedDataset, Route, RouteKind

ORDERS = PinnedDataset(
    name="orders",
    location="/orders.csv",
    format="csv",
    version="0",
    rows=1000,
    columns=(Column(name="email", type="VARCHAR"), Column(name="amount", type="DOUBLE")),
    size_bytes=1,
    setup_sql="",
)


def finding(
    category: str,
    column: str | None = None,
    *,
    role: str = "data_quality",
    severity: Severity = "medium",
    rows: int | None = None,
    title: str = "",
    recommendation: str = "Mend it.",
    effort: Level = "low",
    value: Value = 3,
    threshold: Value = None,
    key: str = "",
    confidence: float = 1.0,
    table: str = "orders",
) -> Finding:
    return Finding(
        role=role,
        category=category,
        subject=Subject(table=table, column=column),
        title=title or f"{category} in {column or table}.",
        severity=severity,
        evidence=(Evidence(metric="share", value=value, threshold=threshold, sql="SELECT 1"),),
        rows=rows,
        recommendation=recommendation,
        effort=effort,
        key=key,
        confidence=confidence,
    )


def synthesis_of(
    *findings: Finding,
    question: str = "",
    missing: tuple[Missing, ...] = (),
    kind: RouteKind = "batch",
) -> Synthesis:
    route = Route(kind=kind, why="It looks like one.")
    return synthesise(question, route, (ORDERS,), findings, missing)


def titles(synthesis: Synthesis) -> list[str]:
    return [each.title for each in synthesis.findings]


class TestRanking:
    def test_severity_comes_first_then_the_share_of_rows_then_confidence(self) -> None:
        synthesis = synthesis_of(
            finding("outlier", "a", title="unsure", rows=900, confidence=0.4),
            finding("outlier", "b", title="few", rows=10),
            finding("outlier", "c", title="many", rows=900),
            finding("outlier", "d", title="grave", severity="critical", rows=1),
        )
        assert titles(synthesis) == ["grave", "many", "few", "unsure"]

    def test_two_specialists_who_see_one_fact_have_one_finding(self) -> None:
        skew = finding("key_skew", "email", role="performance", rows=40, recommendation="Salt it.")
        few = finding(
            "concentration",
            "email",
            role="business",
            severity="low",
            rows=60,
            title="Few pay most.",
        )
        (merged,) = synthesis_of(few, skew).findings
        assert (merged.role, merged.id, merged.severity) == ("performance", skew.id, "medium")
        assert [item.id for item in merged.evidence] == [f"{skew.id}.1", f"{few.id}.1"]
        assert merged.rows == 60
        assert "Also seen by business: Few pay most." in merged.impact
        assert merged.recommendation == "Salt it. For business: Mend it."

    def test_one_category_of_two_specialists_in_one_column_is_one_fact_even_if_unknown(
        self,
    ) -> None:
        synthesis = synthesis_of(
            finding("odd", "email", role="mine"), finding("odd", "email", role="yours")
        )
        assert len(synthesis.findings) == 1

    def test_findings_of_one_specialist_stay_apart(self) -> None:
        synthesis = synthesis_of(
            finding("duplicate_key", key="a"), finding("duplicate_key", key="b")
        )
        assert len(synthesis.findings) == 2

    def test_different_facts_about_one_column_stay_apart(self) -> None:
        synthesis = synthesis_of(
            finding("missing_values", "email"), finding("personal_data", "email", role="security")
        )
        assert len(synthesis.findings) == 2

    def test_the_same_finding_twice_is_one(self) -> None:
        once = finding("missing_values", "email")
        assert synthesis_of(once, once).findings == (once,)


class TestThemes:
    def test_three_columns_with_one_cause_are_a_theme_that_names_them_with_figures(self) -> None:
        (theme,) = synthesis_of(
            *(finding("missing_values", column, title=f"{column} lacks 4 %.") for column in "abc")
        ).themes
        assert theme.title == "Missing data: orders.a, orders.b and orders.c"
        assert "a lacks 4 %; b lacks 4 %; c lacks 4 %." in theme.explanation

    def test_two_columns_of_one_specialist_are_none(self) -> None:
        assert not synthesis_of(*(finding("missing_values", column) for column in "ab")).themes

    def test_a_column_about_which_two_specialists_speak_is_a_theme(self) -> None:
        (theme,) = synthesis_of(
            finding("missing_values", "email"), finding("personal_data", "email", role="security")
        ).themes
        assert theme.title == "orders.email concerns data quality and security"

    def test_nothing_but_information_is_no_theme(self) -> None:
        assert not synthesis_of(
            *(finding("kpi", column, role="business", severity="info") for column in "abcd")
        ).themes


class TestConflicts:
    def test_masking_what_is_a_key_is_reconciled(self) -> None:
        mask = finding("personal_data", "email", role="security")
        key = finding("duplicate_key", "email")
        (conflict,) = synthesis_of(mask, key).conflicts
        assert conflict.between == (mask.id, key.id)
        assert conflict.issue.startswith("Security wants orders.email masked")
        assert "keyed hash" in conflict.resolution

    def test_removing_rows_that_totals_count_is_reconciled(self) -> None:
        twice = finding("duplicate_rows")
        total = finding("kpi", "amount", role="business", severity="info")
        (conflict,) = synthesis_of(twice, total).conflicts
        assert conflict.between == (twice.id, total.id)
        assert "with and without" in conflict.resolution

    def test_splitting_by_an_unreliable_column_is_reconciled(self) -> None:
        synthesis = synthesis_of(
            finding("key_skew", "email", role="performance"), finding("missing_values", "email")
        )
        assert len(synthesis.conflicts) == 1

    def test_other_tables_and_columns_do_not_conflict(self) -> None:
        assert not synthesis_of(
            finding("personal_data", "email", role="security"),
            finding("duplicate_key", "number"),
            finding("duplicate_key", "email", table="other"),
        ).conflicts

    def test_rules_name_categories_that_exist(self) -> None:
        known = {category for cause in CAUSES for category in cause.categories}
        for rule in conflicts._RULES:
            assert rule.one | rule.other <= known


class TestDependencies:
    def test_duplicates_come_before_the_totals_that_count_them(self) -> None:
        twice = finding("duplicate_rows")
        total = finding("kpi", "amount", role="business", severity="info")
        (dependency,) = synthesis_of(total, twice).dependencies
        assert (dependency.before, dependency.after) == (twice.id, total.id)
        assert "counted twice" in dependency.why

    def test_information_stands_in_nobodys_way(self) -> None:
        assert not synthesis_of(
            finding("duplicate_rows", severity="info"), finding("kpi", "amount", role="business")
        ).dependencies

    def test_a_rule_about_columns_needs_the_same_column(self) -> None:
        assert not synthesis_of(
            finding("type_mismatch", "email"), finding("outlier", "amount")
        ).dependencies

    def test_every_rule_leads_from_a_known_cause_to_a_later_one(self) -> None:
        stages = {cause.name: number for number, cause in enumerate(CAUSES)}
        for rule in dependencies._RULES:
            assert stages[rule.first] < stages[rule.then]
            assert rule.only <= CAUSES[stages[rule.first]].categories

    def test_a_handful_of_rows_stands_in_nobodys_way_but_a_grave_finding_does(self) -> None:
        total = finding("kpi", "amount", role="business", severity="info")
        few = finding("duplicate_rows", severity="low", rows=0)
        assert not synthesis_of(total, few).dependencies
        assert synthesis_of(
            total, finding("outlier", "amount", severity="high", rows=1)
        ).dependencies

    def test_a_finding_about_a_table_concerns_the_columns_its_evidence_names(self) -> None:
        total = finding("kpi", "amount", role="business", severity="info")
        for column, related in (("amount", True), ("email", False)):
            gap = finding("missing_values").model_copy(
                update={
                    "evidence": (
                        Evidence(
                            metric="nulls",
                            value=1,
                            sql=f'SELECT row_id FROM "orders" WHERE "{column}" IS NULL',
                        ),
                    )
                }
            )
            assert bool(synthesis_of(total, gap).dependencies) is related


class TestOpportunities:
    def test_a_file_that_is_rewritten_anyway_can_be_mended_in_one_go(self) -> None:
        synthesis = synthesis_of(
            finding("file_layout", role="performance"),
            finding("type_mismatch", "amount"),
            finding("hidden_missing", "email"),
        )
        assert "One rewrite of orders settles 3 findings" in [
            each.title for each in synthesis.opportunities
        ]

    def test_three_checkable_findings_make_a_set_of_checks(self) -> None:
        synthesis = synthesis_of(*(finding("missing_values", column) for column in "abc"))
        assert [each.title for each in synthesis.opportunities] == [
            "3 checks for orders are already written"
        ]


class TestRecommendations:
    def test_findings_that_call_for_the_same_action_share_one(self) -> None:
        (recommendation,) = synthesis_of(
            finding("missing_values", "a", recommendation="Fill a."),
            finding("missing_values", "b", recommendation="Fill b."),
        ).recommendations
        assert len(recommendation.finding_ids) == 2
        assert recommendation.action.startswith("Find out why orders.a and orders.b lack values")
        assert recommendation.guidance.startswith("Fill a. Likewise for orders.b. ")

    def test_advice_that_differs_only_in_names_is_given_once(self) -> None:
        (recommendation,) = synthesis_of(
            finding("missing_values", "paid", recommendation="Find out when paid is left out."),
            finding("missing_values", "sent", recommendation="Find out when sent is left out."),
        ).recommendations
        assert recommendation.guidance.count("Find out when") == 1

    def test_a_figure_is_done_with_when_its_owner_has_decided(self) -> None:
        (recommendation,) = synthesis_of(
            finding("trend", "amount", role="business", value=0.4, threshold=0.1)
        ).recommendations
        assert recommendation.success_metric == (
            "its cause is written down and a target for it is agreed "
            "(today share of orders.amount is 0.4, threshold 0.1)."
        )

    def test_a_finding_alone_speaks_in_its_specialists_words(self) -> None:
        (recommendation,) = synthesis_of(
            finding("missing_values", "a", recommendation="Fill a. Use the archive for it.")
        ).recommendations
        assert recommendation.action == "Fill a"
        assert recommendation.guidance.startswith("Use the archive for it. ")

    def test_among_equals_the_easier_comes_first(self) -> None:
        hard = finding("outlier", "a", effort="high", recommendation="Hard.")
        easy = finding("missing_values", "b", effort="low", recommendation="Easy.")
        actions = [each.action for each in synthesis_of(hard, easy).recommendations]
        assert actions == ["orders.b: Easy", "orders.a: Hard"]

    def test_what_a_grave_finding_depends_on_comes_before_it_however_slight(self) -> None:
        synthesis = synthesis_of(
            finding("trend", "amount", role="business", severity="high", recommendation="Act."),
            finding("outlier", "amount", severity="low", effort="high", recommendation="Check."),
            finding("constant_column", "b", severity="medium", recommendation="Drop."),
        )
        assert [each.action for each in synthesis.recommendations] == [
            "orders.amount: Check",
            "orders.amount: Act",
            "orders.b: Drop",
        ]
        assert synthesis.recommendations[1].depends_on == (1,)

    def test_information_calls_for_no_action(self) -> None:
        assert not synthesis_of(finding("kpi", "amount", severity="info")).recommendations

    def test_the_measure_of_success_is_the_threshold_of_the_evidence(self) -> None:
        (recommendation,) = synthesis_of(
            finding("missing_values", "a", value=0.25, threshold=0.05)
        ).recommendations
        assert recommendation.success_metric == "share of orders.a is at most 0.05 (now 0.25)."

    def test_without_a_threshold_success_is_that_the_query_finds_nothing(self) -> None:
        (recommendation,) = synthesis_of(finding("outlier", "a", rows=7)).recommendations
        assert "finds no row of orders.a (now 7)" in recommendation.success_metric

    def test_a_stream_is_watched_all_the_time_and_a_batch_at_each_load(self) -> None:
        for kind, often in (("batch", "At every load: "), ("streaming", "Every minute, ")):
            (recommendation,) = synthesis_of(finding("outlier", "a"), kind=kind).recommendations
            assert recommendation.monitoring.startswith(often)

    def test_an_unknown_category_is_dealt_with_too(self) -> None:
        (recommendation,) = synthesis_of(
            finding("tone_of_voice", "a", role="my_role", recommendation="")
        ).recommendations
        assert recommendation.action == "Look into this: tone_of_voice in a"
        assert recommendation.owner_role == "my_role"


class TestSummary:
    def test_nothing_found_is_good_news(self) -> None:
        assert synthesis_of().executive_summary == (
            "orders (1,000 rows, 2 columns): nothing was found that stands against its use."
        )

    def test_nothing_found_by_half_a_panel_is_said_to_be_just_that(self) -> None:
        summary = synthesis_of(
            missing=(Missing(role="security", reason="No worker was running."),)
        ).executive_summary
        assert "as far as it was examined" in summary
        assert summary.endswith("Not examined: security (No worker was running).")

    @pytest.mark.parametrize(
        ("severity", "verdict"),
        [
            ("critical", "not ready for joins because of orders"),
            ("high", "not ready for joins because of orders"),
            ("medium", "usable with care"),
            ("low", "fit for use"),
            ("info", "nothing was found that stands against its use"),
        ],
    )
    def test_the_verdict_follows_the_gravest_finding(
        self, severity: Severity, verdict: str
    ) -> None:
        summary = synthesis_of(finding("duplicate_key", severity=severity)).executive_summary
        assert verdict in summary

    def test_it_names_the_weightiest_fact_and_the_first_step(self) -> None:
        summary = synthesis_of(
            finding("duplicate_key", title="24 keys occur twice.", recommendation="Keep one.")
        ).executive_summary
        assert "24 keys occur twice." in summary
        assert summary.endswith("First: orders: Keep one (effort low).")

    def test_a_question_is_answered_with_the_findings_that_share_its_words(self) -> None:
        summary = synthesis_of(
            finding("duplicate_rows", severity="high", title="Rows repeat."),
            finding("outlier", "b", severity="high", title="Outliers in b."),
            finding("trend", "sales_total", severity="info", title="Sales fall by 3 % a month."),
            question="Why are our sales falling?",
        ).executive_summary
        assert "On the question: Sales fall by 3 % a month." in summary

    def test_a_question_that_nothing_answers_is_not_answered(self) -> None:
        summary = synthesis_of(finding("outlier", "b"), question="Who wins?").executive_summary
        assert "No finding speaks to the question directly" in summary

    def test_a_huge_title_does_not_drown_it(self) -> None:
        assert len(synthesis_of(finding("outlier", title="x" * 10**6)).executive_summary) < 1000


class TestCauses:
    def test_every_known_category_has_a_cause_and_a_play(self) -> None:
        for cause in CAUSES:
            for category in cause.categories:
                assert cause_of(category) is cause
                assert play_for(category) is not None

    def test_a_play_belongs_to_one_stage(self) -> None:
        for play in PLAYS:
            assert len({stage_of(category) for category in play.categories}) == 1

    def test_a_category_has_one_cause(self) -> None:
        listed = [category for cause in CAUSES for category in cause.categories]
        assert len(listed) == len(set(listed))

    def test_one_fact_is_named_by_categories_of_one_cause_or_of_neighbours(self) -> None:
        for _, categories in causes._SAME_FACT:
            assert len({stage_of(category) for category in categories}) == 1


def test_hundreds_of_findings_give_few_themes_and_conflicts() -> None:
    categories = sorted(category for cause in CAUSES for category in cause.categories)
    many = [
        finding(category, column, severity=severity, role=role)
        for (category, column), severity, role in zip(
            product(categories, "abcdefghijkl"),
            SEVERITIES * 200,
            ("data_quality", "security", "performance") * 200,
            strict=False,
        )
    ]
    synthesis = synthesis_of(*many)
    assert len(many) > 500
    assert len(synthesis.themes) <= 6
    assert len(synthesis.conflicts) <= 8
