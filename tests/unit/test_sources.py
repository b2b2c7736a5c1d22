"""Locations: what may be read, and what is said when it may not or cannot."""

import gzip
from pathlib import Path

import pytest

from agents.datasets.credentials import absolute, password_of
from agents.datasets.csv_dialect import guess
from agents.datasets.location import split_table, with_table, without_password
from agents.datasets.sources import find, locate
from agents.errors import AgentUsageError, DatasetFormatError, DatasetUnreachableError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "orders.csv").write_text("id,amount\n1,2\n")
    (tmp_path / "outside.csv").write_text("id\n1\n")
    return folder


def test_a_location_under_a_named_root_is_found(root: Path) -> None:
    assert locate("shop/orders.csv", roots={"shop": root}, allow_absolute=False) == (
        root / "orders.csv"
    )


@pytest.mark.parametrize(
    "location",
    ["shop/../outside.csv", "shop/link.csv", "shop/folder/outside.csv", "shop/./../outside.csv"],
)
def test_no_location_leads_out_of_its_root(root: Path, location: str) -> None:
    (root / "link.csv").symlink_to(root.parent / "outside.csv")
    (root / "folder").symlink_to(root.parent, target_is_directory=True)
    with pytest.raises(DatasetUnreachableError, match="leads out of the root"):
        locate(location, roots={"shop": root}, allow_absolute=False)


def test_a_slash_after_the_root_does_not_make_a_location_absolute(root: Path) -> None:
    assert locate("shop//etc/passwd", roots={"shop": root}, allow_absolute=False) == (
        root / "etc" / "passwd"
    )


def test_an_absolute_location_needs_permission(root: Path) -> None:
    path = root / "orders.csv"
    assert locate(str(path), roots={}, allow_absolute=True) == path
    with pytest.raises(DatasetUnreachableError, match="the roots are: shop"):
        locate(str(path), roots={"shop": root}, allow_absolute=False)


def test_an_unknown_root_is_named_with_those_there_are(root: Path) -> None:
    with pytest.raises(DatasetUnreachableError, match="the roots are: shop"):
        locate("store/orders.csv", roots={"shop": root}, allow_absolute=False)


def test_a_location_with_a_nul_is_refused(root: Path) -> None:
    with pytest.raises(DatasetUnreachableError, match="NUL"):
        locate("shop/a\0b", roots={"shop": root}, allow_absolute=False)


def test_a_loop_of_links_is_unreachable(root: Path) -> None:
    (root / "loop").symlink_to(root / "loop")
    with pytest.raises(DatasetUnreachableError):
        find(locate("shop/loop", roots={"shop": root}, allow_absolute=False))


def test_what_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(DatasetUnreachableError, match="There is no file"):
        find(tmp_path / "orders.csv")


def test_an_empty_file_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").touch()
    with pytest.raises(DatasetUnreachableError, match="is empty"):
        find(tmp_path / "orders.csv")


def test_a_folder_without_parquet_is_unreachable(root: Path) -> None:
    with pytest.raises(DatasetUnreachableError, match="holds no Parquet files"):
        find(root)


def test_a_folder_with_a_link_to_elsewhere_is_unreachable(root: Path) -> None:
    (root / "part.parquet").symlink_to(root.parent / "outside.csv")
    with pytest.raises(DatasetUnreachableError, match="leads out of the folder"):
        find(root)


def test_a_file_of_unknown_format_is_told_what_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "orders.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(DatasetFormatError, match="readable are CSV"):
        find(tmp_path / "orders.xlsx")


def test_a_file_is_parquet_by_its_content_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "orders.dat").write_bytes(b"PAR1rest")
    assert find(tmp_path / "orders.dat").format == "parquet"
    (tmp_path / "orders.parquet").write_bytes(b"id,amount\n")
    with pytest.raises(DatasetFormatError, match="named like a Parquet file"):
        find(tmp_path / "orders.parquet")


def test_a_gzipped_csv_is_csv(tmp_path: Path) -> None:
    (tmp_path / "orders.csv.gz").write_bytes(gzip.compress(b"id,amount\n1,2\n"))
    assert find(tmp_path / "orders.csv.gz").format == "csv"


@pytest.mark.parametrize(
    ("delimiter", "text"),
    [
        (",", "a,b\n1,2\n3,4\n"),
        (";", "a;b\n1,5;2\n3,5;4\n"),
        ("\t", "a\tb\n1\t2\n"),
        ("|", "a|b\n1|2\n"),
        ("^", "a^b\n1^2\n"),
        (", ", "a, b\n1, 2\n3, 4\n"),
        ("; ", "a; b\n1,5; 2\n3,5; 4\n"),
        (",", 'a,b\n1;2,3\n1,"' + "; x" * 60_000 + '"\n'),
        (",", "a\n1\n2\n"),
        (",", 'a,b\n"1;2;3","4;5;6"\n"7;8;9",x\n'),
        (",", "a,b,c\n1,2,3\n1,2\n1,2,3\n1,2,3\n"),
    ],
)
def test_the_delimiter_is_the_one_most_records_agree_on(delimiter: str, text: str) -> None:
    assert guess(text.encode(), "file").delimiter == delimiter


def test_decimal_commas_are_seen_unless_points_are_there_too() -> None:
    assert guess(b"a;b\n1,5;2\n3,5;4\n", "file").decimal == ","
    assert guess(b"a;b\n1,5;2.5\n3,5;4.5\n", "file").decimal == "."


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("latin-1", "latin-1"), ("utf-16", "utf-16")],
)
def test_the_encoding_is_told_from_the_bytes(encoding: str, expected: str) -> None:
    assert guess("città,età\nà,1\n".encode(encoding), "file").encoding == expected


def test_binary_data_is_no_csv() -> None:
    with pytest.raises(DatasetFormatError, match="binary"):
        guess(bytes(range(256)) * 10, "file")


@pytest.mark.parametrize(
    ("location", "shown", "password"),
    [
        ("orders.csv", "orders.csv", ""),
        ("postgresql://u:p@h/db?table=a.b", "postgresql://u@h/db?table=a.b", "p"),
        ("postgres://u:p/w@h:1/db?sslmode=require", "postgres://u@h:1/db?sslmode=require", "p/w"),
        ("postgresql://u:p?w@h/db?table=x", "postgresql://u@h/db?table=x", "p?w"),
        ("postgresql://u:p@w@h/db", "postgresql://u@h/db", "p@w"),
        ("postgresql://h?password=p", "postgresql://h", "p"),
        ("postgresql://u:a@h/db?password=p&table=x", "postgresql://u@h/db?table=x", "a"),
        ("postgresql://h:5432/db?user=a@b", "postgresql://h:5432/db?user=a@b", ""),
        ("postgresql:///db?host=/var/run&table=t", "postgresql:///db?host=/var/run&table=t", ""),
        ("rabbitmq://u:p@h:15672/v?table=queues", "rabbitmq://u@h:15672/v?table=queues", "p"),
        ("rabbitmqs://u:p%40@h/v", "rabbitmqs://u@h/v", "p%40"),
        ("prometheus+http://u:p@h?query=x@1", "prometheus+http://u@h?query=x@1", "p"),
        ("prometheus+https://h:9090?query=x@1", "prometheus+https://h:9090?query=x@1", ""),
    ],
)
def test_a_location_is_shown_without_its_password(location: str, shown: str, password: str) -> None:
    assert without_password(location) == (shown, password)


def test_a_password_is_known_for_the_whole_database_and_decoded() -> None:
    shown = absolute("postgresql://ann:s%2Fcret@localhost/known?table=orders")
    assert shown == "postgresql://ann@localhost/known?table=orders"
    assert password_of("postgresql://ann@localhost/known?table=customers") == "s/cret"
    assert password_of("postgresql://ann@localhost/other") is None


@pytest.mark.parametrize("address", ["amqp://u:p@h", "https://u:p@h/a.csv", "mysql://u:p@h/db"])
def test_an_address_that_cannot_be_asked_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(AgentUsageError, match="Nothing can be read from") as caught:
        absolute(address)
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize("table", ["orders", "public.orders", "a b&c=d", "x::y"])
@pytest.mark.parametrize(
    "base",
    [
        "/data/shop.db",
        "postgresql://ann@h/shop",
        "postgresql://h/shop?sslmode=require",
        "rabbitmq://ann@h:15672/%2F",
    ],
)
def test_a_table_is_named_in_a_location_and_found_there(base: str, table: str) -> None:
    assert split_table(with_table(base, table)) == (base, table)


def test_a_path_with_a_table_is_made_absolute_without_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    assert absolute("shop.db::orders/new") == f"{root}/shop.db::orders/new"


def test_a_database_file_is_known_by_its_content_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"SQLite format 3\0rest")
    (tmp_path / "b.csv").write_bytes(b"checksumDUCKrest")
    assert find(tmp_path / "a.txt", "orders").format == "sqlite"
    assert find(tmp_path / "b.csv").format == "duckdb"
