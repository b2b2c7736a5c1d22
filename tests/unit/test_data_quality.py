"""The data quality engineer on real tables and on small ones made to have one fault."""

from pathlib import Path

import duckdb
import pytest

from agents.specialists.data_quality.specialist import DATA_QUALITY_ENGINEER
from agents.tools.missing import missing_values
from agents.tools.profile import profile
from tests.support.examination import examination_of, findings_of
from tests.support.small_tables import of, offenders, write

DATA = Path(__file__).parents[1] / "data"


async def test_flights(tmp_path: Path) -> None:
    findings = await findings_of(DATA_QUALITY_ENGINEER, DATA / "flights.parquet", cache=tmp_path)
    tailnum = of(findings, "missing_values", "tailnum")
    assert tailnum.title == "tailnum is missing in 967 of 83,210 rows (1.2 %)."
    assert tailnum.severity == "low"
    odd = of(findings, "pattern_violation", "tailnum")
    assert "begin with N: D942DN" in odd.title
    assert odd.rows == 4
    together = [
        f.title for f in findings if f.category == "missing_values" and not f.subject.column
    ]
    assert any("are missing together" in title for title in together)
    assert any("179 have dep_time, dep_delay and arr_time but no" in title for title in together)
    assert of(findings, "constant_column", "year").severity == "info"
    key = of(findings, "duplicate_key")
    assert key.title.startswith("month, day, carrier and flight identify every row but 8")
    assert len(findings) <= 7


async def test_planes(tmp_path: Path) -> None:
    findings = await findings_of(DATA_QUALITY_ENGINEER, DATA / "planes.csv", cache=tmp_path)
    speed = of(findings, "missing_values", "speed")
    assert speed.title == "speed is missing in 3,299 of 3,322 rows (99.3 %), written as NA."
    assert speed.severity == "high"
    names = of(findings, "inconsistent_category", "manufacturer")
    assert "AIRBUS (336 rows) and AIRBUS INDUSTRIE (400)" in names.title
    assert len(findings) <= 5


async def test_weather(tmp_path: Path) -> None:
    findings = await findings_of(DATA_QUALITY_ENGINEER, DATA / "weather.csv", cache=tmp_path)
    wind = of(findings, "impossible_value", "wind_speed")
    assert wind.title == "wind_speed is 1,048.36 in 1 row; every other value is 42.58 or below."
    assert wind.severity == "high"
    assert [row[1] for row in await offenders(wind, DATA / "weather.csv", tmp_path)] == [1048.36058]
    assert of(findings, "duplicate_key").rows == 6
    holes = of(findings, "time_gap", "time_hour")
    assert "6 hours from 2013-10-25 23:00:00" in holes.title
    assert len(await offenders(holes, DATA / "weather.csv", tmp_path)) == holes.rows
    assert len(findings) <= 8


async def test_a_clean_table_gives_an_empty_report(tmp_path: Path) -> None:
    assert await findings_of(DATA_QUALITY_ENGINEER, DATA / "airlines.csv", cache=tmp_path) == ()
    assert (
        await findings_of(DATA_QUALITY_ENGINEER, DATA / "cpu_utilization.csv", cache=tmp_path) == ()
    )


async def test_misspellings_in_the_hospital_table_are_found(tmp_path: Path) -> None:
    findings = await findings_of(DATA_QUALITY_ENGINEER, DATA / "hospital.csv", cache=tmp_path)
    variants = of(findings, "inconsistent_category")
    assert variants.title.startswith("9 columns have variants of more frequent values")
    rows = await offenders(variants, DATA / "hospital.csv", tmp_path)
    assert "birminghxm" in {row[1] for row in rows}
    contradictions = of(findings, "broken_dependency")
    assert "CountyName (39)" in contradictions.title
    shown = await offenders(contradictions, DATA / "hospital.csv", tmp_path)
    assert {("yxs", "yes"), ("cxllman", "cullman")} <= {row[1:] for row in shown}
    assert (
        "28 values of ProviderNumber are no number"
        in of(findings, "type_mismatch", "ProviderNumber").title
    )
    assert len(findings) <= 10


@pytest.mark.parametrize(
    "name", ["flights.parquet", "planes.csv", "weather.csv", "hospital.csv", "febrl.csv"]
)
async def test_all_evidence_shows_what_the_finding_says_in_a_fresh_shell(
    tmp_path: Path, name: str
) -> None:
    async with examination_of(DATA_QUALITY_ENGINEER, DATA / name, cache=tmp_path) as examination:
        findings = await DATA_QUALITY_ENGINEER.examine(examination)
        (dataset,) = examination.task.datasets
    assert len({finding.id for finding in findings}) == len(findings)
    with duckdb.connect() as shell:
        shell.execute(dataset.setup_sql)
        for finding in findings:
            shown = [
                (shell.execute(evidence.sql).fetchall(), shell.description)
                for evidence in finding.evidence
                if evidence.sql is not None
            ]
            assert shown, finding.title
            assert all(rows for rows, _ in shown), finding.title
            if finding.category not in ("constant_column", "parse_problem"):
                assert all(columns[0][0] == "row_id" for _, columns in shown), finding.title
            if len(shown) == 1 and finding.subject.column and finding.severity != "info":
                assert len(shown[0][0]) == finding.rows, finding.title


async def test_findings_are_the_same_in_any_format_with_any_number_of_threads(
    tmp_path: Path,
) -> None:
    written = tmp_path / "flights.csv"
    with duckdb.connect() as writer:
        writer.execute(f"COPY (FROM '{DATA}/flights.parquet') TO '{written}' (HEADER)")
    found = []
    for number, (file, threads) in enumerate(
        [(DATA / "flights.parquet", 1), (DATA / "flights.parquet", 2), (written, 2), (written, 1)]
    ):
        findings = await findings_of(
            DATA_QUALITY_ENGINEER, file, cache=tmp_path / str(number), threads=threads
        )
        found.append([finding.model_dump_json() for finding in findings])
    assert found[0] == found[1] == found[2] == found[3]


async def test_hostile_column_names_do_no_harm(tmp_path: Path) -> None:
    names = ['"; DROP VIEW data; --', "it's", "a b", "select", "naïve"]
    rows = [
        [f"N{n}", "" if n % 3 else "x", n, "AB" if n % 50 else "ab", n * 1.5] for n in range(200)
    ]
    file = write(tmp_path / "hostile.csv", names, rows)
    findings = await findings_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path)
    assert {finding.subject.column for finding in findings} >= {"it's", "select"}
    for finding in findings:
        assert await offenders(finding, file, tmp_path)


async def test_a_tool_that_fails_costs_only_its_own_findings(tmp_path: Path) -> None:
    async with examination_of(
        DATA_QUALITY_ENGINEER, DATA / "planes.csv", cache=tmp_path, failing=[missing_values.name]
    ) as examination:
        findings = await DATA_QUALITY_ENGINEER.examine(examination)
    assert {finding.category for finding in findings} >= {"inconsistent_category"}
    assert "missing_values" not in {finding.category for finding in findings}
    assert len(examination.notes) == 1
    assert "missing values" in examination.notes[0]


async def test_without_a_profile_a_table_is_noted_and_left_out(tmp_path: Path) -> None:
    async with examination_of(
        DATA_QUALITY_ENGINEER, DATA / "planes.csv", cache=tmp_path, failing=[profile.name]
    ) as examination:
        assert await DATA_QUALITY_ENGINEER.examine(examination) == []
    assert len(examination.notes) == 1


async def test_only_the_tools_of_the_plan_are_used(tmp_path: Path) -> None:
    async with examination_of(
        DATA_QUALITY_ENGINEER,
        DATA / "planes.csv",
        cache=tmp_path,
        tools=[profile.name, missing_values.name],
    ) as examination:
        findings = await DATA_QUALITY_ENGINEER.examine(examination)
    assert {finding.category for finding in findings} == {"missing_values", "constant_column"}
    assert examination.notes == []


async def test_several_tables_are_examined_each_under_its_name(tmp_path: Path) -> None:
    findings = await findings_of(
        DATA_QUALITY_ENGINEER, DATA / "planes.csv", DATA / "weather.csv", cache=tmp_path
    )
    assert {finding.subject.table for finding in findings} == {"data", "weather"}


async def test_results_of_tools_stay_small_for_wide_tables(tmp_path: Path) -> None:
    names = [f"a rather long name of a column, number {n}" for n in range(500)]
    rows = [
        [
            f"{'x' * 50} {r * c % 7}" if c % 2 else (r * c * 1.000_001 if r % 3 else "")
            for c in range(500)
        ]
        for r in range(40)
    ]
    file = write(tmp_path / "wide.csv", names, rows)
    async with examination_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path) as examination:
        for tool in DATA_QUALITY_ENGINEER.tools:
            if "table" not in tool.arguments.model_fields:
                continue
            result = await examination.use(tool, table="data")
            assert len(tool.result.dump_json(result)) <= 256 * 1024, tool.name
        findings = await DATA_QUALITY_ENGINEER.examine(examination)
    assert len(findings) <= 10


ORDINARY = [[n, f"item {n % 9}", round(n * 1.7 % 31, 2)] for n in range(300)]
HEADER = ("id", "item", "price")


async def test_an_ordinary_table_has_no_faults(tmp_path: Path) -> None:
    file = write(tmp_path / "ordinary.csv", HEADER, ORDINARY)
    assert await findings_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path) == ()


async def test_duplicate_rows(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", HEADER, [*ORDINARY, ORDINARY[5], ORDINARY[5], ORDINARY[8]])
    findings = await findings_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path)
    finding = of(findings, "duplicate_rows")
    assert finding.title == "3 rows of 303 (1.0 %) repeat another row in every column."
    rows = await offenders(finding, file, tmp_path)
    assert [row[0] for row in rows] == [5, 8, 300, 301, 302]


async def test_an_identifier_with_a_few_duplicates(tmp_path: Path) -> None:
    rows = [[n if n != 7 else 6, *rest] for n, *rest in ORDINARY]
    findings = await findings_of(
        DATA_QUALITY_ENGINEER, write(tmp_path / "t.csv", HEADER, rows), cache=tmp_path
    )
    assert of(findings, "duplicate_key", "id").title == (
        "id identifies every row but 2, which share 1 value."
    )


async def test_measures_are_no_keys(tmp_path: Path) -> None:
    rows = [[round((n * 7919 % 997) / 3, 4), n % 5] for n in range(900)]
    rows[5] = rows[6]
    findings = await findings_of(
        DATA_QUALITY_ENGINEER, write(tmp_path / "t.csv", ("price", "kind"), rows), cache=tmp_path
    )
    assert not [finding for finding in findings if finding.category == "duplicate_key"]


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("age", [34, 51, 28, 40, -3], "age is -3 in 1 row, which cannot be an age."),
        ("age", [34, 51, 28, 40, 233], "age is 233 in 1 row, which cannot be an age."),
        ("Latitude", [48.1, 51.2, 90.4], "Latitude is 90.40 in 1 row, which cannot be a latitude."),
    ],
)
async def test_values_that_no_such_quantity_has(
    tmp_path: Path, column: str, values: list[float], said: str
) -> None:
    rows = [[n, value] for n, value in enumerate([*(values[:-1] * 40), values[-1]])]
    file = write(tmp_path / "t.csv", ("id", column), rows)
    findings = await findings_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path)
    assert of(findings, "impossible_value", column).title == said


async def test_a_long_tail_is_not_impossible(tmp_path: Path) -> None:
    rows = [[n, round(1.02**n, 2)] for n in range(800)]
    file = write(tmp_path / "t.csv", ("id", "income"), rows)
    assert await findings_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path) == ()


async def test_codes_among_whole_numbers_are_not_impossible(tmp_path: Path) -> None:
    rows = [[n, 99 if n % 150 == 7 else n % 12] for n in range(600)]
    file = write(tmp_path / "t.csv", ("id", "vehicle type"), rows)
    assert await findings_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path) == ()


@pytest.mark.parametrize(
    ("values", "sentinel"),
    [
        ([str(1960 + n % 60) + "-05-17" for n in range(300)], "9999-12-31"),
        ([str(20 + (n * 7) % 61) + "." + str(n % 10) for n in range(300)], "-999"),
        ([str(20 + (n * 7) % 61) + "." + str(n % 10) for n in range(300)], "9999"),
    ],
)
async def test_sentinels_stand_for_missing_values(
    tmp_path: Path, values: list[str], sentinel: str
) -> None:
    rows = [[n, value] for n, value in enumerate([*values, *[sentinel] * 9])]
    file = write(tmp_path / "t.csv", ("id", "reading"), rows)
    findings = await findings_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path)
    finding = of(findings, "hidden_missing", "reading")
    assert finding.rows == 9
    assert len(await offenders(finding, file, tmp_path)) == 9


async def test_codes_in_text_are_hidden_missing_values(tmp_path: Path) -> None:
    rows = [[n, ["red", "green", "N/A", "?"][n % 4], ["DE", "FR", "NA"][n % 3]] for n in range(240)]
    file = write(tmp_path / "t.csv", ("id", "colour", "country"), rows)
    findings = await findings_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path)
    assert {finding.title for finding in findings} == {
        'colour says "N/A" instead of null in 60 rows (25.0 %).',
        'colour says "?" instead of null in 60 rows (25.0 %).',
    }


async def test_units_in_several_spellings(tmp_path: Path) -> None:
    rows = [[n, f"{n % 40}.5 {['kg', 'kg', 'kg', 'KG', 'lbs'][n % 5]}"] for n in range(200)]
    findings = await findings_of(
        DATA_QUALITY_ENGINEER, write(tmp_path / "t.csv", ("id", "mass"), rows), cache=tmp_path
    )
    assert of(findings, "unit_mix", "mass").title == (
        "mass writes its unit in 3 ways: kg (120), KG (40) and lbs (40)."
    )


async def test_a_column_of_numbers_with_a_slip(tmp_path: Path) -> None:
    rows = [[n, "1O5" if n == 17 else n * 3] for n in range(200)]
    findings = await findings_of(
        DATA_QUALITY_ENGINEER, write(tmp_path / "t.csv", ("id", "amount"), rows), cache=tmp_path
    )
    assert of(findings, "type_mismatch", "amount").title == (
        "1 value of amount is no number, unlike the other 199: 1O5."
    )


async def test_codes_with_leading_zeros_are_no_broken_numbers(tmp_path: Path) -> None:
    rows = [[n, f"{n * 37 % 10_000:04}"] for n in range(400)]
    file = write(tmp_path / "t.csv", ("id", "branch"), rows)
    assert await findings_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path) == ()


async def test_capitals_and_spaces_split_a_category(tmp_path: Path) -> None:
    rows = [[n, ["Berlin", "berlin", "Paris", "Paris "][n % 4]] for n in range(200)]
    findings = await findings_of(
        DATA_QUALITY_ENGINEER, write(tmp_path / "t.csv", ("id", "city"), rows), cache=tmp_path
    )
    assert of(findings, "inconsistent_category", "city").rows == 100


async def test_lines_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", HEADER, ORDINARY)
    file.write_text(file.read_text() + "1,2,3,4\n5\n")
    findings = await findings_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path)
    assert of(findings, "parse_problem").title == (
        "2 lines of the file (0.7 %) could not be read: missing columns in line 303, "
        "too many columns in line 302."
    )
