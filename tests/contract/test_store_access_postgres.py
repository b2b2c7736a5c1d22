"""What a PostgreSQL server says about who may read a table, asked by a reader and by its owner."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from agents.datasets.credentials import set_apart
from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.request import DatasetReference
from agents.domain.store_access import TableAccess
from agents.errors import DatasetUnreachableError
from agents.specialists.security.specialist import SECURITY_AUDITOR
from tests.support.examination import findings_of
from tests.support.postgresql_cluster import PASSWORD, USER, PostgresqlCluster

pytestmark = pytest.mark.postgresql

READER = "only_reader"


@pytest.fixture(scope="module")
def guarded(postgresql_cluster: PostgresqlCluster) -> PostgresqlCluster:
    postgresql_cluster.run(
        "CREATE SCHEMA guarded",
        f"CREATE ROLE {READER} LOGIN PASSWORD 'read'",
        f"GRANT USAGE ON SCHEMA guarded TO {READER}",
        "CREATE TABLE guarded.people (tenant_id int, email text)",
        "INSERT INTO guarded.people SELECT n, 'user' || n || '@example.org' "
        "FROM generate_series(1, 40) n",
        f"GRANT SELECT ON guarded.people TO {READER}",
        "CREATE TABLE guarded.open (LIKE guarded.people)",
        "INSERT INTO guarded.open SELECT * FROM guarded.people",
        "GRANT SELECT, UPDATE (email) ON guarded.open TO PUBLIC",
        "CREATE POLICY own ON guarded.open USING (true)",
    )
    return postgresql_cluster


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[DuckdbCatalog]:
    async with DuckdbCatalog(roots={}, cache=tmp_path / "cache", allow_absolute=True) as opened:
        yield opened


def as_owner(guarded: PostgresqlCluster, table: str) -> str:
    return guarded.url(password=quote(PASSWORD, safe=""), table=f"guarded.{table}")


def as_reader(guarded: PostgresqlCluster, table: str) -> str:
    return guarded.url(password="", table=f"guarded.{table}").replace(f"{USER}@", f"{READER}:read@")


async def access(catalog: DuckdbCatalog, location: str) -> TableAccess:
    pinned = await catalog.pin([DatasetReference(location=set_apart(location))])
    async with catalog.open(pinned) as data:
        found = await data.access("data")
    assert isinstance(found, TableAccess)
    return found


async def test_a_reader_sees_what_it_may_and_what_everybody_may(
    catalog: DuckdbCatalog, guarded: PostgresqlCluster
) -> None:
    found = await access(catalog, as_reader(guarded, "people"))
    assert (found.role, found.database) == (READER, "shop")
    assert (found.is_superuser, found.is_owner, found.may_write) == (False, False, False)
    assert (found.public_table, found.public_schema) == ((), ())
    assert "CONNECT" in found.public_database
    assert (found.is_local, found.is_encrypted) == (True, False)
    assert (found.password_method, found.md5_roles) == ("scram-sha-256", None)
    assert found.lasting_roles >= 2


async def test_grants_to_public_and_policies_are_told(
    catalog: DuckdbCatalog, guarded: PostgresqlCluster
) -> None:
    found = await access(catalog, as_owner(guarded, "open"))
    assert found.public_table == ("SELECT", "UPDATE (email)")
    assert (found.is_superuser, found.is_owner, found.may_write) == (True, True, True)
    assert (found.policies, found.has_row_security, found.is_forced) == (1, False, False)
    assert found.md5_roles == 0


async def test_the_auditor_says_what_is_open_and_nothing_about_a_careful_reader(
    guarded: PostgresqlCluster, tmp_path: Path
) -> None:
    async def found(location: str) -> set[tuple[str, str]]:
        findings = await findings_of(SECURITY_AUDITOR, set_apart(location), cache=tmp_path)
        return {(finding.category, finding.severity) for finding in findings}

    persons = {("personal_data", "high"), ("no_row_security", "low")}
    assert await found(as_reader(guarded, "people")) == persons
    assert await found(as_owner(guarded, "open")) == {
        ("personal_data", "high"),
        ("public_grant", "high"),
        ("no_row_security", "medium"),
        ("excessive_rights", "medium"),
    }


async def test_a_table_that_is_gone_does_not_cost_the_rest(
    guarded: PostgresqlCluster, catalog: DuckdbCatalog
) -> None:
    guarded.run("CREATE TABLE guarded.brief AS SELECT 1 AS x")
    pinned = await catalog.pin([DatasetReference(location=set_apart(as_owner(guarded, "brief")))])
    async with catalog.open(pinned) as data:
        guarded.run("DROP TABLE guarded.brief")
        with pytest.raises(DatasetUnreachableError, match=r"no table guarded\.brief"):
            await data.access("data")
        assert await data.query("SELECT x FROM data") == ((1,),)
