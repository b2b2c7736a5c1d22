"""Asking a file system or a server who may read what is analysed.

*Guarantees*: nothing is read but modes of files and the server's catalog, in a read-only
transaction of its own.

*Not here*: access control lists of files, and what a server's `pg_hba.conf` lets in.
"""

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agents.datasets.interruptible import Interruption
from agents.datasets.postgresql import ServerTable, read_only, table_oid
from agents.datasets.sources import find
from agents.domain.store_access import FileAccess, StoreAccess, TableAccess
from agents.domain.task import PinnedDataset
from agents.errors import DatasetUnreachableError

_GRANTED: Final = """
    SELECT coalesce(array_agg(DISTINCT privilege ORDER BY privilege), '{{}}') FROM (
        SELECT privilege_type AS privilege
        FROM {catalog} o, aclexplode(coalesce(o.{acl}, acldefault('{kind}', o.{owner}))) a
        WHERE {condition} AND a.grantee = 0{columns}
    ) granted
"""
_PUBLIC: Final = (
    _GRANTED.format(
        catalog="pg_class",
        acl="relacl",
        kind="r",
        owner="relowner",
        condition="o.oid = %(table)s::oid",
        columns=(
            " UNION ALL SELECT a.privilege_type || ' (' || c.attname || ')' "
            "FROM pg_attribute c, aclexplode(c.attacl) a "
            "WHERE c.attrelid = %(table)s::oid AND a.grantee = 0"
        ),
    ),
    _GRANTED.format(
        catalog="pg_namespace",
        acl="nspacl",
        kind="n",
        owner="nspowner",
        condition="o.oid = (SELECT relnamespace FROM pg_class WHERE oid = %(table)s::oid)",
        columns="",
    ),
    _GRANTED.format(
        catalog="pg_database",
        acl="datacl",
        kind="d",
        owner="datdba",
        condition="o.datname = current_database()",
        columns="",
    ),
)
"""What the table, its schema and the database grant to PUBLIC."""

_STATE: Final = """
    SELECT current_database(), r.rolname, r.rolsuper, pg_has_role(c.relowner, 'USAGE'),
        has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'), r.rolbypassrls,
        c.relrowsecurity, c.relforcerowsecurity,
        (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid),
        coalesce((SELECT s.ssl FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()), false),
        coalesce(inet_client_addr() <<= '127.0.0.0/8' OR inet_client_addr() = '::1', true),
        current_setting('password_encryption'),
        has_table_privilege('pg_authid', 'SELECT'),
        (SELECT count(*) FROM pg_roles l WHERE l.rolcanlogin AND l.rolvaliduntil IS NULL)
    FROM pg_class c JOIN pg_roles r ON r.rolname = current_user WHERE c.oid = %s::oid
"""
_MD5_ROLES: Final = "SELECT count(*) FROM pg_authid WHERE rolcanlogin AND rolpassword LIKE 'md5%'"


def store_access(
    dataset: PinnedDataset, place: str, interruption: Interruption
) -> StoreAccess | None:
    """Who may read the dataset that is kept at `place`; None of what no store keeps.

    Raises:
        DatasetUnreachableError: it is not there any more, or does not answer.
    """
    if dataset.is_observation:
        return None
    if dataset.format == "postgresql":
        return _table_access(ServerTable(location=place), interruption)
    try:
        return _file_access(find(Path(place)).files)
    except OSError as error:
        raise DatasetUnreachableError(f"{place} cannot be examined: {error.strerror}.") from error


def _file_access(files: Sequence[Path]) -> FileAccess:
    """The access to the most open one of the files, each at the end of its symbolic links."""
    return max(
        (_access(file.resolve()) for file in files),
        key=lambda each: (each.is_writable, each.is_replaceable, each.is_readable, each.mode),
    )


def _access(file: Path) -> FileAccess:
    mode = file.stat().st_mode
    folder = file.parent.stat().st_mode
    is_reachable = all(each.stat().st_mode & stat.S_IXOTH for each in file.parents)
    return FileAccess(
        mode=f"{stat.S_IMODE(mode):04o}",
        is_readable=is_reachable and bool(mode & stat.S_IROTH),
        is_writable=is_reachable and bool(mode & stat.S_IWOTH),
        is_replaceable=is_reachable and bool(folder & stat.S_IWOTH and not folder & stat.S_ISVTX),
    )


def _table_access(table: ServerTable, interruption: Interruption) -> TableAccess:
    with read_only(table.location, interruption) as connection:
        oid = table_oid(connection, table)
        state = connection.execute(_STATE, [oid]).fetchone()
        assert state is not None
        granted = []
        for statement in _PUBLIC:
            row = connection.execute(statement, {"table": oid}).fetchone()
            assert row is not None
            granted.append(tuple(row[0]))
        (database, role, is_superuser, is_owner, may_write, bypasses, *rest) = state
        (has_row_security, is_forced, policies, is_encrypted, is_local, method, *rest) = rest
        may_see_passwords, lasting = rest
        md5_roles = None
        if may_see_passwords:
            counted = connection.execute(_MD5_ROLES).fetchone()
            assert counted is not None
            md5_roles = counted[0]
    return TableAccess(
        database=database,
        role=role,
        is_superuser=is_superuser,
        is_owner=is_owner,
        may_write=may_write,
        bypasses_row_security=is_superuser or bypasses,
        public_table=granted[0],
        public_schema=granted[1],
        public_database=granted[2],
        has_row_security=has_row_security,
        is_forced=is_forced,
        policies=policies,
        is_encrypted=is_encrypted,
        is_local=is_local,
        password_method=method,
        md5_roles=md5_roles,
        lasting_roles=lasting,
    )
