"""What the synthesis says, case by case."""

from itertools import product

import pytest

from agents.domain.finding import SEVERITIES, Evidence, Finding, Level, Severity, Subject, Value
from agents.domain.report import Missing, Synthesis
from agents.domain.synthesis import causes, conflicts, dependencies, synthesise
from agents.domain.synthesis.causes import CAUSES, cause_of, stage_of
from agents.domain.synthesis.kinds import KINDS
from agents.domain.synthesis.plays import PLAYS, play_for
from agents.domain.synthesis.wording import gist, quantity
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
        assert theme.title == "Missing data: a, b and c of orders"
        assert theme.explanation.endswith(
            "3 findings by data quality show it. In orders, a lacks 4 %."
        )

    def test_two_columns_of_one_specialist_are_none(self) -> None:
        assert not synthesis_of(*(finding("missing_values", column) for column in "ab")).themes

    def test_a_column_about_which_two_specialists_speak_is_a_theme(self) -> None:
        (theme,) = synthesis_of(
            finding("missing_values", "email"), finding("personal_data", "email", role="security")
        ).themes
        assert theme.title == "More than one view: orders.email concerns data quality and security"

    def test_columns_with_the_same_specialists_and_reasons_are_one_theme(self) -> None:
        (theme,) = synthesis_of(
            *(
                each
                for column in ("email", "amount")
                for each in (
                    finding("missing_values", column),
                    finding("personal_data", column, role="security"),
                )
            )
        ).themes
        assert theme.title == (
            "More than one view: amount and email of orders concern data quality and security"
        )
        assert len(theme.finding_ids) == 4

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

    def test_secrets_are_taken_out_before_anybody_fills_the_gaps_around_them(self) -> None:
        secret = finding("secret", "email", role="security", severity="high")
        gaps = finding("missing_values", "email", severity="high")
        (dependency,) = synthesis_of(gaps, secret).dependencies
        assert (dependency.before, dependency.after) == (secret.id, gaps.id)
        assert not synthesis_of(gaps, finding("personal_data", "email")).dependencies

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
        assert recommendation.action == (
            "Find out why values are missing in a and b of orders, and fill the gaps or declare "
            "them"
        )

    def test_findings_of_several_tables_are_several_pieces_of_work(self) -> None:
        actions = [
            each.action
            for each in synthesis_of(
                finding("outlier", "a"), finding("outlier", "b", table="payments")
            ).recommendations
        ]
        assert actions == [
            "Check the extreme values of orders.a against their source",
            "Check the extreme values of payments.b against their source",
        ]

    def test_advice_that_differs_only_in_names_is_given_once(self) -> None:
        (recommendation,) = synthesis_of(
            finding("outlier", "paid", recommendation="Find out how paid is counted."),
            finding("outlier", "sent", recommendation="Find out how sent is counted."),
        ).recommendations
        assert recommendation.guidance.startswith(
            "Find out how paid is counted. The same goes for orders.sent. "
        )
        assert recommendation.guidance.count("Find out how") == 1

    def test_advice_that_the_usual_steps_hold_is_not_repeated(self) -> None:
        (recommendation,) = synthesis_of(
            finding("missing_values", "a", recommendation="Fill it."),
            finding("missing_values", "b", recommendation="Ask for it."),
        ).recommendations
        assert "Fill it" not in recommendation.guidance
        assert "Ask for it" not in recommendation.guidance

    def test_guidance_says_what_goes_wrong_until_then_and_what_waits(self) -> None:
        first = finding("outlier", "amount", severity="high").model_copy(
            update={"impact": "Averages of amount are wrong. It was seen before."}
        )
        second = finding("trend", "amount", role="business")
        (recommendation, _) = synthesis_of(first, second).recommendations
        assert recommendation.guidance.endswith(
            "Why now: Averages of amount are wrong. Recommendation 2 waits for it."
        )

    def test_a_figure_is_done_with_when_its_owner_has_decided(self) -> None:
        (recommendation,) = synthesis_of(
            finding("trend", "amount", role="business", value=0.4, threshold=0.1)
        ).recommendations
        assert recommendation.success_metric == (
            "The cause is on record, and whoever owns the figure has agreed a target. "
            f"Evidence {recommendation.finding_ids[0]}.1 reads 40 % "
            "today, against a threshold of 10 % (share)."
        )

    def test_a_finding_of_its_own_kind_speaks_in_its_specialists_words(self) -> None:
        (recommendation,) = synthesis_of(
            finding("loss_maker", "a", recommendation="Stop selling a. Ask the owner first.")
        ).recommendations
        assert recommendation.action == "Decide what to do about the losses in orders.a"
        assert recommendation.guidance.startswith("Stop selling a. Ask the owner first. ")

    def test_among_equals_the_easier_comes_first(self) -> None:
        hard = finding("outlier", "a", effort="high", recommendation="Hard.")
        easy = finding("missing_values", "b", effort="low", recommendation="Easy.")
        actions = [each.action for each in synthesis_of(hard, easy).recommendations]
        assert actions == [
            "Find out why values are missing in orders.b, and fill the gaps or declare them",
            "Check the extreme values of orders.a against their source",
        ]

    def test_what_a_grave_finding_depends_on_comes_before_it_however_slight(self) -> None:
        synthesis = synthesis_of(
            finding("trend", "amount", role="business", severity="high", recommendation="Act."),
            finding("outlier", "amount", severity="low", effort="high", recommendation="Check."),
            finding("constant_column", "b", severity="medium", recommendation="Drop."),
        )
        assert [each.action for each in synthesis.recommendations] == [
            "Check the extreme values of orders.amount against their source",
            "Find out what drives the trend of orders.amount, and plan with it",
            "Ask whether the values of orders.b should vary, and drop what never will",
        ]
        assert synthesis.recommendations[1].depends_on == (1,)

    def test_information_calls_for_no_action(self) -> None:
        assert not synthesis_of(finding("kpi", "amount", severity="info")).recommendations

    def test_the_measure_of_success_is_the_threshold_of_the_evidence(self) -> None:
        (recommendation,) = synthesis_of(
            finding("missing_values", "a", value=0.25, threshold=0.05)
        ).recommendations
        assert recommendation.success_metric == (
            "At most 5 % of the rows of orders lack a (today 25 %), exceptions on record apart. "
            f"Evidence {recommendation.finding_ids[0]}.1 counts them."
        )

    def test_without_a_threshold_success_is_that_the_query_finds_nothing(self) -> None:
        (recommendation,) = synthesis_of(finding("impossible_value", "a", rows=7)).recommendations
        assert recommendation.success_metric == (
            "No rows of orders hold an impossible value of a (today 7), exceptions on record "
            f"apart. Evidence {recommendation.finding_ids[0]}.1 counts them."
        )

    def test_each_of_several_columns_has_its_measure(self) -> None:
        (recommendation,) = synthesis_of(
            finding("missing_values", "a", value=0.25, threshold=0.05, rows=250),
            finding("missing_values", "b", rows=3),
        ).recommendations
        assert recommendation.success_metric.startswith(
            "At most 5 % of the rows of orders lack a (today 25 %) and none lack b (today 3), "
            "exceptions on record apart. Evidence "
        )
        assert recommendation.success_metric.endswith(" count them.")

    def test_a_stream_is_watched_all_the_time_and_a_batch_at_each_load(self) -> None:
        for kind, often in (("batch", "At every load, "), ("streaming", "Every minute, ")):
            (recommendation,) = synthesis_of(finding("outlier", "a"), kind=kind).recommendations
            assert recommendation.monitoring.startswith(often)

    def test_an_unknown_category_is_dealt_with_too(self) -> None:
        (recommendation,) = synthesis_of(
            finding("tone_of_voice", "a", role="my_role", recommendation="")
        ).recommendations
        assert recommendation.action == "Look into tone of voice in orders.a"
        assert recommendation.owner_role == "my_role"


class TestSummary:
    def test_nothing_found_is_good_news(self) -> None:
        assert synthesis_of().executive_summary == (
            "Nothing was found that stands against the use of the table orders (1,000 rows, 2 "
            "columns)."
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
            ("critical", "not ready for joins, because of repeated keys in orders."),
            ("high", "not ready for joins, because of repeated keys in orders."),
            ("medium", "usable with care"),
            ("low", "fit for use"),
            ("info", "Nothing was found that stands against the use of the table orders"),
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
        assert summary.endswith(
            "First, decide whether orders must identify a row, and enforce it (low effort)."
        )

    def test_it_says_which_uses_need_care_and_how_many_findings_there_are(self) -> None:
        summary = synthesis_of(
            finding("missing_values", "amount", severity="high"),
            finding("inconsistent_category", "email"),
            finding("kpi", "amount", role="business", severity="info"),
        ).executive_summary
        assert summary.startswith(
            "The table orders (1,000 rows, 2 columns) is not ready for totals, because of missing "
            "values in orders.amount. Take care with grouping, because of spelling variants in "
            "orders.email. Of 3 findings, 1 is high and 1 is medium. "
        )

    def test_a_fact_that_begins_with_a_name_is_recast_and_the_name_stays_as_it_is(self) -> None:
        summary = synthesis_of(
            finding("missing_values", "amount", severity="high", title="amount lacks 4 %.")
        ).executive_summary
        assert " In orders, amount lacks 4 %. " in summary

    def test_a_question_is_answered_with_the_findings_that_share_its_words(self) -> None:
        summary = synthesis_of(
            finding("duplicate_rows", severity="high", title="Rows repeat."),
            finding("outlier", "b", severity="high", title="Outliers in b."),
            finding("trend", "sales_total", severity="info", title="Sales fall by 3 % a month."),
            question="Why are our sales falling?",
        ).executive_summary
        assert "On the question: Sales fall by 3 % a month." in summary

    def test_a_question_about_others_is_one_about_sharing(self) -> None:
        summary = synthesis_of(
            finding("outlier", "amount", severity="high", title="Extremes."),
            finding("missing_values", "amount", severity="high", title="Gaps."),
            finding("personal_data", "email", role="security", title="Mail addresses."),
            question="May a vendor get it?",
        ).executive_summary
        assert "On the question: Mail addresses." in summary

    def test_a_question_that_nothing_answers_is_not_answered(self) -> None:
        summary = synthesis_of(finding("outlier", "b"), question="Who wins?").executive_summary
        assert "No finding speaks to the question directly" in summary

    def test_a_huge_title_does_not_drown_it(self) -> None:
        assert len(synthesis_of(finding("outlier", title="x" * 10**6)).executive_summary) < 1000


class TestWording:
    @pytest.mark.parametrize(
        ("metric", "value", "written"),
        [
            ("null rate of speed", 0.9931, "99.3 %"),
            ("null rate of speed", 1, "100 %"),
            ("null rate of speed", 0.9999, "> 99.9 %"),
            ("null rate of speed", 0.00015, "0.015 %"),
            ("null rate of speed", 0.0, "0 %"),
            ("share of b in the change", -1.25, "-125 %"),
            ("longest silence in seconds", 21_600.0, "6 h"),
            ("longest silence in seconds", 104_400.0, "29 h"),
            ("longest silence in seconds", 12.5, "12.5 s"),
            ("mean bytes per file", 1_234_567, "1.23 MB"),
            ("mean bytes per file", 12, "12 bytes"),
            ("surplus rows", 50_094, "50,094"),
            ("shareholders", 0.5, "0.5"),
            ("mode of the file", "0644", "0644"),
            ("the connection is encrypted", False, "false"),
            ("share of nothing", None, "none"),
        ],
    )
    def test_a_measured_value_is_written_in_the_unit_that_its_metric_names(
        self, metric: str, value: Value, written: str
    ) -> None:
        assert quantity(metric, value) == written

    def test_a_list_is_cut_before_it_begins_rather_than_within(self) -> None:
        title = "Eleven columns contradict those beside them: " + ", ".join("abcdefgh" * 9) + " (3)"
        assert gist(title, 100) == "Eleven columns contradict those beside them"


class TestCauses:
    def test_every_known_category_has_a_cause_and_a_play(self) -> None:
        for cause in CAUSES:
            for category in cause.categories:
                assert cause_of(category) is cause
                assert play_for(category) is not None

    def test_every_known_category_has_a_name_for_sentences(self) -> None:
        assert set(KINDS) == {category for cause in CAUSES for category in cause.categories}

    def test_every_play_has_a_measure_of_its_own(self) -> None:
        for play in PLAYS:
            assert play.flaw or play.goal

    def test_a_category_has_one_play(self) -> None:
        played = [category for play in PLAYS for category in play.categories]
        assert len(played) == len(set(played))

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
