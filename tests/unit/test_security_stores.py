"""Who may read what was analysed: told where it matters, and said once for each server."""

from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import pytest

from agents.domain.finding import Evidence, Finding, Subject
from agents.domain.store_access import TableAccess
from agents.domain.task import Column, PinnedDataset
from agents.specialists.security.specialist import SECURITY_AUDITOR
from agents.specialists.security.stores import StoreJudge
from tests.support.examination import examination_of, findings_of
from tests.support.small_tables import write

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user of the machine may enter; those of pytest are the user's own."""
    folder = Path(mkdtemp(prefix="convener-shared-"))
    folder.chmod(0o755)
    yield folder
    rmtree(folder)


def people(folder: Path, mode: int, *, column: str = "email") -> Path:
    rows = [[n, f"user{n}@example.org" if column == "email" else SECRET] for n in range(20)]
    file = write(folder / "t.csv", ["id", column], rows)
    file.chmod(mode)
    return file


async def exposed(file: Path) -> list[Finding]:
    findings = await findings_of(SECURITY_AUDITOR, file, cache=file.parent / "cache")
    return [finding for finding in findings if finding.category == "world_readable_file"]


@pytest.mark.parametrize(
    ("mode", "column", "severity", "said"),
    [
        (0o644, "email", "medium", "can read the file of data (mode 0644)"),
        (0o644, "config", "high", "can read"),
        (0o666, "email", "high", "can read and change"),
    ],
)
async def test_a_file_that_everybody_may_read_is_told_by_what_it_holds(
    shared: Path, mode: int, column: str, severity: str, said: str
) -> None:
    (finding,) = await exposed(people(shared, mode, column=column))
    assert finding.severity == severity
    assert said in finding.title


async def test_a_file_in_a_folder_that_everybody_may_write_can_be_replaced(shared: Path) -> None:
    file = people(shared, 0o600)
    (shared / "cache").mkdir()
    shared.chmod(0o777)
    (finding,) = await exposed(file)
    assert "can replace the file" in finding.title
    shared.chmod(0o1777)
    assert await exposed(file) == []


async def test_a_file_of_its_owner_is_nobodys_business(shared: Path) -> None:
    assert await exposed(people(shared, 0o640)) == []


async def test_a_file_in_a_folder_that_nobody_else_may_enter_is_safe(shared: Path) -> None:
    shared.chmod(0o700)
    assert await exposed(people(shared, 0o644)) == []


async def test_what_everybody_may_read_and_holds_nothing_sensitive_is_no_finding(
    shared: Path,
) -> None:
    file = write(shared / "t.csv", ["id", "colour"], [[n, "red"] for n in range(20)])
    file.chmod(0o666)
    assert await findings_of(SECURITY_AUDITOR, file, cache=shared / "cache") == ()


async def test_a_file_that_is_gone_meanwhile_is_noted(shared: Path) -> None:
    file = people(shared, 0o644)
    async with examination_of(SECURITY_AUDITOR, file, cache=shared / "cache") as examination:
        file.unlink()
        findings = await SECURITY_AUDITOR.examine(examination)
    assert [finding.category for finding in findings] == ["personal_data"]
    (note,) = examination.notes
    assert "who may read it where it is kept could not be examined" in note


DATASET = PinnedDataset(
    name="people",
    location="postgresql://reader@db.example.org/main?table=people",
    format="postgresql",
    version="v",
    rows=100,
    columns=(Column(name="tenant_id", type="BIGINT"), Column(name="email", type="VARCHAR")),
    size_bytes=1,
    setup_sql="",
)
SAFE = TableAccess(
    database="main",
    role="reader",
    is_superuser=False,
    is_owner=False,
    may_write=False,
    bypasses_row_security=False,
    public_table=(),
    public_schema=("USAGE",),
    public_database=("CONNECT", "TEMPORARY"),
    has_row_security=True,
    is_forced=True,
    policies=1,
    is_encrypted=True,
    is_local=False,
    password_method="scram-sha-256",
    md5_roles=None,
    lasting_roles=3,
)
PERSONAL = Finding(
    role="security",
    title="email holds e-mail addresses.",
    severity="high",
    category="personal_data",
    subject=Subject(table="people"),
    evidence=(Evidence(metric="share", value=1.0),),
    recommendation="Drop it.",
)


def judged(*, about: list[Finding] | None = None, **changes: Any) -> list[tuple[str, str]]:
    found = StoreJudge().judge(
        DATASET,
        SAFE.model_copy(update=changes),
        [PERSONAL] if about is None else about,
        is_about_persons=about is None,
    )
    return [(finding.category, finding.severity) for finding in found]


def test_a_reader_over_tls_with_row_security_is_no_finding() -> None:
    assert judged() == []


@pytest.mark.parametrize(
    ("changes", "category", "severity"),
    [
        ({"public_table": ("SELECT",)}, "public_grant", "high"),
        ({"public_table": ("SELECT (email)",), "about": []}, "public_grant", "low"),
        ({"public_table": ("SELECT", "UPDATE"), "about": []}, "public_grant", "medium"),
        ({"public_schema": ("CREATE", "USAGE")}, "public_grant", "medium"),
        ({"public_database": ("CREATE",)}, "public_grant", "medium"),
        ({"is_superuser": True, "is_owner": True}, "excessive_rights", "medium"),
        ({"is_owner": True, "may_write": True}, "excessive_rights", "low"),
        ({"may_write": True}, "excessive_rights", "low"),
        ({"is_encrypted": False}, "no_tls", "high"),
        ({"is_encrypted": False, "about": []}, "no_tls", "medium"),
        ({"has_row_security": False, "policies": 0}, "no_row_security", "low"),
        ({"has_row_security": False, "about": []}, "no_row_security", "medium"),
        ({"md5_roles": 2}, "weak_hash", "medium"),
        ({"password_method": "md5"}, "weak_hash", "medium"),
    ],
)
def test_one_thing_that_is_open_is_one_finding(
    changes: dict[str, Any], category: str, severity: str
) -> None:
    assert judged(**changes) == [(category, severity)]


@pytest.mark.parametrize(
    "changes",
    [
        {"is_encrypted": False, "is_local": True},
        {"has_row_security": False, "policies": 0, "about": []},
    ],
    ids=["a connection within the machine", "tenants without persons"],
)
def test_what_does_not_matter_is_not_told(changes: dict[str, Any]) -> None:
    assert judged(**changes) == []


def test_policies_that_do_not_bind_the_owner_are_told() -> None:
    assert ("no_row_security", "low") in judged(is_owner=True, is_forced=False)


def test_what_holds_for_a_server_is_said_once() -> None:
    judge = StoreJudge()
    access = SAFE.model_copy(update={"is_encrypted": False})
    other = DATASET.model_copy(
        update={"name": "orders", "location": DATASET.location.replace("people", "orders")}
    )
    found = [
        finding
        for dataset in (DATASET, other)
        for finding in judge.judge(dataset, access, [], is_about_persons=False)
    ]
    assert [finding.subject.table for finding in found] == ["people"]
