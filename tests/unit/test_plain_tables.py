"""What is usual for tables of its kind is no finding: skew, follow-ups, surveys, steps, codes."""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.domain.finding import Finding
from agents.specialist import Specialist
from agents.specialists.business.specialist import BUSINESS_ANALYST
from agents.specialists.performance.specialist import PERFORMANCE_ANALYST
from agents.specialists.security.specialist import SECURITY_AUDITOR
from tests.support.examination import findings_of
from tests.support.small_tables import found_in, of, write

START = date(2020, 1, 1)


def chance(seed: int = 1) -> random.Random:
    return random.Random(seed)


async def said(
    specialist: Specialist, folder: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]
) -> Sequence[Finding]:
    return await findings_of(specialist, write(folder / "t.csv", header, rows), cache=folder)


def categories(findings: Sequence[Finding]) -> set[str]:
    return {finding.category for finding in findings}


class TestEndsOfColumns:
    async def test_the_largest_of_what_grows_by_factors_is_no_outlier(self, tmp_path: Path) -> None:
        towns = [round(900 * 1.06**place) for place in range(90)]
        rows = [[f"town {n}", size] for n, size in enumerate([*towns, 6 * max(towns)])]
        assert await found_in(tmp_path, ("town", "people"), rows) == ()

    async def test_a_value_far_off_is_an_outlier_and_an_absurd_one_impossible(
        self, tmp_path: Path
    ) -> None:
        usual = [[n, 40 + (n * 7) % 61 / 10] for n in range(300)]
        header = ("id", "reading")
        far = of(await found_in(tmp_path, header, [*usual, [300, 75.5]]), "outlier", "reading")
        assert far.severity == "medium"
        assert far.title == "reading is 75.50 in 1 row; every other value is 46 or below."
        absurd = of(
            await found_in(tmp_path, header, [*usual, [300, 4100.5]]), "impossible_value", "reading"
        )
        assert absurd.severity == "high"

    async def test_two_of_fifty_rows_are_another_kind_of_row(self, tmp_path: Path) -> None:
        rows = [[f"r{n}", 20 + n % 17 + 0.5] for n in range(60)] + [["x", 900.5], ["y", 900.5]]
        assert await found_in(tmp_path, ("place", "output"), rows) == ()

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("year", lambda n: 60 + n % 30),
            ("age", lambda n: 600 + n * 11 % 600),
            ("age", lambda n: (n * 11 % 600) / 10 - 30),
            ("month", lambda n: (0, 2, 6, 8, 10)[n % 5]),
        ],
    )
    async def test_another_quantity_of_that_name_is_not_impossible(
        self, tmp_path: Path, column: str, value: Any
    ) -> None:
        rows = [[f"p{n}", value(n)] for n in range(400)]
        assert "impossible_value" not in categories(
            await found_in(tmp_path, ("person", column), rows)
        )

    async def test_a_negative_code_for_no_age_is_still_told(self, tmp_path: Path) -> None:
        rows = [[f"p{n}", -1 if n % 5 == 0 else 20 + n % 60] for n in range(400)]
        findings = await found_in(tmp_path, ("person", "age"), rows)
        assert of(findings, "impossible_value", "age").rows == 80

    async def test_identifiers_have_no_outliers(self, tmp_path: Path) -> None:
        rows = [[1000 + n * 3, n % 7] for n in range(120)] + [[98_765_432, 3], [98_765_432, 4]]
        findings = await found_in(tmp_path, ("sample_id", "grade"), rows)
        assert not categories(findings) & {"outlier", "impossible_value"}


class TestMissingTogether:
    async def test_columns_that_are_hardly_ever_filled_are_not_missing_together(
        self, tmp_path: Path
    ) -> None:
        draw = chance()
        rows = [
            [n, *(draw.randrange(90) if draw.random() < 0.08 else "" for _ in "ab")]
            for n in range(2000)
        ]
        titles = [each.title for each in await found_in(tmp_path, ("id", "budget", "grant"), rows)]
        assert len(titles) == 2
        assert not [title for title in titles if "together" in title]

    async def test_those_who_leave_a_study_contradict_nothing(self, tmp_path: Path) -> None:
        rows = [
            [n, n % 31, "" if n % 50 < 9 else n % 29, "" if n % 50 < 11 else n % 23]
            for n in range(300)
        ]
        findings = await found_in(tmp_path, ("id", "first", "second", "third"), rows)
        assert not [each.title for each in findings if "lack only some" in each.title]

    async def test_few_exceptions_among_many_rows_are_told(self, tmp_path: Path) -> None:
        rows = [[n, *(("", "") if n % 3 == 0 else (n % 31, n % 29))] for n in range(900)]
        rows[3][1] = 7
        rows[9][1] = 8
        findings = await found_in(tmp_path, ("id", "depth", "width"), rows)
        assert "2 rows lack only some" in " ".join(each.title for each in findings)

    async def test_a_column_of_nothing_but_a_code_is_as_bad_as_an_empty_one(
        self, tmp_path: Path
    ) -> None:
        rows = [[n, "NA", ["red", "green"][n % 2]] for n in range(60)]
        finding = of(await found_in(tmp_path, ("id", "sex", "side"), rows), "hidden_missing", "sex")
        assert finding.severity == "high"


class TestTexts:
    @pytest.mark.parametrize("ends", [("a", "b", ""), ("st class", "nd class", "rd class")])
    async def test_letters_that_tell_numbers_apart_are_no_units(
        self, tmp_path: Path, ends: tuple[str, str, str]
    ) -> None:
        rows = [[n, f"{1 + n % 3}{ends[n % 3]}"] for n in range(300)]
        assert "unit_mix" not in categories(await found_in(tmp_path, ("id", "level"), rows))

    async def test_codes_with_a_letter_more_are_no_broken_numbers(self, tmp_path: Path) -> None:
        rows = [[n % 97, f"{n % 97}a" if n % 60 == 7 else n % 97] for n in range(600)]
        findings = await found_in(tmp_path, ("house", "family"), rows)
        assert "type_mismatch" not in categories(findings)

    async def test_what_is_counted_past_nine_breaks_no_pattern(self, tmp_path: Path) -> None:
        rows = [[f"{letter}{n}", n * 1.5] for letter in "abc" for n in range(1, 10)] + [["c10", 3]]
        assert await found_in(tmp_path, ("animal", "weight"), rows) == ()

    async def test_names_with_years_break_no_pattern(self, tmp_path: Path) -> None:
        names = ["Algeria", "Benin", "Chad", "Ghana", "Kenya", "Mali", "Togo", "Costa_Rica"]
        rows = [[f"{name}{70 + n}", n] for n in range(10) for name in names]
        rows += [["Dominican_Rep.75", 1], ["Papua_New_Guinea85", 2]]
        assert "pattern_violation" not in categories(
            await found_in(tmp_path, ("country", "growth"), rows)
        )


class TestRules:
    async def test_what_rounding_hides_is_no_product(self, tmp_path: Path) -> None:
        draw = chance()
        rows = [
            [
                n,
                *(round(draw.uniform(0.005, 0.09), 4) for _ in range(2)),
                round(draw.random() / 90, 4),
            ]
            for n in range(900)
        ]
        rows[5][3] = 0.4
        findings = await found_in(tmp_path, ("id", "income", "spending", "grants"), rows)
        assert "broken_dependency" not in categories(findings)

    async def test_a_rare_value_of_few_groups_is_no_contradiction(self, tmp_path: Path) -> None:
        rows = [
            [f"title {n}", f"house {n % 20}", "yes" if n % 20 == 3 or n in (41, 85) else "no"]
            for n in range(240)
        ]
        findings = await found_in(tmp_path, ("title", "publisher", "society"), rows)
        assert "broken_dependency" not in categories(findings)

    async def test_exceptions_that_are_all_alike_are_another_rule(self, tmp_path: Path) -> None:
        rows = [
            [
                n,
                n % 2,
                n // 2 % 2,
                int(n % 2 != n // 2 % 2) if n % 36 else 1 - int(n % 2 != n // 2 % 2),
            ]
            for n in range(1200)
        ]
        findings = await found_in(tmp_path, ("id", "first", "middle", "high"), rows)
        assert "broken_dependency" not in categories(findings)

    async def test_models_of_a_maker_are_not_the_same_thing_twice(self, tmp_path: Path) -> None:
        draw = chance()
        rows = []
        for maker in range(60):
            power, weight = draw.randrange(60, 200), draw.randrange(1500, 4500)
            rows += [
                [f"maker {maker}", f"model {maker} {letter}", power, weight + step, weight // 20]
                for step, letter in enumerate("ab")
            ]
        header = ("maker", "model", "power", "weight", "displacement")
        assert "near_duplicate_rows" not in categories(await found_in(tmp_path, header, rows))


class TestFigures:
    async def test_numbers_of_persons_are_no_time(self, tmp_path: Path) -> None:
        rows = [[n, (50 if n <= 60 else 400) + n % 7 + 0.5, n % 2] for n in range(1, 161)]
        findings = await said(BUSINESS_ANALYST, tmp_path, ("obs", "survived_days", "treated"), rows)
        assert findings == ()

    async def test_numbers_of_rows_are_steps_of_a_bare_series(self, tmp_path: Path) -> None:
        rows = [[n, (50 if n <= 60 else 400) + n % 7 + 0.5] for n in range(1, 161)]
        findings = await said(BUSINESS_ANALYST, tmp_path, ("obs", "output"), rows)
        assert categories(findings) == {"change_point"}

    async def test_what_there_is_at_each_instant_is_not_added_up(self, tmp_path: Path) -> None:
        rows = [[START + timedelta(days=31 * n), 20_000 + n * 37 % 501] for n in range(48)]
        findings = await said(BUSINESS_ANALYST, tmp_path, ("month", "employees"), rows)
        assert [each.title[:14] for each in findings if each.category == "kpi"] == [
            "Mean employees"
        ]

    async def test_one_total_a_year_is_not_added_up_over_years(self, tmp_path: Path) -> None:
        rows = [[1980 + n, 500 + n * 37 % 101] for n in range(30)]
        findings = await said(BUSINESS_ANALYST, tmp_path, ("year", "revenue"), rows)
        kpi = of(findings, "kpi", "revenue")
        assert kpi.title.startswith("Total revenue is 548.3 a year on average from 1980 to 2009")

    async def test_a_table_of_a_few_rows_needs_no_figures(self, tmp_path: Path) -> None:
        rows = [[1950 + 10 * n, 400 + 100 * n] for n in range(7)]
        assert await said(BUSINESS_ANALYST, tmp_path, ("year", "revenue"), rows) == ()

    async def test_what_persons_have_is_averaged_and_age_is_no_figure(self, tmp_path: Path) -> None:
        rows = [
            [20 + n % 50, (1000 + n % 90) * (5 if n % 10 == 0 else 1), f"kind {n % 10}"]
            for n in range(600)
        ]
        findings = await said(BUSINESS_ANALYST, tmp_path, ("age", "income", "heating"), rows)
        assert [(each.category, each.subject.column) for each in findings] == [
            ("segment_driver", "income")
        ]

    async def test_missing_values_and_measured_numbers_are_no_segments(
        self, tmp_path: Path
    ) -> None:
        rows = [
            [n * 7 % 83 + (400 if n % 3 == 0 else 0), ["NA", "low", "high"][n % 3],
             "unknown yet" if n == 5 else f"{n % 12}.5"]
            for n in range(600)
        ]  # fmt: skip
        findings = await said(BUSINESS_ANALYST, tmp_path, ("amount", "risk", "net"), rows)
        assert categories(findings) == set()

    async def test_a_few_rows_a_month_more_are_no_change_of_volume(self, tmp_path: Path) -> None:
        rows = [
            [n, START + timedelta(days=31 * month)]
            for month in range(24)
            for n in range(5 if month < 23 else 14)
        ]
        assert await said(PERFORMANCE_ANALYST, tmp_path, ("n", "day"), rows) == ()

    async def test_figures_of_months_are_no_gauge_to_watch(self, tmp_path: Path) -> None:
        draw = chance()
        rows = [
            [START + timedelta(days=31 * n), round(50 + draw.gauss(0, 0.5 if n < 300 else 6), 2)]
            for n in range(480)
        ]
        findings = await said(PERFORMANCE_ANALYST, tmp_path, ("month", "spending rate"), rows)
        assert "anomaly" not in categories(findings)


class TestPersons:
    async def test_measured_numbers_are_no_phones_whatever_their_name(self, tmp_path: Path) -> None:
        rows = [[f"item {n}", n / 97] for n in range(40)]
        assert await said(SECURITY_AUDITOR, tmp_path, ("item", "phone"), rows) == ()

    async def test_streets_alone_tell_of_nobody(self, tmp_path: Path) -> None:
        streets = ["Broad", "Bridle", "Rupert", "Oxford", "Dean", "Queen", "Vigo", "Coventry"]
        rows = [
            [n, f"{street} Street", n / 3] for n, street in enumerate([*streets, "Gt Marl"] * 2)
        ]
        rows += [[n, f"Lane {n} Road", 2.5] for n in range(9)]
        assert await said(SECURITY_AUDITOR, tmp_path, ("pump", "label", "depth"), rows) == ()

    async def test_a_single_odd_case_among_thousands_is_no_finding(self, tmp_path: Path) -> None:
        rows = [[n % 40 + 20, "mf"[n % 2], ["a", "b", "c"][n % 3]] for n in range(6000)]
        rows[0] = [97, "f", "a"]
        header = ("age", "sex", "education")
        assert await said(SECURITY_AUDITOR, tmp_path, header, rows) == ()

    async def test_a_few_names_of_any_kind_are_not_those_of_persons(self, tmp_path: Path) -> None:
        names = ["Anna Berg", "John Snow", "Mary Jones", "David King", "Laura Hall", "Peter Parker"]
        rows = [
            [f"{names[n % 6]}{'' if n < 6 else chr(97 + n)}", 48 + n / 7, 11 + n / 13]
            for n in range(18)
        ]
        header = ("peak", "latitude", "longitude")
        assert await said(SECURITY_AUDITOR, tmp_path, header, rows) == ()


async def test_places_far_from_all_others_are_places(tmp_path: Path) -> None:
    rows = [[f"A{n:03}", 30 + n % 170 / 10.7, -120 + n * 7 % 500 / 10.3] for n in range(800)]
    rows += [["A901", 13.48, 124.48], ["A902", 15.12, 145.73], ["A903", 7.37, 134.54]]
    rows += [["A904", 14.2, 145.21]]
    assert await found_in(tmp_path, ("site", "latitude", "longitude"), rows) == ()


async def test_small_tables_are_what_somebody_chose_to_put_there(tmp_path: Path) -> None:
    rows = [["m", 1, 20 + n * 7 % 13, 150 if n == 3 else 1600 + n * 9] for n in range(40)]
    assert await found_in(tmp_path, ("sex", "trials", "weight", "year"), rows) == ()


async def test_two_rows_against_what_is_missing_together_are_a_trifle(tmp_path: Path) -> None:
    rows = [[n, *(("", "") if n % 3 == 0 else (n % 31, n % 29))] for n in range(900)]
    rows[3][1] = 7
    findings = await found_in(tmp_path, ("id", "depth", "width"), rows)
    (partly,) = [each for each in findings if "only some" in each.title]
    assert partly.severity == "low"


async def test_a_first_column_without_a_name_may_lack_numbers(tmp_path: Path) -> None:
    rows = [["" if n > 3 else n, n * 37 % 101, n % 7] for n in range(80)]
    assert await found_in(tmp_path, ("", "weight", "grade"), rows) == ()


async def test_a_few_rows_are_seen_without_being_told(tmp_path: Path) -> None:
    rows = [["Anna", 3, ""], ["Bruno", 4, 12], ["Clara", 9, 15]]
    assert await found_in(tmp_path, ("child", "visit", "weight"), rows) == ()


async def test_a_column_of_codes_is_told_once(tmp_path: Path) -> None:
    rows = [[n, "x" if n == 7 else "NA", n % 5] for n in range(400)]
    findings = await found_in(tmp_path, ("id", "gene", "chromosome"), rows)
    assert categories(findings) == {"hidden_missing"}
