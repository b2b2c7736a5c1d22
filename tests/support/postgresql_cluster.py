"""A private PostgreSQL cluster for tests: own port, own data, ended at the end.

Missing software skips a test when run by hand and fails it in CI.
"""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import pytest

USER = "convener"
PASSWORD = "s3cret/p@ss?w:rd"
"""With everything in it that means something in a URL."""

_START_TIMEOUT = "60"


@dataclass(frozen=True)
class PostgresqlCluster:
    """A running server with the database `shop`, whose user needs the password."""

    port: int
    programs: Path

    def url(self, *, password: str = "", table: str = "", database: str = "shop") -> str:
        """The address as a user writes it."""
        who = f"{USER}:{password}" if password else USER
        query = f"?table={table}" if table else ""
        return f"postgresql://{who}@127.0.0.1:{self.port}/{database}{query}"

    def run(self, *statements: str) -> None:
        """Carry out statements as the owner of everything."""
        arguments = [part for each in statements for part in ("--command", each)]
        subprocess.run(
            [
                self.programs / "psql",
                "--quiet",
                "--set=ON_ERROR_STOP=1",
                *("--host", "127.0.0.1", "--port", str(self.port), "--username", USER),
                *("--dbname", "shop", *arguments),
            ],
            env={**os.environ, "PGPASSWORD": PASSWORD},
            check=True,
            capture_output=True,
        )


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[PostgresqlCluster]:
    """The server that all tests share."""
    programs = _programs()
    if programs is None:
        reason = "no PostgreSQL server is installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    # Not below pytest's folders, which other users may not enter; and no path of a socket is long.
    folder = Path(mkdtemp(prefix="convener-pg-"))
    as_user = _as_user(folder)
    data = folder / "data"
    try:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        _call(
            *as_user, programs / "initdb", "--pgdata", data, "--username", USER, "--no-sync",
            "--auth=scram-sha-256", "--pwfile", secret, "--encoding=UTF8", "--locale=C",
        )  # fmt: skip
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
        _call(
            *as_user, programs / "pg_ctl", "start", "--pgdata", data, "--wait",
            "--timeout", _START_TIMEOUT, "--log", folder / "log", "--options", options,
        )  # fmt: skip
        try:
            _call(
                programs / "createdb", "--host", "127.0.0.1", "--port", str(port),
                "--username", USER, "shop", PGPASSWORD=PASSWORD,
            )  # fmt: skip
            yield PostgresqlCluster(port=port, programs=programs)
        finally:
            _call(*as_user, programs / "pg_ctl", "stop", "--pgdata", data, "--mode=immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """Where `initdb` and the others are; Debian keeps them off the path, one folder a version."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda each: int(each.parts[4])
    )
    command = str(found[-1]) if found else shutil.which("initdb")
    return Path(command).parent if command else None


def _as_user(folder: Path) -> list[str]:
    """What stands before a command, since the server refuses to run as root."""
    if os.geteuid() != 0:
        return []
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    pytest.fail("the PostgreSQL server needs a user that is not root")


def _call(*command: object, **environment: str) -> None:
    try:
        subprocess.run(
            [str(part) for part in command],
            env={**os.environ, **environment},
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # a pipe would be kept open by the server
            stderr=subprocess.DEVNULL,
        )
    except subprocess.CalledProcessError as error:
        pytest.fail(f"the private PostgreSQL cluster did not start: {error}")
