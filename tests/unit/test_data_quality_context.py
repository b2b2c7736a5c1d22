"""Values against what stands beside them: dependencies, emptied neighbours, other tables."""

from pathlib import Path
from typing import Any

import pytest

from agents.specialists.data_quality.specialist import DATA_QUALITY_ENGINEER
from agents.tools.orphans import names_go_together
from tests.support.examination import findings_of
from tests.support.small_tables import found_in, of, offenders, write

CITIES = ("Aalen", "Berne", "Cairo", "Delhi", "Essen", "Fargo", "Genoa", "Haifa", "Izmir", "Jinan")
LANDS = ("DE", "CH", "EG", "IN", "DE", "US", "IT", "IL", "TR", "CN")


def shipments(count: int = 400) -> list[list[Any]]:
    """Rows of id, city, land and load, where the city determines the land."""
    return [[n, CITIES[n % 10], LANDS[n % 10], n * 7 % 83] for n in range(count)]


HEADER = ("id", "city", "land", "load")


async def test_the_minority_rows_of_a_dependency_are_shown_with_what_was_expected(
    tmp_path: Path,
) -> None:
    rows = shipments()
    rows[13][2], rows[27][2] = "CN", "DE"
    findings = await found_in(tmp_path, HEADER, rows)
    finding = of(findings, "broken_dependency", "land")
    assert finding.title == (
        "2 rows of land contradict city, which otherwise determines it: CN where IN is usual (1) "
        "and DE where IL is usual (1)."
    )
    assert await offenders(finding, tmp_path / "t.csv", tmp_path) == [
        (13, "CN", "IN"),
        (27, "DE", "IL"),
    ]


async def test_a_dependency_without_exceptions_is_nothing_to_tell(tmp_path: Path) -> None:
    assert await found_in(tmp_path, HEADER, shipments()) == ()


async def test_a_name_that_two_things_share_is_no_broken_dependency(tmp_path: Path) -> None:
    rows = shipments()
    for n in range(0, 400, 40):
        rows[n][2] = "US"  # there is another Aalen, and it is no slip: it comes again and again
    findings = await found_in(tmp_path, HEADER, rows)
    assert not [finding for finding in findings if finding.category == "broken_dependency"]


async def test_independent_columns_determine_nothing(tmp_path: Path) -> None:
    rows = [[n, CITIES[n * n % 10], "no" if n * 31 % 97 < 5 else "yes"] for n in range(600)]
    findings = await found_in(tmp_path, ("id", "city", "paid"), rows)
    assert not [finding for finding in findings if finding.category == "broken_dependency"]


async def test_several_witnesses_are_more_certain_than_one(tmp_path: Path) -> None:
    rows = [[*row, f"+{row[1]}"] for row in shipments()]
    rows[13][2] = "CN"
    findings = await found_in(tmp_path, (*HEADER, "depot"), rows)
    finding = of(findings, "broken_dependency", "land")
    assert "contradicts city and depot, which otherwise determine it" in finding.title
    assert finding.confidence == 0.9


async def test_a_value_with_a_rule_of_its_own_explains_exceptions(tmp_path: Path) -> None:
    rows = [[*row, "home"] for row in shipments()]
    for n in range(3, 400, 41):
        rows[n][2], rows[n][4] = f"X{n % 10}", "abroad"
    rows[14][2] = "CN"
    findings = await found_in(tmp_path, (*HEADER, "kind"), rows)
    finding = of(findings, "broken_dependency", "land")
    assert [row[0] for row in await offenders(finding, tmp_path / "t.csv", tmp_path)] == [14]


async def test_dependencies_between_columns_with_hostile_names(tmp_path: Path) -> None:
    rows = [[*row[1:3], row[0]] for row in shipments()]
    rows[13][1] = "CN"
    findings = await found_in(tmp_path, ('"; DROP VIEW data; --', "expected", "it's"), rows)
    finding = of(findings, "broken_dependency", "expected")
    assert await offenders(finding, tmp_path / "t.csv", tmp_path) == [(13, "CN", "IN")]


async def test_a_value_that_slipped_into_the_column_beside_it(tmp_path: Path) -> None:
    rows = [[n, f"{CITIES[n * n % 7]}", LANDS[n * 3 % 10]] for n in range(300)]
    for n in range(5, 300, 30):
        rows[n][1], rows[n][2] = f"{rows[n][1]} {rows[n][2]}", ""
    findings = await found_in(tmp_path, ("id", "city", "land"), rows)
    finding = of(findings, "pattern_violation", "city")
    assert finding.title.startswith("city carries the value of land as well in 10 rows of the 10")
    shown = await offenders(finding, tmp_path / "t.csv", tmp_path)
    assert [row[0] for row in shown] == list(range(5, 300, 30))


async def test_an_empty_column_beside_ordinary_values_is_only_missing(tmp_path: Path) -> None:
    rows = [[n, f"{CITIES[n * n % 7]} AG", "" if n % 30 == 5 else "AG"] for n in range(300)]
    for n in range(0, 300, 2):
        rows[n][2] = "GmbH"
    findings = await found_in(tmp_path, ("id", "firm", "form"), rows)
    assert not [finding for finding in findings if finding.category == "pattern_violation"]


def orders_and_customers(folder: Path) -> tuple[Path, Path]:
    customers = [[f"C{n:03}", f"Street {n % 40}"] for n in range(80)]
    orders = [[n, f"C{n * 13 % 80:03}", n * 7 % 97] for n in range(500)]
    orders[3][1], orders[4][1], orders[90][1] = "C913", "C913", "C777"
    return (
        write(folder / "orders.csv", ("no", "customer", "amount"), orders),
        write(folder / "customers.csv", ("id", "street"), customers),
    )


async def test_references_to_rows_that_another_table_lacks(tmp_path: Path) -> None:
    orders, customers = orders_and_customers(tmp_path)
    findings = await findings_of(
        DATA_QUALITY_ENGINEER, orders, customers, names=("orders", "customers"), cache=tmp_path
    )
    finding = of(findings, "referential_orphan", "customer")
    assert finding.title == (
        "3 rows of customer (0.6 %) name 2 values that customers.id does not have: C913 (2) and "
        "C777 (1)."
    )
    assert finding.severity == "low"


async def test_the_orphans_are_shown_in_a_shell_with_both_tables(tmp_path: Path) -> None:
    orders, customers = orders_and_customers(tmp_path)
    findings = await findings_of(DATA_QUALITY_ENGINEER, orders, customers, cache=tmp_path)
    finding = of(findings, "referential_orphan", "customer")
    assert await offenders(finding, orders, tmp_path, customers) == [
        (3, "C913"),
        (4, "C913"),
        (90, "C777"),
    ]


async def test_numbers_that_happen_to_be_in_a_key_refer_to_nothing(tmp_path: Path) -> None:
    parts = write(tmp_path / "parts.csv", ("id", "colour"), [[n, "red"] for n in range(40)])
    rows = [[n, n * 7 % 42] for n in range(300)]
    scores = write(tmp_path / "scores.csv", ("no", "score"), rows)
    findings = await findings_of(DATA_QUALITY_ENGINEER, scores, parts, cache=tmp_path)
    assert not [finding for finding in findings if finding.category == "referential_orphan"]


async def test_one_table_alone_has_no_orphans(tmp_path: Path) -> None:
    orders, _ = orders_and_customers(tmp_path)
    findings = await findings_of(DATA_QUALITY_ENGINEER, orders, cache=tmp_path)
    assert not [finding for finding in findings if finding.category == "referential_orphan"]


@pytest.mark.parametrize(
    ("column", "key", "table", "together"),
    [
        ("tailnum", "tailnum", "planes", True),
        ("customer_id", "id", "customers", True),
        ("CompanyCode", "code", "companies", True),
        ("id", "id", "customers", False),
        ("amount", "id", "customers", False),
    ],
)
def test_names_that_go_together(column: str, key: str, table: str, together: bool) -> None:
    assert names_go_together(column, key, table) is together


def invoices(count: int = 300) -> list[list[Any]]:
    """Rows of id, quantity, price, net (their product), tax, and total (net and tax)."""
    rows: list[list[Any]] = []
    for n in range(count):
        quantity, price = 2 + n * 7 % 9, round(3 + n * 1.37 % 41, 2)
        net = round(quantity * price, 2)
        tax = round(net * (0.19 if n % 3 else 0.07), 2)
        rows.append([n, quantity, price, net, tax, round(net + tax, 2)])
    return rows


INVOICE = ("id", "quantity", "price", "net", "tax", "total")


async def test_a_total_that_does_not_add_up(tmp_path: Path) -> None:
    rows = invoices()
    rows[40][5] += 10
    rows[90][5] = 1.0
    findings = await found_in(tmp_path, INVOICE, rows)
    finding = of(findings, "broken_dependency", "total")
    assert finding.title.startswith("total is not net + tax in 2 rows (0.7 %)")
    shown = await offenders(finding, tmp_path / "t.csv", tmp_path)
    assert [row[0] for row in shown] == [40, 90]
    assert shown[0][1] == pytest.approx(shown[0][2] + 10)


async def test_a_product_that_does_not_come_out(tmp_path: Path) -> None:
    rows = invoices()
    rows[40][3] = round(rows[40][3] / 2, 2)
    rows[40][5] = round(rows[40][3] + rows[40][4], 2)
    finding = of(await found_in(tmp_path, INVOICE, rows), "broken_dependency", "net")
    assert "net is not " in finding.title
    assert " * " in finding.title
    assert [row[0] for row in await offenders(finding, tmp_path / "t.csv", tmp_path)] == [40]


async def test_what_adds_up_everywhere_is_nothing_to_tell(tmp_path: Path) -> None:
    findings = await found_in(tmp_path, INVOICE, invoices())
    assert not [finding for finding in findings if finding.category == "broken_dependency"]


async def test_a_third_part_of_a_sum_explains_what_is_left(tmp_path: Path) -> None:
    rows = [[n, 10 + n * 7 % 97, 5 + n * 13 % 89, 0, 0] for n in range(400)]
    for n, row in enumerate(rows):
        row[3] = n * 3 % 17 + 1 if n % 12 == 5 else n % 2 * 0
        row[4] = row[1] + row[2] + row[3]
    header = ("id", "wages", "rent", "fees", "costs")
    findings = await found_in(tmp_path, header, rows)
    assert not [finding for finding in findings if finding.category == "broken_dependency"]
